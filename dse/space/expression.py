"""Conditions and constraints such as ``refresh == all_bank`` or ``power <= 2.5 W``: what they mean.

:mod:`dse.space.grammar` reads them.  Here names are bound to parameters and metrics, values and units are
checked, and truth is worked out, of one design or of arrays of them.  Everything counts as a number: a
quantity in base units (s, Hz, bit, bit/s, J, W …), a text as a code that only equal texts share.
"""

import hashlib
import math
import operator
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np

from arch.errors import InputError, nearest, shown, unknown
from arch.units import NUMBER, UNITS, Dimension
from dse.evaluation import Value
from dse.space.grammar import Items, Name, Node, Number, Operation, Text, Truth, names_in, parse

TOLERANCE: Final = 1e-12
"""Two numbers are equal if they differ by no more than this share of the larger: 3 * 0.1 is 0.3."""

Powers = tuple[int, int, int, int, int]
"""Powers of second, bit, ampere, joule and clock cycle in a unit."""

PLAIN: Final[Powers] = (0, 0, 0, 0, 0)
_POWERS: Final[Mapping[Dimension, Powers]] = {
    "time": (1, 0, 0, 0, 0),
    "frequency": (-1, 0, 0, 0, 0),
    "size": (0, 1, 0, 0, 0),
    "bandwidth": (-1, 1, 0, 0, 0),
    "current": (0, 0, 1, 0, 0),
    "voltage": (-1, 0, -1, 1, 0),
    "energy": (0, 0, 0, 1, 0),
    "power": (-1, 0, 0, 1, 0),
    "cycles": (0, 0, 0, 0, 1),
}
_QUANTITY = re.compile(rf"\s*({NUMBER})\s*([^\W\d_]+(?:/s)?)\s*")
_COMPARED = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Symbol:
    """What a name stands for.

    Attributes:
        kind: numbers can be calculated with, texts only compared; of ``any`` nothing is known.
        powers: unit of a number.
        unit: of a metric, as declared; may stand behind numbers it is compared with.
        values: what a text may be, all that is known of them.
    """

    kind: Literal["number", "text", "truth", "any"]
    powers: Powers = PLAIN
    unit: str | None = None
    values: tuple[Value, ...] = ()


Scope = Mapping[str, Symbol]


@dataclass(frozen=True)
class Expression:
    """A checked expression.  Make one with :func:`parse_expression`.

    Attributes:
        text: as it was given.
        names: the parameters and metrics that it mentions, in order of first mention.
    """

    text: str
    names: tuple[str, ...]
    node: Node

    def value(self, values: Mapping[str, Any]) -> Any:
        """Is it true?  ``values`` by :func:`number_of`; NumPy arrays of one shape for many designs."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _value(self.node, values)

    def excess(self, values: Mapping[str, Any]) -> float:
        """By how much it is missed, as a share of its bound; 0 exactly where it holds."""
        return _missed(self.node, values, wanted=True)


def parse_expression(
    given: object,
    names: Collection[str],
    words: Collection[str],
    symbols: Mapping[str, Symbol] | None = None,
) -> Expression:
    """Check an expression over ``names``, where other words must be among ``words``.

    ``symbols`` says what the names stand for, as far as it is known; then values and units are checked, too.

    Raises:
        InputError: it cannot be read, mentions what nobody knows, with the nearest name, compares or adds up
            what does not go together, or is neither true nor false.
    """
    known = symbols or {}
    scope = {name: known.get(name, Symbol("any", values=tuple(words))) for name in names}
    tree = parse(given)
    try:
        node, symbol = _bind(tree, scope)
    except InputError as error:
        raise InputError(error.message, given=given, accepted=error.accepted) from None
    if symbol.kind not in ("truth", "any"):
        raise InputError("neither true nor false", given=given, accepted="a comparison such as a <= 2 * b")
    return Expression(str(given), tuple(dict.fromkeys(n for n in names_in(node) if n in scope)), node)


def symbol_of(values: Iterable[Value]) -> Symbol:
    """What a parameter of these values stands for: a number where all are, or all quantities of one kind."""
    listed = tuple(values)
    if all(isinstance(v, bool) for v in listed):
        return Symbol("truth")
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in listed):
        return Symbol("number")
    found = [quantity(v) if isinstance(v, str) else None for v in listed]
    first = found[0]
    if first is not None and all(q is not None and q[1] == first[1] for q in found):
        return Symbol("number", first[1])
    return Symbol("text", values=listed)


def number_of(value: Value) -> float | bool:
    """What a value counts in expressions: a quantity in base units, a text as a code, a truth as itself."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if not isinstance(value, str):
        return float(value)
    read = quantity(value)
    if read is not None:
        return read[0]
    # 48 bits: two texts look the same to the tolerance once in 10**11.
    return float(int.from_bytes(hashlib.sha256(value.encode()).digest()[:6], "big") + 1)


