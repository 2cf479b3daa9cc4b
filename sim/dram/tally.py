"""Read latencies of millions of requests: exact mean, percentiles and maximum in bounded memory."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.dram.layout import OP_STRIDE, OPS
from sim.jit import njit

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Latency:
    """Read latency in cycles; percentiles are nearest-rank, so each is a latency that occurred."""

    count: int
    mean: float
    p50: int
    p95: int
    p99: int
    max: int


class LatencyTally:
    """Latencies one by one, four bytes each (eight from 2**32 cycles on)."""

    def __init__(self) -> None:
        self._chunks: list[npt.NDArray[np.uint32] | Ints] = []
        self._count = 0
        self._sum = 0
        self._max = 0

    def add(self, latencies: Ints) -> None:
        """Count an array of latencies in cycles, shape (n,)."""
        if latencies.size == 0:
            return
        top = int(latencies.max())
        self._count += latencies.size
        self._sum += int(latencies.sum())
        self._max = max(self._max, top)
        self._chunks.append(latencies.astype(np.uint32) if top < 1 << 32 else latencies.copy())

    def summary(self) -> Latency:
        """The figures; all zero if nothing was added."""
        n = self._count
        if n == 0:
            return Latency(0, 0.0, 0, 0, 0, 0)
        p50, p95, p99 = (self._rank((n * percent + 99) // 100) for percent in (50, 95, 99))
        return Latency(n, self._sum / n, p50, p95, p99, self._max)

    def _rank(self, rank: int) -> int:
        """The ``rank``-th smallest latency, found digit by digit (16 bits at a time)."""
        low, value = 0, 0
        for shift in (32, 16, 0):
            counts = np.zeros(1 << 16, dtype=np.int64)
            for chunk in self._chunks:
                if shift == 32 and chunk.dtype == np.uint32:
                    counts[0] += chunk.size
                    continue
                here = chunk if shift == 32 else chunk[(chunk >> (shift + 16)) == value]
                counts += np.bincount(here >> shift & 0xFFFF, minlength=1 << 16)
            below = np.cumsum(counts)
            digit = int(np.searchsorted(below, rank - low))
            low += int(below[digit - 1]) if digit else 0
            value = value << 16 | digit
        return value


@njit
def read_latencies(
    done: np.ndarray, n: int, params: np.ndarray, from_accept: np.ndarray, from_arrival: np.ndarray
) -> int:
    """Latencies of the reads among the first ``n`` completions, into arrays of at least ``n``; how many."""
    reads = 0
    for i in range(n):
        if params[OPS + done[i, 2] * OP_STRIDE] == 0:
            from_accept[reads] = done[i, 6] - done[i, 4]
            from_arrival[reads] = done[i, 6] - done[i, 3]
            reads += 1
    return reads
