"""Figures of a search: what they draw, what stands beside them, and when there is nothing to draw."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Annotation

from plots.drawing import Drawing
from plots.exploration import (
    best_so_far,
    importance,
    lottery,
    parallel_coordinates,
    pareto_front,
    success,
)
from plots.exploration.forms import Axis, Cloud, Curve, Design, Rate, Scale, Share, Spread
from plots.recorded import NothingToDraw

TIME = Axis("time", "s")
RATE = Axis("bandwidth", "B/s", less_is_better=False)
INF = float("inf")


def rows(drawing: Drawing) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(drawing.csv()))]


def curve(label: str, middle: list[float], **options: Any) -> Curve:
    line = np.array(middle)
    return Curve(label, line * 0.5, line, line * 2, options.pop("runs", 5), **options)


def test_best_so_far_keeps_the_steps_that_change() -> None:
    drawing = best_so_far.draw(
        [curve("ga", [INF, 4e-6, 4e-6, 2e-6]), curve("random", [9e-6] * 4, random=True)], TIME, optimum=1e-6
    )
    found = [(r["optimiser"], r["evaluations"], r["median [µs]"]) for r in rows(drawing)]
    assert found == [("ga", "1", "inf"), ("ga", "2", "4.0"), ("ga", "4", "2.0"), ("random", "1", "9.0")]
    (panel,) = drawing.figure.axes
    assert panel.get_xlabel() == "unique evaluations" and panel.get_ylabel() == "time [µs]"
    ga, random, best = panel.lines
    assert np.asarray(ga.get_xydata()).tolist() == [[2, 4], [4, 2], [4, 2]]
    assert random.is_dashed() and not ga.is_dashed()
    assert best.get_ydata()[0] == pytest.approx(1)  # type: ignore[index]
    assert "5 runs" in drawing.caption and "dashed" in drawing.caption


def test_the_first_designs_do_not_press_the_rest_together() -> None:
    middle = [1000.0, *([2.0] * 50), *([1.0] * 49)]
    (panel,) = best_so_far.draw([curve("ga", middle, runs=1)], Axis("edp")).figure.axes
    assert 2.0 < panel.get_ylim()[1] < 10


def cloud(**changes: Any) -> Cloud:
    values = np.array([[1e-6, 4e9], [2e-6, 9e9], [2e-6, 1e9], [5e-7, 9e9]])
    given: dict[str, Any] = {
        "axes": (TIME, RATE),
        "values": values,
        "front": np.array([True, True, False, False]),
        "feasible": np.array([True, True, True, False]),
        "designs": [{"a": 1}, {"a": 2, "b": "x"}, {"a": 3}, {"a": 4}],
        "knee": 1,
        "baseline": (3e-6, 2e9),
    }
    return Cloud(**{**given, **changes})


def test_the_front_with_its_designs() -> None:
    drawing = pareto_front.draw(cloud())
    assert rows(drawing) == [
        {"time [s]": "1e-06", "bandwidth [B/s]": "4000000000.0", "knee": "0", "a": "1", "b": ""},
        {"time [s]": "2e-06", "bandwidth [B/s]": "9000000000.0", "knee": "1", "a": "2", "b": "x"},
    ]
    (panel,) = drawing.figure.axes
    drawn = {line.get_label(): np.asarray(line.get_xydata()).tolist() for line in panel.lines}
    assert drawn["dominated"] == [[2, 1]] and drawn["infeasible"] == [[0.5, 9]]
    assert drawn["front"] == [[1, 4], [2, 9]] and drawn["knee"] == [[2, 9]] and drawn["baseline"] == [[3, 2]]


def test_a_cloud_of_many_is_thinned() -> None:
    values = np.random.default_rng(0).random((20_000, 2)) + 1
    mask = np.zeros(20_000, dtype=np.bool_)
    mask[0] = True
    many = cloud(values=values, front=mask, feasible=~np.zeros_like(mask), designs=[{}] * 20_000)
    (panel,) = pareto_front.draw(many).figure.axes
    assert 1000 < len(np.asarray(panel.lines[0].get_xydata())) <= 150 * 90


def test_further_objectives_have_panels() -> None:
    values = np.array([[1.0, 2, 3], [3.0, 2, 1]])
    both = np.array([True, True])
    three = Cloud((Axis("a"), Axis("b"), Axis("c")), values, both, both, [{}, {}])
    assert [p.get_ylabel() for p in pareto_front.draw(three).figure.axes] == ["b", "c"]


def test_importance_draws_pairs_that_are_above_chance() -> None:
    drawing = importance.draw(
        [Share(("a",), 0.6, 0.01), Share(("b",), 0.0, 0.01)],
        [Share(("a", "b"), 0.3, 0.02), Share(("b", "c"), 0.02, 0.02)],
        of="time", designs=1000, source="designs",
    )  # fmt: skip
    (panel,) = drawing.figure.axes
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["a", "a × b"]
    assert [r["parameters"] for r in rows(drawing)] == ["a", "b", "a × b", "b × c"]


def test_lines_run_through_settings_and_through_off() -> None:
    scales = [
        Scale("size", (1, 2, 4)),
        Scale("wait", ("short", "long")),
        Scale("clock", None, 1.0, 100.0, True),
    ]
    designs: list[Design] = [
        {"size": 4, "clock": 10.0},
        {"size": 1, "wait": "short", "clock": 1.0},
        {"size": 2, "clock": 1.0},
    ]
    drawing = parallel_coordinates.draw(scales, designs, np.array([5.0, 1.0, np.nan]), Axis("edp"))
    assert [(r["rank"], r["size"], r["wait"]) for r in rows(drawing)] == [("1", "1", "short"), ("2", "4", "")]
    (panel,) = drawing.figure.axes
    _, coloured = panel.collections
    lines = [np.asarray(path.vertices)[:, 1] for path in coloured.get_paths()]
    heights = [[1.0, 0.0, 0.5], [0.0, 0.15, 0.0]]  # the best is drawn last, on top
    assert [line.tolist() for line in lines] == [pytest.approx(h, abs=0.02) for h in heights]
    assert [t.get_text() for t in panel.texts if isinstance(t, Annotation) and t.xy[0] == 1] == [
        "off",
        "short",
        "long",
    ]


def test_lottery_and_success() -> None:
    drawing = lottery.draw(
        [Spread("ga", {"ga8": 3e-6, "ga64": 1e-6}), Spread("sa", {"sa": 2e-6})], TIME, budget=9
    )
    assert [r["options"] for r in rows(drawing)] == ["ga8", "ga64", "sa"]
    assert drawing.figure.axes[0].get_xlabel() == "time [µs]"
    rates = [Rate("ga", 1.0, 0.8, 1.0, 20, 40.0), Rate("random", 0.1, 0.03, 0.3, 20, INF, random=True)]
    drawing = success.draw(rates, tolerance=0.01, budget=1000)
    assert [(r["success rate"], r["low"]) for r in rows(drawing)] == [("1.0", "0.8"), ("0.1", "0.03")]
    dashed = [line for line in drawing.figure.axes[0].lines if line.is_dashed()]
    assert [np.asarray(line.get_xdata())[0] for line in dashed] == [pytest.approx(10)]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: best_so_far.draw([curve("ga", [INF, INF])], TIME),
        lambda: best_so_far.draw([], TIME),
        lambda: pareto_front.draw(cloud(axes=(TIME,))),
        lambda: pareto_front.draw(cloud(front=np.zeros(4, dtype=np.bool_))),
        lambda: importance.draw([Share(("a",), 0.0, 0.1)], [], of="time", designs=2, source="designs"),
        lambda: parallel_coordinates.draw([Scale("a", (1,))], [{"a": 1}], np.array([np.inf]), TIME),
        lambda: lottery.draw([Spread("ga", {"ga": 1.0})], TIME, budget=1),
        lambda: success.draw([Rate("ga", 1.0, 0.2, 1.0, 1)], tolerance=0.01, budget=1),
    ],
)
def test_nothing_to_draw(draw: Any) -> None:
    with pytest.raises(NothingToDraw):
        draw()
