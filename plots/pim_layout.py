"""Which rows of a bank hold what, in a memory that computes: all rows, and one layer of them."""

from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mapping.pim.layout import Region
from mapping.pim.plan import PimPlan
from mapping.pim.text import utilisation
from plots.drawing import BLUE, FAINT, GREEN, ORANGE, PURPLE, STYLE, Drawing
from plots.labels import percent, plain

PARTS = {
    "weights": ("weights", BLUE),
    "keys": ("keys", ORANGE),
    "values": ("values", GREEN),
    "lm_head": ("LM head", PURPLE),
}
"""What rows are for: its name in the legend, and its colour."""

WIDTH, HEIGHT = 7.2, 3.0
NAMED = 12
"""Of more regions in a layer only those get a name that have room for it."""


def draw(plan: PimPlan) -> Drawing:
    """Rows of a bank from left to right, above all of them, below those of the first layer.

    All banks are alike, so the picture of one is that of all.
    """
    layout = plan.layout
    of_layer = [r for r in layout.regions if r.part != "lm_head"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        panels = figure.subplots(2, 1)
        _all_rows(plan, panels[0])
        _one_layer(of_layer, layout.layer_rows, panels[1])
        used = [part for part in PARTS if layout.rows_of(part)]
        patches = [Patch(color=PARTS[part][1], label=PARTS[part][0]) for part in used]
        patches.append(Patch(facecolor="none", edgecolor=FAINT, label="free"))
        figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=9)
    model, pim = plan.decoding.model, plan.pim
    share = percent(layout.rows / plan.capacity)
    rows: list[tuple[Any, ...]] = []
    for r in layout.regions:
        for layer in range(1 if r.part == "lm_head" else layout.layers):
            first = r.row + layer * layout.layer_rows
            name = "" if r.part == "lm_head" else layer
            rows.append((name, r.name, r.part, first, r.rows, float(utilisation(plan, r))))
    rows.sort(key=lambda row: row[3])
    columns = ("layer", "region", "part", "first row", "rows", "utilisation")
    return Drawing(
        "pim_layout",
        "What the rows hold",
        f"{plain(model.name, 40)} takes {layout.rows:,} of {plan.capacity:,} rows ({share}) in each of"
        f" {pim.memory.channels * pim.banks} banks of {plain(pim.name, 40)}; all banks hold the same at the"
        f" same rows. Keys and values have rows for {layout.context:,} tokens.",
        figure,
        {column: [row[k] for row in rows] for k, column in enumerate(columns)},
    )


def _all_rows(plan: PimPlan, panel: Axes) -> None:
    layout = plan.layout
    for part, (_, colour) in PARTS.items():
        spans = [
            (r.row + layer * layout.layer_rows, r.rows)
            for r in layout.regions
            if r.part == part
            for layer in range(1 if part == "lm_head" else layout.layers)
        ]
        panel.broken_barh(spans, (0, 1), color=colour, linewidth=0)
    _strip(panel, plan.capacity, f"all {plan.capacity:,} rows of a bank, {layout.layers} layers")


def _one_layer(regions: list[Region], rows: int, panel: Axes) -> None:
    for r in regions:
        panel.broken_barh([(r.row, r.rows)], (0, 1), color=PARTS[r.part][1], linewidth=0)
        if r.row:
            panel.axvline(r.row, color="white", linewidth=0.8 if len(regions) <= NAMED else 0.3)
        room = r.rows / rows * WIDTH * 0.9  # inches
        if 0.085 * len(r.name) < room:
            panel.text(
                r.row + r.rows / 2, 0.5, plain(r.name), ha="center", va="center", fontsize=9, color="w"
            )
        elif room > 0.16 or len(regions) <= NAMED:
            panel.text(
                r.row + r.rows / 2, 0.5, plain(r.name), ha="center", va="center", fontsize=8, color="w",
                rotation=90,
            )  # fmt: skip
    _strip(panel, rows, f"the {rows:,} rows of the first layer")
    panel.set_xlabel("row")


def _strip(panel: Axes, rows: int, title: str) -> None:
    panel.set_title(title, loc="left", fontsize=9)
    panel.set_xlim(0, rows)
    panel.set_ylim(0, 1)
    panel.set_yticks([])
    panel.grid(False)
    panel.spines["left"].set_visible(False)