def quantity(text: str) -> tuple[float, Powers] | None:
    """A text such as ``4 KiB`` in base units, and the powers of its unit; None for any other text."""
    match = _QUANTITY.fullmatch(text)
    known = None if match is None else _unit(match[2])
    return None if known is None or match is None else (float(Fraction(match[1]) * known[0]), known[1])


def unit_factor(unit: str) -> float:
    """Base units in one ``unit`` of a metric; 1 for units that are not known."""
    return float(unit_powers(unit)[0])


def unit_powers(unit: str) -> tuple[Fraction, Powers]:
    """Base units in a declared unit such as ``B/s``, ``J s`` or ``1/s``, and its powers; others are plain."""
    if (whole := _unit(unit)) is not None:
        return whole
    above, *below = unit.split("/")
    factor, powers = Fraction(1), PLAIN
    for sign, parts in ((1, above), *((-1, part) for part in below)):
        for part in re.split(r"[· ]", parts):
            match = re.fullmatch(r"(\D+)([2-9]?)", part)
            known = (Fraction(1), PLAIN) if part == "1" else _unit(match[1]) if match else None
            if known is None:
                return Fraction(1), PLAIN
            for _ in range(int(match[2] or 1) if match else 1):
                factor *= known[0] ** sign
                powers = _sum(powers, known[1], sign)
    return factor, powers


def _unit(unit: str) -> tuple[Fraction, Powers] | None:
    for dimension, units in UNITS.items():
        if unit in units:
            return units[unit], _POWERS[dimension]
    return None


def _bind(node: Node, scope: Scope) -> tuple[Node, Symbol]:
    """The node with units and texts worked out, and what it stands for."""
    if isinstance(node, Truth):
        return node, Symbol("truth")
    if isinstance(node, Number):
        return _bind_number(node, scope)
    if isinstance(node, Name):
        if node.name in scope:
            return node, scope[node.name]
        raise InputError(unknown(f'name "{node.name}"', node.name, scope), accepted=tuple(scope))
    if isinstance(node, Text):
        raise InputError(f"{shown(node.value)} can only be compared with == and !=, or stand in a list")
    if isinstance(node, Items):
        raise InputError("a list can only stand behind in")
    if node.operator == "in":
        return _bind(_spelt_out(node), scope)
    if node.operator in _COMPARED:
        return _bind_comparison(node, scope)
    if node.operator in ("and", "or", "not"):
        bound = [_bind(child, scope) for child in node.operands]
        if any(symbol.kind not in ("truth", "any") for _, symbol in bound):
            raise InputError(f'"{node.operator}" joins what is true or false, such as a == 1 and b > 2')
        return replace(node, operands=tuple(child for child, _ in bound)), Symbol("truth")
    return _bind_arithmetic(node, scope)


def _bind_number(node: Number, scope: Scope) -> tuple[Node, Symbol]:
    if node.unit is None:
        return node, Symbol("number")
    known = _unit(node.unit)
    if known is None and node.unit in (declared := [s.unit for s in scope.values() if s.unit]):
        known = unit_powers(node.unit)
    if known is None:
        names = [u for units in UNITS.values() for u in units] + declared
        guess = nearest(node.unit, [n for n in names if n])
        message = f'unknown unit "{node.unit}"' + (f'; did you mean "{guess}"?' if guess else "")
        raise InputError(message)
    return Number(node.value * known[0]), Symbol("number", known[1])


