"""Memory traffic of a sparse matrix-vector product, y = A x, behind a small cache.

This makes the carried trace ``library/spmv.trace.gz``; ``python -m workloads.sparse_matvec FILE`` writes it
again.  A is square, in compressed sparse rows; in each row some entries lie near the diagonal and some
anywhere, as in a mesh with long-range links.  Matrix and y are streamed: each of their lines is read or
written once, when its first (y: last) element is.  The gathers from x pass a direct-mapped cache, and what
misses it reaches memory.  So the trace mixes three sequential read streams, a sparse write stream and
random reads, as such a product does.
"""

import sys
from collections.abc import Iterator

import numpy as np

from workloads.files import save
from workloads.trace import READ, WRITE, Trace

LINE_BYTES = 64
ROWS = 24_000
NEAR, FAR = 4, 2  # entries per row: within REACH of the diagonal, and anywhere
REACH = 96
CACHE_LINES = 512  # 32 KiB
ROW_POINTERS, COLUMN_INDICES, VALUES, X, Y = 0x0100_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x0A00_0000
INDEX_BYTES, VALUE_BYTES = 4, 8


def sparse_matvec(seed: int = 2024) -> Trace:
    """The trace, as transactions of 64 bytes."""
    requests = np.array(list(_requests(_column_indices(seed))), np.int64)
    return Trace.from_arrays(requests[:, 0] // LINE_BYTES, requests[:, 1], name="spmv")


def _column_indices(seed: int) -> list[list[int]]:
    """Columns of the entries of each row, ascending."""
    g = np.random.Generator(np.random.PCG64(seed))
    near = np.arange(ROWS)[:, None] + g.integers(-REACH, REACH + 1, (ROWS, NEAR))
    far = g.integers(0, ROWS, (ROWS, FAR))
    indices: list[list[int]] = np.sort(np.hstack([np.clip(near, 0, ROWS - 1), far]), axis=1).tolist()
    return indices


def _requests(rows: list[list[int]]) -> Iterator[tuple[int, int]]:
    """(byte address, operation) of what reaches memory, in order."""
    cache = [-1] * CACHE_LINES
    entry = 0
    for row, columns in enumerate(rows):
        if row * INDEX_BYTES % LINE_BYTES == 0:
            yield ROW_POINTERS + row * INDEX_BYTES, READ
        for column in columns:
            if entry * INDEX_BYTES % LINE_BYTES == 0:
                yield COLUMN_INDICES + entry * INDEX_BYTES, READ
            if entry * VALUE_BYTES % LINE_BYTES == 0:
                yield VALUES + entry * VALUE_BYTES, READ
            line = (X + column * VALUE_BYTES) // LINE_BYTES
            if cache[line % CACHE_LINES] != line:
                cache[line % CACHE_LINES] = line
                yield line * LINE_BYTES, READ
            entry += 1
        if (row + 1) * VALUE_BYTES % LINE_BYTES == 0 or row + 1 == len(rows):
            yield (Y + row * VALUE_BYTES) // LINE_BYTES * LINE_BYTES, WRITE


if __name__ == "__main__":
    save(sparse_matvec(), sys.argv[1], transaction_bytes=LINE_BYTES)
