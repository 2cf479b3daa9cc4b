"""Builds one tree from layers: ``extends:`` chains, ``use:`` components, and ``KEY=VALUE`` overrides.

Maps merge key by key, lists and plain values replace, ``null`` deletes.  Every key and value keeps the
mark of the layer that wrote it, so that errors and provenance point at the right file and line.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from arch.errors import InputError, Location, Part, dotted, nearest
from arch.yaml_source import Mark, Tree, copied, parse, read_file

LIBRARY = Path(__file__).parent / "library"
MAX_CHAIN = 32

_NOT_IN_NAMES = re.compile(r"^[^A-Za-z0-9_]|[^A-Za-z0-9_.+-]")


def build(name_or_path: str, overrides: Sequence[str] = ()) -> tuple[Tree, Path]:
    """The merged tree of a library name or file with overrides applied, and the file it came from."""
    path, shown = locate(name_or_path)
    tree = _extended(path, shown, ())
    for text in overrides:
        tree = _overridden(tree, text, _top_layer(tree) + 1)
    return _with_components(tree, path, ((path.resolve(), shown),)), path


def library_names() -> list[str]:
    """Names of all library files, abstract families included, sorted."""
    return sorted(p.stem for p in LIBRARY.glob("*.yaml"))


def locate(
    name_or_path: str, beside: Path | None = None, mark: Mark | None = None, field: str | None = None
) -> tuple[Path, str]:
    """Path and display name of a library name or a file (relative to the folder ``beside``).

    Raises InputError, at ``mark`` and ``field`` if the name was read there, with the nearest library name;
    abstract families are offered to ``extends`` only.
    """
    is_path = "/" in name_or_path or "\\" in name_or_path or name_or_path.endswith((".yaml", ".yml"))
    names = library_names()
    if not is_path and name_or_path in names:
        return LIBRARY / f"{name_or_path}.yaml", f"{name_or_path}.yaml"
    path = Path(name_or_path) if beside is None else beside / name_or_path
    try:
        if name_or_path and path.exists():
            return path, str(path)
    except (OSError, ValueError):  # longer than the file system takes, or with a null character
        pass
    if is_path:
        message, accepted = "no such file", None
    else:
        if field != "extends":  # what is run must not be a family
            names = [n for n in names if not _library_file(LIBRARY / f"{n}.yaml", n).data.get("abstract")]
        guess = nearest(name_or_path, names)
        message = "no library system and no file of this name" + (
            f'; did you mean "{guess}"?' if guess else ""
        )
        accepted = ", ".join(names) + ", or the path of a YAML file"
    raise InputError(
        message,
        file=mark.file if mark else None,
        line=mark.line if mark else None,
        field=field,
        given=name_or_path,
        accepted=accepted,
    )


def merged(base: Tree, over: Tree) -> Tree:
    """``over`` laid on ``base``; neither is changed."""
    keys, values = dict(base.keys), dict(base.values)
    data = _merge((), copied(base.data), over.data, keys, values, over)
    if () in over.values:
        values[()] = over.values[()]
    return Tree(data, keys, values)


def _merge(
    path: Location,
    base: Any,
    over: Any,
    keys: dict[Location, Mark],
    values: dict[Location, Mark],
    source: Tree,
) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        for key, value in over.items():
            here = (*path, key)
            if key in base:
                base[key] = _merge(here, base[key], value, keys, values, source)
                if value is not None:
                    keys[here] = source.keys[here]
            else:
                base[key] = copied(value)
                _adopt(here, value, keys, values, source)
        return base
    if isinstance(base, (dict, list)):
        for marks in (keys, values):
            for old in [p for p in marks if p[: len(path)] == path and p != path]:
                del marks[old]
    _adopt(path, over, keys, values, source)
    return copied(over)


def _adopt(
    path: Location, value: Any, keys: dict[Location, Mark], values: dict[Location, Mark], source: Tree
) -> None:
    """Takes over the marks of ``source`` at and below ``path``, where ``value`` stands."""
    for marks, theirs in ((keys, source.keys), (values, source.values)):
        if path in theirs:
            marks[path] = theirs[path]
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        _adopt((*path, key), child, keys, values, source)


def without_nulls(tree: Tree) -> Tree:
    """The tree without the keys that ``null`` deletes (marks stay; they are harmless)."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: cleaned(v) for k, v in value.items() if v is not None}
        return value

    return replace(tree, data=cleaned(tree.data))


