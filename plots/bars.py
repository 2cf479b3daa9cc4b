"""Horizontal bars with their values written beside them: what most figures of amounts are."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plots.drawing import BLUE, Drawing, axes
from plots.labels import plain


def horizontal(
    name: str,
    title: str,
    caption: str,
    *,
    labels: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str],
    axis: str,
    data: Mapping[str, Sequence[Any]],
    colours: Sequence[str] | None = None,
) -> Drawing:
    """One bar a label, the first on top.

    ``values``: lengths, in the unit that ``axis`` names; ``texts``: what is written beside each bar;
    ``data``: the columns of the drawing.
    """
    height = 0.95 + 0.24 * max(len(labels), 2)
    with axes(5.4, height) as (figure, (panel,)):
        rows = np.arange(len(labels))
        drawn = panel.barh(rows, list(values), height=0.72, color=list(colours) if colours else BLUE)
        panel.bar_label(drawn, labels=list(texts), padding=4, fontsize=9)
        panel.set_yticks(rows, [plain(label, 24) for label in labels])
        panel.set_ylim(len(labels) - 0.4, -0.6)
        panel.set_xlim(0, _limit(labels, values, texts))
        panel.tick_params(axis="y", length=0)
        panel.grid(False, axis="y")
        panel.set_xlabel(axis)
    return Drawing(name, title, caption, figure, data)


def _limit(labels: Sequence[str], values: Sequence[float], texts: Sequence[str]) -> float:
    """End of the axis that leaves every bar room for its text, from the usual width of a character."""
    width = 5.1 - 0.085 * max((min(len(label), 24) for label in labels), default=0)
    free = [max(width - 0.078 * len(text) - 0.15, 0.2 * width) for text in texts]
    ends = [value * width / room for value, room in zip(values, free, strict=True)]
    return max(ends, default=0.0) or 1.0
