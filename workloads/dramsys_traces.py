"""The four request streams of ArchGym's DRAMGym, made when asked for.

Each is 10,000 reads of 64 B, one in every memory clock cycle (of 800 MHz in the original), so that requests
arrive faster than a DDR3-1600 memory can serve them.  Lines are transactions of 64 B; all lie within 1 GiB.

``stream`` is exactly the original.  The others are drawn anew, with the statistics that the originals have:

* ``random``: uniform lines.
* ``cloud_1``: stretches of consecutive lines in turn with stretches of uniform lines, the lengths multiples
  of 50; 99 stretches, the first one consecutive, 47.5 % of all steps to the next line.
* ``cloud_2``: the same, 113 stretches, the first one random, 49.9 % of all steps to the next line.

How long the stretches are is drawn uniformly among all ways to divide the requests: the lines of the
consecutive stretches, and those of the random ones, are cut at different multiples of 50.  Every
consecutive stretch starts at a uniform line.  The draws are those of ``numpy.random.Generator(PCG64(seed))``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workloads.trace import Int64Array, Trace

REQUESTS = 10_000
LINES = 1 << 24  # 1 GiB
_UNIT = 50  # requests; stretches are multiples of it


class DramsysTrace(NamedTuple):
    """A stream as listings show it, and its lines."""

    title: str
    lines: Callable[[], Int64Array]

    def make(self, name: str) -> Trace:
        """The trace under the name ``name``."""
        return Trace.from_arrays(self.lines(), arrival=np.arange(REQUESTS, dtype=np.int64), name=name)


def cloud_lines(seed: int, *, stretches: int, units: int, sequential_first: bool) -> Int64Array:
    """Lines of alternating stretches, shape (10,000,).

    Args:
        seed: of the draws.
        stretches: how many in all.
        units: how many times 50 requests lie in consecutive stretches.
        sequential_first: does a consecutive stretch come first?
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    first = (stretches + 1) // 2
    consecutive = first if sequential_first else stretches - first
    lengths = np.empty(stretches, np.int64)
    begin = 0 if sequential_first else 1
    lengths[begin::2] = _divided(rng, units, consecutive)
    lengths[1 - begin :: 2] = _divided(rng, REQUESTS // _UNIT - units, stretches - consecutive)
    parts = []
    for at, length in enumerate(lengths * _UNIT):
        if at % 2 == begin:
            start = rng.integers(0, LINES - length, dtype=np.int64, endpoint=True)
            parts.append(start + np.arange(length, dtype=np.int64))
        else:
            parts.append(rng.integers(0, LINES, length, dtype=np.int64))
    return np.concatenate(parts)


def _divided(rng: np.random.Generator, total: int, parts: int) -> Int64Array:
    """``total`` as ``parts`` positive whole numbers, each way to do so alike probable."""
    cuts = np.sort(rng.permutation(total - 1)[: parts - 1]) + 1
    return np.diff(np.concatenate([[0], cuts, [total]])).astype(np.int64)


def _random() -> Int64Array:
    return np.random.Generator(np.random.PCG64(71)).integers(0, LINES, REQUESTS, dtype=np.int64)


DRAMSYS_TRACES: dict[str, DramsysTrace] = {
    "dramsys_stream": DramsysTrace(
        "10,000 reads of consecutive lines, one a cycle", lambda: np.arange(REQUESTS, dtype=np.int64)
    ),
    "dramsys_random": DramsysTrace("10,000 reads of random lines, one a cycle", _random),
    "dramsys_cloud_1": DramsysTrace(
        "10,000 reads, one a cycle: consecutive and random stretches in turn, 47.5 % of steps consecutive",
        lambda: cloud_lines(72, stretches=99, units=96, sequential_first=True),
    ),
    "dramsys_cloud_2": DramsysTrace(
        "10,000 reads, one a cycle: random and consecutive stretches in turn, 49.9 % of steps consecutive",
        lambda: cloud_lines(73, stretches=113, units=101, sequential_first=False),
    ),
}
