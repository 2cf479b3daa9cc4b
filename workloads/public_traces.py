"""The fourteen public traces: fixed request streams on which memory models are compared side by side.

They reach from pure streaming to dependent conflicts in one bank, timed and untimed, and are the same
bytes everywhere: only ``integers``, ``random`` and ``permutation`` of ``numpy.random.Generator(PCG64(seed))``
and integer arithmetic decide them.  All lie in the first 2**24 lines: 1 GiB of 64-byte lines, or a whole
device of 512 MiB with 32-byte lines.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from workloads.trace import BLOCK_REQUESTS, Block, Int64Array, OpArray, Trace

LINES = 1 << 24


class PublicTrace(NamedTuple):
    """How a public trace is described and made."""

    title: str
    make: Callable[[str], Trace]  # from its name


def flat_digest(trace: Trace) -> str:
    """SHA-256 (hex) of the trace in its flat binary form, by which the public traces are identified.

    The form is ``DRTRACE1``, request count and window as uint64, and per request the arrival and
    ``line << 1 | write`` as uint64, all little-endian.
    """
    requests = trace.requests if trace.requests is not None else sum(b.requests for b in trace.blocks())
    digest = hashlib.sha256(struct.pack("<8sQQ", b"DRTRACE1", requests, trace.window))
    for block in trace.blocks():
        record = np.empty((block.requests, 2), "<u8")
        record[:, 0] = block.arrival
        record[:, 1] = block.line << 1 | (block.op == 1)
        digest.update(record.data)
    return digest.hexdigest()


def _by_index(
    requests: int, line: Callable[[Int64Array], Int64Array], op: Callable[[Int64Array], OpArray] | None = None
) -> Callable[[str], Trace]:
    """A trace whose request i follows from i alone, so that it need not be kept."""

    def source() -> Iterator[Block]:
        for first in range(0, requests, BLOCK_REQUESTS):
            i = np.arange(first, min(first + BLOCK_REQUESTS, requests), dtype=np.int64)
            ops = op(i) if op else np.zeros(i.size, np.int8)
            yield Block(np.zeros(i.size, np.int64), line(i) % LINES, ops, None)

    return lambda name: Trace(name, source, requests=requests)


def _drawn(
    line: Callable[[], Int64Array],
    write: Callable[[], OpArray] | None = None,
    arrival: Callable[[], Int64Array] | None = None,
    window: int = 0,
) -> Callable[[str], Trace]:
    """A trace of random columns, drawn whole when the trace is made (none has more than 400,000 requests)."""
    return lambda name: Trace.from_arrays(
        line(),
        write() if write else None,
        arrival=arrival() if arrival else None,
        window=window,
        name=name,
    )


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _three_arrays(i: Int64Array) -> Int64Array:
    """Element i // 3 of array i % 3; the arrays start 2**21 lines apart."""
    return i // 3 + (i % 3 << 21)


def _third_writes(i: Int64Array) -> OpArray:
    writes: OpArray = (i % 3 == 2).astype(np.int8)
    return writes


def _interleaved(column_bits: int) -> Callable[[Int64Array], Int64Array]:
    """Sequential data whose consecutive lines rotate over the two bits just above the column."""

    def line(i: Int64Array) -> Int64Array:
        group, rest = i & 3, i >> 2
        column, row = rest & ((1 << column_bits) - 1), rest >> column_bits
        return row << (column_bits + 2) | group << column_bits | column

    return line


def _uniform(requests: int, seed: int) -> Callable[[], Int64Array]:
    return lambda: _rng(seed).integers(0, LINES, requests, dtype=np.uint64).astype(np.int64)


def _writes(requests: int, seed: int, share: float) -> Callable[[], OpArray]:
    return lambda: (_rng(seed).random(requests) < share).astype(np.int8)


