"""Metrics of programs that are not ours: their units declared, their values never bare numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from arch.errors import InputError, nearest, unknown
from arch.units import NUMBER, UNITS
from sim.report import MetricDeclaration

_BASE = {
    "time": "s", "frequency": "Hz", "size": "B", "bandwidth": "B/s", "current": "A", "voltage": "V",
    "energy": "J", "power": "W",
}  # fmt: skip
"""The unit that metrics of a dimension have for us."""
_NUMBER = re.compile(rf"{NUMBER}|[+-]?\.[0-9]{{1,24}}(?:[eE][+-]?[0-9]{{1,2}})?")
_LONGEST = 1000


@dataclass(frozen=True)
class Metric:
    """A metric of a program.

    Attributes:
        name: as objectives call it.
        printed: the unit in which bare numbers are, or the only one that the program may print.
        unit: of the values for us, the base unit of the dimension; ``printed`` where that is of none.
        less_is_better: None if neither direction is.
        pattern: a regular expression, for programs; group 1 is the number, group 2 the unit if there is one.
        file: where it is looked for, in the run's own folder; else in what the program prints.
    """

    name: str
    printed: str
    unit: str
    less_is_better: bool | None
    pattern: str | None = None
    file: str | None = None

    @property
    def declaration(self) -> MetricDeclaration:
        return MetricDeclaration(self.name, self.unit, self.less_is_better, "of the study's own model")

    def value(self, number: float | str, unit: str | None) -> float:
        """The value in :attr:`unit` of a number in ``unit``; None: in the declared unit.

        Raises:
            ValueError: no finite number, or a unit of something else.
        """
        given = self.printed if unit is None else unit
        if given != self.printed and (
            _dimension(given) is None or _dimension(given) != _dimension(self.unit)
        ):
            raise ValueError(f"{self.name}: {number} {given} is no number of {self.printed}")
        text = str(number).strip()
        if isinstance(number, bool) or _NUMBER.fullmatch(text) is None:
            raise ValueError(f"{self.name}: {text[:80]!r} is no finite number")
        return float(Fraction(text) * _factor(given))

    def found_in(self, text: str) -> float:
        """The value that the last match of the pattern in ``text`` gives.

        Raises:
            ValueError: there is no match, or it is no number of the declared unit.
        """
        assert self.pattern is not None
        matches = [*re.finditer(self.pattern, text, re.MULTILINE)]
        if not matches:
            raise ValueError(f"{self.name}: nothing matches {self.pattern!r}")
        found = matches[-1]
        if found.group(1) is None:
            raise ValueError(f"{self.name}: {found.group(0)[:80]!r} has no number")
        two = found.re.groups == 2
        if two and not found.group(2):
            raise ValueError(f"{self.name}: {found.group(0)[:80]!r} has no unit")
        return self.value(found.group(1), found.group(2) if two else None)


def read_metrics(given: Any, *, patterns: bool) -> tuple[Metric, ...]:
    """The metrics of ``metrics: {time: s, …}`` or, for programs, ``{time: {pattern: …, unit: s}, …}``.

    A map may also say ``better: less`` or ``more`` (default: less for times, energies and powers) and, for
    programs, ``file``.  A pattern has one group, the number in ``unit``, or two, the number and its unit.

    Raises:
        InputError: what is wrong; ``field`` says where in the study.
    """
    if not isinstance(given, Mapping) or not given:
        accepted = (
            "a map such as {time: {pattern: 'took ([0-9.]+) (s|ms)', unit: s}}" if patterns else "{time: s}"
        )
        raise InputError("no metrics", field="model.metrics", accepted=accepted)
    return tuple(_metric(str(name), one, f"model.metrics.{name}", patterns) for name, one in given.items())


def _metric(name: str, given: Any, where: str, patterns: bool) -> Metric:
    if isinstance(given, str) and not patterns:
        given = {"unit": given}
    keys = ("pattern", "unit", "better", "file") if patterns else ("unit", "better")
    if not isinstance(given, Mapping):
        raise InputError("", field=where, given=given, accepted=f"a map of {', '.join(keys)}")
    for key in given:
        if key not in keys:
            raise InputError(unknown("key", str(key), keys), field=f"{where}.{key}", accepted=keys)
    unit = given.get("unit")
    if unit == 1:
        unit = "1"
    if not isinstance(unit, str) or not unit:
        message = "a metric needs a unit, for a number alone does not say what it is"
        raise InputError(
            message, field=f"{where}.unit", accepted="s, ms, J, W, B/s, cycles, …; 1 for a ratio"
        )
    dimension = _dimension(unit)
    guess = nearest(unit, _units()) if dimension is None else None
    if guess is not None and guess.casefold() == unit.casefold():
        raise InputError(f'unknown unit; did you mean "{guess}"?', field=f"{where}.unit", given=unit)
    better = given.get("better")
    if better not in (None, "less", "more"):
        raise InputError("", field=f"{where}.better", given=better, accepted="less, more")
    less = better == "less" if better else True if dimension in ("time", "energy", "power") else None
    base = unit if dimension is None else _BASE[dimension]
    if not patterns:
        return Metric(name, unit, base, less)
    file = given.get("file")
    if file is not None and not isinstance(file, str):
        raise InputError("", field=f"{where}.file", given=file, accepted="a file of the run's own folder")
    return Metric(name, unit, base, less, _pattern(given.get("pattern"), f"{where}.pattern"), file)


def _pattern(given: Any, where: str) -> str:
    accepted = "a regular expression with a group for the number, and one for its unit if that is printed"
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST:
        raise InputError("", field=where, given=given, accepted=accepted)
    try:
        groups = re.compile(given, re.MULTILINE).groups
    except re.error as error:
        raise InputError(f"no regular expression: {error}", field=where, given=given) from None
    if groups not in (1, 2):
        raise InputError(f"it has {groups} groups", field=where, given=given, accepted=accepted)
    return given


def _units() -> list[str]:
    return [unit for dimension, units in UNITS.items() if dimension in _BASE for unit in units]


def _dimension(unit: str) -> str | None:
    """The dimension of a unit; None for units of the program's own, such as cycles."""
    return next((d for d, units in UNITS.items() if d in _BASE and unit in units), None)


def _factor(unit: str) -> Fraction:
    """To the base unit of ``_BASE``."""
    for dimension, units in UNITS.items():
        if dimension in _BASE and unit in units:
            return units[unit] / units[_BASE[dimension]]
    return Fraction(1)
