"""How many evaluations a search needs: to within a share of the optimum, and what a budget buys."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dse.statistics import seeds
from dse.statistics.dominance import Floats

BUDGETS = (100, 1_000, 10_000, 100_000)
TOLERANCES = (0.05, 0.01, 0.0)
"""Distances from the optimum that a sample-efficiency table tells: 95, 99 and 100 % of the best."""


@dataclass(frozen=True)
class Efficiency:
    """What one optimiser's runs came to within a budget.

    Attributes:
        label: the optimiser's.
        budget: unique evaluations.
        runs: how many.
        middle, low, high: median and quartiles over the runs of the best value within the budget.
        mean: its interquartile mean with 95 % bootstrap interval.
        success: share of the runs within ``tolerance`` of ``optimum``, with its Wilson interval.
    """

    label: str
    budget: int
    runs: int
    middle: float
    low: float
    high: float
    mean: seeds.Interval
    success: seeds.Interval
    tolerance: float
    optimum: float


def limit(optimum: float, tolerance: float) -> float:
    """Highest value that is within a share of a minimised optimum, of either sign."""
    return optimum + tolerance * abs(optimum)


def samples_to_within(curve: ArrayLike, optimum: float, tolerance: float) -> float:
    """Evaluations until a running best is within a share of the optimum; infinite if it never is.

    Args:
        curve: shape (steps,), a minimised running best by unique evaluations.
        tolerance: 0.01 for 1 %.
    """
    array = np.asarray(curve, dtype=np.float64)
    reached = array <= limit(optimum, tolerance)
    return float(np.argmax(reached)) + 1 if reached.any() else math.inf


def median_samples(curves: Sequence[ArrayLike], optimum: float, tolerance: float) -> float:
    """Median over runs of :func:`samples_to_within`; infinite if most of them never get there."""
    each = [samples_to_within(curve, optimum, tolerance) for curve in curves]
    return float(seeds.quantile(np.array(each), 0.5))


def efficiency(
    runs: Mapping[str, Sequence[Floats]],
    optimum: float,
    *,
    budgets: Sequence[int] = BUDGETS,
    tolerance: float = 0.01,
    seed: int = 0,
) -> list[Efficiency]:
    """The sample-efficiency table: a row for each optimiser and each budget that its longest run reaches.

    Args:
        runs: by label, the running best of each run, shape (unique evaluations,).
        optimum: the best value known; of a space that was searched whole, the true one.
        budgets: in unique evaluations; where none of them is reached, a row for what was spent.
    """
    out: list[Efficiency] = []
    for label, curves in runs.items():
        curves = [curve for curve in curves if len(curve)]
        if not curves:
            continue
        spent = max(map(len, curves))
        for budget in [b for b in budgets if b < spent] + [spent]:
            best = np.array([curve[min(budget, len(curve)) - 1] for curve in curves])
            low, middle, high = (float(seeds.quantile(best, share)) for share in (0.25, 0.5, 0.75))
            hits = int((best <= limit(optimum, tolerance)).sum())
            out.append(
                Efficiency(
                    label, budget, len(curves), middle, low, high,
                    seeds.interquartile_interval(best, seed=seed), seeds.wilson(hits, len(curves)),
                    tolerance, optimum,
                )
            )  # fmt: skip
    return out


def random_search(values: ArrayLike, budget: int, share: float = 0.5) -> Floats:
    """Exact quantile of the best of 1, 2, … designs drawn without replacement from a table of all of them.

    The probability that none of the k best of N is among n draws is C(N-k, n) / C(N, n).

    Args:
        values: of every design, to be minimised; infinite for those that are infeasible.
        budget: draws, at most the number of designs.
        share: which quantile, 0 to 1.

    Returns:
        Shape (min(budget, designs),).
    """
    from scipy.special import gammaln

    ordered = np.sort(np.asarray(values, dtype=np.float64))
    total = len(ordered)
    draws = np.arange(1, min(budget, total) + 1)

    def missed(k: Floats) -> Floats:
        """Logarithm of the probability that none of the k best is drawn."""
        fits = total - k >= draws
        rest = np.where(fits, total - k - draws, 0)
        out = gammaln(total - k + 1) - gammaln(rest + 1) - gammaln(total + 1) + gammaln(total - draws + 1)
        return np.where(fits, out, -np.inf)

    # The least k of which one is drawn with the probability asked for.
    low, high = np.zeros(len(draws)), np.full(len(draws), float(total))
    wanted = np.log1p(-share) if share < 1 else -np.inf
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        enough = missed(middle) <= wanted + 1e-12
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle)
    return np.asarray(ordered[high.astype(np.int64) - 1])


def random_success(values: ArrayLike, budget: int, tolerance: float = 0.01) -> float:
    """Exact probability that random search without repetition gets within a share of the table's optimum."""
    array = np.asarray(values, dtype=np.float64)
    total = len(array)
    good = int((array <= limit(float(array.min()), tolerance)).sum())
    draws = min(budget, total)
    if total - good < draws:
        return 1.0
    return 1.0 - math.exp(
        math.lgamma(total - good + 1) - math.lgamma(total - good - draws + 1)
        - math.lgamma(total + 1) + math.lgamma(total - draws + 1)
    )  # fmt: skip
