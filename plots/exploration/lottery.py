"""The hyper-parameter lottery: final quality of each optimiser over its option sets."""

from collections.abc import Sequence

import numpy as np

from plots.drawing import BLUE, COLOURS, INK, Drawing, axes
from plots.exploration.forms import Axis, Spread
from plots.labels import plain, scale
from plots.recorded import NothingToDraw


def draw(spreads: Sequence[Spread], axis: Axis, *, budget: int) -> Drawing:
    """A box for each optimiser, and a point for each of its option sets.

    Raises:
        NothingToDraw: no optimiser ran with more than one set of options.
    """
    if not any(len(spread.medians) > 1 for spread in spreads):
        raise NothingToDraw("no optimiser ran with more than one set of options")
    known = [value for spread in spreads for value in spread.medians.values() if np.isfinite(value)]
    if not known:
        raise NothingToDraw("no run has found a design that meets the constraints")
    divisor, unit = (1.0, "") if axis.unit in ("1", "") else scale(max(map(abs, known)), axis.unit)
    with axes(5.4, 1.1 + 0.34 * max(len(spreads), 2)) as (figure, (panel,)):
        finite = [[v / divisor for v in s.medians.values() if np.isfinite(v)] for s in spreads]
        panel.boxplot(
            finite, positions=range(len(spreads)), orientation="horizontal", widths=0.5, whis=(0, 100),
            showfliers=False, manage_ticks=False, medianprops={"color": INK},
            boxprops={"color": BLUE}, whiskerprops={"color": BLUE}, capprops={"color": BLUE},
        )  # fmt: skip
        for at, values in enumerate(finite):
            panel.plot(values, [at] * len(values), "o", color=COLOURS[1], markersize=4, alpha=0.85)
        panel.set_yticks(range(len(spreads)), [plain(spread.name, 22) for spread in spreads])
        panel.set_ylim(len(spreads) - 0.4, -0.6)
        panel.tick_params(axis="y", length=0)
        panel.set_xlabel(f"{plain(axis.name, 30)}{f' [{unit}]' if unit else ''}")
    rows = [(s.name, label, value) for s in spreads for label, value in s.medians.items()]
    lost = len(rows) - len(known)
    return Drawing(
        "lottery",
        "Hyper-parameter lottery",
        f"Best {axis.name} after {budget:,} unique evaluations over the option sets of each optimiser: a"
        " point is the median over the seeds of one set, the box is between the quartiles, whiskers reach"
        f" to the ends. {'Lower' if axis.less_is_better else 'Higher'} is better."
        + (f" {lost} sets found nothing." if lost else ""),
        figure,
        {
            "optimiser": [row[0] for row in rows],
            "options": [row[1] for row in rows],
            f"median {axis.name} [{axis.unit}]": [row[2] for row in rows],
        },
    )
