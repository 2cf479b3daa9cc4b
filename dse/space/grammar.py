"""The small language of conditions and constraints, such as ``channels * buffer / 256 B <= 4480``.

Text becomes a tree of the few nodes below.  Python's parser reads the text, a white list says what may be
in it, and nothing is ever executed.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from arch.errors import InputError
from arch.units import NUMBER

ACCEPTED: Final = (
    "names, numbers with or without a unit, + - * / // %, min(a, b), max(a, b), == != < <= > >=, "
    "in [a, b], and, or, not"
)
LONGEST: Final = 1000

FUNCTIONS: Final = ("min", "max", "abs")
_KEYWORDS = ("and", "or", "not", "in", "if", "else", "is")
_QUANTITY = re.compile(rf"(?<![\w.])({NUMBER.replace('[+-]?', '', 1)})\s*([^\W\d_][^\W_]*(?:/s\b)?)")
_PLACE = "quantity_"
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True)
class Number:
    """A number, and the unit behind it if there is one."""

    value: Fraction
    unit: str | None = None


@dataclass(frozen=True)
class Text:
    """A quoted text."""

    value: str


@dataclass(frozen=True)
class Truth:
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True)
class Name:
    """A name, or several with dots between."""

    name: str


@dataclass(frozen=True)
class Items:
    """A list; stands only behind ``in``."""

    items: tuple["Node", ...]


@dataclass(frozen=True)
class Operation:
    """``operator`` is one of ``+ - * / // % min max abs neg``, ``== != < <= > >= in``, ``and or not``."""

    operator: str
    operands: tuple["Node", ...]


Node = Number | Text | Truth | Name | Items | Operation

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.And: "and",
    ast.Or: "or",
    ast.Not: "not",
    ast.USub: "neg",
}


def parse(given: object) -> Node:
    """The tree of an expression.

    Raises:
        InputError: not a text, too long, or something the language does not have.
    """
    if isinstance(given, bool) and given is not None:
        return Truth(given)
    if not isinstance(given, str) or not given.strip():
        raise InputError("", given=given, accepted="an expression such as buffer_size * 8 <= 512")
    if len(given) > LONGEST:
        raise InputError(f"longer than {LONGEST} characters", given=given)
    quantities: list[Number] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python would warn of, the white list refuses
            tree = ast.parse(_without_units(given, quantities).strip(), mode="eval")
        return _node(tree.body, quantities, given)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        message = "not an expression (a value with other characters than letters, digits and _ needs quotes)"
        raise InputError(message, given=given, accepted=ACCEPTED) from None


def names_in(node: Node) -> Iterator[str]:
    """Every name that is mentioned, as often as it is; parameters, metrics and values alike."""
    if isinstance(node, Name):
        yield node.name
    for child in _children(node):
        yield from names_in(child)


def _children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Operation):
        return node.operands
    return node.items if isinstance(node, Items) else ()


def _without_units(text: str, quantities: list[Number]) -> str:
    """The text with ``256 B`` replaced by a name that Python can read; quoted texts stay as they are."""

    def replaced(match: re.Match[str]) -> str:
        number, unit = match.groups()
        if unit in _KEYWORDS:
            return match.group()
        quantities.append(Number(Fraction(number), unit))
        return f" {_PLACE}{len(quantities) - 1} "

    parts, position = [], 0
    for quoted in _TEXT.finditer(text):
        parts += [_QUANTITY.sub(replaced, text[position : quoted.start()]), quoted.group()]
        position = quoted.end()
    return "".join([*parts, _QUANTITY.sub(replaced, text[position:])])


def _node(given: ast.AST, quantities: list[Number], text: str) -> Node:
    def read(child: ast.AST) -> Node:
        return _node(child, quantities, text)

    match given:
        case ast.Constant(value=bool(value)):
            return Truth(value)
        case ast.Constant(value=int() | float() as value):
            return Number(Fraction(repr(value)))
        case ast.Constant(value=str(value)):
            return Text(value)
        case ast.Name(id=name):
            if name.startswith(_PLACE) and name.removeprefix(_PLACE).isdigit():
                index = int(name.removeprefix(_PLACE))
                if index < len(quantities):
                    return quantities[index]
            return Truth(name == "true") if name in ("true", "false") else Name(name)
        case ast.Attribute():
            inner = read(given.value)
            if isinstance(inner, Name):
                return Name(f"{inner.name}.{given.attr}")
        case ast.BinOp() if type(given.op) in _OPERATORS:
            return Operation(_OPERATORS[type(given.op)], (read(given.left), read(given.right)))
        case ast.UnaryOp() if type(given.op) in _OPERATORS:
            return Operation(_OPERATORS[type(given.op)], (read(given.operand),))
        case ast.BoolOp():
            return Operation(_OPERATORS[type(given.op)], tuple(map(read, given.values)))
        case ast.Call(func=ast.Name(id=function), keywords=[]) if function in FUNCTIONS:
            if len(given.args) == 1 if function == "abs" else len(given.args) > 1:
                return Operation(function, tuple(map(read, given.args)))
        case ast.List() | ast.Tuple():
            return Items(tuple(map(read, given.elts)))
        case ast.Compare():
            return _comparison(given, quantities, text)
    piece = ast.unparse(given) if isinstance(given, ast.expr) else type(given).__name__
    raise InputError(f'"{_shown(piece, quantities)}" is not read', given=text, accepted=ACCEPTED)


def _comparison(given: ast.Compare, quantities: list[Number], text: str) -> Node:
    sides = [_node(side, quantities, text) for side in (given.left, *given.comparators)]
    links: list[Node] = []
    for i, operator in enumerate(given.ops):
        pair = (sides[i], sides[i + 1])
        if isinstance(operator, (ast.In, ast.NotIn)):
            member = Operation("in", pair)
            links.append(member if isinstance(operator, ast.In) else Operation("not", (member,)))
        elif type(operator) in _OPERATORS:
            links.append(Operation(_OPERATORS[type(operator)], pair))
        else:
            raise InputError("is is not read; write ==", given=text, accepted=ACCEPTED)
    return links[0] if len(links) == 1 else Operation("and", tuple(links))


def _shown(piece: str, quantities: list[Number]) -> str:
    for index, quantity in enumerate(quantities):
        piece = piece.replace(f"{_PLACE}{index}", f"{float(quantity.value):g} {quantity.unit}")
    return piece
