"""Keys that a user set although they change nothing in this memory, each with the reason.

Only what the user's own file or ``--set`` wrote is looked at (see :func:`arch.provenance.set_by_user`): a
library system has many keys that wait for two ranks, a closed page or a refresh, and never warns.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from arch import device
from arch.errors import shown
from arch.provenance import set_by_user
from arch.system import System

if TYPE_CHECKING:
    from arch.expression import Expression
    from arch.memory import MemorySpec


def inactive_keys(system: System, requests: Mapping[str, int]) -> tuple[str, ...]:
    """One sentence for each key of a memory that the user set and that has no effect.

    Args:
        system: of kind ``memory``.
        requests: how many the workload has of each kind (``READ``, ``WRITE``, …); names left out: none.
    """
    spec: MemorySpec = system.spec
    case = _Case(spec, spec.resolve(), requests)
    sentences = []
    for key in set_by_user(system.provenance):
        value = _value(system, key)
        reason = _reason(case, key) if value is not None else None
        if reason is not None:
            text = value if isinstance(value, str) else shown(value)
            sentences.append(f"{key}: {text} has no effect: {reason}")
    return tuple(sentences)


def _value(system: System, key: str) -> Any:
    """The value of a key as it was written; None if the system has no such key."""
    value: Any = system.tree
    spec: Any = system.spec
    for part in key.split("."):
        spec = spec.get(part) if isinstance(spec, Mapping) else getattr(spec, part, None)
        # The tree leaves out what has its default value.
        value = value.get(part, spec) if isinstance(value, Mapping) else spec
    return value


def _reason(case: "_Case", key: str) -> str | None:
    name = f"{key}.".split(".")[1]
    for row in _ROWS:
        if fnmatchcase(key, row.pattern) and row.holds(case, name):
            return row.reason
    return None


@dataclass(frozen=True)
class _Case:
    """A memory and the kinds of requests that come; what can happen then."""

    spec: "MemorySpec"
    memory: device.Memory
    requests: Mapping[str, int]

    @property
    def page_policy(self) -> str:
        return self.memory.controller.page_policy

    @property
    def bank_machines(self) -> bool:
        return self.memory.controller.machines == "bank"

    @property
    def refreshes(self) -> bool:
        return self.memory.refresh is not None and self.memory.controller.refresh != "none"

    @property
    def rounds(self) -> bool:
        return any(not duration.given_in_cycles for duration in self.spec.timing.values())

    def has(self, queue: str) -> bool:
        """Do requests of this queue come?"""
        return any(op.queue == queue and self.requests.get(op.name) for op in self.memory.ops)

    @cached_property
    def issued(self) -> set[str]:
        """Commands that can be issued at all."""
        names = set()
        for op in self.memory.ops:
            if self.requests.get(op.name):
                names |= set(self.memory.columns_of(op))
        for does in ("open", "close"):
            fitting = [c.name for c in self.memory.commands if c.does == does and c.scope == "bank"]
            names |= set(fitting[:1])
        if self.memory.refresh is not None and self.refreshes:
            names |= {self.memory.refresh.close, self.memory.refresh.command}
        return names

    def possible(self, rule: device.Rule) -> bool:
        """Can both sides of the rule come, one after the other?"""
        ranks = rule.scope != "other_ranks" or self.memory.organization.ranks > 1
        return ranks and bool(self.issued & set(rule.after)) and bool(self.issued & set(rule.before))

    def obeyed(self, rule: device.Rule) -> bool:
        return self.memory.controller.rule_set not in rule.not_in

    def rules(self, name: str) -> list[device.Rule]:
        return [rule for rule in self.memory.rules if rule.name == name]

    def effective(self, name: str) -> bool:
        """Is the constraint of this name ever felt?"""
        return any(self.possible(rule) and self.obeyed(rule) for rule in self.rules(name))

    def uses(self, timing: str) -> Iterator[bool]:
        """For every place that mentions this timing: does it matter here?"""

        def mentions(expression: "Expression | None") -> bool:
            return expression is not None and timing in expression.names

        for name, constraint in self.spec.constraints.items():
            if mentions(constraint.wait):
                yield self.effective(name)
        for name, command in self.spec.commands.items():
            if mentions(command.latency) or mentions(command.burst):
                yield name in self.issued
        if self.spec.refresh is not None and mentions(self.spec.refresh.interval):
            yield self.refreshes
        if self.memory.energy is not None and timing in ("tRAS", "tRP", "tRFC"):
            yield timing != "tRFC" or self.refreshes

    def one_rank_only(self, timing: str) -> bool:
        """Do only rules between ranks mention it, where there is one rank?"""
        mentioning = {n for n, c in self.spec.constraints.items() if timing in c.wait.names}
        between = {n for n in mentioning if self.spec.constraints[n].scope == "other_ranks"}
        return self.spec.organization.ranks == 1 and mentioning == between != set()


class _Row(NamedTuple):
    """Keys that match ``pattern`` do nothing where ``holds``, which gets the key's second part, says so."""

    pattern: str
    holds: Callable[[_Case, str], bool]
    reason: str


