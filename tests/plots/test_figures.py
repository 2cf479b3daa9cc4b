"""Figures of a run: their numbers are the report's, and poor data still give a picture."""

import csv
import dataclasses
import io
import math
import re
import xml.etree.ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cyclewise as cw
import plots
from plots import (
    bank_activity,
    bound_by,
    command_mix,
    comparison,
    energy_ledger,
    figures,
    latency_distribution,
    over_time,
    recorded,
)
from plots.drawing import Drawing
from plots.labels import percent, plain, quantity, scale
from plots.recorded import NothingToDraw
from sim.report import Report
from tests.plots.recording import Tables
from tests.plots.recording import recorded as a_run

Run = tuple[Report, Tables]
DRAWS = {
    name: getattr(plots, name).draw
    for name in (
        "over_time",
        "latency_distribution",
        "bank_activity",
        "command_mix",
        "energy_ledger",
        "bound_by",
    )
}


@pytest.fixture(scope="module")
def run() -> Run:
    return a_run("ddr3_1600", requests=3000)


@pytest.fixture(scope="module")
def channels() -> Run:
    return a_run("hbm2_2000", requests=2000, gap=3.0, settings=("channels=4",))


def well_formed(drawing: Drawing) -> str:
    """The SVG, which is well-formed XML with every label that the figure has."""
    text = drawing.svg()
    xml.etree.ElementTree.fromstring(text)
    assert len({len(column) for column in drawing.data.values()}) == 1
    rows = list(csv.reader(io.StringIO(drawing.csv())))
    assert rows[0] == [*drawing.data] and len(rows) == 1 + len(next(iter(drawing.data.values())))
    return text


@pytest.mark.parametrize("name", DRAWS)
def test_a_figure_has_a_picture_numbers_and_words(name: str, run: Run) -> None:
    drawing = DRAWS[name](*run)
    well_formed(drawing)
    assert drawing.name == name and drawing.title and drawing.caption.endswith(".")
    for axes in drawing.figure.axes[:2]:
        lowest, highest = axes.get_xlim()
        assert highest > lowest


@pytest.mark.parametrize("which", ["run", "channels"])
def test_the_sums_are_the_reports(which: str, request: pytest.FixtureRequest) -> None:
    report, tables = request.getfixturevalue(which)
    metrics = report.metrics
    time = over_time.draw(report, tables).data
    size = report.system["transaction_bytes"]
    assert sum(time["read [B]"]) == metrics["commands.RD"] * size
    assert sum(time["written [B]"]) == metrics["commands.WR"] * size
    assert sum(time["activates"]) == metrics["commands.ACT"]
    assert sum(time["refreshes"]) == metrics["commands.REFA"]
    banks = bank_activity.draw(report, tables).data
    assert sum(banks["activates"]) == metrics["commands.ACT"]
    assert sum(banks["column_commands"]) == metrics["commands.RD"] + metrics["commands.WR"]
    waits = latency_distribution.draw(report, tables).data
    reads = report.workload["requests_by_op"]["READ"]
    for since in ("arrival", "accept"):
        mine = [n for n, s in zip(waits["reads"], waits["since"], strict=True) if s == since]
        assert sum(mine) == reads
    mix = command_mix.draw(report, tables).data
    assert dict(zip(mix["command"], mix["commands"], strict=True)) == {
        k.removeprefix("commands."): n for k, n in metrics.items() if k.startswith("commands.")
    }
    bounds = bound_by.draw(report, tables).data
    assert sum(bounds["cycles"]) == report.cycles["memory"] * report.system["channels"]
    assert math.isclose(sum(bounds["share"]), 1.0)


def test_the_energies_are_the_reports(run: Run) -> None:
    joules = run[0].energy_joules
    assert joules is not None
    data = energy_ledger.draw(*run).data
    assert math.isclose(sum(data["energy [J]"]), joules["total"])


