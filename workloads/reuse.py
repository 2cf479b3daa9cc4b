"""Reuse distances: how many other lines are touched between two uses of a line.

This is the stack distance of Mattson et al. (IBM Systems Journal 1970): a fully associative cache of C
lines with least-recently-used replacement hits exactly the requests whose distance is below C.

The lines seen so far are kept in the order of their last use.  While there are at most FOLLOWED_LINES, the
distances are exact, however long the trace.  Of more, only those whose scrambled index lies below a threshold
are followed, 1 of 2, of 4, and so on, and distances are scaled up by that rate (SHARDS: Waldspurger et al.,
FAST 2015, with its correction that puts requests drawn too rarely or too often by chance into the shortest
distance).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workloads.distinct import scramble
from workloads.trace import Int64Array

FOLLOWED_LINES = 1 << 19
CHUNK_REQUESTS = 1 << 20
PARTS_OF_OCTAVE = 8


class ReuseBucket(NamedTuple):
    """Requests whose reuse distance lies in [from_lines, to_lines)."""

    from_lines: int
    to_lines: int
    requests: int


class Reuse(NamedTuple):
    """How soon lines are used again."""

    exact: bool
    followed_share: float  # of the lines; 1 if exact
    median_distance: int | None  # of the requests that use a line again, in lines; None: there are none
    p90_distance: int | None  # both at most 1 / PARTS_OF_OCTAVE too low, the width of a bucket
    first_uses: int  # requests to a line not used before
    histogram: tuple[ReuseBucket, ...]  # without empty buckets; with first_uses they are all requests


class ReuseDistances:
    """Takes the lines of a trace in order, block by block; follows at most ``keep`` lines."""

    def __init__(self, keep: int = FOLLOWED_LINES, chunk: int = CHUNK_REQUESTS) -> None:
        self._keep, self._chunk = keep, chunk
        self._halvings = 0
        self._stack = np.zeros(0, np.uint64)  # scrambled lines followed, the last used one last
        self._waiting: list[npt.NDArray[np.uint64]] = []
        self._waiting_requests = 0
        self._requests = 0
        self._edges = bucket_edges()
        self._counts = np.zeros(self._edges.size - 1)
        self._first_uses = 0.0

    def add(self, lines: Int64Array) -> None:
        """The next requests' lines, shape (n,)."""
        self._requests += lines.size
        words = self._followed(scramble(lines.astype(np.uint64)))
        self._waiting.append(words)
        self._waiting_requests += words.size
        if self._waiting_requests >= self._chunk:
            self._count_waiting()

    def result(self) -> Reuse:
        """Figures of all requests so far; at least one must have been added."""
        self._count_waiting()
        counts, first_uses = self._counts.copy(), self._first_uses
        if self._halvings:
            counts[0] = max(0.0, counts[0] + self._requests - counts.sum() - first_uses)
            factor = self._requests / (counts.sum() + first_uses)
            counts, first_uses = counts * factor, first_uses * factor
        edges = self._edges.tolist()
        buckets = zip(edges[:-1], edges[1:], np.rint(counts).tolist(), strict=True)
        return Reuse(
            exact=self._halvings == 0,
            followed_share=1 / (1 << self._halvings),
            median_distance=_quantile(self._edges, counts, 0.5),
            p90_distance=_quantile(self._edges, counts, 0.9),
            first_uses=round(first_uses),
            histogram=tuple(ReuseBucket(low, high, int(n)) for low, high, n in buckets if n),
        )

    def _count_waiting(self) -> None:
        words = np.concatenate([self._stack, *self._waiting])
        scale = 1 << self._halvings
        distances = stack_distances(words)[self._stack.size :]
        reuses = distances[distances >= 0]
        bucket = np.searchsorted(self._edges, reuses * scale, "right") - 1
        self._counts += np.bincount(bucket, minlength=self._counts.size) * float(scale)
        self._first_uses += (distances.size - reuses.size) * float(scale)
        _, last_from_end = np.unique(words[::-1], return_index=True)
        self._stack = words[np.sort(words.size - 1 - last_from_end)]
        self._waiting, self._waiting_requests = [], 0
        while self._stack.size > self._keep:
            self._halvings += 1
            self._stack = self._followed(self._stack)

    def _followed(self, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        if self._halvings == 0:
            return words
        return words[words < np.uint64(1 << (64 - self._halvings))]


def stack_distances(words: npt.NDArray[Any]) -> Int64Array:
    """For each request the number of distinct other words since the one before to its word; -1 for a first.

    With p(i) the request before to i's word, a request j between p(i) and i is the first there to its word
    if p(j) < p(i).  Up to p(i), all requests have this property; so the distance is the number of j < i with
    p(j) < p(i), less the p(i) + 1 of these that come too early.

    Args:
        words: shape (n,), n below 2**31.

    Returns:
        shape (n,).
    """
    order = np.argsort(words, kind="stable")
    again = words[order[1:]] == words[order[:-1]]
    before = np.full(words.size, -1, np.int64)
    before[order[1:][again]] = order[:-1][again]
    reuse = np.flatnonzero(before >= 0)
    distances = np.full(words.size, -1, np.int64)
    if reuse.size == 0:
        return distances
    previous = before[reuse]
    used_again = np.zeros(words.size, np.bool_)
    used_again[previous] = True
    rank = (np.cumsum(used_again) - 1)[previous]
    first_uses = np.cumsum(before < 0)[reuse]
    distances[reuse] = first_uses + smaller_before(rank) - (previous + 1)
    return distances


def smaller_before(rank: Int64Array) -> Int64Array:
    """For each i the number of j < i with rank[j] < rank[i]; ``rank`` is a permutation of 0 to n - 1.

    A wavelet tree, a level at a time: sorted by the bits above the current one and else in order, the ranks
    with the current bit 0 are smaller than those with a 1 in the same group, whichever comes first.
    """
    n = rank.size
    current = rank.astype(np.int32)
    smaller = np.zeros(n, np.int32)
    position = np.arange(n, dtype=np.int32)
    for bit in reversed(range(max(1, int(n - 1).bit_length()))):
        one = (current >> bit & 1).astype(np.bool_)
        zeros = np.concatenate([[0], np.cumsum(~one, dtype=np.int32)]).astype(np.int32)
        group = current >> (bit + 1) << (bit + 1)  # where the group begins, as ranks are a permutation
        zeros_before = zeros[:-1] - zeros[group]
        smaller += np.where(one, zeros_before, 0)
        all_zeros = np.minimum(1 << bit, n - group).astype(np.int32)
        target = np.where(one, all_zeros + position - zeros_before, group + zeros_before)
        moved, counted = np.empty_like(current), np.empty_like(smaller)
        moved[target], counted[target] = current, smaller
        current, smaller = moved, counted
    return smaller[rank].astype(np.int64)


def bucket_edges() -> Int64Array:
    """Every distance up to 2 * PARTS_OF_OCTAVE, then as many buckets to an octave, up to 2**62."""
    edges = [*range(2 * PARTS_OF_OCTAVE)]
    step = 2
    while edges[-1] < 2**61:
        edges += [(PARTS_OF_OCTAVE + k) * step for k in range(PARTS_OF_OCTAVE)]
        step *= 2
    return np.array(edges, np.int64)


def _quantile(edges: Int64Array, counts: npt.NDArray[np.float64], share: float) -> int | None:
    """The lower edge of the bucket in which ``share`` of the requests is reached."""
    total = np.cumsum(counts)
    return int(edges[np.searchsorted(total, share * total[-1])]) if total[-1] else None
