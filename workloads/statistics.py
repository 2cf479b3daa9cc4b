"""What a trace consists of, found in one pass."""

from typing import NamedTuple

import numpy as np

from arch.device import Memory
from workloads.arrival_rate import ArrivalCounts, ArrivalRate
from workloads.distinct import DistinctLines
from workloads.locality import Locality, RowLocality
from workloads.reuse import Reuse, ReuseDistances
from workloads.strides import Stride, StrideCounts
from workloads.trace import READ, WRITE, Trace


class TraceInfo(NamedTuple):
    """Figures of a trace."""

    name: str
    path: str | None
    requests: int
    reads: int
    writes: int
    others: int  # operations other than READ and WRITE
    read_share: float
    streams: int  # highest input stream + 1
    window: int  # 0: no limit
    timed: bool  # any arrival other than 0
    last_arrival: int  # memory clock cycles
    footprint_lines: int  # distinct lines
    footprint_exact: bool  # else an estimate, standard error 0.07 %
    reused_share: float  # share of requests to a line used before; exact if the footprint is
    lowest_line: int
    highest_line: int
    sequential_share: float  # share of requests whose line follows that of the request before
    digest: str  # sha256 of the content
    reuse: Reuse
    strides: tuple[Stride, ...]  # the most frequent
    arrivals: ArrivalRate | None  # None unless timed
    locality: Locality | None  # None unless a memory was given


def info(trace: Trace, memory: Memory | None = None) -> TraceInfo:
    """Reads the whole trace once, in blocks; needs below 400 MiB however long it is.

    Args:
        memory: adds how its address map spreads the requests over rows, banks and channels.

    Raises:
        InputError: whatever is wrong in the trace; a request outside ``memory``.
    """
    requests = reads = writes = sequential = 0
    last_arrival = highest_stream = highest_line = 0
    lowest_line = 2**63 - 1
    before = -2  # no line follows it
    distinct, reuse, strides, arrivals = DistinctLines(), ReuseDistances(), StrideCounts(), ArrivalCounts()
    locality = None if memory is None else RowLocality(memory)
    for block in trace.blocks():
        requests += block.requests
        reads += int((block.op == READ).sum())
        writes += int((block.op == WRITE).sum())
        last_arrival = max(last_arrival, int(block.arrival.max()))
        lowest_line = min(lowest_line, int(block.line.min()))
        highest_line = max(highest_line, int(block.line.max()))
        if block.stream is not None:
            highest_stream = max(highest_stream, int(block.stream.max()))
        sequential += int((np.diff(block.line, prepend=before) == 1).sum())
        before = int(block.line[-1])
        distinct.add(block.line)
        reuse.add(block.line)
        strides.add(block.line)
        arrivals.add(block.arrival)
        if locality is not None:
            locality.add(block, trace)
    footprint, exact = distinct.count()
    return TraceInfo(
        name=trace.name,
        path=trace.path,
        requests=requests,
        reads=reads,
        writes=writes,
        others=requests - reads - writes,
        read_share=reads / requests,
        streams=highest_stream + 1,
        window=trace.window,
        timed=last_arrival > 0,
        last_arrival=last_arrival,
        footprint_lines=footprint,
        footprint_exact=exact,
        reused_share=max(0.0, 1 - footprint / requests),
        lowest_line=lowest_line,
        highest_line=highest_line,
        sequential_share=sequential / requests,
        digest=trace.digest(),
        reuse=reuse.result(),
        strides=strides.most_frequent(),
        arrivals=arrivals.result() if last_arrival > 0 else None,
        locality=None if locality is None else locality.result(),
    )
