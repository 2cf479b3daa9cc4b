"""``cyclewise explore STUDY.yaml``: search for designs, resumable at any moment."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arch.errors import InputError
from cyclewise.terminal import note, print_json, printable, say, table

if TYPE_CHECKING:
    from cyclewise.exploration import Exploration
    from dse.exploring import Outcome
    from dse.study import Study

EXAMPLE = (
    "Example: cyclewise explore examples/dram_controller.yaml --budget 500 --jobs 2\n\n"
    "cyclewise explore study.yaml --dry-run\n\n"
    "cyclewise explore study.yaml -o out/study --seed 1 --seed 2 --wall '30 min'"
)


def command(
    file: Annotated[str, typer.Argument(help="What is searched, for what, by whom.", metavar="STUDY.yaml")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Keep the results here; NAME-results by default.", metavar="DIR"),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Processes; as many as cores by default.", metavar="N", min=1),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", help="Unique designs of each run.", metavar="N", min=1),
    ] = None,
    wall: Annotated[
        str | None, typer.Option("--wall", help="Ask for no more after this: 90 s, 30 min.", metavar="TIME")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="Instead of the study's.", metavar="N", min=0)
    ] = None,
    executor: Annotated[str, typer.Option("--executor", help="local or dask.", metavar="NAME")] = "local",
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Of Dask: tcp://HOST:8786.", metavar="ADDRESS")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option("--shard", help="Evaluate the I-th of N shares, for cyclewise collect.", metavar="I/N"),
    ] = None,
    optuna: Annotated[
        str | None,
        typer.Option("--optuna", help="Write all runs here, too: sqlite:///out.db.", metavar="STORAGE"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and count designs.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Search a space of designs for the best ones.

    The same command continues where a study was stopped or killed, and evaluates no finished design again.
    """
    from cyclewise.exploration import explore, explore_share, opened

    if dry_run:
        _describe(opened(file, evaluations=budget, wall=wall, seeds=seed), json)
        return
    if optuna is not None:
        from dse.optimisers.optuna_samplers import library

        library()  # whether it is installed shall be known before the search, not after it
    watcher = watcher_of()
    try:
        with watcher:
            if shard is not None:
                if executor != "local" or scheduler is not None or optuna is not None:
                    message = "a share is evaluated here, and is no whole run"
                    accepted = "no --executor, --scheduler or --optuna beside it"
                    raise InputError(message, field="--shard", accepted=accepted)
                folder, outcome = explore_share(
                    file,
                    shard,
                    output=output,
                    jobs=jobs,
                    evaluations=budget,
                    wall=wall,
                    seeds=seed,
                    listener=watcher,
                )
                _tell_share(folder, shard, outcome, json)
                return
            found = explore(
                file,
                output=output,
                jobs=jobs,
                evaluations=budget,
                wall=wall,
                seeds=seed,
                executor=executor,
                scheduler=scheduler,
                listener=watcher,
            )
    except KeyboardInterrupt:
        note("what has been evaluated is kept; the same command continues")
        raise
    if optuna is not None:
        from dse.optuna_storage import export_to_optuna

        for name in export_to_optuna(found.study, found.folder, optuna):
            note(f"{optuna}: study {name}")
    tell(found, json)


def watcher_of() -> "_Lines":
    """Who shows progress: a bar on a terminal, else lines."""
    return _Bar() if sys.stderr.isatty() else _Lines()


LINE_SECONDS = 2.0
"""Least time between two lines where there is no terminal."""

MOST_RUNS = 12
"""Runs that are told one by one; more are told by optimiser."""


class _Lines:
    """Without a terminal: a line now and then, which tells how far the search is."""

    def __init__(self) -> None:
        self.told = time.monotonic()
        self.name = ""
        self.unique = self.failed = 0
        self.best: Sequence[float] | None = None

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None: ...

    def begins(self, label: str, seed: int, number: int, runs: int, budget: int | None) -> None:
        self.name = f"{number}/{runs} {label}, seed {seed}"
        self.unique = self.failed = 0
        self.best = None

    def goes_on(self, unique: int, best: Sequence[float] | None, failed: int) -> None:
        self.unique, self.best, self.failed = unique, best, failed
        if time.monotonic() - self.told >= LINE_SECONDS:
            self.told = time.monotonic()
            good = "" if best is None else f", best {best[0]:.4g}"
            note(f"{self.name}: {unique:,} designs{good}{f', {failed:,} failed' if failed else ''}")

    def pulse(self, synced: int, waiting: int) -> None: ...

    def says(self, text: str) -> None:
        note(text)


