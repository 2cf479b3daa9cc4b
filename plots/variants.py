"""One figure of runs under several variants, beside the first variant: which way does a change go?"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from plots.comparison import OF_KIND, Quantity
from plots.drawing import COLOURS, FAINT, INK, Drawing, axes
from plots.labels import number, plain, quantity
from plots.recorded import NothingToDraw
from sim.report import Report

MOST_BARS = 60
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++", "ooo")

TIME_PER_TOKEN = next(q for q in OF_KIND["pim"] if q.name == "time_per_token")


class Varied(NamedTuple):
    """A run by what its workload and its variant are called."""

    workload: str
    variant: str
    report: Report


def draw(runs: Sequence[Varied], shown: Quantity = TIME_PER_TOKEN, *, title: str = "") -> Drawing:
    """A bar for each run, its length the ratio to the first variant of its workload; the values beside it.

    Raises:
        NothingToDraw: fewer than two variants, or no workload whose first variant has the figure.
    """
    variants = [*dict.fromkeys(run.variant for run in runs)]
    workloads = [*dict.fromkeys(run.workload for run in runs)]
    if len(variants) < 2:
        raise NothingToDraw("there are no variants to compare")
    values = {(run.workload, run.variant): shown.of(run.report) for run in runs}
    rows: list[tuple[str, str, float, float]] = []
    for variant in variants:
        for workload in workloads:
            first, value = values.get((workload, variants[0])), values.get((workload, variant))
            if first and value is not None:
                rows.append((workload, variant, float(value), float(value) / float(first)))
    if not rows:
        raise NothingToDraw(f"no run has this figure: {shown.title.lower()}")
    name = shown.title.lower()
    drawn = rows[:MOST_BARS]
    with axes(5.4, 1.1 + 0.2 * len(drawn) + 0.1 * len(variants)) as (figure, (panel,)):
        at = [k + 0.6 * variants.index(variant) for k, (_, variant, _, _) in enumerate(drawn)]
        for k, workload in enumerate(workloads):
            mine = [n for n, row in enumerate(drawn) if row[0] == workload]
            if not mine:
                continue
            edge: dict[str, Any] = {"edgecolor": INK, "linewidth": 0.4, "hatch": HATCHES[k % len(HATCHES)]}
            panel.barh(
                [at[n] for n in mine], [drawn[n][3] for n in mine], height=0.86,
                color=COLOURS[k % len(COLOURS)], label=plain(workload, 24), **edge,
            )  # fmt: skip
        for row, place in zip(drawn, at, strict=True):
            text = f"×{number(row[3])} · {quantity(row[2], shown.unit)}"
            panel.annotate(
                text, (row[3], place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5
            )
        panel.axvline(1.0, color=FAINT, linewidth=1.0)
        middles = [
            [place for row, place in zip(drawn, at, strict=True) if row[1] == variant] for variant in variants
        ]
        ticks = [
            (sum(places) / len(places), v) for places, v in zip(middles, variants, strict=True) if places
        ]
        panel.set_yticks([place for place, _ in ticks], [plain(v.replace("_", " "), 22) for _, v in ticks])
        panel.set_ylim(max(at) + 0.7, -0.7)
        panel.set_xlim(0, max(row[3] for row in drawn) * 1.42)
        panel.tick_params(axis="y", length=0)
        panel.grid(False, axis="y")
        panel.set_xlabel(f"{name}, over that of {plain(variants[0].replace('_', ' '), 22)}")
        panel.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=8.5, ncols=3)
    best = min if shown.name in ("time_per_token", "joules_per_token", "energy") else max
    least = best(rows, key=lambda row: row[3])
    cut = f" The first {MOST_BARS} are drawn." if len(rows) > MOST_BARS else ""
    return Drawing(
        f"variants_{shown.name}",
        title or f"{shown.title} by variant",
        f"{shown.title} of {len(rows)} runs beside the variant {variants[0].replace('_', ' ')}. Best:"
        f" {least[1].replace('_', ' ')} with {least[0]}, ×{number(least[3])}.{cut}",
        figure,
        {
            "workload": [row[0] for row in rows],
            "variant": [row[1] for row in rows],
            f"{shown.name} [{shown.unit}]": [row[2] for row in rows],
            "ratio": [row[3] for row in rows],
        },
    )
