"""Reads studies: YAML or a map becomes a :class:`dse.study.Study`, or one message with its line."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arch.errors import InputError
from arch.validation import validated
from arch.yaml_source import Tree, copied, read_file
from dse.evaluation import Config
from dse.models import FACTS, Model, evaluator_of
from dse.objective import known_metrics, read_objective
from dse.optimisers.catalogue import checked
from dse.space import Declared, Space, read_space
from dse.study.spec import StudySpec
from dse.study.study import OptimizerChoice, Study

DEFAULT_EVALUATIONS = 100
"""Budget of a study that states none."""

_WALL = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(s|min|h|d)\s*")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def read_study(path: str | Path) -> Study:
    """The study in a YAML file; paths in it start from its folder.

    Raises:
        InputError: whatever is wrong in it, with its line.
    """
    return _study(read_file(Path(path), str(path)), Path(path).parent, Path(path))


def study_of(content: Mapping[str, Any]) -> Study:
    """The same from a map; paths start from the working folder."""
    return _study(Tree(copied(dict(content))), Path(), None)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a study file, for editors."""
    schema = StudySpec.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "cyclewise study"}
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


def wall_seconds(given: str) -> float:
    """A duration such as ``30 min``; InputError if it is none."""
    match = _WALL.fullmatch(given)
    if match is None:
        raise InputError("", given=given, accepted="a time with s, min, h or d, such as 30 min")
    return float(match[1]) * _SECONDS[match[2]]


def _study(tree: Tree, folder: Path, source: Path | None) -> Study:
    spec = validated(StudySpec, tree)
    assert isinstance(spec, StudySpec)
    try:
        return _made(spec, tree, folder, source)
    except InputError as error:
        raise _located(error, tree) from None


def _made(spec: StudySpec, tree: Tree, folder: Path, source: Path | None) -> Study:
    model = evaluator_of(spec.model, spec.workloads, folder=folder)
    workloads = tuple(model.workloads)
    metrics = known_metrics(model.metrics)

    def fact(name: str) -> bool:
        if name not in FACTS:
            raise InputError("unknown fact", given=name, accepted=FACTS)
        return all(model.facts(workload).get(name, False) for workload in workloads)

    declared = read_space(tree, {m.name: m.unit for m in metrics}, fact)
    model = _bound(model, declared.space)
    if (
        _varies_workloads(declared.space)
        and declared.space != read_space(tree, {m.name: m.unit for m in metrics}).space
    ):
        # Facts are of workloads as they stand, and a parameter that changes them may make them false.
        declared = read_space(tree, {m.name: m.unit for m in metrics})
    objective = read_objective(
        spec.objectives,
        model.metrics,
        constraints=declared.on_metrics,
        aggregate=spec.aggregate,
        workloads=workloads,
    )
    budget = spec.budget
    wall = None if budget.wall is None else _at("budget.wall", wall_seconds, budget.wall)
    evaluations = budget.evaluations
    if evaluations is None and wall is None:
        evaluations = DEFAULT_EVALUATIONS
    return Study(
        name=spec.study,
        title=spec.title,
        evaluator=model,
        workloads=workloads,
        space=declared.space,
        objective=objective,
        optimizers=_optimizers(spec),
        batch=spec.batch,
        evaluations=evaluations,
        wall_seconds=wall,
        seeds=_seeds(spec.seeds),
        baseline=_baseline(spec.baseline, declared.space),
        digest=_digest(spec, model, declared),
        source=source,
    )


def _bound(model: Model, space: Space) -> Model:
    """The model with the space's parameters; every value is tried, as the model would take it."""
    for p in space.parameters:
        for path in p.paths:
            _at(f"space.{p.name}", model.bind, path)
            values = (p.low, p.high) if p.values is None else p.values
            if p.kind in ("integer", "log2") and len(values) > 32:
                values = (values[0], values[-1])
            for value in values:
                _at(f"space.{p.name}", model.check, path, value)
    return model.with_paths({p.name: p.paths for p in space.parameters})


def _varies_workloads(space: Space) -> bool:
    return any(path.startswith("workload.") for p in space.parameters for path in p.paths)


def _optimizers(spec: StudySpec) -> tuple[OptimizerChoice, ...]:
    if spec.optimizer is not None and spec.optimizers is not None:
        raise InputError("give either optimizer or optimizers", field="optimizers")
    given = spec.optimizers if spec.optimizers is not None else (spec.optimizer or "random",)
    found: list[OptimizerChoice] = []
    for at, one in enumerate(given):
        where = "optimizer" if spec.optimizers is None else f"optimizers.{at}"
        entry = {"name": one} if isinstance(one, str) else dict(one)
        name = entry.pop("name", None)
        if not isinstance(name, str):
            raise InputError("name is missing", field=where, accepted="{name: ga, population: 32}")
        label = entry.pop("label", name)
        if not isinstance(label, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", label):
            raise InputError("", field=f"{where}.label", given=label, accepted="letters, digits, - _ .")
        if any(label == other.label for other in found):
            raise InputError("two optimisers of this label", field=where, given=label)
        _at(where, checked, name, entry)
        found.append(OptimizerChoice(label, name, entry))
    if not found:
        raise InputError("no optimisers", field="optimizers")
    return tuple(found)


def _seeds(given: int | tuple[int, ...]) -> tuple[int, ...]:
    seeds = tuple(range(given)) if isinstance(given, int) else given
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise InputError(
            "", field="seeds", given=given, accepted="how many, or a list of different ones from 0"
        )
    return seeds


def _baseline(given: Mapping[str, Any], space: Space) -> Config:
    for name in given:
        if name not in space.by_name:
            accepted = tuple(space.by_name)
            raise InputError("unknown parameter", field=f"baseline.{name}", given=name, accepted=accepted)
    return {name: _at("baseline", space.by_name[name].check, value) for name, value in given.items()}


def _digest(spec: StudySpec, model: Model, declared: Declared) -> str:
    content = spec.model_dump(mode="json", exclude={"title", "budget", "seeds", "optimizer", "optimizers"})
    content["evaluator"] = [model.version, dict(model.workloads)]
    content["rules"] = [sorted(declared.space.ignored), {n: list(p) for n, p in declared.space.same.items()}]
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _at(field: str, function: Any, *given: Any) -> Any:
    """Call; what is wrong is told of ``field``."""
    try:
        return function(*given)
    except InputError as error:
        inner = error.field if error.field and error.field != field else None
        message = f"{inner}: {error.message}" if inner and error.message else error.message
        raise InputError(
            message, field=field, given=error.given, accepted=error.accepted, file=error.file, line=error.line
        ) from None


def _located(error: InputError, tree: Tree) -> InputError:
    """With the file and line of the deepest part of its field that the study has."""
    if error.line is not None or not error.field:
        return error
    parts = tuple(int(p) if p.isdigit() else p for p in re.split(r"[.\[\]]+", error.field) if p)
    for end in range(len(parts), 0, -1):
        mark = tree.mark(parts[:end])
        if mark is not None:
            error.file, error.line = mark.file, mark.line
            break
    return error