def _spelt_out(node: Operation) -> Node:
    left, right = node.operands
    if not isinstance(right, Items) or not right.items:
        raise InputError("in needs a list, such as [fifo, reorder]")
    return Operation("or", tuple(Operation("==", (left, item)) for item in right.items))


def _bind_comparison(node: Operation, scope: Scope) -> tuple[Node, Symbol]:
    left, right = node.operands
    literals = _literal(left, right, scope), _literal(right, left, scope)
    (first, a), (second, b) = (
        _bind(side, scope) if literal is None else literal
        for side, literal in zip(node.operands, literals, strict=True)
    )
    if "any" not in (a.kind, b.kind):
        if a.kind != b.kind:
            raise InputError(f"{_KINDS[a.kind]} is compared with {_KINDS[b.kind]}")
        if a.kind == "number" and a.powers != b.powers and Number(Fraction(0)) not in (first, second):
            raise InputError(f"{_spoken(a.powers)} is compared with {_spoken(b.powers)}")
        if a.kind != "number" and node.operator not in ("==", "!="):
            raise InputError(f"{_KINDS[a.kind]} can only be compared with == and !=")
    return replace(node, operands=(first, second)), Symbol("truth")


_KINDS: Final = {"number": "a number", "text": "a text", "truth": "true or false"}


def _literal(node: Node, other: Node, scope: Scope) -> tuple[Node, Symbol] | None:
    """A value that a parameter is compared with; None for numbers among numbers, and anything else."""
    symbol = scope.get(other.name) if isinstance(other, Name) else None
    if symbol is None or not isinstance(other, Name):
        return None
    bare = isinstance(node, Name) and node.name not in scope
    if symbol.kind in ("text", "any") and (bare or isinstance(node, Text)):
        return _word(node.name if isinstance(node, Name) else _plain(node), other.name, symbol), symbol
    if symbol.kind == "text" and isinstance(node, Truth | Number):
        return _word(_plain(node), other.name, symbol), symbol
    if symbol.kind == "number" and isinstance(node, Text) and (read := quantity(node.value)) is not None:
        return Number(Fraction(read[0])), Symbol("number", read[1])
    return None


def _word(value: Value, name: str, symbol: Symbol) -> Node:
    if not any(v == value and isinstance(v, bool) == isinstance(value, bool) for v in symbol.values):
        names = [str(v) for v in symbol.values]
        raise InputError(
            unknown(f"value {shown(value)} of {name}", str(value), names), accepted=names or None
        )
    return Number(Fraction(float(number_of(value))))


def _plain(node: Node) -> Value:
    if isinstance(node, Text | Truth):
        return node.value
    assert isinstance(node, Number)
    if node.unit is not None:
        raise InputError("a quantity is compared with a text; put it in quotes")
    return int(node.value) if node.value.denominator == 1 else float(node.value)


def _bind_arithmetic(node: Operation, scope: Scope) -> tuple[Node, Symbol]:
    bound = [_bind(child, scope) for child in node.operands]
    for child, symbol in zip(node.operands, bound, strict=True):
        if symbol[1].kind not in ("number", "any"):
            what = f'"{child.name}"' if isinstance(child, Name) else "what is true or false"
            raise InputError(f"{what} is not a number")
    operands = tuple(child for child, _ in bound)
    if any(symbol.kind == "any" for _, symbol in bound):
        return replace(node, operands=operands), Symbol("any")
    powers = [symbol.powers for _, symbol in bound]
    result = powers[0]
    if node.operator in ("*", "/", "//"):
        result = _sum(powers[0], powers[1], 1 if node.operator == "*" else -1)
    elif any(p != result for p in powers):
        raise InputError(f"{_spoken(powers[0])} and {_spoken(powers[1])} do not go together")
    return replace(node, operands=operands), Symbol("number", result)