def test_coarser_bins_keep_means_and_ends(run: Run) -> None:
    report, tables = run
    drawn = over_time.draw(report, tables).data
    table = tables["over_time"]
    assert len(drawn["read [B]"]) <= over_time.DRAWN < len(table["start"])
    (end,) = [name for name in drawn if name.startswith("end")]
    (start,) = [name for name in drawn if name.startswith("start")]
    assert drawn[end][:-1] == drawn[start][1:]
    cycles = np.array(table["cycles"])
    whole = float(np.dot(table["read_queue_depth"], cycles)) / float(cycles.sum())
    widths = np.array(drawn[end]) - np.array(drawn[start])
    mean = float(np.dot(drawn["read_queue_depth [requests]"], widths)) / float(widths.sum())
    assert math.isclose(mean, whole, rel_tol=1e-9)


def test_bandwidth_times_its_bins_is_the_bytes(run: Run) -> None:
    data = over_time.draw(*run).data
    (name,) = [column for column in data if column.startswith("read_bandwidth")]
    assert "GB/s" in name
    (end,) = [column for column in data if column.startswith("end")]
    assert "µs" in end
    times = np.diff([0.0, *data[end]]) * 1e-6
    assert np.allclose(np.array(data[name]) * 1e9 * times, data["read [B]"])


@pytest.mark.parametrize("name", DRAWS)
def test_all_figures_take_a_folder_and_a_result(name: str, tmp_path: Path) -> None:
    result = cw.run("ddr3_1600", "random", overrides=["workload.requests=300"], output=tmp_path / "out")
    of_folder, of_result = DRAWS[name](tmp_path / "out"), DRAWS[name](result)
    assert of_folder.csv() == of_result.csv() and of_folder.svg() == of_result.svg()


def test_what_is_no_run_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"run: given int, accepted a result of cyclewise\.run or a folder"):
        over_time.draw(3)  # type: ignore[arg-type]


def test_figures_are_the_same_bytes_again(run: Run) -> None:
    first, second = (figures.draw_all(*run) for _ in range(2))
    assert [d.svg() for d in first.drawn] == [d.svg() for d in second.drawn]


# Little or nothing to see


def test_missing_tables_are_named(run: Run) -> None:
    found = figures.draw_all(run[0], {})
    assert {d.name for d in found.drawn} == {"bound_by", "command_mix", "energy_ledger"}
    assert set(found.missing) == {"Bandwidth and queues over time", "Read latency", "Bank activity"}
    assert "no table over_time" in found.missing["Bandwidth and queues over time"]


def test_no_energy_without_currents(channels: Run) -> None:
    with pytest.raises(NothingToDraw, match="no sourced set of currents"):
        energy_ledger.draw(*channels)


@pytest.mark.parametrize(
    ("requests", "write_share", "missing"), [(1, 0.0, 0), (1, 1.0, 1), (300, 1.0, 1), (2, 0.5, 0)]
)
def test_few_requests(requests: int, write_share: float, missing: int) -> None:
    report, tables = a_run("ddr3_1600", requests=requests, write_share=write_share)
    found = figures.draw_all(report, tables)
    assert len(found.missing) == missing, found.missing
    for drawing in found.drawn:
        well_formed(drawing)


def one_bin(**changes: Any) -> Tables:
    row = {
        "component": ["ch0"], "start": [0], "cycles": [1], "read_bytes": [0.0], "written_bytes": [0.0],
        "read_queue_depth": [0.0], "write_queue_depth": [0.0], "refreshes": [0], "activates": [0],
    }  # fmt: skip
    return {"over_time": {**row, **changes}}


def test_one_empty_bin(run: Run) -> None:
    well_formed(over_time.draw(run[0], one_bin()))
    with pytest.raises(NothingToDraw, match="empty"):
        over_time.draw(run[0], {"over_time": {name: [] for name in one_bin()["over_time"]}})
    table = one_bin()["over_time"]
    del table["refreshes"]
    with pytest.raises(cw.InputError, match=r"over_time\.refreshes: lacks a column"):
        over_time.draw(run[0], {"over_time": table})


