"""The clock that the time stamps of a trace file count, turned into memory clock cycles.

A DRAMsim3 trace counts memory clock cycles; a DRAMSys trace counts the cycles of its player
(``clkMhz`` in the trace setup); an instruction trace counts instructions.  All of them are ticks here, and
tick t is the first memory cycle that does not begin before it: ceil(t / ticks per memory cycle), exact.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from arch.errors import InputError
from arch.units import parse_quantity
from workloads.trace import Int64Array

MOST = 10**30
"""Bound on numerator and denominator of the ratio."""

SMALL = 2**31
"""Below this, both keep the arithmetic within 64 bits."""


@dataclass(frozen=True)
class TraceClock:
    """How the time stamps of a trace file read.

    ``ticks_per_cycle``: ticks in one memory clock cycle; None: one, and instruction traces are refused.
    ``relative``: a stamp counts from the request before; None: only in DRAMSys traces named ``.rstl``.

    Raises:
        InputError: a ratio that is not positive or too far from 1 for exact arithmetic.
    """

    ticks_per_cycle: Fraction | None = None
    relative: bool | None = None

    def __post_init__(self) -> None:
        ratio = self.ticks_per_cycle
        if ratio is not None and not (0 < ratio.numerator < MOST and ratio.denominator < MOST):
            accepted = f"a positive ratio of integers below {MOST:.0e}"
            raise InputError("", field="ticks_per_cycle", given=str(ratio), accepted=accepted)

    @property
    def ratio(self) -> Fraction:
        return Fraction(1) if self.ticks_per_cycle is None else self.ticks_per_cycle

    def most_ticks(self) -> int:
        """The highest tick whose memory cycle fits into 63 bits."""
        return min(2**63 - 1, (2**63 - 1) * self.ratio.numerator // self.ratio.denominator)

    def cycles(self, ticks: Int64Array) -> Int64Array:
        """Memory cycles, shape (n,), of ticks from 0 to :meth:`most_ticks`, shape (n,)."""
        p, q = self.ratio.numerator, self.ratio.denominator
        if p == q:
            return ticks
        if max(p, q) >= SMALL:
            return np.array([-(-tick * q // p) for tick in ticks.tolist()], np.int64)
        whole, rest = ticks // p, ticks % p
        cycles: Int64Array = whole * q + -(-rest * q // p)
        return cycles


def trace_clock(
    text: str | None, cycle_seconds: Fraction | None = None, relative: bool | None = None
) -> TraceClock:
    """The clock that ``text`` names: a frequency (``300MHz``), or ticks per memory cycle (``1/4``, ``0.25``).

    Args:
        text: None for one tick per memory cycle.
        cycle_seconds: period of the memory clock; a frequency needs it.
        relative: as in :class:`TraceClock`.

    Raises:
        InputError: neither of the two, or a frequency without a memory.
    """
    if text is None:
        return TraceClock(relative=relative)
    if re.fullmatch(r"\s*[0-9]{1,12}(\.[0-9]{1,12}|/[0-9]{1,12})?\s*", text):
        try:
            return TraceClock(Fraction(text.strip()), relative)
        except ZeroDivisionError:
            raise _unknown(text) from None
    try:
        hertz = parse_quantity(text, "frequency").value
    except InputError as error:
        raise _unknown(text) from error
    if cycle_seconds is None:
        message = "a frequency says nothing without a memory's clock: name the memory"
        raise InputError(message, field="trace clock", given=text)
    return TraceClock(hertz * cycle_seconds, relative)


def _unknown(text: str) -> InputError:
    accepted = "a frequency such as 300MHz, or ticks in a memory cycle such as 1/4"
    return InputError("", field="trace clock", given=text, accepted=accepted)
