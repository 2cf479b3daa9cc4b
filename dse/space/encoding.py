"""Designs as numbers, for optimisers and agents that know numbers only.

All work on the free parameters of a space, in their order.  Bins are uniform: a uniform action gives every
value of a parameter with the same probability.  What is decoded is canonical, and may break a constraint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dse.evaluation import Config, Value
from dse.space.designs import Space
from dse.space.parameter import FLOAT_BINS, Parameter, scaled, share_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class UnitCube:
    """One coordinate from 0 to 1 for each free parameter."""

    space: Space

    @property
    def width(self) -> int:
        return len(self.space.free)

    def decode(self, point: Sequence[float]) -> dict[str, Value]:
        """The design at ``point``, shape (width,); coordinates beyond [0, 1] are clipped."""
        chosen: dict[str, Value] = {}
        for p, x in zip(self.space.free, point, strict=True):
            share = min(max(float(x), 0.0), 1.0)
            if p.values is None:
                chosen[p.name] = scaled(p, share)
            else:
                chosen[p.name] = p.values[min(int(share * len(p.values)), len(p.values) - 1)]
        return self.space.canonical(chosen)

    def encode(self, config: Config) -> "NDArray[np.float64]":
        """The middle of the design's bins, shape (width,); 0.5 for parameters without effect."""
        import numpy as np

        return np.array([self._coordinate(p, config) for p in self.space.free], dtype=float)

    @staticmethod
    def _coordinate(p: Parameter, config: Config) -> float:
        if p.name not in config:
            return 0.5
        value: Any = config[p.name]
        if p.values is None:
            return share_of(p, value)
        return (p.values.index(value) + 0.5) / len(p.values)


@dataclass(frozen=True)
class Indices:
    """One whole number for each free parameter; a float is cut into 32 values."""

    space: Space

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many values each may take."""
        return tuple(FLOAT_BINS if p.values is None else len(p.values) for p in self.space.free)

    def decode(self, indices: Sequence[int]) -> dict[str, Value]:
        """The design of ``indices``, shape (len(sizes),), each from 0 to before its size."""
        chosen: dict[str, Value] = {}
        for p, index in zip(self.space.free, indices, strict=True):
            if p.values is None:
                chosen[p.name] = scaled(p, (int(index) + 0.5) / FLOAT_BINS)
            else:
                chosen[p.name] = p.values[int(index)]
        return self.space.canonical(chosen)

    def encode(self, config: Config) -> "NDArray[np.int64]":
        """The indices of a design; 0 for parameters without effect."""
        import numpy as np

        found = []
        for p in self.space.free:
            value: Any = config.get(p.name)
            if value is None:
                found.append(0)
            elif p.values is None:
                found.append(min(int(share_of(p, value) * FLOAT_BINS), FLOAT_BINS - 1))
            else:
                found.append(p.values.index(value))
        return np.array(found, dtype=np.int64)


@dataclass(frozen=True)
class OneHot:
    """Features for surrogate models: one column for each value of a choice, one from 0 to 1 for the others.

    A parameter with a condition has one more column, which says whether it has an effect; without, all its
    columns are 0.
    """

    space: Space

    @cached_property
    def width(self) -> int:
        return sum(self._columns(p) for p in self.space.free)

    @staticmethod
    def _columns(p: Parameter) -> int:
        values = 1 if p.ordered else len(p.values or ())
        return values + (p.when is not None)

    def encode(self, config: Config) -> "NDArray[np.float64]":
        """The features of a design, shape (width,)."""
        import numpy as np

        features = np.zeros(self.width)
        at = 0
        for p in self.space.free:
            if p.name in config:
                value: Any = config[p.name]
                if p.when is not None:
                    features[at + self._columns(p) - 1] = 1.0
                if p.values is None:
                    features[at] = share_of(p, value)
                elif p.ordered:
                    features[at] = p.values.index(value) / max(len(p.values) - 1, 1)
                else:
                    features[at + p.values.index(value)] = 1.0
            at += self._columns(p)
        return features
