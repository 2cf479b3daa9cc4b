"""``cyclewise report``: where it writes, what it says of poor and damaged folders."""

import json
import re
from pathlib import Path

import pytest

from cyclewise.cli import main

TINY = ("random", "--set", "workload.requests=400", "--set", "workload.write_share=0.3")
BATCH = """
title: Two and a bad one
systems: [ddr3_1600, ddr4_2400]
workloads:
  - {name: few, workload: random, set: {requests: 300}}
  - {name: beyond, workload: bad.trace}
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["run", "ddr3_1600", *TINY, "-o", "out"]) == 0
    capsys.readouterr()
    return tmp_path / "out"


@pytest.fixture
def batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "b.yaml").write_text(BATCH)
    (tmp_path / "bad.trace").write_text("LD 0xffffffffffff\n")
    main(["batch", "b.yaml", "-o", "all", "--jobs", "1"])
    capsys.readouterr()
    return tmp_path / "all"


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    for word in words:
        assert word in captured.err, captured.err


def test_a_run_gets_a_page_and_figures(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "out"]) == 0
    told = capsys.readouterr().out
    assert "out/report.html" in told and "out/figures" in told
    page = (out / "report.html").read_text()
    assert "cyclewise run ddr3_1600 random --set workload.requests=400" in page
    names = {file.name for file in (out / "figures").iterdir()}
    stems = (
        *("over_time", "latency_distribution", "bank_activity", "command_mix", "energy_ledger", "bound_by"),
        "row_locality",
    )
    assert names == {f"{stem}.{end}" for stem in stems for end in ("svg", "csv")}
    assert not [file for file in out.iterdir() if file.name.startswith(".")]
    before = page
    assert main(["report", "out"]) == 0 and (out / "report.html").read_text() == before
    assert main(["rerun", "out"]) == 0  # the folder is still one of a run
    assert main(["run", "ddr3_1600", *TINY, "-o", "out"]) == 0
    # They were of the run before.
    assert not (out / "report.html").exists() and not [*(out / "figures").iterdir()]


def test_a_page_elsewhere_comes_alone(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "out", "-o", "pages/one.html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "wrote": "report",
        "file": "pages/one.html",
        "figures": [],
        "bad": [],
    }
    assert (tmp_path / "pages" / "one.html").is_file() and not (out / "report.html").exists()


def test_a_run_of_an_earlier_version_has_fewer_figures(out: Path) -> None:
    for name in ("over_time", "latency", "bank_activity"):
        (out / f"{name}.csv").unlink()
    assert main(["report", "out"]) == 0
    page = (out / "report.html").read_text()
    assert "the run has no table over_time" in page and "Command mix" in page


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("report.json", "{", "", "not JSON"),
        ("report.json", '"seconds"', '"secnds"', "not the report that this run wrote"),
        ("run.json", "cyclewise run 1", "cyclewise run 0", "format: another version"),
        ("over_time.csv", "refreshes", "x", ":1: refreshes: damaged: a column is missing"),
        ("bank_activity.csv", "\nch0,", "\nch0,x", ':2: bank: damaged; given "x'),
        ("latency.csv", "\naccept,", "\naccept,1,", "damaged; given"),
        ("latency.csv", "\naccept,", "\narrival,", "not the table that this run wrote"),
    ],
)
def test_a_damaged_folder_is_one_message(
    file: str, old: str, new: str, words: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (out / file).read_text()
    assert old in text
    (out / file).write_text(text.replace(old, new, 1))
    assert main(["report", "out"]) == 2
    refused(capsys, file, words)
    assert not (out / "report.html").exists()


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "absent"):
        assert main(["report", folder]) == 2
        refused(capsys, folder, "holds no run")


def test_a_page_that_cannot_be_written(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for target in ("file/page.html", "out"):
        assert main(["report", "out", "-o", target]) == 2
        refused(capsys, target)


def test_a_batch_gets_a_page_and_one_for_each_run(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "all"]) == 0
    captured = capsys.readouterr()
    assert "ddr3_1600-beyond" in captured.err and "bad.trace" in captured.err
    page = (batch / "report.html").read_text()
    assert "2 of 4 finished" in page and "Two and a bad one" in page
    links = re.findall(r'<a href="([^"#:]+)"', page)
    assert sorted(links) == ["runs/ddr3_1600-few/report.html", "runs/ddr4_2400-few/report.html"]
    for link in links:
        own = (batch / link).read_text()
        (up,) = re.findall(r'<a href="([^"#:]+)"', own)
        assert (batch / link).parent.joinpath(up).resolve() == batch / "report.html"
    assert (batch / "figures" / "comparison_bandwidth.svg").is_file()
    assert main(["batch", "b.yaml", "-o", "all", "--jobs", "1"]) in (
        0,
        1,
    )  # it is still the folder of a batch


def test_a_page_of_a_batch_elsewhere_finds_those_of_the_runs(batch: Path, tmp_path: Path) -> None:
    assert main(["report", "all", "-o", "up/here/b.html"]) == 0
    links = re.findall(r'<a href="([^"#:]+)"', (tmp_path / "up" / "here" / "b.html").read_text())
    assert len(links) == 2
    assert all((tmp_path / "up" / "here" / link).resolve().is_file() for link in links)


def test_a_damaged_run_is_named_and_the_others_kept(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open(batch / "runs" / "ddr3_1600-few" / "latency.csv", "a") as file:
        file.write("accept\n")
    assert main(["report", "all"]) == 0
    error = capsys.readouterr().err
    assert "ddr3_1600-few" in error and "latency.csv:" in error
    page = (batch / "report.html").read_text()
    assert "2 of 4 finished" in page and page.count('<a href="runs/') == 1


def test_a_batch_of_another_version_is_refused(batch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = batch / "batch.json"
    record.write_text(record.read_text().replace("cyclewise batch 1", "cyclewise batch 0"))
    assert main(["report", "all"]) == 2
    refused(capsys, "batch.json", "format")
