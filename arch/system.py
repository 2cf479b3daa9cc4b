"""Loads systems: :func:`load`, :func:`library`, :func:`json_schema` and the frozen :class:`System`."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from arch.errors import FieldError, InputError, unknown
from arch.layers import LIBRARY, build, library_names, without_nulls
from arch.provenance import with_overrides
from arch.yaml_source import Tree, read_file
from arch.yaml_text import dump

if TYPE_CHECKING:
    from pydantic import BaseModel


class LibraryEntry(NamedTuple):
    """A system of the library; ``path`` is its YAML file."""

    name: str
    kind: str
    title: str
    path: Path


@dataclass(frozen=True, eq=False)
class System:
    """A machine, validated and frozen.  Two are equal if they describe the same machine under the same name.

    ``spec`` is the model of its kind (for ``memory`` an :class:`arch.memory.MemorySpec`), ``tree`` the same
    as plain values with ``extends`` and ``use`` resolved and defaults filled in, ``provenance`` maps
    dotted paths (``timing.*``) to ``{source, confidence}``.
    """

    kind: str
    name: str
    title: str
    spec: Any
    source_file: Path
    provenance: Mapping[str, Mapping[str, str]]
    tree: Mapping[str, Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, System) and (self.title, self.digest()) == (other.title, other.digest())

    def __hash__(self) -> int:
        return hash(self.digest())

    def to_yaml(self) -> str:
        """YAML that loads again to an equal System with the same digest."""
        return self._yaml

    def digest(self) -> str:
        """SHA-256 (hex) of everything that can change a result, in canonical form.

        Titles, sources and the way a quantity is written (``1.2 GHz``, ``1200 MHz``) do not count; the
        order of commands, slots and requests does.
        """
        return self._digest

    # Kept, since a system never changes and a batch asks for both in every run.
    @cached_property
    def _yaml(self) -> str:
        return dump(dict(self.tree))

    @cached_property
    def _digest(self) -> str:
        content = self.spec.model_dump(
            mode="json", exclude_none=True, exclude={"title", "sources"}, context={"canonical": True}
        )
        text = json.dumps(content, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def load(name_or_path: str, overrides: Sequence[str] = ()) -> System:
    """The system of a library name or a YAML file, with ``KEY=VALUE`` overrides (VALUE is YAML) applied.

    KEY is a dotted path, with or without a leading ``system.``.  Raises :class:`arch.errors.InputError`,
    with file and line, for anything that is wrong, impossible values included.
    """
    from arch.validation import located, validated

    tree, path = build(str(name_or_path), overrides)
    return _system(tree, path, validated, located)


def specified(name_or_path: str, overrides: Sequence[str] = ()) -> Any:
    """The model of its kind as :func:`load` would make it, each value validated by itself.

    What only several values together make impossible is found by its ``resolve()``.  Raises
    :class:`arch.errors.InputError`.
    """
    from arch.validation import validated

    tree, _ = build(str(name_or_path), overrides)
    model, tree = _checked(tree)
    return validated(model, tree)


def library() -> list[LibraryEntry]:
    """The systems of the library by name; abstract families are left out."""
    entries = []
    for name in library_names():
        if (read_file(LIBRARY / f"{name}.yaml", f"{name}.yaml")).data.get("abstract"):
            continue
        tree, path = build(name)
        entries.append(LibraryEntry(name, tree.data["kind"], tree.data.get("title", ""), path))
    return entries


def json_schema(kind: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of a kind's YAML for editors; a file may leave anything out that it extends."""
    from arch.schema import schema_of

    return schema_of(kind, _model(kind, None))


_KINDS: dict[str, Callable[[], "type[BaseModel]"]] = {}


def register_kind(kind: str, model: "Callable[[], type[BaseModel]]") -> None:
    """Adds a kind of system; ``model`` returns its pydantic model and is called when one is loaded.

    The model has the fields ``kind``, ``name``, ``title`` and ``sources``; where it offers ``resolve()``,
    loading calls that once, so that impossible values are found early.
    """
    _KINDS[kind] = model


def _memory() -> "type[BaseModel]":
    from arch.memory import MemorySpec

    return MemorySpec


def _pim() -> "type[BaseModel]":
    from arch.pim import PimSpec

    return PimSpec


register_kind("memory", _memory)
register_kind("pim", _pim)


def _model(kind: object, tree: Tree | None) -> "type[BaseModel]":
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind]()
    mark = tree.mark(("kind",)) if tree else None
    missing = tree is not None and kind is None
    raise InputError(
        "missing" if missing else unknown("kind", kind, _KINDS) if isinstance(kind, str) else "",
        file=mark.file if mark else None,
        line=None if missing or mark is None else mark.line,
        field="kind",
        **({} if missing else {"given": kind}),
        accepted=", ".join(_KINDS),
    )


def _checked(tree: Tree) -> "tuple[type[BaseModel], Tree]":
    """The model of a tree that may be run, and the tree with a source for every value."""
    tree = without_nulls(tree)
    model = _model(tree.data.get("kind"), tree)
    if tree.data.pop("abstract", False):
        mark = tree.mark(("abstract",))
        raise InputError(
            "an abstract family; it cannot be run, only extended",
            file=mark.file if mark else None,
            line=mark.line if mark else None,
            field="abstract",
        )
    return model, with_overrides(tree)


def _system(tree: Tree, path: Path, validated: Any, located: Any) -> System:
    model, tree = _checked(tree)
    spec = validated(model, tree)
    if hasattr(spec, "resolve"):
        try:
            spec.resolve()
        except FieldError as error:
            raise located(error, tree) from None
    plain = spec.model_dump(mode="json", exclude_none=True)
    return System(spec.kind, spec.name, spec.title, spec, path, plain.get("sources", {}), plain)
