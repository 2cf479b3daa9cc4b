"""The latency–throughput drawing: its numbers, what it marks, and scales that suit."""

import csv
import io

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from plots.latency_throughput import Point, Series, draw

STABLE = [Point(1e9, 1e9, 30.0, 25.0, 60.0, False), Point(4e9, 3.9e9, 80.0, 70.0, 200.0, False)]
SATURATED = [Point(6e9, 4.5e9, None, None, None, True), Point(None, 4.5e9, None, None, None, True)]
ONE = Series(
    "one", STABLE + SATURATED, {"theoretical peak": 5e9, "refresh-limited peak": 4.6e9}, {"hit": 20.0}
)


def test_the_numbers_stand_beside_it() -> None:
    rows = [*csv.DictReader(io.StringIO(draw([ONE]).csv()))]
    assert [row["achieved [GB/s]"] for row in rows] == ["1.0", "3.9", "4.5", "4.5"]
    assert [row["offered [GB/s]"] for row in rows] == ["1.0", "4.0", "6.0", ""]
    assert [row["latency_from_arrival.mean [ns]"] for row in rows] == ["30.0", "80.0", "", ""]
    assert [row["saturated"] for row in rows] == ["0", "0", "1", "1"]
    assert {row["theoretical peak [GB/s]"] for row in rows} == {"5.0"}
    assert {row["unloaded, hit [ns]"] for row in rows} == {"20.0"}


def test_one_curve_names_its_limits_where_they_stand() -> None:
    svg = draw([ONE]).svg()
    for text in (
        "theoretical peak", "refresh-limited peak", "20.0 ns", "achieved bandwidth [GB/s]",
        "read latency from arrival [ns]", "p50 to p99", "saturated",
    ):  # fmt: skip
        assert text in svg


def test_saturated_points_are_not_on_the_curve() -> None:
    (panel,) = draw([ONE]).figure.axes
    curve, past = panel.lines[:2]
    assert np.asarray(curve.get_xydata()).tolist() == [[1.0, 30.0], [3.9, 80.0]]
    assert np.asarray(past.get_xydata())[:, 0].tolist() == [4.5, 4.5]
    assert past.get_markerfacecolor() == "none"
    (band,) = [c for c in panel.collections if isinstance(c, PolyCollection)]
    corners = np.asarray(band.get_paths()[0].vertices).tolist()
    assert [1.0, 25.0] in corners and [3.9, 200.0] in corners


@pytest.mark.parametrize(("longest", "scale"), [(200.0, "linear"), (20_000.0, "log")])
def test_the_scale_follows_the_span(longest: float, scale: str) -> None:
    points = [STABLE[0], STABLE[1]._replace(p99=longest)]
    (panel,) = draw([Series("one", points)]).figure.axes
    assert panel.get_yscale() == scale
    assert panel.get_ylim()[0] <= 25.0 and panel.get_ylim()[1] > longest


def test_several_curves_share_the_lines_that_are_the_same() -> None:
    limits = {"theoretical peak": 5e9, "refresh-limited peak": 4.2e9}
    drawing = draw([ONE, Series("other", STABLE[:1], limits, {"hit": 20.0})])
    (panel,) = drawing.figure.axes
    ends = [np.asarray(line.get_xydata()) for line in panel.lines if line.get_marker() == "None"]
    upright = sorted(xy[0, 0] for xy in ends if xy[0, 0] == xy[1, 0])
    flat = [xy[0, 1] for xy in ends if xy[0, 1] == xy[1, 1]]
    assert upright == [4.2, 4.6, 5.0] and flat == [20.0]
    assert drawing.title == "Latency and throughput: one; other"
    assert drawing.data["curve"] == ["one"] * 4 + ["other"]


def test_only_saturated_points_are_a_drawing_too() -> None:
    assert "saturated" in draw([Series("one", SATURATED)]).svg()


def test_many_curves_can_be_told_apart() -> None:
    curves = [Series(f"c{k}", STABLE) for k in range(7)]
    (panel,) = draw(curves).figure.axes
    looks = [(line.get_color(), line.get_marker()) for line in panel.lines if line.get_linestyle() == "-"]
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 7


def test_the_same_curves_give_the_same_bytes() -> None:
    assert draw([ONE]).svg() == draw([ONE]).svg()


@pytest.mark.parametrize("curves", [[], [Series("empty", [])]])
def test_without_points_there_is_nothing_to_draw(curves: list[Series]) -> None:
    with pytest.raises(ValueError, match="points"):
        draw(curves)


@pytest.mark.parametrize(
    ("refresh_limited", "where"), [(4.6e9, "beside the line"), (4.95e9, "in the legend")]
)
def test_names_of_limits_that_do_not_fit_stand_in_the_legend(refresh_limited: float, where: str) -> None:
    ceilings = {"theoretical peak": 5e9, "refresh-limited peak": refresh_limited}
    figure = draw([ONE._replace(ceilings=ceilings)]).figure
    beside = [text.get_text() for text in figure.axes[0].texts]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("refresh-limited peak" in beside) == (where == "beside the line")
    assert ("refresh-limited peak" in legend) == (where == "in the legend")
    assert "theoretical peak" in beside