def _zipf_rows(requests: int, seed: int, alpha: float, rows: int, row_lines: int) -> Callable[[], Int64Array]:
    """Rows by a truncated Zipf law, scattered over the address space; the line inside is uniform."""

    def line() -> Int64Array:
        g = _rng(seed)
        cdf = np.cumsum(1.0 / np.power(np.arange(1, rows + 1, dtype=np.float64), alpha))
        cdf /= cdf[-1]
        place = g.permutation(LINES // row_lines)[:rows].astype(np.int64)
        row = np.searchsorted(cdf, g.random(requests))
        inside = g.integers(0, row_lines, requests, dtype=np.uint64).astype(np.int64)
        drawn: Int64Array = place[row] * row_lines + inside
        return drawn

    return line


def _one_bank(requests: int, seed: int, row_shift: int = 11) -> Callable[[], Int64Array]:
    """Random rows of one bank (bits below ``row_shift`` fixed, apart from two column bits)."""

    def line() -> Int64Array:
        g = _rng(seed)
        row = g.integers(0, LINES >> row_shift, requests, dtype=np.uint64).astype(np.int64)
        return row << row_shift | g.integers(0, 4, requests, dtype=np.uint64).astype(np.int64)

    return line


def _runs(runs: int, seed: int, length: int) -> Callable[[], Int64Array]:
    """Random starting points, ``length`` consecutive lines each."""

    def line() -> Int64Array:
        start = _rng(seed).integers(0, LINES - length, runs, dtype=np.uint64).astype(np.int64)
        return (start[:, None] + np.arange(length, dtype=np.int64)).ravel()

    return line


def _burst_arrivals(bursts: int, seed: int, length: int, low: int, high: int) -> Callable[[], Int64Array]:
    """``length`` requests at once, then a gap drawn uniformly from [low, high) cycles."""

    def arrival() -> Int64Array:
        gaps = _rng(seed).integers(low, high, bursts, dtype=np.uint64).astype(np.int64)
        return np.repeat(np.cumsum(gaps), length)

    return arrival


def _exponential_arrivals(requests: int, seed: int, mean: float) -> Callable[[], Int64Array]:
    """Gaps exponentially distributed, rounded down to whole cycles."""
    return lambda: np.cumsum(np.floor(-mean * np.log1p(-_rng(seed).random(requests))).astype(np.int64))


PUBLIC_TRACES: dict[str, PublicTrace] = {
    "stream_read": PublicTrace("500,000 reads of consecutive lines", _by_index(500_000, lambda i: i)),
    "stream_rw21": PublicTrace(
        "two arrays read and a third written, line by line, 600,000 requests",
        _by_index(600_000, _three_arrays, _third_writes),
    ),
    **{
        f"stream_ileave_c{bits}": PublicTrace(
            f"2,000,000 reads in turn over four bank groups, for {device} ({bits} column bits)",
            _by_index(2_000_000, _interleaved(bits)),
        )
        for bits, device in ((5, "HBM2"), (6, "GDDR6"), (7, "DDR4"))
    },
    "random_read": PublicTrace("300,000 reads of random lines", _drawn(_uniform(300_000, 11))),
    "random_rw30": PublicTrace(
        "300,000 requests to random lines, 30 % writes",
        _drawn(_uniform(300_000, 12), _writes(300_000, 13, 0.30)),
    ),
    "stride_33": PublicTrace("300,000 reads, every 33rd line", _by_index(300_000, lambda i: 5 + 33 * i)),
    "zipf_rw30": PublicTrace(
        "400,000 requests to 4096 rows of Zipf popularity (1.1), 30 % writes",
        _drawn(_zipf_rows(400_000, 21, 1.1, 4096, 128), _writes(400_000, 22, 0.30)),
    ),
    "chase_bank": PublicTrace(
        "100,000 dependent reads of random rows in one bank", _drawn(_one_bank(100_000, 31), window=1)
    ),
    "conflict_bank": PublicTrace(
        "100,000 independent reads of random rows in one bank", _drawn(_one_bank(100_000, 32))
    ),
    "burst_idle": PublicTrace(
        "8,000 bursts of 16 consecutive lines with idle gaps, 25 % writes",
        _drawn(_runs(8_000, 41, 16), _writes(128_000, 42, 0.25), _burst_arrivals(8_000, 43, 16, 100, 900)),
    ),
    "poisson_half": PublicTrace(
        "200,000 random requests, one every 24 cycles on average, 33 % writes",
        _drawn(_uniform(200_000, 51), _writes(200_000, 52, 0.33), _exponential_arrivals(200_000, 53, 24.0)),
    ),
    "sparse_idle": PublicTrace(
        "100,000 random requests, one every 400 cycles on average, 20 % writes",
        _drawn(_uniform(100_000, 61), _writes(100_000, 62, 0.20), _exponential_arrivals(100_000, 63, 400.0)),
    ),
}
