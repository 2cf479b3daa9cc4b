"""The parameter block while it is built."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.dram.layout import TABLES, P

Ints = NDArray[np.int64]


class Block:
    """The parameter block: scalars and rows at their fixed places, tables behind them."""

    def __init__(self) -> None:
        self.fixed = np.zeros(TABLES, dtype=np.int64)
        self.parts: list[Ints] = []
        self.at = TABLES

    def add(self, values: Any) -> int:
        """Append a table; returns where it stands."""
        part = np.asarray(values, dtype=np.int64).ravel()
        self.parts.append(part)
        self.at += part.size
        return self.at - part.size

    def row(self, section: int, stride: int, index: int, fields: dict[int, int]) -> None:
        """Set fields of a row of a fixed table."""
        for field, value in fields.items():
            self.fixed[section + stride * index + field] = value

    def finish(self) -> Ints:
        self.fixed[P.size] = self.at
        params = np.concatenate([self.fixed, *self.parts])
        params.setflags(write=False)
        return params
