"""Tasks on the cores of this computer: worker processes that may die without taking anything else along.

:func:`outcomes` hands tasks to single-threaded worker processes, one at a time each, and yields what
became of every task as it ends.  An exception, a segmentation fault, a kill for lack of memory or an
``os._exit`` costs the task it happened in and no other.

On Linux workers are forked: they begin with whatever the caller has loaded and compiled, and ``work`` may be
any callable.  Elsewhere they start anew (``spawn``), so that ``work``, ``prepare`` and the tasks must pickle.
Workers never outlive the caller, not even one that is killed.
"""

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

DIED = "worker died"
"""The ``kind`` of a failure in which the process itself ended."""

PULSE_SECONDS = 0.2
"""How often ``pulse`` is called while nothing ends."""

_PATIENCE_SECONDS = 2.0
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_THREADS_OF = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """Why a task gave no result.  ``kind``: the exception's class, or :data:`DIED`."""

    kind: str
    message: str
    trace: str = ""  # the traceback, where there was an exception


@dataclass(frozen=True)
class Outcome(Generic[Task, Result]):
    """What became of a task: its result, or the failure."""

    task: Task
    result: Result | None = None
    failure: Failure | None = None


def usable_cores() -> int:
    """The cores that this process may run on; fewer than the computer has in most containers."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def outcomes(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    prepare: Callable[[], object] | None = None,
    started: Callable[[Task], object] | None = None,
    pulse: Callable[[], object] | None = None,
) -> Iterator[Outcome[Task, Result]]:
    """Do ``work`` on every task in ``workers`` processes; yield the outcomes in the order they end in.

    Leaving the iteration early (an exception such as KeyboardInterrupt, ``close()``) ends the workers at
    once, in the middle of what they do.  Ctrl-C reaches the caller alone.

    Args:
        work: called in a worker.
        tasks: taken one by one, whenever a worker is free.
        workers: how many processes at most, 1 or more; a dead one is replaced.
        prepare: called once in every worker before its first task.
        started: called here with each task when it is handed to a worker.
        pulse: called here about every 0.2 s, to keep a display alive without a thread (forking a process
            that has threads is unsafe).

    Raises:
        ValueError: ``workers`` is less than 1.
    """
    with Workers(work, workers=workers, prepare=prepare) as pool:
        yield from pool.outcomes(tasks, started=started, pulse=pulse)


class Workers(Generic[Task, Result]):
    """Worker processes that stay for several rounds of tasks; see :func:`outcomes` for the arguments.

    A context manager: at its end the workers end, those that are busy in the middle of what they do.

    Raises:
        ValueError: ``workers`` is less than 1.
    """

    def __init__(
        self, work: Callable[[Task], Result], *, workers: int, prepare: Callable[[], object] | None = None
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers: given {workers}, accepted 1 or more")
        self._workers = workers
        self._pool = _Pool(work, prepare)

    def __enter__(self) -> "Workers[Task, Result]":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def outcomes(
        self,
        tasks: Iterable[Task],
        *,
        started: Callable[[Task], object] | None = None,
        pulse: Callable[[], object] | None = None,
    ) -> Iterator[Outcome[Task, Result]]:
        """What becomes of each task, in the order they end in."""
        pool, waiting = self._pool, iter(tasks)

        def employ() -> None:
            while len(pool.busy) < self._workers:
                try:
                    task = next(waiting)
                except StopIteration:
                    return
                pool.give(task)
                if started is not None:
                    started(task)

        employ()
        while pool.busy:
            ended = pool.ended(PULSE_SECONDS)
            employ()  # before the caller looks at what ended: no worker waits for that
            yield from ended
            if pulse is not None:
                pulse()


class _Pool:
    def __init__(self, work: Callable[[Any], Any], prepare: Callable[[], object] | None) -> None:
        self.context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self.arguments = (work, prepare)
        self.processes: dict[Connection, Any] = {}
        self.busy: dict[Connection, Any] = {}  # the task of each

    def give(self, task: Any) -> None:
        """Hand ``task`` to an idle worker, or to a new one."""
        idle = [c for c in self.processes if c not in self.busy]
        for connection in idle:
            with suppress(OSError):
                connection.send(task)
                self.busy[connection] = task
                return
            self.bury(connection)  # killed while it had nothing to do: no task is lost
        connection = self.hire()
        self.busy[connection] = task
        with suppress(OSError):  # dead already: its end is noticed like any other
            connection.send(task)

    def hire(self) -> Connection:
        ours: Connection
        ours, theirs = self.context.Pipe()
        process = self.context.Process(
            target=_serve, args=(theirs, os.getpid(), *self.arguments), daemon=True
        )
        with _interrupts_held():
            process.start()
        theirs.close()  # or its end would never be noticed here
        self.processes[ours] = process
        return ours

    def ended(self, seconds: float) -> list[Outcome[Any, Any]]:
        """The outcomes that arrive within ``seconds``; none if nothing ends meanwhile."""
        found: list[Outcome[Any, Any]] = []
        for connection in wait([*self.busy], seconds):
            assert isinstance(connection, Connection)
            task = self.busy.pop(connection)
            try:
                result, failure = connection.recv()
            except (EOFError, OSError, pickle.UnpicklingError):  # also in the middle of an answer
                found.append(Outcome(task, None, Failure(DIED, self.bury(connection))))
            else:
                found.append(Outcome(task, result, failure))
        return found

    def bury(self, connection: Connection) -> str:
        """Forget a dead worker; in words, how it ended."""
        process = self.processes.pop(connection)
        connection.close()
        process.join(_PATIENCE_SECONDS)
        code = process.exitcode
        if code is None:  # it has closed its pipe and yet lives
            process.kill()
            process.join()
            return "the worker process gave up its connection"
        if code >= 0:
            return f"the worker process ended with exit code {code}"
        name = signal.Signals(-code).name if -code in [*signal.Signals] else f"signal {-code}"
        reason = " (killed, perhaps for lack of memory)" if -code == signal.SIGKILL else ""
        return f"the worker process was ended by {name}{reason}"

    def close(self) -> None:
        for connection, process in self.processes.items():
            if connection in self.busy:
                process.kill()
            else:
                with suppress(OSError):
                    connection.send(_Stop())
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for connection, process in self.processes.items():
            process.join(max(0.0, deadline - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
            connection.close()
        self.processes.clear()
        self.busy.clear()


class _Stop:
    """Tells a worker that there is nothing more to do."""


def _serve(
    connection: Connection,
    parent: int,
    work: Callable[[Any], Any],
    prepare: Callable[[], object] | None,
) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the caller decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with(parent)
    os.environ.update(dict.fromkeys(_THREADS_OF, "1"))
    if prepare is not None:
        prepare()
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        if isinstance(task, _Stop):
            return
        try:
            connection.send((work(task), None))
        except Exception as error:  # a result that does not pickle ends up here too
            failure = Failure(type(error).__name__, str(error), traceback.format_exc())
            connection.send((None, failure))


def _end_with(parent: int) -> None:
    """See to it that this process ends when ``parent`` does, however that may happen."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_END_WITH_PARENT, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it was quicker
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PULSE_SECONDS)
    os._exit(1)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits, so that a worker is never interrupted before it has learnt to ignore that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