def _sum(a: Powers, b: Powers, sign: int) -> Powers:
    s = [p + sign * q for p, q in zip(a, b, strict=True)]
    return s[0], s[1], s[2], s[3], s[4]


def _spoken(powers: Powers) -> str:
    for dimension, known in _POWERS.items():
        if known == powers:
            return f"a {dimension}" if dimension != "energy" else "an energy"
    if powers == PLAIN:
        return "a plain number"
    named = zip(("s", "bit", "A", "J", "nCK"), powers, strict=True)
    return "a number of " + " ".join(f"{unit}^{p}" if p != 1 else unit for unit, p in named if p)


def _value(node: Node, values: Mapping[str, Any]) -> Any:
    if isinstance(node, Number):
        return float(node.value)
    if isinstance(node, Truth):
        return node.value
    if isinstance(node, Name):
        return values[node.name]
    assert isinstance(node, Operation)
    return _OPERATIONS[node.operator](*[_value(child, values) for child in node.operands])


def _slack(a: Any, b: Any) -> Any:
    """How far apart equal numbers may be; nothing is near what is not finite."""
    if isinstance(a, float) and isinstance(b, float):
        room = TOLERANCE * max(abs(a), abs(b))
        return room if math.isfinite(room) else 0.0
    room = TOLERANCE * np.maximum(np.abs(a), np.abs(b))
    return np.where(np.isfinite(room), room, 0.0)


def _equal(a: Any, b: Any) -> Any:
    if isinstance(a, bool | np.bool_) or isinstance(a, np.ndarray) and a.dtype.kind == "b":
        return a == b
    return (a == b) | (abs(a - b) <= _slack(a, b))


def _not(a: Any) -> Any:
    return not a if isinstance(a, bool) else np.logical_not(a)


def _guarded(apply: Any) -> Any:
    """Division as NumPy has it: by zero, infinite or not a number."""

    def divide(a: Any, b: Any) -> Any:
        try:
            return apply(a, b)
        except ZeroDivisionError:
            return math.nan if a == 0 or apply is operator.mod else math.copysign(math.inf, a)

    return divide


def _joined(pair: Any) -> Any:
    def joined(*operands: Any) -> Any:
        result = operands[0]
        for operand in operands[1:]:
            result = pair(result, operand)
        return result

    return joined


_OPERATIONS: Final[Mapping[str, Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _guarded(operator.truediv),
    "//": _guarded(operator.floordiv),
    "%": _guarded(operator.mod),
    "neg": operator.neg,
    "abs": abs,
    "min": _joined(np.minimum),
    "max": _joined(np.maximum),
    "==": _equal,
    "!=": lambda a, b: _not(_equal(a, b)),
    "<": lambda a, b: b - a > _slack(a, b),
    "<=": lambda a, b: a - b <= _slack(a, b),
    ">": lambda a, b: a - b > _slack(a, b),
    ">=": lambda a, b: b - a <= _slack(a, b),
    "and": _joined(operator.and_),
    "or": _joined(operator.or_),
    "not": _not,
}
_OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def _missed(node: Node, values: Mapping[str, Any], wanted: bool) -> float:
    """How far the truth of a node is from what is wanted."""
    if isinstance(node, Operation) and node.operator == "not":
        return _missed(node.operands[0], values, not wanted)
    if isinstance(node, Operation) and node.operator in ("and", "or"):
        amounts = [_missed(child, values, wanted) for child in node.operands]
        return math.fsum(amounts) if (node.operator == "and") == wanted else min(amounts)
    if bool(_value(node, values)) == wanted:
        return 0.0
    if not isinstance(node, Operation) or node.operator not in _COMPARED:
        return 1.0
    sign = node.operator if wanted else _OPPOSITE[node.operator]
    a, b = (_value(child, values) for child in node.operands)
    if sign == "!=" or isinstance(a, bool | np.bool_):
        return 1.0
    amount = float(abs(a - b)) / float(abs(b) or abs(a) or 1.0)
    # A strict limit that is just reached is missed, too; what is not finite counts as missed by all of it.
    return max(amount, TOLERANCE) if math.isfinite(amount) else 1.0
