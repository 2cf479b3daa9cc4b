"""The keys of one map of a file, each read as what it must be; errors say file, line and field."""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches
from numbers import Integral
from typing import Any

from arch.errors import MISSING, InputError, Location, Part, dotted, nearest
from arch.yaml_source import Tree

ALIKE = 0.9
"""Likeness from which on a key that is not known passes for a misspelt one."""
CLOSE = 0.75
"""Likeness from which on it is offered in place of a key that is missing."""


class Keys:
    """The map at ``path`` of ``tree``, with ``settings`` of the command line laid over it.

    A key whose value is null counts as not given.
    """

    def __init__(
        self, tree: Tree, shown: str | None, path: Location = (), settings: Mapping[str, Any] | None = None
    ) -> None:
        self.tree = tree
        self.shown = shown
        self.path = path
        self.settings = settings or {}
        data = tree.data
        for part in path:
            data = data[part]
        self._data: dict[str, Any] = data | dict(self.settings)

    def names(self) -> list[str]:
        """All keys that are given."""
        return [key for key, value in self._data.items() if value is not None]

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) is not None

    def get(self, key: str) -> Any:
        return self._data.get(key)

    def line(self, *key: Part) -> int | None:
        """The line of a key (of what stands below it), None on the command line."""
        if not key or key[0] in self.settings:
            return None
        mark = self.tree.mark((*self.path, *key))
        return mark.line if mark else None

    def error(
        self,
        message: str,
        *key: Part,
        given: object = MISSING,
        accepted: str | Iterable[str] | None = None,
        line: int | None = None,
    ) -> InputError:
        """An error at a key, or at what stands below it."""
        accepted = accepted if accepted is None or isinstance(accepted, str) else ", ".join(accepted)
        if key and key[0] in self.settings:
            return InputError(message, field=dotted(("workload", *key)), given=given, accepted=accepted)
        field = dotted((*self.path, *key))
        line = self.line(*key) if line is None else line
        return InputError(message, file=self.shown, line=line, field=field, given=given, accepted=accepted)

    def wrong(self, key: str, accepted: str | Iterable[str]) -> InputError:
        """The value of a key is not what it must be."""
        return self.error("", key, given=self._data[key], accepted=accepted)

    def missing(self, key: str, accepted: str | Iterable[str]) -> InputError:
        """A key that must be given is not, or is misspelt."""
        if key in self._data:
            return self.wrong(key, accepted)
        close = get_close_matches(key, self._data, n=1, cutoff=CLOSE)
        meant = f'; is "{close[0]}" meant for it?' if close else ""
        return self.error(f"missing{meant}", key, accepted=accepted)

    def whole(self, key: str, default: int | None = None, *, low: int = 1, high: int = 1 << 32) -> int:
        """A whole number; must be given unless there is a default."""
        accepted = f"a whole number from {low} to {high}"
        if key not in self:
            if default is None:
                raise self.missing(key, accepted)
            return default
        value = self._data[key]
        if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
            raise self.wrong(key, accepted)
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str, default: str) -> str:
        """A text that is not empty."""
        value = self._data.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "a text")
        return value

    def refuse_misspelt(self, known: Iterable[str]) -> None:
        """Raises if a key is nearly one of those known, which is not given: it would be left unread."""
        known = set(known)
        absent = [key for key in known if key not in self._data]
        for given in self._data:
            for key in absent if given not in known else ():
                if SequenceMatcher(None, given, key).ratio() >= ALIKE:
                    raise self.error(f'unknown key; did you mean "{key}"?', given)

    def refuse_others(self, known: Iterable[str]) -> None:
        """Raises at the first key that is not known."""
        known = list(known)
        for key in self._data:
            if key not in known:
                guess = nearest(key, known)
                meant = f'; did you mean "{guess}"?' if guess else ""
                raise self.error(f"unknown key{meant}", key, accepted=known)
