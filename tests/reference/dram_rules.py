"""The command checker the slow and obvious way: sets of banks, every pair of commands, plain Python.

What the vectorised checker is held against.  It shares no code with it and follows the same definitions:
a command addresses a set of banks; a rule relates two commands that both address banks of one instance of
its scope; the n-th last ``after`` in that instance counts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from arch.device import Command, Memory, Rule

CommandRow = tuple[int, int, int, int]
"""(cycle, code, bank, arg)."""


@dataclass(frozen=True)
class RowFigures:
    """One row of the constraint table: constrained commands, how many too early, least slack."""

    pairs: int
    violations: int
    least_slack: int | None


@dataclass(frozen=True)
class Issued:
    cycle: int
    command: Command
    banks: frozenset[int]
    arg: int


def well_formed(memory: Memory, stream: Sequence[CommandRow]) -> tuple[list[Issued], int]:
    """The commands that encode something, and how many rows do not."""
    sizes = memory.organization
    total = sizes.banks_per_channel
    per_rank = sizes.groups * sizes.banks
    width = {"bank": 1, "group": sizes.banks, "rank": per_rank, "channel": total}
    by_code = {command.code: command for command in memory.commands}
    good, bad = [], 0
    for cycle, code, bank, arg in stream:
        command = by_code.get(code)
        if command is None or cycle < 1:
            bad += 1
            continue
        if command.scope == "channel" or (command.scope == "rank" and sizes.ranks == 1):
            firsts = [-1]
        else:
            firsts = list(range(0, total, width[command.scope]))
        args: Sequence[int] = [-1]
        if command.does == "open":
            args = range(sizes.rows)
        elif command.does in ("read", "write"):
            args = range(sizes.columns)
        if bank not in firsts or arg not in args:
            bad += 1
            continue
        first = max(bank, 0)
        good.append(Issued(cycle, command, frozenset(range(first, first + width[command.scope])), arg))
    return good, bad


def row_figures(memory: Memory, stream: Sequence[CommandRow], rule: Rule) -> RowFigures:
    """One row of the table over a stream."""
    issued, _ = well_formed(memory, stream)
    pairs = violations = 0
    least: int | None = None
    for j, later in enumerate(issued):
        if later.command.name not in rule.before:
            continue
        binding = []
        for after_banks, before_banks in _instances(memory, rule.scope):
            if not later.banks & before_banks:
                continue
            ahead = [
                i for i in range(j) if issued[i].command.name in rule.after and issued[i].banks & after_banks
            ]
            if len(ahead) >= rule.window:
                binding.append(ahead[-rule.window])
        if binding:
            slack = later.cycle - issued[max(binding)].cycle - rule.wait
            pairs += 1
            violations += slack < 0
            least = slack if least is None else min(least, slack)
    return RowFigures(pairs, violations, least)


def _instances(memory: Memory, scope: str) -> list[tuple[frozenset[int], frozenset[int]]]:
    """Pairs of bank sets: the earlier command addresses one of the first, the later one of the second."""
    sizes = memory.organization
    total = sizes.banks_per_channel
    per_rank = sizes.groups * sizes.banks
    width = {"bank": 1, "group": sizes.banks, "rank": per_rank, "other_ranks": per_rank, "channel": total}[
        scope
    ]
    nodes = [frozenset(range(first, first + width)) for first in range(0, total, width)]
    if scope == "other_ranks":
        return [(frozenset(range(total)) - node, node) for node in nodes]
    return [(node, node) for node in nodes]


def other_violations(memory: Memory, stream: Sequence[CommandRow]) -> dict[str, int]:
    """How many commands break each check that is no row of the table."""
    issued, unreadable = well_formed(memory, stream)
    counts = Counter(encoding=unreadable)
    counts["cycle_order"] = sum(issued[i].cycle < issued[i - 1].cycle for i in range(1, len(issued)))
    _count_bus(memory, issued, counts)
    _count_rows(memory, issued, counts)
    _count_data(issued, counts)
    _count_refreshes(memory, issued, counts)
    return +counts


def _count_bus(memory: Memory, issued: list[Issued], counts: Counter[str]) -> None:
    """Slots of one cycle are taken in order; each is free again when its last command has passed."""
    in_slot: dict[int, Issued] = {}
    place = 0  # of the command within its cycle
    slot_before = -1
    for k, this in enumerate(issued):
        own = [s for s, slot in enumerate(memory.slots) if this.command.name in slot.commands]
        same_cycle = k > 0 and issued[k - 1].cycle == this.cycle
        place = place + 1 if same_cycle else 0
        free = [s for s in own if not same_cycle or s > slot_before]
        slot = free[0] if free and place < len(memory.slots) else own[-1]
        if same_cycle and slot < slot_before:
            counts["command_order"] += 1
        if slot in in_slot and this.cycle - in_slot[slot].cycle < in_slot[slot].command.cycles:
            counts["command_bus"] += 1
        in_slot[slot] = this
        slot_before = slot


def _count_rows(memory: Memory, issued: list[Issued], counts: Counter[str]) -> None:
    is_open: set[int] = set()
    for this in issued:
        does = this.command.does
        if does in ("read", "write"):
            counts["column_to_closed_bank"] += bool(this.banks - is_open)
            if this.command.closes:
                is_open -= this.banks
        elif does == "open":
            counts["open_of_open_bank"] += bool(this.banks & is_open)
            is_open |= this.banks
        elif does == "refresh":
            counts["refresh_of_open_bank"] += bool(this.banks & is_open)
        elif does == "close":
            is_open -= this.banks


def _count_data(issued: list[Issued], counts: Counter[str]) -> None:
    bursts = sorted(
        (this.cycle + this.command.latency, k, this.command.burst)
        for k, this in enumerate(issued)
        if this.command.burst
    )
    free_from: int | None = None
    for start, _, burst in bursts:
        counts["data_bus"] += free_from is not None and start < free_from
        free_from = start + burst if free_from is None else max(free_from, start + burst)


def _count_refreshes(memory: Memory, issued: list[Issued], counts: Counter[str]) -> None:
    refresh, sizes = memory.refresh, memory.organization
    if refresh is None or memory.controller.refresh == "none":
        return
    end = issued[-1].cycle if issued else 0
    per_rank = sizes.groups * sizes.banks
    for rank in range(sizes.ranks):
        banks = set(range(rank * per_rank, (rank + 1) * per_rank))
        came = [this.cycle for this in issued if this.command.name == refresh.command and this.banks & banks]
        k = 1
        while (k + refresh.postpone) * refresh.interval < end or k <= len(came):
            due = (k + refresh.postpone) * refresh.interval
            counts["refresh_deadline"] += k > len(came) or came[k - 1] > due
            k += 1


def place_of_line(memory: Memory, line: int) -> tuple[int, int, int, int]:
    """Channel, bank of the channel, row and column of a transaction index."""
    at = Counter[str]()
    for segment in memory.address_map:
        at[segment.field] ^= ((line >> segment.source) % 2**segment.width) * 2**segment.target
    sizes = memory.organization
    bank = (at["rank"] * sizes.groups + at["group"]) * sizes.banks + at["bank"]
    return at["channel"], bank, at["row"], at["column"]


def conservation_faults(
    memory: Memory, stream: Sequence[CommandRow], requests: Sequence[tuple[int, int, int]]
) -> int:
    """Requests without a command of their own plus commands without a request.

    ``requests``: (line, op code, issue cycle) of those that needed a command.  Each kind of request must
    have column commands that no other kind uses.
    """
    issued, _ = well_formed(memory, stream)
    kind_of = {name: op.code for op in memory.ops for name in (op.command, op.closing_command) if name}
    wanted: Counter[tuple[int, ...]] = Counter(
        (op, *place_of_line(memory, line)[1:], cycle) for line, op, cycle in requests
    )
    served: Counter[tuple[int, ...]] = Counter()
    row_at: dict[int, int] = {}
    for this in issued:
        if this.command.does == "open":
            row_at |= dict.fromkeys(this.banks, this.arg)
        if this.command.name in kind_of:
            (bank,) = this.banks
            served[kind_of[this.command.name], bank, row_at.get(bank, -1), this.arg, this.cycle] += 1
        if this.command.does == "close" or this.command.closes:
            row_at = {bank: row for bank, row in row_at.items() if bank not in this.banks}
    return (wanted - served).total() + (served - wanted).total()
