"""What a check has found so far, and how a finding is told."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.dram.checker.result import LISTED_PER_RULE, RuleCheck, Violation
from sim.dram.checker.stream import Stream

Indices = NDArray[np.int32] | NDArray[np.int64]


@dataclass
class Findings:
    """Grows while the checks run over ``stream``."""

    stream: Stream
    rows: list[RuleCheck] = field(default_factory=list)
    checks: list[RuleCheck] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def add(self, check: RuleCheck, violations: list[Violation]) -> None:
        """A finished check that is no row of the constraint table."""
        self.checks.append(check)
        self.violations += violations

    def report(
        self,
        name: str,
        meaning: str,
        *,
        pairs: int,
        at: Indices,
        earlier: Indices,
        needed: NDArray[np.int64] | None = None,
        least: int | None = None,
        wait: int | None = None,
        text: Callable[[int], str] | None = None,
    ) -> None:
        """One check over the stream: broken by the commands ``at``, each against the one ``earlier``.

        ``earlier`` -1 means none; ``needed`` is the gap that each should have had; a ``wait`` makes it a
        row of the constraint table; ``text(k)`` words the k-th violation, the first few being asked for.
        """
        (self.checks if wait is None else self.rows).append(
            RuleCheck(name, meaning, pairs, len(at), least, wait)
        )
        for k in range(min(len(at), LISTED_PER_RULE)):
            i, j = int(earlier[k]), int(at[k])
            need = None if needed is None else int(needed[k])
            if text is not None:
                words = text(k)
            else:
                gap = int(self.stream.cycle[j] - self.stream.cycle[i])
                words = f"{self.told(j)} comes {gap} cycles after {self.told(i)}"
                words += "" if need is None else f"; {need} needed"
            self.violations.append(self.violation(name, j, i, words, need))

    def told(self, at: int) -> str:
        """A command of the stream in words."""
        return f"{self.stream.label(at)} at cycle {self.stream.cycle[at]}"

    def violation(self, rule: str, at: int, earlier: int, text: str, needed: int | None = None) -> Violation:
        """``rule`` broken by the command ``at`` against ``earlier`` (-1: none)."""
        stream = self.stream
        found = Violation(
            rule,
            cycle=int(stream.cycle[at]),
            command=stream.name(at),
            bank=stream.bank_field(at),
            index=int(stream.place[at]),
            text=text,
        )
        if earlier < 0:
            return found
        return found.against(
            stream.name(earlier), stream.bank_field(earlier), int(stream.cycle[earlier]), needed
        )
