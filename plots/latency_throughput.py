"""Latency–throughput curves: read latency from arrival against achieved bandwidth, and the limits of both."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from plots.drawing import COLOURS, INK, Drawing, axes

_MARKERS = "osD^vP*"
_STYLES = ("--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)))
_LOG_FROM = 12.0
"""Above this ratio of the largest to the smallest latency their axis is logarithmic."""


class Point(NamedTuple):
    """One run: bandwidths in bytes per second, latencies from arrival in nanoseconds.

    ``offered`` is None where all requests were there from the beginning; latencies are None where the
    memory is saturated, since they then grow as long as the trace.
    """

    offered: float | None
    achieved: float
    mean: float | None
    p50: float | None
    p99: float | None
    saturated: bool


class Series(NamedTuple):
    """A curve.

    ``ceilings``: bandwidth limits in bytes per second, ``unloaded``: latencies of a lone read in
    nanoseconds, both by name.
    """

    name: str
    points: Sequence[Point]
    ceilings: Mapping[str, float] = {}
    unloaded: Mapping[str, float] = {}


def draw(curves: Sequence[Series], *, title: str | None = None) -> Drawing:
    """One curve or several, each with mean, band from p50 to p99, and limits.

    Args:
        curves: at least one, of at least one point each; different names.
        title: of the drawing; otherwise made of the names.

    Raises:
        ValueError: no curves, or one without points.
    """
    if not curves or not all(curve.points for curve in curves):
        raise ValueError("a latency-throughput drawing needs curves, and each of them points")
    with axes(7.2, 4.2) as (figure, (panel,)):
        latencies = [f for c in curves for p in c.points for f in (p.mean, p.p50, p.p99) if f is not None]
        latencies += [ns for c in curves for ns in c.unloaded.values()]
        _scales(panel, curves, latencies)
        for k, curve in enumerate(curves):
            _draw_curve(panel, curve, COLOURS[k % len(COLOURS)], _MARKERS[k % len(_MARKERS)])
        _draw_limits(panel, curves)
        panel.set_xlabel("achieved bandwidth [GB/s]")
        panel.set_ylabel("read latency from arrival [ns]")
        _legend(panel, curves)
    names = "; ".join(curve.name for curve in curves)
    return Drawing(
        name="latency_throughput",
        title=title or f"Latency and throughput: {names}",
        caption="Read latency from the arrival of the request to the return of its data, against the"
        " bandwidth achieved: mean, and band from median to 99th percentile. Marks at the upper edge: more was"
        " offered than the memory takes; latency then grows as long as requests keep coming, and none is shown.",
        figure=figure,
        data=_data(curves),
    )


def _scales(panel: Axes, curves: Sequence[Series], latencies: Sequence[float]) -> None:
    right = max(b for c in curves for b in (*c.ceilings.values(), *(p.achieved for p in c.points))) / 1e9
    panel.set_xlim(0, right * 1.04)
    if not latencies:
        return
    low, high = min(latencies), max(latencies)
    if high > _LOG_FROM * low:
        panel.set_yscale("log")
        # Room below for the names of the limits and above for the marks of saturated points.
        panel.set_ylim(low / (high / low) ** 0.12, high * (high / low) ** 0.15)
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    else:
        panel.set_ylim(0, high * 1.15)


def _draw_curve(panel: Axes, curve: Series, colour: str, marker: str) -> None:
    stable = sorted(
        (p for p in curve.points if not p.saturated and p.mean is not None), key=lambda p: p.achieved
    )
    x = [p.achieved / 1e9 for p in stable]
    panel.fill_between(
        x, [p.p50 or 0 for p in stable], [p.p99 or 0 for p in stable], color=colour, alpha=0.18, linewidth=0
    )
    panel.plot(x, [p.mean or 0 for p in stable], color=colour, marker=marker, markersize=4.5, linewidth=1.6)
    past = [p.achieved / 1e9 for p in curve.points if p.saturated]
    # At the edge, whatever the scale: they have a place on the axis of bandwidth alone.
    panel.plot(
        past, [0.965] * len(past), transform=panel.get_xaxis_transform(), linestyle="", marker=marker,
        markersize=6.5, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.5,
    )  # fmt: skip


def _draw_limits(panel: Axes, curves: Sequence[Series]) -> None:
    """Vertical lines named along themselves, low down where curves do not come; the same line only once."""
    shown: dict[tuple[str, float], str] = {}
    for k, curve in enumerate(curves):
        for name, value in curve.ceilings.items():
            shown.setdefault((name, value), INK if len(curves) == 1 else COLOURS[k % len(COLOURS)])
    names = list(dict.fromkeys(name for name, _ in shown))
    for (name, value), colour in shown.items():
        style = _STYLES[names.index(name) % len(_STYLES)]
        panel.axvline(value / 1e9, color=colour, linewidth=1.1, linestyle=style)
        panel.annotate(
            name, (value / 1e9, 0.03), xycoords=panel.get_xaxis_transform(), xytext=(-3, 0),
            textcoords="offset points", rotation=90, ha="right", va="bottom", fontsize=8,
        )  # fmt: skip
    flat: dict[tuple[str, float], str] = {}
    for k, curve in enumerate(curves):
        for name, ns in curve.unloaded.items():
            flat.setdefault((name, ns), INK if len(curves) == 1 else COLOURS[k % len(COLOURS)])
    for (name, ns), colour in flat.items():
        panel.axhline(ns, color=colour, linewidth=1.0, linestyle=(0, (2, 2)))
        panel.annotate(
            f"unloaded, {name}: {ns:.1f} ns", (0.01, ns), xycoords=panel.get_yaxis_transform(),
            xytext=(0, -2), textcoords="offset points", va="top", fontsize=8,
        )  # fmt: skip


def _legend(panel: Axes, curves: Sequence[Series]) -> None:
    handles: list[Any] = []
    for k, curve in enumerate(curves):
        colour, marker = COLOURS[k % len(COLOURS)], _MARKERS[k % len(_MARKERS)]
        name = f"{curve.name}: mean" if len(curves) == 1 else curve.name
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=4.5, label=name))
    handles.append(Patch(color=COLOURS[0] if len(curves) == 1 else INK, alpha=0.18, label="p50 to p99"))
    if any(p.saturated for c in curves for p in c.points):
        handles.append(
            Line2D(
                [], [], linestyle="", marker="o", markersize=6.5, markerfacecolor="none",
                markeredgecolor=COLOURS[0] if len(curves) == 1 else INK, label="saturated: no latency",
            )
        )  # fmt: skip
    panel.legend(handles=handles, loc="upper left", fontsize=8.5)


def _data(curves: Sequence[Series]) -> dict[str, list[Any]]:
    rows = [(curve, point) for curve in curves for point in curve.points]
    data: dict[str, list[Any]] = {
        "curve": [curve.name for curve, _ in rows],
        "offered [GB/s]": [None if p.offered is None else p.offered / 1e9 for _, p in rows],
        "achieved [GB/s]": [p.achieved / 1e9 for _, p in rows],
        "latency_from_arrival.mean [ns]": [p.mean for _, p in rows],
        "latency_from_arrival.p50 [ns]": [p.p50 for _, p in rows],
        "latency_from_arrival.p99 [ns]": [p.p99 for _, p in rows],
        "saturated": [int(p.saturated) for _, p in rows],
    }
    for name in dict.fromkeys(name for curve in curves for name in curve.unloaded):
        data[f"unloaded, {name} [ns]"] = [curve.unloaded.get(name) for curve, _ in rows]
    for name in dict.fromkeys(name for curve in curves for name in curve.ceilings):
        limits = [curve.ceilings.get(name) for curve, _ in rows]
        data[f"{name} [GB/s]"] = [None if limit is None else limit / 1e9 for limit in limits]
    return data
