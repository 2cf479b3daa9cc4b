"""``cyclewise trace``: formats, clocks, statistics and pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import workloads
from cyclewise.cli import main
from cyclewise.commands import trace as command

Program = Callable[..., tuple[int, str, str]]


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Runs ``cyclewise trace`` in this process, in an empty folder; gives exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(("trace", *arguments))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return call


def facts(program: Program, *arguments: str) -> dict[str, Any]:
    code, out, err = program(*arguments, "--json")
    assert code == 0, err
    content = json.loads(out)
    assert isinstance(content, dict)
    return content


def refused(answer: tuple[int, str, str], *words: str) -> None:
    code, out, err = answer
    assert (code, out) == (2, ""), answer
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err


def test_the_help_names_every_format() -> None:
    assert set(command.FORMATS.replace(" or ", ", ").split(", ")) == set(workloads.FORMATS)


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.parquet", None), ("a.stl.gz", None), ("a.txt", "dramsim3"), ("a.trc.zst", "dramsys"), ("a", "npz")],
)
def test_convert_and_generate_keep_the_digest(program: Program, name: str, format: str | None) -> None:
    chosen = () if format is None else ("--format", format)
    made = facts(program, "generate", "poisson", "requests=300", "mean_gap=9.5", "-o", name, *chosen)
    assert facts(program, "info", name)["digest"] == made["digest"]
    assert facts(program, "convert", name, "b.npz")["digest"] == made["digest"]
    assert facts(program, "convert", "b.npz", "c" + name, *chosen)["digest"] == made["digest"]
    assert facts(program, "info", "c" + name)["digest"] == made["digest"]


def test_a_player_clock(program: Program) -> None:
    Path("p.stl").write_text("0: read 0x0\n10: write 0x40\n11: read 0x80\n")
    assert facts(program, "info", "p.stl")["last_arrival"] == 11
    # ddr4_2400 runs at 1.2 GHz: 1 200 / 300 = 4 memory cycles for a player's cycle.
    for clock in ("300MHz", "1/4", "0.25"):
        system = ("--system", "ddr4_2400", "--trace-clock", clock)
        assert 40 <= facts(program, "info", "p.stl", *system)["last_arrival"] <= 45
        facts(program, "convert", "p.stl", "p.npz", *system)
        assert (
            facts(program, "info", "p.npz")["last_arrival"]
            == facts(program, "info", "p.stl", *system)["last_arrival"]
        )
    assert facts(program, "info", "p.stl", "--trace-clock", "2")["last_arrival"] == 6
    assert facts(program, "info", "p.stl", "--relative")["last_arrival"] == 21
    Path("p.rstl").write_text(Path("p.stl").read_text())
    assert facts(program, "info", "p.rstl")["last_arrival"] == 21
    assert facts(program, "info", "p.rstl", "--absolute")["last_arrival"] == 11


def test_clocks_that_do_not_fit_are_one_message(program: Program) -> None:
    Path("p.stl").write_text("0: read 0x0\n")
    Path("i.trace").write_text("3 64\n4 64 64\n")
    refused(program("info", "p.stl", "--trace-clock", "300MHz"), "name the memory with --system NAME")
    refused(program("info", "p.stl", "--trace-clock", "fast"), "trace clock", "300MHz")
    refused(program("info", "i.trace"), "i.trace", "instruction trace", "with --trace-clock NUMBER")
    refused(program("convert", "i.trace", "i.npz"), "instruction trace")
    refused(program("info", "random_rw30", "--trace-clock", "2"), "no trace clock")
    assert facts(program, "info", "i.trace", "--trace-clock", "2")["requests"] == 3


def test_statistics_without_and_with_a_memory(program: Program) -> None:
    facts(program, "generate", "bursts", "requests=2000", "-o", "b.npz")
    plain = facts(program, "info", "b.npz")
    assert plain["locality"] is None
    assert plain["read_share"] == plain["reads"] / 2000
    assert plain["strides"][0]["lines"] == 1
    assert sum(plain["arrivals"]["requests"]) == 2000
    reuse = plain["reuse"]
    assert sum(bucket["requests"] for bucket in reuse["histogram"]) + reuse["first_uses"] == 2000
    placed = facts(program, "info", "b.npz", "--system", "ddr4_2400")
    assert {**placed, "locality": None} == plain
    assert sum(placed["locality"]["requests_per_bank"]) == 2000
    code, out, _ = program("info", "b.npz", "--system", "ddr4_2400")
    assert code == 0
    for words in (
        "frequent strides",
        "+1 (93.",
        "reuse distance",
        "arrivals per cycle",
        "row hits",
        "16 of 16",
    ):
        assert words in out, out
    assert "row hits" not in program("info", "b.npz")[1]


def test_a_request_outside_the_memory_names_its_line(program: Program) -> None:
    Path("far.stl").write_text("# c\n0: read 0x0\n5: (128) write 0xffffffffffc0\n")
    assert program("info", "far.stl")[0] == 0
    refused(program("info", "far.stl", "--system", "ddr4_2400"), "far.stl:3", "outside the memory")


@pytest.mark.parametrize("name", ["p.svg", "folder/p.png", "p.pdf"])
def test_pictures(program: Program, name: str) -> None:
    Path("folder").mkdir()
    code, out, _ = program("info", "spmv", "--system", "ddr4_2400", "--plot", name)
    assert code == 0 and name in out
    picture = Path(name)
    assert {p.suffix for p in picture.parent.glob("p.*")} == {picture.suffix, ".csv"}
    assert "requests" in picture.with_suffix(".csv").read_text()
    assert facts(program, "info", "spmv", "--plot", name)["requests"] == 75_676


def test_pictures_that_cannot_be_drawn_are_refused_at_once(program: Program) -> None:
    for name in ("p.jpg", "p.SVG", "p", ".svg"):
        refused(program("info", "absent.npz", "--plot", name), "accepted a name in .svg, .png, .pdf")
    refused(program("info", "absent.npz", "--plot", "none/p.svg"), "no such folder")
    refused(program("info", "absent.npz", "--plot", "p.svg"), "no such file")
    assert list(Path().iterdir()) == []


def test_a_data_frame_runs(program: Program) -> None:
    line = np.random.default_rng(1).integers(0, 1 << 16, 500)
    names = np.where(line % 2 == 0, "READ", "WRITE")
    pq.write_table(pa.table({"address": line * 64, "op": names}), "f.parquet")
    found = facts(program, "info", "f.parquet")
    assert (found["requests"], found["reads"]) == (500, int((line % 2 == 0).sum()))
    assert found["highest_line"] == int(line.max())
    pq.write_table(pa.table({"address": ["a"]}), "f.parquet")
    refused(program("info", "f.parquet"), "f.parquet: address: a column of type string")
