"""Bandwidth and queue depth over the time of a run."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from plots.drawing import BLUE, INK, ORANGE, RED, Drawing, axes
from plots.labels import quantity, scale
from plots.recorded import Recorded, Run, Tables, of

DRAWN = 256
"""Bins that a figure of this width can show; finer ones are put together for it."""

FAR = 4.0
"""A peak so many times above everything else is told, not drawn: it would leave nothing to see below it."""

MARKED = 100
"""Bins with refreshes that are marked one by one; more would be a solid line."""

SUMMED = ("read_bytes", "written_bytes", "refreshes", "activates")
MEANS = ("read_queue_depth", "write_queue_depth")


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """Bytes read and written per second, one on the other, below the peak; requests waiting below.

    Several components are summed for the bandwidth and averaged for the queues.

    Raises:
        NothingToDraw: the run has no table ``over_time``.
    """
    recorded = of(run, tables)
    bins = _coarser(_summed(recorded))
    edges = np.append(bins["start"], bins["start"][-1] + bins["cycles"][-1]) * recorded.cycle_seconds
    seconds = np.maximum(np.diff(edges), 1e-30)
    read, written = bins["read_bytes"] / seconds, bins["written_bytes"] / seconds
    peak = recorded.report.metrics.get("peak_bandwidth")
    highest = float((read + written).max())
    near = float(peak) if peak and peak <= FAR * highest else None
    per_second, bandwidth_unit = scale(max(highest, near or 0.0), "B/s")
    per_edge, time_unit = scale(float(edges[-1]), "s")
    time = edges / per_edge
    with axes(5.4, 3.9, rows=2) as (figure, (above, below)):
        _bandwidth(above, time, read / per_second, written / per_second, near and near / per_second)
        above.set_ylabel(f"bandwidth [{bandwidth_unit}]")
        _depths(below, time, bins)
        _refreshes(below, time, bins["refreshes"])
        below.set_xlabel(f"simulated time [{time_unit}]")
        below.set_xlim(0, time[-1])
        figure.align_ylabels()
    data = {
        f"start [{time_unit}]": time[:-1],
        f"end [{time_unit}]": time[1:],
        f"read_bandwidth [{bandwidth_unit}]": read / per_second,
        f"written_bandwidth [{bandwidth_unit}]": written / per_second,
        "read [B]": bins["read_bytes"],
        "written [B]": bins["written_bytes"],
        "read_queue_depth [requests]": bins["read_queue_depth"],
        "write_queue_depth [requests]": bins["write_queue_depth"],
        "refreshes": bins["refreshes"],
        "activates": bins["activates"],
    }
    caption = _caption(bins, float(seconds[0]), peak, near is not None)
    return Drawing("over_time", "Bandwidth and queues over time", caption, figure, _columns(data))


def _summed(recorded: Recorded) -> dict[str, Any]:
    """The table with its components put together: sums, and means of the depths."""
    table = recorded.table("over_time")
    starts, where = np.unique(table["start"], return_inverse=True)
    components = len(np.unique(table["component"].astype(str)))

    def total(column: str) -> NDArray[Any]:
        sums: NDArray[Any] = np.zeros(len(starts), dtype=table[column].dtype)
        np.add.at(sums, where, table[column])
        return sums

    cycles = np.zeros(len(starts), dtype=np.int64)
    np.maximum.at(cycles, where, table["cycles"])
    return {
        "start": starts,
        "cycles": cycles,
        "components": components,
        **{name: total(name) for name in SUMMED},
        **{name: total(name) / components for name in MEANS},
    }


def _coarser(bins: dict[str, Any]) -> dict[str, Any]:
    """The same sums and means in at most ``DRAWN`` bins."""
    group = -(-len(bins["start"]) // DRAWN)
    if group == 1:
        return bins
    first = np.arange(0, len(bins["start"]), group)
    merged = {name: np.add.reduceat(bins[name], first) for name in SUMMED}
    cycles = np.add.reduceat(bins["cycles"], first)
    for name in MEANS:
        merged[name] = np.add.reduceat(bins[name] * bins["cycles"], first) / cycles
    return {**bins, **merged, "start": bins["start"][first], "cycles": cycles}


def _bandwidth(
    panel: Axes, time: NDArray[Any], read: NDArray[Any], written: NDArray[Any], peak: float | None
) -> None:
    panel.stairs(read, time, fill=True, color=BLUE, label="read")
    if written.any():
        panel.stairs(read + written, time, baseline=read, fill=True, color=ORANGE, label="written, on top")
    highest = float((read + written).max())
    if peak:
        panel.axhline(peak, color=INK, linewidth=1.2, linestyle=(0, (5, 3)), label="peak")
        highest = max(highest, peak)
    panel.set_ylim(0, highest * 1.08 or 1.0)
    panel.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=3, fontsize=9, handlelength=1.6)


def _depths(panel: Axes, time: NDArray[Any], bins: dict[str, Any]) -> None:
    reads, writes = bins["read_queue_depth"], bins["write_queue_depth"]
    panel.stairs(reads, time, color=BLUE, linewidth=1.8, label="reads", baseline=None)
    if writes.any():
        panel.stairs(writes, time, color=ORANGE, linewidth=1.1, label="writes", baseline=None)
    highest = float(max(reads.max(), writes.max()))
    panel.set_ylim(0, highest * 1.12 or 1.0)
    panel.yaxis.set_major_locator(MaxNLocator(5))
    panel.set_ylabel("waiting [requests]" if bins["components"] == 1 else "waiting [requests\nper channel]")
    panel.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=3, fontsize=9, handlelength=1.6)


def _refreshes(panel: Axes, time: NDArray[Any], refreshes: NDArray[Any]) -> None:
    middles = ((time[:-1] + time[1:]) / 2)[refreshes > 0]
    if 0 < len(middles) <= MARKED:
        ticks: dict[str, Any] = {"transform": panel.get_xaxis_transform(), "clip_on": False}
        panel.plot(
            middles, np.full(len(middles), 0.035), "|", color=RED, markersize=8, label="refresh", **ticks
        )
        panel.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=3, fontsize=9, handlelength=1.6)


def _caption(bins: dict[str, Any], width: float, peak: float | None, drawn: bool) -> str:
    count = int(bins["refreshes"].sum())
    marked = int((bins["refreshes"] > 0).sum())
    refreshes = "no refreshes" if not count else f"{count:,} refreshes"
    if marked > MARKED:
        refreshes += ", too many to be marked"
    over = f" {bins['components']} channels together, queues on average." if bins["components"] > 1 else ""
    limit = (
        f" {'Dashed: the' if drawn else 'Far above: the'} peak of {quantity(peak, 'B/s')}." if peak else ""
    )
    return (
        f"Bytes on the data bus and requests waiting, means of bins of {quantity(width, 's')};"
        f" {refreshes}.{limit}{over}"
    )


def _columns(data: dict[str, NDArray[Any]]) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in data.items()}
