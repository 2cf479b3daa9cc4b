"""``cyclewise batch FILE.yaml``: many runs, on all cores, resumable at any moment."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cyclewise.terminal import note, print_json, printable, say, table

if TYPE_CHECKING:
    from pathlib import Path

    from cyclewise.batch.execution import Tally
    from cyclewise.batch.folder import Failed
    from cyclewise.batch.planning import BatchPlan, Loader, PlannedRun
    from cyclewise.batch.table import Row

EXAMPLE = (
    "Example: cyclewise batch study.yaml -o out/study\n\n"
    "where study.yaml says systems: \\[ddr4_2400, hbm2_2000] and workloads: \\[random_rw30, spmv]\n\n"
    "cyclewise batch examples/pim_gpt_models.yaml --set workload.tokens=8 -o out/models"
)

_SHOWN = {
    "tokens_per_second": "tokens/s",
    "time_per_token.mean": "time per token",
    "joules_per_token": "energy per token",
    "bandwidth": "bandwidth",
    "data_bus_utilisation": "bus busy",
    "latency_from_accept.mean": "mean read latency",
}
"""Metrics on the terminal and their heads, where there are any of the name; the files have all."""


def command(
    file: Annotated[str, typer.Argument(help="Systems, workloads and changes.", metavar="FILE.yaml")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Keep the results here; NAME-results by default.", metavar="DIR"),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Runs at a time; as many as cores by default.", metavar="N", min=1),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run again what failed before.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and list the runs.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change one key in every run: KEY, workload.KEY or mapping.KEY.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Run every system with every workload: exit 1 if a run failed.

    The same command continues where a batch was stopped or killed, and repeats no finished run.
    """
    from cyclewise.batch.execution import carry_out, destination
    from cyclewise.batch.planning import Loader, plan

    loader = Loader()
    planned = plan(file, loader, set_ or [])
    into = destination(planned, output)
    if dry_run:
        _list(planned, into, loader, json)
        return
    watcher = _Bar(planned.title or file) if sys.stderr.isatty() else _Lines()
    try:
        with watcher:
            tally = carry_out(planned, loader, into, jobs=jobs, retry_failed=retry_failed, listener=watcher)
    except KeyboardInterrupt:
        note(f"{watcher.done:,} of {len(planned.runs):,} runs are done and kept; the same command continues")
        raise
    _tell(planned, into, tally, json)
    if tally.failed:
        raise typer.Exit(1)


class _Lines:
    """Without a terminal: a line for each run that ends."""

    def __init__(self) -> None:
        self.total = self.done = self.failed = 0

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None: ...

    def begins(self, total: int, done: int, failed: int, workers: int) -> None:
        self.total, self.done, self.failed = total, done, failed
        if done + failed:
            before = f", {failed:,} failed" if failed else ""
            note(f"{done:,} of {total:,} runs are done already{before}")

    def started(self, run: "PlannedRun") -> None: ...

    def ended(self, run: "PlannedRun", failed: "Failed | None") -> None:
        self.done += failed is None
        self.failed += failed is not None
        told = "done" if failed is None else f"failed: {failed.message}"
        self.says(f"{self.done + self.failed:,}/{self.total:,} {run.name} {told}")

    def pulse(self) -> None: ...

    def says(self, text: str) -> None:
        note(text)


