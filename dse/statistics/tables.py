"""The tables of a study: best designs, what changed, sample efficiency, indicators, failures."""

import math
from collections import Counter

from dse.evaluation import Value
from dse.objective import Goal
from dse.statistics.efficiency import TOLERANCES
from dse.statistics.seeds import Interval
from dse.statistics.summary import REFERENCE, TOLERANCE, Summary
from plots.labels import number, percent, quantity
from plots.page_tables import Cell, Column, Table

MOST_DESIGNS = 25
MOST_FAILURES = 50


def shown(goal: Goal, value: float) -> Cell:
    """A minimised value as people see it."""
    if not math.isfinite(value):
        return Cell("none")
    return Cell(significant(goal.sign * value, goal.unit), goal.sign * value)


def significant(value: float, unit: str) -> str:
    """A value with its unit, in scientific form where plain digits would hide it."""
    if unit in ("B", "B/s", "s", "J", "W"):
        return quantity(value, unit)
    text = f"{value:.4g}" if value and not 1e-2 <= abs(value) < 1e6 else number(value)
    return text if unit in ("1", "") else f"{text} {unit}"


def setting(value: Value | None) -> Cell:
    """A parameter's value; None: it has no effect."""
    if value is None:
        return Cell("–")
    if isinstance(value, bool):
        return Cell("true" if value else "false")
    return Cell(f"{value:.6g}" if isinstance(value, float) else str(value))


def table_of_designs(summary: Summary) -> Table:
    """The best feasible designs; of several objectives the front, the knee marked."""
    goals = summary.study.objective.goals
    names = [p.name for p in summary.study.space.parameters]
    if summary.single:
        feasible = [row for row, good in enumerate(summary.found.feasible.tolist()) if good]
        rows = sorted(feasible, key=lambda row: float(summary.found.values[row, 0]))[:MOST_DESIGNS]
    else:
        rows = [*summary.front[:MOST_DESIGNS]]
        if summary.best is not None and summary.best not in rows:
            rows[-1] = summary.best
    table = []
    for rank, row in enumerate(rows, 1):
        cells = [Cell(str(rank))]
        for goal, value in zip(goals, summary.found.values[row].tolist(), strict=True):
            cell = shown(goal, value)
            cells.append(Cell(cell.text, cell.sort, row == summary.best))
        cells += [setting(summary.found.designs[row].get(name)) for name in names]
        table.append(cells)
    columns = [Column("#"), *(Column(goal.name, True) for goal in goals), *map(Column, names)]
    left = (len(summary.front) if not summary.single else 0) - len(rows)
    note = "★ marks the design picked" + (": the knee of the front. " if not summary.single else ". ")
    note += f"{left:,} more are on the front: its figure's data hold all. " if left > 0 else ""
    note += "– stands for a parameter without effect."
    title = "Best designs" if summary.single else "Designs on the Pareto front"
    return Table("designs", title, columns, table, note)


def table_of_changes(summary: Summary) -> Table:
    """Every parameter of the best design, and the objectives, beside the baseline's."""
    columns = (Column("Setting"), Column("Best design"), Column("Baseline"))
    title = "Its settings and what it comes to"
    if summary.best is None:
        return Table("changes", title, columns, ())
    design, old = summary.found.designs[summary.best], summary.study.baseline or {}
    rows = []
    for parameter in summary.study.space.parameters:
        new, before = design.get(parameter.name), old.get(parameter.name)
        text = setting(before).text if parameter.name in old else ""
        rows.append([Cell(parameter.name), Cell(setting(new).text), Cell(text)])
    base = summary.baseline
    for at, goal in enumerate(summary.study.objective.goals):
        value = shown(goal, float(summary.found.values[summary.best, at])).text
        before_text = "" if base is None else shown(goal, base[at]).text
        rows.append([Cell(goal.name), Cell(value), Cell(before_text)])
    note = "" if base is not None or not old else "The baseline was not evaluated in this study."
    return Table("changes", title, columns, rows, note)


