"""How long reads took: their distribution, since they arrived and since the controller accepted them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from plots.drawing import BLUE, INK, RED, Drawing, axes
from plots.labels import quantity, scale
from plots.recorded import NothingToDraw, Recorded, Run, Tables, of

WIDE = 24
"""Ratio of the longest to the shortest latency from which on the axis is logarithmic."""

PER_OCTAVE = 8
BINS = 96
IGNORED = 0.001
"""Share of the fastest reads that may fall off the logarithmic axis: few, but they can take half of it."""

_LAST = 0.7  # of one read: where the slowest one is drawn, as nothing is left then and has no logarithm
PERCENTILES = ("p50", "p95", "p99")
STYLES = {"arrival": (BLUE, "-", "o"), "accept": (RED, "--", "s")}
NAMES = {"arrival": "from arrival", "accept": "from acceptance"}


@dataclass(frozen=True)
class _Distribution:
    """Buckets [start, end) in cycles, ascending, with the reads in each."""

    since: str
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    reads: NDArray[np.int64]

    @property
    def total(self) -> int:
        return int(self.reads.sum())

    def quantile(self, share: float) -> int:
        """First cycle of the bucket that holds it."""
        return int(self.start[np.searchsorted(np.cumsum(self.reads), share * self.total)])


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """Density of read latencies above; below, how many of the reads were done after which time.

    The lower panel stretches the slowest reads: each step from p50 over p95, p99 and p99.9 is as high as
    their shares differ in logarithm.  The axis of latencies is logarithmic where the longest is more than 24
    times the shortest; the density is then one per eighth of a doubling, so that equal areas are equal
    numbers of reads in both cases.

    Raises:
        NothingToDraw: the run has no table ``latency``, or no reads.
    """
    recorded = of(run, tables)
    found = _distributions(recorded)
    shortest = min(d.quantile(IGNORED) for d in found)
    longest = max(int(d.end[-1]) - 1 for d in found)
    log = longest > WIDE * max(shortest, 1)
    period = recorded.cycle_seconds or 1.0
    divisor, unit = (1.0, "s") if log else scale(longest * period, "s")
    cycle = period / divisor
    with axes(5.4, 4.2, rows=2) as (figure, (above, below)):
        for distribution in found:
            _density(above, distribution, shortest, longest, cycle, log)
            _cumulative(below, distribution, recorded, cycle)
        above.set_ylabel("reads\n[% per ⅛ octave]" if log else f"reads\n[% per {unit}]")
        above.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2, fontsize=9, handlelength=2.2)
        _percentile_axis(below, max(d.total for d in found))
        below.set_xlabel("read latency" if log else f"read latency [{unit}]")
        _time_axis(below, shortest * cycle, (longest + 1) * cycle, log)
        figure.align_ylabels()
    return Drawing(
        "latency_distribution",
        "Read latency",
        _caption(recorded, found, period),
        figure,
        _data(found, period),
    )


def _distributions(recorded: Recorded) -> list[_Distribution]:
    table = recorded.table("latency")
    found = []
    for since in STYLES:
        rows = np.flatnonzero((table["since"] == since) & (table["reads"] > 0))
        rows = rows[np.argsort(table["from_cycles"][rows], kind="stable")]
        if len(rows):
            columns = (table[c][rows] for c in ("from_cycles", "to_cycles", "reads"))
            found.append(_Distribution(since, *columns))
    if not found:
        raise NothingToDraw("the run has no reads, and a write has no latency")
    return found


def _edges(shortest: int, longest: int, log: bool) -> NDArray[np.int64]:
    """Bin edges in whole cycles that no bucket of the table lies across: those are as wide or finer."""
    if not log:
        width = max(1, 2 ** math.ceil(math.log2((longest - shortest + 1) / BINS)))
        first = shortest // width * width
        return np.arange(first, longest + width + 1, width, dtype=np.int64)
    octaves = range(int(math.log2(max(shortest, 1))), int(math.log2(longest)) + 1)
    parts = [2**k + np.arange(PER_OCTAVE) * 2**k // PER_OCTAVE for k in octaves]
    return np.unique(np.append(np.concatenate(parts), 2 ** (octaves[-1] + 1)))


def _density(panel: Axes, given: _Distribution, shortest: int, longest: int, cycle: float, log: bool) -> None:
    edges = _edges(shortest, longest, log)
    middles = (given.start + given.end - 1) // 2
    counts, _ = np.histogram(middles, bins=edges, weights=given.reads)
    widths = PER_OCTAVE * np.log2(edges[1:] / edges[:-1]) if log else np.diff(edges) * cycle
    colour, line, _ = STYLES[given.since]
    density = 100 * counts / given.total / widths
    panel.stairs(density, edges * cycle, fill=True, color=colour, alpha=0.25)
    panel.stairs(density, edges * cycle, color=colour, linestyle=line, label=NAMES[given.since])


def _cumulative(panel: Axes, given: _Distribution, recorded: Recorded, cycle: float) -> None:
    colour, line, marker = STYLES[given.since]
    # A bucket's reads are done by its last cycle.
    left = 1.0 - np.cumsum(given.reads)[:-1] / given.total
    at = np.concatenate(([given.start[0]], given.end - 1)) * cycle
    shares = np.concatenate(([1.0], left, [_LAST / given.total]))
    panel.step(at, shares, where="post", color=colour, linestyle=line, linewidth=1.6)
    for name in PERCENTILES:
        value = recorded.report.metrics.get(f"latency_from_{given.since}.{name}")
        if value is not None:
            left_over = 1.0 - float(name[1:]) / 100
            panel.plot(
                [value * cycle], [left_over], marker, color=colour, markersize=5.5, markeredgecolor=INK
            )


def _percentile_axis(panel: Axes, reads: int) -> None:
    panel.set_yscale("log")
    panel.set_ylim(1.0, min(0.009, _LAST / reads))
    shown = {"p50": 0.5, "p95": 0.05, "p99": 0.01, "p99.9": 1e-3, "p99.99": 1e-4, "p99.999": 1e-5}
    kept = {name: left for name, left in shown.items() if left >= 0.009 or left * reads >= 1}
    panel.set_yticks([*kept.values()], [*kept], fontsize=9)
    panel.yaxis.set_minor_locator(NullLocator())
    panel.set_ylabel("percentile of reads")


def _time_axis(panel: Axes, lowest: float, highest: float, log: bool) -> None:
    if not log:
        margin = max(highest - lowest, highest * 0.02) * 0.04
        panel.set_xlim(max(0.0, lowest - margin), highest + margin)
        return
    panel.set_xscale("log")
    panel.set_xlim(lowest * 0.9, highest * 1.1)
    decades = math.log10(highest / lowest)
    panel.xaxis.set_major_locator(LogLocator(10, subs=(1.0,) if decades > 3 else (1.0, 3.0), numticks=9))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, "s")))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _caption(recorded: Recorded, found: list[_Distribution], period: float) -> str:
    parts = []
    for distribution in found:
        values = [
            (name, recorded.report.metrics.get(f"latency_from_{distribution.since}.{name}"))
            for name in PERCENTILES
        ]
        told = ", ".join(f"{name} {quantity(v * period, 's')}" for name, v in values if v is not None)
        parts.append(f"{NAMES[distribution.since]} {told}" if told else NAMES[distribution.since])
    reads = "1 read" if found[0].total == 1 else f"{found[0].total:,} reads"
    return f"{reads}; {'; '.join(parts)}. The points mark these."


def _data(found: list[_Distribution], period: float) -> dict[str, list[Any]]:
    return {
        "since": [d.since for d in found for _ in d.reads],
        "from [cycles]": [int(n) for d in found for n in d.start],
        "to [cycles]": [int(n) for d in found for n in d.end],
        "from [ns]": [float(n) * period * 1e9 for d in found for n in d.start],
        "reads": [int(n) for d in found for n in d.reads],
        "reads done": [float(n) for d in found for n in np.cumsum(d.reads) / d.total],
    }
