"""Quantities with units, exact: ``"13.32 ns"`` is the Fraction 333/25000000000 of a second, never a float.

A quantity is a decimal number, optional space, and a unit; a bare number is refused.  Accepted units:

=========== ===========================================================================================
dimension   units
=========== ===========================================================================================
time        s ms us (or µs) ns ps fs
frequency   Hz kHz MHz GHz THz
size        B, decimal kB MB GB TB, binary KiB MiB GiB TiB; bit, kbit Mbit Gbit, Kibit Mibit Gibit
bandwidth   any size unit followed by /s, such as GB/s, GiB/s or Gbit/s
current     A mA uA (or µA) nA
voltage     V mV kV
energy      J mJ uJ (or µJ) nJ pJ fJ
power       W mW uW (or µW) nW kW
cycles      nCK (whole memory clock cycles)
=========== ===========================================================================================

Values come out in s, Hz, bit, bit/s, A, V, J, W, and cycles.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, Literal

from arch.errors import InputError, nearest

Dimension = Literal[
    "time", "frequency", "size", "bandwidth", "current", "voltage", "energy", "power", "cycles"
]

_SI = {
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "": 0,
    "m": -3,
    "u": -6,
    "µ": -6,
    "μ": -6,
    "n": -9,
    "p": -12,
    "f": -15,
}


def _si(unit: str, prefixes: str) -> dict[str, Fraction]:
    table = {unit: Fraction(1)}
    table.update({p + unit: Fraction(10) ** _SI[p] for p in prefixes})
    return table


def _sizes() -> dict[str, Fraction]:
    table = {}
    for unit, bits in (("B", 8), ("bit", 1)):
        for power, letter in enumerate(("", "k", "M", "G", "T")):
            table[letter + unit] = Fraction(bits * 1000**power)
        for power, letter in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1):
            table[letter + unit] = Fraction(bits * 1024**power)
    return table


UNITS: Final[Mapping[Dimension, Mapping[str, Fraction]]] = {
    "time": _si("s", "muµμnpf"),
    "frequency": _si("Hz", "kMGT"),
    "size": _sizes(),
    "bandwidth": {f"{unit}/s": bits for unit, bits in _sizes().items()},
    "current": _si("A", "muµμn"),
    "voltage": _si("V", "mk"),
    "energy": _si("J", "muµμnpf"),
    "power": _si("W", "muµμnk"),
    "cycles": {"nCK": Fraction(1)},
}
"""Factor of every unit to the base unit of its dimension (size: bits)."""

EXAMPLES: Final[Mapping[Dimension, str]] = {
    "time": "13.32 ns",
    "frequency": "1.2 GHz",
    "size": "64 B",
    "bandwidth": "25.6 GB/s",
    "current": "70 mA",
    "voltage": "1.5 V",
    "energy": "4 pJ",
    "power": "75 mW",
    "cycles": "16 nCK",
}

NUMBER: Final = r"[+-]?[0-9]{1,24}(?:\.[0-9]{1,24})?(?:[eE][+-]?[0-9]{1,2})?"
"""Decimal numbers that are read; the bounds keep exact arithmetic small."""

_QUANTITY = re.compile(rf"\s*({NUMBER})\s*([^\W\d_]+(?:/s)?)\s*")
_BARE = re.compile(rf"\s*{NUMBER}\s*")


@dataclass(frozen=True)
class Quantity:
    """A value in base units beside the text it was given as; equal if value and dimension are."""

    value: Fraction
    dimension: Dimension
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


def parse_quantity(given: object, *dimensions: Dimension) -> Quantity:
    """Reads ``given`` as a quantity of one of ``dimensions``.

    Raises :class:`arch.errors.InputError` for anything but a text of number and accepted unit.
    """
    accepted = accepted_units(*dimensions)
    if not isinstance(given, str) or _BARE.fullmatch(given):
        raise InputError("", given=given, accepted=accepted)
    match = _QUANTITY.fullmatch(given)
    if match is None:
        raise InputError("", given=given, accepted=accepted)
    number, unit = match.groups()
    for dimension in dimensions:
        if unit in UNITS[dimension]:
            return Quantity(Fraction(number) * UNITS[dimension][unit], dimension, given.strip())
    for dimension, units in UNITS.items():
        if unit in units:
            raise InputError(f"wrong unit: {unit} is a unit of {dimension}", given=given, accepted=accepted)
    guess = nearest(unit, [u for d in dimensions for u in UNITS[d]])
    message = f'unknown unit "{unit}"' + (f'; did you mean "{guess}"?' if guess else "")
    raise InputError(message, given=given, accepted=accepted)


def accepted_units(*dimensions: Dimension) -> str:
    """What :func:`parse_quantity` accepts in words, such as ``a time with a unit such as "13.32 ns"``."""
    article = {"energy": "an"}
    examples = " or ".join(f'"{EXAMPLES[d]}"' for d in dimensions)
    units = ", ".join(u for d in dimensions for u in UNITS[d] if not u.startswith(("µ", "μ")))
    first = dimensions[0]
    return f"{article.get(first, 'a')} {first} with a unit such as {examples} (units: {units})"


def pattern(*dimensions: Dimension) -> str:
    """A regular expression for such quantities, for editors."""
    units = "|".join(re.escape(u) for d in dimensions for u in UNITS[d])
    return rf"^\s*{NUMBER}\s*({units})\s*$"


def decimal_text(value: Fraction, digits: int = 6) -> str:
    """A Fraction as decimal text: exact where it ends within ``digits`` places, else rounded half even."""
    scaled = round(value * 10**digits)
    sign = "-" if scaled < 0 else ""
    whole, rest = divmod(abs(scaled), 10**digits)
    text = f"{rest:0{digits}d}".rstrip("0")
    return f"{sign}{whole}.{text}" if text else f"{sign}{whole}"