class _Bar(_Lines):
    """On a terminal: a bar with the best value so far.  Drawn without a thread, since workers are forked."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[best]}", markup=False),
            TextColumn("{task.fields[failures]}", style="red", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", style="dim", markup=False),
        )
        self.bar = Bar(*columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False)
        self.task = self.bar.add_task("", total=None, best="", failures="", left="")
        self.began = time.monotonic()
        self.bar.start()

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        super().__exit__()

    def begins(self, label: str, seed: int, number: int, runs: int, budget: int | None) -> None:
        super().begins(label, seed, number, runs, budget)
        self.began = time.monotonic()
        self.bar.update(self.task, description=printable(self.name)[:40], total=budget)
        self.bar.update(self.task, completed=0, best="", failures="", left="")
        self.bar.refresh()

    def goes_on(self, unique: int, best: Sequence[float] | None, failed: int) -> None:
        super().goes_on(unique, best, failed)
        total = self.bar.tasks[0].total
        seconds = (time.monotonic() - self.began) / unique * (total - unique) if total and unique else None
        self.bar.update(
            self.task,
            completed=unique,
            best="" if best is None else f"best {best[0]:.4g}",
            failures=f"{failed:,} failed" if failed else "",
            left="" if seconds is None else f"{round(seconds):,} s left",
        )
        self.bar.refresh()

    def pulse(self, synced: int, waiting: int) -> None:
        self.bar.refresh()

    def says(self, text: str) -> None:
        self.bar.console.print(printable(text), markup=False, highlight=False)


def _describe(study: "Study", json: bool) -> None:
    size, raw = study.space.size(), study.space.raw_size()
    runs = [(choice.label, seed) for choice in study.optimizers for seed in study.seeds]
    if json:
        content: dict[str, Any] = {"study": study.name, "designs": size, "combinations": raw}
        content |= {"workloads": list(study.workloads), "objectives": list(study.objective.names)}
        content |= {"runs": [{"optimizer": label, "seed": seed} for label, seed in runs]}
        print_json({**content, "budget": study.evaluations, "batch": study.batch})
        return
    if study.title:
        say(printable(study.title))
        say()
    rows = []
    for p in study.space.parameters:
        values = f"{p.low:g} to {p.high:g}" if p.values is None else ", ".join(str(v) for v in p.values[:12])
        more = " …" if p.values is not None and len(p.values) > 12 else ""
        when = "" if p.when is None else p.when.text
        ignored = "no effect" if p.name in study.space.ignored else when
        rows.append((p.name, p.kind, values + more, ignored, ", ".join(p.paths)))
    table(["parameter", "kind", "values", "when", "sets"], rows)
    say()
    counted = "more than can be counted" if size is None else f"{size:,}"
    of = "" if raw is None or raw == size else f" of {raw:,} combinations"
    say(f"designs    {counted}{of}")
    say(f"workloads  {printable(', '.join(study.workloads))}")
    say(f"minimise   {', '.join(study.objective.names)}")
    budget = "no limit" if study.evaluations is None else f"{study.evaluations:,} designs each"
    say(f"runs       {len(runs)}: {', '.join(dict.fromkeys(label for label, _ in runs))}; {budget}")
    for warning in study.objective.warnings:
        note(warning)


def _tell_share(folder: Path, shard: str, outcome: "Outcome", json: bool) -> None:
    if json:
        content = {"folder": str(folder), "shard": shard, "evaluated": outcome.evaluated}
        print_json({**content, "reused": outcome.reused, "failures": outcome.failures})
        return
    say(f"share {shard}: {outcome.evaluated:,} evaluations now, {outcome.reused:,} before")
    say(f"results  {printable(str(folder))}; cyclewise collect brings shares together")


def tell(found: "Exploration", json: bool) -> None:
    """What a study came to, on the standard output."""
    outcome = found.outcome
    if json:
        content = {
            "study": found.study.name,
            "folder": str(found.folder),
            "evaluated": outcome.evaluated,
            "reused": outcome.reused,
            "runs": [vars(run) for run in outcome.runs],
            "best": None if found.best is None else dict(found.best),
            "objectives": found.values,
            "metrics": dict(found.metrics),
            "set": list(found.overrides),
            "failures": outcome.failures,
        }
        print_json(content)
        return
    if found.study.title:
        say(printable(found.study.title))
        say()
    _runs(found)
    say()
    _best(found)
    told = f"{outcome.evaluated:,} evaluations now, {outcome.reused:,} before"
    say(told)
    for message, count in sorted(outcome.failures.items(), key=lambda item: -item[1])[:3]:
        say(f"{count:,} × {printable(message)}")
    say(f"results  {printable(str(found.folder / 'index.html'))}, best.yaml, results.csv, figures")


def _runs(found: "Exploration") -> None:
    runs = found.outcome.runs
    numbers = ("seed", "runs", "designs", "failed")
    if len(runs) <= MOST_RUNS:
        rows = [
            (run.label, run.seed, f"{run.unique:,}", f"{run.failed:,}" if run.failed else "", run.ended)
            for run in runs
        ]
        table(["optimizer", "seed", "designs", "failed", "ended by"], rows, numbers=numbers)
        return
    from dse.statistics.tables import table_of_efficiency

    told = table_of_efficiency(found.summary)
    heads = [column.text for column in told.columns]
    table(heads, [[cell.text for cell in row] for row in told.rows], numbers=heads[1:])


def _best(found: "Exploration") -> None:
    from dse.statistics.tables import significant

    if found.best is None:
        say("no design meets the constraints")
        return
    goals = {goal.name: goal.unit for goal in found.study.objective.goals}
    values = ", ".join(f"{name} {significant(value, goals[name])}" for name, value in found.values.items())
    say(f"best     {values}" if found.summary.single else f"knee     {values}")
    base = found.summary.baseline
    if base is not None:
        before = ", ".join(
            f"{goal.name} {significant(goal.sign * value, goal.unit)}"
            for goal, value in zip(found.study.objective.goals, base, strict=True)
        )
        say(f"before   {before}")
    if not found.summary.single:
        designs = len(found.summary.front)
        say(f"front    {designs:,} design{'s' * (designs != 1)}")
    for text in found.overrides:
        say(f"  {printable(text)}")
    say()
