"""The one exception for everything a user can get wrong: file, line, field, given, accepted, nearest name."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final


class _Missing(Enum):
    MISSING = "missing"  # an Enum, so that it stays the same object when an error travels between processes


MISSING: Final = _Missing.MISSING
"""Marks that no value was given (``None`` is a value a user can give)."""

Part = str | int
Location = tuple[Part, ...]
"""Path of keys and list indices in a spec."""

_SHOWN = 120


class InputError(Exception):
    """Something a user got wrong.  ``str(error)`` is the whole message; doors print it and exit with code 2.

    ``message`` says what is wrong (may be empty if ``given`` and ``accepted`` say it all), ``file`` and
    ``line`` (from 1) where, ``field`` the dotted path, ``given`` the offending value and ``accepted`` a
    sentence or the names that would have been right.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
        given: object = MISSING,
        accepted: str | Sequence[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.field = field
        self.given = given
        self.accepted = accepted

    def __str__(self) -> str:
        where = ""
        if self.file is not None:
            where = f"{self.file}: " if self.line is None else f"{self.file}:{self.line}: "
        elif self.line is not None:
            where = f"line {self.line}: "
        if self.field:
            where += f"{self.field}: "
        accepted = self.accepted
        if accepted is not None and not isinstance(accepted, str):
            accepted = ", ".join(accepted)
        if self.given is MISSING:
            tail = f"{self.message} (accepted: {accepted})" if accepted else self.message
        else:
            tail = f"{self.message}; " if self.message else ""
            tail += f"given {shown(self.given)}"
            if accepted:
                tail += f", accepted {accepted}"
        return where + tail


class FieldError(InputError):
    """An InputError at a path of the spec; the loader adds file and line."""

    def __init__(
        self,
        path: Location,
        message: str,
        *,
        given: object = MISSING,
        accepted: str | Iterable[str] | None = None,
        at_key: bool = False,
    ) -> None:
        accepted = accepted if accepted is None or isinstance(accepted, str) else ", ".join(accepted)
        super().__init__(message, field=dotted(path), given=given, accepted=accepted)
        self.path = path
        self.at_key = at_key

    def __reduce__(self) -> tuple[Any, ...]:
        return FieldError, (self.path, self.message), self.__dict__


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name closest to ``word``, or None if none is close (case counts little)."""
    by_folded = {name.casefold(): name for name in names}
    for folded, name in by_folded.items():
        if sorted(folded) == sorted(word.casefold()):  # letters swapped: tRDC is tRCD rather than tRC
            return name
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.55)
    return by_folded[close[0]] if close else None


def unknown(what: str, word: str, names: Iterable[str]) -> str:
    """``unknown WHAT`` with the nearest of ``names``, for the message of an :class:`InputError`."""
    guess = nearest(word, names)
    return f'unknown {what}; did you mean "{guess}"?' if guess else f"unknown {what}"


def shown(value: object) -> str:
    """A value as a user wrote it, on one line and not too long."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif value is None:
        text = "null"
    elif isinstance(value, str):
        text = '"' + "".join(c if c.isprintable() else repr(c)[1:-1] for c in value[: 2 * _SHOWN]) + '"'
    elif isinstance(value, dict):
        text = "a map" if not value else f"a map with {', '.join(map(str, list(value)[:4]))}"
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(shown(v) if not isinstance(v, str) else v for v in value[:8])
        text += ", …]" if len(value) > 8 else "]"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def dotted(path: Location) -> str:
    """``timing.tRCD``, ``bus.row.commands[2]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