_ROWS = (
    _Row("front_end.mode", lambda case, _: case.memory.channels == 1, "there is one channel"),
    _Row("front_end.arbiter", lambda case, _: case.memory.front_end.streams == 1, "there is one stream"),
    *(
        _Row(f"controller.{key}", lambda case, _: case.bank_machines, "bank machines have one buffer")
        for key in ("read_queue", "write_queue", "write_high", "write_low")
    ),
    *(
        _Row(key, lambda case, _: not case.bank_machines, "only bank machines read it")
        for key in (
            "controller.buffer*",
            "controller.response_queue",
            "controller.refresh_*",
            "front_end.max_active",
        )
    ),
    _Row(
        "controller.refresh_*",
        lambda case, _: not case.refreshes,
        "refresh is off",
    ),
    _Row(
        "front_end.max_active",
        lambda case, _: case.memory.front_end.admission == "simple",
        "front_end.admission: simple sets no limit",
    ),
    _Row("controller.write_*", lambda case, _: not case.has("write"), "the workload has no writes"),
    _Row("controller.read_queue", lambda case, _: not case.has("read"), "the workload has no reads"),
    _Row(
        "controller.rule_set",
        lambda case, _: not any(rule.not_in and case.possible(rule) for rule in case.memory.rules),
        "the rule sets differ in no rule that comes into play here",
    ),
    _Row(
        "organization.bus",
        lambda case, _: True,
        "the transaction only has to be whole transfers; how long data take is said by timing.tBL",
    ),
    _Row("rounding*", lambda case, _: not case.rounds, "every time is given in cycles"),
    _Row(
        "refresh.postpone", lambda case, _: True, "the controller never postpones; only the checker reads it"
    ),
    _Row("refresh.*", lambda case, _: not case.refreshes, "refresh is off"),
    _Row(
        "requests.*.closing",
        lambda case, _: case.page_policy == "open",
        "the page policy is open, so that no command precharges by itself",
    ),
    _Row("requests.*.command", lambda case, _: case.page_policy == "closed", "the page policy is closed"),
    _Row("requests.*", lambda case, name: not case.requests.get(name), "the workload has no such requests"),
    _Row("commands.*", lambda case, name: name not in case.issued, "this command is never issued here"),
    _Row(
        "constraints.*",
        lambda case, name: (
            case.memory.organization.ranks == 1 and case.spec.constraints[name].scope == "other_ranks"
        ),
        "there is one rank",
    ),
    _Row("constraints.*", lambda case, name: not case.rules(name), "it waits for no cycle"),
    _Row(
        "constraints.*",
        lambda case, name: not any(map(case.obeyed, case.rules(name))),
        "the rule set leaves this rule out",
    ),
    _Row("constraints.*", lambda case, name: not case.effective(name), "its commands are never issued here"),
    _Row(
        "timing.*",
        lambda case, name: not list(case.uses(name)),
        "no rule, command or refresh of this memory uses it",
    ),
    _Row("timing.*", lambda case, name: case.one_rank_only(name), "there is one rank"),
    _Row("timing.*", lambda case, name: not any(case.uses(name)), "what uses it never comes into play here"),
    _Row(
        "energy.io_*",
        lambda case, _: case.spec.energy is not None and not case.spec.energy.io,
        "energy.io is false",
    ),
    _Row("energy.IDD5", lambda case, _: not case.refreshes, "refresh is off"),
)
"""The first row that fits gives the reason."""
