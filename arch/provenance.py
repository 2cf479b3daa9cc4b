"""Where numbers come from: glob patterns of dotted paths, and what a user's own file changes about them."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from arch.errors import Location, dotted
from arch.yaml_source import Mark, Tree, copied

_NAMING = {"kind", "name", "title"}  # of the system, or of a component
_NO_SOURCE_NEEDED = {*_NAMING, "sources", "abstract"}
_ON_THE_COMMAND_LINE, _IN_A_FILE = "--set ", "set in "


def matching(provenance: Mapping[str, Any], field: str) -> str | None:
    """The pattern of ``provenance`` that speaks for ``field``: the longest one, exact names first."""
    if field in provenance:
        return field
    fitting = [pattern for pattern in provenance if fnmatchcase(field, pattern)]
    return max(fitting, key=lambda p: (len(p.replace("*", "")), p), default=None)


def with_overrides(tree: Tree) -> Tree:
    """The tree whose ``sources`` also name each value that was set after the source that speaks for it.

    Without this a number of the user's own would pass for one of the datasheet's.
    """
    sources = tree.data.get("sources", {})
    if not isinstance(sources, dict):
        return tree
    added = {}
    for path, _ in leaves(tree.data, ()):
        mark = tree.values.get(path)
        field = dotted(path)
        pattern = matching(sources, field)
        needs_none = path[0] in _NO_SOURCE_NEEDED or path[-1] in _NAMING
        if needs_none or mark is None or mark.layer == 0 and pattern is None:
            continue
        # The mark of the key: the map below it keeps that of the layer that wrote it first.
        declared = tree.keys.get(("sources", pattern)) if pattern is not None else None
        if declared is None or declared.layer < mark.layer:
            added[field] = {"source": _written(mark), "confidence": "assumed"}
    if not added:
        return tree
    data = copied(tree.data)
    data["sources"] = {**sources, **added}
    return Tree(data, tree.keys, tree.values)


def set_by_user(provenance: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Dotted paths of the values that a user's file or ``--set`` laid over a library system.

    A value for which that file names a source of its own is part of a device's description and not among
    them.  It is read off the sources, so it stays true of a system that was written out and loaded again.
    """
    written = (_ON_THE_COMMAND_LINE, _IN_A_FILE)
    return [
        field
        for field, source in provenance.items()
        if source["confidence"] == "assumed" and source["source"].startswith(written)
    ]


def leaves(value: Any, path: Location) -> Iterator[tuple[Location, Any]]:
    """Path and value of everything that is not a map; a list counts as one value."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    else:
        yield path, value


def _written(mark: Mark) -> str:
    # The text of an override is its file and starts with --set.
    return mark.file if mark.line is None else f"{_IN_A_FILE}{PurePath(mark.file).name}"
