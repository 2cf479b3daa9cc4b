"""Where numbers come from: glob patterns of dotted paths, and what a user's own file changes about them."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from arch.errors import Location, dotted
from arch.yaml_source import Mark, Tree, copied

_NO_SOURCE_NEEDED = {"kind", "name", "title", "sources", "abstract"}


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
        if path[0] in _NO_SOURCE_NEEDED or mark is None or mark.layer == 0 and pattern is None:
            continue
        declared = tree.values.get(("sources", pattern)) if pattern is not None else None
        if declared is None or declared.layer < mark.layer:
            added[field] = {"source": _written(mark), "confidence": "assumed"}
    if not added:
        return tree
    data = copied(tree.data)
    data["sources"] = {**sources, **added}
    return Tree(data, tree.keys, tree.values)


def leaves(value: Any, path: Location) -> Iterator[tuple[Location, Any]]:
    """Path and value of everything that is not a map; a list counts as one value."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    else:
        yield path, value


def _written(mark: Mark) -> str:
    return mark.file if mark.line is None else f"set in {PurePath(mark.file).name}"
