"""Shares of variance on functions whose decomposition is known."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.evaluation import Config
from dse.statistics.importance import interactions, main_effects

GRID: list[Config] = [
    dict(zip("abc", values, strict=True)) for values in itertools.product((0, 1), (0, 1, 2), "xy")
]


def test_a_sum_has_main_effects_and_no_interaction() -> None:
    values = [3.0 * float(c["a"]) + float(c["b"]) for c in GRID]
    # Variances: 9/4 of a, 2/3 of b.
    total = 9 / 4 + 2 / 3
    effects = main_effects("abc", GRID, values)
    assert [e.parameters for e in effects] == [("a",), ("b",), ("c",)]
    assert [e.share for e in effects] == pytest.approx([9 / 4 / total, 2 / 3 / total, 0])
    assert [e.chance for e in effects] == pytest.approx([1 / 11, 2 / 11, 1 / 11])
    assert all(abs(e.share) < 1e-12 for e in interactions("abc", GRID, values))


def test_an_exclusive_or_is_all_interaction() -> None:
    values = [float(c["a"] != (c["c"] == "x")) for c in GRID]
    assert all(e.share == pytest.approx(0) for e in main_effects("abc", GRID, values))
    first, second = interactions("abc", GRID, values, most=2)
    assert first.parameters == ("a", "c") and first.share == pytest.approx(1)
    assert second.share == pytest.approx(0)


def test_switching_off_counts_for_the_switch() -> None:
    designs: list[Config] = [{"refresh": "none"}] * 4 + [{"refresh": "all", "wait": w} for w in (1, 2, 4, 8)]
    designs = [{**d, "at": at} for at, d in enumerate(designs)]
    values = [0.0] * 4 + [10.0] * 4
    refresh, wait = main_effects(("refresh", "wait"), designs, values)
    assert (refresh.share, wait.share, wait.designs) == (1.0, 0.0, 4)
    values = [0.0] * 4 + [9.0, 9.0, 11.0, 11.0]
    refresh, wait = main_effects(("refresh", "wait"), designs, values)
    assert refresh.share + wait.share == pytest.approx(1) and wait.share == pytest.approx(4 / 204)


@given(st.lists(st.floats(-100, 100), min_size=12, max_size=12))
def test_on_a_whole_grid_shares_add_up_to_at_most_all(values: list[float]) -> None:
    mains = [e.share for e in main_effects("abc", GRID, values)]
    pairs = [e.share for e in interactions("abc", GRID, values)]
    assert all(share >= -1e-9 for share in mains + pairs)
    assert sum(mains + pairs) <= 1 + 1e-9


def test_chance_is_what_noise_explains() -> None:
    rng = np.random.default_rng(0)
    designs: list[Config] = [{"p": int(v)} for v in rng.integers(8, size=200)]
    shares = [main_effects(["p"], designs, rng.random(200))[0].share for _ in range(200)]
    (effect,) = main_effects(["p"], designs, rng.random(200))
    assert effect.chance == 7 / 199 and np.mean(shares) == pytest.approx(effect.chance, rel=0.15)


def test_a_continuous_parameter_is_cut_into_groups() -> None:
    rng = np.random.default_rng(1)
    x = rng.random(2000)
    designs: list[Config] = [{"x": float(v)} for v in x]
    (effect,) = main_effects(["x"], designs, x)
    assert effect.share == pytest.approx(1 - 1 / 8**2, abs=0.003)  # what 8 even groups keep of a line


def test_nothing_varies_and_nothing_is_there() -> None:
    assert [e.share for e in main_effects("abc", GRID, [2.0] * 12)] == [0, 0, 0]
    assert main_effects("a", [], [])[0].share == 0 and interactions("abc", [], []) == []
    with pytest.raises(ValueError, match="finite"):
        main_effects("a", GRID, [float("inf")] * 12)
    with pytest.raises(ValueError, match="shape"):
        main_effects("a", GRID, [1.0])
