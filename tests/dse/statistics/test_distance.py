"""IGD and IGD+."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.statistics.distance import igd, igd_plus

FRONT = [(0, 1), (0.5, 0.5), (1, 0)]
POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8)


def test_by_hand() -> None:
    assert igd([(0, 1), (1, 0.5)], FRONT) == pytest.approx((0 + 0.5 + 0.5) / 3)
    # IGD+ of the second: (0, 1) is worse by 0.5 in y, (1, 0.5) by 0.5 in x; of the third: (1, 0.5) by 0.5.
    assert igd_plus([(0, 1), (1, 0.5)], FRONT) == pytest.approx(1 / 3)
    assert igd_plus([(0, 0)], FRONT) == 0 and igd([(0, 0)], FRONT) > 0.5


def test_the_front_itself_and_nothing() -> None:
    assert igd(FRONT, FRONT) == igd_plus(FRONT, FRONT) == 0
    assert igd([], FRONT) == igd_plus([], FRONT) == math.inf
    with pytest.raises(ValueError, match="empty"):
        igd(FRONT, [])
    with pytest.raises(ValueError, match="objectives"):
        igd([(1, 2, 3)], FRONT)


@given(POINTS, POINTS, st.integers(0, 3), st.integers(0, 3))
def test_plus_never_prefers_a_dominated_set(
    points: list[tuple[int, int]], front: list[tuple[int, int]], x: int, y: int
) -> None:
    better = [(a - x, b - y) for a, b in points]
    assert igd_plus(better, front) <= igd_plus(points, front) + 1e-12
    assert igd_plus(points, front) <= igd(points, front) + 1e-12


@given(POINTS, POINTS, st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_more_designs_are_never_farther(
    points: list[tuple[int, int]], front: list[tuple[int, int]], more: tuple[int, int]
) -> None:
    for distance in (igd, igd_plus):
        assert distance([*points, more], front) <= distance(points, front)
        assert distance([*points, points[0]], front) == distance(points, front)
