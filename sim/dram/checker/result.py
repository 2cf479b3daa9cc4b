"""What the command checker found: violations one line each, the least slack per rule, tables and JSON."""

from dataclasses import dataclass, field, replace
from typing import Any

LISTED_PER_RULE = 5
"""How many violations of one rule are told in full; all are counted."""


@dataclass(frozen=True)
class Violation:
    """One broken rule at one command.

    ``index`` is the command's place in the stream (-1: no command stands for it, a refresh that never came);
    ``gap`` and ``needed`` are cycles where the rule is about a distance, else None.  ``text`` tells it all.
    """

    rule: str
    cycle: int
    command: str
    bank: int
    index: int
    text: str
    earlier_command: str | None = None
    earlier_bank: int | None = None
    earlier_cycle: int | None = None
    gap: int | None = None
    needed: int | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"

    def against(self, command: str, bank: int, cycle: int, needed: int | None) -> "Violation":
        """The same, with the earlier command that it came too close to, or that left things as they are."""
        return replace(
            self,
            earlier_command=command,
            earlier_bank=bank,
            earlier_cycle=cycle,
            gap=self.cycle - cycle,
            needed=needed,
        )

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class RuleCheck:
    """How one row of the constraint table, or one built-in check, fared.

    ``meaning`` is the row in words.  ``pairs`` counts the commands that it constrained, each together with
    the one earlier command that binds it; 0 means never exercised.  ``least_slack`` is the fewest cycles
    by which a gap exceeded what is needed: 0 shows the rule tight, a negative one broken; None: no pair, or
    nothing that could be measured.
    """

    name: str
    meaning: str
    pairs: int
    violations: int
    least_slack: int | None = None
    wait: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class CheckResult:
    """The verdict on one channel's command stream.

    ``rows`` follows ``memory.rules`` (rows left out of the rule set excepted), ``checks`` holds everything
    else: encoding, order, buses, row state, refresh, conservation.  ``violations`` lists the first few of
    each; ``violation_counts`` counts all by rule name, broken rules only.  ``notes`` counts what is legal
    but odd.
    """

    memory: str
    rule_set: str
    commands: int
    first_cycle: int
    last_cycle: int
    command_counts: dict[str, int]
    rows: tuple[RuleCheck, ...]
    checks: tuple[RuleCheck, ...]
    violations: tuple[Violation, ...]
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not any(check.violations for check in self.rows + self.checks)

    @property
    def violation_counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for check in self.rows + self.checks:
            if check.violations:
                counts[check.name] = counts.get(check.name, 0) + check.violations
        return counts

    @property
    def least_slack(self) -> dict[str, int]:
        """By name, over all rows of that name; rules that no pair exercised are left out."""
        slacks: dict[str, int] = {}
        for check in self.rows + self.checks:
            if check.least_slack is not None:
                slacks[check.name] = min(check.least_slack, slacks.get(check.name, check.least_slack))
        return slacks

    @property
    def tight(self) -> tuple[str, ...]:
        """Names of constraint rows that some pair of commands met to the cycle."""
        return tuple(dict.fromkeys(row.name for row in self.rows if row.least_slack == 0))

    @property
    def never_exercised(self) -> tuple[str, ...]:
        """Names of constraints about which this stream says nothing, in none of their rows."""
        pairs: dict[str, int] = {}
        for row in self.rows:
            pairs[row.name] = pairs.get(row.name, 0) + row.pairs
        return tuple(name for name, count in pairs.items() if count == 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "ok": self.ok,
            "memory": self.memory,
            "rule_set": self.rule_set,
            "commands": self.commands,
            "first_cycle": self.first_cycle,
            "last_cycle": self.last_cycle,
            "command_counts": dict(self.command_counts),
            "violation_counts": self.violation_counts,
            "violations": [violation.to_dict() | {"line": str(violation)} for violation in self.violations],
            "rules": [row.to_dict() for row in self.rows],
            "checks": [check.to_dict() for check in self.checks],
            "tight": list(self.tight),
            "never_exercised": list(self.never_exercised),
            "notes": dict(self.notes),
        }

    def __str__(self) -> str:
        counts = self.violation_counts
        total = sum(counts.values())
        verdict = "every rule kept" if self.ok else f"{total:,} violations of {len(counts)} rules"
        rule_set = "" if self.rule_set == "jedec" else f" (rule set {self.rule_set})"
        lines = [
            f"{self.memory}{rule_set}: {self.commands:,} commands in cycles {self.first_cycle:,}"
            f" to {self.last_cycle:,}: {verdict}"
        ]
        for violation in self.violations:
            lines.append(f"  {violation}")
        for name, count in counts.items():
            listed = sum(violation.rule == name for violation in self.violations)
            if count > listed:
                lines.append(f"  {name}: {count - listed:,} more")
        lines += ["", *self._table()]
        if self.rows:
            lines.append("")
            lines.append("shown tight: " + (", ".join(self.tight) or "none"))
            lines.append("never exercised: " + (", ".join(self.never_exercised) or "none"))
        lines += [f"note: {text}: {count:,}" for text, count in self.notes.items() if count]
        return "\n".join(lines)

    def _table(self) -> list[str]:
        head = ("rule", "wait", "pairs", "least slack", "broken", "meaning")
        body = [
            (
                check.name,
                "" if check.wait is None else str(check.wait),
                f"{check.pairs:,}",
                "" if check.least_slack is None else str(check.least_slack),
                f"{check.violations:,}" if check.violations else "",
                check.meaning,
            )
            for check in self.rows + self.checks
        ]
        widths = [max(len(line[k]) for line in [head, *body]) for k in range(len(head) - 1)]
        return [
            "  ".join(
                [line[0].ljust(widths[0])]
                + [line[k].rjust(widths[k]) for k in range(1, len(widths))]
                + [line[-1]]
            )
            for line in [head, *body]
        ]
