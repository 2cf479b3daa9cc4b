"""The parameters of a space: what one may be set to, what it sets, and when it matters."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, Literal, get_args

import numpy as np

from arch.errors import FieldError, InputError, Location, unknown
from arch.units import NUMBER, UNITS
from dse.evaluation import Value
from dse.space.meaning import Expression, Symbol, measure, symbol_of

Kind = Literal["choice", "ordinal", "integer", "log2", "float"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
LISTED: Final = 1 << 20
"""Whole numbers are listed one by one up to this many; above it they are a ``range``."""

Condition = Expression
"""True where a parameter matters."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = ("and", "or", "not", "in", "is", "if", "else", "true", "false", "min", "max", "abs")
_BOUND = re.compile(rf"\s*({NUMBER})\s*([^\W\d_]+(?:/s)?)\s*")


@dataclass(frozen=True)
class Parameter:
    """One entry of a space.

    Attributes:
        name: in declaration; the key of configurations.
        kind: choice has no order, the others do.
        values: all values in order; None for floats.  Of more than 2**20 whole numbers, a ``range``.
        low, high: bounds of a float, both of them allowed.
        log: is a float drawn evenly on a logarithmic scale?
        paths: dotted keys that it sets, all to the same value.
        when: where it matters; None: everywhere.
        unit: of a float with one; its values are texts such as ``1.25 GHz``.
    """

    name: str
    kind: Kind
    values: Sequence[Value] | None
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    paths: tuple[str, ...] = ()
    when: Condition | None = None
    unit: str | None = None

    @cached_property
    def symbol(self) -> Symbol:
        """What expressions take it for."""
        if self.values is None:
            return symbol_of((self.value_at(0.0),))
        return Symbol("number") if isinstance(self.values, range) else symbol_of(self.values)

    def value_at(self, share: float) -> Value:
        """The value of a float at a share from 0 to 1 of its scale."""
        share = min(max(float(share), 0.0), 1.0)
        if self.log:
            number = self.low * (self.high / self.low) ** share
        else:
            number = self.low + share * (self.high - self.low)
        number = min(max(number, self.low), self.high)
        return number if self.unit is None else f"{number!r} {self.unit}"

    def share_of(self, value: Value) -> float:
        """The inverse of :meth:`value_at`."""
        number = float(value.split()[0]) if isinstance(value, str) else float(value)
        if self.high == self.low:
            return 0.5
        if self.log:
            return math.log(number / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)

    def index(self, value: Value) -> int:
        """The place of a value among :attr:`values`; InputError if it is none of them."""
        found = self._places.get((isinstance(value, (bool, np.bool_)), value)) if _hashable(value) else None
        if found is not None:
            return found
        if isinstance(self.values, range) and not isinstance(value, (str, bool)) and value in self.values:
            return self.values.index(int(value))
        raise InputError(self._unknown(value), field=self.name, given=value, accepted=self.accepted)

    def checked(self, value: Value) -> Value:
        """The value as this parameter holds it (a whole number for 8.0 and NumPy's 8).

        Raises:
            InputError: not one of its values.
        """
        if self.values is not None:
            return self.values[self.index(value)]
        number = self._number(value)
        if number is None or not self.low <= number <= self.high:
            raise InputError("", field=self.name, given=value, accepted=self.accepted)
        return number if self.unit is None else f"{number!r} {self.unit}"

    @property
    def accepted(self) -> str:
        """What it accepts, for messages."""
        if self.values is None:
            unit = f" {self.unit}" if self.unit else ""
            return f"a number from {self.low:g}{unit} to {self.high:g}{unit}"
        names = [_text(v) for v in self.values[:12]]
        more = len(self.values) - len(names)
        return ", ".join(names) + (f", … {_text(self.values[-1])}" if more > 0 else "")

    def measures(self) -> Any:
        """Values as expressions calculate with them: an array in the order of :attr:`values`."""
        assert self.values is not None
        if isinstance(self.values, range):
            return np.arange(self.values.start, self.values.stop, self.values.step, dtype=float)
        return np.array([measure(self.symbol, v) for v in self.values])

    @cached_property
    def _places(self) -> dict[tuple[bool, Value], int]:
        if self.values is None or isinstance(self.values, range):
            return {}
        return {(isinstance(v, bool), v): i for i, v in enumerate(self.values)}

    def _number(self, value: Value) -> float | None:
        if isinstance(value, str) and self.unit is not None:
            match = _BOUND.fullmatch(value)
            return float(match[1]) if match and match[2] == self.unit else None
        plain = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        return float(value) if plain and self.unit is None else None

    def _unknown(self, value: object) -> str:
        names = [_text(v) for v in self.values or () if isinstance(v, str)]
        message = unknown("value", str(value), names)
        return "" if message == "unknown value" else message


