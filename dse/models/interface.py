"""What a study needs to know of its model, besides evaluations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from arch.errors import InputError, unknown
from dse.evaluation import Config, Evaluator, Value

FACTS = ("reads_only", "saturating")
"""What may be known of a workload; see :mod:`dse.models.facts`."""


class Model(Evaluator, Protocol):
    """An evaluator whose keys can be asked about before anything is run."""

    def bind(self, path: str) -> None:
        """Raise InputError, with the nearest name, if there is no such key to be set."""

    def check(self, path: str, value: Value) -> None:
        """Raise InputError if the key does not take this value, whatever the other keys are."""

    def with_paths(self, paths: Mapping[str, Sequence[str]]) -> Self:
        """The model for designs of parameters ``paths``, by name the keys that each one sets.

        Raises:
            InputError: a key that does not exist, or two parameters that set one key.
        """

    def facts(self, workload: str) -> Mapping[str, bool]:
        """What is known of a workload, by the names in ``FACTS``; what is unknown is absent."""

    def overrides(self, config: Config) -> tuple[str, ...]:
        """A design as ``KEY=VALUE`` texts, as after ``--set`` of ``cyclewise run``."""

    def system_yaml(self, config: Config) -> str | None:
        """The system of a design as YAML that is ready to run; None where there is no system."""


@dataclass(frozen=True)
class WorkloadEntry:
    """A workload of a study: what the study calls it, what it is, and its parameters."""

    name: str
    workload: str
    set: Mapping[str, Any] = field(default_factory=dict)


def workload_entries(given: Sequence[Any]) -> tuple[WorkloadEntry, ...]:
    """The entries of ``workloads:``, texts or maps of ``name``, ``workload`` and ``set``.

    Raises:
        InputError: none at all, an entry of another form, or a name that stands twice.
    """
    entries: list[WorkloadEntry] = []
    for at, one in enumerate(given):
        where = f"workloads[{at}]"
        if isinstance(one, str) and one:
            entry = WorkloadEntry(one, one)
        elif isinstance(one, Mapping):
            keys = ("name", "workload", "set")
            for key in one:
                if key not in keys:
                    raise InputError(unknown("key", str(key), keys), field=f"{where}.{key}", accepted=keys)
            workload, settings = one.get("workload"), one.get("set", {})
            if not isinstance(workload, str) or not workload:
                raise InputError("workload is missing", field=where, accepted="a name or file")
            if not isinstance(settings, Mapping):
                raise InputError("", field=f"{where}.set", given=settings, accepted="a map")
            entry = WorkloadEntry(str(one.get("name", workload)), workload, dict(settings))
        else:
            accepted = "a name, a file, or a map of name, workload and set"
            raise InputError("", field=where, given=one, accepted=accepted)
        if any(entry.name == other.name for other in entries):
            raise InputError("two workloads of this name", field=where, given=entry.name)
        entries.append(entry)
    if not entries:
        raise InputError("no workloads", field="workloads", accepted="at least one")
    return tuple(entries)


def sole_setters(paths: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The paths, less a leading ``system.``.  Raises InputError if two parameters set the same key."""
    plain = {n: tuple(p.removeprefix("system.") for p in keys) for n, keys in paths.items()}
    setter: dict[str, str] = {}
    for name, keys in plain.items():
        for key in keys:
            if key in setter:
                message = f"{setter[key]} sets {key} as well"
                raise InputError(message, field=f"space.{name}.path", given=key)
            setter[key] = name
    return plain


def settings_of(paths: Mapping[str, Sequence[str]], config: Config) -> dict[str, Value]:
    """The values of a design by key, in the order of the parameters' declaration.

    Raises:
        InputError: a parameter that the model was not told of.
    """
    for name in config:
        if name not in paths:
            raise InputError(unknown("parameter", name, paths), field=name)
    return {key: config[name] for name, keys in paths.items() if name in config for key in keys}
