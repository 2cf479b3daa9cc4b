"""What the figures of a search are drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Value = str | int | float | bool
Design = Mapping[str, Value]
"""A design by parameter name, without those that have no effect in it."""


@dataclass(frozen=True)
class Axis:
    """An objective or another figure of a design: name, unit (``1`` for a ratio) and which way is better."""

    name: str
    unit: str = "1"
    less_is_better: bool = True


@dataclass(frozen=True)
class Curve:
    """How far an optimiser had come, over its runs.

    Attributes:
        label: the optimiser's.
        low, middle, high: quartiles of the best so far after 1, 2, … unique evaluations, shape (steps,), in
            the unit of the axis; infinite while too few runs have anything.
        runs: how many; 0 for a curve that was calculated.
        random: is it random search, which all others are compared with?
    """

    label: str
    low: NDArray[np.float64]
    middle: NDArray[np.float64]
    high: NDArray[np.float64]
    runs: int
    random: bool = False


@dataclass(frozen=True)
class Cloud:
    """Designs by their objectives.

    Attributes:
        axes: the objectives.
        values: shape (designs, objectives), in the units of the axes; each design once.
        front: mask of the designs that no other dominates.
        feasible: mask of those that meet the constraints.
        designs: of every row.
        knee: row of the design picked out of the front; None: of none.
        baseline: its values; None if it is not known.
    """

    axes: tuple[Axis, ...]
    values: NDArray[np.float64]
    front: NDArray[np.bool_]
    feasible: NDArray[np.bool_]
    designs: Sequence[Design]
    knee: int | None = None
    baseline: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Share:
    """What a parameter, or two together, explain of a figure's variance; ``chance``: what noise would."""

    parameters: tuple[str, ...]
    share: float
    chance: float


@dataclass(frozen=True)
class Scale:
    """A parameter as an axis: its values in order, or the ends of a continuous one."""

    name: str
    values: tuple[Value, ...] | None
    low: float = 0.0
    high: float = 1.0
    log: bool = False


@dataclass(frozen=True)
class Spread:
    """Final quality of an optimiser over its option sets: the median over seeds, by option set."""

    name: str
    medians: Mapping[str, float]


@dataclass(frozen=True)
class Rate:
    """A success rate with its 95 % interval; ``random``: is it random search?"""

    label: str
    rate: float
    low: float
    high: float
    runs: int
    samples: float = float("inf")
    random: bool = False
