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


_COUNTED = 1 << 20  # latencies below this are counted, longer ones kept one by one


class LatencyTally:
    """Latencies: counts of the short ones, and four bytes for each long one (eight from 2**32 cycles on)."""

    def __init__(self) -> None:
        self._counts = np.zeros(1 << 12, dtype=np.int64)
        self._long: list[npt.NDArray[np.uint32] | Ints] = []
        self._count = 0
        self._sum = 0
        self._max = 0

    def add(self, latencies: Ints) -> None:
        """Count an array of latencies in cycles, shape (n,)."""
        if latencies.size == 0:
            return
        self._count += latencies.size
        self._sum += int(latencies.sum())
        self._max = max(self._max, int(latencies.max()))
        long = latencies[latencies >= _COUNTED]
        if long.size:
            latencies = latencies[latencies < _COUNTED]
            self._long.append(long.astype(np.uint32) if int(long.max()) < 1 << 32 else long)
        if latencies.size:
            longest = int(latencies.max())
            if longest >= self._counts.size:
                grown = np.zeros(1 << longest.bit_length(), dtype=np.int64)
                grown[: self._counts.size] = self._counts
                self._counts = grown
            count(latencies, self._counts)

    def summary(self) -> Latency:
        """The figures; all zero if nothing was added."""
        n = self._count
        if n == 0:
            return Latency(0, 0.0, 0, 0, 0, 0)
        below = np.cumsum(self._counts)
        p50, p95, p99 = (self._rank((n * percent + 99) // 100, below) for percent in (50, 95, 99))
        return Latency(n, self._sum / n, p50, p95, p99, self._max)

    def buckets(self) -> dict[str, Ints]:
        """Columns ``from_cycles`` (inclusive), ``to_cycles`` (exclusive) and ``reads`` of all that occurred.

        Latencies below 256 cycles have a bucket each; from there on 128 buckets lie between one power of
        two and the next.
        """
        short = np.flatnonzero(self._counts)
        chunks = [(_bucket(short), self._counts[short])]
        chunks += [(_bucket(c.astype(np.int64)), np.ones(c.size, np.int64)) for c in self._long]
        total = np.zeros(1 + max((int(b.max()) for b, _ in chunks if b.size), default=0), dtype=np.int64)
        for bucket, count in chunks:
            np.add.at(total, bucket, count)
        found = np.flatnonzero(total)
        return {
            "from_cycles": _bucket_start(found),
            "to_cycles": _bucket_start(found + 1),
            "reads": total[found],
        }

    def _rank(self, rank: int, below: Ints) -> int:
        """The ``rank``-th smallest latency; among the long ones found digit by digit, 16 bits at a time."""
        if rank <= below[-1]:
            return int(np.searchsorted(below, rank))
        rank -= int(below[-1])
        value = 0
        for shift in (32, 16, 0):
            counts = np.zeros(1 << 16, dtype=np.int64)
            for chunk in self._long:
                if shift == 32 and chunk.dtype == np.uint32:
                    counts[0] += chunk.size
                    continue
                here = chunk if shift == 32 else chunk[(chunk >> (shift + 16)) == value]
                counts += np.bincount(here >> shift & 0xFFFF, minlength=1 << 16)
            below = np.cumsum(counts)
            digit = int(np.searchsorted(below, rank))
            rank -= int(below[digit - 1]) if digit else 0
            value = value << 16 | digit
        return value


_HALF = 128  # buckets per octave


def _bucket(latency: Ints) -> Ints:
    """Number of the bucket of each latency, in order of time."""
    _, exponent = np.frexp(latency.astype(np.float64))  # latency < 2**exponent; floats hold all of 2**53
    shift = np.maximum(exponent - 8, 0).astype(np.int64)
    bucket: Ints = shift * _HALF + (latency >> shift)
    return bucket


def _bucket_start(bucket: Ints) -> Ints:
    """The least latency in each bucket."""
    shift = np.maximum(bucket // _HALF - 1, 0)
    start: Ints = (bucket - shift * _HALF) << shift
    return start


@njit
def count(values: np.ndarray, counts: np.ndarray) -> None:
    """Add 1 to ``counts`` at each of ``values``, without a pass over all counts for a few values."""
    for i in range(values.size):
        counts[values[i]] += 1


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
