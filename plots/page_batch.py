"""The table of a batch's page: a row for each run, the best of each workload marked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from plots.comparison import latency
from plots.labels import quantity
from plots.page_tables import Cell, Column, Table
from plots.recorded import Tables
from sim.report import Report


@dataclass(frozen=True)
class Row:
    """A run of a batch: its ``report``, or in ``error`` why there is none.

    ``tables``: what was recorded.  ``link``: relative address of its own page, None if it has none.
    ``system`` and ``workload``: what the batch calls them; default: the report's names.  ``variant``: the set
    of changes that it was run under, None without.
    """

    name: str
    report: Report | None
    error: str | None = None
    tables: Tables = field(default_factory=dict)
    link: str | None = None
    system: str = ""
    workload: str = ""
    variant: str | None = None


class _Figure(NamedTuple):
    head: str
    unit: str
    less_is_better: bool | None
    of: Callable[[Report], float | None]


FIGURES = (
    _Figure("Time", "s", True, lambda r: r.seconds),
    # Of whichever clock the memory has: fewer are not better.
    _Figure("Cycles", "", None, lambda r: max(r.cycles.values(), default=None)),
    _Figure("Bandwidth", "B/s", False, lambda r: r.metrics.get("bandwidth")),
    _Figure("Latency p50", "s", True, lambda r: latency(r, "latency_from_accept.p50")),
    _Figure("Latency p99", "s", True, lambda r: latency(r, "latency_from_accept.p99")),
    _Figure("Energy", "J", True, lambda r: (r.energy_joules or {}).get("total")),
)

OF_KIND: Mapping[str, tuple[_Figure, ...]] = {
    "pim": (
        _Figure("Tokens/s", "", False, lambda r: r.metrics.get("tokens_per_second")),
        _Figure("Time per token", "s", True, lambda r: r.metrics.get("time_per_token.mean")),
        _Figure("Bandwidth in banks", "B/s", False, lambda r: r.metrics.get("internal_bandwidth")),
        _Figure("Energy per token", "J", True, lambda r: r.metrics.get("joules_per_token")),
        _Figure("Power", "W", None, lambda r: r.metrics.get("average_power")),
        _Figure("EDP", "J·s", True, lambda r: r.metrics.get("energy_delay_product")),
    ),
}
"""The columns of kinds of systems that have others than ``FIGURES``."""


def _figures(reports: Iterable[Report]) -> list[_Figure]:
    """The columns that runs of these kinds have, each head once."""
    kinds = [OF_KIND.get(str(report.system.get("kind")), FIGURES) for report in reports] or [FIGURES]
    return [*{figure.head: figure for found in kinds for figure in found}.values()]


def table(runs: Sequence[Row]) -> Table:
    """All runs that have a report.  A value is best if no run of the same workload has a better one."""
    done = [(run, run.report) for run in runs if run.report is not None]
    workloads = [_workload(run) for run, _ in done]
    figures = _figures(report for _, report in done)
    values = {f.head: [f.of(report) for _, report in done] for f in figures}
    bests = {f.head: _best(workloads, values[f.head], f.less_is_better) for f in figures}
    rows = []
    for at, (run, report) in enumerate(done):
        cells = [Cell(run.name, link=run.link), Cell(_system(run)), Cell(workloads[at])]
        for figure in figures:
            value = values[figure.head][at]
            text = "none" if value is None else quantity(value, figure.unit)
            best = value is not None and value == bests[figure.head].get(workloads[at])
            cells.append(Cell(text, value, best))
        cells.append(_bound(report))
        rows.append(cells)
    columns = [Column("Run"), Column("System"), Column("Workload")]
    columns += [Column(figure.head, True) for figure in figures] + [Column("Bound by")]
    compared = any(workloads.count(name) > 1 for name in workloads)
    note = "Read latencies are counted from acceptance by the controller. "
    note = note if "Latency p50" in values else ""
    if compared:
        note += "★ marks the best value among the runs of a workload."
    return Table("runs", "Runs", columns, rows, note.strip())


def failures(runs: Sequence[Row]) -> Table:
    """The runs without a report, and why."""
    rows = [
        [Cell(run.name), Cell(run.system), Cell(run.workload), Cell(run.error or "not finished")]
        for run in runs
        if run.report is None
    ]
    columns = (Column("Run"), Column("System"), Column("Workload"), Column("Why"))
    return Table("failures", "Runs without a result", columns, rows)


def _best(
    workloads: Sequence[str], values: Sequence[float | None], less_is_better: bool | None
) -> Mapping[str, float]:
    """The best value of each workload that was run more than once, unless all are equal."""
    if less_is_better is None:
        return {}
    choose = min if less_is_better else max
    bests = {}
    for name in set(workloads):
        known = [v for w, v in zip(workloads, values, strict=True) if w == name and v is not None]
        if len(set(known)) > 1:
            bests[name] = choose(known)
    return bests


def _bound(report: Report) -> Cell:
    label, bound = next(iter(report.bound_by.items()), ("", None))
    return Cell(f"{label} {bound.share * 100:.0f}\N{NO-BREAK SPACE}%" if bound else "")


def _system(run: Row) -> str:
    return run.system or (str(run.report.system.get("name", "")) if run.report else "")


def _workload(run: Row) -> str:
    return run.workload or (str(run.report.workload.get("name", "")) if run.report else "")
