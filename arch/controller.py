"""Controller profiles: named sets of scheduling keys, kept as data in ``profiles.yaml``."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from arch.device import Controller
from arch.yaml_source import read_file

MOST_ENTRIES = 1024  # of a queue; what the channel kernel is built for
MOST_POSTPONED = 8  # refreshes, postponed or pulled in; JEDEC's limit for both


@lru_cache(maxsize=1)
def profiles() -> Mapping[str, Mapping[str, Any]]:
    """The keys of every profile by its name, decimal numbers as Fractions."""
    path = Path(__file__).parent / "profiles.yaml"
    data = read_file(path, path.name).data
    shares = ("write_high", "write_low")
    return {
        name: {k: Fraction(v) if k in shares else v for k, v in keys.items()} for name, keys in data.items()
    }


def resolve_controller(profile: str, overrides: Mapping[str, Any]) -> Controller:
    """The profile with ``overrides`` (None: not given); any that differs renames it ``custom(profile)``."""
    keys = profiles()[profile]
    differing = {k: v for k, v in overrides.items() if v is not None and v != keys[k]}
    name = f"custom({profile})" if differing else profile
    return Controller(profile=name, **{**keys, **differing})
