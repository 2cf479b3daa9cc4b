"""Many memories under the same traces: a run that keeps what the runs before it have made.

:func:`run_point` gives what :func:`sim.dram.batch.run_batch` does, for one channel with one stream of
requests; everything else it hands on.  A trace is read and checked once, and the arrays that a run fills
are used again.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arch.device import Memory
from arch.remembering import by_identity
from sim.dram.batch import BatchResult, run_batch, warm_up
from sim.dram.channel import FOREVER, Channel
from sim.dram.layout import DONE_COLUMNS, LOG_COLUMNS, RECORDS_PER_CYCLE, S, Stop
from sim.dram.state import new_state
from sim.dram.tables import Tables, build
from sim.dram.tally import Latency, read_latencies
from workloads.trace import Trace

Ints = npt.NDArray[np.int64]

MOST_REQUESTS = 1 << 17
"""Longer traces are run block by block."""

_KEPT = 64  # memories and traces
_ARRIVALS = 1 << 44  # as many cycles as a batch accepts


@dataclass(frozen=True, eq=False)
class PointTrace:
    """A trace in memory with the extremes of its columns.  Arrays of shape (n,)."""

    arrival: Ints
    line: Ints
    op: npt.NDArray[np.int8]
    index: Ints
    counts: tuple[int, ...]  # of each operation code
    lines: tuple[int, int]
    arrivals: tuple[int, int]
    plain: bool  # all requests come from stream 0

    def fits(self, memory: Memory) -> bool:
        """Would a batch accept every request?  What it refuses it shall name itself."""
        return (
            self.plain
            and self.lines[0] >= 0
            and self.lines[1] < memory.total_lines
            and self.arrivals[0] >= 0
            and self.arrivals[1] < _ARRIVALS
            and len(self.counts) <= len(memory.ops)
        )


class Buffers(NamedTuple):
    """Arrays that a run fills; what they hold before it does not matter."""

    inputs: Ints
    done: Ints
    log: Ints
    latencies: Ints


def run_point(memory: Memory, trace: Trace) -> BatchResult:
    """Run ``trace`` to its end as :func:`~sim.dram.batch.run_batch` does, with the same result.

    ``kernel_cpu_seconds`` is not measured and 0.

    Raises:
        InputError: an address beyond the memory, an operation or stream that it does not have.
        SimulationStuckError: nothing moves any more.
    """
    prepared = _prepared(trace)
    alone = memory.channels == 1 and memory.front_end.streams == 1
    if prepared is None or not alone or not prepared.fits(memory):
        return run_batch(memory, trace)
    _warmed()
    capacity = 1 << max(prepared.line.size - 1, 1).bit_length()
    buffers = _buffers(capacity)
    channel = _Point(memory, _built(memory, buffers), trace.window, buffers)
    channel.push_many(prepared.arrival, prepared.line, prepared.op, prepared.index)
    channel.close()
    if channel.run(FOREVER, int(Stop.FINISHED)) != Stop.FINISHED:
        return run_batch(memory, trace)
    return channel.result(prepared)


class _Point(Channel):
    """A channel in arrays that were used before."""

    def __init__(self, memory: Memory, tables: Tables, window: int, buffers: Buffers) -> None:
        self.memory, self.tables, self.params = memory, tables, tables.params
        self.state = new_state(self.params, [window], log=False, completions=True)
        self.inputs, self.done, self.log, self.latencies = buffers

    def result(self, trace: PointTrace) -> BatchResult:
        end = self.end or 0
        accept, arrival = self.latencies
        reads = read_latencies(self.done, int(self.state[S.done]), self.params, accept, arrival)
        size = self.memory.organization.transaction_bytes
        counted = list(zip(self.memory.ops, trace.counts, strict=False))
        moved = {
            queue: size * sum(n for op, n in counted if op.queue == queue) for queue in ("read", "write")
        }
        by_op = dict.fromkeys((op.name for op in self.memory.ops), 0)
        return BatchResult(
            cycles=end,
            channels=(self.statistics(end),),
            requests=trace.line.size,
            requests_by_op=by_op | {op.name: n for op, n in counted},
            bytes_read=moved["read"],
            bytes_written=moved["write"],
            from_accept=_latency(accept[:reads]),
            from_arrival=_latency(arrival[:reads]),
            kernel_cpu_seconds=0.0,
            commands=None,
            request_table=None,
        )


def _latency(values: Ints) -> Latency:
    """As :class:`sim.dram.tally.LatencyTally` sums up, by sorting."""
    n = values.size
    if n == 0:
        return Latency(0, 0.0, 0, 0, 0, 0)
    total, longest = int(values.sum()), int(values.max())
    ordered = np.sort(values.astype(np.int32) if longest < 1 << 31 else values)
    p50, p95, p99 = (int(ordered[(n * percent + 99) // 100 - 1]) for percent in (50, 95, 99))
    return Latency(n, total / n, p50, p95, p99, longest)


@by_identity(lambda trace: (trace,), _KEPT)
def _prepared(trace: Trace) -> PointTrace | None:
    """The trace's requests; None if they are too many."""
    if trace.requests is None or trace.requests > MOST_REQUESTS:
        return None
    block = trace.to_arrays()
    return PointTrace(
        np.ascontiguousarray(block.arrival),
        np.ascontiguousarray(block.line),
        np.ascontiguousarray(block.op),
        np.arange(block.requests),
        tuple(np.bincount(block.op).tolist()),
        (int(block.line.min()), int(block.line.max())),
        (int(block.arrival.min()), int(block.arrival.max())),
        block.stream is None or not block.stream.any(),
    )


@by_identity(lambda memory, buffers: (memory, buffers), _KEPT)
def _built(memory: Memory, buffers: Buffers) -> Tables:
    return build(memory, buffers.inputs.shape[1])


@lru_cache(maxsize=1)
def _warmed() -> None:
    """Have the kernels compiled; they are the same for every memory of one channel."""
    warm_up()


@lru_cache(maxsize=4)
def _buffers(capacity: int) -> Buffers:
    """For up to ``capacity`` requests, a power of two."""
    return Buffers(
        np.zeros((1, capacity, 3), dtype=np.int64),
        np.zeros((capacity + 2 * RECORDS_PER_CYCLE, DONE_COLUMNS), dtype=np.int64),
        np.zeros((RECORDS_PER_CYCLE, LOG_COLUMNS), dtype=np.int64),
        np.empty((2, capacity + 2 * RECORDS_PER_CYCLE), dtype=np.int64),
    )
