"""Best so far against unique evaluations: median and quartile band over runs, random search dashed."""

from collections.abc import Sequence

import numpy as np

from plots.drawing import COLOURS, INK, Drawing, axes
from plots.exploration.forms import Axis, Curve
from plots.labels import plain, quantity, scale
from plots.recorded import NothingToDraw

DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))
SETTLED = 50
"""The axis shows what the medians have come to after this part of the steps, and better."""

WIDE = 20.0
"""Ratio of the highest to the lowest value from which on the axis is logarithmic."""


def draw(
    curves: Sequence[Curve],
    axis: Axis,
    *,
    optimum: float | None = None,
    name: str = "best_so_far",
    title: str = "Best so far",
) -> Drawing:
    """A step line for each optimiser.  The data hold only the steps at which something changes.

    Args:
        axis: what the curves show.
        optimum: the best value known, drawn as a thin line.

    Raises:
        NothingToDraw: no run has found anything.
    """
    shown = [curve for curve in curves if np.isfinite(curve.middle).any()]
    if not shown:
        raise NothingToDraw("no run has found a design that meets the constraints")
    steps = max(len(curve.middle) for curve in shown)
    # The first few designs of a search are anything; their heights would press the rest together.
    settled = [c.middle[np.isfinite(c.middle)][steps // SETTLED :] for c in shown]
    known = np.concatenate([m if len(m) else c.middle[-1:] for m, c in zip(settled, shown, strict=True)])
    largest, least = float(np.abs(known).max()), float(known.min())
    log = least > 0 and largest > WIDE * least
    divisor, unit = scale(largest, axis.unit if axis.unit != "1" else "")
    if axis.unit == "1":
        divisor, unit = 1.0, ""
    columns: dict[str, list[object]] = {
        key: [] for key in ("optimiser", "runs", "evaluations", "low", "median", "high")
    }
    with axes(5.4, 3.3) as (figure, (panel,)):
        others = [curve for curve in shown if not curve.random]
        for curve in shown:
            at = _changes(curve)
            place = np.append(at + 1, len(curve.middle)).astype(float)
            low, middle, high = (
                np.append(of[at], of[-1]) / divisor for of in (curve.low, curve.middle, curve.high)
            )
            where = np.isfinite(middle)
            number = others.index(curve) if not curve.random else 0
            colour = INK if curve.random else COLOURS[number % len(COLOURS)]
            style = (0, (5, 3)) if curve.random else DASHES[number // len(COLOURS) % len(DASHES)]
            panel.step(
                place[where], middle[where], where="post", color=colour, linestyle=style,
                linewidth=1.2 if curve.random else 1.6, label=plain(curve.label, 20),
                zorder=2.5 if curve.random else 2.2,
            )  # fmt: skip
            banded = where & np.isfinite(low) & np.isfinite(high)
            if curve.runs != 1 and banded.any():
                panel.fill_between(
                    place[banded], low[banded], high[banded], step="post", color=colour,
                    alpha=0.10 if curve.random else 0.16, linewidth=0,
                )  # fmt: skip
            for n, a, b, c in zip(
                place[:-1].tolist(), *(of[:-1].tolist() for of in (low, middle, high)), strict=True
            ):
                for key, value in zip(columns, (curve.label, curve.runs, int(n), a, b, c), strict=True):
                    columns[key].append(value)
        if optimum is not None and np.isfinite(optimum):
            panel.axhline(optimum / divisor, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
        if log:
            panel.set_yscale("log")
        bottom, top = panel.get_ylim()
        if axis.less_is_better and top > (highest := float(known.max()) / divisor):
            room = highest * 1.3 if log else highest + 0.15 * abs(highest - bottom)
            panel.set_ylim(bottom, min(top, room) if room > bottom else top)
        if steps > 300:
            panel.set_xscale("log")
        panel.set_xlim(1, max(steps, 2))
        panel.set_xlabel("unique evaluations")
        panel.set_ylabel(f"{plain(axis.name, 30)}{f' [{unit}]' if unit else ''}")
        panel.legend(
            loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, fontsize=8.5, columnspacing=1.2,
            handlelength=1.6,
        )  # fmt: skip
    bracket = f" [{unit}]" if unit else ""
    renamed = {f"{k}{bracket}" if k in ("low", "median", "high") else k: v for k, v in columns.items()}
    most = max(curve.runs for curve in shown)
    words = f"median of {most} runs and the band between the quartiles" if most > 1 else "a single run each"
    random = " Random search is dashed." if any(curve.random for curve in shown) else ""
    best = f" Dotted: the best value known, {quantity(optimum, axis.unit)}." if optimum is not None else ""
    way = "Lower" if axis.less_is_better else "Higher"
    return Drawing(
        name,
        title,
        f"Best {axis.name} within so many unique evaluations: {words}. {way} is better.{random}{best}",
        figure,
        renamed,
    )


def _changes(curve: Curve) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Steps at which any of the three lines has another value than before; the first always."""
    lines = np.vstack((curve.low, curve.middle, curve.high))
    changed = (lines[:, 1:] != lines[:, :-1]).any(axis=0)
    return np.concatenate(([0], np.flatnonzero(changed) + 1))
