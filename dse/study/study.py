"""A study, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dse.evaluation import FULL, Config
from dse.models import Model
from dse.objective import Objective
from dse.space import Space


@dataclass(frozen=True)
class OptimizerChoice:
    """An optimiser with its options; ``label`` tells it from others of the study."""

    label: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """What is explored.

    Attributes:
        name: as in the file; folders are called by it.
        title: for people.
        evaluator: the model, with its workloads, ready to evaluate designs of ``space``.
        workloads: their names, in order.
        space: the designs.
        objective: what is wanted of them.
        optimizers: each is run with every seed.
        batch: designs that are asked for at a time.
        evaluations: unique designs that each run may have evaluated; None for no limit.
        wall_seconds: after so long no more is asked for; None for no limit.
        seeds: of the runs.
        baseline: the design to compare with, which may leave parameters as the model has them.
        fidelity: of every evaluation.
        digest: SHA-256 (hex) of what decides a run's trajectory, budget and seeds apart.
        source: the file; None for a study made in Python.
    """

    name: str
    title: str
    evaluator: Model
    workloads: tuple[str, ...]
    space: Space
    objective: Objective
    optimizers: tuple[OptimizerChoice, ...]
    batch: int
    evaluations: int | None
    wall_seconds: float | None
    seeds: tuple[int, ...]
    baseline: Config
    digest: str
    fidelity: str = FULL
    source: Path | None = None