def table_of_efficiency(summary: Summary) -> Table:
    """What each optimiser came to within each budget, and how many evaluations it needed."""
    goal = summary.study.objective.goals[0] if summary.single else None

    def quality(value: float) -> Cell:
        if not math.isfinite(value):
            return Cell("none", value)
        return shown(goal, value) if goal is not None else Cell(f"{-value:.4g}", -value)

    columns = [Column("Optimiser"), Column("Budget", True), Column("Runs", True)]
    columns += [Column(name, True) for name in ("Median", "Quartile 1", "Quartile 3", "Interquartile mean")]
    columns += [Column("mean from", True), Column("mean to", True)]
    columns += [Column(name, True) for name in (f"Within {percent(TOLERANCE)}", "rate from", "rate to")]
    columns += [Column(f"Evaluations to {percent(t)}", True) for t in TOLERANCES]
    rows = []
    for entry in summary.efficiency():
        cells = [
            Cell(entry.label),
            Cell(f"{entry.budget:,}", entry.budget),
            Cell(str(entry.runs), entry.runs),
        ]
        cells += [quality(v) for v in (entry.middle, entry.low, entry.high, *entry.mean)]
        cells += [Cell(percent(v), v) for v in entry.success]
        for tolerance in TOLERANCES:
            needed, _ = summary.samples(entry.label, tolerance)
            known = math.isfinite(needed)
            cells.append(Cell(f"{needed:,.0f}" if known else "not reached", needed if known else None))
        rows.append(cells)
    what = "the best value known" if summary.given_optimum is None else "the true optimum"
    note = (
        f"Of {goal.name if goal is not None else 'the normalised hypervolume'} after so many unique"
        " evaluations, over the runs; never the best of them. The interquartile mean has a 95 % bootstrap"
        f" interval, the rate a 95 % Wilson interval; tolerances are shares of {what}. Evaluations are"
        " medians over the runs, whatever the budget."
    )
    return Table("sample_efficiency", "Sample efficiency", columns, rows, note)


def table_of_indicators(summary: Summary) -> Table:
    """Hypervolume and IGD+ of each optimiser's runs, with reference point and normalisation."""
    columns = [Column("Optimiser")]
    for name in ("Hypervolume", "IGD+"):
        columns += [Column(name, True), Column(f"{name} from", True), Column(f"{name} to", True)]
    columns += [Column("Reference"), Column("Ideal"), Column("Nadir")]
    if summary.bounds is None:
        return Table("indicators", "Fronts", columns, ())
    ends = [" ".join(f"{v:.9g}" for v in of) for of in (summary.bounds.ideal, summary.bounds.nadir)]
    point = " ".join([str(REFERENCE)] * len(summary.bounds.ideal))

    def three(interval: Interval) -> list[Cell]:
        return [Cell(f"{v:.4g}", v) if math.isfinite(v) else Cell("none", v) for v in interval]

    rows = [
        [Cell(e.label), *three(e.volume), *three(e.distance), Cell(point), *map(Cell, ends)]
        for e in summary.indicators()
    ]
    note = (
        "Interquartile means over the runs with 95 % bootstrap intervals, of objectives to be minimised"
        " (maximised ones negated) and normalised: the ideal is 0, the nadir 1. IGD+ is measured to the front"
        " of all runs together."
    )
    if summary.volume is not None:
        error = f" ± {summary.volume.error:.2g}" if summary.volume.samples else ""
        note += f" The hypervolume of that front is {summary.volume.value:.4g}{error}."
    return Table("indicators", "Fronts", columns, rows, note)


def table_of_failures(summary: Summary) -> Table:
    """Failed tasks, those of one message together, the most frequent first."""
    counts = Counter((f.kind, f.message) for f in summary.failures)
    examples = {(f.kind, f.message): f for f in reversed(summary.failures)}
    rows = []
    for (kind, message), count in counts.most_common(MOST_FAILURES):
        example = examples[kind, message]
        design = ", ".join(f"{name}={setting(value).text}" for name, value in example.config.items())
        rows.append(
            [Cell(kind), Cell(f"{count:,}", count), Cell(example.workload), Cell(design), Cell(message)]
        )
    columns = (
        Column("Kind"), Column("Tasks", True), Column("Workload"), Column("For example"), Column("Message"),
    )  # fmt: skip
    left = len(counts) - len(rows)
    note = f"{left:,} more messages are in the store." if left > 0 else ""
    return Table("failures", f"{len(summary.failures):,} tasks without metrics", columns, rows, note)