def read_parameter(name: str, entry: object, path: Location) -> tuple[Parameter, Any]:
    """A parameter from its entry in YAML, and its ``when:`` as it stands there.

    Raises:
        FieldError: whatever is wrong, at its place.
    """
    if not _NAME.fullmatch(name) or name in _RESERVED or len(name) > 64:
        message = "a word of the expressions" if name in _RESERVED else "not a name for a parameter"
        accepted = "up to 64 letters, digits and _, no digit first"
        raise FieldError(path, message, given=name, accepted=accepted, at_key=True)
    if not isinstance(entry, Mapping):
        raise FieldError(path, "", given=entry, accepted="a map such as {choice: [open, closed]}")
    known = (*KINDS, "path", "when", "scale")
    for key in entry:
        if key not in known:
            raise FieldError((*path, key), unknown("key", str(key), known), accepted=known, at_key=True)
    kinds = [kind for kind in KINDS if kind in entry]
    if len(kinds) != 1:
        message = f"{' and '.join(kinds)} at once" if kinds else "no values"
        raise FieldError(path, message, accepted=f"one of {', '.join(KINDS)}")
    kind = kinds[0]
    if "scale" in entry and kind != "float":
        raise FieldError((*path, "scale"), "only a float has a scale", at_key=True)
    paths = _paths(entry.get("path", name), (*path, "path"))
    given, place = entry[kind], (*path, kind)
    if kind == "float":
        low, high, unit = _bounds(given, place)
        log = _scale(entry.get("scale", "linear"), (*path, "scale")) == "log"
        if log and low <= 0:
            raise FieldError(place, "a logarithmic scale starts above zero", given=given)
        parameter = Parameter(name, kind, None, float(low), float(high), log, paths, None, unit)
    else:
        read = {"integer": _integers, "log2": _doublings}.get(kind, _list)
        parameter = Parameter(name, kind, read(given, place), paths=paths)
    return parameter, entry.get("when")


def written(parameter: Parameter) -> dict[str, Any]:
    """The entry in YAML of a parameter."""
    values = parameter.values
    entry: dict[str, Any] = {"path": parameter.paths[0] if len(parameter.paths) == 1 else [*parameter.paths]}
    if values is None:
        bounds = [parameter.low, parameter.high]
        entry["float"] = bounds if parameter.unit is None else [f"{b!r} {parameter.unit}" for b in bounds]
        entry |= {"scale": "log"} if parameter.log else {}
    elif parameter.kind == "integer" and len(values) > 1:
        step = int(values[1]) - int(values[0])
        entry["integer"] = {"from": values[0], "to": values[-1], "step": step}
    elif parameter.kind in ("integer", "log2"):
        entry[parameter.kind] = [values[0], values[-1]]
    else:
        entry[parameter.kind] = [*values]
    return entry | ({"when": parameter.when.text} if parameter.when else {})


def plain_value(given: object, path: Location) -> Value:
    """A scalar of YAML as configurations hold it; FieldError for anything else."""
    if isinstance(given, Decimal):
        return float(given)
    if isinstance(given, str) and given == "" or not isinstance(given, (str, int, float, bool)):
        raise FieldError(path, "", given=given, accepted="a text, a number, true or false")
    if isinstance(given, float) and not math.isfinite(given):
        raise FieldError(path, "", given=given, accepted="a finite number")
    return given


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hashable(value: object) -> bool:
    return isinstance(value, (str, int, float, bool, np.generic))


