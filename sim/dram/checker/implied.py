"""Which rows of a constraint table can never bind, because everything else already keeps them.

Lower bounds on the distance between two commands are put together from the other rows, from the command
bus (one command per slot and cycle), and from what must happen in between: a bank opened once is closed
before it is opened again, and so on.  A row is implied if, wherever two commands can stand in its scope,
the others leave no smaller gap.  Only what follows from these arguments is listed; a row that is not
listed may still be one that no controller ever meets.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

from arch.device import Command, Memory, Rule
from sim.dram.checker.stream import LEVELS


@dataclass(frozen=True)
class _Bound:
    cycles: int
    why: str


Node = tuple[int, int]
"""Level and number of a node of the tree of banks."""


def issuable(memory: Memory) -> frozenset[str]:
    """Commands that the memory's controller may issue, given its page policy and refresh."""
    names = {command.name for command in memory.commands}
    columns = {command.name for command in memory.commands if command.does in ("read", "write")}
    used = {op.command for op in memory.ops}
    if memory.controller.page_policy != "open":
        used |= {op.closing_command for op in memory.ops if op.closing_command is not None}
    names -= columns - used
    if memory.refresh is None or memory.controller.refresh == "none":
        names -= {command.name for command in memory.commands if command.does == "refresh"}
    return frozenset(names)


def implied_rules(
    memory: Memory, *, rules: str = "jedec", commands: Collection[str] | None = None
) -> dict[str, str]:
    """Names of constraints none of whose rows can bind, each with the reason.

    Rows of one name are set aside together, so that two of them cannot vouch for each other.

    Args:
        memory: the resolved device.
        rules: rule set in force; rows that it leaves out imply nothing.
        commands: names of the commands that may occur; default: what the memory's controller may issue.
    """
    rows = [rule for rule in memory.rules if rules not in rule.not_in]
    bounds = _Bounds(memory, commands)
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(rule.name for rule in rows):
        others = tuple(rule for rule in rows if rule.name != name)
        found = [bounds.implied(rule, others) for rule in rows if rule.name == name]
        if all(reason is not None for reason in found):
            reasons[name] = "; ".join(dict.fromkeys(reason for reason in found if reason is not None))
    return reasons


def implied_rows(
    memory: Memory, *, rules: str = "jedec", commands: Collection[str] | None = None
) -> dict[int, str]:
    """The same row by row: places in ``memory.rules`` of rows that all other rows imply, with the reason."""
    rows = {k: rule for k, rule in enumerate(memory.rules) if rules not in rule.not_in}
    bounds = _Bounds(memory, commands)
    reasons: dict[int, str] = {}
    for k, rule in rows.items():
        reason = bounds.implied(rule, tuple(other for i, other in rows.items() if i != k))
        if reason is not None:
            reasons[k] = reason
    return reasons


