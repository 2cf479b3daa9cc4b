"""AiM traces from the command line: run, repeated, refused."""

import csv
from pathlib import Path

import numpy as np
import pytest

import cyclewise as cw
from tests.cyclewise.program import Program, refused
from workloads.aim_library import open_aim

QUIET = ("--set", "dram.controller.refresh=none")


def gemv(path: Path, rows: int) -> str:
    macs = "".join(f"AiM MAC_ABK 64 1 {row}\n" for row in range(rows))
    path.write_text(f"W CFR 0 1\nAiM WR_GB 64 0 1\n{macs}AiM RD_MAC 0 1\nAiM EOC\n")
    return path.name


def test_a_row_takes_226_ticks_and_the_first_413(program: Program, tmp_path: Path) -> None:
    ticks = {}
    for rows in (1, 2, 16, 64):
        report = program("run", "gddr6_aim", gemv(tmp_path / f"gemv{rows}.aim", rows), *QUIET, "--json").json
        ticks[rows] = report["cycles"]["memory"]  # type: ignore[index]
        assert report["metrics"]["commands.MAC16"] == 64 * rows  # type: ignore[index]
        assert report["metrics"]["tokens_per_second"] is None  # type: ignore[index]
    assert abs(ticks[1] - 413) <= 10
    assert {rows: n - ticks[1] for rows, n in ticks.items()} == {rows: 226 * (rows - 1) for rows in ticks}


def test_a_run_folder_commands_and_the_same_again(program: Program, tmp_path: Path) -> None:
    file = gemv(tmp_path / "gemv.aim", 3)
    assert program("run", "gddr6_aim", file, *QUIET, "-o", "out", "--commands", "c.npz").code == 0
    with np.load(tmp_path / "c.npz") as found:
        # TMOD, loads, TMOD, rows opened, closed before the next, columns, TMOD, result
        assert len(found["commands_ch0"]) == 3 + 64 + 3 + 2 + 3 * 64 + 1
        assert len(found["commands_ch1"]) == 0
    assert program("check", "gddr6_aim", "c.npz", *QUIET).code == 0
    assert "reproduced" in program("rerun", "out").out
    with open(tmp_path / "out" / "operators.csv", newline="") as table:
        rows = {row["operator"]: row for row in csv.DictReader(table)}
    assert rows["banks"]["mac_columns"] == str(3 * 64) and rows["results"]["result_bursts"] == "1"
    assert not (tmp_path / "out" / "tokens.csv").exists()
    assert program("report", "out").code == 0


def test_a_library_trace_with_refresh_keeps_every_rule(program: Program) -> None:
    assert program("run", "gddr6_aim", "aim_every_instruction", "--commands", "c.npz").code == 0
    assert program("check", "gddr6_aim", "c.npz").code == 0


def test_a_trace_from_python_is_kept_in_the_folder(tmp_path: Path, program: Program) -> None:
    result = cw.run("gddr6_aim", open_aim("aim_gemv16"), output=tmp_path / "out", commands=True)
    assert result.commands is not None and len(result.commands) == 32
    assert result.report.workload["name"] == "aim_gemv16"
    assert program("run", "gddr6_aim", "out/workload.aim", "--json").json["cycles"] == result.cycles
    assert program("rerun", "out").code == 0


def test_an_empty_trace_takes_no_time(program: Program, tmp_path: Path) -> None:
    (tmp_path / "nothing.aim").write_text("AiM EOC\n")
    report = program("run", "gddr6_aim", "nothing.aim", "--json").json
    assert report["seconds"] == 0


BAD = {
    "AiM MAC_ABK 64 1\nAiM EOC\n": ("bad.aim:1", "row", "3 fields"),
    "AiM MAC_ABK 64 1 0\nAiM MAC_AB 64 1 0\nAiM EOC\n": ("bad.aim:2", "opcode", "MAC_ABK"),
    "AiM MAC_ABK 65 1 0\nAiM EOC\n": ("bad.aim:1", "opsize", "given 65", "1 to 64"),
    "AiM MAC_ABK 64 x 0\nAiM EOC\n": ("bad.aim:1", "channel_mask", 'given "x"'),
    "AiM MAC_ABK 64 0x100000000 0\nAiM EOC\n": ("bad.aim:1", "channel_mask"),
    "AiM MAC_ABK 64 1 0\n": ("bad.aim:1", "AiM EOC"),
}


@pytest.mark.parametrize("text", BAD)
def test_bad_lines_are_told_with_line_and_field(text: str, program: Program, tmp_path: Path) -> None:
    (tmp_path / "bad.aim").write_text(text)
    refused(program("run", "gddr6_aim", "bad.aim", "-o", "out"), *BAD[text])
    assert not (tmp_path / "out").exists()


def test_what_a_trace_does_not_have(program: Program, tmp_path: Path) -> None:
    file = gemv(tmp_path / "gemv.aim", 1)
    run = ("run", "gddr6_aim", file)
    refused(program(*run, "--tokens", "3"), "workload.tokens", "has no parameters")
    refused(program(*run, "--set", "mapping.packing=packed"), "mapping.packing")
    refused(program(*run, "--timeline", "t.json"), "timeline")
    refused(program(*run, "--commands", "c.npz", "--steps", "0:1"), "steps")
    refused(program(*run, "--requests", "r.npz"), "requests")
    refused(program("run", "ddr4_2400", "aim_gemv16"), "aim_gemv16")
    refused(program("run", "gddr6_aim", "aim_gemv17"), "aim_gemv16", "gpt2_small")
    refused(program("run", "pim_gpt", "aim_every_instruction"), "aim_every_instruction.aim:", "opcode")
