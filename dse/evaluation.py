"""What a study evaluates: tasks, and the evaluators that turn them into metrics.

A *design* is a configuration of a space; a *task* is one design on one workload.  An evaluator is a pure
function of the task, so that a result may be kept under the task's key for ever and be made on any
worker.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sim.report import MetricDeclaration

Value = str | int | float | bool
"""What a parameter may be set to: a plain YAML scalar."""

Config = Mapping[str, Value]
"""A design by parameter name.  A *canonical* one lacks the parameters that have no effect."""

FULL = "full"
"""The fidelity of an undivided workload; what others mean an evaluator says itself."""


@dataclass(frozen=True)
class Task:
    """One design on one workload.

    Attributes:
        config: the design, canonical.
        workload: its name in the study.
        fidelity: how exactly, for evaluators that know more than ``full``.
        seed: for evaluators that draw random numbers; 0 for those that do not.
    """

    config: Config
    workload: str
    fidelity: str = FULL
    seed: int = 0


class EvaluationError(Exception):
    """A design that has no metrics: refused by the model, failed, or took too long.

    Args:
        kind: one word for tables, such as ``refused``, ``failed``, ``timeout``.
        message: one sentence for people.
        log: where the full output lies, or its end; empty if there is none.
        passing: the surroundings are to blame (a lost worker, a full disk), so that trying again may help.
    """

    def __init__(self, kind: str, message: str, log: str = "", *, passing: bool = False) -> None:
        super().__init__(kind, message, log)
        self.kind, self.message, self.log, self.passing = kind, message, log, passing


class Evaluator(Protocol):
    """Turns a task into metrics.  Picklable, so that workers of any kind can be handed one."""

    @property
    def version(self) -> str:
        """Names everything that decides the metrics besides the task: model, its version, fixed settings."""

    @property
    def workloads(self) -> Mapping[str, str]:
        """Digest of every workload, by its name in the study."""

    @property
    def metrics(self) -> tuple[MetricDeclaration, ...]:
        """What it returns, with units and which way is better."""

    def prepare(self) -> None:
        """Load and compile what every task needs; called once in a process before its first task."""

    def __call__(self, task: Task) -> Mapping[str, float]:
        """The metrics of a task in the declared units.

        Raises:
            EvaluationError: the design has none.
        """


def task_key(task: Task, evaluator: Evaluator) -> str:
    """SHA-256 (hex) of everything that decides the metrics of a task."""
    content = {
        "config": dict(task.config),
        "workload": evaluator.workloads[task.workload],
        "model": evaluator.version,
        "fidelity": task.fidelity,
        "seed": task.seed,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
