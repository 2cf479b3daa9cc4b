"""Studies that are killed at any moment and started again: nothing finished is evaluated twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dse.store import Store
from tests.dse.counted import evaluations, results, write_study

CHECKOUT = Path(__file__).resolve().parents[2]


def begin(study: Path, out: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cyclewise.cli", "explore", str(study), "-o", str(out), *arguments]
    return subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # so that the workers can be killed with it
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def synced(out: Path) -> set[str]:
    """Evaluations that stand in the store, as the model writes them down."""
    found = set()
    for record in Store(out / "store"):
        c = record.task.config
        found.add(f"{record.task.workload} {c['size']} {c['ways']} {c['kind']}")
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_again_and_again(tmp_path: Path, jobs: int) -> None:
    study = write_study(tmp_path, nap=0.02)
    undisturbed = begin(study, tmp_path / "whole", "--jobs", "1")
    assert undisturbed.wait(timeout=60) == 0
    (tmp_path / "log").unlink()

    out, rng, kills = tmp_path / "out", random.Random(jobs), 0
    allowed: dict[str, int] = {}
    while True:
        finished = synced(out) if out.exists() else set()
        before = evaluations(tmp_path)
        process = begin(study, out, "--jobs", str(jobs))
        wait = begun(process, tmp_path, before.total(), rng)
        if wait and process.poll() is None:
            kill(process)
            kills += 1
            new = evaluations(tmp_path) - before
            assert not new.keys() & finished, "what was finished has been evaluated again"
            for name in evaluations(tmp_path).keys() - synced(out):
                allowed[name] = allowed.get(name, 0) + 1
            continue
        assert process.wait(timeout=60) == 0, process.stderr and process.stderr.read()
        assert not (evaluations(tmp_path) - before).keys() & finished
        break
    assert kills >= 3
    for name, count in evaluations(tmp_path).items():
        assert count <= 1 + allowed.get(name, 0)
    assert sum(allowed.values()) <= kills * jobs * 8  # what was handed to the workers
    assert results(out) == results(tmp_path / "whole")


def begun(process: subprocess.Popen[bytes], folder: Path, before: int, rng: random.Random) -> bool:
    """Wait for some further evaluations; False if the process ended, or is to be left alone."""
    wanted = before + rng.randrange(2, 25)
    deadline = time.monotonic() + 60
    while evaluations(folder).total() < wanted and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(rng.random() * 0.05)
    return process.poll() is None


@pytest.mark.slow
def test_a_worker_of_dask_is_killed(tmp_path: Path) -> None:
    """A scheduler and two workers; the table is that of one process, and a lost worker costs time alone."""
    pytest.importorskip("distributed")
    study = write_study(tmp_path, nap=0.05)
    assert begin(study, tmp_path / "whole", "--jobs", "1").wait(timeout=60) == 0
    (tmp_path / "log").unlink()
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    scheduler_file = tmp_path / "scheduler.json"

    def started(*arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    processes = []
    try:
        where = [
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            str(scheduler_file),
        ]
        processes.append(started("dask_scheduler", *where))
        deadline = time.monotonic() + 60
        while not scheduler_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        address = json.loads(scheduler_file.read_text())["address"]
        worker = ["dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        worker += ["--local-directory", str(tmp_path)]
        processes += [started(*worker), started(*worker)]
        arguments = ["--executor", "dask", "--scheduler", address]
        search = begin(study, tmp_path / "dask", *arguments)
        while evaluations(tmp_path).total() < 20:
            assert search.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        kill(processes.pop())
        assert search.wait(timeout=90) == 0, search.stderr and search.stderr.read()
    finally:
        for process in processes:
            kill(process)
    assert results(tmp_path / "dask") == results(tmp_path / "whole")
