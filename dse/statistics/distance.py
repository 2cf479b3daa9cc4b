"""How far a reference front is from a set of designs: IGD and IGD+.

Objectives should be normalised by fixed bounds first (:class:`dse.statistics.hypervolume.Bounds`), for a
distance adds them up.  Plain IGD may call a set better than one that dominates it; IGD+ does not.
"""

import numpy as np
from numpy.typing import ArrayLike

from dse.statistics.dominance import Floats, rows


def igd(values: ArrayLike, front: ArrayLike) -> float:
    """Inverted generational distance: mean, over the reference front, of the distance to the nearest design.

    Args:
        values: of the designs, shape (designs, objectives), to be minimised; none: infinite.
        front: the reference front, shape (points, objectives).

    Raises:
        ValueError: an empty front, or another number of objectives.
    """
    return _mean_distance(values, front, only_worse=False)


def igd_plus(values: ArrayLike, front: ArrayLike) -> float:
    """The same, counting of each difference only where the design is worse than the front's point.

    Source: Ishibuchi, Masuda, Tanigaki and Nojima, "Modified Distance Calculation in Generational Distance
    and Inverted Generational Distance", EMO 2015.  Weakly Pareto-compliant.
    """
    return _mean_distance(values, front, only_worse=True)


def _mean_distance(values: ArrayLike, front: ArrayLike, *, only_worse: bool) -> float:
    designs, points = rows(values), rows(front)
    if not len(points):
        raise ValueError("the reference front is empty")
    if not len(designs):
        return float("inf")
    if designs.shape[1] != points.shape[1]:
        raise ValueError(f"{designs.shape[1]} objectives, but a front of {points.shape[1]}")
    nearest: Floats = np.empty(len(points))
    for at, point in enumerate(points):
        difference = designs - point
        if only_worse:
            difference = np.maximum(difference, 0.0)
        nearest[at] = np.sqrt((difference**2).sum(axis=1)).min()
    return float(nearest.mean())
