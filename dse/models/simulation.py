"""The model of a study that is a system of ours: ``model: {system: …, set: {…}, mapping: {…}}``."""

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from arch.errors import InputError
from arch.variation import Variation
from arch.yaml_text import scalar_text
from dse.evaluation import FULL, Config, EvaluationError, Task, Value
from dse.models.interface import WorkloadEntry, settings_of, sole_setters
from sim.report import MetricDeclaration, installed_version

if TYPE_CHECKING:
    from sim.machine import Machine, Workload

_DESIGNS = 64
"""Systems kept resolved: a design is usually run under all workloads one after the other."""


@dataclass(frozen=True)
class SimulationModel:
    """A system, what is set in it, how work is laid on it, and workloads.

    Evaluations give exactly the figures of the Report of such a run (:func:`sim.machine.measured`); of
    memories without making one.

    Args:
        system: library name or file.
        fixed: ``KEY=VALUE`` texts that hold in every design.
        mapping: choices of ``mapping.*`` that hold in every design.
        entries: the workloads.
        folder: where the files of workloads are looked for.
        paths: by parameter, the keys that it sets.

    Raises:
        InputError: anything that is wrong with these.
    """

    system: str
    fixed: tuple[str, ...]
    mapping: Mapping[str, Any]
    entries: tuple[WorkloadEntry, ...]
    folder: str = ""
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    # Evaluator

    @cached_property
    def version(self) -> str:
        content = {
            "kind": "simulation",
            "cyclewise": installed_version("cyclewise"),
            "system": self._variation.base.digest(),
            "mapping": {key: scalar_text(value) for key, value in sorted(self.mapping.items())},
            "paths": {name: list(keys) for name, keys in sorted(self.paths.items())},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def workloads(self) -> Mapping[str, str]:
        return {entry.name: self._workload(entry.name, {}).digest() for entry in self.entries}

    @property
    def metrics(self) -> tuple[MetricDeclaration, ...]:
        unknown = ("energy", "power") if self._variation.base.spec.energy is None else ()
        return tuple(m for m in self._machine.measured if m.name not in unknown)

    def prepare(self) -> None:
        """Load systems and workloads, and have the kernels compiled."""
        assert self.workloads
        if self._machine.kind == "memory":
            from sim.dram.batch import warm_up

            warm_up(self._variation.base.spec.resolve())

    def __call__(self, task: Task) -> dict[str, float]:
        if task.fidelity != FULL:
            raise EvaluationError("refused", f"a simulation knows no fidelity {task.fidelity}")
        try:
            return self._evaluated(task)
        except InputError as error:
            raise EvaluationError("refused", str(error)) from None
        except RuntimeError as error:  # stuck, or contradicting itself
            raise EvaluationError("failed", f"{type(error).__name__}: {error}") from error

    def _evaluated(self, task: Task) -> dict[str, float]:
        system, workload, mapping = self._parts(task.config)
        trace = self._workload(task.workload, workload)
        machine = self._machine
        if machine.measure is not None:
            return dict(machine.measure(self._spec(system), trace, {**self.mapping, **mapping}))
        from sim.machine import measured, simulate

        design = self._variation.system(system)
        return measured(simulate(design, trace, mapping={**self.mapping, **mapping}))

    # Model

    def bind(self, path: str) -> None:
        if path.partition(".")[0] not in ("workload", "mapping"):
            self._variation.find(path.removeprefix("system."))
            return
        # Whoever takes the value knows the keys there are; that it refuses the value is no matter here.
        try:
            self.check(path, _NO_VALUE)
        except InputError as error:
            if error.given != _NO_VALUE:
                raise

    def check(self, path: str, value: Value) -> None:
        prefix, _, key = path.partition(".")
        if prefix == "workload":
            for entry in self.entries:
                try:
                    self._workload(entry.name, {key: value})
                except InputError as error:
                    error.file, error.field = None, path  # it names a --set that nobody wrote
                    raise
        elif prefix == "mapping":
            self._check_mapping({**self.mapping, key: value})
        else:
            self._variation.check(path.removeprefix("system."), value)

    def with_paths(self, paths: Mapping[str, Sequence[str]]) -> Self:
        plain = sole_setters(paths)
        for keys in plain.values():
            for key in keys:
                self.bind(key)
        return replace(self, paths=plain)

    def facts(self, workload: str) -> Mapping[str, bool]:
        from dse.models.facts import facts_of
        from workloads.trace import Trace

        varied = any(key.startswith("workload.") for keys in self.paths.values() for key in keys)
        trace = self._workload(workload, {})
        if varied or not isinstance(trace, Trace) or self._machine.kind != "memory":
            return {}
        return facts_of(trace, self._variation.base.spec.resolve())

    def overrides(self, config: Config) -> tuple[str, ...]:
        system, workload, mapping = self._parts(config)
        return (
            *self._variation.overrides(system),
            *(f"workload.{key}={scalar_text(value)}" for key, value in workload.items()),
            *(f"mapping.{key}={scalar_text(value)}" for key, value in {**self.mapping, **mapping}.items()),
        )

    def system_yaml(self, config: Config) -> str:
        return self._variation.system(self._parts(config)[0]).to_yaml()

    # What is loaded once in a process; none of it travels to another

    def __getstate__(self) -> dict[str, Any]:
        kept = {*self.__dataclass_fields__, "version", "workloads"}
        return {key: value for key, value in self.__dict__.items() if key in kept}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _variation(self) -> Variation:
        return Variation(self.system, self.fixed)

    @cached_property
    def _machine(self) -> "Machine":
        from sim.machine import machine

        return machine(self._variation.base.kind)

    @cached_property
    def _specs(self) -> "OrderedDict[tuple[tuple[str, type, Value], ...], Any]":
        return OrderedDict()

    @cached_property
    def _traces(self) -> "OrderedDict[tuple[Any, ...], Workload]":
        return OrderedDict()

    def _parts(self, config: Config) -> tuple[dict[str, Value], dict[str, Value], dict[str, Value]]:
        """The settings of a design: of the system, of the workload, of the mapping."""
        system: dict[str, Value] = {}
        others: dict[str, dict[str, Value]] = {"workload": {}, "mapping": {}}
        for path, value in settings_of(self.paths, config).items():
            prefix, _, key = path.partition(".")
            if prefix in others:
                others[prefix][key] = value
            else:
                system[path] = value
        return system, others["workload"], others["mapping"]

    def _spec(self, settings: Mapping[str, Value]) -> Any:
        key = tuple((path, type(value), value) for path, value in settings.items())
        if key not in self._specs:
            self._specs[key] = self._variation.spec(settings)
            if len(self._specs) > _DESIGNS:
                self._specs.popitem(last=False)
        return self._specs[key]

    def _workload(self, name: str, settings: Mapping[str, Value]) -> "Workload":
        from sim.workload_names import workload_named

        key = name, *((k, type(v), v) for k, v in settings.items())
        if key not in self._traces:
            entry = next(entry for entry in self.entries if entry.name == name)
            parameters = {k: float(v) if isinstance(v, Decimal) else v for k, v in entry.set.items()}
            beside = os.path.join(self.folder, entry.workload)
            given = beside if self.folder and os.path.isfile(beside) else entry.workload
            made = workload_named(given, self._variation.base, {**parameters, **settings})
            made.digest()  # reads it to its end, so that what is wrong in it shows
            self._traces[key] = made
            if len(self._traces) > max(_DESIGNS, len(self.entries)):
                self._traces.popitem(last=False)
        return self._traces[key]

    def _check_mapping(self, mapping: Mapping[str, Any]) -> None:
        """Raise InputError for a choice that the machine does not have."""
        self._machine.plan(self._variation.base, self._workload(self.entries[0].name, {}), mapping)


_NO_VALUE = "\u2400"
"""No key takes it."""


def _told_of(field: str, function: Callable[..., object], *given: object) -> None:
    """Call; an error that is of no file and no field is one of ``field``."""
    try:
        function(*given)
    except InputError as error:
        if error.file is None and error.field is None:
            error.field = field
        raise


def simulation_model(
    given: Mapping[str, Any], entries: tuple[WorkloadEntry, ...], folder: Path
) -> SimulationModel:
    """The model of ``{system: …, set: {…}, mapping: {…}}``; files are looked for beside the study.

    Raises:
        InputError: no such system or workload, or a setting that is refused.
    """
    name = given["system"]
    if not isinstance(name, str):
        raise InputError("", field="model.system", given=name, accepted="a library name or a YAML file")
    for part in ("set", "mapping"):
        if not isinstance(given.get(part, {}), Mapping):
            raise InputError("", field=f"model.{part}", given=given[part], accepted="a map")
    if name.endswith((".yaml", ".yml")):
        name = os.path.join(folder, name)
    fixed: list[str] = []
    mapping: dict[str, Any] = {
        key: float(value) if isinstance(value, Decimal) else value
        for key, value in given.get("mapping", {}).items()
    }
    for path, value in given.get("set", {}).items():
        if path.startswith("mapping."):
            mapping[path.removeprefix("mapping.")] = value
        else:
            fixed.append(f"{path.removeprefix('system.')}={scalar_text(value)}")
    model = SimulationModel(name, tuple(fixed), mapping, entries, str(folder))
    _told_of("model.system", lambda: model._variation)
    for at, entry in enumerate(entries):
        _told_of(f"workloads.{at}", model._workload, entry.name, {})
    if mapping:
        model._check_mapping(mapping)
    return model
