"""Turns pydantic's complaints about a tree into one InputError with file, line, field and nearest name."""

import types
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from arch.errors import MISSING, FieldError, InputError, Location, dotted, unknown
from arch.yaml_source import Mark, Tree

_NUMBERS = {
    "greater_than_equal": "a whole number of at least {ge}",
    "less_than_equal": "a whole number of at most {le}",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "tuple_type": "a list",
    "too_short": "a list that is not empty",
    "too_long": "a shorter list",
}


def validated(model: type[BaseModel], tree: Tree) -> BaseModel:
    """An instance of ``model`` from the tree; InputError for the first thing that is wrong."""
    try:
        return model.model_validate(tree.data)
    except ValidationError as error:
        # Unknown keys first: a misspelt key is also a missing one.
        details = sorted(error.errors(include_url=False), key=lambda d: d["type"] != "extra_forbidden")
        raise _translated(details[0], model, tree) from None


def located(error: FieldError, tree: Tree) -> InputError:
    """The same complaint with the file and line at which the value (or key) stands."""
    mark = tree.mark(error.path, key=error.at_key)
    return InputError(
        error.message,
        file=mark.file if mark else None,
        line=mark.line if mark else None,
        field=error.field,
        given=error.given,
        accepted=error.accepted,
    )


def _translated(detail: Any, model: type[BaseModel], tree: Tree) -> InputError:
    path, given = _path(detail["loc"], tree.data)
    kind = detail["type"]
    context = detail.get("ctx", {})
    mark = tree.mark(path)
    message = ""
    accepted: str | list[str] | None = None
    if kind == "extra_forbidden":
        names = _names(model, path[:-1])
        message, accepted, given = unknown("key", str(path[-1]), names), names, MISSING
        mark = tree.mark(path, key=True)
    elif kind == "missing":
        parent = path[:-1]
        message, given = f"{path[-1]} is missing", MISSING
        mark = tree.mark(parent, key=True)
        siblings = None if _names(model, parent[:-1]) else _siblings(parent, mark, tree)
        if siblings is not None:
            message = unknown("key", str(parent[-1]), siblings)
            accepted = siblings
        path = parent if parent else path
        if not parent:
            message = "missing"
    elif kind == "input":
        message, accepted = context["message"], context["accepted"] or None
        if detail["loc"][-1] == "[key]":
            mark = tree.mark(path, key=True)
            given = path[-1]
    elif kind == "literal_error":
        names = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        accepted = ", ".join(names)
        if isinstance(given, str):
            message = unknown("value", given, names)
            message = "" if message == "unknown value" else message
    elif kind in ("greater_than_equal", "less_than_equal"):
        accepted = _range(model, path) or _NUMBERS[kind].format(**context)
    else:
        accepted = _NUMBERS.get(kind) or detail["msg"]
    return InputError(
        message,
        file=mark.file if mark else None,
        line=mark.line if mark else None,
        field=dotted(path),
        given=given,
        accepted=accepted,
    )


def _path(loc: tuple[str | int, ...], data: Any) -> tuple[Location, Any]:
    """The path in the data that pydantic's ``loc`` means (it adds names of union branches), and its value."""
    path: list[str | int] = []
    value = data
    for part in loc:
        known = (
            part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        )
        if known:
            value = value[part]
            path.append(part)
        elif isinstance(value, dict) and part is loc[-1] and part != "[key]":
            path.append(part)  # a missing key
            value = None
    return tuple(path), value


def _models(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, Annotated and unions taken apart."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _models(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [m for a in typing.get_args(annotation) for m in _models(a)]
    return [annotation]


def _step(annotation: Any, part: str | int) -> tuple[Any, Any]:
    """Annotation (and pydantic field, if any) of what stands at ``part`` of a value so annotated."""
    for option in _models(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel) and part in option.model_fields:
            field = option.model_fields[str(part)]
            return field.annotation, field
        if typing.get_origin(option) is dict:
            return typing.get_args(option)[1], None
        if typing.get_origin(option) is tuple:
            return typing.get_args(option)[0], None
    return None, None


def _names(model: Any, path: Location) -> list[str]:
    annotation: Any = model
    for part in path:
        annotation, _ = _step(annotation, part)
    for option in _models(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return list(option.model_fields)
    return []


def _range(model: Any, path: Location) -> str | None:
    annotation, field = model, None
    for part in path:
        annotation, field = _step(annotation, part)
    low = high = None
    for item in _metadata(field):
        low = getattr(item, "ge", low)
        high = getattr(item, "le", high)
    return None if low is None or high is None else f"a whole number from {low} to {high}"


def _metadata(field: Any) -> list[Any]:
    """Bounds of a field, those inside ``Annotated[…] | None`` included."""
    if field is None:
        return []
    found = list(field.metadata)
    for option in typing.get_args(field.annotation) if typing.get_origin(field.annotation) else ():
        for item in typing.get_args(option)[1:] if typing.get_origin(option) is typing.Annotated else ():
            found += getattr(item, "metadata", None) or [item]
    return found


def _siblings(parent: Location, mark: Mark | None, tree: Tree) -> list[str] | None:
    """Names beside a map that only a --set brought into being, which therefore may be misspelt."""
    if not parent or mark is None or mark.line is not None:
        return None
    around = tree.data
    for part in parent[:-1]:
        around = around[part]
    return [k for k in around if k != parent[-1]] if isinstance(around, dict) else None
