"""A figure with the numbers that it shows: what every module of this package returns.

Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), which people with any kind of colour vision
can tell apart; ink and grid follow a page's light or dark theme where a drawing is put into one.
"""

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW = COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442",
)  # fmt: skip
INK, FAINT = "#20242c", "#c9cdd4"
"""Text and axes; grid lines and frames."""

HEAT = "viridis"
"""Colour map for amounts: even in lightness, so that it also reads without colours."""

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 11.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "image.cmap": HEAT,
    "svg.fonttype": "none",
    "svg.hashsalt": "cyclewise",
}


@dataclass(frozen=True)
class Drawing:
    """A figure and its numbers.

    ``name``: stem of its files; ``title`` and ``caption`` (sentences) for the text around it; ``data``:
    columns of equal length, their names carrying the unit where there is one.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    data: Mapping[str, Sequence[Any]]

    def svg(self) -> str:
        """The picture as an ``<svg>`` element whose ink follows the page's ``--ink`` and ``--faint``."""
        text = _written(self.figure, "svg").decode()
        # Only a file of its own needs the metadata, and a style sheet would hold for the whole page.
        text = re.sub(r"<metadata>.*?</metadata>|<style\b.*?</style>", "", text, flags=re.DOTALL)
        element = text[text.index("<svg") :]
        # Several drawings share a page, and with it one space of identifiers.
        element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{self.name}-", element)
        return element.replace(INK, f"var(--ink, {INK})").replace(FAINT, f"var(--faint, {FAINT})")

    def csv(self) -> str:
        """The numbers, a line for each row below a line of names."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.data)
        writer.writerows(zip(*self.data.values(), strict=True))
        return text.getvalue()

    def save(self, folder: str | os.PathLike[str], formats: Sequence[str] = ("svg",)) -> list[Path]:
        """Write ``name.svg`` (or other formats of matplotlib) and ``name.csv`` into a folder that exists.

        Raises:
            OSError: they cannot be written.
        """
        paths = [Path(folder) / f"{self.name}.{format}" for format in formats]
        for path, format in zip(paths, formats, strict=True):
            path.write_bytes(_written(self.figure, format, facecolor="white"))
        table = Path(folder) / f"{self.name}.csv"
        table.write_text(self.csv(), encoding="utf-8")
        return [*paths, table]

    def _repr_png_(self) -> bytes:
        """How a notebook shows it."""
        return _written(self.figure, "png", facecolor="white")


@contextmanager
def axes(width: float = 7.2, height: float = 3.2, rows: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """A new figure of the common style, ``width`` x ``height`` inches, with ``rows`` axes that share x.

    Draw inside the ``with``; nothing global changes, and no window or backend is involved.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(rows, 1, sharex=True, squeeze=False)
        yield figure, [panel[0] for panel in panels]


def _written(figure: Figure, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    metadata = {"Date": None} if format == "svg" else None
    with matplotlib.rc_context(STYLE):
        figure.savefig(file, format=format, metadata=metadata, dpi=150, **options)
    return file.getvalue()
