"""YAML text to plain values that remember the file and line of every key and value.

Only plain YAML is read: maps with text keys, lists, strings, whole and decimal numbers, booleans and
null.  Tags, merge keys, duplicate keys, several documents and alias bombs are refused, each with one
:class:`arch.errors.InputError`.  Decimal numbers come out as :class:`decimal.Decimal`, never as floats.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from arch.errors import InputError, Location, dotted

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 50_000
MAX_ANCHORS = 100

_CORE = "tag:yaml.org,2002:"
_DECIMAL_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_PREFIXED_INT = re.compile(r"[-+]?0(x[0-9a-fA-F_]+|o[0-7_]+|b[01_]+)")
_FLOAT = re.compile(r"[-+]?([0-9][0-9_]*)?\.?[0-9_]*([eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 60


class Mark(NamedTuple):
    """Where something was written; ``line`` counts from 1, None for ``--set`` with its text as file."""

    file: str
    line: int | None
    layer: int = 0  # position in the extends chain: a larger one overrides a smaller one


@dataclass
class Tree:
    """Plain values with the mark of each key and value by its path (the root is the empty path)."""

    data: Any
    keys: dict[Location, Mark] = field(default_factory=dict)
    values: dict[Location, Mark] = field(default_factory=dict)

    def mark(self, path: Location, *, key: bool = False) -> Mark | None:
        """Mark of the value (or key) at ``path``, or of the closest thing around it that has one."""
        if key and path in self.keys:
            return self.keys[path]
        for end in range(len(path), -1, -1):
            if path[:end] in self.values:
                return self.values[path[:end]]
        return None


def read_text(path: Path, shown: str, kind: str) -> str:
    """The text of a file of modest size; ``shown`` names it in messages, ``kind`` says what it should be.

    Raises:
        InputError: it cannot be read, is no text, or is larger than MAX_BYTES.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)  # what is no regular file need not end
    except IsADirectoryError:
        raise InputError(f"is a directory, not a {kind}", file=shown) from None
    except FileNotFoundError:
        raise InputError("no such file", file=shown) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read: {reason}", file=shown) from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"larger than {MAX_BYTES >> 20} MiB, the most for a {kind}", file=shown)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError("not UTF-8 text", file=shown, line=line) from None
    return text


def read_file(path: Path, shown: str) -> Tree:
    """Reads one YAML file whose root is a map; ``shown`` names it in messages."""
    text = read_text(path, shown, "YAML file")
    tree = parse(text, shown)
    if not isinstance(tree.data, dict):
        root = tree.mark(())
        raise InputError(
            "the file must be a map of keys such as kind: memory",
            file=shown,
            line=root.line if root else None,
            given=tree.data,
            accepted="a map",
        )
    return tree


def parse(text: str, shown: str, *, lines: bool = True) -> Tree:
    """Parses one YAML document; ``lines=False`` leaves line numbers out (one-line sources such as --set)."""
    loader = None
    try:
        # The loader only makes events and resolves plain scalars; values are built by _Builder.
        loader = (yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)(text)
        return _Builder(loader, shown, lines).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "cannot be parsed"
        line = mark.line + 1 if mark is not None and lines else None
        # libyaml reads ahead: what is nested a thousand deep it may refuse before _Builder sees it.
        if "nesting depth" in problem:
            raise InputError(f"nested more than {MAX_DEPTH} deep", file=shown, line=line) from None
        raise InputError(f"not valid YAML: {problem}", file=shown, line=line) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1 if lines and isinstance(error.position, int) else None
        raise InputError(f"not valid YAML: {error.reason}", file=shown, line=line) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", file=shown) from None
    finally:
        if loader is not None:
            loader.dispose()


