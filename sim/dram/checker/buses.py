"""The order of a stream, one command per bus slot and cycle, bursts that do not overlap on the data bus."""

import numpy as np

from sim.dram.checker.findings import Findings
from sim.dram.checker.stream import Stream


def check_cycle_order(stream: Stream, findings: Findings) -> None:
    """Cycles never decrease."""
    step = np.diff(stream.cycle)
    at = np.flatnonzero(step < 0)
    findings.report("cycle_order", "cycles never decrease", pairs=len(step), at=at + 1, earlier=at)


def check_command_bus(stream: Stream, findings: Findings) -> None:
    """A slot carries one command at a time; within a cycle the stream follows the order of the slots.

    A command that several slots could carry takes the first one that its order in the cycle leaves.

    Raises:
        ValueError: no slot carries some command of the device.
    """
    device, slots = stream.device, stream.device.memory.slots
    carries = np.array([device.named(slot.commands) for slot in slots]).reshape(len(slots), device.codes)
    homeless = [c.name for c in device.memory.commands if not carries[:, c.code].any()]
    if homeless:
        raise ValueError(f"{device.memory.name}: no bus slot carries {', '.join(homeless)}")
    # first_free[p, code]: the first slot from p on that can carry the command, or len(slots).
    first_free = np.full((len(slots) + 1, device.codes), len(slots), np.int8)
    for slot in range(len(slots) - 1, -1, -1):
        first_free[slot] = np.where(carries[slot], slot, first_free[slot + 1])
    last = (len(slots) - 1 - np.argmax(carries[::-1], axis=0)).astype(np.int8)

    fresh = np.ones(len(stream), bool)
    fresh[1:] = np.diff(stream.cycle) != 0
    starts = np.flatnonzero(fresh)
    nth = np.arange(len(stream)) - np.repeat(starts, np.diff(np.append(starts, len(stream))))
    slot_of = last[stream.code]
    slot_of[starts] = first_free[0, stream.code[starts]]
    for k in range(1, len(slots)):
        at = np.flatnonzero(nth == k)
        free = first_free[slot_of[at - 1] + 1, stream.code[at]]
        slot_of[at] = np.where(free < len(slots), free, last[stream.code[at]])
    shared = np.flatnonzero(~fresh)
    late = shared[slot_of[shared] < slot_of[shared - 1]]
    meaning = "commands of one cycle stand in the order of the bus slots"
    findings.report("command_order", meaning, pairs=len(shared), at=late, earlier=late - 1)

    cycles = device.values("cycles")
    ahead, behind = [], []
    for slot in range(len(slots)):
        mine = np.flatnonzero(slot_of == slot)
        ahead.append(mine[:-1])
        behind.append(mine[1:])
    earlier, at = np.concatenate(ahead), np.concatenate(behind)
    slack = stream.cycle[at] - stream.cycle[earlier] - cycles[stream.code[earlier]]
    bad = np.flatnonzero(slack < 0)
    bad = bad[np.argsort(at[bad])]
    findings.report(
        "command_bus",
        "a bus slot carries one command at a time",
        pairs=len(at),
        at=at[bad],
        earlier=earlier[bad],
        needed=cycles[stream.code[earlier[bad]]],
        least=int(slack.min()) if len(slack) else None,
    )


def check_data_bus(stream: Stream, findings: Findings) -> None:
    """Data of a command at t occupies the bus in cycles [t + latency, t + latency + burst)."""
    burst, latency = stream.device.values("burst"), stream.device.values("latency")
    at = np.flatnonzero((burst > 0)[stream.code])
    start = stream.cycle[at] + latency[stream.code[at]]
    order = np.argsort(start, kind="stable")
    at, start = at[order], start[order]
    end = start + burst[stream.code[at]]
    busy = np.maximum.accumulate(end)
    holder = np.maximum.accumulate(np.where(end == busy, np.arange(len(end)), 0))
    slack = start[1:] - busy[:-1]
    bad = np.flatnonzero(slack < 0)

    def text(k: int) -> str:
        i, j = int(at[holder[bad[k]]]), int(at[bad[k] + 1])
        return (
            f"data of {findings.told(j)} starts in cycle {start[bad[k] + 1]}, {-slack[bad[k]]} too early "
            f"for that of {findings.told(i)}"
        )

    findings.report(
        "data_bus",
        "bursts do not overlap",
        pairs=len(slack),
        at=at[bad + 1],
        earlier=at[holder[bad]],
        least=int(slack.min()) if len(slack) else None,
        text=text,
    )
