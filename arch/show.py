"""What ``cyclewise show SYSTEM`` prints, as data: every value with ns, cycles and source, and every rule."""

from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from arch import device
from arch.errors import dotted, shown
from arch.provenance import leaves, matching
from arch.units import decimal_text

if TYPE_CHECKING:
    from arch.memory import MemorySpec
    from arch.system import System

_SKIPPED = {"kind", "name", "title", "sources"}


class ShownValue(NamedTuple):
    """One value: its dotted path, as given, in ns before rounding, in cycles after it, and its source."""

    key: str
    given: str
    ns: str | None
    cycles: int | None
    source: str | None
    confidence: str | None


class ShownRule(NamedTuple):
    """One resolved timing rule; ``wait`` in cycles, ``ns`` the same as time."""

    name: str
    after: Sequence[str]
    before: Sequence[str]
    scope: str
    window: int
    wait: int
    ns: str
    not_in: Sequence[str]


class Shown(NamedTuple):
    """Everything to show; ``rules`` is empty for systems without a memory."""

    name: str
    title: str
    values: list[ShownValue]
    rules: list[ShownRule]


def show(system: "System") -> Shown:
    """The resolved system as rows, in the order of its YAML; times in ns are exact to 6 decimals."""
    from arch.memory import MemorySpec

    values = []
    resolved = _resolved(system)
    for path, value in leaves(system.tree, ()):
        if path[0] in _SKIPPED:
            continue
        key = dotted(path)
        pattern = matching(system.provenance, key)
        source = system.provenance[pattern] if pattern is not None else {}
        spec, local = _memory_around(system.spec, path)
        ns, cycles = (None, None) if spec is None else _times(spec, resolved or spec.resolve(), local)
        text = value if isinstance(value, str) else shown(value)
        values.append(ShownValue(key, text, ns, cycles, source.get("source"), source.get("confidence")))
    if isinstance(system.spec, MemorySpec):
        values += _profile_values(system.spec)
    return Shown(system.name, system.title, values, [] if resolved is None else _rules(resolved))


def _resolved(system: "System") -> "device.Memory | None":
    """The memory that the system is or has; a machine may give its component timings of its own."""
    found = system.spec.resolve() if hasattr(system.spec, "resolve") else None
    found = getattr(found, "memory", found)
    return found if isinstance(found, device.Memory) else None


def _memory_around(spec: Any, path: Sequence[Any]) -> tuple["MemorySpec | None", Sequence[Any]]:
    """The memory (the system or a component of it) that ``path`` leads into, and the rest of the path."""
    from arch.memory import MemorySpec

    for used, part in enumerate([None, *path]):
        if part is not None:
            spec = spec.get(part) if isinstance(spec, dict) else getattr(spec, str(part), None)
        if isinstance(spec, MemorySpec):
            return spec, path[used:]
    return None, ()


def _times(spec: "MemorySpec", memory: device.Memory, path: Sequence[Any]) -> tuple[str | None, int | None]:
    period = memory.clock_period
    if len(path) == 2 and path[0] == "timing":
        seconds = max(
            p.value if p.dimension == "time" else p.value * period for p in spec.timing[path[1]].parts
        )
        return _ns(seconds), memory.timing[path[1]]
    if list(path) in (["clock"], ["clock_period"]):
        return _ns(period), 1
    if list(path) == ["refresh", "interval"] and memory.refresh is not None:
        return _ns(memory.refresh.interval * period), memory.refresh.interval
    if len(path) == 3 and path[0] == "commands" and path[2] in ("latency", "burst"):
        cycles = int(getattr(memory.command(path[1]), path[2]))
        return _ns(cycles * period), cycles
    return None, None


def _ns(seconds: Fraction) -> str:
    return decimal_text(seconds * 10**9)


def _profile_values(spec: "MemorySpec") -> list[ShownValue]:
    """The controller keys that the profile fills in."""
    controller = spec.resolve().controller
    given = spec.controller.overrides()
    rows = []
    for field in fields(controller):
        if field.name == "profile" or given[field.name] is None:
            value = getattr(controller, field.name)
            text = decimal_text(value) if isinstance(value, Fraction) else str(value)
            text = text.lower() if isinstance(value, bool) else text
            source = f"profile {spec.controller.profile}"
            if field.name != "profile":
                rows.append(ShownValue(f"controller.{field.name}", text, None, None, source, None))
            elif value != spec.controller.profile:
                rows.append(ShownValue("controller.profile (resolved)", text, None, None, source, None))
    return rows


def _rules(memory: device.Memory) -> list[ShownRule]:
    return [
        ShownRule(
            r.name, r.after, r.before, r.scope, r.window, r.wait, _ns(r.wait * memory.clock_period), r.not_in
        )
        for r in memory.rules
    ]
