"""A window of a run as slices and counters on tracks, the form in which timelines are drawn.

=============  ============================================================================================
track          its slices
=============  ============================================================================================
stream         the request at the head, from when it could first be offered until it is accepted
read queue …   a request from its acceptance to its column command; as many tracks as places were taken
… bus          each command, for as long as it occupies the bus
data bus       the data of each column command
refresh …      a rank while it refreshes
bank …         a row while it is open, with the commands of the bank in it
=============  ============================================================================================

All times are memory clock cycles.  What reaches beyond the window or the run is cut at their edges.
"""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arch.device import Command, Memory
from sim.dram.window import ChannelWindow, refresh_cycles

_STEPS = 256
"""Points of the bandwidth counters, at most."""


class Slice(NamedTuple):
    """Something that lasts from cycle ``start`` to before ``end``; slices of a track nest."""

    component: str
    track: str
    start: int
    end: int
    name: str
    detail: dict[str, int]


class Sample(NamedTuple):
    """From ``time`` on a counter has ``value``."""

    component: str
    counter: str
    unit: str
    time: int
    value: float


def tables(
    memory: Memory, windows: Sequence[ChannelWindow], begin: int, end: int
) -> dict[str, dict[str, list[Any]]]:
    """Tables ``slices`` and ``counters``, columns named as the fields of Slice and Sample.

    Slices are in order of track and start, a longer one ahead of those within it.  Both tables are empty if
    the run has ended by ``begin``.
    """
    requests = np.concatenate([window.requests for window in windows])
    accepted, returned = (int(requests[:, column].max(initial=-1)) for column in (4, 6))
    end = min(end, max(*(window.end for window in windows), accepted + 1, returned))
    if end <= begin:
        return {"slices": _columns(Slice, []), "counters": _columns(Sample, [])}
    shared = memory.channels > 1 and memory.front_end.mode == "shared"
    slices: list[Slice] = []
    samples: list[Sample] = []
    if shared:
        slices += _streams(memory, "front end", requests)
    for c, window in enumerate(windows):
        name = f"ch{c}"
        if not shared:
            slices += _streams(memory, name, window.requests)
        slices += _queues(memory, name, window.requests)
        slices += _buses(memory, name, window.commands)
        slices += _refreshes(memory, name, window.commands)
        slices += _banks(memory, name, window, end)
        samples += _depths(memory, name, window.requests, begin, end)
        samples += _bandwidth(memory, name, window.commands, begin, end)
    cut = (
        s._replace(start=max(s.start, begin), end=min(s.end, end))
        for s in slices
        if s.start < end and s.end > begin
    )
    return {"slices": _columns(Slice, cut), "counters": _columns(Sample, samples)}


def _columns(form: type[Any], rows: Any) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {field: [] for field in form._fields}
    for row in rows:
        for field, value in zip(form._fields, row, strict=True):
            columns[field].append(value)
    return columns


def _streams(memory: Memory, component: str, requests: npt.NDArray[np.int64]) -> Iterator[Slice]:
    ops = {op.code: op.name for op in memory.ops}
    for stream in range(memory.front_end.streams):
        rows = requests[requests[:, 1] == stream]
        free = 0  # when the request before has left the head
        for tag, _, op, arrival, accept, *_ in rows[np.argsort(rows[:, 4], kind="stable")].tolist():
            detail = {"request": tag, "arrival": arrival}
            yield Slice(component, f"stream {stream}", max(arrival, free), accept + 1, ops[op], detail)
            free = accept + 1


def _queues(memory: Memory, component: str, requests: npt.NDArray[np.int64]) -> Iterator[Slice]:
    for queue in ("read", "write"):
        ops = {op.code: op.name for op in memory.ops if op.queue == queue}
        mine = requests[np.isin(requests[:, 2], list(ops)) & (requests[:, 5] >= 0)]
        taken: list[tuple[int, int]] = []  # until when, which place
        places: list[int] = []  # free ones below `used`
        used = 0
        rows: list[tuple[int, Slice]] = []
        for tag, _, op, arrival, accept, issue, back in mine[np.argsort(mine[:, 4], kind="stable")].tolist():
            while taken and taken[0][0] <= accept:
                heappush(places, heappop(taken)[1])
            if not places:
                heappush(places, used)
                used += 1
            place = heappop(places)
            heappush(taken, (issue, place))
            detail = {"request": tag, "arrival": arrival, "accept": accept, "issue": issue, "return": back}
            rows.append(
                (place, Slice(component, f"{queue} queue {place:02}", accept, issue, ops[op], detail))
            )
        yield from (row for _, row in sorted(rows, key=lambda item: (item[0], item[1].start)))


