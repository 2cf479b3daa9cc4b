"""Synthetic request streams: access patterns with parameters and a seed, made while they are read.

Every generator takes, besides what its pattern needs,

* ``requests``: how many;
* ``footprint``: the lines it may touch are 0 to footprint - 1 (a line is one transaction of the memory);
* ``write_share``: the probability that a request is a write, 0 to 1;
* ``seed``: of ``numpy.random.Generator(PCG64([seed, k]))``, k = 0 lines, 1 operations, 2 arrivals;
* ``window``: most requests outstanding at a time, 0 for no limit.

The same arguments give the same requests whatever the block size.  Nothing is kept in memory beyond the
block in work.
"""

import inspect
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Literal, NamedTuple

import numpy as np

from arch.errors import InputError, unknown
from workloads.trace import BLOCK_REQUESTS, Block, Int64Array, OpArray, Trace

MOST_REQUESTS = 10**9
MOST_LINES = 2**48

Draw = Callable[[int, int], Int64Array]
"""Values of requests [first, first + count); called in order, so it may carry a random state along."""


class GeneratorEntry(NamedTuple):
    """A generator as listings show it."""

    kind: str
    title: str
    parameters: dict[str, object]  # defaults by name


def generate(kind: str, **parameters: object) -> Trace:
    """The trace of generator ``kind``; see :func:`generators` for kinds and parameters.

    Raises:
        InputError: unknown kind or parameter, or a value of the wrong type or out of range.
    """
    if kind not in GENERATORS:
        raise InputError(unknown("generator", kind, GENERATORS), given=kind, accepted=list(GENERATORS))
    make = GENERATORS[kind]
    known = _defaults(make)
    for key, value in parameters.items():
        if key not in known:
            raise InputError(unknown("parameter", key, known), field=f"{kind}.{key}", accepted=list(known))
        _check_type(f"{kind}.{key}", value, known[key])
    try:
        trace = make(**parameters)
    except InputError as error:
        error.field = f"{kind}.{error.field}"
        raise
    if parameters:
        trace.name = f"{kind}({', '.join(f'{key}={value}' for key, value in parameters.items())})"
    return trace


def generators() -> list[GeneratorEntry]:
    """All generators with their parameters and defaults."""
    return [
        GeneratorEntry(kind, (inspect.getdoc(make) or "").partition("\n")[0], _defaults(make))
        for kind, make in GENERATORS.items()
    ]


def stream(
    *,
    requests: int = 500_000,
    footprint: int = 1 << 24,
    start: int = 0,
    write_share: float = 0.0,
    seed: int = 0,
    window: int = 0,
) -> Trace:
    """Consecutive lines from ``start`` on, round the footprint."""
    return stride(
        requests=requests, stride=1, footprint=footprint, start=start, write_share=write_share, seed=seed,
        window=window, name="stream",
    )  # fmt: skip


def stride(
    *,
    requests: int = 300_000,
    stride: int = 33,
    footprint: int = 1 << 24,
    start: int = 0,
    write_share: float = 0.0,
    seed: int = 0,
    window: int = 0,
    name: str = "stride",
) -> Trace:
    """Every ``stride``-th line from ``start`` on, round the footprint; strides may be negative."""
    _check_common(requests, footprint, write_share, seed)
    _check("start", start, 0, footprint - 1)
    _check("stride", stride, -MOST_LINES, MOST_LINES)
    # Modulo the footprint first: the product then stays far below 2**63 for any number of requests.
    step = stride % footprint

    def lines() -> Draw:
        def draw(first: int, count: int) -> Int64Array:
            begin = (start + step * first) % footprint  # Python integers: exact
            if step * count < 2**62:
                return (begin + step * np.arange(count, dtype=np.int64)) % footprint
            return np.array([(begin + step * i) % footprint for i in range(count)], np.int64)

        return draw

    return _trace(name, requests, lines, write_share, seed, window)


