"""``cyclewise explore`` and ``collect`` at the command line: what they leave behind, and what they refuse."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cyclewise.cli import main
from tests.cyclewise.program import Program, refused
from tests.dse.counted import evaluations, write_study

STUDY: dict[str, Any] = {
    "study": "small",
    "model": {"system": "ddr3_1600", "set": {"controller.profile": "dramsys"}},
    "workloads": [{"name": "few", "workload": "random", "set": {"requests": 300}}],
    "space": {
        "buffer_size": {"path": "controller.buffer_size", "log2": [1, 8]},
        "page_policy": {"path": "controller.page_policy", "choice": ["open", "closed"]},
    },
    "objectives": {"minimize": "edp"},
    "optimizer": "random",
    "batch": 4,
    "budget": {"evaluations": 6},
}


def written(folder: Path, changes: Mapping[str, Any]) -> str:
    content = {k: v for k, v in {**STUDY, **changes}.items() if v is not None}
    (folder / "s.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return "s.yaml"


def test_a_study_leaves_a_page_a_system_and_figures(program: Program, tmp_path: Path) -> None:
    answer = program("explore", written(tmp_path, {}), "--jobs", "1", "--json")
    assert answer.code == 0, answer.err
    out = tmp_path / "small-results"
    assert answer.json["evaluated"] == 7 and answer.json["folder"] == "small-results"  # and the baseline
    page = (out / "index.html").read_text()
    assert "<svg" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert {p.suffix for p in (out / "figures").iterdir()} == {".csv", ".svg"}
    best = json.loads((out / "best.json").read_text())
    assert (out / "best.diff").read_text().startswith("--- baseline.yaml")
    run = program("run", str(out / "best.yaml"), "random", "--set", "workload.requests=300", "--json")
    assert run.code == 0
    assert run.json["seconds"] == pytest.approx(best["metrics"]["time"])


def test_the_same_command_goes_on(program: Program, tmp_path: Path) -> None:
    file = written(tmp_path, {})
    program("explore", file, "--jobs", "1", "--budget", "4")
    answer = program("explore", file, "--jobs", "1")
    assert "2 evaluations now, 5 before" in answer.out
    assert "best     edp" in answer.out and "before   edp" in answer.out
    assert "0 evaluations now, 7 before" in program("explore", file, "--jobs", "1").out


def test_a_damaged_store_is_named_and_nothing_else_is_lost(program: Program, tmp_path: Path) -> None:
    file = str(write_study(tmp_path))
    assert program("explore", file, "--jobs", "1").code == 0
    (store,) = (tmp_path / "counted-results/store").glob("*.jsonl")
    before = evaluations(tmp_path)
    lines = store.read_bytes().splitlines(keepends=True)
    store.write_bytes(b"".join([lines[0], b"garbage\n", *lines[2:-1], lines[-1][:20]]))
    answer = program("explore", file, "--jobs", "1")
    assert answer.code == 0
    name = store.relative_to(tmp_path)
    for line in (2, len(lines)):
        assert f"{name}:{line}: a damaged record; its design will be evaluated again" in answer.err
    assert (evaluations(tmp_path) - before).total() == 2


def test_shares_and_collect(program: Program, tmp_path: Path) -> None:
    file = written(tmp_path, {})
    for i in (1, 2):
        answer = program("explore", file, "--shard", f"{i}/2", "-o", f"part{i}", "--jobs", "1")
        assert answer.code == 0 and f"share {i}/2: " in answer.out
    answer = program("collect", file, "part1", "part2", "-o", "all", "--jobs", "1")
    assert answer.code == 0 and "0 evaluations now, 7 before" in answer.out
    assert (tmp_path / "all/index.html").exists()
    refused(program("collect", file, "part1", "nowhere"), "nowhere", "no results of a study")
    refused(program("explore", file, "--shard", "3/2"), "--shard", "3/2", "I/N")


def space(**parameters: Any) -> dict[str, Any]:
    return {"space": {**STUDY["space"], **parameters}}


def parameter(path: str, **kind: Any) -> dict[str, Any]:
    return {"path": path, **kind}


WRONG: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    (space(x=parameter("controller.bufer_size", log2=[1, 8])), ("s.yaml:", 'did you mean "buffer_size"')),
    (space(x=parameter("controller.buffer_size", log2=[1, 4096])), ("s.yaml:", "2048", "1024")),
    (space(x=parameter("controller.scheduler", choice=["fr_fcfs", "best"])), ("s.yaml:", "best", "fr_fcfs")),
    (space(x=parameter("controller.refresh_postponed", integer=[5, 2])), ("s.yaml:", "x")),
    (
        space(x={**parameter("front_end.max_active", log2=[1, 8]), "when": "nothing == 1"}),
        ("s.yaml:", "nothing"),
    ),
    ({"constraints": {"none": "buffer_size > 100"}}, ("s.yaml:",)),
    ({"constraints": {"bad": "buffer_size >"}}, ("s.yaml:", "bad")),
    ({"constraints": {"bad": "bufer_size > 1"}}, ("s.yaml:", "buffer_size")),
    ({"objectives": {"minimize": "edq"}}, ("s.yaml:", '"edp"')),
    ({"objectives": {"minimise": "edp"}}, ("s.yaml:", "minimize")),
    ({"objectives": {}}, ("s.yaml:",)),
    ({"optimizer": "gaa"}, ('"ga"',)),
    ({"optimizer": {"name": "ga", "populatoin": 3}}, ("population",)),
    ({"budget": {"evaluations": 0}}, ("s.yaml:", "0")),
    ({"budget": {"evaluations": "many"}}, ("s.yaml:", "many")),
    ({"budget": {"wall": "soon"}}, ("s.yaml:", "soon")),
    ({"workloads": ["randon"]}, ("s.yaml:", "random")),
    ({"workloads": []}, ("s.yaml:",)),
    ({"model": {"system": "ddr3_1601"}}, ("s.yaml:", "ddr3_1600")),
    ({"model": {"python": "nowhere:f", "metrics": {"time": "s"}}}, ("s.yaml:", "nowhere")),
    (
        {"model": {"command": ["no_such_program"], "metrics": {"time": {"pattern": "t=(.*)", "unit": "s"}}}},
        (),
    ),
    ({"study": None}, ("s.yaml", "study")),
    ({"spaces": {}}, ("s.yaml:", "space")),
    ({"seeds": [-1]}, ("s.yaml:", "-1")),
    ({"batch": 0}, ("s.yaml:", "batch")),
]


@pytest.mark.parametrize(("changes", "words"), WRONG, ids=lambda value: str(value)[:50])
def test_wrong_studies(
    program: Program, tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    refused(program("explore", written(tmp_path, changes), "--jobs", "1"), *words)
    assert not (tmp_path / "small-results").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.yaml",), ("nowhere.yaml",)),
        (("text.txt",), ("text.txt",)),
        (("s.yaml", "-o", "text.txt"), ("text.txt", "is a file")),
        (("s.yaml", "-o", "full"), ("full", "holds other things")),
        (("s.yaml", "--executor", "slurm"), ("slurm", "local, dask")),
        (("s.yaml", "--executor", "dask"), ("--scheduler",)),
        (("s.yaml", "--scheduler", "tcp://x"), ("--executor dask",)),
        (("s.yaml", "--wall", "soon"), ("soon",)),
        (("s.yaml", "--shard", "1/2", "--executor", "dask"), ("--shard",)),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_wrong_arguments(
    program: Program, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    written(tmp_path, {})
    (tmp_path / "text.txt").write_text("a: [")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("")
    refused(program("explore", *arguments), *words)


def test_a_scheduler_that_does_not_answer(program: Program, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    answer = program(
        "explore", written(tmp_path, {}), "--executor", "dask", "--scheduler", "tcp://127.0.0.1:9"
    )
    assert answer.code == 2 and "no Dask scheduler answers" in answer.err


def test_a_dry_run_counts(program: Program, tmp_path: Path) -> None:
    content = program("explore", written(tmp_path, {}), "--dry-run", "--json").json
    assert (content["designs"], content["combinations"], content["budget"]) == (8, 8, 6)
    assert not (tmp_path / "small-results").exists()


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("explore", "collect"):
        assert main([name, "--help"]) == 0
        assert f"cyclewise {name} " in capsys.readouterr().out
