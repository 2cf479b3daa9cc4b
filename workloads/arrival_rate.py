"""How many requests arrive when, in a bounded number of bins."""

from typing import NamedTuple

import numpy as np

from workloads.trace import Int64Array

MOST_BINS = 512


class ArrivalRate(NamedTuple):
    """Requests by the cycle of their arrival: ``requests[k]`` in cycles [k, k + 1) * bin_cycles."""

    bin_cycles: int  # a power of two; the last bin may end early
    requests: tuple[int, ...]
    mean: float  # requests per memory clock cycle up to the last arrival
    peak: float  # requests per cycle of the fullest bin


class ArrivalCounts:
    """Takes arrivals in any order; two neighbouring bins become one when there are too many."""

    def __init__(self) -> None:
        self._shift = 0
        self._counts = np.zeros(MOST_BINS, np.int64)
        self._last = 0

    def add(self, arrivals: Int64Array) -> None:
        """More arrivals, memory clock cycles, shape (n,), n > 0."""
        self._last = max(self._last, int(arrivals.max()))
        while self._last >> self._shift >= MOST_BINS:
            pairs = self._counts.reshape(-1, 2).sum(axis=1)
            self._counts = np.concatenate([pairs, np.zeros(MOST_BINS // 2, np.int64)])
            self._shift += 1
        self._counts += np.bincount(arrivals >> self._shift, minlength=MOST_BINS)

    def result(self) -> ArrivalRate:
        """The rate so far."""
        used = (self._last >> self._shift) + 1
        counts = self._counts[:used]
        cycles = np.full(used, 1 << self._shift, np.float64)
        cycles[-1] = self._last + 1 - (used - 1 << self._shift)
        # A last bin of a few cycles would make any burst at the very end a peak.
        peak = counts / np.where(cycles < cycles[0] / 2, cycles[0], cycles)
        return ArrivalRate(
            bin_cycles=1 << self._shift,
            requests=tuple(counts.tolist()),
            mean=int(counts.sum()) / (self._last + 1),
            peak=float(peak.max()),
        )
