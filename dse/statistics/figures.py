"""The figures of a study, drawn from its summary, and the files that they and the tables become."""

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dse.objective import Goal
from dse.statistics import seeds
from dse.statistics.dominance import Floats
from dse.statistics.importance import Effect
from dse.statistics.summary import TOLERANCE, Summary
from dse.statistics.tables import table_of_efficiency, table_of_indicators
from plots.drawing import Drawing
from plots.exploration import (
    best_so_far,
    importance,
    lottery,
    parallel_coordinates,
    pareto_front,
    success,
)
from plots.exploration.forms import Axis, Cloud, Curve, Rate, Scale, Share, Spread
from plots.page_tables import Table
from plots.recorded import NothingToDraw

FOLDER = "figures"
QUALITY = Axis("hypervolume", "1", less_is_better=False)
MOST_IMPORTANCES = 3
"""Objectives of which importance is drawn."""


@dataclass(frozen=True)
class Figures:
    """``drawn``, in a page's order; ``missing``: title of each other figure, and why there is none."""

    drawn: tuple[Drawing, ...]
    missing: dict[str, str]


def axis_of(goal: Goal) -> Axis:
    """An objective as it is shown: a maximised one as itself, not its negative."""
    return Axis(goal.name, goal.unit, goal.sign > 0)


def draw_figures(summary: Summary) -> Figures:
    """Every figure that the study has something to show in."""
    titles: dict[str, Callable[[], Drawing]] = {"Best so far": lambda: _best_so_far(summary)}
    if not summary.single:
        titles["Pareto front"] = lambda: _front(summary)
    for at, goal in enumerate(summary.study.objective.goals[:MOST_IMPORTANCES]):
        titles[f"What decides {goal.name}"] = lambda at=at: _importance(summary, at)  # type: ignore[misc]
    titles["Settings of the best designs"] = lambda: _settings(summary)
    titles["Success rate"] = lambda: _success(summary)
    titles["Hyper-parameter lottery"] = lambda: _lottery(summary)
    drawn: list[Drawing] = []
    missing: dict[str, str] = {}
    for title, draw in titles.items():
        try:
            drawn.append(draw())
        except NothingToDraw as reason:
            missing[title] = str(reason)
    return Figures(tuple(drawn), missing)


def write_figures(
    summary: Summary, folder: str | os.PathLike[str], figures: Figures | None = None
) -> list[Path]:
    """Write ``figures/`` of a study's folder: each figure as SVG and CSV, and the tables as CSV.

    Raises:
        OSError: they cannot be written.
    """
    place = Path(folder) / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    paths = [path for drawing in (figures or draw_figures(summary)).drawn for path in drawing.save(place)]
    for table in (table_of_efficiency(summary), table_of_indicators(summary)):
        if table.rows:
            paths.append(place / f"{table.name}.csv")
            _write_table(paths[-1], table)
    return paths


def _write_table(path: Path, table: Table) -> None:
    """With numbers as they are, not as they are shown."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.text for column in table.columns])
        writer.writerows([[c.text if c.sort is None else c.sort for c in row] for row in table.rows])


def _quality_axis(summary: Summary) -> tuple[Axis, int]:
    """What curves are drawn over, and by what qualities are multiplied for it."""
    if not summary.single:
        return QUALITY, -1
    goal = summary.study.objective.goals[0]
    return axis_of(goal), goal.sign


def _curve(label: str, band: seeds.Band, runs: int, sign: int, *, random: bool) -> Curve:
    low, middle, high = band if sign > 0 else (-band.high, -band.middle, -band.low)
    return Curve(label, low, middle, high, runs, random)


def _best_so_far(summary: Summary) -> Drawing:
    axis, sign = _quality_axis(summary)
    curves = []
    for label, runs in summary.qualities.items():
        if max(map(len, runs)):
            band = seeds.band(seeds.aligned([*runs]))
            random = summary.names[label] == "random"
            curves.append(_curve(label, band, len(runs), sign, random=random))
    calculated = summary.calculated_random()
    if calculated is not None:
        curves.append(_curve("random (calculated)", calculated, 0, sign, random=True))
    optimum = None if summary.optimum is None else sign * summary.optimum
    if summary.single:
        return best_so_far.draw(curves, axis, optimum=optimum)
    return best_so_far.draw(
        curves, axis, optimum=optimum, name="hypervolume", title="Hypervolume of the front so far"
    )


def _shown_values(summary: Summary) -> Floats:
    """Objectives of every design as people see them."""
    signs = np.array([goal.sign for goal in summary.study.objective.goals], dtype=np.float64)
    shown: Floats = summary.found.values * signs
    return shown


def _signed(summary: Summary, values: Sequence[float]) -> list[float]:
    return [goal.sign * v for goal, v in zip(summary.study.objective.goals, values, strict=True)]


def _front(summary: Summary) -> Drawing:
    rows = np.flatnonzero(summary.found.evaluated)
    front = np.isin(rows, summary.front)
    best = summary.best
    values = _shown_values(summary)
    return pareto_front.draw(
        Cloud(
            tuple(axis_of(goal) for goal in summary.study.objective.goals),
            values[rows],
            front,
            summary.found.feasible[rows],
            [summary.found.designs[row] for row in rows.tolist()],
            None if best is None else int(np.searchsorted(rows, best)),
            None if summary.baseline is None else tuple(_signed(summary, summary.baseline)),
        )
    )


def _importance(summary: Summary, at: int) -> Drawing:
    goal = summary.study.objective.goals[at]
    mains, pairs, designs, even = summary.effects(_shown_values(summary)[:, at])
    if designs < 2:
        raise NothingToDraw("fewer than two designs have metrics")
    source = "designs spread evenly over the space" if even else "designs that the searches preferred"
    name = "importance" if summary.single else f"importance_{at + 1}"
    return importance.draw(
        _shares(mains), _shares(pairs), of=goal.name, designs=designs, source=source, name=name
    )


def _shares(effects: Sequence[Effect]) -> list[Share]:
    return [Share(effect.parameters, effect.share, effect.chance) for effect in effects]


def _settings(summary: Summary) -> Drawing:
    used = {name for design in summary.found.designs for name in design}
    # One that is ignored, or that no design had a use for, would be an axis with nothing on it.
    scales = [
        Scale(p.name, p.values, p.low, p.high, p.log)
        for p in summary.study.space.parameters
        if p.name in used
    ]
    goal = summary.study.objective.goals[0]
    values = np.where(summary.found.feasible, _shown_values(summary)[:, 0], np.nan)
    return parallel_coordinates.draw(scales, summary.found.designs, values, axis_of(goal))


def _success(summary: Summary) -> Drawing:
    rates = []
    for label in summary.labels:
        rate, low, high = summary.successes(label)
        samples, _ = summary.samples(label, TOLERANCE)
        runs = len(summary.qualities[label])
        rates.append(Rate(label, rate, low, high, runs, samples, summary.names[label] == "random"))
    spent = max((len(run.designs) for run in summary.found.runs), default=0)
    return success.draw(rates, tolerance=TOLERANCE, budget=spent)


def _lottery(summary: Summary) -> Drawing:
    axis, sign = _quality_axis(summary)
    spreads = [
        Spread(entry.name, {label: sign * value for label, value in entry.medians.items()})
        for entry in summary.lottery()
    ]
    return lottery.draw(spreads, axis, budget=summary.lottery_budget)