def test_no_commands_at_all(run: Run) -> None:
    metrics = {k: 0 if k.startswith("commands.") else v for k, v in run[0].metrics.items()}
    well_formed(command_mix.draw(dataclasses.replace(run[0], metrics=metrics), {}))
    bare = {k: v for k, v in metrics.items() if not k.startswith("commands.")}
    with pytest.raises(NothingToDraw):
        command_mix.draw(dataclasses.replace(run[0], metrics=bare), {})


def test_many_channels_of_many_banks(run: Run) -> None:
    rng = np.random.default_rng(1)
    rows = 16 * 64 * 128
    index = np.arange(rows)
    table: dict[str, Any] = {
        "component": [f"ch{k}" for k in index // (64 * 128)],
        "bank": index // 128 % 64,
        "start": index % 128 * 1024,
        "cycles": np.full(rows, 1024),
        "activates": rng.integers(0, 9, rows),
        "column_commands": rng.integers(1, 99, rows),
    }
    drawing = bank_activity.draw(run[0], {"bank_activity": table})
    text = well_formed(drawing)
    assert sum(drawing.data["activates"]) == table["activates"].sum()
    assert len(text) < 1_500_000 and text.count("<image") == 4  # two maps and their scales
    assert "1,024 banks" in drawing.caption and ">ch10<" in text


def test_the_order_of_channels_is_that_of_their_numbers(run: Run) -> None:
    names = ["ch10", "ch2", "ch0"]
    column = {"bank": [0] * 3, "start": [0] * 3, "cycles": [64] * 3, "activates": [1, 2, 3]}
    table = {"component": names, **column, "column_commands": [1, 2, 3]}
    ticks = bank_activity.draw(run[0], {"bank_activity": table}).figure.axes[0].get_yticklabels()
    assert [tick.get_text() for tick in ticks] == ["ch0", "ch2", "ch10"]


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(1, 1 << 40), st.integers(1, 10**6)),
        min_size=1,
        max_size=8,
        unique_by=lambda t: t[0],
    )
)
def test_any_latencies_are_drawn(buckets: list[tuple[int, int]]) -> None:
    report = figureless()
    starts = sorted(start for start, _ in buckets)
    table = {
        "since": ["accept"] * len(starts),
        "from_cycles": starts,
        "to_cycles": [start + 1 for start in starts],
        "reads": [n for _, n in buckets],
    }
    drawing = latency_distribution.draw(report, {"latency": table})
    assert drawing.data["reads done"][-1] == 1.0
    well_formed(drawing)


def figureless() -> Report:
    """A report of which the figures need only the clock."""
    if not _REPORT:
        _REPORT.append(a_run("ddr3_1600", requests=10)[0])
    return _REPORT[0]


_REPORT: list[Report] = []


def test_a_far_peak_is_told_and_not_drawn(run: Run) -> None:
    busy, idle = one_bin(read_bytes=[16.0]), one_bin(read_bytes=[0.01])
    near, far = (over_time.draw(run[0], tables) for tables in (busy, idle))
    assert "Dashed: the peak" in near.caption and "Far above: the peak" in far.caption
    assert ">peak<" in near.svg() and ">peak<" not in far.svg()


# Runs side by side


def compared(report: Report, systems: int, workloads: int) -> dict[str, comparison.Compared]:
    return {
        f"s{s}-w{w}": comparison.Compared.of(report, f"s{s}", f"w{w}")
        for s in range(systems)
        for w in range(workloads)
    }


@pytest.mark.parametrize(("systems", "workloads"), [(1, 1), (2, 1), (3, 4), (20, 7)])
def test_batches_small_and_large(systems: int, workloads: int, run: Run) -> None:
    runs = compared(run[0], systems, workloads)
    for quantity_ in comparison.QUANTITIES:
        drawing = comparison.draw(runs, quantity_)
        well_formed(drawing)
        assert drawing.data["run"] == [*runs]
    assert ("first 120" in drawing.caption) == (len(runs) > comparison.MOST_BARS)


