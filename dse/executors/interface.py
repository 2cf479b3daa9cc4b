"""What executors have in common: chunks of tasks in, results in any order out."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, Self

from dse.evaluation import EvaluationError, Evaluator, Task
from dse.store import Aside, Failure

CHUNK_SECONDS = 0.05
"""Work that is handed over at a time: enough for handing it over not to count."""


@dataclass(frozen=True)
class Done:
    """What became of a task."""

    task: Task
    metrics: Mapping[str, float] | None
    failure: Failure | None
    aside: Aside


class Executor(AbstractContextManager["Executor"], Protocol):
    """Evaluates tasks; a context manager, at whose end its workers are gone."""

    @property
    def workers(self) -> int:
        """How many tasks are evaluated at a time."""

    def __enter__(self) -> Self: ...

    def run(self, tasks: Sequence[Task], pulse: Callable[[], object]) -> Iterator[Done]:
        """All tasks, in the order they end in; ``pulse`` is called about every 0.2 s."""


def evaluate(evaluator: Evaluator, tasks: Sequence[Task]) -> list[Done]:
    """Evaluate tasks in this process; what fails is told, not raised."""
    found = []
    host, pid = socket.gethostname(), os.getpid()
    for task in tasks:
        began = time.perf_counter()
        metrics: Mapping[str, float] | None = None
        failure: Failure | None = None
        try:
            metrics = evaluator(task)
        except EvaluationError as error:
            failure = Failure(error.kind, error.message, error.log, error.passing)
        except MemoryError:
            failure = Failure("died", "out of memory", passing=True)
        except Exception as error:
            failure = Failure("failed", f"{type(error).__name__}: {error}")
        finished = datetime.now(UTC).isoformat(timespec="milliseconds")
        found.append(
            Done(task, metrics, failure, Aside(host, pid, round(time.perf_counter() - began, 6), finished))
        )
    return found


def chunks(tasks: Sequence[Task], workers: int, seconds: float) -> Iterator[tuple[Task, ...]]:
    """The tasks in chunks of about 0.05 s, at least two a worker; ``seconds``: what a task takes."""
    most = max(1, int(CHUNK_SECONDS / max(seconds, 1e-6)))
    size = max(1, min(most, -(-len(tasks) // (2 * workers))))
    for at in range(0, len(tasks), size):
        yield tuple(tasks[at : at + size])
