"""Designs as numbers, for searchers that know nothing else.

Every decoder gives canonical designs, in which each value of an active parameter takes an equal share of
its axis; what is inactive in the design is simply not looked at.  Whether a design is allowed is for
:meth:`Space.allowed` to say.  Parameters that the workloads make void have no axis.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from arch.errors import InputError
from dse.evaluation import Config, Value
from dse.space.parameters import Parameter
from dse.space.space import Space

FLOAT_BINS: Final = 32
"""Into how many values :class:`Indices` and :class:`OneHot` cut a float."""


class _Axis:
    """One parameter and the values of it that canonical designs have."""

    def __init__(self, space: Space, parameter: Parameter) -> None:
        self.parameter, self.name = parameter, parameter.name
        self.values: Sequence[Value] | None = space.values_of(parameter.name)
        self.size = FLOAT_BINS if self.values is None else len(self.values)
        if self.values is None or isinstance(self.values, range):
            self._places: dict[Value, int] = {}
        else:
            self._places = {parameter.index(v): i for i, v in enumerate(self.values)}

    def at(self, index: int) -> Value:
        if self.values is None:
            return self.parameter.value_at((index + 0.5) / self.size)
        return self.values[index]

    def index(self, value: Value) -> int:
        if self.values is None:
            return min(int(self.parameter.share_of(value) * self.size), self.size - 1)
        place = self.parameter.index(value)
        return place if isinstance(self.values, range) else self._places[place]


class _Encoding:
    def __init__(self, space: Space) -> None:
        self.space = space
        self._axes = [_Axis(space, p) for p in space.parameters if p.name not in space.ignored]
        self.names: tuple[str, ...] = tuple(axis.name for axis in self._axes)
        """The parameters that have an axis, in order."""

    def _checked(self, given: Any) -> Any:
        array = np.asarray(given)
        if array.shape != (len(self._axes),):
            raise InputError(f"{len(self._axes)} numbers make a design", given=list(array.shape), accepted="one per parameter")
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise InputError("", given=array.tolist(), accepted="finite numbers")
        return array


class UnitCube(_Encoding):
    """Designs as points of the cube from 0 to 1: value ``floor(x * n)`` of n, so that all bins are as wide."""

    @property
    def dimensions(self) -> int:
        """Number of axes."""
        return len(self._axes)

    def decode(self, x: Any) -> dict[str, Value]:
        """The canonical design at a point of shape (dimensions,); outside the cube, at its nearest point."""
        config: dict[str, Value] = {}
        for axis, share in zip(self._axes, self._checked(x).tolist(), strict=True):
            share = min(max(share, 0.0), 1.0)
            if axis.values is None:
                config[axis.name] = axis.parameter.value_at(share)
            else:
                config[axis.name] = axis.values[min(int(share * axis.size), axis.size - 1)]
        return self.space.canonical(config)

    def encode(self, config: Config) -> Any:
        """The centre of the design's bin, shape (dimensions,); 0.5 for what is inactive."""
        canonical = self.space.canonical(config)
        x = np.full(len(self._axes), 0.5)
        for i, axis in enumerate(self._axes):
            if axis.name in canonical:
                value = canonical[axis.name]
                if axis.values is None:
                    x[i] = axis.parameter.share_of(value)
                else:
                    x[i] = (axis.index(value) + 0.5) / axis.size
        return x


class Indices(_Encoding):
    """Designs as one whole number for each parameter; floats are cut into :data:`FLOAT_BINS`."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(axis.size for axis in self._axes)

    def decode(self, indices: Any) -> dict[str, Value]:
        """The canonical design of indices of shape (axes,).

        Raises:
            InputError: not as many numbers as axes, or one that its axis does not have.
        """
        config: dict[str, Value] = {}
        for axis, index in zip(self._axes, self._checked(indices).tolist(), strict=True):
            if index != int(index) or not 0 <= index < axis.size:
                raise InputError("", field=axis.name, given=index, accepted=f"0 to {axis.size - 1}")
            config[axis.name] = axis.at(int(index))
        return self.space.canonical(config)

    def encode(self, config: Config) -> Any:
        """Indices of shape (axes,); 0 for what is inactive."""
        canonical = self.space.canonical(config)
        found = [axis.index(canonical[axis.name]) if axis.name in canonical else 0 for axis in self._axes]
        return np.array(found, dtype=np.int64)


class OneHot(_Encoding):
    """Designs as a 1 for each value that is chosen, for models that take no order for granted."""

    @property
    def width(self) -> int:
        """Values of all axes together."""
        return sum(axis.size for axis in self._axes)

    def encode(self, config: Config) -> Any:
        """Zeros and ones of shape (width,); all zero for what is inactive."""
        canonical = self.space.canonical(config)
        row = np.zeros(self.width)
        start = 0
        for axis in self._axes:
            if axis.name in canonical:
                row[start + axis.index(canonical[axis.name])] = 1.0
            start += axis.size
        return row
