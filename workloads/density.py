"""Which addresses a trace touches in which part of it, as a grid of counts for a picture.

Programs use a few regions far apart, so wide stretches that no request goes to are left out of the grid.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workloads.trace import Int64Array, Trace

MOST_PIECES = 1 << 12
"""Touched pieces of the address space that are told apart."""

MOST_REGIONS = 8
WIDE_GAP = 0.05
"""Share of the whole range from which a gap is left out."""

LEAST_ROWS = 8
"""Rows of the smallest region."""


class Density(NamedTuple):
    """``requests[y, x]``: how many of the requests [request_edges[x], request_edges[x + 1]) go to lines
    line_from[y] to line_last[y].  Row y begins a new region where line_from[y] != line_last[y - 1] + 1."""

    requests: Int64Array  # shape (rows, parts)
    request_edges: Int64Array  # shape (parts + 1,)
    line_from: Int64Array  # shape (rows,), ascending
    line_last: Int64Array  # shape (rows,)

    def region_starts(self) -> list[int]:
        """The first row of each region; the first of them is 0."""
        return [0, *(np.flatnonzero(self.line_from[1:] != self.line_last[:-1] + 1) + 1).tolist()]


def density(trace: Trace, parts: int = 256, rows: int = 128) -> Density:
    """Reads the trace twice; at most ``parts`` columns and about ``rows`` rows, none narrower than one.

    Raises:
        InputError: whatever is wrong in the trace.
    """
    touched = TouchedPieces()
    requests = 0
    for block in trace.blocks():
        touched.add(block.line)
        requests += block.requests
    line_from, line_last = _rows(touched.regions(), rows)
    request_edges = np.array(_edges(0, requests, parts), np.int64)
    counts = np.zeros((line_from.size, request_edges.size - 1), np.int64)
    first = 0
    for block in trace.blocks():
        index = np.arange(first, first + block.requests)
        x = np.searchsorted(request_edges, index, "right") - 1
        y = np.searchsorted(line_from, block.line, "right") - 1
        cells: npt.NDArray[np.intp] = y * counts.shape[1] + x
        counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
        first += block.requests
    return Density(counts, request_edges, line_from, line_last)


class TouchedPieces:
    """The pieces of the address space, equal powers of two of lines, that requests go to."""

    def __init__(self, most: int = MOST_PIECES) -> None:
        self._most = most
        self._shift = 0
        self._pieces = np.zeros(0, np.int64)

    def add(self, lines: Int64Array) -> None:
        """More lines, shape (n,)."""
        self._pieces = np.unique(np.concatenate([self._pieces, lines >> self._shift]))
        while self._pieces.size > self._most:
            self._shift += 1
            self._pieces = np.unique(self._pieces >> 1)

    def regions(self) -> list[tuple[int, int]]:
        """[start, stop) lines of what remains when the widest gaps are taken out; in order."""
        pieces = self._pieces
        span = int(pieces[-1]) - int(pieces[0]) + 1
        gaps = np.diff(pieces) - 1
        widest = np.argsort(-gaps, kind="stable")[: MOST_REGIONS - 1]
        cuts = np.sort(widest[gaps[widest] > max(1, WIDE_GAP * span)])
        starts = [int(pieces[0]), *(int(pieces[k + 1]) for k in cuts)]
        stops = [*(int(pieces[k]) + 1 for k in cuts), int(pieces[-1]) + 1]
        return [(a << self._shift, b << self._shift) for a, b in zip(starts, stops, strict=True)]


def _rows(regions: list[tuple[int, int]], most: int) -> tuple[Int64Array, Int64Array]:
    """First and last line of each row; regions get rows by their size, but LEAST_ROWS if they can."""
    total = sum(stop - start for start, stop in regions)
    ends = [_edges(a, b, max(LEAST_ROWS, most * (b - a) // total)) for a, b in regions]
    first = [edge for edges in ends for edge in edges[:-1]]
    last = [edge - 1 for edges in ends for edge in edges[1:]]
    return np.array(first, np.int64), np.array(last, np.int64)


def _edges(start: int, stop: int, most: int) -> list[int]:
    """Ends of at most ``most`` almost equal parts of [start, stop), in integers of any size."""
    parts = max(1, min(most, stop - start))
    return [start + (stop - start) * k // parts for k in range(parts + 1)]
