"""A batch that is killed at any moment goes on where it was: nothing finished is run again, nothing changes.

The batches run in processes forked from the test's own, in which the kernels are compiled already.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cyclewise.batch import execution
from cyclewise.batch.execution import run_batch
from cyclewise.batch.planning import PlannedRun
from cyclewise.batch.results import read_batch
from cyclewise.cli import main
from cyclewise.run_folder import RunFolder

SPEC = {
    "title": "to be killed",
    "systems": ["ddr4_2400", {"name": "wide", "system": "ddr4_2400", "set": {"channels": 2}}],
    "workloads": [
        {"name": f"r{seed}", "workload": "random", "set": {"requests": 60_000, "seed": seed}}
        for seed in range(6)
    ]
    + [
        {"name": "bad", "workload": "stream", "set": {"requests": 10, "start": 1 << 32, "footprint": 1 << 33}}
    ],
}
TABLES = ("results.csv", "results.parquet")


def forked(action: Callable[[], object]) -> int:
    """Do it in a process of its own, which leads a group of its own; its id."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        action()
        os._exit(0)
    except BaseException:
        os._exit(1)


def ended(child: int, seconds: float = 120.0) -> bool:
    """Wait for it; did it end well?"""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    raise AssertionError("the batch does not end")


def finished(folder: Path) -> dict[str, tuple[int, int]]:
    """Runs whose record is there, with what changes if it is written again."""
    records = folder.glob("runs/*/run.json")
    return {file.parent.name: ((s := file.stat()).st_ino, s.st_mtime_ns) for file in records}


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def workers_of(parent: int) -> list[int]:
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in children.split()]


def kill(child: int, dice: random.Random) -> None:
    """The whole group, the parent alone, or a worker and then perhaps the parent."""
    how = dice.choice(["group", "group", "parent", "worker"])
    workers = workers_of(child)
    if how == "worker" and workers:
        os.kill(dice.choice(workers), signal.SIGKILL)
        time.sleep(dice.uniform(0, 0.05))
    if how == "group":
        os.killpg(child, signal.SIGKILL)
    else:
        os.kill(child, signal.SIGKILL)


@pytest.fixture
def undisturbed(tmp_path: Path) -> dict[str, bytes]:
    run_batch(SPEC, jobs=3, output=tmp_path / "undisturbed")
    return tables(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds workers in /proc")
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(
    seed: int, tmp_path: Path, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, journal = tmp_path / "killed", tmp_path / "journal"
    journal.touch()
    carry_out = execution._Work.carry_out

    def told(self: execution._Work, run: PlannedRun) -> object:
        with open(journal, "a") as file:
            file.write(f"{run.name}\n")
        return carry_out(self, run)

    monkeypatch.setattr(execution._Work, "carry_out", told)
    dice = random.Random(seed)
    kills = 0
    while True:
        before, begun = finished(folder), len(journal.read_text().splitlines())
        child = forked(lambda: run_batch(SPEC, jobs=2, output=folder))
        wanted = len(before) + dice.randrange(2) if kills < 25 else None
        while (
            wanted is not None
            and len(finished(folder)) < wanted
            and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        ):
            time.sleep(0.002)
        if wanted is not None:
            time.sleep(dice.uniform(0, 0.06))
            kill(child, dice)
            kills += 1
        well = ended(child)
        after = finished(folder)
        assert before.items() <= after.items(), "a finished run was written again"
        started = journal.read_text().splitlines()[begun:]
        assert not set(started) & set(before), "a finished run was started again"
        if well:
            break
    print(f"{kills} kills")
    assert kills >= 2, "hardly disturbed at all"
    assert len(after) == 12 and tables(folder) == undisturbed
    assert not [*folder.rglob(".unfinished-*")] and not [*folder.rglob("*.part")]
    assert [run.error is None for run in read_batch(folder).runs] == [
        run.error is None for run in read_batch(tmp_path / "undisturbed").runs
    ]


@pytest.mark.parametrize("files", [0, 1, 3, 6, 7])
def test_killed_while_a_run_is_put_in_its_place(
    files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies after it has moved so many of the files of its second run."""
    workloads = [
        {"name": f"r{seed}", "workload": "random", "set": {"requests": 400, "seed": seed}}
        for seed in range(3)
    ]
    spec = {"systems": ["ddr4_2400"], "workloads": workloads}
    run_batch(spec, jobs=1, output=tmp_path / "undisturbed")
    finish, replace = RunFolder.finish, os.replace

    def cut_short(self: RunFolder, contents: dict[str, str]) -> None:
        if self.folder.name.endswith("r1"):
            left = [None] * files

            def count(source: str | Path, target: str | Path) -> None:
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
                left.pop()
                replace(source, target)

            monkeypatch.setattr(os, "replace", count)
        finish(self, contents)
        if self.folder.name.endswith("r1"):
            os.kill(os.getpid(), signal.SIGKILL)

    folder = tmp_path / "killed"
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "finish", cut_short)
        first = run_batch(spec, jobs=1, output=folder)
    errors = {run.name: run.error for run in first.runs}
    assert errors["ddr4_2400-r0"] is None and errors["ddr4_2400-r2"] is None
    whole = files >= 7  # all was in its place: the run had been finished
    assert (errors["ddr4_2400-r1"] is None) == whole
    assert whole or "SIGKILL" in str(errors["ddr4_2400-r1"])
    before = finished(folder)
    again = run_batch(spec, jobs=1, output=folder)
    assert all(run.error is None for run in again.runs)
    assert before.items() <= finished(folder).items()
    assert tables(folder) == tables(tmp_path / "undisturbed")
    assert not [*folder.rglob(".unfinished-*")]


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.yaml").write_text(json.dumps(SPEC))
    arguments = ["batch", str(tmp_path / "b.yaml"), "-o", str(tmp_path / "out"), "--jobs", "2"]

    def interrupted() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os._exit(main(arguments))

    child = forked(interrupted)
    while len(finished(tmp_path / "out")) < 2:
        time.sleep(0.002)
    os.killpg(child, signal.SIGINT)  # as a terminal does: everybody in the group
    _, status = os.waitpid(child, 0)
    told = capfd.readouterr().err.splitlines()
    before = finished(tmp_path / "out")
    assert os.waitstatus_to_exitcode(status) == 130
    assert told[-1] == "cyclewise: interrupted" and "runs are done and kept" in told[-2]
    assert not [line for line in told if "Traceback" in line or "worker" in line]
    assert not [*(tmp_path / "out").rglob(".unfinished-*")]
    assert main(arguments) == 1 and before.items() <= finished(tmp_path / "out").items()
