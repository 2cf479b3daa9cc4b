"""Which parameters decide a figure: shares of its variance, from group means.

The main effect of a parameter is the variance between the means of the groups of designs that share its
value, over the variance of all designs.  A parameter that is inactive in some designs (canonical designs
lack it) is judged among those in which it is active, so that what switching it off does counts for the
parameter that switches it.  The interaction of two is what grouping by both explains beyond either, among
the designs in which both are active.

For designs drawn uniformly these are the first- and second-order Sobol indices of the sample, exact for a
table of a whole product space.  For designs that a search preferred they describe only where it went.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dse.evaluation import Config
from dse.statistics.dominance import Floats

BINS = 8
"""Groups of equal size that a parameter of more values than ``MOST_VALUES`` is cut into."""

MOST_VALUES = 32

_Groups = NDArray[np.int64]


@dataclass(frozen=True)
class Effect:
    """What one parameter, or two together, explain of the variance.

    Attributes:
        parameters: one name, or two in the order of the space.
        share: of the variance of all designs.  That of an interaction can be a little below 0 where a sample
            does not hold every pair equally often.
        chance: what the same groups would explain on average if the figure were unrelated to them; a share
            that is not well above says nothing.
        designs: in which all the parameters are active.
    """

    parameters: tuple[str, ...]
    share: float
    chance: float
    designs: int


def main_effects(names: Sequence[str], configs: Sequence[Config], values: ArrayLike) -> list[Effect]:
    """The effect of each parameter, the largest first, equals in the order of ``names``.

    Args:
        names: of the parameters.
        configs: designs, each once, canonical.
        values: the figure of each, shape (designs,), finite.

    Raises:
        ValueError: of different lengths, or a value that is not finite.
    """
    figures = _figures(configs, values)
    groups = _grouped(names, configs)
    total = float(((figures - figures.mean()) ** 2).sum()) if len(figures) else 0.0
    found = []
    for name in names:
        active = groups[name] >= 0
        between, count = _between(figures[active], groups[name][active])
        found.append(_effect((name,), between, count - 1, int(active.sum()), len(figures), total))
    return sorted(found, key=lambda effect: -effect.share)


def interactions(
    names: Sequence[str], configs: Sequence[Config], values: ArrayLike, *, most: int = 10
) -> list[Effect]:
    """The ``most`` largest effects of two parameters beyond what each has alone, the largest first.

    Raises:
        ValueError: as :func:`main_effects`.
    """
    figures = _figures(configs, values)
    groups = _grouped(names, configs)
    total = float(((figures - figures.mean()) ** 2).sum()) if len(figures) else 0.0
    found = []
    for one, other in combinations(names, 2):
        active = (groups[one] >= 0) & (groups[other] >= 0)
        a, b, y = groups[one][active], groups[other][active], figures[active]
        if not len(y):
            continue
        alone, count_a = _between(y, a)
        also, count_b = _between(y, b)
        both, count = _between(y, a * (int(b.max()) + 1) + b)
        free = max(count - count_a - count_b + 1, 0)
        found.append(_effect((one, other), both - alone - also, free, len(y), len(figures), total))
    return sorted(found, key=lambda effect: -effect.share)[:most]


def _effect(names: tuple[str, ...], between: float, free: int, active: int, n: int, total: float) -> Effect:
    share = between / total if total > 0 else 0.0
    return Effect(names, share, max(free, 0) / (n - 1) if n > 1 else 0.0, active)


def _figures(configs: Sequence[Config], values: ArrayLike) -> Floats:
    figures = np.asarray(values, dtype=np.float64)
    if figures.shape != (len(configs),):
        raise ValueError(f"{len(configs)} designs, but figures of shape {figures.shape}")
    if not np.isfinite(figures).all():
        raise ValueError("a figure is not finite")
    return figures


def _between(figures: Floats, groups: _Groups) -> tuple[float, int]:
    """Sum of squares between the means of groups, and how many groups there are."""
    if not len(figures):
        return 0.0, 0
    _, dense = np.unique(groups, return_inverse=True)
    sizes = np.bincount(dense)
    means = np.bincount(dense, weights=figures) / sizes
    return float((sizes * (means - figures.mean()) ** 2).sum()), len(sizes)


def _grouped(names: Sequence[str], configs: Sequence[Config]) -> Mapping[str, _Groups]:
    """Number of the group of every design for each parameter, -1 where it is inactive."""
    return {name: _groups([config.get(name) for config in configs]) for name in names}


def _groups(values: Sequence[object]) -> _Groups:
    known = {value: at for at, value in enumerate(dict.fromkeys(v for v in values if v is not None))}
    numeric = all(isinstance(value, int | float) for value in known)
    if len(known) <= MOST_VALUES or not numeric:
        return np.array([-1 if v is None else known[v] for v in values], dtype=np.int64)
    array = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    cuts = np.nanquantile(array, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.where(np.isnan(array), -1, np.searchsorted(cuts, array, side="right")).astype(np.int64)
