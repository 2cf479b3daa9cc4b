"""Figures of a machine that computes in its memory: their numbers are the report's, the page has them all."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

import plots
from cyclewise import run_folder
from plots import comparison, figures, page_batch, page_tables
from plots.page import Row, batch_page, run_page
from plots.recorded import NothingToDraw, of
from plots.roofline import Ceiling, Point
from plots.roofline import draw as draw_roofline
from sim.report import Report
from tests.plots.pim_recording import Tables, made
from tests.plots.test_figures import well_formed
from tests.plots.test_page import Outline, visible

NAMES = (
    "token_time", "operators", "bound_by", "utilisation", "layers", "pim_roofline", "command_mix",
    "channel_commands", "energy_ledger",
)  # fmt: skip


@pytest.fixture(scope="module")
def run() -> tuple[Report, Tables]:
    return made(tokens=48, layers=3)


def test_all_figures_of_the_kind_are_drawn(run: tuple[Report, Tables]) -> None:
    found = figures.draw_all(*run)
    assert [d.name for d in found.drawn] == [*NAMES] and not found.missing
    for drawing in found.drawn:
        well_formed(drawing)
        assert drawing.title and drawing.caption.endswith(".")
        assert getattr(plots, drawing.name).draw(*run).csv() == drawing.csv()


def test_a_folder_gives_the_same_figures(run: tuple[Report, Tables], tmp_path: Path) -> None:
    report, tables = run
    (tmp_path / "report.json").write_text(report.to_json())
    for name, columns in tables.items():
        (tmp_path / f"{name}.csv").write_text(run_folder.table(columns))
    again = figures.draw_all(tmp_path)
    assert [d.csv() for d in again.drawn] == [d.csv() for d in figures.draw_all(*run).drawn]


def test_a_memory_keeps_its_figures(run: tuple[Report, Tables]) -> None:
    memory = dataclasses.replace(run[0], system={**run[0].system, "kind": "memory"})
    found = figures.draw_all(memory, run[1])
    assert {*found.missing, *(d.title for d in found.drawn)} == set(figures.FIGURES)


def test_times_of_tokens_sum_to_the_run(run: tuple[Report, Tables]) -> None:
    data = plots.token_time.draw(*run).data
    assert math.isclose(sum(data["mean [µs]"]) * 1e-6, run[0].seconds, rel_tol=1e-9)
    assert data["kind"] == ["prompt tokens"] * 12 + ["generated tokens"] * 36
    assert data["context [tokens]"] == [*range(1, 49)]
    floor = np.array(data["columns at peak [µs]"])
    assert (floor < np.array(data["least [µs]"])).all()
    share = run[0].metrics["bank_utilisation"]
    assert share is not None and math.isclose(floor.sum() * 1e-6, share * run[0].seconds, rel_tol=1e-9)


def test_without_a_peak_there_is_no_bound(run: tuple[Report, Tables]) -> None:
    metrics = {k: v for k, v in run[0].metrics.items() if k != "peak_internal_bandwidth"}
    drawing = plots.token_time.draw(dataclasses.replace(run[0], metrics=metrics), run[1])
    assert set(drawing.data["columns at peak [µs]"]) == {None} and "Dashed" not in drawing.caption


def test_many_tokens_are_put_together() -> None:
    report, tables = made(tokens=3000, layers=1)
    drawing = plots.token_time.draw(report, tables)
    assert len(drawing.data["kind"]) <= 2 * plots.token_time.DRAWN
    times = np.array(tables["tokens"]["cycles"]) / 1e3
    assert max(drawing.data["most [µs]"]) == pytest.approx(times.max())
    assert min(drawing.data["least [µs]"]) == pytest.approx(times.min())
    assert len(drawing.svg()) < 300_000


def test_one_token_of_one_layer() -> None:
    found = figures.draw_all(*made(tokens=1, layers=1))
    assert not found.missing
    for drawing in found.drawn:
        well_formed(drawing)


def test_operators_are_in_program_order_with_their_share(run: tuple[Report, Tables]) -> None:
    drawing = plots.operators.draw(*run)
    assert drawing.data["operator"] == run[1]["operators"]["operator"]
    assert math.isclose(sum(drawing.data["time [s]"]), run[0].seconds, rel_tol=1e-9)
    assert ">ffn up<" in drawing.svg() and drawing.title == "Time per operator"


def test_layers_with_an_epilogue(run: tuple[Report, Tables]) -> None:
    tables = {"layers": {"layer": ["0", "1", "epilogue"], "cycles": [10, 20, 5]}}
    drawing = plots.layers.draw(run[0], tables)
    assert drawing.data["layer"] == ["0", "1", "epilogue"] and ">epilogue<" in well_formed(drawing)


def test_uneven_channels_are_told(run: tuple[Report, Tables]) -> None:
    table = {"component": ["ch0", "ch10", "ch2"], "command": ["MAC16"] * 3, "count": [100, 75, 100]}
    drawing = plots.channel_commands.draw(run[0], {"commands_by_channel": table})
    assert drawing.data["component"] == ["ch0", "ch2", "ch10"] and drawing.data["commands"] == [100, 100, 75]
    assert "25.0 % fewer" in drawing.caption
    with pytest.raises(NothingToDraw):
        plots.channel_commands.draw(run[0], {"commands_by_channel": {**table, "count": [0, 0, 0]}})


def test_the_roofline_stands_at_one_operation_a_byte(run: tuple[Report, Tables]) -> None:
    data = plots.pim_roofline.draw(*run).data
    inside = run[0].metrics["internal_bandwidth"]
    assert inside is not None
    assert data["operations per byte"][0] == 1 and math.isclose(data["Gop/s"][0] * 1e9, inside)
    assert math.isclose(data["operations per byte"][1], inside / 7e9)
    assert data["Gop/s"][2:] == [320.0, 128.0]  # the baselines' bounds, not measurements
    assert data["under banks 4.096 TB/s"][0] > data["Gop/s"][0]
    bare = dataclasses.replace(run[0], metrics={})
    for draw in (plots.pim_roofline.draw, plots.utilisation.draw):
        with pytest.raises(NothingToDraw):
            draw(bare, run[1])


def test_names_of_near_lines_lie_on_both_sides() -> None:
    lines = [Ceiling("upper", 3.2, True), Ceiling("lower", 2.5, True), Ceiling("flat", 90.0, False)]
    drawing = draw_roofline([Point("p", 1.0, 2.0)], lines, intensity="x", performance="y")
    sides = {text.get_text(): text.get_verticalalignment() for text in drawing.figure.axes[0].texts}
    assert (sides["upper"], sides["lower"]) == ("bottom", "top")


def test_the_page_shows_tokens(run: tuple[Report, Tables]) -> None:
    page = run_page(*run, command="cyclewise run pim_gpt gpt2_small -o out", version="1")
    text = visible(page.html)
    for words in (
        "Tokens per second",
        "Time per token",
        "Energy per token",
        "Internal bandwidth",
        "ffn_down",
    ):
        assert words in text
    assert "useful work" in text and "a timing rule of the device" not in text
    Outline(page.html)
    operators = next(t for t in page_tables.tables(of(*run)) if t.name == "operators")
    assert sum(row[1].sort for row in operators.rows) == pytest.approx(run[0].seconds)  # type: ignore[misc]


def test_a_batch_compares_tokens(run: tuple[Report, Tables]) -> None:
    rows = [
        Row("a", run[0], workload="same"),
        Row("b", made(tokens=20, tokens_per_second=9.0)[0], workload="same"),
    ]
    table = page_batch.table(rows)
    heads = [column.text for column in table.columns]
    assert "Tokens/s" in heads and "Latency p50" not in heads and "Read latencies" not in table.note
    at = heads.index("Tokens/s")
    assert [row[at].best for row in table.rows] == [True, False]
    page = batch_page("both", rows, version="1")
    assert page.drawings[0].name == "comparison_tokens_per_second"
    assert "Not drawn" not in visible(page.html)


def timed(seconds: float) -> Report:
    report = made()[0]
    return dataclasses.replace(report, metrics={**report.metrics, "time_per_token.mean": seconds})


def varied() -> list[Row]:
    return [
        Row(f"{w}-{v}", timed(time), system="s", workload=w, variant=v)
        for w, v, time in (("a", "now", 1e-4), ("a", "slow", 3e-4), ("b", "now", 2e-4), ("b", "slow", 3e-4))
    ]


def test_variants_stand_beside_the_first() -> None:
    page = batch_page("", varied(), version="1")
    drawing = page.drawings[0]
    assert drawing.name == "variants_time_per_token" and "Best: now with a, ×1.00" in drawing.caption
    assert drawing.data["variant"] == ["now", "now", "slow", "slow"]
    assert drawing.data["ratio"] == pytest.approx([1, 1, 3, 1.5])
    assert "×3.00" in well_formed(drawing)
    assert "variants" not in batch_page("", varied()[::2], version="1").drawings[0].name  # there is but one
    with pytest.raises(NothingToDraw):
        plots.variants.draw([])


def test_a_batch_of_both_kinds_has_the_columns_of_both(run: tuple[Report, Tables]) -> None:
    memory = dataclasses.replace(run[0], system={**run[0].system, "kind": "memory"})
    heads = [c.text for c in page_batch.table([Row("m", memory), Row("p", run[0])]).columns]
    assert {"Bandwidth", "Tokens/s", "EDP"} <= set(heads) and len(heads) == len(set(heads))
    assert comparison.quantities([]) == [*comparison.QUANTITIES]
