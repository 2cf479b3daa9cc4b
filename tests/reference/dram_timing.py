"""Timing rules the slow and obvious way: a list of issue times per rule and place.

Part of the reference model of :mod:`tests.reference.dram_controller`.
"""

from collections import deque
from collections.abc import Iterable

from arch.device import Command, Memory, Rule


class Timing:
    """When commands were issued, and what the rules make of it."""

    def __init__(self, memory: Memory):
        self.organization = memory.organization
        self.rules = [r for r in memory.rules if memory.controller.rule_set not in r.not_in]
        # Issue times of a rule's `after` commands in one scope instance: only the last `window` of them
        # matter, so that a full history starts with the one the rule counts from.
        self.history: dict[tuple[int, int], deque[int]] = {}
        self.constraints: dict[tuple[str, int], list[tuple[deque[int], Rule]]] = {}
        self.cached: dict[tuple[str, int], int] = {}

    def banks(self, command: Command, bank: int) -> range:
        """Banks of the channel that ``command`` addresses when it is sent to (the scope around) ``bank``."""
        o = self.organization
        sizes = {"bank": 1, "group": o.banks, "rank": o.groups * o.banks, "channel": o.banks_per_channel}
        size = sizes[command.scope]
        first = bank // size * size
        return range(first, first + size)

    def instances(self, rule: Rule, banks: Iterable[int]) -> set[int]:
        """Instances of the rule's scope (numbered over the channel) that ``banks`` reach into."""
        o = self.organization
        sizes = {"bank": 1, "group": o.banks, "rank": o.groups * o.banks, "channel": o.banks_per_channel}
        size = sizes["rank" if rule.scope == "other_ranks" else rule.scope]
        return {b // size for b in banks}

    def constraining(self, command: Command, bank: int) -> list[tuple[deque[int], Rule]]:
        """The rules that ``command`` must obey, each with the history it refers to."""
        result = []
        for number, rule in enumerate(self.rules):
            if command.name not in rule.before:
                continue
            instances = self.instances(rule, self.banks(command, bank))
            if rule.scope == "other_ranks":
                own = instances
                instances = {r for r in range(self.organization.ranks) if own - {r}}
            for instance in instances:
                result.append((self.times(number, instance), rule))
        return result

    def times(self, number: int, instance: int) -> deque[int]:
        return self.history.setdefault((number, instance), deque(maxlen=self.rules[number].window))

    def earliest(self, command: Command, bank: int) -> int:
        """First cycle in which no rule forbids ``command``, as things stand."""
        key = (command.name, bank)
        if key not in self.cached:  # stays true until the next command is issued
            if key not in self.constraints:
                self.constraints[key] = self.constraining(command, bank)
            self.cached[key] = max(
                (h[0] + rule.wait for h, rule in self.constraints[key] if len(h) == rule.window), default=0
            )
        return self.cached[key]

    def issue(self, command: Command, bank: int, cycle: int) -> None:
        for number, rule in enumerate(self.rules):
            if command.name in rule.after:
                for instance in self.instances(rule, self.banks(command, bank)):
                    self.times(number, instance).append(cycle)
        self.cached.clear()
