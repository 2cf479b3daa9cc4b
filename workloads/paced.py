"""Request streams that arrive at a given rate, laid out for a given memory.

Patterns:

* ``interleaved``: consecutive requests go to channels in turn, then to bank groups in turn, then along the
  columns of the open rows, then to the next bank, rank and row.  This is the order in which a memory can
  reach its peak whatever its address map, which is inverted for it, hashes included;
* ``stream``: consecutive lines, in whatever order the address map lays them;
* ``random``: lines drawn uniformly from the whole memory.

Lines are taken round the memory where it has fewer than there are requests.  Random numbers come from
``numpy.random.Generator(PCG64([seed, k]))``, k = 0 lines, 1 operations, 2 arrivals.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final, Literal

import numpy as np

from arch.device import Memory
from arch.errors import InputError, unknown
from workloads.address_vectors import FIELDS, AddressVectors
from workloads.trace import BLOCK_REQUESTS, Block, Int64Array, OpArray, Trace

PATTERNS: Final = ("interleaved", "stream", "random")
ARRIVALS: Final = ("poisson", "constant")
MOST_REQUESTS = 10**9
FINEST = 10**6
"""Rates are rounded to fractions with denominators up to this, so that arrivals stay exact in 64 bits."""

# From the field that changes with every request to the one that changes least often.  Ranks change late:
# handing the data bus over costs cycles.
_ORDER: Final = ("channel", "group", "column", "bank", "rank", "row")

_Draw = Callable[[int, int], Int64Array]  # values of requests [first, first + count), called in order


def paced(
    memory: Memory,
    *,
    pattern: str = "interleaved",
    rate: Fraction | float | None = None,
    requests: int = 200_000,
    arrivals: str = "poisson",
    read_share: float = 1.0,
    seed: int = 0,
    window: int = 0,
) -> Trace:
    """Requests for ``memory`` in one of the :data:`PATTERNS`.

    Args:
        rate: requests per memory clock cycle, of all channels together; None for all at once, in cycle 0.
        requests: how many.
        arrivals: ``constant``, evenly spaced; ``poisson``, with independent exponential gaps.  Both fall on
            whole cycles, rounded down.
        read_share: the probability that a request is a read, 0 to 1; the others are writes.
        window: most reads outstanding at a time, 0 for no limit.

    Raises:
        InputError: unknown pattern or kind of arrivals, or a value out of range.
    """
    if pattern not in PATTERNS:
        raise InputError(unknown("pattern", pattern, PATTERNS), field="pattern", accepted=PATTERNS)
    if arrivals not in ARRIVALS:
        raise InputError(unknown("arrivals", arrivals, ARRIVALS), field="arrivals", accepted=ARRIVALS)
    _check("requests", requests, 1, MOST_REQUESTS)
    _check("read_share", read_share, 0, 1)
    _check("seed", seed, 0, 2**63 - 1)
    pace: Fraction | None = None
    if rate is not None:
        _check("rate", rate, 1 / FINEST, FINEST)
        pace = Fraction(rate).limit_denominator(FINEST)

    def source() -> Iterator[Block]:
        line = _lines(memory, pattern, seed)
        arrival = _arrivals(arrivals, pace, seed)
        op = _operations(read_share, seed)
        for first in range(0, requests, BLOCK_REQUESTS):
            count = min(BLOCK_REQUESTS, requests - first)
            yield Block(arrival(first, count), line(first, count), op(count), None)

    shown = "" if pace is None else f", {float(pace):.4g} a cycle, {arrivals}"
    name = f"{pattern}({read_share:.4g} reads{shown}, seed {seed})"
    return Trace(name, source, window=window, requests=requests)


def interleaved_lines(vectors: AddressVectors, first: int, count: int) -> Int64Array:
    """Lines of the pattern ``interleaved``, requests [first, first + count), shape (count,).

    Args:
        vectors: of the memory, counting whole transactions.
    """
    number = np.arange(first, first + count, dtype=np.int64) % vectors.memory.total_lines
    fields = {}
    for name in _ORDER:
        size = vectors.sizes[name]  # a power of two
        fields[name] = number % size
        number //= size
    return vectors.lines(np.stack([fields[name] for name in FIELDS], axis=1))


def _lines(memory: Memory, pattern: str, seed: int) -> _Draw:
    total = memory.total_lines
    if pattern == "random":
        g = _rng(seed, 0)
        return lambda first, count: g.integers(0, total, count, dtype=np.int64)
    if pattern == "stream":
        return lambda first, count: np.arange(first, first + count, dtype=np.int64) % total
    vectors = AddressVectors(memory)
    return lambda first, count: interleaved_lines(vectors, first, count)


def _arrivals(kind: str, rate: Fraction | None, seed: int) -> _Draw:
    if rate is None:
        return lambda first, count: np.zeros(count, np.int64)
    if kind == "constant":
        cycles, each = rate.denominator, rate.numerator
        return lambda first, count: np.arange(first, first + count, dtype=np.int64) * cycles // each
    g = _rng(seed, 2)
    mean = float(1 / rate)
    now = 0.0

    def draw(first: int, count: int) -> Int64Array:
        # Only the sums are rounded: rounded gaps would change the rate where they are short.
        nonlocal now
        at = now + np.cumsum(-mean * np.log1p(-g.random(count)))
        now = float(at[-1])
        return at.astype(np.int64)

    return draw


def _operations(read_share: float, seed: int) -> Callable[[int], OpArray]:
    if read_share in (0, 1):
        op = np.int8(1 - read_share)
        return lambda count: np.full(count, op)
    g = _rng(seed, 1)
    return lambda count: (g.random(count) >= read_share).astype(np.int8)


def _rng(seed: int, part: Literal[0, 1, 2]) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, part]))


def _check(field: str, value: float | Fraction, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError("", field=field, given=value, accepted=f"{low} to {high}")
