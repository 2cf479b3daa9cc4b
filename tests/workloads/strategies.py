"""Hypothesis strategies for traces."""

import numpy as np
from hypothesis import strategies as st

from workloads.trace import Trace


@st.composite
def traces(draw: st.DrawFn, text_only: bool = False, timed_text: bool = False) -> Trace:
    """Short traces with any content that the columns can hold; ``text_only``: that text can hold;
    ``timed_text``: that text with time stamps can hold."""
    n = draw(st.integers(1, 40))
    # Below 2**57, so that byte addresses of 64-byte lines fit into 63 bits.
    line = draw(st.lists(st.integers(0, 2**57 - 1) | st.integers(0, 99), min_size=n, max_size=n))
    op = draw(st.lists(st.integers(0, 1 if text_only or timed_text else 5), min_size=n, max_size=n))
    if text_only:
        return Trace.from_arrays(line, op=op)
    if timed_text:
        stamp = st.integers(0, 2**32 - 1) | st.integers(0, 99)
        return Trace.from_arrays(line, op=op, arrival=draw(st.lists(stamp, min_size=n, max_size=n)))
    arrival = draw(st.none() | st.lists(st.integers(0, 2**63 - 1), min_size=n, max_size=n))
    stream = draw(st.none() | st.lists(st.integers(0, 2**15 - 1), min_size=n, max_size=n))
    window = draw(st.integers(0, 2**40))
    return Trace.from_arrays(
        np.array(line, np.uint64), op=op, arrival=arrival, stream=stream, window=window, name="drawn"
    )


def content(trace: Trace) -> tuple[list[int], list[int], list[int], list[int], int]:
    """All of a trace as plain values, to compare with ==."""
    block = trace.to_arrays()
    stream = [0] * block.requests if block.stream is None else block.stream.tolist()
    return block.arrival.tolist(), block.line.tolist(), block.op.tolist(), stream, trace.window
