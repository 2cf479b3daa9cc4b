"""Tasks on a Dask cluster: workers only evaluate; records are written where the study was started."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Self

from arch.errors import InputError
from dse.evaluation import Evaluator, Task
from dse.executors.interface import Done, chunks, evaluate
from dse.processes import PULSE_SECONDS
from dse.store import Aside, Failure

CONNECT_SECONDS = 5.0
"""How long a scheduler may take to answer."""

_PREPARED: dict[str, bool] = {}


class Dask:
    """Evaluates on the workers of a scheduler; a worker that is lost costs time and nothing else.

    Args:
        evaluator: sent to each worker once.
        scheduler: address, ``tcp://host:8786``.

    Raises:
        InputError: Dask is not installed, or the scheduler does not answer within 5 s.
    """

    def __init__(self, evaluator: Evaluator, scheduler: str) -> None:
        try:
            import distributed
        except ImportError:
            message = 'Dask is not installed: pip install "cyclewise[dask]"'
            raise InputError(message, field="--executor", given="dask") from None
        try:
            library: Any = distributed
            self._client = library.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            message = f"no Dask scheduler answers there ({type(error).__name__})"
            raise InputError(message, field="--scheduler", given=scheduler) from None
        self._evaluator = evaluator
        self._sent: Any = None
        self._seconds = 0.0

    @property
    def workers(self) -> int:
        """Threads of all workers there are at the moment, at least 1."""
        return max(1, int(sum(self._client.nthreads().values())))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def run(self, tasks: Sequence[Task], pulse: Callable[[], object]) -> Iterator[Done]:
        import distributed

        library: Any = distributed
        if self._sent is None:
            # Kept whole in the graph, not scattered: data on a worker that dies would have to be sent again.
            self._sent = partial(_evaluated, self._evaluator, self._evaluator.version)
        pieces = [*chunks(tasks, self.workers, self._seconds or 1.0)]
        sent = self._client.map(self._sent, pieces, pure=False, retries=2)
        futures = dict(zip(sent, pieces, strict=True))
        ended = library.as_completed([*futures], loop=self._client.loop)
        try:
            while futures:
                if not ended.has_ready():
                    time.sleep(min(PULSE_SECONDS, 0.01))
                    pulse()
                    continue
                future = next(ended)
                piece = futures.pop(future)
                if future.status == "finished":
                    for done in future.result():
                        self._seconds = 0.8 * (self._seconds or done.aside.seconds) + 0.2 * done.aside.seconds
                        yield done
                else:
                    failure = Failure("died", _reason(future), passing=True)
                    yield from (Done(task, None, failure, Aside()) for task in piece)
        finally:
            self._client.cancel([*futures])


def _evaluated(evaluator: Evaluator, version: str, tasks: Sequence[Task]) -> list[Done]:
    """In a worker: prepared once for each model."""
    if version not in _PREPARED:
        evaluator.prepare()
        _PREPARED[version] = True
    return evaluate(evaluator, tasks)


def _reason(future: Any) -> str:
    error = future.exception() if future.status == "error" else None
    return f"{type(error).__name__}: {error}" if error is not None else f"the task was {future.status}"
