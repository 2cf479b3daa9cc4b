"""What the channels of a memory counted, taken together, and the laws of conservation that they obey."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from arch.device import Command, Memory
from sim.report import Invariant

if TYPE_CHECKING:
    from sim.dram.batch import BatchResult


def issued(result: "BatchResult") -> dict[str, int]:
    """Issues by command name, all channels together."""
    total: dict[str, int] = {}
    for channel in result.channels:
        for name, count in channel.commands.items():
            total[name] = total.get(name, 0) + count
    return total


def cycles_by_cause(result: "BatchResult") -> dict[str, int]:
    """Cycles of all channels by what they went to; ``data bus`` and ``no request`` are always there."""
    causes = {"data bus": 0, "no request": 0}
    for channel in result.channels:
        causes["data bus"] += channel.data_bus_cycles
        for label, cycles in channel.idle_cycles.items():
            causes[label] = causes.get(label, 0) + cycles
    return causes


def column_commands(memory: Memory, queue: str | None = None) -> list[Command]:
    """Commands that requests (of one ``queue``, ``read`` or ``write``) turn into under the page policy."""
    names = {name for op in memory.ops if queue in (None, op.queue) for name in memory.columns_of(op)}
    return [command for command in memory.commands if command.name in names]


def conservation(memory: Memory, result: "BatchResult") -> tuple[Invariant, ...]:
    """The conservation laws of a run that has been drained, with their figures; all channels together."""
    return (*_requests(memory, result), *_rows(memory, result), *_cycles(memory, result))


def _total(result: "BatchResult", name: str) -> dict[str, int]:
    return {name: sum(getattr(channel, name) for channel in result.channels)}


def _counts(result: "BatchResult", commands: Sequence[Command]) -> dict[str, int]:
    counts = issued(result)
    return {command.name: counts[command.name] for command in commands if counts.get(command.name)}


def _requests(memory: Memory, result: "BatchResult") -> list[Invariant]:
    reads, writes = _total(result, "reads"), _total(result, "writes")
    forwarded, coalesced = _total(result, "forwarded"), _total(result, "coalesced")
    read_commands, write_commands = column_commands(memory, "read"), column_commands(memory, "write")
    laws = [
        Invariant.equal("every request was accepted", {"requests": result.requests}, reads | writes),
        Invariant.equal("every read returned", {"returned": result.from_accept.count}, reads),
    ]
    if {c.name for c in read_commands} & {c.name for c in write_commands}:  # cannot be told apart
        name = "requests accepted = column commands + forwarded + coalesced"
        commands = _counts(result, column_commands(memory))
        return [*laws, Invariant.equal(name, reads | writes, commands | forwarded | coalesced)]
    name = "reads accepted = read commands + forwarded"
    laws.append(Invariant.equal(name, reads, _counts(result, read_commands) | forwarded))
    name = "writes accepted = write commands + coalesced"
    laws.append(Invariant.equal(name, writes, _counts(result, write_commands) | coalesced))
    return laws


def _rows(memory: Memory, result: "BatchResult") -> list[Invariant]:
    judged = _total(result, "row_hits") | _total(result, "row_misses") | _total(result, "row_conflicts")
    needed = {"column commands": sum(_counts(result, column_commands(memory)).values())}
    opening = _counts(result, [c for c in memory.commands if c.does == "open"])
    alone = [c for c in memory.commands if c.closes or (c.does == "close" and c.scope == "bank")]
    closed = _counts(result, alone) | _total(result, "closed_together") | _total(result, "open_banks")
    return [
        Invariant.equal("hits + misses + conflicts = requests that needed a command", judged, needed),
        Invariant.equal("rows opened = rows closed + rows left open", opening, closed),
    ]


def _cycles(memory: Memory, result: "BatchResult") -> list[Invariant]:
    causes = cycles_by_cause(result)
    busy = {"data bus": causes.pop("data bus")}
    counts = issued(result)
    bursts = {
        f"{c.name} x burst": counts[c.name] * c.burst for c in column_commands(memory) if counts.get(c.name)
    }
    return [
        Invariant.equal(
            "busy + idle cycles = cycles of all channels",
            busy | {"idle": sum(causes.values())},
            {"cycles": result.cycles * len(result.channels)},
        ),
        Invariant.at_most("data bus cycles of the run, at most those of all column commands", busy, bursts),
    ]
