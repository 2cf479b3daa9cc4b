"""The Pareto front among all designs that were evaluated."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from plots.drawing import BLUE, FAINT, GREEN, INK, ORANGE, RED, Drawing, axes
from plots.exploration.forms import Axis, Cloud
from plots.labels import plain, quantity, scale
from plots.recorded import NothingToDraw

CELLS = (150, 90)
"""Of the grid in whose cells one dominated design each is drawn: more could not be told apart."""

MOST_PANELS = 3
WIDE = 50.0


def draw(cloud: Cloud) -> Drawing:
    """Dominated designs in grey, infeasible ones as crosses, the front in colour.

    For more than two objectives a panel for each further one, over the first; a design is on the front by all
    objectives together.  The data hold the front with its designs, the knee marked.

    Raises:
        NothingToDraw: a single objective, or no feasible design.
    """
    if len(cloud.axes) < 2:
        raise NothingToDraw("the study has a single objective")
    if not cloud.front.any():
        raise NothingToDraw("no design meets the constraints")
    first = cloud.axes[0]
    others = range(1, min(len(cloud.axes), MOST_PANELS + 1))
    with axes(5.4, 0.9 + (2.5 if len(others) == 1 else 1.9) * len(others), rows=len(others)) as (
        figure,
        panels,
    ):
        for panel, other in zip(panels, others, strict=True):
            _panel(panel, cloud, other)
        panels[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, fontsize=8.5)
        panels[-1].set_xlabel(_name(first, cloud.values[cloud.front, 0]))
    rows = np.flatnonzero(cloud.front)
    rows = rows[np.lexsort(cloud.values[rows].T[::-1])]
    designs = [cloud.designs[row] for row in rows.tolist()]
    parameters = [*dict.fromkeys(name for design in designs for name in design)]
    data: dict[str, list[object]] = {
        f"{axis.name} [{axis.unit}]": cloud.values[rows, at].tolist() for at, axis in enumerate(cloud.axes)
    }
    data["knee"] = [int(row == cloud.knee) for row in rows]
    data |= {name: [design.get(name, "") for design in designs] for name in parameters}
    better = ", ".join(f"{a.name} {'lower' if a.less_is_better else 'higher'}" for a in cloud.axes)
    picked = ""
    if cloud.knee is not None:
        figures = zip(cloud.values[cloud.knee].tolist(), cloud.axes, strict=True)
        picked = f" The knee: {', '.join(quantity(v, axis.unit) for v, axis in figures)}."
    return Drawing(
        "pareto_front",
        "Pareto front",
        f"{len(rows):,} of {len(cloud.values):,} designs are dominated by no other. Better: {better}.{picked}"
        " The data name the designs of the front.",
        figure,
        data,
    )


def _panel(panel: Axes, cloud: Cloud, other: int) -> None:
    finite = np.isfinite(cloud.values).all(axis=1)
    x, divisor_x, log_x = _scaled(cloud, 0)
    y, divisor_y, log_y = _scaled(cloud, other)
    for log, which in ((log_x, panel.set_xscale), (log_y, panel.set_yscale)):
        if log:
            which("log")
    dominated = _thinned(x, y, finite & cloud.feasible & ~cloud.front, log_x, log_y)
    panel.plot(x[dominated], y[dominated], ".", color=FAINT, markersize=4, label="dominated")
    refused = _thinned(x, y, finite & ~cloud.feasible, log_x, log_y)
    if len(refused):
        panel.plot(x[refused], y[refused], "x", color=ORANGE, markersize=3.5, label="infeasible", zorder=1.9)
    rows = np.flatnonzero(cloud.front)
    rows = rows[np.lexsort((y[rows], x[rows]))]
    panel.plot(x[rows], y[rows], "o", color=BLUE, markersize=4.5, label="front", zorder=2.3)
    if len(cloud.axes) == 2:
        panel.step(
            x[rows],
            y[rows],
            where="post" if cloud.axes[0].less_is_better else "pre",
            color=BLUE,
            linewidth=1.0,
        )
    if cloud.knee is not None:
        panel.plot(
            x[cloud.knee], y[cloud.knee], "D", markersize=8, markerfacecolor="none", color=RED, label="knee",
            zorder=2.4, linestyle="none",
        )  # fmt: skip
    if cloud.baseline is not None and np.isfinite(cloud.baseline).all():
        at = cloud.baseline[0] / divisor_x, cloud.baseline[other] / divisor_y
        panel.plot(
            *at, "s", markersize=6, color=GREEN, markeredgecolor=INK, markeredgewidth=0.6, label="baseline",
            zorder=2.35, linestyle="none",
        )  # fmt: skip
    panel.set_ylabel(_name(cloud.axes[other], cloud.values[cloud.front, other]))


def _unit(axis: Axis, values: NDArray[np.float64]) -> tuple[float, str]:
    return (1.0, "") if axis.unit in ("1", "") else scale(float(np.abs(values).max()), axis.unit)


def _name(axis: Axis, front: NDArray[np.float64]) -> str:
    unit = _unit(axis, front)[1]
    return f"{plain(axis.name, 26)}{f' [{unit}]' if unit else ''}"


def _scaled(cloud: Cloud, at: int) -> tuple[NDArray[np.float64], float, bool]:
    """Values of one objective in the unit of its axis, that unit, and whether to draw them on a log scale."""
    column = cloud.values[:, at]
    divisor = _unit(cloud.axes[at], column[cloud.front])[0]
    known = column[np.isfinite(column)]
    return column / divisor, divisor, bool(known.min() > 0 and known.max() > WIDE * known.min())


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], mask: NDArray[np.bool_], log_x: bool, log_y: bool
) -> NDArray[np.int64]:
    """Rows of a mask, one for each cell of a grid over them: the first."""
    rows = np.flatnonzero(mask)
    if len(rows) < 2:
        return rows
    cells = []
    for values, log, count in ((x[rows], log_x, CELLS[0]), (y[rows], log_y, CELLS[1])):
        drawn = np.log(values) if log else values
        span = float(np.ptp(drawn)) or 1.0
        cells.append(np.minimum(((drawn - drawn.min()) / span * count).astype(np.int64), count - 1))
    _, first = np.unique(cells[0] * CELLS[1] + cells[1], return_index=True)
    return rows[np.sort(first)]
