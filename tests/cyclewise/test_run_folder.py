"""Run folders: what stands in them, nothing earlier is lost, and a run can be repeated from them."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cyclewise as cw
from cyclewise.cli import main

TINY = ("random", "--set", "workload.requests=400", "--set", "workload.write_share=0.3")
TABLES = {"over_time.csv", "latency.csv", "bank_activity.csv"}
FILES = {"report.json", "system.yaml", "command.txt", "run.json"} | TABLES


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def rerun(
    capsys: pytest.CaptureFixture[str], folder: str | Path, *more: str
) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = main(["rerun", str(folder), "--json", *more])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


def test_a_run_folder_holds_report_system_and_command(tmp_path: Path) -> None:
    arguments = ["run", "ddr4_2400", *TINY, "-o", "a/b/out", "--set", "timing.tFAW=30 nCK"]
    assert main(arguments) == 0
    folder = tmp_path / "a" / "b" / "out"
    assert set(contents(folder)) == FILES
    system = cw.load(str(folder / "system.yaml"))
    assert system.spec.resolve().timing["tFAW"] == 30
    record = json.loads((folder / "run.json").read_text())
    assert record["arguments"] == arguments
    assert (
        record["system"]["digest"]
        == system.digest()
        == json.loads((folder / "report.json").read_text())["system"].get("digest", system.digest())
    )


def test_the_recorded_command_is_the_command(tmp_path: Path) -> None:
    main(["run", "ddr4_2400", *TINY, "-o", "out"])
    before = json.loads((tmp_path / "out" / "report.json").read_text())
    arguments = json.loads((tmp_path / "out" / "run.json").read_text())["arguments"]
    assert main(arguments) == 0
    after = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {**before, "host": None} == {**after, "host": None}


def test_rerun_reproduces(capsys: pytest.CaptureFixture[str]) -> None:
    extra = ("--commands", "c.npz", "--requests", "r.npz", "--set", "controller.page_policy=closed")
    assert main(["run", "hbm2_2000", *TINY, "-o", "out", *extra]) == 0
    os.unlink("c.npz")
    code, told = rerun(capsys, "out")
    assert code == 0 and told["equal"] is True and told["compared"] == ["report", "commands", "requests"]
    assert not os.path.exists("c.npz")
    assert main(["rerun", "out"]) == 0 and "reproduced" in capsys.readouterr().out


def test_rerun_of_a_file_from_elsewhere_and_after_a_move(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "t.trace").write_text("LD 0x40\nST 0x80\n" * 50)
    main(["run", "ddr4_2400", "study/t.trace", "-o", "study/out"])
    shutil.move(tmp_path / "study", tmp_path / "moved")
    monkeypatch.chdir("/")
    assert rerun(capsys, tmp_path / "moved" / "out")[0] == 0
    shutil.move(tmp_path / "moved" / "out", tmp_path / "alone")
    capsys.readouterr()
    assert main(["rerun", str(tmp_path / "alone")]) == 2
    assert "is gone" in capsys.readouterr().err


def test_rerun_into_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["run", "ddr4_2400", *TINY, "-o", "out"])
    assert rerun(capsys, "out", "-o", "again")[0] == 0
    first, second = (json.loads((tmp_path / f / "report.json").read_text()) for f in ("out", "again"))
    assert {**first, "host": None} == {**second, "host": None}
    assert rerun(capsys, "again")[0] == 0


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_rerun_tells_what_differs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the model had counted otherwise in an earlier version."""
    import sim.machine

    true = sim.machine.simulate

    def earlier(*arguments: object) -> object:
        import dataclasses

        report = true(*arguments)  # type: ignore[arg-type]
        return dataclasses.replace(report, cycles={name: n + 1 for name, n in report.cycles.items()})

    monkeypatch.setattr(sim.machine, "simulate", earlier)
    main(["run", "ddr4_2400", *TINY, "-o", "out"])
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    code, told = rerun(capsys, "out")
    assert code == 1 and told["equal"] is False
    differences = told["differences"]
    assert isinstance(differences, list)
    assert [row["key"].split(".")[0] for row in differences] == ["cycles"]
    assert main(["rerun", "out"]) == 1 and "1 values differ" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("report.json", '"seconds"', '"secnds"', "not the report"),
        ("report.json", "{", "", "not JSON"),
        ("run.json", "cyclewise run 1", "cyclewise run 0", "another version"),
        ("run.json", '"workload"', '"workloads"', "workload"),
        ("run.json", "{", "[", "not JSON"),
        ("system.yaml", "rows: 65536", "rows: 32768", "changed after the run"),
        ("system.yaml", "timing:", "timming:", "timming"),
    ],
)
def test_a_spoilt_folder_is_one_message(
    file: str, old: str, new: str, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main(["run", "ddr4_2400", *TINY, "-o", "out"])
    spoil(tmp_path / "out" / file, old, new)
    capsys.readouterr()
    assert main(["rerun", "out"]) == 2
    error = capsys.readouterr().err
    assert words in error and file in error and error.count("\n") == 1


def test_a_changed_workload_is_noticed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "t.trace").write_text("LD 0x40\n" * 50)
    main(["run", "ddr4_2400", "t.trace", "-o", "out"])
    (tmp_path / "t.trace").write_text("LD 0x80\n" * 50)
    capsys.readouterr()
    assert main(["rerun", "out"]) == 2 and "requests differ" in capsys.readouterr().err


