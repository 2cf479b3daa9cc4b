"""The program, driven as a user does: what works, exit codes, and the process around it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

import cyclewise as cw
from cyclewise.cli import app
from tests.cyclewise.program import CHECKOUT, TINY, Program, refused, started

# What works


def test_list_names_systems_workloads_and_generators(program: Program) -> None:
    answer = program("list")
    assert answer.code == 0
    for name in (
        "ddr4_2400",
        "gddr6_14000",
        "random_rw30",
        "spmv",
        "zipf",
        "pim_gpt",
        "gpt3_xl",
        "aim_gemv16",
    ):
        assert name in answer.out
    content = program("list", "--json").json
    assert set(content) == {"systems", "workloads", "generators", "models", "aim_traces"}
    assert "ddr3_1600" in {entry["name"] for entry in content["systems"]}  # type: ignore[attr-defined]


def test_show_has_ns_and_cycles_side_by_side(program: Program) -> None:
    (line,) = [
        line for line in program("show", "ddr4_2400").out.splitlines() if line.startswith("timing.tRCD ")
    ]
    assert line.split()[1:5] == ["13.32", "ns", "13.32", "16"]


def test_show_applies_overrides(program: Program) -> None:
    content = program("show", "ddr4_2400", "--json", "--set", "system.timing.tFAW=40 nCK").json
    (value,) = [v for v in content["values"] if v["key"] == "timing.tFAW"]  # type: ignore[attr-defined]
    assert (value["given"], value["cycles"]) == ("40 nCK", 40)


@pytest.mark.parametrize("name", [entry.name for entry in cw.library()])
def test_the_shown_yaml_loads_to_the_same_system(name: str, program: Program, tmp_path: Path) -> None:
    (tmp_path / "again.yaml").write_text(program("show", name, "--yaml").out)
    assert cw.load(str(tmp_path / "again.yaml")) == cw.load(name)


def test_new_writes_a_system_that_runs(program: Program, tmp_path: Path) -> None:
    assert program("new", "--from", "ddr4_2400", "my.yaml").code == 0
    assert program("run", "my.yaml", *TINY).code == 0
    refused(program("new", "--from", "ddr4_2400", "my.yaml"), "my.yaml", "exists already")


def test_schema_on_the_terminal_and_in_a_file(program: Program, tmp_path: Path) -> None:
    printed = program("schema", "memory").json
    assert program("schema", "memory", "-o", "memory.json").code == 0
    assert json.loads((tmp_path / "memory.json").read_text()) == printed


def test_run_prints_a_result(program: Program) -> None:
    answer = program("run", "ddr4_2400", *TINY)
    assert answer.code == 0
    assert "bandwidth" in answer.out and "500 requests" in answer.out


def test_run_json_is_the_report_and_nothing_else(program: Program) -> None:
    answer = program("run", "hbm2_2000", *TINY, "--json")
    assert answer.json["schema_version"] and answer.json["cycles"]


def test_run_writes_commands_and_requests(program: Program, tmp_path: Path) -> None:
    answer = program("run", "ddr4_2400", *TINY, "--commands", "c.npz", "--requests", "r.npz", "--json")
    metrics = answer.json["metrics"]
    assert isinstance(metrics, dict)
    with np.load(tmp_path / "c.npz") as file:
        assert file["commands"].shape[1] == 4
        assert (file["commands"][:, 1] == 0).sum() == metrics["commands.ACT"]
    with np.load(tmp_path / "r.npz") as file:
        assert {key: file[key].shape for key in ("accept", "issue", "return")} == dict.fromkeys(
            ("accept", "issue", "return"), (500,)
        )


def test_check_accepts_our_commands_and_names_a_broken_rule(program: Program, tmp_path: Path) -> None:
    program("run", "ddr4_2400", *TINY, "--commands", "c.npz")
    good = program("check", "ddr4_2400", "c.npz")
    assert good.code == 0 and "every rule kept" in good.out
    content = program("check", "ddr4_2400", "c.npz", "--json").json
    assert content["ok"] is True
    slower = program("check", "ddr4_2400", "c.npz", "--set", "timing.tRCD=40 nCK")
    assert slower.code == 1 and "tRCD" in slower.out and slower.err == ""
    wrong = program("check", "ddr4_2400", "c.npz", "--set", "timing.tRCD=40 nCK", "--json").json
    assert wrong["ok"] is False


def test_check_reads_the_csv_of_other_simulators(program: Program, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("clk,command,bank,row_or_column\n1,ACT,0,5\n17,RD,0,3\n")
    assert program("check", "ddr4_2400", "c.csv").code == 0
    (tmp_path / "c.csv").write_text("clk,command,bank,row_or_column\n1,ACT,0,5\n16,RD,0,3\n")
    assert program("check", "ddr4_2400", "c.csv").code == 1


def test_trace_generate_info_convert(program: Program, tmp_path: Path) -> None:
    made = program("trace", "generate", "random", "requests=300", "--set", "write_share=0.5", "-o", "t.npz")
    assert made.code == 0
    first = program("trace", "info", "t.npz", "--json").json
    assert first["requests"] == 300 and 0 < int(str(first["writes"])) < 300
    assert program("trace", "convert", "t.npz", "t.trace.gz").code == 0
    assert program("trace", "info", "t.trace.gz", "--json").json["digest"] == first["digest"]
    assert "300" in program("trace", "info", "t.trace.gz").out
    vectors = ("--format", "read_write_vector", "--system", "gddr6_14000")
    assert program("trace", "convert", "t.npz", "v.txt", *vectors).code == 0
    again = program("trace", "info", "v.txt", "--system", "gddr6_14000", "--json").json
    assert again["digest"] == first["digest"]
    assert program("run", "gddr6_14000", "v.txt").code == 0


def test_what_was_written_as_json(program: Program, tmp_path: Path) -> None:
    assert program("new", "--from", "ddr4_2400", "my.yaml", "--json").json == {
        "wrote": "system",
        "file": "my.yaml",
        "extends": "ddr4_2400",
        "digest": cw.load(str(tmp_path / "my.yaml")).digest(),
    }
    arguments = ("poisson", "requests=300", "-o", "t.npz", "--json")
    made = program("trace", "generate", *arguments).json
    assert set(made) == {"wrote", "file", "requests", "digest"}
    assert (made["wrote"], made["file"], made["requests"]) == ("trace", "t.npz", 300)
    assert made["digest"] == program("trace", "info", "t.npz", "--json").json["digest"]
    turned = program("trace", "convert", "t.npz", "t.trace", "--lossy", "--json").json
    assert (turned["file"], turned["requests"]) == ("t.trace", 300)
    assert turned["digest"] == program("trace", "info", "t.trace", "--json").json["digest"] != made["digest"]


def test_check_refuses_more_streams_than_channels(program: Program, tmp_path: Path) -> None:
    program("run", "ddr4_2400", *TINY, "--set", "channels=4", "--commands", "c.npz")
    refused(program("check", "ddr4_2400", "c.npz", "--set", "channels=2"), "c.npz", "given 4", "accepted 2")
    assert program("check", "ddr4_2400", "c.npz", "--set", "channels=4").code == 0
    carried = CHECKOUT / "sim" / "published" / "dram" / "micro_commands.csv"
    assert program("check", "ddr4_2400", str(carried)).code in (0, 1)  # sequences, not channels


def test_address_vectors_without_a_memory_name_the_option(program: Program, tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("R 0,0,0,1,2,8\n")
    for words in (("info", "v.txt"), ("convert", "v.txt", "v.npz")):
        refused(program("trace", *words), "v.txt", "--system NAME")


def test_validate_quick_finds_all_equal(program: Program) -> None:
    content = program("validate", "dram", "--quick", "--json").json
    assert content["differing"] == 0
    answers = content["answers"]
    assert isinstance(answers, dict)
    tables = {answer["table"] for answer in answers["carried"]}
    devices = {answer["device"] for answer in answers["carried"]}
    assert tables == {"sequences", "streams", "results"} and len(devices) == 4


def test_validate_says_what_differs(program: Program, tmp_path: Path) -> None:
    carried = CHECKOUT / "sim" / "published" / "dram" / "results.csv"
    head, *rows = carried.read_text().splitlines()
    (row,) = [row for row in rows if row.startswith("ddr4_2400,ram,burst_idle,")]
    (tmp_path / "results_a.csv").write_text(f"{head}\n{row.replace(',4009855,', ',4009854,')}\n")
    answer = program("validate", "dram", "--quick", "--data", str(tmp_path))
    assert answer.code == 1
    assert any("differs" in line and "+1" in line and "cycles" in line for line in answer.out.splitlines())


@pytest.mark.slow
def test_validate_finds_everything_equal(program: Program, tmp_path: Path) -> None:
    content = program("validate", "dram", "--json", "--markdown", str(tmp_path / "page.md")).json
    assert content["ok"] is True and int(str(content["figures"])) > 2000
    page = CHECKOUT / "docs" / "systems" / "dram_validation.md"
    again = f"cyclewise validate dram --markdown {page.relative_to(CHECKOUT)}"
    assert (tmp_path / "page.md").read_text() == page.read_text(), f"the page is of old: {again}"


def test_validate_reads_a_folder_of_measured_data(program: Program, shared_data: Path) -> None:
    content = program("validate", "dram", "--quick", "--json", "--data", str(shared_data / "dram")).json
    assert content["ok"] is True
    answers = content["answers"]
    assert isinstance(answers, dict)
    tables = {answer["table"] for answer in answers[str(shared_data / "dram")]}
    assert tables == {"settings", "traces", "sequences", "streams", "results", "excerpts"}


def test_the_carried_tables_are_the_measured_ones(shared_data: Path) -> None:
    measured, carried = shared_data / "dram" / "expected", CHECKOUT / "sim" / "published" / "dram"
    for name in ("command_stream_sha256.csv", "micro_requests.csv", "micro_commands.csv"):
        assert (carried / name).read_text() == (measured / name).read_text()
    rows = {}
    for file in measured.glob("results_*.csv"):
        with open(file, newline="") as opened:
            for row in csv.DictReader(opened):
                rows[row["device"], row["sim"], row["trace"]] = row
    with open(carried / "results.csv", newline="") as opened:
        ours = list(csv.DictReader(opened))
    assert len(ours) == sum(sim in ("ram", "ram_noref", "ram_rowhit") for _, sim, _ in rows)
    for row in ours:
        theirs = rows[row["device"], row["sim"], row["trace"]]
        assert row == {key: theirs[key] for key in row}


# The process around it


def test_help_is_light(tmp_path: Path) -> None:
    heavy = ("numba", "numpy", "matplotlib", "pint", "pyarrow", "pydantic", "scipy")
    script = (
        "import sys\nfrom cyclewise.cli import main\ncode = main(['--help'])\n"
        f"print([m for m in {heavy} if m in sys.modules])\nsys.exit(code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0 and result.stdout.splitlines()[-1] == "[]", result.stderr


COMMANDS = [*vars(get_command(app))["commands"]]  # a typer group, whose type says less


@pytest.mark.parametrize("command", [*COMMANDS, "trace info", "trace convert", "trace generate"])
def test_every_help_has_an_example(command: str, program: Program) -> None:
    answer = program(*command.split(), "--help")
    assert answer.code == 0
    assert f"cyclewise {command}" in answer.out.partition("Example")[2]


def test_the_version(program: Program) -> None:
    assert program("--version").out == f"cyclewise {cw.__version__}\n"


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cyclewise.cli", "show", "ddr4_2400"],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b"" and process.wait(60) == 141


def test_errors_of_a_process_go_to_the_standard_error(tmp_path: Path) -> None:
    result = started("run", "ddr5", "random", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("cyclewise: ") and result.stderr.count("\n") == 1