def random(
    *,
    requests: int = 300_000,
    footprint: int = 1 << 24,
    write_share: float = 0.0,
    seed: int = 0,
    window: int = 0,
) -> Trace:
    """Lines drawn uniformly from the footprint."""
    _check_common(requests, footprint, write_share, seed)
    return _trace("random", requests, lambda: _uniform(seed, footprint), write_share, seed, window)


def zipf(
    *,
    requests: int = 400_000,
    alpha: float = 1.1,
    blocks: int = 4096,
    block_lines: int = 128,
    footprint: int = 1 << 24,
    write_share: float = 0.3,
    seed: int = 0,
    window: int = 0,
) -> Trace:
    """A few hot blocks and many cold ones: block k of ``blocks`` drawn with probability ~ 1 / k**alpha.

    The blocks, ``block_lines`` lines each, lie scattered over the footprint; lines inside are drawn
    uniformly.
    """
    _check_common(requests, footprint, write_share, seed)
    _check("alpha", alpha, 0, 10)
    _check("block_lines", block_lines, 1, footprint)
    _check("blocks", blocks, 1, min(footprint // block_lines, 1 << 22))

    def lines() -> Draw:
        g = _rng(seed, 0)
        cdf = np.cumsum(1.0 / np.power(np.arange(1, blocks + 1, dtype=np.float64), alpha))
        cdf /= cdf[-1]
        place = g.choice(footprint // block_lines, blocks, replace=False).astype(np.int64)

        def draw(first: int, count: int) -> Int64Array:
            hot = np.searchsorted(cdf, g.random(count))
            inside = g.integers(0, block_lines, count, dtype=np.int64)
            drawn: Int64Array = place[hot] * block_lines + inside
            return drawn

        return draw

    return _trace("zipf", requests, lines, write_share, seed, window)


def chase(
    *,
    requests: int = 100_000,
    pattern: str = "uniform",
    row_lines: int = 2048,
    footprint: int = 1 << 24,
    write_share: float = 0.0,
    seed: int = 0,
    window: int = 1,
) -> Trace:
    """A pointer chase: each request waits for the one before (window 1).

    ``pattern``: ``uniform``, any line of the footprint; ``same_bank``, a random multiple of ``row_lines``
    each time.  With ``row_lines`` the distance in lines between neighbouring rows of a bank (2048 for
    ddr4_2400 as mapped in the library), that is always another row of one and the same bank.
    """
    _check_common(requests, footprint, write_share, seed)
    _check("row_lines", row_lines, 1, footprint)
    if pattern not in ("uniform", "same_bank"):
        raise InputError("", field="pattern", given=pattern, accepted=("uniform", "same_bank"))

    def lines() -> Draw:
        if pattern == "uniform":
            return _uniform(seed, footprint)
        rows = _uniform(seed, footprint // row_lines)
        return lambda first, count: rows(first, count) * row_lines

    return _trace("chase", requests, lines, write_share, seed, window)


def bursts(
    *,
    requests: int = 128_000,
    length: int = 16,
    gap_low: int = 100,
    gap_high: int = 900,
    footprint: int = 1 << 24,
    write_share: float = 0.25,
    seed: int = 0,
    window: int = 0,
) -> Trace:
    """Bursts of ``length`` consecutive lines that arrive at once, with idle time between them.

    Bursts start at random lines; from the arrival of one to that of the next pass ``gap_low`` to
    ``gap_high`` memory clock cycles, drawn uniformly.
    """
    _check_common(requests, footprint, write_share, seed)
    _check("length", length, 1, min(footprint, 1 << 20))
    _check("gap_low", gap_low, 0, 10**9)
    _check("gap_high", gap_high, gap_low, 10**9)
    per_chunk = max(1, BLOCK_REQUESTS // length)

    def source() -> Iterator[Block]:
        starts, gaps = _rng(seed, 0), _rng(seed, 2)
        operations = _operations(seed, write_share)
        now = 0
        for first in range(0, requests, per_chunk * length):
            start = starts.integers(0, footprint - length, per_chunk, dtype=np.int64, endpoint=True)
            gap = gaps.integers(gap_low, gap_high, per_chunk, dtype=np.int64, endpoint=True)
            arrival = now + np.cumsum(gap)
            now = int(arrival[-1])
            line = (start[:, None] + np.arange(length, dtype=np.int64)).ravel()
            count = min(line.size, requests - first)
            yield Block(np.repeat(arrival, length)[:count], line[:count], operations(count), None)

    return Trace("bursts", source, window=window, requests=requests)


def poisson(
    *,
    requests: int = 200_000,
    mean_gap: float = 24.0,
    footprint: int = 1 << 24,
    write_share: float = 0.33,
    seed: int = 0,
    window: int = 0,
) -> Trace:
    """Random lines that arrive one by one, ``mean_gap`` memory clock cycles apart on average.

    Gaps are exponentially distributed and rounded to the nearest cycle.
    """
    _check_common(requests, footprint, write_share, seed)
    _check("mean_gap", mean_gap, 0, 10**8)

    def arrivals() -> Draw:
        g = _rng(seed, 2)
        now = 0

        def draw(first: int, count: int) -> Int64Array:
            nonlocal now
            gaps = np.rint(-mean_gap * np.log1p(-g.random(count))).astype(np.int64)
            arrival: Int64Array = now + np.cumsum(gaps)
            now = int(arrival[-1])
            return arrival

        return draw

    return _trace("poisson", requests, lambda: _uniform(seed, footprint), write_share, seed, window, arrivals)


GENERATORS: dict[str, Callable[..., Trace]] = {
    "stream": stream,
    "stride": stride,
    "random": random,
    "zipf": zipf,
    "chase": chase,
    "bursts": bursts,
    "poisson": poisson,
}


def _trace(
    name: str,
    requests: int,
    lines: Callable[[], Draw],
    write_share: float,
    seed: int,
    window: int,
    arrivals: Callable[[], Draw] | None = None,
) -> Trace:
    def source() -> Iterator[Block]:
        draw_line, operations = lines(), _operations(seed, write_share)
        draw_arrival = arrivals() if arrivals else _always_zero
        for first in range(0, requests, BLOCK_REQUESTS):
            count = min(BLOCK_REQUESTS, requests - first)
            yield Block(draw_arrival(first, count), draw_line(first, count), operations(count), None)

    return Trace(name, source, window=window, requests=requests)


def _always_zero(first: int, count: int) -> Int64Array:
    return np.zeros(count, np.int64)


def _rng(seed: int, part: Literal[0, 1, 2]) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, part]))


def _uniform(seed: int, lines: int) -> Draw:
    g = _rng(seed, 0)
    return lambda first, count: g.integers(0, lines, count, dtype=np.int64)


def _operations(seed: int, write_share: float) -> Callable[[int], OpArray]:
    if write_share == 0:
        return lambda count: np.zeros(count, np.int8)
    g = _rng(seed, 1)
    return lambda count: (g.random(count) < write_share).astype(np.int8)


def _check_common(requests: int, footprint: int, write_share: float, seed: int) -> None:
    _check("requests", requests, 1, MOST_REQUESTS)
    _check("footprint", footprint, 1, MOST_LINES)
    _check("write_share", write_share, 0, 1)
    _check("seed", seed, 0, 2**63 - 1)


def _check(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError("", field=field, given=value, accepted=f"{low} to {high}")


def _check_type(field: str, value: object, default: object) -> None:
    wanted = {int: "an integer", float: "a number", str: "a word"}[type(default)]
    right = {int: int, float: Real, str: str}[type(default)]
    if isinstance(value, bool) or not isinstance(value, right):
        raise InputError("", field=field, given=value, accepted=wanted)


def _defaults(make: Callable[..., Trace]) -> dict[str, object]:
    parameters = inspect.signature(make).parameters
    return {key: parameter.default for key, parameter in parameters.items() if key != "name"}
