"""Statistics over seeds, against numpy where nothing is infinite and by hand where something is."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.statistics import seeds
from dse.statistics.dominance import Floats
from dse.statistics.efficiency import (
    efficiency,
    limit,
    median_samples,
    random_search,
    random_success,
    samples_to_within,
)
from dse.statistics.lottery import lottery

FINITE = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)
INF = math.inf


@given(FINITE, st.sampled_from([0.0, 0.025, 0.25, 0.5, 0.75, 1.0]))
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    assert float(seeds.quantile(values, share)) == pytest.approx(float(np.quantile(values, share)), abs=1e-6)


def test_runs_without_anything_are_infinite_and_no_more() -> None:
    assert seeds.quantile([1.0, INF, 3.0], 0.5) == 3.0
    assert seeds.quantile([1.0, INF], 0.5) == INF
    assert seeds.quantile([INF, INF], 0.5) == INF
    runs = [[INF, 4.0, 2.0], [INF, INF, 6.0], [5.0, 4.0, 4.0]]
    low, middle, high = seeds.band(runs)
    assert middle.tolist() == [INF, 4.0, 4.0] and low.tolist() == [INF, 4.0, 3.0] and high[2] == 5.0


def test_the_interquartile_mean_drops_a_quarter_at_each_end() -> None:
    assert seeds.interquartile_mean([100, 1, 2, 3, 4, 5, 6, -50]) == (2 + 3 + 4 + 5) / 4
    assert seeds.interquartile_mean([1, 2, 9]) == 4  # too few for a quarter
    assert seeds.interquartile_mean(np.array([[0, 8], [1, 9], [2, 10], [INF, INF]])).tolist() == [1.5, 9.5]


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(200):
        low, high = seeds.interquartile_interval(rng.normal(size=20), seed=seed, resamples=500)[1:]
        hits += low <= 0 <= high
    assert 0.88 < hits / 200 <= 0.99  # 0.95, less what a percentile bootstrap of 20 loses


def test_the_interval_is_the_same_for_the_same_seed() -> None:
    values = np.random.default_rng(0).random(20)
    one = seeds.interquartile_interval(values, seed=1)
    assert one == seeds.interquartile_interval(values, seed=1)
    assert one != seeds.interquartile_interval(values, seed=2)
    assert one.low < one.value < one.high
    assert seeds.interquartile_interval([2.0] * 5) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("hits", "runs", "low", "high"),
    # Newcombe, Statistics in Medicine 1998, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(hits: int, runs: int, low: float, high: float) -> None:
    interval = seeds.wilson(hits, runs)
    assert interval.value == hits / runs
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(st.integers(1, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_symmetric_and_holds_its_value(case: tuple[int, int]) -> None:
    hits, runs = case
    one, other = seeds.wilson(hits, runs), seeds.wilson(runs - hits, runs)
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert one.low == pytest.approx(1 - other.high)


def test_wilson_refuses_nonsense() -> None:
    for case in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="successes"):
            seeds.wilson(*case)


def test_a_running_best_counts_what_is_feasible() -> None:
    counts = np.array([False, True, True, True, True])
    best = seeds.running_best([1.0, math.nan, 5.0, 7.0, 3.0], counts)
    assert best.tolist() == [INF, INF, 5.0, 5.0, 3.0]
    assert seeds.running_best([]).size == 0


def test_shorter_runs_keep_their_last_value() -> None:
    runs = seeds.aligned([np.array([3.0, 2.0]), np.array([9.0]), np.array([])])
    assert runs.tolist() == [[3.0, 2.0], [9.0, 9.0], [INF, INF]]
    assert seeds.aligned([np.array([3.0, 2.0])], 1).tolist() == [[3.0]]


def test_samples_to_within_a_share() -> None:
    curve = [200.0, 104.0, 104.0, 101.0, 100.0]
    assert [samples_to_within(curve, 100.0, t) for t in (0.05, 0.01, 0.0)] == [2, 4, 5]
    assert samples_to_within(curve, 90.0, 0.01) == INF
    assert samples_to_within([-90.0, -99.0], -100.0, 0.01) == 2  # a maximised figure
    assert limit(-100.0, 0.05) == -95.0
    assert median_samples([curve, [101.0], [300.0]], 100.0, 0.01) == 4
    assert median_samples([curve, [300.0], [300.0]], 100.0, 0.01) == INF


def test_the_efficiency_table() -> None:
    runs: dict[str, Sequence[Floats]] = {
        "a": [np.array([5.0, 2.0, 1.0]), np.array([9.0, 9.0, 9.0])],
        "b": [np.array([1.0])],
        "none": [np.array([])],
    }
    table = efficiency(runs, 1.0, budgets=(2, 100))
    assert [(row.label, row.budget, row.runs) for row in table] == [("a", 2, 2), ("a", 3, 2), ("b", 1, 1)]
    assert [row.middle for row in table] == [5.5, 5.0, 1.0]
    assert [row.success.value for row in table] == [0.0, 0.5, 1.0]
    assert (table[0].low, table[0].high, table[0].mean.value) == (3.75, 7.25, 5.5)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_random_search_is_what_drawing_gives(share: float) -> None:
    rng = np.random.default_rng(5)
    table = rng.random(60)
    curve = random_search(table, 100, share)
    assert len(curve) == 60 and curve[-1] == table.min() and (np.diff(curve) <= 0).all()
    drawn = np.array([np.minimum.accumulate(rng.permutation(table)) for _ in range(4000)])
    ordered = np.sort(table).tolist()
    for n in (1, 2, 7, 30):
        empirical = float(np.quantile(drawn[:, n - 1], share, method="inverted_cdf"))
        assert abs(ordered.index(empirical) - ordered.index(curve[n - 1])) <= 1


def test_random_success_by_hand() -> None:
    table = [1.0, 1.005, 2.0, 3.0]
    assert random_success(table, 1) == pytest.approx(2 / 4)
    assert random_success(table, 2) == pytest.approx(1 - 1 / 6)
    assert random_success(table, 3) == random_success(table, 9) == 1.0


def test_the_lottery_is_over_option_sets_not_seeds() -> None:
    (entry, other) = lottery({"ga": {"small": [1, 2, 30], "large": [4, 4, 4]}, "ga2": {"only": [7]}, "x": {}})
    assert entry.medians == {"small": 2.0, "large": 4.0}
    assert (entry.best, entry.low, entry.middle, entry.high, entry.worst) == (2.0, 2.5, 3.0, 3.5, 4.0)
    assert entry.spread == 1.0 and other.spread == 0.0
