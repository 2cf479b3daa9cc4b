"""Latency–throughput curves: read latency from arrival against achieved bandwidth, and the limits of both."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter

from plots.drawing import COLOURS, INK, Drawing, axes

_MARKERS = "osD^vP*"
_STYLES = ("--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)))
_UNLOADED: Any = (0, (2, 2))
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
    with axes(7.2, 4.6) as (figure, (panel,)):
        latencies = [f for c in curves for p in c.points for f in (p.mean, p.p50, p.p99) if f is not None]
        latencies += [ns for c in curves for ns in c.unloaded.values()]
        _scales(panel, curves, latencies)
        for k, curve in enumerate(curves):
            shade = 0.18 if len(curves) == 1 else 0.1
            _draw_curve(panel, curve, COLOURS[k % len(COLOURS)], _MARKERS[k % len(_MARKERS)], shade)
        _draw_limits(panel, curves)
        panel.set_xlabel("achieved bandwidth [GB/s]")
        panel.set_ylabel("read latency from arrival [ns]")
        _legend(figure, curves)
    names = "; ".join(curve.name for curve in curves)
    return Drawing(
        name="latency_throughput",
        title=title or f"Latency and throughput: {names}",
        caption="Read latency from the arrival of the request to the return of its data, against the"
        " bandwidth achieved: mean, and band from median to 99th percentile. Marks at the upper edge: more"
        " was offered than the memory takes. Latency then grows with every request, so that none is shown.",
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
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.yaxis.set_minor_formatter(NullFormatter())
    else:
        panel.set_ylim(0, high * 1.15)


def _draw_curve(panel: Axes, curve: Series, colour: str, marker: str, shade: float) -> None:
    stable = sorted(
        (p for p in curve.points if not p.saturated and p.mean is not None), key=lambda p: p.achieved
    )
    x = [p.achieved / 1e9 for p in stable]
    panel.fill_between(
        x, [p.p50 or 0 for p in stable], [p.p99 or 0 for p in stable], color=colour, alpha=shade, linewidth=0
    )
    panel.plot(x, [p.mean or 0 for p in stable], color=colour, marker=marker, markersize=4.5, linewidth=1.6)
    past = [p.achieved / 1e9 for p in curve.points if p.saturated]
    # At the edge, whatever the scale: they have a place on the axis of bandwidth alone.
    panel.plot(
        past, [0.965] * len(past), transform=panel.get_xaxis_transform(), linestyle="", marker=marker,
        markersize=6.5, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.5,
    )  # fmt: skip


def _draw_limits(panel: Axes, curves: Sequence[Series]) -> None:
    """Lines at the limits.  Of one curve they are named where they stand, if they fit; else in the legend."""
    alone = len(curves) == 1
    names = _limit_names(curves)
    upright = [(k, name, value) for k, curve in enumerate(curves) for name, value in curve.ceilings.items()]
    flat = [(k, name, ns) for k, curve in enumerate(curves) for name, ns in curve.unloaded.items()]
    if not alone:  # more than the first would be too many lines at nearly the same height
        flat = [(k, name, ns) for k, name, ns in flat if name == next(iter(curves[k].unloaded))]
    for k, name, value in _once(upright):
        panel.axvline(value / 1e9, color=_colour(k), linewidth=1.1, linestyle=_style(names, name))
    for k, _, ns in _once(flat):
        panel.axhline(ns, color=_colour(k), linewidth=1.0, linestyle=_UNLOADED)
    if alone:
        _name_ceilings(panel, curves[0].ceilings)
        _name_unloaded(panel, curves[0].unloaded)


def _once(lines: Sequence[tuple[int, str, float]]) -> list[tuple[int | None, str, float]]:
    """Lines of the curves, (curve, name, value): one that all curves share only once, and of no curve."""
    count = Counter((name, value) for _, name, value in lines)
    most = 1 + max((k for k, *_ in lines), default=0)
    shared = [key for key, n in count.items() if n == most]
    own = [(k, name, value) for k, name, value in lines if (name, value) not in shared]
    return [*((None, *key) for key in shared), *own]


def _colour(curve: int | None) -> str:
    return INK if curve is None else COLOURS[curve % len(COLOURS)]


def _crowded(panel: Axes, ceilings: Mapping[str, float]) -> list[str]:
    """Names of the lines so close before another that theirs does not fit between."""
    needed = 0.028 * panel.get_xlim()[1] * 1e9
    values = ceilings.values()
    return [name for name, value in ceilings.items() if any(0 < other - value < needed for other in values)]


def _name_ceilings(panel: Axes, ceilings: Mapping[str, float]) -> None:
    """Along the lines and right of them, where curves do not come."""
    for name in [name for name in ceilings if name not in _crowded(panel, ceilings)]:
        panel.annotate(
            name, (ceilings[name] / 1e9, 0.91), xycoords=panel.get_xaxis_transform(), fontsize=8,
            xytext=(3, 0), textcoords="offset points", rotation=90, ha="left", va="top",
        )  # fmt: skip


def _name_unloaded(panel: Axes, unloaded: Mapping[str, float]) -> None:
    """Right of the axes; above the highest line and below the lowest, so that near ones keep apart."""
    for name, ns in unloaded.items():
        place = "center" if len(unloaded) == 1 else "bottom" if ns == max(unloaded.values()) else "top"
        panel.annotate(
            f"{name}\n{ns:.1f} ns", (1, ns), xycoords=panel.get_yaxis_transform(), xytext=(4, 0),
            textcoords="offset points", va=place, fontsize=8,
        )  # fmt: skip


def _limit_names(curves: Sequence[Series]) -> list[str]:
    return list(dict.fromkeys(name for curve in curves for name in curve.ceilings))


def _style(names: Sequence[str], name: str) -> Any:
    return _STYLES[names.index(name) % len(_STYLES)]


def _legend(figure: Figure, curves: Sequence[Series]) -> None:
    alone = len(curves) == 1
    colour = COLOURS[0] if alone else INK
    handles: list[Any] = []
    for k, curve in enumerate(curves):
        look: Any = {"color": COLOURS[k % len(COLOURS)], "marker": _MARKERS[k % len(_MARKERS)]}
        handles.append(
            Line2D([], [], markersize=4.5, label=f"{curve.name}: mean" if alone else curve.name, **look)
        )
    handles.append(Patch(color=colour, alpha=0.2, label="p50 to p99" if alone else "mean, and p50 to p99"))
    if any(p.saturated for c in curves for p in c.points):
        look = {"linestyle": "", "marker": "o", "markersize": 6.5, "markerfacecolor": "none"}
        handles.append(Line2D([], [], markeredgecolor=colour, label="saturated: no latency", **look))
    names = _limit_names(curves)
    told = _crowded(figure.axes[0], curves[0].ceilings) if alone else names
    handles += [Line2D([], [], color=INK, linestyle=_style(names, name), label=name) for name in told]
    first = next((next(iter(c.unloaded)) for c in curves if c.unloaded), None)
    if first is not None:
        name = "unloaded read" if alone else f"unloaded read, {first}"
        handles.append(Line2D([], [], color=INK, linestyle=_UNLOADED, label=name))
    columns = 2 if max(len(handle.get_label()) for handle in handles) < 48 else 1
    # Above the axes: inside there is no corner that a curve may not come to.
    figure.legend(handles=handles, loc="outside upper left", fontsize=8.5, ncols=columns)


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
