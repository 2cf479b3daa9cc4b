"""Conditions and constraints such as ``refresh == all_bank`` or ``power <= 2.5 W``, read, never executed.

The grammar is a part of Python's: numbers, numbers with a unit (``256 B``), names, texts,
``+ - * / // % **``, comparisons, ``in [a, b]``, ``and or not``, ``min`` and ``max``.  A word that is no name
of a parameter or metric is a text.  Quantities count in the base unit of their dimension (s, Hz, bit, bit/s,
J, W …), and so do values such as ``1 KiB``.
"""

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from arch.errors import InputError, unknown
from arch.units import NUMBER, UNITS
from dse.evaluation import Value

ACCEPTED = "an expression such as refresh == all_bank, or banks * row <= 64 KiB"

_LONGEST = 500
_FACTORS = {unit: factor for units in UNITS.values() for unit, factor in units.items()}
_WITH_UNIT = re.compile(rf"(?<![\w.])({NUMBER.removeprefix('[+-]?')})\s*([^\W\d_]+(?:/s)?)(?![\w(])")

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISON: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Expression:
    """A checked expression.  Make one with :func:`parse_expression`.

    Attributes:
        text: as it was given.
        names: the parameters and metrics that it mentions, in order of first mention.
    """

    text: str
    names: tuple[str, ...]

    @cached_property
    def _tree(self) -> ast.expr:
        return _parsed(self.text)

    def value(self, values: Mapping[str, Any]) -> Any:
        """Its value.  ``values`` are scalars, or NumPy arrays of one shape for many designs at a time.

        Raises:
            ArithmeticError: a division by zero.
        """
        return _value(self._tree, values, self.names)

    def excess(self, values: Mapping[str, Any]) -> float:
        """By how much a comparison is missed, as a share of its bound; 0 if it holds, 1 if not a number."""
        tree = self._tree
        if bool(_value(tree, values, self.names)):
            return 0.0
        if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
            left = _value(tree.left, values, self.names)
            right = _value(tree.comparators[0], values, self.names)
            if not isinstance(left, str) and not isinstance(right, str) and left != right:
                return float(abs(left - right) / (abs(right) or 1.0))
        return 1.0


def number_of(value: Value) -> Any:
    """What a value counts in expressions: a quantity in base units as a float, anything else as it is."""
    if isinstance(value, str):
        match = _WITH_UNIT.fullmatch(value.strip())
        if match is not None and match[2] in _FACTORS:
            return float(match[1]) * float(_FACTORS[match[2]])
    return value


def unit_factor(unit: str) -> float:
    """Base units in one ``unit`` of a metric; 1 for units that are not known."""
    return float(_FACTORS.get(unit, 1))


def parse_expression(given: object, names: Collection[str], words: Collection[str]) -> Expression:
    """Check an expression over ``names``, where other words must be among ``words``.

    Raises:
        InputError: it cannot be read, or mentions what nobody knows; with the nearest name.
    """
    if not isinstance(given, str) or len(given) > _LONGEST:
        raise InputError("", given=given, accepted=ACCEPTED)
    tree = _parsed(given)
    mentioned: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not _called(node, tree):
            if node.id in names:
                mentioned[node.id] = None
            elif node.id not in words and node.id not in ("true", "false"):
                raise InputError(unknown("name", node.id, [*names, *words]), given=given)
    _value(tree, dict.fromkeys(mentioned, None), tuple(mentioned), dry=True)
    return Expression(given, tuple(mentioned))


def _parsed(text: str) -> ast.expr:
    spelt = _WITH_UNIT.sub(
        lambda m: f"({float(m[1]) * float(_FACTORS[m[2]])!r})" if m[2] in _FACTORS else m[0], text
    )
    try:
        return ast.parse(spelt.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError("", given=text, accepted=ACCEPTED) from None


def _called(node: ast.Name, tree: ast.expr) -> bool:
    return any(isinstance(n, ast.Call) and n.func is node for n in ast.walk(tree))


def _value(node: ast.expr, values: Mapping[str, Any], names: tuple[str, ...], dry: bool = False) -> Any:
    """Evaluate; ``dry`` only visits every node, to refuse what the grammar lacks."""

    def inner(child: ast.expr) -> Any:
        return _value(child, values, names, dry)

    match node:
        case ast.Constant(value=str() | int() | float()):
            return node.value
        case ast.Name(id="true" | "false"):
            return node.id == "true"
        case ast.Name():
            return values[node.id] if node.id in names else node.id
        case ast.List() | ast.Tuple():
            return [inner(child) for child in node.elts]
        case ast.BoolOp():
            parts = [inner(child) for child in node.values]
            return None if dry else _joined(parts, isinstance(node.op, ast.And))
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd()):
            given = inner(node.operand)
            if dry:
                return None
            if isinstance(node.op, ast.Not):
                return _inverted(given)
            return -given if isinstance(node.op, ast.USub) else given
        case ast.BinOp() if type(node.op) in _BINARY:
            left, right = inner(node.left), inner(node.right)
            return None if dry else _BINARY[type(node.op)](left, right)
        case ast.Compare():
            operands = [inner(child) for child in (node.left, *node.comparators)]
            pairs = zip(operands, node.ops, operands[1:], strict=False)
            return _joined([_compared(*pair, dry=dry) for pair in pairs], True)
        case ast.Call(func=ast.Name(id="min" | "max" as name), keywords=[]) if node.args:
            given = [inner(child) for child in node.args]
            return None if dry else _extreme(given, name == "max")
    raise InputError("", given=ast.unparse(node), accepted=ACCEPTED)


def _compared(left: Any, op: ast.cmpop, right: Any, *, dry: bool) -> Any:
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, list):
            raise InputError("", given="in", accepted="a list after in, such as x in [a, b]")
        if dry:
            return None
        found = _joined([left == option for option in right], False)
        return _inverted(found) if isinstance(op, ast.NotIn) else found
    if type(op) not in _COMPARISON:
        raise InputError("", given="is", accepted=ACCEPTED)
    return None if dry else _COMPARISON[type(op)](left, right)


def _joined(parts: list[Any], every: bool) -> Any:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined & part if every else joined | part
    return joined


def _inverted(given: Any) -> Any:
    return not given if isinstance(given, bool) else ~given


def _extreme(given: list[Any], largest: bool) -> Any:
    import numpy as np

    found = given[0]
    for other in given[1:]:
        found = np.maximum(found, other) if largest else np.minimum(found, other)
    return found
