"""Which banks worked when: a heat map of commands by bank and time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from plots.drawing import FAINT, Drawing, axes
from plots.labels import plain, quantity, scale
from plots.recorded import Recorded, Run, Tables, of

KINDS = {"column_commands": "column commands", "activates": "activates"}
FEW_ROWS = 40
"""Banks that are numbered one by one; of more, only their components are named."""


@dataclass(frozen=True)
class _Grid:
    """``counts[kind]``: commands, shape (components x banks, bins); ``edges``: cycles, shape (bins + 1,)."""

    components: list[str]
    banks: int
    edges: NDArray[np.int64]
    counts: dict[str, NDArray[np.int64]]


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """Column commands and, below, activates per microsecond: banks from top to bottom, time to the right.

    Raises:
        NothingToDraw: the run has no table ``bank_activity``, or no command went to a bank.
    """
    recorded = of(run, tables)
    grid = _grid(recorded)
    seconds = grid.edges * recorded.cycle_seconds
    divisor, unit = scale(float(seconds[-1]), "s")
    rows = len(grid.components) * grid.banks
    with axes(5.4, 2 * min(max(1.5, 0.5 + 0.07 * rows), 2.3) + 0.5, rows=2) as (figure, panels):
        for panel, (kind, words) in zip(panels, KINDS.items(), strict=True):
            rates = grid.counts[kind] / (np.maximum(np.diff(seconds), 1e-30) * 1e6)
            _heat(figure, panel, rates, float(rates.shape[1] * seconds[1] / divisor))
            panel.set_xlim(0, seconds[-1] / divisor)  # the last bin may be shorter
            panel.set_title(f"{words} per µs", loc="left", fontsize=9)
            _banks(panel, grid)
        panels[-1].set_xlabel(f"simulated time [{unit}]")
    table = recorded.table("bank_activity")
    data = {name: column.tolist() for name, column in table.items()}
    data |= {"start [ns]": (table["start"] * recorded.cycle_seconds * 1e9).tolist()}
    return Drawing(
        "bank_activity",
        "Bank activity",
        f"Commands per microsecond to each of {rows:,} banks, in bins of"
        f" {quantity(float(seconds[1] - seconds[0]), 's')}. Where activates are as many as column commands,"
        " hardly any row was used twice.",
        figure,
        data,
    )


def _grid(recorded: Recorded) -> _Grid:
    table = recorded.table("bank_activity")
    components = sorted(set(map(str, table["component"])), key=_in_order)
    system = recorded.report.system
    known = [system.get(key) for key in ("ranks", "groups", "banks")]
    banks = int(table["bank"].max()) + 1
    if all(isinstance(n, int) for n in known):
        banks = max(banks, int(np.prod([int(n or 1) for n in known])))
    channels = system.get("channels")
    if isinstance(channels, int) and len(components) < channels <= 4096:
        named = [f"ch{k}" for k in range(channels)]
        components = named if set(components) <= set(named) else components
    width = int(table["cycles"].max())
    end = _end(recorded)
    bins = -(-end // width)
    row = np.array([components.index(str(c)) for c in table["component"]]) * banks + table["bank"]
    counts = {}
    for kind in KINDS:
        counts[kind] = np.zeros((len(components) * banks, bins), dtype=np.int64)
        np.add.at(counts[kind], (row, table["start"] // width), table[kind])
    return _Grid(components, banks, np.minimum(np.arange(bins + 1) * width, end), counts)


def _end(recorded: Recorded) -> int:
    """Cycle after the last of the run: the table may give its last bin the width of the others."""
    table = recorded.table("bank_activity")
    last = int(table["start"].max())
    ends = [max(recorded.report.cycles.values(), default=0)]
    if "over_time" in recorded.tables:
        time = recorded.table("over_time")
        ends.append(int((time["start"] + time["cycles"]).max()))
    known = max(ends)
    return known if known > last else last + int(table["cycles"].max())


def _in_order(component: str) -> tuple[str, int, str]:
    """ch2 before ch10."""
    stem = component.rstrip("0123456789")
    return stem, int(component[len(stem) :] or 0), component


def _heat(figure: Figure, panel: Axes, rates: NDArray[Any], end: float) -> None:
    """``end``: of the last bin, were it as long as the others."""
    # Not resampled: the picture holds one pixel a bin, and whatever shows it makes rectangles of them.
    extent = (0.0, end, float(rates.shape[0]), 0.0)
    # The last bin may be so short that one command in it would be the highest rate of all.
    full = rates[:, :-1] if rates.shape[1] > 1 else rates
    image = panel.imshow(
        rates, aspect="auto", interpolation="none", extent=extent, vmin=0, vmax=float(full.max()) or 1.0
    )
    panel.grid(False)
    bar = figure.colorbar(image, ax=panel, pad=0.015, fraction=0.05)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)


def _banks(panel: Axes, grid: _Grid) -> None:
    rows = len(grid.components) * grid.banks
    panel.tick_params(axis="y", length=0)
    if len(grid.components) == 1:
        step = max(1, -(-grid.banks // 8))
        numbers = np.arange(0, grid.banks, step)
        panel.set_yticks(numbers + 0.5, [str(n) for n in numbers], fontsize=8)
        panel.set_ylabel("bank" if grid.components[0] in ("ch0", "") else plain(grid.components[0], 16))
        return
    step = max(1, -(-len(grid.components) // 8))
    named = grid.components[::step]
    middles = (np.arange(len(named)) * step + 0.5) * grid.banks
    panel.set_yticks(middles, [plain(name, 12) for name in named], fontsize=8)
    panel.set_ylabel("banks by channel")
    if len(grid.components) <= FEW_ROWS:
        panel.hlines(
            np.arange(1, len(grid.components)) * grid.banks,
            0,
            1,
            color=FAINT,
            linewidth=0.5,
            transform=panel.get_yaxis_transform(),
        )
    panel.set_ylim(rows, 0)
