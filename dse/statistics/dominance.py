"""Which designs no other design beats: the Pareto front of a set of objective values."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def rows(values: ArrayLike) -> Floats:
    """Objective values as an array of shape (designs, objectives); no designs: (0, objectives or 1).

    Raises:
        ValueError: another number of dimensions, or a value that is not a number.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return array.reshape(0, array.shape[1] if array.ndim == 2 else 1)
    if array.ndim != 2:
        raise ValueError(f"objective values have the shape (designs, objectives), not {array.shape}")
    if np.isnan(array).any():
        raise ValueError("an objective value is not a number")
    return array


def non_dominated(values: ArrayLike) -> NDArray[np.bool_]:
    """Mask, shape (designs,), of the designs that no other dominates; equal ones are all in it or all out.

    A design dominates another if it is nowhere worse and somewhere better.  Takes O(designs x front).

    Args:
        values: shape (designs, objectives), to be minimised.
    """
    array = rows(values)
    mask = np.zeros(len(array), dtype=np.bool_)
    if not len(array):
        return mask
    if array.shape[1] <= 2:
        return _non_dominated_plane(array)
    # By one objective after the other: a design can then only be dominated by one before it.
    left = np.lexsort(array.T[::-1])
    while len(left):
        first = array[left[0]]
        equal = (array[left] == first).all(axis=1)
        mask[left[equal]] = True
        left = left[(array[left] < first).any(axis=1)]
    return mask


def _non_dominated_plane(array: Floats) -> NDArray[np.bool_]:
    """One or two objectives, in O(n log n)."""
    x, y = array[:, 0], array[:, -1]
    order = np.lexsort((y, x))
    # Least y of all designs whose x is smaller, and least y among those of the same x.
    before = np.concatenate(([np.inf], np.minimum.accumulate(y[order])[:-1]))
    starts = np.concatenate(([True], x[order][1:] != x[order][:-1]))
    first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    mask = np.empty(len(order), dtype=np.bool_)
    least_of_group = y[order][first]
    # The first design of all has none before it, even at infinity.
    mask[order] = (y[order] == least_of_group) & ((least_of_group < before[first]) | (first == 0))
    return mask


def pareto_front(values: ArrayLike) -> Floats:
    """The non-dominated points, each once, in lexicographic order; shape (points, objectives)."""
    array = rows(values)
    front = array[non_dominated(array)]
    return np.unique(front, axis=0) if len(front) else front


def knee(front: ArrayLike) -> int:
    """Row of a front that lies nearest to its best corner, each objective scaled by the front's own span.

    For picking one design out of a front, not for comparing fronts.  The first of equals.
    """
    array = rows(front)
    low, span = array.min(axis=0), np.ptp(array, axis=0)
    scaled = (array - low) / np.where(span > 0, span, 1.0)
    return int(np.argmin(np.sqrt((scaled**2).sum(axis=1))))
