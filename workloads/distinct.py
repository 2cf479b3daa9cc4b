"""Distinct lines, counted in bounded memory."""

import numpy as np
import numpy.typing as npt

from workloads.trace import Int64Array

EXACT_LINES = 1 << 21
"""Up to this many distinct lines the count is exact."""


class DistinctLines:
    """Counts distinct lines in bounded memory.

    Lines are scrambled by a bijection of 64-bit words, and the ``keep`` smallest results are kept.  While
    there are fewer, their number is exact; beyond, the largest kept one tells how densely all of them lie
    (the k-minimum-values estimate: Bar-Yossef et al., RANDOM 2002), with a standard error of 1/sqrt(keep).
    """

    def __init__(self, keep: int = EXACT_LINES) -> None:
        self._keep = keep
        self._smallest = np.zeros(0, np.uint64)  # sorted, distinct
        self._waiting: list[npt.NDArray[np.uint64]] = []
        self._waiting_size = 0
        self._overflowed = False

    def add(self, lines: Int64Array) -> None:
        """Count ``lines``, any shape (n,)."""
        scrambled = scramble(lines.astype(np.uint64))
        if self._overflowed:
            scrambled = scrambled[scrambled < self._smallest[-1]]
        self._waiting.append(scrambled)
        self._waiting_size += scrambled.size
        if self._waiting_size >= max(self._keep // 8, self._smallest.size // 2):
            self._merge()

    def count(self) -> tuple[int, bool]:
        """(number of distinct lines, is it exact?)."""
        self._merge()
        if not self._overflowed:
            return int(self._smallest.size), True
        return round((self._keep - 1) * 2.0**64 / float(self._smallest[-1])), False

    def _merge(self) -> None:
        # numpy.unique takes several times the memory and, for these random words, the time.
        merged = np.concatenate([self._smallest, *self._waiting])
        merged.sort()
        merged = merged[np.concatenate([[True], merged[1:] != merged[:-1]])] if merged.size else merged
        self._waiting, self._waiting_size = [], 0
        if merged.size > self._keep:
            self._overflowed = True
        self._smallest = merged[: self._keep].copy()


def scramble(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection of 64-bit words."""
    words = words + np.uint64(0x9E3779B97F4A7C15)  # otherwise line 0 would stay 0
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
