"""Tasks in this process, or in worker processes of this computer."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from dse.evaluation import Evaluator, Task
from dse.executors.interface import Done, chunks, evaluate
from dse.processes import DIED, Workers
from dse.store import Aside, Failure

ATTEMPTS = 2
"""How often a task is tried alone after its worker died."""

Chunk = tuple[Task, ...]


class Inline:
    """Evaluates in the calling process, one task after the other."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._prepared = False

    @property
    def workers(self) -> int:
        return 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def run(self, tasks: Sequence[Task], pulse: Callable[[], object]) -> Iterator[Done]:
        if not self._prepared:
            self._evaluator.prepare()
            self._prepared = True
        for task in tasks:
            yield from evaluate(self._evaluator, [task])
            pulse()


class Local:
    """Evaluates in ``workers`` processes, which may die without taking more than their task along."""

    def __init__(self, evaluator: Evaluator, workers: int) -> None:
        self._workers = workers
        self._evaluator = evaluator
        self._pool: Workers[Chunk, list[Done]] | None = None
        self._seconds = 0.0  # of a task, as measured so far

    @property
    def workers(self) -> int:
        return self._workers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.__exit__(kind, error, trace)
            self._pool = None

    def run(self, tasks: Sequence[Task], pulse: Callable[[], object]) -> Iterator[Done]:
        if self._pool is None:
            self._evaluator.prepare()  # before workers are forked: they begin with what is loaded here
            work = partial(evaluate, self._evaluator)
            self._pool = Workers(work, workers=self.workers, prepare=self._evaluator.prepare)
        size = self._seconds or 1.0  # unknown: one task at a time
        alone: list[Task] = []
        for outcome in self._pool.outcomes(chunks(tasks, self.workers, size), pulse=pulse):
            if outcome.result is None:
                alone += outcome.task
                continue
            for done in outcome.result:
                self._seconds = 0.8 * (self._seconds or done.aside.seconds) + 0.2 * done.aside.seconds
                yield done
        yield from self._alone(alone, pulse)

    def _alone(self, tasks: Sequence[Task], pulse: Callable[[], object]) -> Iterator[Done]:
        """Tasks whose worker died, each by itself, so that only the one to blame fails."""
        assert self._pool is not None
        for attempt in range(ATTEMPTS):
            died: list[Task] = []
            for outcome in self._pool.outcomes([(task,) for task in tasks], pulse=pulse):
                if outcome.result is not None:
                    yield from outcome.result
                elif attempt + 1 < ATTEMPTS:
                    died += outcome.task
                else:
                    assert outcome.failure is not None
                    kind = "died" if outcome.failure.kind == DIED else "failed"
                    failure = Failure(kind, outcome.failure.message, outcome.failure.trace, passing=True)
                    yield Done(outcome.task[0], None, failure, Aside())
            tasks = died
