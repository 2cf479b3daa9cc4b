"""Rooflines: lines at the ceilings, points where they belong, numbers beside them."""

import csv
import io

import numpy as np
import pytest

import arch
from plots.roofline import Ceiling, Point, draw, draw_row_locality
from sim.dram.limits import limits

CEILINGS = [Ceiling("memory", 10.0, True), Ceiling("compute", 80.0, False), Ceiling("half", 40.0, False)]
POINTS = [Point("a", 2.0, 18.0), Point("b", 64.0, 70.0)]
AXES = {"intensity": "operations per byte [1/B]", "performance": "performance [Gop/s]"}


def test_numbers_and_ceilings_over_the_points() -> None:
    rows = [*csv.DictReader(io.StringIO(draw(POINTS, CEILINGS, **AXES).csv()))]
    assert [row["point"] for row in rows] == ["a", "b"]
    assert [row["performance [Gop/s]"] for row in rows] == ["18.0", "70.0"]
    assert [row["under memory"] for row in rows] == ["20.0", "640.0"]
    assert [row["under compute"] for row in rows] == ["80.0", "80.0"]


def test_lines_end_where_they_meet() -> None:
    (panel,) = draw(POINTS, CEILINGS, **AXES).figure.axes
    assert panel.get_xscale() == panel.get_yscale() == "log"
    slanted, compute, half = (np.asarray(line.get_xydata()) for line in panel.lines[:3])
    left, right = panel.get_xlim()
    assert slanted == pytest.approx(np.array([[left, 10 * left], [8, 80]]))
    assert compute == pytest.approx(np.array([[8, 80], [right, 80]]))
    assert half == pytest.approx(np.array([[4, 40], [right, 40]]))


def test_everything_is_named_and_lies_inside() -> None:
    drawing = draw(POINTS, CEILINGS, **AXES, title="A roofline")
    svg = drawing.svg()
    for text in ("memory", "compute", "half", ">a<", ">b<", *AXES.values()):
        assert text in svg, text
    (panel,) = drawing.figure.axes
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    assert all(left < p.intensity < right and low < p.performance < high for p in POINTS)
    assert low < 80 < high


@pytest.mark.parametrize(
    ("points", "ceilings"), [(POINTS, CEILINGS[1:]), (POINTS, CEILINGS[:1]), ([], CEILINGS)]
)
def test_one_kind_of_ceiling_or_no_points(points: list[Point], ceilings: list[Ceiling]) -> None:
    drawing = draw(points, ceilings, **AXES)
    assert all(ceiling.name in drawing.svg() for ceiling in ceilings)
    assert len(drawing.data["point"]) == len(points)


@pytest.mark.parametrize(
    ("points", "ceilings"),
    [(POINTS, []), ([Point("none", 1.0, 0.0)], CEILINGS), (POINTS, [Ceiling("no", 0, True)])],
)
def test_what_logarithms_cannot_show_is_refused(points: list[Point], ceilings: list[Ceiling]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        draw(points, ceilings, **AXES)


@pytest.mark.parametrize("refresh", ["all_bank", "none"])
def test_row_locality_of_a_memory(refresh: str) -> None:
    bounds = limits(arch.load("ddr4_2400", [f"controller.refresh={refresh}"]).spec.resolve())
    data = draw_row_locality([Point("one", 1.0, 11e9)], bounds).data
    assert data["bandwidth [GB/s]"] == [11.0]
    assert data["under activates, all banks"] == [pytest.approx(float(bounds.activate_limited) / 1e9)]
    assert data["under activates, one bank"] == [pytest.approx(float(bounds.one_bank) / 1e9)]
    assert data["under theoretical peak"] == [float(bounds.peak) / 1e9]
    assert ("under refresh-limited peak" in data) == (refresh == "all_bank")