def _paths(given: object, path: Location) -> tuple[str, ...]:
    listed = given if isinstance(given, list) else [given]
    for i, item in enumerate(listed):
        if not isinstance(item, str) or not re.fullmatch(r"[^\s.=]+(\.[^\s.=]+)*", item):
            place = (*path, i) if isinstance(given, list) else path
            raise FieldError(place, "", given=item, accepted="a dotted key, such as controller.page_policy")
    if not listed or len(set(listed)) < len(listed):
        raise FieldError(path, "", given=given, accepted="a dotted key, or a list of different ones")
    return tuple(listed)


def _list(given: object, path: Location) -> tuple[Value, ...]:
    if not isinstance(given, list) or not given:
        raise FieldError(path, "", given=given, accepted="a list of values such as [open, closed]")
    values = tuple(plain_value(item, (*path, i)) for i, item in enumerate(given))
    for i, value in enumerate(values):
        if value in values[:i]:
            raise FieldError((*path, i), "given twice", given=given[i])
    return values


def _integers(given: object, path: Location) -> Sequence[Value]:
    step: object = 1
    if isinstance(given, Mapping):
        for key in given:
            if key not in ("from", "to", "step"):
                names = ("from", "to", "step")
                raise FieldError((*path, key), unknown("key", str(key), names), accepted=names, at_key=True)
        for key in ("from", "to"):
            if key not in given:
                raise FieldError(path, f"{key} is missing", accepted="a map with from, to and step")
        bounds, step = [given["from"], given["to"]], given.get("step", 1)
    else:
        bounds = _pair(given, path)
    for item in (*bounds, step):
        if isinstance(item, bool) or not isinstance(item, int):
            raise FieldError(path, "", given=item, accepted="whole numbers such as [1, 64]")
    low, high = bounds
    assert isinstance(step, int)
    if high < low or step < 1:
        raise FieldError(path, "no whole number lies between", given=given, accepted="[lowest, highest]")
    numbers = range(low, high + 1, step)
    return tuple(numbers) if len(numbers) <= LISTED else numbers


def _doublings(given: object, path: Location) -> tuple[Value, ...]:
    low, high, unit = _bounds(given, path)
    ratio = high / low if low > 0 else Fraction(0)
    if ratio < 1 or ratio.denominator > 1 or ratio.numerator & (ratio.numerator - 1):
        accepted = "[lowest, highest], the lowest above 0 doubled some times gives the highest, such as [1, 128]"
        raise FieldError(path, "", given=given, accepted=accepted)
    numbers = [low * 2**i for i in range(ratio.numerator.bit_length())]
    plain = [int(n) if n.denominator == 1 else float(n) for n in numbers]
    return tuple(plain) if unit is None else tuple(f"{n} {unit}" for n in plain)


def _bounds(given: object, path: Location) -> tuple[Fraction, Fraction, str | None]:
    """Two numbers, and the unit if both have the same one."""
    numbers, units = [], []
    for item in _pair(given, path):
        match = _BOUND.fullmatch(item) if isinstance(item, str) else None
        if match and any(match[2] in known for known in UNITS.values()):
            numbers.append(Fraction(match[1]))
            units.append(match[2])
        elif isinstance(item, (int, float, Decimal)) and not isinstance(item, bool) and math.isfinite(item):
            numbers.append(Fraction(str(item)))
            units.append(None)
        else:
            accepted = "numbers, or quantities such as [250 MHz, 2000 MHz]"
            raise FieldError(path, "", given=item, accepted=accepted)
    if units[0] != units[1]:
        raise FieldError(path, "two bounds in different units", given=given, accepted="the same unit in both")
    if numbers[1] < numbers[0]:
        raise FieldError(path, "the second bound is the smaller one", given=given, accepted="[lowest, highest]")
    return numbers[0], numbers[1], units[0]


def _pair(given: object, path: Location) -> list[Any]:
    if not isinstance(given, (list, tuple)) or len(given) != 2:
        raise FieldError(path, "", given=given, accepted="[lowest, highest]")
    return list(given)


def _scale(given: object, path: Location) -> object:
    if given not in ("linear", "log"):
        raise FieldError(path, "", given=given, accepted="linear, log")
    return given
