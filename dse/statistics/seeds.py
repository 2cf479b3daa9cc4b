"""What repeated runs agree on: quartiles, the interquartile mean and its interval, success rates.

Never the best of the seeds: that grows with their number.  A run that has not found anything yet counts as
infinite.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dse.statistics.dominance import Floats

RESAMPLES = 2000
CONFIDENCE = 0.95


class Band(NamedTuple):
    """Quartiles over runs, each of shape (steps,)."""

    low: Floats
    middle: Floats
    high: Floats


class Interval(NamedTuple):
    """An estimate and the interval that holds the true value with a confidence of 95 %."""

    value: float
    low: float
    high: float


def quantile(runs: ArrayLike, share: float) -> Floats:
    """Over the first axis, interpolated between neighbours; infinite where a neighbour that counts is.

    Args:
        runs: shape (runs, …), at least one run.
        share: 0 to 1.
    """
    ordered = np.sort(np.asarray(runs, dtype=np.float64), axis=0)
    at = (len(ordered) - 1) * share
    below = math.floor(at)
    low: Floats = ordered[below]
    if at == below:
        return low
    high = ordered[below + 1]
    with np.errstate(invalid="ignore"):
        between = low + (high - low) * (at - below)
    return np.where(low == high, low, np.where(np.isinf(high), high, between))


def band(runs: ArrayLike) -> Band:
    """Median and quartiles over the first axis of shape (runs, steps)."""
    return Band(quantile(runs, 0.25), quantile(runs, 0.5), quantile(runs, 0.75))


def interquartile_mean(runs: ArrayLike) -> Floats:
    """Mean over the first axis of what is left without its lowest and highest quarter (rounded down)."""
    ordered = np.sort(np.asarray(runs, dtype=np.float64), axis=0)
    cut = len(ordered) // 4
    kept: Floats = ordered[cut : len(ordered) - cut].mean(axis=0)
    return kept


def interquartile_interval(
    runs: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES, confidence: float = CONFIDENCE
) -> Interval:
    """Interquartile mean of one figure of each run, with a percentile bootstrap interval over the runs.

    Args:
        runs: shape (runs,).

    Source: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", 2021.
    """
    figures = np.asarray(runs, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(len(figures), size=(len(figures), resamples))
    means = interquartile_mean(figures[drawn])
    out = (1 - confidence) / 2
    low, high = (float(quantile(means, share)) for share in (out, 1 - out))
    return Interval(float(interquartile_mean(figures)), low, high)


def wilson(successes: int, runs: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Success rate with its score interval (Wilson, JASA 1927), which holds for few runs and for 0 and 1.

    Raises:
        ValueError: no runs, or more successes than runs.
    """
    if not 0 <= successes <= runs or runs < 1:
        raise ValueError(f"{successes} successes in {runs} runs")
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / runs
    middle = (share + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z / (1 + z * z / runs) * math.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == runs else middle + half
    return Interval(share, low, high)


def running_best(values: ArrayLike, counts: NDArray[np.bool_] | None = None) -> Floats:
    """Lowest value so far, shape (steps,); infinite before the first one that counts.

    Args:
        values: of one objective in the order of evaluation; what is not a number counts for nothing.
        counts: which designs do: those that are feasible.  All by default.
    """
    array = np.array(values, dtype=np.float64)
    array[np.isnan(array)] = np.inf
    if counts is not None:
        array[~counts] = np.inf
    return np.minimum.accumulate(array) if len(array) else array


def aligned(curves: list[Floats], length: int | None = None) -> Floats:
    """Running bests of several runs as one array, shape (runs, steps), to the length of the longest.

    A run that ended earlier, as one that had nothing left to try, keeps its last value.
    """
    steps = max(map(len, curves)) if length is None else length
    out = np.full((len(curves), steps), np.inf)
    for row, curve in zip(out, curves, strict=True):
        part = curve[:steps]
        row[: len(part)] = part
        if len(part):
            row[len(part) :] = part[-1]
    return out