def _extended(path: Path, shown: str, chain: tuple[tuple[Path, str], ...]) -> Tree:
    """The file with everything it extends; ``chain`` are the files that led here."""
    real = path.resolve()
    if real.parent == LIBRARY.resolve():
        tree = _library_file(path, shown)
        tree = Tree(copied(tree.data), dict(tree.keys), dict(tree.values))
    else:
        tree = read_file(path, shown)
    if not chain:
        tree.data.setdefault("name", _NOT_IN_NAMES.sub("_", path.stem)[:64] or "_")
    parent = tree.data.pop("extends", None)
    if parent is None:
        return tree
    mark = tree.mark(("extends",))
    line = mark.line if mark else None
    if not isinstance(parent, str):
        accepted = "a library name or the path of a YAML file"
        raise InputError("", file=shown, line=line, field="extends", given=parent, accepted=accepted)
    parent_path, parent_shown = locate(parent, path.parent, mark, "extends")
    chain = (*chain, (real, shown))
    if any(parent_path.resolve() == p for p, _ in chain):
        names = " extends ".join([*(s for _, s in chain), parent_shown])
        raise InputError(f"extends runs in a circle: {names}", file=shown, line=line, field="extends")
    if len(chain) >= MAX_CHAIN:
        raise InputError(f"extends more than {MAX_CHAIN} files deep", file=shown, line=line, field="extends")
    base = _extended(parent_path, parent_shown, chain)
    for key in ("name", "abstract"):
        base.data.pop(key, None)
    layer = _top_layer(base) + 1
    over = Tree(
        tree.data,
        {p: m._replace(layer=m.layer + layer) for p, m in tree.keys.items()},
        {p: m._replace(layer=m.layer + layer) for p, m in tree.values.items()},
    )
    return merged(base, over)


@lru_cache(maxsize=64)
def _library_file(path: Path, shown: str) -> Tree:
    return read_file(path, shown)


def _top_layer(tree: Tree) -> int:
    return max((m.layer for m in tree.values.values()), default=0)


def _with_components(tree: Tree, path: Path, chain: tuple[tuple[Path, str], ...]) -> Tree:
    """Replaces every map ``{use: NAME, …}`` below the root by that file's tree with the map as overrides."""
    for location in _uses(tree.data, ()):
        over = _at(tree, location)
        name = over.data.pop("use")
        mark = tree.mark((*location, "use"))
        where = dotted((*location, "use"))
        line = mark.line if mark else None
        file = mark.file if mark else chain[-1][1]
        if not isinstance(name, str):
            accepted = "a library name or the path of a YAML file"
            raise InputError("", file=file, line=line, field=where, given=name, accepted=accepted)
        used, shown = locate(name, path.parent, mark, where)
        if any(used.resolve() == p for p, _ in chain):
            names = " uses ".join([*(s for _, s in chain), shown])
            raise InputError(f"use runs in a circle: {names}", file=file, line=line, field=where)
        component = _extended(used, shown, ())
        if component.data.pop("abstract", None):
            message = f"{name} is an abstract family; use a system that extends it"
            raise InputError(message, file=file, line=line, field=where)
        component = _with_components(component, used, (*chain, (used.resolve(), shown)))
        # The overrides stand in the using file, so they rank above every layer of the component.
        lift = _top_layer(component) + 1
        over.keys = {p: m._replace(layer=m.layer + lift) for p, m in over.keys.items()}
        over.values = {p: m._replace(layer=m.layer + lift) for p, m in over.values.items()}
        whole = merged(component, over)
        sources = _sources_of(whole, location)
        own = _lifted_sources(tree, location, lift)
        tree = merged(_cut(own, location), _moved(whole, location, tree))
        if sources is not None:
            tree = merged(sources, tree)
    return tree


