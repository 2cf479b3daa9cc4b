"""JSON text to plain values that remember their lines, in the form that YAML files are read into."""

import json
import re
from decimal import Decimal
from typing import Any

from arch.errors import InputError, Location, Part, dotted
from arch.yaml_source import MAX_DEPTH, Mark, Tree

_TOKEN = re.compile(r'\n|"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def parse_json(text: str, shown: str) -> Tree:
    """Parses one JSON document; ``shown`` names it in messages.

    Raises:
        InputError: it is not JSON, is nested more than ``MAX_DEPTH`` deep, or gives a key twice.
    """
    try:
        data: Any = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        message = f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]} in column {error.colno}"
        raise InputError(message, file=shown, line=error.lineno) from None
    except RecursionError:
        raise InputError(f"nested more than {MAX_DEPTH} deep", file=shown) from None
    except ValueError as error:  # whole numbers of thousands of digits
        raise InputError(f"not valid JSON: {str(error).splitlines()[0]}", file=shown) from None
    return _marked(data, text, shown)


def _marked(data: Any, text: str, shown: str) -> Tree:
    """``data`` with the marks of its keys and values, found in its valid JSON text."""
    tree = Tree(data)
    open_: list[str] = []  # brackets around
    path: list[Part] = []  # one part for each of them
    at_key = False
    line = 1
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token in ("{", "["):
            if len(open_) >= MAX_DEPTH:
                raise InputError(f"nested more than {MAX_DEPTH} deep", file=shown, line=line)
            tree.values[tuple(path)] = Mark(shown, line)
            open_.append(token)
            path.append("" if token == "{" else 0)
            at_key = token == "{"
        elif token in ("}", "]"):
            open_.pop()
            path.pop()
        elif token == ",":
            last = path[-1]
            at_key = not isinstance(last, int)
            if isinstance(last, int):
                path[-1] = last + 1
        elif at_key and token != ":":
            path[-1] = json.loads(token)
            _enter(tree, tuple(path), Mark(shown, line))
            at_key = False
        elif token != ":":
            tree.values[tuple(path)] = Mark(shown, line)
    return tree


def _enter(tree: Tree, path: Location, mark: Mark) -> None:
    if path in tree.keys:
        message = f"key given twice, first in line {tree.keys[path].line}"
        raise InputError(message, file=mark.file, line=mark.line, field=dotted(path))
    tree.keys[path] = mark
