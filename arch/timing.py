"""Times given in ns or in clock cycles, and the standards' rounding to cycles, exact on Fractions.

A time is ``"13.32 ns"``, ``"16 nCK"``, or the greatest of several, ``"max(4 nCK, 3.3 ns)"``.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from arch.errors import InputError
from arch.units import UNITS, Quantity, parse_quantity

ACCEPTED = 'a time with a unit such as "13.32 ns", "16 nCK" or "max(4 nCK, 3.3 ns)"'
NAMES = (
    "tBL", "tCL", "tCWL", "tRCD", "tRCDRD", "tRCDWR", "tRP", "tRAS", "tRC", "tWR", "tRTP",
    "tCCD", "tCCD_S", "tCCD_L", "tRRD", "tRRD_S", "tRRD_L", "tFAW", "tWTR", "tWTR_S", "tWTR_L",
    "tRFC", "tREFI", "tCS", "tPPD",
)  # fmt: skip
"""Names in the standards' sense; others are allowed where a rule, command or refresh uses them."""

_MAX = re.compile(r"\s*max\s*\((.*)\)\s*")
_MOST_CYCLES = 10**9


@dataclass(frozen=True)
class Rounding:
    """How a time becomes cycles: ``floor(t / tCK + guard)``, or the plain ceiling if ``guard`` is None.

    The guard of JEDEC's DDR4 rule is 0.974 (JESD79-4, rounding algorithm of the speed bins: an excess of
    up to 2.5 % of a clock does not cost a cycle); in integers ``floor((1000·t/tCK + 974) / 1000)``.
    """

    guard: Fraction | None = None

    def cycles(self, seconds: Fraction, clock_period: Fraction) -> int:
        ratio = seconds / clock_period
        return ceil(ratio) if self.guard is None else floor(ratio + self.guard)


@dataclass(frozen=True)
class Duration:
    """The greatest of one or more quantities of dimension time or cycles; ``text`` is what was given."""

    parts: tuple[Quantity, ...]
    text: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def cycles(self, clock_period: Fraction, rounding: Rounding) -> int:
        """Memory clock cycles (at least 0): each part rounded by itself, then the greatest."""
        return max(
            int(p.value) if p.dimension == "cycles" else rounding.cycles(p.value, clock_period)
            for p in self.parts
        )

    @property
    def given_in_cycles(self) -> bool:
        return all(p.dimension == "cycles" for p in self.parts)


def parse_duration(given: object) -> Duration:
    """Reads a time; InputError for a bare number, another unit, a negative or a broken cycle count."""
    if not isinstance(given, str):
        raise InputError("", given=given, accepted=ACCEPTED)
    match = _MAX.fullmatch(given)
    texts = match.group(1).split(",") if match else [given]
    parts = tuple(_part(text, given) for text in texts)
    return Duration(parts, given.strip())


def pattern() -> str:
    """A regular expression for times, for editors."""
    number = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?"
    units = "|".join([*map(re.escape, UNITS["time"]), "nCK"])
    one = rf"\s*{number}\s*({units})\s*"
    return rf"^({one}|\s*max\s*\({one}(,{one})*\)\s*)$"


def _part(text: str, given: str) -> Quantity:
    try:
        quantity = parse_quantity(text, "time", "cycles")
    except InputError as error:
        raise InputError(error.message, given=given, accepted=ACCEPTED) from None
    if quantity.value < 0:
        raise InputError("a time cannot be negative", given=given, accepted=ACCEPTED)
    if quantity.dimension == "cycles" and quantity.value.denominator != 1:
        raise InputError("nCK counts whole clock cycles", given=given, accepted=ACCEPTED)
    if quantity.value > (_MOST_CYCLES if quantity.dimension == "cycles" else 1):
        raise InputError("too long", given=given, accepted="at most 1 s or 1000000000 nCK")
    return quantity