class _Builder:
    """Turns parser events into values; depth, size and expansion of aliases are bounded."""

    def __init__(self, loader: Any, shown: str, lines: bool) -> None:
        self.loader = loader
        self.shown = shown
        self.lines = lines
        self.tree = Tree(None)
        self.nodes = 0
        self.anchors: dict[str, Tree] = {}

    def document(self) -> Tree:
        self.loader.get_event()  # stream start
        if self.loader.check_event(yaml.StreamEndEvent):
            raise InputError("the file is empty", file=self.shown)
        self.loader.get_event()  # document start
        self.tree.data = self.node((), 0)
        self.loader.get_event()  # document end
        if not self.loader.check_event(yaml.StreamEndEvent):
            event = self.loader.get_event()
            raise self.error("a second YAML document; one file holds one", event)
        return self.tree

    def error(self, message: str, event: Any) -> InputError:
        return InputError(message, file=self.shown, line=self.line(event))

    def line(self, event: Any) -> int | None:
        return event.start_mark.line + 1 if self.lines else None

    def node(self, path: Location, depth: int) -> Any:
        event = self.loader.get_event()
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.error(f"more than {MAX_NODES} values, aliases expanded", event)
        if depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep", event)
        self.tree.values[path] = Mark(self.shown, self.line(event))
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, path, depth)
        self.refuse_tag(event)
        if isinstance(event, yaml.ScalarEvent):
            value: Any = self.scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = list(self.items(path, depth))
        else:
            value = self.mapping(path, depth)
        if event.anchor is not None:
            if len(self.anchors) >= MAX_ANCHORS:
                raise self.error(f"more than {MAX_ANCHORS} anchors", event)
            self.anchors[event.anchor] = _subtree(self.tree, value, path)
        return value

    def items(self, path: Location, depth: int) -> Iterator[Any]:
        index = 0
        while not self.loader.check_event(yaml.SequenceEndEvent):
            yield self.node((*path, index), depth + 1)
            index += 1
        self.loader.get_event()

    def mapping(self, path: Location, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not self.loader.check_event(yaml.MappingEndEvent):
            event = self.loader.get_event()
            if not isinstance(event, yaml.ScalarEvent):
                raise self.error("a key must be plain text", event)
            self.refuse_tag(event)
            key = event.value
            here = (*path, key)
            if key == "<<" and event.implicit[0]:
                raise self.error("merge keys (<<) are not read; use extends: instead", event)
            if key in result:
                first = self.tree.keys[here].line
                raise InputError(
                    f"key given twice{'' if first is None else f', first in line {first}'}",
                    file=self.shown,
                    line=self.line(event),
                    field=dotted(here),
                )
            self.tree.keys[here] = Mark(self.shown, self.line(event))
            result[key] = self.node(here, depth + 1)
        self.loader.get_event()
        return result

    def alias(self, event: Any, path: Location, depth: int) -> Any:
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            raise self.error(f'alias "*{event.anchor}" of an anchor that is not complete above it', event)
        self.nodes += len(anchored.values)
        if self.nodes > MAX_NODES:
            raise self.error(f"more than {MAX_NODES} values, aliases expanded", event)
        if depth + max(map(len, anchored.values), default=0) > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep, aliases expanded", event)
        here = self.tree.values[path]
        self.tree.values.update({path + sub: here for sub in anchored.values})
        self.tree.keys.update({path + sub: here for sub in anchored.keys})
        return copied(anchored.data)

    def refuse_tag(self, event: Any) -> None:
        tag = event.tag
        if tag is None or tag == "!" or tag.removeprefix(_CORE) in ("str", "map", "seq"):
            return
        text = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
        raise self.error(f'tag "{text}" is not read; a system file holds plain values only', event)

    def scalar(self, event: Any, path: Location) -> Any:
        text: str = event.value
        if event.tag is not None or not event.implicit[0]:
            return text
        tag = self.loader.resolve(yaml.ScalarNode, text, (True, False)).removeprefix(_CORE)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in ("yes", "true", "on")
        if tag in ("int", "float") and ":" not in text:
            return self.number(text, event, path)
        return text

    def number(self, text: str, event: Any, path: Location) -> int | Decimal:
        if len(text) > _LONGEST_NUMBER:
            raise self.error(f"a number of more than {_LONGEST_NUMBER} characters", event)
        if _DECIMAL_INT.fullmatch(text):
            return int(text.replace("_", ""))
        if _PREFIXED_INT.fullmatch(text):
            return int(text.replace("_", ""), 0)
        digits = text.replace("_", "")
        if any(c in text for c in ".eE") and _FLOAT.fullmatch(text) and any(c.isdigit() for c in digits):
            value = Decimal(digits)
            if value == 0 or abs(value.adjusted()) <= _LONGEST_NUMBER:
                return value
        raise InputError(
            "",
            file=self.shown,
            line=self.line(event),
            field=dotted(path),
            given=text,
            accepted="a plain decimal number",
        )


def _subtree(tree: Tree, value: Any, path: Location) -> Tree:
    size = len(path)
    return Tree(
        value,
        {p[size:]: m for p, m in tree.keys.items() if p[:size] == path and len(p) > size},
        {p[size:]: m for p, m in tree.values.items() if p[:size] == path},
    )


def copied(value: Any) -> Any:
    """A deep copy of plain values."""
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if isinstance(value, list):
        return [copied(v) for v in value]
    return value
