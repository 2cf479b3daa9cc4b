"""Makes a table: every design under every workload, on all cores."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice

import numpy as np

from dse.evaluation import Config, Evaluator, Task
from dse.processes import outcomes
from dse.tabular.table import Table

METRICS = ("time", "energy", "power", "bandwidth")
"""What a table of memories holds."""

_CHUNK = 32  # designs; a worker keeps what workloads of one design share


class BuildError(RuntimeError):
    """A design could not be evaluated; the message says which and why."""


def build(
    name: str,
    evaluator: Evaluator,
    designs: Iterable[Config],
    *,
    metrics: Sequence[str] = METRICS,
    jobs: int = 1,
    progress: Callable[[int], object] | None = None,
) -> Table:
    """Evaluate all ``designs`` under all workloads of ``evaluator``.

    Args:
        name: of the study.
        designs: canonical, each once; rows are in this order.
        metrics: which of the evaluator's metrics to keep.
        jobs: worker processes.
        progress: called with the number of designs done so far.

    Raises:
        BuildError: a design has no metrics.
        InputError: a design stands twice.
        ValueError: the evaluator declares no such metric.
    """
    known = {m.name: m for m in evaluator.metrics}
    missing = [metric for metric in metrics if metric not in known]
    if missing:
        raise ValueError(f"the model declares no metric {missing[0]}")
    rows = [dict(design) for design in designs]
    workloads = tuple(evaluator.workloads)
    values = np.full((len(workloads), len(rows), len(metrics)), np.nan)
    evaluator.prepare()  # before workers are forked, so that they inherit it
    chunks = [(at, tuple(islice(rows, at, at + _CHUNK))) for at in range(0, len(rows), _CHUNK)]
    work = partial(_evaluated, evaluator, workloads, tuple(metrics))
    done = 0
    for outcome in outcomes(work, chunks, workers=jobs, prepare=evaluator.prepare):
        at, part = outcome.task
        if outcome.result is None:
            reason = outcome.failure.message if outcome.failure else "no result"
            raise BuildError(f"designs {at} to {at + len(part) - 1}: {reason}")
        values[:, at : at + len(part)] = outcome.result
        done += len(part)
        if progress is not None:
            progress(done)
    declared = tuple(known[metric] for metric in metrics)
    return Table.of(name, evaluator.version, rows, evaluator.workloads, declared, values)


def _evaluated(
    evaluator: Evaluator,
    workloads: Sequence[str],
    metrics: Sequence[str],
    chunk: tuple[int, Sequence[Config]],
) -> np.ndarray:
    """The metrics of some designs, shape (workloads, designs, metrics)."""
    values = np.empty((len(workloads), len(chunk[1]), len(metrics)))
    for d, design in enumerate(chunk[1]):
        for w, workload in enumerate(workloads):
            found = evaluator(Task(design, workload))
            values[w, d] = [found[metric] for metric in metrics]
    return values
