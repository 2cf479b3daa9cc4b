"""The process pool: every task has its outcome, whatever happens to workers, and no worker outlives it."""

import faulthandler
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dse.processes import DIED, Outcome, outcomes, usable_cores


def by_task(found: list[Outcome[int, int]]) -> dict[int, Outcome[int, int]]:
    return {outcome.task: outcome for outcome in found}


def square(task: int) -> int:
    return task * task


@pytest.mark.parametrize("workers", [1, 3])
def test_every_task_has_its_result(workers: int) -> None:
    found = by_task(list(outcomes(square, range(20), workers=workers)))
    assert {task: outcome.result for task, outcome in found.items()} == {n: n * n for n in range(20)}
    assert all(outcome.failure is None for outcome in found.values())


def test_no_tasks_and_no_workers() -> None:
    assert list(outcomes(square, [], workers=2)) == []
    with pytest.raises(ValueError, match="accepted 1 or more"):
        next(outcomes(square, [1], workers=0))


def test_an_exception_is_told_with_its_place() -> None:
    def fails(task: int) -> float:
        return 1 / task

    found = by_task(list(outcomes(fails, [0, 1], workers=1)))  # type: ignore[arg-type]
    assert found[1].result == 1.0
    failure = found[0].failure
    assert failure is not None and failure.kind == "ZeroDivisionError" and "in fails" in failure.trace


def test_a_result_that_does_not_pickle_is_a_failure_of_its_task() -> None:
    def odd(task: int) -> object:
        return (lambda: None) if task == 1 else task

    found = by_task(list(outcomes(odd, range(4), workers=2)))  # type: ignore[arg-type]
    assert [found[n].result for n in (0, 2, 3)] == [0, 2, 3]
    assert found[1].failure is not None


def exits(task: int) -> None:
    os._exit(7)


def is_killed(task: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crashes(task: int) -> None:
    faulthandler.disable()  # pytest's would tell of it at length
    os.kill(os.getpid(), signal.SIGSEGV)


def leaves(task: int) -> None:
    sys.exit(0)


@pytest.mark.parametrize(
    ("end", "words"),
    [(exits, "exit code 7"), (is_killed, "SIGKILL"), (crashes, "SIGSEGV"), (leaves, "code 0")],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_death_of_a_worker_costs_one_task(end: Callable[[int], None], words: str, workers: int) -> None:
    def work(task: int) -> int:
        if task in (3, 4):
            end(task)
        return square(task)

    found = by_task(list(outcomes(work, range(10), workers=workers)))
    assert {n: o.result for n, o in found.items() if n not in (3, 4)} == {
        n: n * n for n in range(10) if n not in (3, 4)
    }
    for n in (3, 4):
        failure = found[n].failure
        assert failure is not None and failure.kind == DIED and words in failure.message


def test_a_worker_killed_between_tasks_costs_nothing(tmp_path: Path) -> None:
    def work(task: int) -> int:
        (tmp_path / str(os.getpid())).touch()
        return os.getpid()

    def tasks() -> Iterator[int]:
        for task in range(6):
            for file in tmp_path.iterdir():  # asked for a task, so the worker is idle
                os.kill(int(file.name), signal.SIGKILL)
                file.unlink()
            time.sleep(0.05)
            yield task

    found = list(outcomes(work, tasks(), workers=1))
    assert all(outcome.failure is None for outcome in found)
    assert len({outcome.result for outcome in found}) == 6


def test_prepare_started_and_pulse_are_called(tmp_path: Path) -> None:
    told: list[int] = []
    pulses: list[None] = []

    def prepare() -> None:
        (tmp_path / str(os.getpid())).touch()

    def slow(task: int) -> int:
        time.sleep(0.3)
        return os.getpid()

    found = list(
        outcomes(
            slow, [1, 2], workers=2, prepare=prepare, started=told.append, pulse=lambda: pulses.append(None)
        )
    )
    assert {int(file.name) for file in tmp_path.iterdir()} == {o.result for o in found}
    assert told == [1, 2] and len(pulses) >= 2


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pids: list[int], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(map(alive, pids)):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    def work(task: int) -> int:
        (tmp_path / str(os.getpid())).touch()
        if task:
            time.sleep(600)
        return task

    running = outcomes(work, range(3), workers=2)
    assert next(running).task == 0
    while len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.02)
    running.close()  # type: ignore[attr-defined]
    assert gone([int(file.name) for file in tmp_path.iterdir()])


ORPHANS = """
import os, sys, time
from pathlib import Path
from dse.processes import outcomes

def work(task):
    (Path(sys.argv[1]) / str(os.getpid())).touch()
    time.sleep(600)

list(outcomes(work, range(2), workers=2))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_do_not_outlive_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANS, str(tmp_path)], cwd=root, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2:
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.02)
    parent.send_signal(how)
    _, errors = parent.communicate(timeout=60)
    assert gone([int(file.name) for file in tmp_path.iterdir()])
    assert errors.count("Traceback") == (how == signal.SIGINT), (
        "workers say nothing; the parent was interrupted"
    )


def test_usable_cores() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
