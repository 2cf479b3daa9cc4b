"""Runs side by side: figures with ratios to the first, what differs, and what bound each.

:func:`compare` takes names of folders and files, or results; :func:`side_by_side` does the comparing.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from arch.errors import InputError, unknown

if TYPE_CHECKING:
    from cyclewise.api import RunResult
    from sim.report import MetricDeclaration, Report

Value = int | float | None

BETTER, WORSE = "better", "worse"

_NO_DIFFERENCE = {"title", "sources", "digest"}
"""Keys in a system that say nothing of how it behaves."""


@dataclass(frozen=True)
class Compared:
    """One run to compare.

    ``system``: its specification as plain values (``system.yaml``), or None if only the report is there.
    """

    label: str
    report: "Report"
    system: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Figure:
    """A figure of all runs, in their order.

    ``ratios``: to the first run; None where either value is missing or the first is 0.  ``verdicts``:
    ``better`` or ``worse`` than the first; None where equal, missing, or where neither direction is better.
    Metrics in cycles are turned into seconds if the runs have clocks of different periods.
    """

    name: str
    unit: str
    values: tuple[Value, ...]
    ratios: tuple[float | None, ...]
    verdicts: tuple[str | None, ...]

    @property
    def differs(self) -> bool:
        return any(value != self.values[0] for value in self.values[1:])


@dataclass(frozen=True)
class Difference:
    """A leaf that is not the same in all runs; None where a run does not have it."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Cause:
    """The share of all cycles that went to one cause; None where a run does not know the cause."""

    name: str
    shares: tuple[float | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; every tuple of values is in the order of ``labels``.

    ``figures``: time, cycles, metrics, energy; a name with two units is two figures.  ``causes``: the largest
    share first.  ``system_differences`` compare whole specifications if all runs have theirs
    (``whole_systems``), else what reports tell of them.
    """

    labels: tuple[str, ...]
    figures: tuple[Figure, ...]
    system_differences: tuple[Difference, ...]
    whole_systems: bool
    workload_differences: tuple[Difference, ...]
    causes: tuple[Cause, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "runs": list(self.labels),
            "figures": [
                {
                    "name": f.name,
                    "unit": f.unit,
                    "values": list(f.values),
                    "ratios": list(f.ratios),
                    "verdicts": list(f.verdicts),
                    "differs": f.differs,
                }
                for f in self.figures
            ],
            "system_differences": [{"key": d.key, "values": list(d.values)} for d in self.system_differences],
            "whole_systems": self.whole_systems,
            "workload_differences": [
                {"key": d.key, "values": list(d.values)} for d in self.workload_differences
            ],
            "bound_by": [{"cause": c.name, "shares": list(c.shares)} for c in self.causes],
        }


class Named(NamedTuple):
    """The runs behind a name, and a sentence for each that has no result."""

    runs: list[Compared]
    left_out: list[str]


def compare(*what: "str | os.PathLike[str] | Report | RunResult") -> Comparison:
    """Runs side by side, all held against the first.

    Args:
        what: run folders, batch folders (all their finished runs), ``BATCH:RUN`` for one of them, files with
            a report as JSON; or reports and results of :func:`cyclewise.run`.

    Raises:
        InputError: fewer than two runs in all, or something that cannot be read.
    """
    runs: list[Compared] = []
    for at, one in enumerate(what):
        if isinstance(one, (str, os.PathLike)):
            runs += named(os.fspath(one), alone=len(what) == 1).runs
        else:
            report: Any = getattr(one, "report", one)
            runs.append(Compared(f"{at + 1}: {report.system.get('name')}", report))
    return side_by_side(runs, declared({str(run.report.system.get("kind")) for run in runs}))


def declared(kinds: "set[str]") -> "dict[str, Sequence[MetricDeclaration]]":
    """The metrics that each kind of system declares; a kind that is not installed here is left out."""
    from sim.machine import kinds as installed
    from sim.machine import machine

    return {kind: machine(kind).metrics for kind in kinds & {*installed()}}


def side_by_side(
    runs: Sequence[Compared], declarations: "Mapping[str, Sequence[MetricDeclaration]] | None" = None
) -> Comparison:
    """The runs side by side; all are held against the first.

    Args:
        runs: two or more.
        declarations: the metrics of each kind of system, which say what is better; a metric that is not
            declared has no verdict.

    Raises:
        InputError: fewer than two runs.
    """
    if len(runs) < 2:
        given = runs[0].label if runs else "nothing"
        raise InputError("nothing to compare with", given=given, accepted="two or more runs")
    known = declarations or {}
    reports = [run.report for run in runs]
    whole = all(run.system is not None for run in runs)
    systems = [run.system if whole else run.report.system for run in runs]
    return Comparison(
        labels=tuple(run.label for run in runs),
        figures=tuple(_figures(reports, known)),
        system_differences=tuple(_differences([_behaving(s) for s in systems])),
        whole_systems=whole,
        workload_differences=tuple(_differences([r.workload for r in reports])),
        causes=tuple(_causes(reports)),
    )


def named(name: str, *, alone: bool = False) -> Named:
    """The runs in a run folder, a batch folder, a run of a batch (``FOLDER:RUN``) or a file with a report.

    ``alone``: nothing else is compared, so that the runs of a batch need not be told from others.

    Raises:
        InputError: nothing of this name, or something that is damaged or of another version.
    """
    from cyclewise import run_folder
    from cyclewise.batch import results

    path = Path(name)
    if path.is_file():
        return Named([Compared(name, _report(path))], [])
    if (path / run_folder.RECORD).exists():
        return Named([_of_folder(name.rstrip("/") or name, path)], [])
    if results.is_batch(path):
        batch = results.read_batch(path)
        found = [
            _of_folder(run.name if alone else f"{name}:{run.name}", run.folder)
            for run in batch.runs
            if run.folder
        ]
        return Named(found, [f"{run.name}: {run.error}" for run in batch.runs if run.error])
    folder, colon, one = name.rpartition(":")
    if colon and results.is_batch(folder):
        by_name = {run.name: run for run in results.read_batch(folder).runs}
        if one not in by_name:
            raise InputError(unknown("run", one, by_name), file=folder, given=one, accepted=[*by_name])
        place = by_name[one].folder
        if place is None:
            raise InputError(f"no result: {by_name[one].error}", file=name)
        return Named([_of_folder(name, place)], [])
    accepted = "a run folder, a batch folder, BATCH:RUN, or a file with a report"
    message = "holds neither a run nor a batch" if path.is_dir() else "no such file or folder"
    raise InputError(message, given=name, accepted=accepted)


def _of_folder(label: str, folder: Path) -> Compared:
    """A run folder; InputError if it is damaged."""
    import arch
    from cyclewise import run_folder
    from cyclewise.batch.folder import whole_report

    whole_report(folder)
    system = folder / run_folder.SYSTEM
    tree = arch.load(str(system)).tree if system.exists() else None
    return Compared(label, _report(folder / run_folder.REPORT), tree)


def _report(file: Path) -> "Report":
    from sim.report import Report

    try:
        return Report.from_json(file.read_text(encoding="utf-8"), file=str(file))
    except UnicodeDecodeError:
        raise InputError("is not text", file=str(file), accepted="a report as JSON") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=str(file)) from None


def _figures(
    reports: "Sequence[Report]", declarations: "Mapping[str, Sequence[MetricDeclaration]]"
) -> Iterator[Figure]:
    yield _figure("time", "s", [r.seconds for r in reports], True)
    for domain in _union(r.cycles for r in reports):
        # Cycles of different clocks are different lengths of time: no verdict.
        yield _figure(f"cycles.{domain}", "cycles", [r.cycles.get(domain) for r in reports], None)
    periods = [_clock_period(r) for r in reports]
    same = len({None if period is None else float(f"{period:.9g}") for period in periods}) == 1
    columns = [_metrics(r, None if same else period) for r, period in zip(reports, periods, strict=True)]
    for name, unit in _union(columns):
        values = [column.get((name, unit)) for column in columns]
        yield _figure(name, unit, values, _less_is_better(name, reports, declarations))
    energies: list[Mapping[str, float]] = [r.energy_joules or {} for r in reports]
    for part in _union(energies):
        yield _figure(f"energy.{part}", "J", [energy.get(part) for energy in energies], True)


def _metrics(report: "Report", period: float | None) -> dict[tuple[str, str], Value]:
    """Values by name and unit; cycles as seconds, of the ``period`` given."""
    found: dict[tuple[str, str], Value] = {}
    for name, value in report.metrics.items():
        unit = report.units.get(name, "1")
        if unit == "cycles" and period is not None:
            unit, value = "s", None if value is None else value * period
        found[name, unit] = value
    return found


def _clock_period(report: "Report") -> float | None:
    """Seconds of a cycle; None for a machine of several clocks, whose metrics do not say which they count."""
    if len(report.cycles) != 1:
        return None
    hertz = report.system.get("clock_hertz")
    cycles = next(iter(report.cycles.values()))
    return 1 / hertz if hertz else report.seconds / cycles if cycles else None


def _less_is_better(
    name: str, reports: "Sequence[Report]", declarations: "Mapping[str, Sequence[MetricDeclaration]]"
) -> bool | None:
    """What all kinds of systems that report the metric say; None if they disagree or do not know."""
    said = set()
    for report in reports:
        if name in report.metrics:
            declared = declarations.get(str(report.system.get("kind")), ())
            said.add(next((d.less_is_better for d in declared if d.covers(name)), None))
    return said.pop() if len(said) == 1 else None


def _figure(name: str, unit: str, values: Sequence[Value], less_is_better: bool | None) -> Figure:
    first = values[0]
    ratios = tuple(
        None if first is None or value is None or first == 0 else value / first for value in values
    )
    verdicts: list[str | None] = []
    for value in values:
        if first is None or value is None or value == first or less_is_better is None:
            verdicts.append(None)
        else:
            verdicts.append(BETTER if (value < first) == less_is_better else WORSE)
    return Figure(name, unit, tuple(values), ratios, tuple(verdicts))


def _causes(reports: "Sequence[Report]") -> Iterator[Cause]:
    shares = [{cause: bound.share for cause, bound in r.bound_by.items()} for r in reports]
    order = sorted(_union(shares), key=lambda cause: -max(s.get(cause, 0.0) for s in shares))
    for cause in order:
        yield Cause(cause, tuple(s.get(cause) for s in shares))


def _behaving(value: Any) -> Any:
    """A specification without what only describes it."""
    if isinstance(value, Mapping):
        return {key: _behaving(inner) for key, inner in value.items() if key not in _NO_DIFFERENCE}
    return [_behaving(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _differences(values: Sequence[Any], key: str = "") -> Iterator[Difference]:
    """Leaves that are not equal; what a run lacks altogether (a rule, say) is one of them, whole."""
    if all(isinstance(value, Mapping) for value in values):
        for name in _union(values):
            inner = [value.get(name) for value in values]
            yield from _differences(inner, f"{key}.{name}" if key else str(name))
        return
    plain = tuple(_plain(value) for value in values)
    if any(value != plain[0] for value in plain[1:]):
        yield Difference(key, plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value


def _union(names: Any) -> list[Any]:
    """All keys in the order in which they first occur."""
    return [*dict.fromkeys(name for some in names for name in some)]
