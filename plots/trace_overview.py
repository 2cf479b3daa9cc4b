"""A memory trace at a glance: addresses, reuse, strides, arrivals, and where a memory puts it all."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from plots.drawing import BLUE, GREEN, INK, ORANGE, STYLE, Drawing
from workloads.density import Density
from workloads.locality import Locality
from workloads.reuse import Reuse
from workloads.statistics import TraceInfo

WIDTH, ROW_HEIGHT = 9.0, 2.9
ROUND = [1, 2, 5, 10]
"""Leading digits of numbers on axes."""

CLEAR = 1.18
"""Room above bars and lines for the text there, as a multiple of the highest."""


class Panel(NamedTuple):
    """One of the pictures: what draws it, and its numbers as rows of the table."""

    draw: Callable[[Figure, Axes], None]
    rows: Iterator[tuple[Any, ...]]


COLUMNS = ("panel", "from", "to", "line_from", "line_to", "value", "unit")
"""Each row: a panel, the range on its x axis (of lines, too, in the grid of addresses), and a number."""


def draw(info: TraceInfo, density: Density, name: str = "trace") -> Drawing:
    """Panels of what is known about a trace; those of arrivals and banks only if it is.

    Args:
        info: of a trace, with a memory or without.
        density: of the same trace.
        name: stem of the drawing's files.
    """
    panels = [_reuse_panel(info), _arrival_panel(info) if info.arrivals else _stride_panel(info)]
    if info.arrivals and info.locality:
        panels.append(_stride_panel(info))
    if info.locality:
        panels.append(_bank_panel(info.locality))
    if len(panels) == 3:
        panels.insert(2, panels.pop())
    addresses = _address_panel(info, density)
    with matplotlib.rc_context(STYLE):
        rows = 1 + (len(panels) + 1) // 2
        figure = Figure(figsize=(WIDTH, ROW_HEIGHT * rows), layout="constrained")
        grid = figure.add_gridspec(rows, 2)
        addresses.draw(figure, figure.add_subplot(grid[0, :]))
        for k, panel in enumerate(panels):
            alone = k == len(panels) - 1 and k % 2 == 0
            panel.draw(figure, figure.add_subplot(grid[1 + k // 2, slice(None) if alone else k % 2]))
    table = [row for panel in (addresses, *panels) for row in panel.rows]
    data = {column: [row[k] for row in table] for k, column in enumerate(COLUMNS)}
    return Drawing(name, f"The trace {info.name}", _caption(info), figure, data)


def _caption(info: TraceInfo) -> str:
    text = (
        f"{info.requests:,} requests, {info.read_share:.0%} of them reads, to {info.footprint_lines:,} "
        f"different lines; {info.reused_share:.0%} go to a line used before."
    )
    if not info.reuse.exact:
        text += f" Reuse distances are estimated from {info.reuse.followed_share:.3g} of the lines."
    if info.locality:
        text += (
            f" Under the address map of {info.locality.memory}, {info.locality.row_hit_share:.1%} of the "
            "requests go to the same row as the one before to their bank."
        )
    return text


def _address_panel(info: TraceInfo, density: Density) -> Panel:
    rows_shown = density.requests.shape[0]
    starts = density.region_starts()

    def draw(figure: Figure, axes: Axes) -> None:
        shown = np.ma.masked_equal(density.requests, 0)
        most = max(int(density.requests.max()), 2)
        y = np.arange(rows_shown + 1)
        # In SVG, tens of thousands of cells are better one image.
        mesh = axes.pcolormesh(density.request_edges, y, shown, norm=LogNorm(1, most), rasterized=True)
        axes.grid(False)
        axes.set(xlim=(0, info.requests), ylim=(0, rows_shown))
        gaps = {1: "", 2: "; a wide gap left out"}.get(len(starts), f"; {len(starts) - 1} wide gaps left out")
        axes.set_title(f"Lines, in order of the requests{gaps}", loc="left")
        axes.set_xlabel("request [1]")
        axes.set_ylabel("line [1]")
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
        ticks, lines = _line_ticks(density, starts)
        labels = [_short(line) for line in lines]
        exact = len(set(labels)) < len(labels)
        axes.set_yticks(ticks, [f"{line:,}" for line in lines] if exact else labels)
        for start in starts[1:]:
            axes.axhline(start, color=INK, linewidth=0.8, linestyle=(0, (6, 3)))
        bar = figure.colorbar(mesh, ax=axes, pad=0.01, fraction=0.04)
        bar.set_label("requests in a cell [1]")
        bar.outline.set_visible(False)

    def rows() -> Iterator[tuple[Any, ...]]:
        x = density.request_edges.tolist()
        low, high = density.line_from.tolist(), [last + 1 for last in density.line_last.tolist()]
        for j, i in zip(*np.nonzero(density.requests), strict=True):
            yield ("addresses", x[i], x[i + 1], low[j], high[j], int(density.requests[j, i]), "requests")

    return Panel(draw, rows())


def _line_ticks(density: Density, starts: list[int]) -> tuple[list[float], list[int]]:
    """Places on the axis and lines there: where each region begins, or round numbers if there is only one."""
    if len(starts) > 1:
        return [float(start) for start in starts], [int(density.line_from[start]) for start in starts]
    low, high = int(density.line_from[0]), int(density.line_last[-1]) + 1
    wanted = MaxNLocator(5, steps=ROUND, integer=True).tick_values(low, high)
    lines = [round(value) for value in wanted if low <= round(value) < high]
    return [(line - low) / (high - low) * density.line_from.size for line in lines], lines


def _reuse_panel(info: TraceInfo) -> Panel:
    reuse = info.reuse
    shares = _below(reuse, info.requests)

    def draw(figure: Figure, axes: Axes) -> None:
        axes.set_title("Reuse" + ("" if reuse.exact else " (estimate)"), loc="left")
        axes.set_xlabel("distance: other lines since the last use [1]")
        axes.set_ylabel("requests at most this far [%]")
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(FuncFormatter(_percent))
        if not shares:
            axes.set_xticks([])
            axes.text(0.5, 0.5, "no line is used twice", ha="center", transform=axes.transAxes)
            return
        axes.set_xscale("symlog", base=2, linthresh=1)
        highest = max(shares[-1][0], 2)
        axes.plot(
            [0, *(d for d, _ in shares)], [0, *(s for _, s in shares)], color=BLUE, drawstyle="steps-post"
        )
        powers = [0, *(1 << k for k in range(0, highest.bit_length() + 1, 1 + highest.bit_length() // 7))]
        axes.set_xticks(powers, [_binary(power) for power in powers])
        axes.set_xlim(0, highest * 1.3)  # after the ticks, which may widen it
        axes.minorticks_off()
        axes.axhline(shares[-1][1], color=INK, linewidth=0.8, linestyle=":")
        above = shares[-1][1] < 0.9
        first = 1 - shares[-1][1]
        text = f"{first:.1%} first uses" if first > 0.0005 else "hardly any first use"
        axes.annotate(
            text, (0.02, shares[-1][1]), xycoords=("axes fraction", "data"), xytext=(0, 4 if above else -4),
            textcoords="offset points", va="bottom" if above else "top",
        )  # fmt: skip

    def rows() -> Iterator[tuple[Any, ...]]:
        for bucket in reuse.histogram:
            yield ("reuse", bucket.from_lines, bucket.to_lines, "", "", bucket.requests, "requests")
        yield ("first uses", "", "", "", "", reuse.first_uses, "requests")

    return Panel(draw, rows())


def _below(reuse: Reuse, requests: int) -> list[tuple[int, float]]:
    """(distance, share of all requests that are reused at most that far)."""
    found, total = [], 0
    for bucket in reuse.histogram:
        total += bucket.requests
        found.append((bucket.to_lines - 1, total / requests))
    return found


def _arrival_panel(info: TraceInfo) -> Panel:
    rate = info.arrivals
    assert rate is not None
    edges = [min(k * rate.bin_cycles, info.last_arrival + 1) for k in range(len(rate.requests) + 1)]
    rates = [n / (b - a) for n, a, b in zip(rate.requests, edges, edges[1:], strict=False)]

    def draw(figure: Figure, axes: Axes) -> None:
        axes.stairs(rates, edges, fill=True, color=GREEN, alpha=0.45)
        axes.stairs(rates, edges, color=GREEN)
        axes.axhline(rate.mean, color=INK, linewidth=0.8, linestyle=":")
        axes.set(xlim=(0, edges[-1]), ylim=(0, max(rates) * CLEAR))
        axes.set_title(f"Arrivals: {rate.mean:.3g} per cycle on average", loc="left")
        axes.set_xlabel("arrival [memory clock cycles]")
        axes.set_ylabel("arrival rate [1/cycle]")
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=ROUND))

    def rows() -> Iterator[tuple[Any, ...]]:
        for a, b, share in zip(edges, edges[1:], rates, strict=False):
            yield ("arrivals", a, b, "", "", share, "requests/cycle")

    return Panel(draw, rows())


def _stride_panel(info: TraceInfo) -> Panel:
    strides = info.strides[:6]

    def draw(figure: Figure, axes: Axes) -> None:
        axes.set_title("Most frequent strides", loc="left")
        axes.set_xlabel("share of the requests [%]")
        axes.set_ylabel("stride [lines]")
        axes.grid(False, axis="y")
        axes.xaxis.set_major_formatter(FuncFormatter(_percent))
        if not strides:
            axes.set(xlim=(0, 1), yticks=[])
            axes.text(0.5, 0.5, "no stride is frequent", ha="center", transform=axes.transAxes)
            return
        places = range(len(strides))
        axes.barh(places, [s.share for s in strides], color=ORANGE, height=0.65)
        axes.set_yticks(places, [_signed(s.lines) for s in strides])
        axes.set(xlim=(0, strides[0].share * 1.3), ylim=(max(len(strides), 3) - 0.4, -0.6))
        for place, stride in zip(places, strides, strict=True):
            axes.annotate(
                f"{stride.share:.1%}", (stride.share, place), xytext=(4, 0),
                textcoords="offset points", va="center",
            )  # fmt: skip

    def rows() -> Iterator[tuple[Any, ...]]:
        for stride in info.strides:
            yield ("strides", stride.lines, stride.lines, "", "", stride.share, "share of requests")

    return Panel(draw, rows())


def _bank_panel(locality: Locality) -> Panel:
    total = sum(locality.requests_per_bank)
    banks = len(locality.requests_per_bank)
    all_ = [n / total for n in locality.requests_per_bank]
    hits = [n / total for n in locality.row_hits_per_bank]

    def draw(figure: Figure, axes: Axes) -> None:
        edges = np.arange(banks + 1) - 0.5
        axes.stairs(all_, edges, fill=True, color=ORANGE, alpha=0.55, label="another row", hatch="////")
        axes.stairs(hits, edges, fill=True, color=BLUE, label="row hit")
        axes.stairs(all_, edges, color=INK, linewidth=0.8)
        axes.axhline(1 / banks, color=INK, linewidth=0.8, linestyle=":", label="even")
        highest = max(all_)
        axes.set(xlim=(-0.5, banks - 0.5), ylim=(0, highest * 1.45))
        axes.set_title(f"Banks of {locality.memory}: {locality.row_hit_share:.1%} row hits", loc="left")
        axes.set_xlabel("bank [1]" if locality.channels == 1 else "bank, channel after channel [1]")
        axes.set_ylabel("share of the requests [%]")
        axes.set_yticks([tick for tick in axes.get_yticks() if tick <= highest * 1.1])
        axes.yaxis.set_major_formatter(FuncFormatter(_percent))
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 4, 8, 10]))
        axes.grid(False, axis="x")
        per_channel = banks // locality.channels
        for channel in range(1, locality.channels):
            axes.axvline(channel * per_channel - 0.5, ymax=0.8, color=INK, linewidth=0.5, alpha=0.5)
        axes.legend(loc="upper left", ncols=3, handlelength=1.4, columnspacing=1.0)

    def rows() -> Iterator[tuple[Any, ...]]:
        for k in range(banks):
            yield ("banks", k, k + 1, "", "", locality.requests_per_bank[k], "requests")
        for k in range(banks):
            yield ("row hits", k, k + 1, "", "", locality.row_hits_per_bank[k], "requests")

    return Panel(draw, rows())


def _signed(lines: int) -> str:
    return "0" if lines == 0 else f"{lines:+,}" if abs(lines) < 10**7 else f"{lines:+.2e}"


def _percent(value: float, position: int | None = None) -> str:
    return f"{100 * value:.3g}"


def _binary(power: int) -> str:
    """A power of two: 512, 4Ki, 32Ki."""
    for bits, letters in ((40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")):
        if power >> bits:
            return f"{power >> bits}{letters}"
    return str(power)


def _short(value: float, position: int | None = None) -> str:
    """1,500,000 as 1.5M: numbers on axes, in powers of a thousand."""
    for power, letter in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if abs(value) >= 10**power and abs(value) < 10 ** (power + 3):
            return f"{value / 10**power:.3g}{letter}"
    return f"{value:.3g}"
