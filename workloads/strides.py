"""Strides: by how many lines each request lies behind the one before it."""

from typing import NamedTuple

import numpy as np

from workloads.trace import Int64Array

FOLLOWED = 1 << 16
LEAST_SHARE = 0.001
"""A stride below this share of the requests is noise and not shown."""


class Stride(NamedTuple):
    """A stride and how many requests have it."""

    lines: int
    requests: int
    share: float  # of all requests but the first


class StrideCounts:
    """Counts strides in bounded memory.

    While there are at most ``keep`` different ones, counts are exact.  Beyond, the smallest count is taken
    from all of them again and again (Misra and Gries, Science of Computer Programming 1982, merged as in
    Agarwal et al., PODS 2012), so that a count is too low by at most requests / keep.
    """

    def __init__(self, keep: int = FOLLOWED) -> None:
        self._keep = keep
        self._strides = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._last: int | None = None
        self._requests = 0

    def add(self, lines: Int64Array) -> None:
        """The next requests' lines, shape (n,), n > 0."""
        steps = np.diff(lines) if self._last is None else np.diff(lines, prepend=self._last)
        self._last = int(lines[-1])
        self._requests += steps.size
        strides, counts = np.unique(steps, return_counts=True)
        merged, where = np.unique(np.concatenate([self._strides, strides]), return_inverse=True)
        total = np.zeros(merged.size, np.int64)
        np.add.at(total, where, np.concatenate([self._counts, counts]))
        if merged.size > self._keep:
            taken = int(np.partition(total, merged.size - self._keep - 1)[merged.size - self._keep - 1])
            total -= taken
            merged, total = merged[total > 0], total[total > 0]
        self._strides, self._counts = merged, total

    def most_frequent(self, most: int = 8) -> tuple[Stride, ...]:
        """Up to ``most`` strides of at least LEAST_SHARE of the requests, the most frequent first."""
        if self._requests == 0:
            return ()
        order = np.lexsort((self._strides, -self._counts))[:most]
        pairs = ((int(self._strides[k]), int(self._counts[k])) for k in order)
        found = (Stride(stride, n, n / self._requests) for stride, n in pairs)
        return tuple(stride for stride in found if stride.share >= LEAST_SHARE)
