"""Rooflines: performance against intensity, under slanted and flat ceilings.

:func:`draw` is for any machine; :func:`draw_row_locality` is the one of a DRAM memory, where what is paid
for is the activate and what comes back are column accesses.
"""

from collections.abc import Mapping, Sequence
from math import atan2, degrees
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes

from plots.drawing import COLOURS, INK, Drawing, axes
from sim.dram.limits import columns_per_activate

if TYPE_CHECKING:
    from sim.dram.limits import Limits
    from sim.report import Report

_MARKERS = "osD^vP*X"
_STYLES = ("-", "--", ":", "-.")
_NEAR = 1.8
"""Ratio of slopes below which the names of two lines would run into each other."""


class Point(NamedTuple):
    """A workload: ``intensity`` in units of the x axis, ``performance`` in units of the y axis."""

    name: str
    intensity: float
    performance: float


class Ceiling(NamedTuple):
    """A limit: performance ``value``, or ``value`` times the intensity if it is slanted."""

    name: str
    value: float
    slanted: bool


def draw(
    points: Sequence[Point],
    ceilings: Sequence[Ceiling],
    *,
    intensity: str,
    performance: str,
    name: str = "roofline",
    title: str = "Roofline",
    caption: str = "",
) -> Drawing:
    """Points under ceilings, both axes logarithmic.

    Args:
        points: intensities and performances above 0.
        ceilings: at least one, values above 0.
        intensity, performance: labels of the axes, with units in square brackets; also columns of the data.

    Raises:
        ValueError: no ceiling, or a value that a logarithmic axis cannot show.
    """
    values = [p.intensity for p in points] + [p.performance for p in points] + [c.value for c in ceilings]
    if not ceilings or min(values) <= 0:
        raise ValueError("a roofline needs ceilings, and values above 0")
    left, right, low, high = _extent(points, ceilings)
    with axes(7.2, 4.2) as (figure, (panel,)):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlim(left, right)
        panel.set_ylim(low, high)
        _draw_ceilings(panel, ceilings, left, right)
        for k, point in enumerate(points):
            panel.plot(
                [point.intensity], [point.performance], linestyle="", markersize=7,
                marker=_MARKERS[k % len(_MARKERS)], color=COLOURS[k % len(COLOURS)], label=point.name,
            )  # fmt: skip
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.set_xlabel(intensity)
        panel.set_ylabel(performance)
        if points:
            panel.legend(loc="lower right", fontsize=8.5)
    data: dict[str, list[Any]] = {
        "point": [p.name for p in points],
        intensity: [p.intensity for p in points],
        performance: [p.performance for p in points],
    }
    for ceiling in ceilings:
        reached = [ceiling.value * (p.intensity if ceiling.slanted else 1) for p in points]
        data[f"under {ceiling.name}"] = reached
    return Drawing(name, title, caption, figure, data)


def _extent(points: Sequence[Point], ceilings: Sequence[Ceiling]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of the axes: all points, and the ridge where two kinds of ceilings meet."""
    flat = [c.value for c in ceilings if not c.slanted]
    slanted = [c.value for c in ceilings if c.slanted]
    ridges = [max(flat) / value for value in slanted] if flat else []
    x = [p.intensity for p in points] + ridges or [1.0]
    left, right = min(x) / 4, max(x) * 8
    y = [p.performance for p in points] + flat + [value * left for value in slanted]
    return left, right, min(y) / 1.6, max(y) * 1.8


def _draw_ceilings(panel: Axes, ceilings: Sequence[Ceiling], left: float, right: float) -> None:
    """Lines that end where they meet the outermost of the other kind, each named along itself."""
    flat = [c.value for c in ceilings if not c.slanted]
    slanted = [c.value for c in ceilings if c.slanted]
    for k, ceiling in enumerate(ceilings):
        line: Any = {"color": INK, "linestyle": _STYLES[k % len(_STYLES)], "linewidth": 1.3}
        if ceiling.slanted:
            end = min(right, max(flat) / ceiling.value) if flat else right
            panel.plot([left, end], [ceiling.value * left, ceiling.value * end], **line)
            x = left * (end / left) ** 0.06
            # Of two lines that lie close together the lower one has its name below.
            below = any(1 < other / ceiling.value < _NEAR for other in slanted)
            side: Any = {"va": "top" if below else "bottom"}
            # The angle that the line has at this place; matplotlib turns it into the one on the paper.
            panel.text(
                x, ceiling.value * x * (0.88 if below else 1.1), ceiling.name, fontsize=8, **side,
                rotation_mode="anchor",
                rotation=degrees(atan2(ceiling.value * x, x)), transform_rotates_text=True,
            )  # fmt: skip
        else:
            begin = max(left, ceiling.value / max(slanted)) if slanted else left
            panel.plot([begin, right], [ceiling.value] * 2, **line)
            below = any(other > ceiling.value for other in flat)
            panel.annotate(
                ceiling.name, (right, ceiling.value), xytext=(-4, -2 if below else 2), ha="right",
                va="top" if below else "bottom", textcoords="offset points", fontsize=8,
            )  # fmt: skip


def draw_row_locality(points: Sequence[Point], limits: "Limits") -> Drawing:
    """Bandwidth of a memory against column accesses per activate.

    Args:
        points: intensities in column accesses per activate, performances in bytes per second.
        limits: of the memory, see :func:`sim.dram.limits.limits`.
    """
    gigabytes = [Point(p.name, p.intensity, p.performance / 1e9) for p in points]
    left = limits.channel.available
    share = limits.transaction_bytes * limits.channels / limits.clock_period * left
    ceilings = [
        Ceiling("activates, all banks", float(share / limits.channel.activate_interval) / 1e9, True),
        Ceiling("activates, one bank", float(share / limits.channel.row_cycle) / 1e9, True),
        Ceiling("theoretical peak", float(limits.peak) / 1e9, False),
    ]
    if limits.refresh_limited is not None:
        ceilings.append(Ceiling("refresh-limited peak", float(limits.refresh_limited) / 1e9, False))
    if limits.front_end < limits.peak:
        ceilings.append(Ceiling("front end", float(limits.front_end) / 1e9, False))
    return draw(
        gigabytes,
        ceilings,
        intensity="column accesses per activate",
        performance="bandwidth [GB/s]",
        name="row_locality",
        title="Row locality and bandwidth",
        caption="An activate opens a row, and each column access to it moves data. Where there are few of"
        " them an activate, the rate of activates bounds the bandwidth (slanted): of all banks or, where"
        " every request goes to the same one, of one bank. Elsewhere the data bus does (flat).",
    )


def row_locality_points(reports: Mapping[str, "Report"], activate: str) -> list[Point]:
    """Reports of a memory by name, as points for :func:`draw_row_locality`; without activates, no point.

    ``activate``: name of the activate command (``Limits.activate``).
    """
    points = []
    for name, report in reports.items():
        locality, bandwidth = columns_per_activate(report.metrics, activate), report.metrics["bandwidth"]
        if locality and bandwidth:
            points.append(Point(name, locality, float(bandwidth)))
    return points
