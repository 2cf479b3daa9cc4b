"""What a channel did over time, cycle by cycle: one plain list entry for every cycle of a short run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from arch.device import Memory


@dataclass
class CycleByCycle:
    """Per cycle: bytes on the data bus by direction, queue depths, events; per bank and cycle: commands."""

    read_bytes: Counter[int] = field(default_factory=Counter)
    written_bytes: Counter[int] = field(default_factory=Counter)
    read_queue_depth: Counter[int] = field(default_factory=Counter)
    write_queue_depth: Counter[int] = field(default_factory=Counter)
    refreshes: Counter[int] = field(default_factory=Counter)
    activates: Counter[int] = field(default_factory=Counter)
    bank_activates: Counter[tuple[int, int]] = field(default_factory=Counter)
    bank_columns: Counter[tuple[int, int]] = field(default_factory=Counter)
    end: int = 1


def cycle_by_cycle(
    memory: Memory,
    commands: Sequence[tuple[int, int, int, int]],
    queued: Sequence[tuple[int, int, int]],
) -> CycleByCycle:
    """``commands``: (cycle, code, bank, arg); ``queued``: (operation, accept, issue), issue -1 for none."""
    seen = CycleByCycle()
    by_code = {command.code: command for command in memory.commands}
    for cycle, code, bank, _ in commands:
        command = by_code[code]
        seen.end = max(seen.end, cycle + 1)
        if command.does in ("read", "write"):
            bus = seen.read_bytes if command.does == "read" else seen.written_bytes
            for t in range(cycle + command.latency, cycle + command.latency + command.burst):
                bus[t] += memory.organization.transaction_bytes
                seen.end = max(seen.end, t + 1)
            seen.bank_columns[bank, cycle] += 1
        elif command.does == "open":
            seen.activates[cycle] += 1
            seen.bank_activates[bank, cycle] += 1
        elif command.does == "refresh":
            seen.refreshes[cycle] += 1
    queues = {op.code: op.queue for op in memory.ops}
    for op, accept, issue in queued:
        depth = seen.read_queue_depth if queues[op] == "read" else seen.write_queue_depth
        for t in range(accept, issue):  # empty where there was no command
            depth[t] += 1
    return seen
