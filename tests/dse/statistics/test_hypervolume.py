"""Fronts and hypervolumes: hand-computed values, brute force, and what must change nothing."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.statistics.dominance import knee, non_dominated, pareto_front
from dse.statistics.hypervolume import Bounds, estimate, exact, growth, hypervolume

SIDE = 6  # of the grid that brute force counts on


def sets(most: int = 10, highest: int = SIDE + 1, fewest: int = 1) -> Any:
    """Lists of points of one number of objectives, 1 to 4, on a grid; some beyond the reference point."""
    return st.integers(1, 4).flatmap(
        lambda m: st.lists(st.tuples(*[st.integers(0, highest)] * m), min_size=fewest, max_size=most)
    )


def counted(points: list[tuple[int, ...]], side: int = SIDE) -> int:
    """Cells of the grid that some point dominates."""
    cells = itertools.product(range(side), repeat=len(points[0]))
    return sum(
        any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points) for cell in cells
    )


def dominates(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def test_two_objectives_by_hand() -> None:
    assert exact([(1, 4), (2, 2), (4, 1)], (5, 5)) == 4 + 6 + 1


def test_three_objectives_by_hand() -> None:
    assert exact([(1, 2, 3), (2, 1, 3), (2, 2, 1)], (4, 4, 4)) == 6 + 6 + 12 - 3 * 4 + 4 == 16


def test_four_objectives_by_hand() -> None:
    # Two boxes of 2·1·1·1 each, which share one of 1.
    assert exact([(0, 1, 1, 1), (1, 0, 1, 1)], (2, 2, 2, 2)) == 2 + 2 - 1
    assert exact([(0, 0, 0, 0)], (2, 3, 5, 7)) == 210


@given(sets())
def test_the_front_is_what_no_design_dominates(points: list[tuple[int, ...]]) -> None:
    want = [not any(dominates(other, point) for other in points) for point in points]
    assert non_dominated(points).tolist() == want
    front = sorted({point for point, kept in zip(points, want, strict=True) if kept})
    assert pareto_front(points).tolist() == [list(map(float, point)) for point in front]


@given(sets(most=7))
@settings(deadline=None)
def test_volume_by_counting_cells(points: list[tuple[int, ...]]) -> None:
    assert exact(points, [SIDE] * len(points[0])) == counted(points)


@given(sets(most=8), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_dominated_duplicate_and_beyond_change_nothing(points: list[tuple[int, ...]], random: Any) -> None:
    reference = [SIDE] * len(points[0])
    before = exact(points, reference)
    base = random.choice(points)
    worse = tuple(x + random.randrange(3) for x in base)
    beyond = tuple(SIDE if at == 0 else -5 for at in range(len(base)))  # on the reference's own plane
    more = [*points, base, worse, beyond]
    random.shuffle(more)
    assert exact(more, reference) == before


@given(sets(most=12))
@settings(deadline=None)
def test_growth_is_the_volume_of_every_beginning(points: list[tuple[int, ...]]) -> None:
    reference = [SIDE] * len(points[0])
    want = [exact(points[: n + 1], reference) for n in range(len(points))]
    assert growth(points, reference).tolist() == want


def test_infinite_points() -> None:
    inf = math.inf
    assert non_dominated([(1, inf), (1, inf), (2, inf), (0.5, inf)]).tolist() == [False, False, False, True]
    assert non_dominated([(inf, inf)]).tolist() == [True]
    assert exact([(inf, 1), (1, 4)], (5, 5)) == 4
    assert exact([(-inf, 1)], (5, 5)) == inf


def test_nothing_dominates_nothing() -> None:
    assert exact([], (5, 5)) == 0 and hypervolume([], (1,) * 6).value == 0
    assert hypervolume([], bounds=Bounds((0, 0), (1, 1))).value == 0
    assert non_dominated(np.zeros((0, 3))).tolist() == [] and growth(np.zeros((0, 2)), (1, 1)).size == 0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_estimate_is_within_its_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.random((30, 4))
    true = exact(points, [1.0] * 4)
    value, error = estimate(points, [1.0] * 4, samples=20_000, rng=rng)
    assert 0 < error < 0.02 * true
    assert abs(value - true) < 4 * error


def test_more_than_four_are_estimated_and_say_so() -> None:
    box = hypervolume([(0.5,) * 5], (1,) * 5, samples=1000)
    assert box.samples == 1000 and box.error > 0 and abs(box.value - 0.5**5) < 4 * box.error + 1e-12
    points = np.random.default_rng(0).random((20, 5))
    one, again, other = (hypervolume(points, (1,) * 5, seed=seed, samples=2000) for seed in (1, 1, 2))
    assert one == again and one.value != other.value
    assert abs(one.value - exact(points, (1,) * 5)) < 5 * one.error


def test_a_value_holds_what_it_depends_on() -> None:
    bounds = Bounds((0, 10), (10, 30))
    volume = hypervolume([(5, 20)], bounds=bounds)
    assert volume.value == pytest.approx(0.6 * 0.6)
    assert (volume.reference, volume.bounds, volume.error) == ((1.1, 1.1), bounds, 0.0)
    assert hypervolume([(5, 20)], (1, 1), bounds=bounds).value == pytest.approx(0.25)


@pytest.mark.parametrize(
    "call",
    [
        lambda: hypervolume([(1, 2)]),
        lambda: hypervolume([(1, 2)], (3, 3, 3)),
        lambda: hypervolume([(1, 2)], (3, math.inf)),
        lambda: hypervolume([(1, math.nan)], (3, 3)),
        lambda: Bounds((1, 2), (2, 2)),
        lambda: Bounds((1,), (2, 2)),
        lambda: non_dominated([1, 2, 3]),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any) -> None:
    with pytest.raises(ValueError, match=r"reference|not a number|nadir|shape"):
        call()


def test_the_knee_is_nearest_to_the_best_corner() -> None:
    assert knee([(0, 100), (0.2, 10), (1, 0)]) == 1
    assert knee([(3, 3)]) == 0
