"""Changes of systems, workloads and mappings: where they stand in a batch file, and their values as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from arch.errors import InputError, Location

OTHERS = ("workload", "mapping")
"""What a key may belong to besides the system; then it begins with this."""

PARTS = ("system", *OTHERS)


@dataclass(frozen=True)
class Changes:
    """Changes with the places in the batch file where they stand."""

    texts: Mapping[str, str]
    places: Mapping[str, Location]

    def over(self, base: "Changes") -> "Changes":
        # A key set again moves to the end: what comes later wins, over maps that hold the key as well.
        kept = {key: text for key, text in base.texts.items() if key not in self.texts}
        return Changes({**kept, **self.texts}, {**base.places, **self.places})

    def part(self, name: str) -> "Changes":
        texts = {k: v for k, v in self.texts.items() if part_of(k) == name}
        return Changes(texts, {key: self.places[key] for key in texts if key in self.places})

    @property
    def overrides(self) -> list[str]:
        """As after ``--set``."""
        return [f"{key}={text}" for key, text in self.texts.items()]


NOTHING = Changes({}, {})


def part_of(key: str) -> str:
    prefix = key.partition(".")[0]
    return prefix if prefix in OTHERS else "system"


def given_changes(overrides: Sequence[str]) -> Changes:
    """What the command line changes in every run; it stands nowhere in the file."""
    texts = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InputError("", file=f"--set {text}", given=text, accepted="KEY=VALUE")
        texts[key.strip().removeprefix("system.")] = value.strip()
    return Changes(texts, {})


def yaml_text(value: Any) -> str:
    """``value`` as YAML on one line that reads as the same value again."""
    from arch.yaml_source import parse

    if isinstance(value, str):
        try:
            if parse(value, "", lines=False).data == value:
                return value
        except InputError:
            pass
        return _quoted(value)
    return _flow(value)


def _flow(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, (float, Decimal)):
        return format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(k))}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    import json

    return json.dumps(text)
