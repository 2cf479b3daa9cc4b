"""Batches: what they leave on disk, what they keep and what they do again, and bad folders."""

import csv
import fcntl
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from cyclewise.batch import execution, folder
from cyclewise.batch.execution import run_batch
from cyclewise.batch.planning import PlannedRun
from cyclewise.batch.results import read_batch
from cyclewise.cli import main

SPEC = """
title: small
systems:
  - ddr4_2400
  - {name: closed, system: ddr3_1600, set: {controller.page_policy: closed}}
workloads:
  - {name: r, workload: random, set: {requests: 300, write_share: 0.25}}
  - mine.trace
runs:
  - name: fails
    system: ddr3_1600
    workload: stream
    set: {workload.start: 1099511627775, workload.footprint: 1099511627776}
"""
GOOD = ["ddr4_2400-r", "ddr4_2400-mine", "closed-r", "closed-mine"]
TABLES = ("results.csv", "results.parquet")
Told = tuple[int, str, str]


@pytest.fixture(autouse=True)
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.trace").write_text("LD 0x40\nST 0x80\n" * 30)
    (tmp_path / "b.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def batch(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    def run(*more: str) -> Told:
        capsys.readouterr()
        code = main(["batch", "b.yaml", "-o", "out", "--jobs", "2", *more])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def records(out: Path = Path("out")) -> dict[str, tuple[int, int]]:
    """What changes in a run's record, or a failure's, if it is written again."""
    files = [*out.glob("runs/*/run.json"), *out.glob("failures/*.json")]
    return {
        file.stem if file.parent.name == "failures" else file.parent.name: (
            file.stat().st_ino,
            file.stat().st_mtime_ns,
        )
        for file in files
    }


def again(before: dict[str, tuple[int, int]]) -> set[str]:
    """The runs that were carried out since."""
    return {name for name, what in records().items() if before.get(name) != what}


def edit(old: str, new: str) -> None:
    text = Path("b.yaml").read_text()
    assert old in text
    Path("b.yaml").write_text(text.replace(old, new))


def test_runs_rows_and_a_failure_that_ends_nothing(batch: Callable[..., Told]) -> None:
    code, out, err = batch()
    assert code == 1 and "4 runs done, 1 failed" in out
    assert err.count("\n") == 5 and "5/5 " in err
    assert sorted(path.name for path in Path("out/runs").iterdir()) == sorted(GOOD)
    with open("out/results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == [*GOOD, "fails"]
    assert [row["outcome"] for row in rows] == ["done"] * 4 + ["failed"]
    assert "outside the memory" in rows[4]["message"] and rows[4]["bandwidth [B/s]"] == ""
    assert rows[2]["set controller.page_policy"] == "closed" and rows[0]["set controller.page_policy"] == ""
    for row in rows[:4]:
        report = json.loads(Path("out/runs", row["run"], "report.json").read_text())
        assert float(row["time [s]"]) == report["seconds"]
        assert float(row["bandwidth [B/s]"]) == report["metrics"]["bandwidth"]
        assert int(row["commands.ACT [commands]"]) == report["metrics"]["commands.ACT"]
        assert row["bound_by"] == next(iter(report["bound_by"]))
        assert int(row["warnings"]) == len(report["warnings"])
        energy = report["energy_joules"]
        assert row["energy [J]"] == ("" if energy is None else str(energy["total"]))
    table = pyarrow.parquet.read_table("out/results.parquet").to_pylist()
    texts = [{key: "" if v is None else str(v) for key, v in row.items()} for row in table]
    same = {"run", "outcome", "message", "bound_by", "time [s]", "warnings", "row_hits [requests]"}
    assert [{k: r[k] for k in same} for r in texts] == [{k: r[k] for k in same} for r in rows]


def test_a_finished_run_is_an_ordinary_run(batch: Callable[..., Told]) -> None:
    batch()
    assert main(["rerun", "out/runs/closed-mine"]) == 0
    arguments = json.loads(Path("out/runs/closed-r/run.json").read_text())["arguments"]
    before = json.loads(Path("out/runs/closed-r/report.json").read_text())
    assert main(arguments) == 0
    after = json.loads(Path("out/runs/closed-r/report.json").read_text())
    assert {**before, "host": None} == {**after, "host": None}


def test_the_table_does_not_depend_on_the_jobs(batch: Callable[..., Told]) -> None:
    batch()
    main(["batch", "b.yaml", "-o", "alone", "--jobs", "1"])
    for name in TABLES:
        assert Path("out", name).read_bytes() == Path("alone", name).read_bytes()


def test_the_same_command_repeats_nothing(batch: Callable[..., Told]) -> None:
    batch()
    before, tables = records(), [Path("out", name).read_bytes() for name in TABLES]
    code, out, err = batch()
    assert code == 1 and "(4 of them before)" in out and "4 of 5 runs are done already, 1 failed" in err
    assert again(before) == set()
    assert [Path("out", name).read_bytes() for name in TABLES] == tables
    assert batch("--retry-failed")[0] == 1
    assert again(before) == {"fails"}


@pytest.mark.parametrize(
    ("old", "new", "repeated"),
    [
        ("page_policy: closed", "page_policy: open", {"closed-r", "closed-mine"}),
        ("requests: 300", "requests: 301", {"ddr4_2400-r", "closed-r"}),
        ("system: ddr3_1600, set", "system: ddr4_2400, set", {"closed-r", "closed-mine"}),
        ("workload.start: 1099511627775, ", "", {"fails"}),
        ("title: small", "title: other", set()),
        ("runs:\n", "variants: []\nruns:\n", set()),
        ("write_share: 0.25", "write_share: 0.250", set()),
        ("name: closed", "name: shut", {"shut-r", "shut-mine"}),
    ],
)
def test_an_edit_repeats_what_it_changes(
    old: str, new: str, repeated: set[str], batch: Callable[..., Told]
) -> None:
    batch()
    before = records()
    edit(old, new)
    told = batch()
    assert again(before) == repeated
    assert "damaged" not in str(told)  # of another system, and whole
    main(["batch", "b.yaml", "-o", "fresh", "--jobs", "2"])
    for name in TABLES:
        assert Path("out", name).read_bytes() == Path("fresh", name).read_bytes()


def test_a_run_that_is_left_out_and_comes_back(batch: Callable[..., Told]) -> None:
    batch()
    before = records()
    edit("  - mine.trace\n", "")
    batch()
    assert again(before) == set() and len(read_batch("out").runs) == 3
    Path("b.yaml").write_text(SPEC)
    batch()
    assert again(before) == set() and len(read_batch("out").runs) == 5


def test_a_trace_file_counts_by_what_is_in_it(batch: Callable[..., Told]) -> None:
    batch()
    before = records()
    os.utime("mine.trace", ns=(1, 1))
    batch()
    assert again(before) == set()
    content = Path("mine.trace").read_text()
    Path("mine.trace").write_text(content.replace("LD 0x40", "LD 0xC0"))
    os.utime("mine.trace", ns=(1, 1))  # and the size is the same: nothing tells them apart but a reading
    Path("elsewhere.trace").write_text(content.replace("LD 0x40", "LD 0xC0"))
    os.utime("elsewhere.trace", ns=(1, 1))
    edit("- mine.trace", "- {name: mine, workload: elsewhere.trace}")
    batch()
    assert again(before) == {"ddr4_2400-mine", "closed-mine"}
    before = records()
    Path("elsewhere.trace").write_text(content)
    batch()
    assert again(before) == {"ddr4_2400-mine", "closed-mine"}


def test_a_trace_that_changes_meanwhile(batch: Callable[..., Told], monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out = execution._Work.carry_out

    def meddled(self: execution._Work, run: PlannedRun) -> object:
        if run.name == "closed-mine":
            os.utime("mine.trace", ns=(5, 5))
        return carry_out(self, run)

    with monkeypatch.context() as patched:
        patched.setattr(execution._Work, "carry_out", meddled)
        main(["batch", "b.yaml", "-o", "out", "--jobs", "1"])
    errors = {run.name: run.error for run in read_batch("out").runs}
    assert "changed while the batch was at work" in str(errors["closed-mine"])
    assert errors["ddr4_2400-mine"] is None
    assert batch()[0] == 1 and {run.name for run in read_batch("out").runs if run.error} == {"fails"}


def test_a_worker_that_dies(batch: Callable[..., Told], monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out = execution._Work.carry_out

    def dies(self: execution._Work, run: PlannedRun) -> object:
        result = carry_out(self, run)
        if run.name == "closed-r":
            # In the middle of writing: a half-written folder and a stage are left.
            os.unlink(folder.run_path(self.into, run.name) / "run.json")
            (folder.run_path(self.into, run.name) / ".unfinished-x").mkdir()
        if run.name in ("closed-r", "ddr4_2400-mine"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with monkeypatch.context() as patched:
        patched.setattr(execution._Work, "carry_out", dies)
        code, out, _ = batch()
    assert code == 1 and "3 runs done, 2 failed" in out
    errors = {run.name: run.error for run in read_batch("out").runs}
    assert "SIGKILL" in str(errors["closed-r"])
    assert errors["ddr4_2400-mine"] is None, "that run had been finished"
    assert not Path("out/runs/closed-r").exists()
    before = records()
    code, out, _ = batch()  # the surroundings were to blame: tried again without being asked to
    assert "4 runs done (3 of them before), 1 failed" in out and again(before) == {"closed-r"}


def test_a_fault_of_ours_is_a_failure_with_its_place(
    batch: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(self: execution._Work, run: PlannedRun) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(execution._Work, "carry_out", faulty)
    code, out, err = batch()
    assert code == 1 and "0 runs done, 5 failed" in out and err.count("\n") == 5
    told = json.loads(Path("out/failures/closed-r.json").read_text())
    assert told["kind"] == "RuntimeError" and "in faulty" in told["trace"]


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("report.json", "{", "runs/closed-r/report.json: damaged: not JSON"),
        ("report.json", None, "runs/closed-r/report.json: is missing"),
        ("report.json", "{}", "runs/closed-r/report.json: damaged"),
        ("report.json", "edited", "runs/closed-r/report.json: damaged: not the report"),
        ("run.json", "[]", "runs/closed-r/run.json: damaged"),
        ("run.json", "{}", "runs/closed-r/run.json: format: not the record"),
        ("latency.csv", None, "runs/closed-r/latency.csv: is missing"),
        ("over_time.csv", "", "runs/closed-r/over_time.csv: damaged: not the table"),
        ("latency.csv", "since,from_cycles,to_cycles,reads\n", "runs/closed-r/latency.csv: damaged"),
        ("system.yaml", "", "runs/closed-r/system.yaml"),
        ("system.yaml", None, "runs/closed-r/system.yaml"),
        ("system.yaml", "kind: memory\nextends: ddr4_2400\n", "runs/closed-r/system.yaml: damaged"),
    ],
)
def test_a_damaged_result_is_named_and_run_again(
    file: str, content: str | None, named: str, batch: Callable[..., Told]
) -> None:
    batch()
    before, tables = records(), [Path("out", name).read_bytes() for name in TABLES]
    path = Path("out/runs/closed-r", file)
    if content == "edited":
        content = path.read_text().replace('"row_hits": ', '"row_hits": 1', 1)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    if file.endswith(".json"):
        found = {run.name: run for run in read_batch("out").runs}
        assert named.partition(": ")[0] in str(found["closed-r"].error) and found["closed-r"].report is None
        assert [run for run in GOOD if found[run].report] == [run for run in GOOD if run != "closed-r"]
    code, _, err = batch()
    assert code == 1 and [line for line in err.splitlines() if named in line and "runs again" in line]
    assert again(before) == {"closed-r"}
    assert [Path("out", name).read_bytes() for name in TABLES] == tables


def test_a_damaged_failure_is_named_and_run_again(batch: Callable[..., Told]) -> None:
    batch()
    Path("out/failures/fails.json").write_text("{")
    assert "damaged" in str({run.name: run.error for run in read_batch("out").runs}["fails"])
    before = records()
    assert "failures/fails.json: damaged" in batch()[2] and again(before) == {"fails"}


def spoil(key: str, value: Any) -> None:
    content = json.loads(Path("out/batch.json").read_text())
    Path("out/batch.json").write_text(json.dumps({**content, key: value}))


def foreign_file() -> None:
    Path("out").mkdir()
    Path("out/thesis.tex").touch()


def foreign_run() -> None:
    Path("out/runs/closed-r").mkdir(parents=True)
    Path("out/runs/closed-r/thesis.tex").touch()


FOLDERS: dict[str, tuple[Callable[[], object], bool, str]] = {
    "another format": (
        lambda: spoil("format", "cyclewise batch 2"),
        True,
        "batch.json: format: another version",
    ),
    "another version": (lambda: spoil("cyclewise", "9.9"), True, "out: made by cyclewise 9.9"),
    "no runs": (lambda: spoil("runs", 3), True, "batch.json: damaged"),
    "odd runs": (lambda: spoil("runs", [{}]), True, "batch.json: runs[0]: damaged"),
    "not JSON": (lambda: Path("out/batch.json").write_text("{"), True, "batch.json: damaged: not JSON"),
    "foreign things": (foreign_file, False, "out: holds other things (thesis.tex)"),
    "foreign run": (foreign_run, False, "holds other things (runs/closed-r)"),
    "a file": (lambda: Path("out").touch(), False, "out: is a file"),
    "a run": (
        lambda: main(["run", "ddr4_2400", "mine.trace", "-o", "out"]),
        False,
        "out: holds other things",
    ),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_that_cannot_be_used(case: str, batch: Callable[..., Told]) -> None:
    make, after_a_batch, message = FOLDERS[case]
    if after_a_batch:
        batch()
    make()
    before = sorted(Path("out").rglob("*"))
    code, out, err = batch()
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1
    assert [p for p in sorted(Path("out").rglob("*")) if p.name != ".lock"] == [
        p for p in before if p.name != ".lock"
    ]


def test_without_its_record_a_batch_is_taken_up_again(batch: Callable[..., Told]) -> None:
    batch()
    before = records()
    Path("out/batch.json").unlink()
    assert batch()[0] == 1 and again(before) == set()


def test_a_second_batch_in_one_folder_is_refused(
    batch: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch()
    monkeypatch.setattr(folder, "LOCK_SECONDS", 0.1)
    with open("out/.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, err = batch()
    assert code == 2 and "another batch is at work here" in err and err.count("\n") == 1
    assert batch()[0] == 1


def test_a_dry_run_tells_and_makes_nothing(
    batch: Callable[..., Told], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = batch("--dry-run")
    assert code == 0 and "5 runs, 0 of them done" in out and not Path("out").exists()
    batch()
    found = json.loads(batch("--dry-run", "--json")[1])
    assert [run["state"] for run in found["runs"]] == ["done"] * 4 + ["failed"]


def test_as_json(batch: Callable[..., Told]) -> None:
    code, out, _ = batch("--json")
    found = json.loads(out)
    assert code == 1 and (found["done"], found["failed"], found["kept"]) == (4, 1, 0)
    assert [row["run"] for row in found["runs"]] == [*GOOD, "fails"]


def test_where_results_go(batch: Callable[..., Told]) -> None:
    Path("sub").mkdir()
    Path("sub/s.yaml").write_text("systems: [ddr4_2400]\nworkloads: [../mine.trace]\noutput: here\n")
    assert main(["batch", "sub/s.yaml"]) == 0 and Path("sub/here/batch.json").exists()
    Path("sub/t.yaml").write_text("systems: [ddr4_2400]\nworkloads: [../mine.trace]\n")
    assert main(["batch", "sub/t.yaml"]) == 0 and Path("t-results/batch.json").exists()


def test_from_python(study: Path) -> None:
    found = run_batch(
        {"title": "mine", "systems": ["ddr3_1600"], "workloads": ["mine.trace"], "variants": [{"name": "v"}]},
        jobs=1,
        output=study / "python",
    )
    (run,) = found.runs
    assert (found.title, run.name, run.variant) == ("mine", "ddr3_1600-mine-v", "v")
    assert run.report is not None and run.report.metrics["bandwidth"] and run.error is None
    assert run.folder == study / "python" / "runs" / run.name
    assert found == read_batch(study / "python") and list(found.reports) == [run.name]