def test_a_failing_run_keeps_the_earlier_results(tmp_path: Path) -> None:
    main(["run", "ddr4_2400", *TINY, "-o", "out"])
    (tmp_path / "out" / "notes.txt").write_text("mine")
    before = contents(tmp_path / "out")
    (tmp_path / "bad.trace").write_text("LD 0x40\n" * 70_000 + "XX\n")
    assert main(["run", "ddr4_2400", "bad.trace", "-o", "out"]) == 2
    assert main(["run", "ddr4_2400", *TINY, "-o", "out", "--commands", "absent/c.npz"]) == 2
    assert contents(tmp_path / "out") == before
    assert main(["run", "ddr4_3200", *TINY, "-o", "out"]) == 0
    after = contents(tmp_path / "out")
    assert after["notes.txt"] == b"mine" and all(after[name] != before[name] for name in FILES)


def test_results_that_cannot_be_put_in_place_leave_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", "ddr4_2400", *TINY, "-o", "out"])
    before = contents(tmp_path / "out")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cyclewise.run_folder.os.fsync", full)
    assert main(["run", "ddr4_3200", *TINY, "-o", "out"]) == 2
    assert "No space left" in capsys.readouterr().err
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("place", ["afile", "afile/out", "full", ""])
def test_a_folder_that_cannot_be_used_is_refused_before_simulating(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sim.machine

    def never(*_: object) -> Callable[..., None]:
        raise AssertionError("it was simulated")

    monkeypatch.setattr(sim.machine, "simulate", never)
    (tmp_path / "afile").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    assert main(["run", "ddr4_2400", *TINY, "-o", place]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["thesis.tex"]


def test_an_empty_path_is_not_the_current_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "ddr4_2400", *TINY, "-o", ""]) == 2
    assert "is not the path of a folder" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_the_python_api_does_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "ddr4_2400", *TINY, "--json", "--set", "timing.tFAW=30 nCK"])
    printed = json.loads(capsys.readouterr().out)
    settings = ["workload.requests=400", "workload.write_share=0.3", "timing.tFAW=30 nCK"]
    r = cw.run("ddr4_2400", "random", overrides=settings, commands=True, requests=True, output="out")
    assert {**r.to_dict(), "host": None} == {**printed, "host": None}
    assert r.commands is not None and [stream.dtype for stream in r.commands] == [np.int64]
    assert len(r.commands[0]) == sum(n for name, n in r.metrics.items() if name.startswith("commands.") and n)
    assert r.requests is not None and set(r.requests) == {"accept", "issue", "return"}
    assert all(len(column) == 400 for column in r.requests.values())
    assert rerun(capsys, "out")[0] == 0


def test_a_trace_made_in_python_can_be_rerun(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    trace = cw.Trace.from_arrays(np.arange(100) * 7, np.arange(100) % 2, window=4, name="mine")
    system = cw.load("gddr6_14000", ["controller.refresh=none"])
    assert cw.run(system, trace, output="out").commands is None
    assert rerun(capsys, "out")[0] == 0
    with pytest.raises(cw.InputError, match=r"cw\.load"):
        cw.run(system, trace, overrides=["channels=2"])
    with pytest.raises(cw.InputError, match="no parameters"):
        cw.run(system, trace, overrides=["workload.seed=2"])


def test_several_channels_in_arrays_and_files(tmp_path: Path) -> None:
    settings = ["channels=2", "workload.requests=200", "front_end.mode=per_channel"]
    r = cw.run("ddr4_2400", "random", overrides=settings, commands=True)
    cw.run("ddr4_2400", "random", overrides=settings, commands="c.npz")
    assert r.commands is not None and len(r.commands) == 2
    with np.load(tmp_path / "c.npz") as file:
        for channel, stream in enumerate(r.commands):
            np.testing.assert_array_equal(file[f"commands_ch{channel}"], stream)
    assert main(["check", "ddr4_2400", "c.npz", "--set", "channels=2"]) == 0


def test_a_loaded_system_is_recorded_as_the_folders_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    system = cw.load("ddr4_2400", ["timing.tRCD=30 nCK"])
    cw.run(system, "random", overrides=["workload.requests=400"], output="out")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["system"] == {"given": None, "digest": system.digest()}
    assert record["arguments"][1] == str(Path("out", "system.yaml"))
    assert (tmp_path / "out" / "command.txt").read_text().startswith("cyclewise run out/system.yaml random ")
    assert main(record["arguments"]) == 0
    assert json.loads((tmp_path / "out" / "run.json").read_text())["report"] == record["report"]
    assert rerun(capsys, "out")[0] == 0


def test_rerun_into_a_folder_records_no_temporary_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main(["run", "ddr4_2400", *TINY, "-o", "out", "--commands", "c.npz", "--requests", "r.npz"])
    assert rerun(capsys, "out", "-o", "again")[0] == 0
    first, second = (json.loads((tmp_path / f / "run.json").read_text()) for f in ("out", "again"))
    assert first["files"] == second["files"]
    files = {"--commands": str(tmp_path / "c.npz"), "--requests": str(tmp_path / "r.npz")}
    for option, file in files.items():
        assert second["arguments"][second["arguments"].index(option) + 1] == file
        assert f"{option} {file}" in (tmp_path / "again" / "command.txt").read_text()


def test_what_is_neither_name_nor_object_is_a_type_error() -> None:
    with pytest.raises(
        TypeError, match=r"^workload: given int, accepted a name, a path or a cyclewise\.Trace$"
    ):
        cw.run("ddr4_2400", 123)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^system: given dict, accepted a name, a path or a system"):
        cw.run({}, "random")  # type: ignore[arg-type]


def test_names_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may hold any bytes; the command still names it, and the page is made."""
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"odd\xff.trace")
    Path(name).write_text("LD 0\nST 64\n")
    out = os.fsdecode(b"out\xff")
    assert main(["run", "ddr4_2400", name, "-o", out]) == 0
    assert b"odd\xff.trace" in Path(out, "command.txt").read_bytes()
    assert main(["report", out]) == 0 and main(["rerun", out]) == 0
