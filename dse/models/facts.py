"""What is true of a memory's workload whatever the design, so that equivalent designs can be told.

``reads_only``
    Every request is of an operation that the memory queues as a read.

``saturating``
    The front end is never without a request before it has taken in the last one.  It takes in one request a
    cycle at most, in program order; so it is enough that request k (from 0) arrives no later than cycle k,
    while nothing limits the requests outstanding.  Only one stream in front of all channels counts as
    such.  (What the controller's own limits hold back waits at the front end.)
"""

import numpy as np

from arch.device import Memory
from workloads.trace import Trace


def facts_of(trace: Trace, memory: Memory) -> dict[str, bool]:
    """The facts of ``trace`` on ``memory``; the trace is read once."""
    reading = [op.code for op in memory.ops if op.queue == "read"]
    alone = memory.front_end.streams == 1 and (memory.channels == 1 or memory.front_end.mode == "shared")
    reads_only, early, at = True, True, 0
    for block in trace.blocks():
        reads_only &= bool(np.isin(block.op, reading).all())
        early &= bool((block.arrival <= at + np.arange(block.requests)).all())
        at += block.requests
    return {"reads_only": reads_only, "saturating": early and alone and trace.window == 0}