def test_a_comparison_shows_each_figure_of_each_run(run: Run) -> None:
    changed = dataclasses.replace(run[0], metrics={**run[0].metrics, "bandwidth": 1e6})
    runs = {"a": comparison.Compared.of(run[0]), "b": comparison.Compared.of(changed, "other")}
    drawing = comparison.draw(runs, comparison.QUANTITIES[0])
    assert drawing.data["bandwidth [B/s]"] == [run[0].metrics["bandwidth"], 1e6]
    text = drawing.svg()
    assert "1 MB/s" in text and quantity(run[0].metrics["bandwidth"], "B/s") in text
    assert "logarithmic" in drawing.caption


def test_no_run_with_a_figure(channels: Run) -> None:
    with pytest.raises(NothingToDraw, match="energy"):
        comparison.draw({"a": comparison.Compared.of(channels[0])}, comparison.QUANTITIES[2])


# Labels


@pytest.mark.parametrize(
    ("largest", "unit", "expected"),
    [
        (12.8e9, "B/s", (1e9, "GB/s")),
        (1e-6, "s", (1e-6, "µs")),
        (999e-9, "s", (1e-9, "ns")),
        (0, "J", (1, "J")),
    ],
)
def test_scales(largest: float, unit: str, expected: tuple[float, str]) -> None:
    divisor, text = scale(largest, unit)
    assert math.isclose(divisor, expected[0]) and text == expected[1]


def test_labels_are_only_text() -> None:
    assert plain("a$b$\x00") == "a\\$b\\$\N{REPLACEMENT CHARACTER}"
    assert len(plain("x" * 80, 20)) == 20 and plain("ab", 20) == "ab"
    assert (percent(0.00001), percent(0.0), percent(0.629)) == ("< 0.1 %", "0.0 %", "62.9 %")


# Tables from files


def spoil_number(text: str) -> str:
    lines = text.splitlines()
    cells = lines[2].split(",")
    cells[3] = "many"
    return "\n".join([*lines[:2], ",".join(cells), *lines[3:]])


SPOILT: dict[str, tuple[Callable[[str], str], str]] = {
    "cut": (lambda text: text[:-20] + "ch0", r"damaged; given"),
    "column": (lambda text: text.replace("reads", "raeds", 1), r":1: reads: damaged: a column is missing"),
    "number": (spoil_number, r':3: reads: damaged; given "many", accepted a whole number from 0'),
    "negative": (
        lambda text: re.sub(r",(\d+)$", r",-\1", text, count=1, flags=re.M),
        r":2: reads: damaged; given",
    ),
    "quote": (lambda text: text + '"', r"damaged: unexpected end of data"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_damaged_table_is_named_with_line_and_field(case: str, tmp_path: Path) -> None:
    cw.run("ddr3_1600", "random", overrides=["workload.requests=300"], output=tmp_path / "out")
    file = tmp_path / "out" / "latency.csv"
    change, words = SPOILT[case]
    file.write_text(change(file.read_text()))
    with pytest.raises(cw.InputError, match=words) as caught:
        recorded.read(tmp_path / "out")
    assert "latency.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("told", [16, 64])
def test_the_last_bin_of_the_heat_map_ends_with_the_run(told: int, run: Run) -> None:
    table = {
        "component": ["ch0", "ch0"],
        "bank": [0, 1],
        "start": [0, 64],
        "cycles": [64, told],
        "activates": [4, 1],
        "column_commands": [64, 16],
    }
    short = dataclasses.replace(run[0], cycles={"memory": 80}, seconds=80e-9)
    panel = bank_activity.draw(short, {"bank_activity": table}).figure.axes[0]
    (image,) = panel.get_images()
    assert np.allclose(panel.get_xlim(), (0, 80)) and np.allclose(image.get_extent()[:2], (0, 128))
    rates = image.get_array()
    assert rates is not None
    assert np.allclose(rates[:2], [[1000, 0], [0, 1000]])
