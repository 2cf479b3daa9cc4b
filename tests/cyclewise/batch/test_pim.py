"""Batches of machines that run transformers: tokens, mappings, changes from the command line."""

import json
from pathlib import Path

import pytest

import cyclewise as cw
from cyclewise.batch.planning import Loader, plan
from tests.cyclewise.program import CHECKOUT, Program, refused

STUDY = """
systems: [pim_gpt, {name: slow, system: pim_gpt, set: {asic.clock: 100 MHz}}]
workloads:
  - {name: tiny, workload: gpt_tiny, set: {tokens: 3, prompt: 2}}
variants:
  - {name: paper}
  - {name: aligned, set: {mapping.packing: row_aligned, mapping.value_layout: row_major}}
runs:
  - {name: traced, system: gddr6_aim, workload: aim_gemv16, set: {dram.controller.refresh: none}}
"""


def test_tokens_and_mappings_reach_the_runs(program: Program, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(STUDY)
    answer = program("batch", "b.yaml", "-o", "out")
    assert answer.code == 0, answer.err
    assert "tokens/s" in answer.out
    found = cw.read_batch("out")
    reports = found.reports
    assert [*reports] == [
        *(f"{s}-tiny-{v}" for s in ("pim_gpt", "slow") for v in ("paper", "aligned")),
        "traced",
    ]
    for name, report in reports.items():
        if name != "traced":
            assert (report.metrics["tokens"], report.metrics["steps"]) == (3, 4)
            mapping = report.workload["mapping"]
            aligned = name.endswith("aligned")
            assert mapping["packing"] == ("row_aligned" if aligned else "packed")
            assert mapping["value_layout"] == ("row_major" if aligned else "column_major")
    assert reports["slow-tiny-paper"].seconds > reports["pim_gpt-tiny-paper"].seconds
    assert reports["traced"].cycles["memory"] == 413 - 4 + 15 * 226
    # each run stands for itself
    folder = "out/runs/pim_gpt-tiny-aligned"
    assert "mapping.packing=row_aligned" in (tmp_path / folder / "command.txt").read_text()
    assert program("rerun", folder).code == 0
    # nothing is done twice, and a changed choice is done again
    assert "(5 of them before)" in program("batch", "b.yaml", "-o", "out").out
    (tmp_path / "b.yaml").write_text(STUDY.replace("packing: row_aligned", "packing: packed"))
    assert "(3 of them before)" in program("batch", "b.yaml", "-o", "out").out


def test_changes_from_the_command_line_go_before_those_of_the_file(program: Program, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(STUDY.partition("runs:")[0])
    words = (
        "--set",
        "workload.tokens=1",
        "--set",
        "system.asic.clock=1 GHz",
        "--set",
        "mapping.packing=packed",
    )
    assert program("batch", "b.yaml", "-o", "out", *words).code == 0
    reports = cw.read_batch("out").reports
    assert {r.metrics["tokens"] for r in reports.values()} == {1}
    assert len({r.seconds for name, r in reports.items() if name.endswith("paper")}) == 1
    assert {r.workload["mapping"]["packing"] for r in reports.values()} == {"packed"}
    record = json.loads((tmp_path / "out" / "batch.json").read_text())
    assert record["overrides"] == [*words[1::2]]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("packing: row_aligned", "packing: loose", ("b.yaml:7", "mapping.packing", "loose", "row_aligned")),
        ("mapping.packing", "mapping.pakking", ("b.yaml:7", "pakking", "packing")),
        ("tokens: 3", "tokens: many", ("b.yaml:4", "tokens", "many")),
        ("tokens: 3", "token: 3", ("b.yaml:4", "token", "tokens")),
        ("tokens: 3", "mapping.context: 2", ("b.yaml:4", "mapping.context", "cannot be set here")),
        ("tokens: 3", "heads: 3, hidden: 64", ("b.yaml:4", "heads", "3 heads")),
        ("gpt_tiny", "gpt_tinny", ("b.yaml:4", "gpt_tinny", "gpt_tiny")),
        ("gpt_tiny", "random", ("b.yaml:4", "random")),
        ("{name: tiny, workload: gpt_tiny, set: {tokens: 3, prompt: 2}}", "llama3_8b", ("b.yaml:4", "rows")),
    ],
)
def test_what_is_wrong_is_told_with_its_line_before_anything_runs(
    old: str, new: str, words: tuple[str, ...], program: Program, tmp_path: Path
) -> None:
    (tmp_path / "b.yaml").write_text(STUDY.replace(old, new))
    refused(program("batch", "b.yaml", "-o", "out"), *words)
    assert not (tmp_path / "out").exists()


def test_a_mapping_is_refused_for_a_memory(program: Program, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(
        "systems: [ddr4_2400]\nworkloads: [random]\nvariants: [{name: x, set: {mapping.packing: packed}}]\n"
    )
    refused(program("batch", "b.yaml", "-o", "out"), "b.yaml:3", "mapping.packing")


@pytest.mark.parametrize(
    "file", sorted(str(f.relative_to(CHECKOUT)) for f in (CHECKOUT / "examples").rglob("pim_gpt*/*.yaml"))
)
def test_the_examples_can_be_planned(file: str) -> None:
    found = plan(str(CHECKOUT / file), Loader(), ["workload.tokens=2"])
    assert len({(run.workload, *run.overrides) for run in found.runs}) == len(found.runs)


def test_one_command_runs_all_eight_models(program: Program) -> None:
    file = str(CHECKOUT / "examples" / "pim_gpt_models.yaml")
    answer = program("batch", file, "-o", "out", "--set", "workload.tokens=1", "--json")
    assert answer.code == 0
    rows = answer.json["runs"]
    assert isinstance(rows, list) and len(rows) == 8
    assert all(row["tokens_per_second [1/s]"] > 0 for row in rows)
