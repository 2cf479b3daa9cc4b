"""One system with many different settings, made quickly: each value is read and validated once.

``arch.load`` reads YAML, merges its layers and validates every key, which takes milliseconds.  Whoever goes
through thousands of designs changes the same few keys over and over: here a value is put through all of that
when it comes up for the first time, alone, and its place in the validated model is kept.  A design is then
the base model with some of its places replaced.  It is the same as a load with all the overrides, since every
validator looks at one key only; what several keys make impossible together is found by ``resolve()``.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from arch.errors import InputError, unknown
from arch.system import System, load, specified
from arch.yaml_text import scalar_text

Scalar = str | int | float | bool
Settings = Mapping[str, Scalar]
"""Values by dotted path, without a leading ``system.``."""

_ABSENT = object()


class Variation:
    """A system and the settings tried on it.

    Args:
        name_or_path: of the system, as for ``arch.load``.
        overrides: ``KEY=VALUE`` texts that hold in every design.

    Raises:
        InputError: there is no such system, or an override is refused.
    """

    def __init__(self, name_or_path: str, overrides: tuple[str, ...] = ()) -> None:
        self.given = name_or_path, overrides
        self.base = load(name_or_path, overrides)
        self._values: dict[tuple[str, type, Scalar], Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Variation, self.given

    def find(self, path: str) -> None:
        """Raise InputError, with the nearest name, if the system has no key at ``path``."""
        spec = self.base.spec
        parts = path.split(".")
        for depth, part in enumerate(parts):
            if isinstance(spec, BaseModel):
                names = list(type(spec).model_fields)
                if part == "use" and depth == len(parts) - 1 and depth:
                    return
            elif isinstance(spec, Mapping):
                names = list(spec)
            else:
                message = f"{'.'.join(parts[:depth])} is no map, so it has no key {part}"
                raise InputError(message, field=path)
            if part not in names:
                field = ".".join(parts[: depth + 1])
                raise InputError(unknown("key", part, names), field=field, accepted=names)
            spec = getattr(spec, part) if isinstance(spec, BaseModel) else spec[part]

    def check(self, path: str, value: Scalar) -> None:
        """Raise InputError if the key does not exist or does not take this value, whatever else is set."""
        self._value(path, value)

    def spec(self, settings: Settings) -> Any:
        """The validated model of the design; ``spec.resolve()`` has been called.

        Raises:
            InputError: a value is refused, or the values are impossible together.
        """
        spec = self.base.spec
        if not settings:
            return spec
        if _nested(settings):
            spec = specified(self.given[0], self.overrides(settings))
        else:
            for path, value in settings.items():
                found = self._value(path, value)
                if found is _ABSENT:  # such as ``use``, which changes more than its own place
                    spec = specified(self.given[0], self.overrides(settings))
                    break
                spec = _replaced(spec, tuple(path.split(".")), found)
        if hasattr(spec, "resolve"):
            spec.resolve()
        return spec

    def system(self, settings: Settings) -> System:
        """The design as a System, loaded the long way.  Raises InputError as :func:`arch.load` does."""
        return load(self.given[0], self.overrides(settings))

    def overrides(self, settings: Settings) -> tuple[str, ...]:
        """The design as ``KEY=VALUE`` texts, those of the base first."""
        return (*self.given[1], *(f"{path}={scalar_text(value)}" for path, value in settings.items()))

    def _value(self, path: str, value: Scalar) -> Any:
        key = path, type(value), value  # 1, 1.0 and true are different values of YAML
        if key not in self._values:
            self._values[key] = self._read(path, value)
        return self._values[key]

    def _read(self, path: str, value: Scalar) -> Any:
        """What stands at ``path`` of the model once the value is set there."""
        parts = tuple(path.split("."))
        try:
            spec = specified(self.given[0], self.overrides({path: value}))
            if _at(self.base.spec, parts) is _ABSENT and hasattr(spec, "resolve"):
                spec.resolve()  # maps take keys of any name; only this knows which ones make sense
        except InputError as error:
            error.file = error.line = None  # its place is a --set that nobody wrote
            raise
        return _at(spec, parts)


def _nested(settings: Settings) -> bool:
    """Does one of the settings lie inside another?"""
    return any(a != b and b.startswith(f"{a}.") for a in settings for b in settings)


def _at(spec: Any, parts: tuple[str, ...]) -> Any:
    for part in parts:
        if isinstance(spec, BaseModel):
            spec = getattr(spec, part) if part in type(spec).model_fields else _ABSENT
        elif isinstance(spec, Mapping):
            spec = spec.get(part, _ABSENT)
        else:
            return _ABSENT
    return spec


def _replaced(spec: Any, parts: tuple[str, ...], value: Any) -> Any:
    """``spec`` with another value at a path; everything beside the path is shared."""
    first, rest = parts[0], parts[1:]
    if isinstance(spec, Mapping):
        return {**spec, first: _replaced(spec[first], rest, value) if rest else value}
    inner = _replaced(getattr(spec, first), rest, value) if rest else value
    copied = spec.model_copy(update={first: inner})
    for name in [name for name in copied.__dict__ if name not in type(spec).model_fields]:
        del copied.__dict__[name]  # what was computed from the other values
    return copied
