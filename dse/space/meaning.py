"""What an expression means: names bound to parameters or metrics, units checked, values worked out.

Numbers are floats in base units (sizes in bits, as in :mod:`arch.units`); texts are codes, compared only.
The same functions work on plain values and on NumPy arrays, and give the same answer.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np

from arch.errors import InputError, nearest, shown, unknown
from arch.units import UNITS, Dimension
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
_COMPARED = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Symbol:
    """What a name stands for.

    Attributes:
        kind: numbers can be calculated with; texts only compared for being equal.
        powers: unit of a number.
        factor: what a metric is multiplied by to be in base units.
        unit: of a metric, as declared; may stand behind numbers it is compared with.
        values: what a text may be, all that is known of them.
    """

    kind: Literal["number", "text", "truth"]
    powers: Powers = PLAIN
    factor: float = 1.0
    unit: str | None = None
    values: tuple[Value, ...] = ()


Scope = Mapping[str, Symbol]


@dataclass(frozen=True)
class Expression:
    """An expression that was understood; ``names`` are the parameters or metrics it mentions."""

    text: str
    names: tuple[str, ...]
    node: Node

    def holds(self, values: Mapping[str, Any]) -> Any:
        """Is it true?  ``values`` by name: numbers in base units, texts as :func:`code`, booleans, or arrays.

        Returns a boolean, or an array of them.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _value(self.node, values)

    def missed(self, values: Mapping[str, float]) -> float:
        """By how much it is missed, relative to the limit it states; 0 exactly where it holds."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return _missed(self.node, values, wanted=True)


def understand(given: object, scope: Scope) -> Expression:
    """Reads an expression that must be true or false; ``scope`` says what its names stand for.

    Raises:
        InputError: not in the language, unknown names or values, or units that do not go together.
    """
    tree = parse(given)
    text = str(given)
    try:
        node, symbol = _bind(tree, scope)
    except InputError as error:
        raise InputError(error.message, given=given, accepted=error.accepted) from None
    if symbol.kind != "truth":
        raise InputError("neither true nor false", given=given, accepted="a comparison such as a <= 2 * b")
    names = tuple(dict.fromkeys(n for n in names_in(node) if n in scope))
    return Expression(text, names, node)


def mentioned(given: object, names: Iterable[str]) -> set[str]:
    """Which of ``names`` an expression mentions; InputError if it cannot be read."""
    return set(names_in(parse(given))) & set(names)


def symbol_of(values: Iterable[Value]) -> Symbol:
    """What a parameter of these values stands for: numbers where all are, quantities of one dimension too."""
    listed = tuple(values)
    if all(isinstance(v, bool) for v in listed):
        return Symbol("truth")
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in listed):
        return Symbol("number")
    found = [quantity(v) if isinstance(v, str) else None for v in listed]
    first = found[0]
    if first is not None and all(q is not None and q[1] == first[1] for q in found):
        return Symbol("number", first[1])
    return Symbol("text", values=listed)


def measure(symbol: Symbol, value: Value) -> Any:
    """A value of a parameter as expressions calculate with it."""
    if symbol.kind == "truth":
        return bool(value)
    if symbol.kind == "text":
        return code(value)
    if isinstance(value, str):
        read = quantity(value)
        assert read is not None
        return read[0]
    return float(value)


def code(value: Value) -> float:
    """What a text (or number among texts) is compared as: a whole number, equal for equal values only."""
    kind = "text" if isinstance(value, str) else "truth" if isinstance(value, bool) else "number"
    digest = hashlib.sha256(f"{kind} {value}".encode()).digest()
    return float(int.from_bytes(digest[:6], "big"))  # two of them are within the tolerance once in 10**11


def quantity(text: str) -> tuple[float, Powers] | None:
    """A text such as ``4 KiB`` in base units, with its unit; None for any other text."""
    try:
        node = parse(text)
    except InputError:
        return None
    if not isinstance(node, Number) or node.unit is None:
        return None
    known = _unit(node.unit)
    return None if known is None else (float(node.value * known[0]), known[1])


def unit_powers(unit: str) -> tuple[Fraction, Powers]:
    """Factor to base units and powers of a declared unit such as ``B/s``, ``J·s``, ``1/s``; others count as plain."""
    if (whole := _unit(unit)) is not None:
        return whole
    above, *below = unit.split("/")
    factor, powers = Fraction(1), [0] * len(PLAIN)
    for sign, parts in ((1, above.split("·")), (-1, below)):
        for part in parts:
            known = (Fraction(1), PLAIN) if part in ("1", "") else _unit(part)
            if known is None:
                return Fraction(1), PLAIN
            factor *= known[0] ** sign
            powers = [p + sign * q for p, q in zip(powers, known[1], strict=True)]
    return factor, (powers[0], powers[1], powers[2], powers[3], powers[4])


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
        if any(symbol.kind != "truth" for _, symbol in bound):
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
    first, second = (_literal(a, b, scope) for a, b in ((left, right), (right, left)))
    sides = [_bind(side, scope) if literal is None else literal for side, literal in zip((left, right), (first, second), strict=True)]
    (bound_left, a), (bound_right, b) = sides
    bound = replace(node, operands=(bound_left, bound_right))
    if a.kind != b.kind:
        kinds = {"number": "a number", "text": "a text", "truth": "true or false"}
        raise InputError(f"{kinds[a.kind]} is compared with {kinds[b.kind]}")
    if a.kind == "number":
        zero = Number(Fraction(0))
        if a.powers != b.powers and zero not in (bound_left, bound_right):
            raise InputError(f"{_spoken(a.powers)} is compared with {_spoken(b.powers)}")
    elif node.operator not in ("==", "!="):
        raise InputError(f"{'texts' if a.kind == 'text' else 'truths'} can only be compared with == and !=")
    return bound, Symbol("truth")


def _literal(node: Node, other: Node, scope: Scope) -> tuple[Node, Symbol] | None:
    """A value that is compared with a parameter; None if the node is no value, or a number among numbers."""
    symbol = scope.get(other.name) if isinstance(other, Name) else None
    bare = isinstance(node, Name) and node.name not in scope
    if symbol is None or not (bare or isinstance(node, (Text, Truth, Number))):
        return None
    if symbol.kind == "text":
        value: Value = node.name if isinstance(node, Name) else _plain(node)
        codes = [code(v) for v in symbol.values]
        if code(value) not in codes:
            assert isinstance(other, Name)
            names = [str(v) for v in symbol.values]
            raise InputError(unknown(f"value {shown(value)} of {other.name}", str(value), names), accepted=names)
        return Number(Fraction(code(value))), symbol
    if symbol.kind == "number" and isinstance(node, Text):
        read = quantity(node.value)
        if read is not None:
            return Number(Fraction(read[0])), Symbol("number", read[1])
    return None


def _plain(node: Node) -> Value:
    if isinstance(node, (Text, Truth)):
        return node.value
    assert isinstance(node, Number)
    if node.unit is not None:
        raise InputError("a quantity is compared with a text; put it in quotes")
    return int(node.value) if node.value.denominator == 1 else float(node.value)


def _bind_arithmetic(node: Operation, scope: Scope) -> tuple[Node, Symbol]:
    bound = [_bind(child, scope) for child in node.operands]
    for child, symbol in zip(node.operands, bound, strict=True):
        if symbol[1].kind != "number":
            what = f'"{child.name}"' if isinstance(child, Name) else "what is true or false"
            raise InputError(f"{what} is not a number")
    powers = [symbol.powers for _, symbol in bound]
    result = powers[0]
    if node.operator in ("*", "/"):
        sign = 1 if node.operator == "*" else -1
        result = _sum(powers[0], powers[1], sign)
    elif node.operator == "//":
        result = _sum(powers[0], powers[1], -1)
    elif any(p != result for p in powers):
        raise InputError(f"{_spoken(powers[0])} and {_spoken(powers[1])} do not go together")
    return replace(node, operands=tuple(child for child, _ in bound)), Symbol("number", result)


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
    operands = [_value(child, values) for child in node.operands]
    return _OPERATIONS[node.operator](*operands)


def _slack(a: Any, b: Any) -> Any:
    return TOLERANCE * np.maximum(np.abs(a), np.abs(b))


def _equal(a: Any, b: Any) -> Any:
    if np.asarray(a).dtype == bool:
        return np.equal(a, b)
    return np.abs(np.subtract(a, b)) <= _slack(a, b)


def _every(*operands: Any) -> Any:
    result = operands[0]
    for operand in operands[1:]:
        result = np.logical_and(result, operand)
    return result


def _some(*operands: Any) -> Any:
    result = operands[0]
    for operand in operands[1:]:
        result = np.logical_or(result, operand)
    return result


def _least(*operands: Any) -> Any:
    result = operands[0]
    for operand in operands[1:]:
        result = np.minimum(result, operand)
    return result


def _most(*operands: Any) -> Any:
    result = operands[0]
    for operand in operands[1:]:
        result = np.maximum(result, operand)
    return result


_OPERATIONS: Final[Mapping[str, Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "//": np.floor_divide,
    "%": np.mod,
    "neg": np.negative,
    "abs": np.abs,
    "min": _least,
    "max": _most,
    "==": _equal,
    "!=": lambda a, b: np.logical_not(_equal(a, b)),
    "<": lambda a, b: np.subtract(b, a) > _slack(a, b),
    "<=": lambda a, b: np.subtract(a, b) <= _slack(a, b),
    ">": lambda a, b: np.subtract(a, b) > _slack(a, b),
    ">=": lambda a, b: np.subtract(b, a) <= _slack(a, b),
    "and": _every,
    "or": _some,
    "not": np.logical_not,
}
_OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def _missed(node: Node, values: Mapping[str, Any], wanted: bool) -> float:
    """How far the truth of a node is from what is wanted."""
    if isinstance(node, Operation) and node.operator == "not":
        return _missed(node.operands[0], values, not wanted)
    if isinstance(node, Operation) and node.operator in ("and", "or"):
        amounts = [_missed(child, values, wanted) for child in node.operands]
        return sum(amounts) if (node.operator == "and") == wanted else min(amounts)
    if bool(_value(node, values)) == wanted:
        return 0.0
    if not isinstance(node, Operation) or node.operator not in _COMPARED:
        return 1.0
    operator = node.operator if wanted else _OPPOSITE[node.operator]
    a, b = (_value(child, values) for child in node.operands)
    if operator == "!=" or isinstance(a, (bool, np.bool_)):
        return 1.0
    amount = float(abs(a - b)) / float(abs(b) or abs(a) or 1.0)
    # A strict limit that is just reached, and what is not a number, are missed all the same.
    return max(amount, TOLERANCE) if amount == amount else float("inf")
