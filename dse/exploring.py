"""The search: asks optimisers for designs, evaluates what is not known yet, tells them what it came to.

Asks come in batches whose size the study fixes, and are told in their order.  So what is asked is
the same for any number of workers and interruptions, and so is every file but those that say where and when.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from arch.errors import InputError
from dse.evaluation import Config, Task, task_key
from dse.executors import Done, Executor
from dse.objective import Score
from dse.optimisers import make
from dse.optimisers.interface import Optimizer, Trial
from dse.store import Failure, Record, Store, Writer
from dse.study import OptimizerChoice, Study

STORE, TRAJECTORIES = "store", "trajectories"

_IN_VAIN = 100
"""Batches in a row without a new design after which an optimiser is taken to have nothing more to try."""


class Listener(Protocol):
    """Told of a search as it goes on."""

    def begins(self, label: str, seed: int, number: int, runs: int, budget: int | None) -> None:
        """A run of an optimiser with a seed; ``number`` from 1, ``budget`` in unique designs."""

    def goes_on(self, unique: int, best: Sequence[float] | None, failed: int) -> None:
        """After each batch: designs evaluated, values of the best feasible one, designs without metrics."""

    def pulse(self, synced: int, waiting: int) -> None:
        """About every 0.2 s: records on disk for certain, and tasks of this batch that are still to end."""

    def says(self, text: str) -> None:
        """Something that a person should know."""


class Silent:
    """A listener that says nothing."""

    def begins(self, label: str, seed: int, number: int, runs: int, budget: int | None) -> None: ...

    def goes_on(self, unique: int, best: Sequence[float] | None, failed: int) -> None: ...

    def pulse(self, synced: int, waiting: int) -> None: ...

    def says(self, text: str) -> None: ...


@dataclass
class RunTally:
    """How a run went.

    Attributes:
        unique: designs that count against the budget.
        asked: designs, repeated ones included.
        failed: unique designs without metrics.
        ended: ``budget``, ``exhausted``, ``wall``.
    """

    label: str
    seed: int
    unique: int = 0
    asked: int = 0
    failed: int = 0
    ended: str = "budget"


@dataclass
class Outcome:
    """What a search came to.

    Attributes:
        runs: one for each optimiser and seed.
        baseline: score of the baseline; None if it has no metrics.
        evaluated: tasks that were evaluated now.
        reused: tasks that had been evaluated before.
        failures: by message, how many tasks.
        warnings: sentences for people.
    """

    runs: list[RunTally] = field(default_factory=list)
    baseline: Score | None = None
    evaluated: int = 0
    reused: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def explore(
    study: Study,
    folder: str | Path,
    *,
    executor: Executor,
    listener: Listener | None = None,
) -> Outcome:
    """Carry out a study in ``folder``, or go on with it; what is in its store is not evaluated again.

    Raises:
        InputError: the folder cannot be written, or an option of an optimiser is wrong.
    """
    return _Search(study, Path(folder), executor, listener or Silent()).carried_out()


def explore_share(
    study: Study,
    folder: str | Path,
    part: int,
    parts: int,
    *,
    executor: Executor,
    listener: Listener | None = None,
) -> Outcome:
    """Evaluate every ``parts``-th design of a study, from the ``part``-th (counted from 1), into a store.

    Nothing else is written: :func:`explore` finds the designs of all shares in a store that holds them, and
    goes on from there.

    Raises:
        InputError: an optimiser that learns, whose asks nobody knows ahead; or as of :func:`explore`.
    """
    return _Search(study, Path(folder), executor, listener or Silent()).shared(part, parts)


class _Search:
    def __init__(self, study: Study, folder: Path, executor: Executor, listener: Listener) -> None:
        self.study, self.folder, self.executor, self.listener = study, folder, executor, listener
        self.store = Store(folder / STORE)
        self.outcome = Outcome(warnings=tuple(str(damage) for damage in self.store.damaged))
        self.before = frozenset(r.key for r in self.store if r.final)
        self.now: set[str] = set()  # keys evaluated in this call: a passing failure is not repeated in it
        self.seen: set[str] = set()
        self.deadline = math.inf if study.wall_seconds is None else time.monotonic() + study.wall_seconds

    def carried_out(self) -> Outcome:
        for warning in (*self.outcome.warnings, *self.study.objective.warnings):
            self.listener.says(warning)
        runs = [(choice, seed) for choice in self.study.optimizers for seed in self.study.seeds]
        optimizers = [self.optimizer(choice, seed) for choice, seed in runs]  # all checked before any starts
        with self.store.writer() as writer:
            if self.has_baseline:
                (scored,) = self.scores([dict(self.study.baseline)], writer)
                self.outcome.baseline = scored.score
            for number, ((choice, seed), optimizer) in enumerate(zip(runs, optimizers, strict=True), start=1):
                self.listener.begins(choice.label, seed, number, len(runs), self.study.evaluations)
                self.outcome.runs.append(self.run(choice.label, seed, optimizer, writer))
        return self.outcome

    @property
    def has_baseline(self) -> bool:
        """Is there a design to compare with: one that the study names, or the model as it stands?"""
        return bool(self.study.baseline) or self.study.evaluator.system_yaml({}) is not None

    def shared(self, part: int, parts: int) -> Outcome:
        study = self.study
        runs = [(choice, seed) for choice in study.optimizers for seed in study.seeds]
        optimizers = [self.optimizer(choice, seed) for choice, seed in runs]
        for (choice, _), optimizer in zip(runs, optimizers, strict=True):
            if not optimizer.independent:
                message = f"{choice.label} learns from what it is told, so that it cannot be shared out"
                accepted = "random, sobol, lhs, exhaustive; or --executor dask"
                raise InputError(message, field="--shard", accepted=accepted)
        known: set[str] = set()  # designs of all runs; every parts-th new one is ours
        with self.store.writer() as writer:
            if part == 1 and self.has_baseline:
                self.scores([dict(study.baseline)], writer)
            for number, ((choice, seed), optimizer) in enumerate(zip(runs, optimizers, strict=True), start=1):
                self.listener.begins(choice.label, seed, number, len(runs), study.evaluations)
                tally = RunTally(choice.label, seed)
                self.outcome.runs.append(tally)
                for asked, unique in self.asks(optimizer, tally):
                    mine = []
                    for config in asked:
                        text = json.dumps(config, sort_keys=True)
                        if text not in known:
                            if len(known) % parts == part - 1:
                                mine.append(config)
                            known.add(text)
                    trials = [
                        scored.trial(c) for c, scored in zip(mine, self.scores(mine, writer), strict=True)
                    ]
                    tally.unique += len(mine)
                    tally.failed += sum(trial.values is None for trial in trials)
                    self.listener.goes_on(unique, None, tally.failed)
        return self.outcome

    def asks(self, optimizer: Optimizer, tally: RunTally) -> Iterator[tuple[list[Config], int]]:
        """The batches of an optimiser that does not learn, with the unique designs so far."""
        budget = math.inf if self.study.evaluations is None else self.study.evaluations
        designs: set[str] = set()
        in_vain = 0
        while len(designs) < budget and in_vain < _IN_VAIN:
            if time.monotonic() >= self.deadline:
                tally.ended = "wall"
                return
            before = len(designs)
            asked = optimizer.ask(int(min(self.study.batch, budget - before)))
            if not asked:
                break
            designs.update(json.dumps(config, sort_keys=True) for config in asked)
            in_vain = 0 if len(designs) > before else in_vain + 1
            yield asked, len(designs)
        if len(designs) < budget:
            tally.ended = "exhausted"

    def optimizer(self, choice: OptimizerChoice, seed: int) -> Optimizer:
        study = self.study
        return make(
            choice.name,
            study.space,
            seed=seed,
            objectives=len(study.objective.names),
            batch=study.batch,
            budget=study.evaluations,
            options=choice.options,
        )

    def run(self, label: str, seed: int, optimizer: Optimizer, writer: Writer) -> RunTally:
        study, tally = self.study, RunTally(label, seed)
        budget = math.inf if study.evaluations is None else study.evaluations
        designs: dict[str, None] = {}
        best: Trial | None = None
        in_vain = 0
        with _trajectory(self.folder, label, seed) as lines:
            while tally.unique < budget and in_vain < _IN_VAIN:
                if time.monotonic() >= self.deadline:
                    tally.ended = "wall"
                    break
                asked = optimizer.ask(int(min(study.batch, budget - tally.unique)))
                if not asked:
                    break
                trials = []
                in_vain += 1
                for config, scored in zip(asked, self.scores(asked, writer), strict=True):
                    text = json.dumps(config, sort_keys=True)
                    fresh = text not in designs
                    designs[text] = None
                    trial = scored.trial(config)
                    trials.append(trial)
                    if fresh:
                        in_vain = 0
                        tally.unique += 1
                        tally.failed += trial.values is None
                    best = _better(best, trial)
                    lines.write(_line(tally.asked, fresh, trial, scored))
                    tally.asked += 1
                optimizer.tell(trials)
                self.listener.goes_on(tally.unique, best.values if best else None, tally.failed)
        if tally.ended != "wall" and tally.unique < budget:
            tally.ended = "exhausted"
        return tally

    def scores(self, configs: Sequence[Config], writer: Writer) -> list["_Scored"]:
        """What each design came to, in their order; evaluates what the store lacks."""
        study = self.study
        keys: dict[str, Task] = {}
        by_config = []
        for config in configs:
            tasks = [Task(config, workload, study.fidelity) for workload in study.workloads]
            by_config.append([(task_key(task, study.evaluator), task) for task in tasks])
            keys.update(by_config[-1])
        missing = [task for key, task in keys.items() if not self.known(key)]
        self.outcome.reused += sum(key in self.before and key not in self.seen for key in keys)
        self.seen.update(keys)
        if missing:
            self.evaluate(missing, writer)
        return [self.scored(pairs, config) for pairs, config in zip(by_config, configs, strict=True)]

    def known(self, key: str) -> bool:
        record = self.store.get(key)
        return record is not None and (record.final or key in self.now)

    def evaluate(self, tasks: Sequence[Task], writer: Writer) -> None:
        waiting = len(tasks)

        def pulse() -> None:
            writer.pulse()
            self.listener.pulse(writer.synced, waiting)

        for done in self.executor.run(tasks, pulse):
            record = self.record(done)
            writer.append(record)
            self.store.add(record)
            self.now.add(record.key)
            waiting -= 1
            self.outcome.evaluated += 1
        writer.sync()

    def record(self, done: Done) -> Record:
        evaluator = self.study.evaluator
        metrics, failure = done.metrics, done.failure
        if metrics is not None:
            odd = [name for name, value in metrics.items() if not math.isfinite(value)]
            if odd:
                metrics, failure = None, Failure("failed", f"{odd[0]} is no finite number")
        if failure is not None:
            told = f"{failure.kind}: {failure.message}"
            self.outcome.failures[told] = self.outcome.failures.get(told, 0) + 1
        return Record(
            task_key(done.task, evaluator),
            done.task,
            evaluator.workloads[done.task.workload],
            evaluator.version,
            metrics,
            failure,
            done.aside,
        )

    def scored(self, pairs: Sequence[tuple[str, Task]], config: Config) -> "_Scored":
        by_workload: dict[str, Mapping[str, float]] = {}
        for key, task in pairs:
            record = self.store.get(key)
            assert record is not None
            if record.metrics is None:
                return _Scored([key for key, _ in pairs], None)
            by_workload[task.workload] = record.metrics
        score = self.study.objective.score(by_workload, config)
        return _Scored([key for key, _ in pairs], score)


@dataclass(frozen=True)
class _Scored:
    keys: list[str]
    score: Score | None

    def trial(self, config: Config) -> Trial:
        if self.score is None or not all(map(math.isfinite, self.score.values)):
            return Trial(config, None)
        return Trial(config, self.score.values, self.score.violation)


def _better(best: Trial | None, trial: Trial) -> Trial | None:
    """The feasible trial with the lesser first value."""
    if not trial.feasible:
        return best
    if best is None or best.values is None or trial.values is None:
        return trial
    return trial if trial.values[0] < best.values[0] else best


def _line(number: int, fresh: bool, trial: Trial, scored: _Scored) -> str:
    metrics: Mapping[str, float] = {} if scored.score is None else scored.score.metrics
    content: dict[str, Any] = {
        "n": number,
        "fresh": fresh,
        "config": dict(trial.config),
        "values": None if trial.values is None else list(trial.values),
        "violation": trial.violation,
        "metrics": {name: v for name, v in metrics.items() if math.isfinite(v)},
        "keys": scored.keys,
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n"


class _trajectory:  # noqa: N801  (used like a function)
    """The file of a run's asks, written anew: asks are repeated from the store when a study goes on."""

    def __init__(self, folder: Path, label: str, seed: int) -> None:
        self.path = folder / TRAJECTORIES / f"{label}-{seed}.jsonl"

    def __enter__(self) -> IO[str]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("w", encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be written ({error.strerror})", file=str(self.path)) from None
        return self.file

    def __exit__(self, *_: object) -> None:
        self.file.close()


def trajectory_lines(folder: str | Path, label: str, seed: int) -> Iterator[dict[str, Any]]:
    """What a run asked, in order; a last line that was not written whole is left out."""
    path = Path(folder) / TRAJECTORIES / f"{label}-{seed}.jsonl"
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)
