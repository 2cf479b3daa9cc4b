"""The volume that a front dominates, up to a reference point: exact for up to four objectives.

Exact volumes are swept along the last objective; what a further point adds to a slice is its box less what
the points before it have of that box, the exclusive volume of While, Bradstreet and Barone, "A Fast Way of
Calculating Exact Hypervolumes", IEEE TEC 2012 (WFG).
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dse.statistics.dominance import Floats, non_dominated, pareto_front, rows

MOST_EXACT = 4
"""Objectives for which volumes are exact; of more they are estimated."""

SAMPLES = 100_000
"""Points of an estimate, if nothing else is asked for."""


@dataclass(frozen=True)
class Bounds:
    """What objectives are normalised by: ``ideal`` becomes 0, ``nadir`` 1.

    Fixed for a study, never taken from the run that is judged: only then are values of runs comparable.

    Raises:
        ValueError: of different lengths, or an ideal that is not below its nadir.
    """

    ideal: tuple[float, ...]
    nadir: tuple[float, ...]

    def __post_init__(self) -> None:
        ordered = all(low < high for low, high in zip(self.ideal, self.nadir, strict=False))
        if len(self.ideal) != len(self.nadir) or not ordered or not self.ideal:
            raise ValueError(f"the ideal {self.ideal} does not lie below the nadir {self.nadir}")

    def normalised(self, values: ArrayLike) -> Floats:
        """Shape (designs, objectives), as it was; values beyond the bounds lie outside of 0 to 1."""
        low = np.array(self.ideal)
        scaled: Floats = (rows(values) - low) / (np.array(self.nadir) - low)
        return scaled


@dataclass(frozen=True)
class Volume:
    """A hypervolume with everything that it depends on.

    Attributes:
        value: the volume, of normalised objectives if there are ``bounds``.
        error: standard error of an estimate, 0 of an exact value.
        reference: the point that it is measured to, in the same coordinates.
        bounds: of the normalisation; None: objectives as they are.
        samples: of an estimate; 0: exact.
    """

    value: float
    error: float
    reference: tuple[float, ...]
    bounds: Bounds | None
    samples: int


def hypervolume(
    values: ArrayLike,
    reference: Sequence[float] | None = None,
    *,
    bounds: Bounds | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Volume:
    """What a set of designs dominates, exact for up to four objectives, estimated for more.

    Args:
        values: shape (designs, objectives), to be minimised.
        reference: with ``bounds`` in normalised coordinates, where it is 1.1 everywhere by default, so that
            the ends of a front count too.
        bounds: normalise by them first.
        samples: of an estimate.
        seed: of an estimate.

    Raises:
        ValueError: neither a reference nor bounds, or one with another number of objectives.
    """
    array = rows(values)
    if bounds is not None:
        array = bounds.normalised(array) if len(array) else np.zeros((0, len(bounds.ideal)))
        reference = [1.1] * len(bounds.ideal) if reference is None else reference
    if reference is None:
        raise ValueError("a hypervolume needs a reference point, or bounds")
    point = np.array(reference, dtype=np.float64)
    if len(array) and array.shape[1] != len(point):
        raise ValueError(f"{array.shape[1]} objectives, but a reference point of {len(point)}")
    if not np.isfinite(point).all():
        raise ValueError("the reference point is not finite")
    drawn = 0 if len(point) <= MOST_EXACT else samples
    if drawn:
        value, error = estimate(array, point, samples=drawn, rng=np.random.default_rng(seed))
    else:
        value, error = exact(array, point), 0.0
    return Volume(value, error, tuple(point.tolist()), bounds, drawn)


def exact(values: ArrayLike, reference: ArrayLike) -> float:
    """The volume between a set and the reference point, for any number of objectives.

    Takes O(n log n) for two objectives, O(n² log n) for three, and a further factor of n for each more.
    """
    point = np.asarray(reference, dtype=np.float64)
    array = rows(values)
    front = pareto_front(array[(array < point).all(axis=1)]) if len(array) else array
    if np.isneginf(front).any():
        return float("inf")
    return _volume(front, point)


def estimate(
    values: ArrayLike, reference: ArrayLike, *, samples: int = SAMPLES, rng: np.random.Generator
) -> tuple[float, float]:
    """The same by Monte Carlo, and its standard error: points drawn between the set's best corner and the
    reference point, counted if a design dominates them."""
    point = np.asarray(reference, dtype=np.float64)
    array = rows(values)
    front = pareto_front(array[(array < point).all(axis=1)]) if len(array) else array
    if not len(front):
        return 0.0, 0.0
    low = front.min(axis=0)
    box = float(np.prod(point - low))
    hits = 0
    for start in range(0, samples, 4096):  # as many as fit a cache with a front of hundreds
        drawn = rng.uniform(low, point, size=(min(4096, samples - start), len(point)))
        open_ = np.ones(len(drawn), dtype=np.bool_)
        for design in front:
            open_[open_] = (drawn[open_] < design).any(axis=1)
        hits += int((~open_).sum())
    share = hits / samples
    # One more hit and miss each, so that no estimate claims to have no error.
    spread = (hits + 1) / (samples + 2)
    return box * share, box * float(np.sqrt(spread * (1 - spread) / samples))


def growth(values: ArrayLike, reference: ArrayLike) -> Floats:
    """Exact volume of the first 1, 2, … designs, shape (designs,): how a search's front grew."""
    point = np.asarray(reference, dtype=np.float64)
    array = rows(values)
    if len(point) == 2:
        return _growth_plane(array, point)
    total = np.zeros(len(array))
    front = np.zeros((0, len(point)))
    volume = 0.0
    for at, design in enumerate(array):
        inside = (design < point).all() and not (front <= design).all(axis=1).any()
        if inside:
            volume += _exclusive(design, front, point)
            front = np.vstack((front[~(front >= design).all(axis=1)], design))
        total[at] = volume
    return total


