"""The model of a study that is a Python function: ``model: {python: "module:function", metrics: {…}}``."""

import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from arch.errors import InputError
from dse.evaluation import FULL, Config, EvaluationError, Task, Value
from dse.models.foreign import (
    check_known,
    design_of,
    file_digest,
    given_workload,
    plain_map,
    workload_digest,
)
from dse.models.interface import WorkloadEntry, sole_setters
from dse.models.metric_text import Metric, read_metrics
from sim.report import MetricDeclaration

_OTHERS = ("workload", "seed", "fidelity")
"""Handed to functions that have a parameter of the name; they belong to the study and are no keys."""


@dataclass(frozen=True)
class PythonModel:
    """A function that is called with the keys of a design as keyword arguments.

    It may also take ``workload`` (the path of its file, or its name), ``seed`` and ``fidelity``.  It
    returns a map of the declared metrics: numbers in the declared unit, or texts such as ``"3.2 ms"``.  An
    exception is the failure of that design alone.

    Args:
        target: ``module:function``; the module is looked for beside the study first.
        declared: the metrics.
        fixed: keys that hold in every design which does not set them.
        entries: the workloads.
        code: SHA-256 of the module's file.
        folder: of the study.
        paths: by parameter, the keys that it sets.
    """

    target: str
    declared: tuple[Metric, ...]
    fixed: Mapping[str, Value]
    entries: tuple[WorkloadEntry, ...]
    code: str
    folder: str = ""
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        metrics = [(m.name, m.printed, m.unit) for m in self.declared]
        keys = {name: list(keys) for name, keys in sorted(self.paths.items())}
        content = ["python 1", self.target, self.code, metrics, sorted(self.fixed.items()), keys]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @cached_property
    def workloads(self) -> Mapping[str, str]:
        return {entry.name: workload_digest(entry, self.folder) for entry in self.entries}

    @property
    def metrics(self) -> tuple[MetricDeclaration, ...]:
        return tuple(metric.declaration for metric in self.declared)

    def prepare(self) -> None:
        """Import the function."""
        _ = self._function

    def __call__(self, task: Task) -> dict[str, float]:
        entry = next(entry for entry in self.entries if entry.name == task.workload)
        others = {
            "workload": given_workload(entry, self.folder), "seed": task.seed, "fidelity": task.fidelity
        }  # fmt: skip
        if task.fidelity != FULL and "fidelity" not in self._takes:
            raise EvaluationError("refused", f"{self.target} knows no fidelity {task.fidelity}")
        try:
            design = design_of(self.fixed, entry, self.paths, task.config)
        except InputError as error:
            raise EvaluationError("refused", str(error)) from None
        try:
            given = self._function(**design, **{k: v for k, v in others.items() if k in self._takes})
        except EvaluationError:
            raise
        except Exception as error:
            raise EvaluationError("failed", f"{type(error).__name__}: {error}", _trace(error)) from error
        if not isinstance(given, Mapping):
            raise EvaluationError("failed", f"{self.target} returned no map of metrics")
        try:
            return {metric.name: _value(metric, given) for metric in self.declared}
        except ValueError as error:
            raise EvaluationError("failed", str(error)) from None

    def bind(self, path: str) -> None:
        names = [name for name in self._takes if name not in _OTHERS]
        if not self._takes_any:
            check_known(path, names)

    def check(self, path: str, value: Value) -> None:
        self.bind(path)

    def with_paths(self, paths: Mapping[str, Sequence[str]]) -> Self:
        known = sole_setters(paths)
        for keys in known.values():
            for key in keys:
                self.bind(key)
        return replace(self, paths=known)

    def facts(self, workload: str) -> Mapping[str, bool]:
        return {}

    def overrides(self, config: Config) -> tuple[str, ...]:
        design = {**self.fixed, **{k: config[n] for n, ks in self.paths.items() if n in config for k in ks}}
        return tuple(f"{key}={value}" for key, value in design.items())

    def system_yaml(self, config: Config) -> None:
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key in self.__dataclass_fields__}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _function(self) -> Callable[..., Any]:
        return _imported(self.target, self.folder)

    @cached_property
    def _takes(self) -> tuple[str, ...]:
        found = inspect.signature(self._function).parameters.values()
        return tuple(p.name for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))

    @cached_property
    def _takes_any(self) -> bool:
        found = inspect.signature(self._function).parameters.values()
        return any(p.kind == p.VAR_KEYWORD for p in found)


def python_model(given: Mapping[str, Any], entries: tuple[WorkloadEntry, ...], folder: Path) -> PythonModel:
    """The model of ``{python: "module:function", metrics: {…}, set: {…}}``.

    Raises:
        InputError: a function that cannot be imported, metrics without units, keys that it does not take.
    """
    target = given["python"]
    if not isinstance(target, str) or target.count(":") != 1:
        raise InputError("", field="model.python", given=target, accepted='"module:function"')
    metrics = read_metrics(given.get("metrics"), patterns=False)
    fixed = plain_map(given.get("set", {}), "model.set")
    function = _imported(target, str(folder))
    source = inspect.getsourcefile(function)
    code = file_digest(Path(source)) if source and Path(source).is_file() else "no source"
    model = PythonModel(target, metrics, fixed, entries, code, str(folder))
    for key in fixed:
        model.bind(key)
    return model


def _imported(target: str, folder: str) -> Callable[..., Any]:
    name, _, attribute = target.partition(":")
    beside = Path(folder) / f"{name}.py"
    try:
        if beside.is_file():  # by its path: another folder may have a module of the same name
            unique = f"_study_{hashlib.sha256(str(beside.resolve()).encode()).hexdigest()[:16]}_{name}"
            module = sys.modules.get(unique)
            if module is None:
                spec = importlib.util.spec_from_file_location(unique, beside)
                assert spec is not None and spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                sys.modules[unique] = module
        else:
            module = importlib.import_module(name)
        function = getattr(module, attribute)
    except Exception as error:  # importing runs the user's code
        message = f"cannot be imported: {type(error).__name__}: {error}"
        raise InputError(message, field="model.python", given=target) from error
    if not callable(function):
        raise InputError("is no function", field="model.python", given=target)
    found: Callable[..., Any] = function
    return found


def _value(metric: Metric, given: Mapping[str, Any]) -> float:
    if metric.name not in given:
        raise ValueError(f"{metric.name}: the function returned no such metric")
    value = given[metric.name]
    if isinstance(value, str):
        number, _, unit = value.strip().partition(" ")
        if not unit.strip():
            raise ValueError(f"{metric.name}: {value!r} has no unit")
        return metric.value(number, unit.strip())
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ValueError(f"{metric.name}: {value!r} is no number")
    return metric.value(repr(float(value)), None)


def _trace(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
