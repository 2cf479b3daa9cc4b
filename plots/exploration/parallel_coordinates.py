"""Designs as lines over all parameters, the best in colour."""

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from plots.drawing import FAINT, HEAT, Drawing, axes
from plots.exploration.forms import Axis, Design, Scale, Value
from plots.labels import plain
from plots.recorded import NothingToDraw

BEST, OTHERS = 40, 160
"""Lines drawn in colour, and lines behind them, evenly over the rest."""

OFF = "off"
"""What stands for a parameter that has no effect in a design: the lowest place of its axis."""

MOST_TICKS = 9


def draw(
    scales: Sequence[Scale], designs: Sequence[Design], values: NDArray[np.float64], axis: Axis
) -> Drawing:
    """One vertical axis a parameter; what the best designs share shows as lines that run together.

    Args:
        designs: each once.
        values: the figure of each, shape (designs,); those that are not finite are left out.

    Raises:
        NothingToDraw: no design, or no parameter.
    """
    rows = np.flatnonzero(np.isfinite(values))
    if not len(rows) or not scales:
        raise NothingToDraw("no design meets the constraints")
    rows = rows[np.argsort(values[rows] if axis.less_is_better else -values[rows], kind="stable")]
    best, rest = rows[:BEST], rows[BEST:]
    if len(rest) > OTHERS:
        rest = rest[np.linspace(0, len(rest) - 1, OTHERS).astype(np.int64)]
    optional = [any(scale.name not in designs[row] for row in rows.tolist()) for scale in scales]
    columns = np.arange(len(scales))

    def lines(of: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        heights = np.array(
            [
                [
                    _height(scale, designs[row].get(scale.name), off)
                    for scale, off in zip(scales, optional, strict=True)
                ]
                for row in of.tolist()
            ]
        )
        return [np.column_stack((columns, height)) for height in heights]

    # Equal settings of the best would hide each other: every line is a hair beside its neighbours.
    apart = (np.arange(len(best)) - len(best) / 2) * (0.03 / max(len(best), 1))
    with axes(max(5.4, 0.95 * len(scales) + 0.6), 3.4) as (figure, (panel,)):
        panel.add_collection(LineCollection(lines(rest), colors=FAINT, linewidths=0.5, alpha=0.6))
        coloured = [line + [0, shift] for line, shift in zip(lines(best), apart, strict=True)]
        shades = matplotlib.colormaps[HEAT](np.linspace(0, 0.85, len(best)))
        panel.add_collection(LineCollection(coloured[::-1], colors=shades[::-1], linewidths=1.1, alpha=0.8))
        for at, (scale, off) in enumerate(zip(scales, optional, strict=True)):
            panel.axvline(at, color=FAINT, linewidth=0.8, zorder=0.9)
            for value, text in _ticks(scale, off):
                panel.annotate(
                    plain(text, 14), (at, value), xytext=(3, 0), textcoords="offset points", fontsize=7.5,
                    va="center", zorder=3,
                    bbox={"boxstyle": "square,pad=0.1", "facecolor": "none", "edgecolor": "none"},
                )  # fmt: skip
        panel.set_xlim(-0.15, len(scales) - 0.35)
        panel.set_ylim(-0.06, 1.06)
        panel.set_xticks(columns, [plain(s.name, 18) for s in scales], rotation=25, ha="right", fontsize=8.5)
        panel.set_yticks([])
        panel.grid(False)
        for spine in panel.spines.values():
            spine.set_visible(False)
    drawn = [*best, *rest]
    data: dict[str, list[object]] = {f"{axis.name} [{axis.unit}]": [float(values[row]) for row in drawn]}
    data["rank"] = [int(n) for n in np.concatenate((np.arange(1, len(best) + 1), np.searchsorted(
        np.sort(values[rows] if axis.less_is_better else -values[rows]),
        values[rest] if axis.less_is_better else -values[rest],
    ) + 1))]  # fmt: skip
    data |= {scale.name: [designs[row].get(scale.name, "") for row in drawn] for scale in scales}
    behind = f", before {len(rest):,} of the others in grey" if len(rest) else ""
    return Drawing(
        "parallel_coordinates",
        "Settings of the best designs",
        f"A line for each of the {len(best)} best designs by {axis.name}, the best darkest{behind}."
        f" Where a parameter has no effect in a design its line runs through “{OFF}”.",
        figure,
        data,
    )


def _height(scale: Scale, value: Value | None, off: bool) -> float:
    """0 to 1; an axis with a place for ``OFF`` has it at 0 and its values above 0.15."""
    floor = 0.15 if off else 0.0
    if value is None:
        return 0.0
    if scale.values is not None:
        if value not in scale.values:
            return floor
        place = scale.values.index(value) / max(len(scale.values) - 1, 1)
    else:
        low, high, number = scale.low, scale.high, float(value)
        if scale.log:
            low, high, number = math.log(low), math.log(high), math.log(number)
        place = (number - low) / ((high - low) or 1.0)
    return floor + place * (1 - floor)


def _ticks(scale: Scale, off: bool) -> list[tuple[float, str]]:
    ends: tuple[Value, ...] = (scale.low, scale.high)
    values = scale.values if scale.values is not None else ends
    if len(values) > MOST_TICKS:
        at = np.linspace(0, len(values) - 1, 5).astype(int)
        values = tuple(values[k] for k in at)
    found = [(_height(scale, v, off), f"{v:.4g}" if isinstance(v, float) else str(v)) for v in values]
    return [(0.0, OFF), *found] if off else found