class _Bounds:
    """Least distances between commands of one device."""

    def __init__(self, memory: Memory, commands: Collection[str] | None) -> None:
        allowed = issuable(memory) if commands is None else frozenset(commands)
        self.allowed = {command.name: command for command in memory.commands if command.name in allowed}
        organization = memory.organization
        rank = organization.groups * organization.banks
        self.span = (1, organization.banks, rank, organization.banks_per_channel)
        self.slots = {
            name: [slot.name for slot in memory.slots if name in slot.commands] for name in self.allowed
        }

    def implied(self, rule: Rule, others: tuple[Rule, ...]) -> str | None:
        """Why ``rule`` can never bind next to ``others``, or None if it may."""
        after = [self.allowed[name] for name in rule.after if name in self.allowed]
        before = [self.allowed[name] for name in rule.before if name in self.allowed]
        if not after or not before:
            missing = [name for name in (rule.before if after else rule.after) if name not in self.allowed]
            return f"{' and '.join(missing)} never issued by this controller"
        if rule.wait <= 0:
            return "commands stand in order anyway"
        least = self._least(after, before, rule, others)
        if least is None:
            return "needs more than one rank"
        if rule.window == 1:
            return f"{least.why} = {least.cycles} ≥ {rule.wait}" if least.cycles >= rule.wait else None
        # n commands ahead of the constrained one: n - 1 gaps among themselves, one to it.
        among = self._least(after, after, rule, others)
        if among is None:
            return None
        total = (rule.window - 1) * among.cycles + least.cycles
        if total < rule.wait:
            return None
        if among == least:
            return f"{rule.window} · ({least.why} = {least.cycles}) = {total} ≥ {rule.wait}"
        return f"{rule.window - 1} · ({among.why}) + {least.why} = {total} ≥ {rule.wait}"

    def _least(
        self, after: list[Command], before: list[Command], rule: Rule, others: tuple[Rule, ...]
    ) -> _Bound | None:
        """The smallest bound over all commands and places inside the rule's scope; None: no such places."""
        direct = tuple(other for other in others if other.window == 1)
        distance = cache(lambda a, x, b, y: self._distance(a, x, b, y, direct))
        bounds = [
            distance(a, x, b, y)
            for a in after
            for b in before
            for x, y in self._placements(a, b)
            if self._shares(rule.scope, x, y)
        ]
        return min(bounds, key=lambda bound: bound.cycles, default=None)

    def _placements(self, a: Command, b: Command) -> Iterator[tuple[Node, Node]]:
        """Where two commands can stand, up to renaming of ranks, groups and banks."""
        first = LEVELS.index(a.scope), 0
        level = LEVELS.index(b.scope)
        # The same place, then a sibling inside each coarser node; banks are alike, so one of each will do.
        numbers = {0}
        for coarser in range(1, len(LEVELS)):
            sibling = self.span[coarser - 1]
            if sibling < self.span[coarser]:
                numbers.add(sibling // self.span[level])
        for number in sorted(numbers):
            yield first, (level, number)

    def _shares(self, scope: str, x: Node, y: Node) -> bool:
        if scope == "other_ranks":
            ranks_x, ranks_y = self._nodes(2, x), self._nodes(2, y)
            return len(ranks_x) > 1 or len(ranks_y) > 1 or ranks_x != ranks_y
        level = LEVELS.index(scope)
        first, second = self._nodes(level, x), self._nodes(level, y)
        return first.start < second.stop and second.start < first.stop

    def _nodes(self, level: int, node: Node) -> range:
        """Nodes of ``level`` that have a bank in common with ``node``."""
        low = node[1] * self.span[node[0]]
        high = low + self.span[node[0]]
        return range(low // self.span[level], (high - 1) // self.span[level] + 1)

    def _distance(self, a: Command, x: Node, b: Command, y: Node, rules: tuple[Rule, ...]) -> _Bound:
        """Fewest cycles from ``a`` at ``x`` to a later ``b`` at ``y`` that the other rules leave."""
        best = self._direct(a, x, b, y, rules)
        common = range(
            max(x[1] * self.span[x[0]], y[1] * self.span[y[0]]),
            min((x[1] + 1) * self.span[x[0]], (y[1] + 1) * self.span[y[0]]),
        )
        needed = _in_between(a, b)
        if not common or needed is None:
            return best
        bank = common.start
        detours = []
        for k in self.allowed.values():
            if (k.does == "open") if needed == "open" else (k.does == "close" or k.closes):
                z = LEVELS.index(k.scope), bank // self.span[LEVELS.index(k.scope)]
                to, fro = self._direct(a, x, k, z, rules), self._direct(k, z, b, y, rules)
                detours.append(_Bound(to.cycles + fro.cycles, f"{to.why} + {fro.why}"))
        if detours:
            shortest = min(detours, key=lambda bound: bound.cycles)
            best = max(best, shortest, key=lambda bound: bound.cycles)
        return best

    def _direct(self, a: Command, x: Node, b: Command, y: Node, rules: tuple[Rule, ...]) -> _Bound:
        slots = self.slots[a.name]
        one_bus = len(slots) == 1 and slots == self.slots[b.name]
        best = _Bound(1, "command bus 1") if one_bus else _Bound(0, "order 0")
        for rule in rules:
            relates = a.name in rule.after and b.name in rule.before and self._shares(rule.scope, x, y)
            if relates and rule.wait > best.cycles:
                best = _Bound(rule.wait, f"{rule.name} ({a.name} to {b.name}) {rule.wait}")
        return best


def _in_between(a: Command, b: Command) -> str | None:
    """What must happen to a bank that ``a`` and then ``b`` address: it is opened, closed, or neither."""
    open_after = a.does == "open" or (a.does in ("read", "write", "compute") and not a.closes)
    closed_after = a.does in ("close", "refresh") or a.closes
    if open_after and b.does in ("open", "refresh"):
        return "close"
    if closed_after and b.does in ("read", "write", "compute"):
        return "open"
    return None