def growth_estimate(
    values: ArrayLike, reference: ArrayLike, low: ArrayLike, *, samples: int = 4096, rng: np.random.Generator
) -> Floats:
    """The same by Monte Carlo, for many objectives, within the box from ``low`` to the reference point.

    What lies below ``low`` counts only as far as the box reaches: take one fixed box for all runs.
    """
    point, corner = np.asarray(reference, dtype=np.float64), np.asarray(low, dtype=np.float64)
    left = rng.uniform(corner, point, size=(samples, len(point)))
    total = np.zeros(len(rows(values)))
    for at, design in enumerate(rows(values)):
        left = left[(left < design).any(axis=1)]
        total[at] = samples - len(left)
    return total * (float(np.prod(point - corner)) / samples)


def _volume(front: Floats, reference: Floats) -> float:
    """Of distinct non-dominated points that all lie below the reference point."""
    if not len(front):
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - front.min())
    if len(reference) == 2:
        order = np.argsort(front[:, 0], kind="stable")
        x, y = front[order, 0], front[order, 1]
        above = np.concatenate((reference[1:], y[:-1]))
        return float(((reference[0] - x) * (above - y)).sum())
    front = front[np.argsort(front[:, -1], kind="stable")]
    ends = np.append(front[1:, -1], reference[-1])
    slice_: Floats = np.zeros((0, len(reference) - 1))
    volume = area = 0.0
    for design, end in zip(front, ends, strict=True):
        flat = design[:-1]
        if not (slice_ <= flat).all(axis=1).any():
            area += _exclusive(flat, slice_, reference[:-1])
            slice_ = np.vstack((slice_[~(slice_ >= flat).all(axis=1)], flat))
        volume += area * float(end - design[-1])
    return volume


def _exclusive(design: Floats, front: Floats, reference: Floats) -> float:
    """What a design adds to the volume of a front that does not dominate it."""
    box = float(np.prod(reference - design))
    if not len(front):
        return box
    limited = np.maximum(front, design)
    limited = np.unique(limited[non_dominated(limited)], axis=0)
    return box - _volume(limited, reference)


def _growth_plane(array: Floats, reference: Floats) -> Floats:
    """Two objectives: the front as a staircase, in order of the first."""
    end_x, end_y = map(float, reference)
    xs: list[float] = []
    ys: list[float] = []
    volume, total = 0.0, np.zeros(len(array))
    for at, (x, y) in enumerate(array.tolist()):
        place = bisect_left(xs, x)
        dominated = (place and ys[place - 1] <= y) or (place < len(xs) and xs[place] == x and ys[place] <= y)
        if x < end_x and y < end_y and not dominated:
            left, top = x, ys[place - 1] if place else end_y
            past = place
            while past < len(xs) and ys[past] >= y:
                volume += (xs[past] - left) * (top - y)
                left, top = xs[past], ys[past]
                past += 1
            volume += ((xs[past] if past < len(xs) else end_x) - left) * (top - y)
            xs[place:past], ys[place:past] = [x], [y]
        total[at] = volume
    return total
