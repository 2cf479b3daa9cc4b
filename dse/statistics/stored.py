"""The summary of a study's folder: trajectories, and from the store failures and the baseline."""

import os
from pathlib import Path

from dse.evaluation import Task, task_key
from dse.statistics.hypervolume import Bounds
from dse.statistics.summary import Failed, Summary, summarise
from dse.store import Store
from dse.study import Study

FOLDER = "store"


def summary_of(
    folder: str | os.PathLike[str],
    study: Study,
    *,
    store: Store | None = None,
    bounds: Bounds | None = None,
    optimum: float | None = None,
) -> Summary:
    """What a study came to, from nothing but its folder.

    Args:
        store: of the folder, if it has been read already.
        bounds: as :func:`dse.statistics.summary.summarise`.
        optimum: likewise.

    Raises:
        InputError: the folder holds no trajectories, damaged ones, or a store that cannot be read.
    """
    records = Store(Path(folder) / FOLDER) if store is None else store
    return summarise(
        folder,
        study,
        failures=failures_of(records, study),
        bounds=bounds,
        optimum=optimum,
        baseline=baseline_of(records, study),
    )


def failures_of(store: Store, study: Study) -> list[Failed]:
    """The tasks of this study's model and workloads that have no metrics, sorted by key."""
    return [
        Failed(record.task.config, record.task.workload, record.failure.kind, record.failure.message)
        for record in store
        if record.failure is not None
        and record.version == study.evaluator.version
        and record.workload_digest == study.evaluator.workloads.get(record.task.workload)
    ]


def baseline_of(store: Store, study: Study) -> tuple[float, ...] | None:
    """Values of the objectives of the baseline design; None if the store does not hold its metrics."""
    found = {}
    for workload in study.workloads:
        record = store.get(task_key(Task(study.baseline, workload, study.fidelity), study.evaluator))
        if record is None or record.metrics is None:
            return None
        found[workload] = record.metrics
    return study.objective.score(found, study.baseline).values