def _buses(memory: Memory, component: str, commands: npt.NDArray[np.int64]) -> Iterator[Slice]:
    by_code = {command.code: command for command in memory.commands}
    for slot in memory.slots:
        track = f"{slot.name} bus" if len(memory.slots) > 1 else "command bus"
        for cycle, code, bank, arg in commands.tolist():
            command = by_code[code]
            if command.name in slot.commands:
                yield Slice(
                    component, track, cycle, cycle + command.cycles, command.name, _where(command, bank, arg)
                )
    for cycle, code, bank, arg in commands.tolist():
        command = by_code[code]
        if command.burst:
            start = cycle + command.latency
            end = start + command.burst
            yield Slice(component, "data bus", start, end, command.name, _where(command, bank, arg))


def _where(command: Command, bank: int, arg: int) -> dict[str, int]:
    detail = {"bank": bank} if bank >= 0 else {}
    if arg >= 0:
        detail["row" if command.does == "open" else "column"] = arg
    return detail


def _refreshes(memory: Memory, component: str, commands: npt.NDArray[np.int64]) -> Iterator[Slice]:
    o = memory.organization
    for command in memory.commands:
        if command.does != "refresh":
            continue
        lasts = refresh_cycles(memory, command)
        rows = commands[commands[:, 1] == command.code]
        ranks = np.maximum(rows[:, 2], 0) // (o.groups * o.banks)
        order = np.argsort(ranks, kind="stable")
        for cycle, rank in zip(rows[order, 0].tolist(), ranks[order].tolist(), strict=True):
            yield Slice(component, f"refresh rank {rank}", cycle, cycle + lasts, command.name, {})


def _banks(memory: Memory, component: str, window: ChannelWindow, end: int) -> Iterator[Slice]:
    by_code = {command.code: command for command in memory.commands}
    o = memory.organization
    span = {"bank": 1, "group": o.banks, "rank": o.groups * o.banks, "channel": o.banks_per_channel}
    opened = [(int(t), int(r)) if t >= 0 else None for t, r in zip(window.opened, window.row, strict=True)]
    rows: list[list[Slice]] = [[] for _ in opened]

    def close(bank: int, cycle: int) -> None:
        if (was := opened[bank]) is not None:
            detail = {"row": was[1], "opened": was[0]}
            rows[bank].append(Slice(component, f"bank {bank:02}", was[0], cycle, f"row {was[1]}", detail))
            opened[bank] = None

    for cycle, code, at, arg in window.commands.tolist():
        command = by_code[code]
        first = max(at, 0)
        for bank in range(first, first + span[command.scope]):
            if command.does == "close":
                close(bank, cycle)
            elif command.does == "open":
                opened[bank] = (cycle, arg)
        if command.scope == "bank":
            detail = _where(command, -1, arg)
            rows[at].append(
                Slice(component, f"bank {at:02}", cycle, cycle + command.cycles, command.name, detail)
            )
        if command.closes:
            for bank in range(first, first + span[command.scope]):
                close(bank, cycle + command.cycles)
    for bank, slices in enumerate(rows):
        close(bank, end)
        yield from sorted(slices, key=lambda s: (s.start, -s.end))


def _depths(
    memory: Memory, component: str, requests: npt.NDArray[np.int64], begin: int, end: int
) -> Iterator[Sample]:
    for queue in ("read", "write"):
        ops = [op.code for op in memory.ops if op.queue == queue]
        mine = requests[np.isin(requests[:, 2], ops) & (requests[:, 5] >= 0)]
        changes: dict[int, int] = {begin: 0}
        for accept, issue in mine[:, 4:6].tolist():
            if issue > begin:
                changes[max(accept, begin)] = changes.get(max(accept, begin), 0) + 1
                changes[issue] = changes.get(issue, 0) - 1
        depth = 0
        for time in sorted(changes):
            if time >= end:
                break
            depth += changes[time]
            if changes[time] or time == begin:
                yield Sample(component, f"{queue} queue depth", "requests", time, depth)


def _bandwidth(
    memory: Memory, component: str, commands: npt.NDArray[np.int64], begin: int, end: int
) -> Iterator[Sample]:
    """Mean bandwidth of equal steps, from the bursts' overlap with each."""
    step = max(16, -(-(end - begin) // _STEPS))
    size, period = memory.organization.transaction_bytes, float(memory.clock_period)
    for does in ("read", "write"):
        busy = np.zeros(-(-(end - begin) // step) + 1)
        for command in memory.commands:
            if command.does != does or not command.burst:
                continue
            start = commands[commands[:, 1] == command.code, 0] + command.latency
            for cycle in range(command.burst):
                at = start + cycle
                at = at[(at >= begin) & (at < end)]
                np.add.at(busy, (at - begin) // step, size / command.burst)
        for k in range(len(busy) - 1):
            seconds = min(step, end - begin - k * step) * period
            value = float(busy[k]) / seconds / 1e9
            yield Sample(component, f"{does} bandwidth", "GB/s", begin + k * step, value)