class _Bar(_Lines):
    """On a terminal: a bar, with what is running.  Drawn without a thread, since workers are forked."""

    def __init__(self, title: str) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failures]}", style="red", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            TextColumn("{task.fields[running]}", style="dim", markup=False),
        )
        self.bar = Bar(
            *columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False, expand=False
        )
        self.task = self.bar.add_task(printable(title)[:30], total=None, failures="", left="", running="")
        self.running: list[str] = []
        self.before = 0
        self.began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def begins(self, total: int, done: int, failed: int, workers: int) -> None:
        self.total, self.done, self.failed, self.before = total, done, failed, done + failed
        self.began = time.monotonic()
        self.bar.start()
        self.pulse()

    def started(self, run: "PlannedRun") -> None:
        self.running.append(run.name)

    def ended(self, run: "PlannedRun", failed: "Failed | None") -> None:
        self.done += failed is None
        self.failed += failed is not None
        self.running.remove(run.name)
        if failed is not None:
            self.says(f"{run.name} failed: {failed.message}")

    def pulse(self) -> None:
        ended = self.done + self.failed
        here = ended - self.before
        seconds = (time.monotonic() - self.began) / here * (self.total - ended) if here else None
        self.bar.update(
            self.task,
            total=self.total,
            completed=ended,
            failures=f"{self.failed:,} failed" if self.failed else "",
            left="" if seconds is None else f"{_duration(seconds)} left",
            running=printable(", ".join(self.running)),
        )
        self.bar.refresh()

    def says(self, text: str) -> None:
        self.bar.console.print(printable(text), markup=False, highlight=False)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _list(planned: "BatchPlan", into: "Path", loader: "Loader", json: bool) -> None:
    from cyclewise.batch import folder as on_disk

    on_disk.check(into)
    states = [on_disk.standing(into, run, loader) for run in planned.runs]
    if json:
        runs = [
            {"name": run.name, "system": run.system, "workload": run.workload, "variant": run.variant}
            | {"settings": dict(run.settings), "state": found.state}
            for run, found in zip(planned.runs, states, strict=True)
        ]
        print_json({"title": planned.title, "folder": str(into), "runs": runs})
        return
    table(
        ["run", "system", "workload", "changes", "state"],
        [
            (run.name, run.system, run.workload, ", ".join(run.overrides), found.state)
            for run, found in zip(planned.runs, states, strict=True)
        ],
    )
    ready = sum(found.state == "done" for found in states)
    say(f"{len(states):,} runs, {ready:,} of them done, for {printable(str(into))}")


def _tell(planned: "BatchPlan", into: "Path", tally: "Tally", json: bool) -> None:
    from cyclewise.batch import folder as on_disk
    from cyclewise.batch.table import columns, rows

    found = [*rows(into, planned)]
    if json:
        columned = columns(found)
        lines = [dict(zip(columned, values, strict=True)) for values in zip(*columned.values(), strict=True)]
        print_json({"title": planned.title, "folder": str(into), **vars(tally), "runs": lines})
        return
    if planned.title:
        say(printable(planned.title))
        say()
    _table(found)
    say()
    told = f"{tally.done:,} run{'s' * (tally.done != 1)} done" + (
        f" ({tally.kept:,} of them before)" if tally.kept else ""
    )
    say(told + (f", {tally.failed:,} failed" if tally.failed else ""))
    say(f"results  {printable(str(into / on_disk.CSV))}, {on_disk.PARQUET}, {on_disk.RUNS}/NAME")


def _table(rows: "Sequence[Row]") -> None:
    reports: list[Any] = [row.report or {} for row in rows]
    metrics = [name for name in _SHOWN if any(name in report.get("metrics", {}) for report in reports)]
    energy = any(report.get("energy_joules") for report in reports)
    numbers = ["time", *(_SHOWN[name] for name in metrics), *(["energy"] if energy else [])]
    heads = ["run", *numbers, "bound by", ""]
    table(heads, [_row(row, metrics, energy) for row in rows], numbers=numbers)


def _row(row: "Row", metrics: Sequence[str], energy: bool) -> list[str]:
    from sim.report.terminal import si

    report = row.report
    if report is None:
        message = row.failed.message if row.failed else ""
        return [row.run.name, *[""] * (1 + len(metrics) + energy), "", f"failed: {message}"]
    cells = [row.run.name, si(report["seconds"], "s")]
    cells += [_shown(report["metrics"].get(name), report["units"].get(name, "1")) for name in metrics]
    if energy:
        joules = report["energy_joules"]
        cells.append("" if joules is None else si(joules["total"], "J"))
    causes = [f"{cause} {bound['share']:.0%}" for cause, bound in [*report["bound_by"].items()][:1]]
    warnings = len(report["warnings"])
    return [*cells, *causes, f"{warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""]


def _shown(value: Any, unit: str) -> str:
    from sim.report.terminal import si

    if value is None:
        return ""
    if unit == "1":
        return f"{value:.1%}"
    if unit == "1/s":
        return f"{value:,.1f}"
    return si(value, unit) if unit in ("B/s", "B", "s", "J") else f"{value:,.1f} {unit}"