def _sources_of(component: Tree, location: Location) -> Tree | None:
    """Takes the component's ``sources`` out, as a tree of sources for paths from the root."""
    found = component.data.pop("sources", None)
    if not isinstance(found, dict):
        if found is not None:
            component.data["sources"] = found  # no map: left for the complaint about it
        return None
    prefix = dotted(location)

    def moved(marks: dict[Location, Mark]) -> dict[Location, Mark]:
        result = {}
        for path in [p for p in marks if p[:1] == ("sources",)]:
            mark = marks.pop(path)
            result[(path[0], f"{prefix}.{path[1]}", *path[2:]) if len(path) > 1 else path] = mark
        return result

    data = {"sources": {f"{prefix}.{pattern}": value for pattern, value in found.items()}}
    return Tree(data, moved(component.keys), {(): component.values[()], **moved(component.values)})


def _lifted_sources(tree: Tree, location: Location, lift: int) -> Tree:
    """The tree with its own sources for a component's values ranked above the component's layers."""
    prefix = f"{dotted(location)}."

    def lifted(marks: dict[Location, Mark]) -> dict[Location, Mark]:
        return {
            p: m._replace(layer=m.layer + lift)
            if len(p) > 1 and p[0] == "sources" and str(p[1]).startswith(prefix)
            else m
            for p, m in marks.items()
        }

    return Tree(tree.data, lifted(tree.keys), lifted(tree.values))


def _uses(value: Any, path: Location) -> list[Location]:
    if isinstance(value, dict):
        if path and "use" in value:
            return [path]
        return [found for k, v in value.items() for found in _uses(v, (*path, k))]
    return []


def _at(tree: Tree, location: Location) -> Tree:
    value = tree.data
    for part in location:
        value = value[part]
    size = len(location)
    return Tree(
        copied(value),
        {p[size:]: m for p, m in tree.keys.items() if p[:size] == location and len(p) > size},
        {p[size:]: m for p, m in tree.values.items() if p[:size] == location},
    )


def _cut(tree: Tree, location: Location) -> Tree:
    """The tree with a null at ``location``, so that what is merged there replaces instead of merging."""
    data = copied(tree.data)
    parent = data
    for part in location[:-1]:
        parent = parent[part]
    parent[location[-1]] = None
    return Tree(data, dict(tree.keys), dict(tree.values))


def _moved(component: Tree, location: Location, tree: Tree) -> Tree:
    """``component`` as a tree that holds it at ``location``."""
    keys = {(*location, *p): m for p, m in component.keys.items()}
    values = {(*location, *p): m for p, m in component.values.items()}
    data = component.data
    for end in range(len(location), 0, -1):
        data = {location[end - 1]: data}
        keys[location[:end]] = tree.keys[location[:end]]
        values.setdefault(location[: end - 1], tree.values[location[: end - 1]])
    return Tree(data, keys, values)


def _overridden(tree: Tree, text: str, layer: int) -> Tree:
    """The tree with one ``KEY=VALUE``; VALUE is YAML."""
    shown = f"--set {text}"
    key, equals, value_text = text.partition("=")
    parts: list[str] = key.strip().split(".")
    if parts[0] == "system":
        parts = parts[1:]
    if not equals or not parts or not all(parts):
        raise InputError("", file=shown, given=text, accepted="KEY=VALUE, such as timing.tRCD=16nCK")
    parsed = parse(value_text, shown, lines=False) if value_text.strip() else Tree("")
    existing: Any = tree.data
    for depth, part in enumerate(parts):
        if not isinstance(existing, dict):
            field = dotted(tuple(parts[:depth]))
            message = f"{field} is not a map, so it has no key {part}"
            raise InputError(message, file=shown, field=".".join(parts))
        existing = existing.get(part)
        if existing is None:
            break
    mark = Mark(shown, None, layer)
    data = parsed.data
    path: tuple[Part, ...] = tuple(parts)
    keys = {(*path, *p): mark for p in parsed.keys}
    values = {(*path, *p): mark for p in parsed.values} | {path: mark}
    for end in range(len(path), 0, -1):
        data = {path[end - 1]: data}
        keys[path[:end]] = mark
    # Only what the override names gets its mark: the maps around it were written elsewhere.
    over = Tree(data, keys, values)
    result = merged(tree, over)
    for end in range(1, len(path)):
        if path[:end] in tree.keys:
            result.keys[path[:end]] = tree.keys[path[:end]]
        elif path[:end] not in result.values:
            result.values[path[:end]] = mark
    return result
