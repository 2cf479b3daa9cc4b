"""``cyclewise report DIR``: the page of a run, or of the runs of a batch."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cyclewise.run_folder import FIGURES, PAGE
from cyclewise.terminal import note, print_json, printable, progress, say

if TYPE_CHECKING:
    from plots.drawing import Drawing
    from plots.page import Page
    from sim.report import Report

EXAMPLE = "Examples: cyclewise report out\n\ncyclewise report out -o for_the_paper.html"

FEW = 6
"""Pages for which a further process is worth its start."""


class Job(NamedTuple):
    """A run folder that gets a page; ``up``: path from there to the page of its batch."""

    folder: Path
    up: str


def command(
    folder: Annotated[
        str, typer.Argument(help="A folder that run -o or batch -o has written.", metavar="DIR")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Write the page here, and no figures beside it.", metavar="FILE.html"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Make one HTML page, to be looked at in any browser, and its figures as SVG and CSV.

    They go into DIR: report.html and figures/. The page holds everything and loads nothing. For a batch it
    compares the runs and leads to a page of each.
    """
    from cyclewise import run_folder

    path = Path(folder)
    target = Path(output) if output is not None else path / PAGE
    if output is not None and target.is_dir():
        from arch import InputError

        raise InputError("is a folder, not the file of a page", file=output, accepted="FILE.html")
    # A run folder has no such file, and neither has a folder without anything.
    if (path / "batch.json").exists() and not (path / run_folder.RECORD).exists():
        page, bad = _batch(path, target)
    else:
        page, bad = _run(path), []
    _write(target, page.html)
    figures = [] if output is not None else _save(page.drawings, path / FIGURES)
    for sentence in bad:
        note(f"left out: {sentence}")
    if json:
        print_json({"wrote": "report", "file": str(target), "figures": [str(f) for f in figures], "bad": bad})
        return
    say(f"page     {printable(str(target))}")
    if figures:
        say(f"figures  {printable(str(path / FIGURES))}: {len(page.drawings)} as SVG and CSV")


def pages_of_run(folder: str) -> None:
    """Write page and figures of a run beside it."""
    page = _run(Path(folder))
    _write(Path(folder) / PAGE, page.html)
    _save(page.drawings, Path(folder) / FIGURES)


def _run(path: Path, up: str | None = None) -> "Page":
    """The page of a run folder; InputError names whatever is damaged in it."""
    from arch import InputError
    from cyclewise import __version__, run_folder
    from cyclewise.simulation import report_digest

    record = run_folder.record(path)
    if report_digest(run_folder.report(path)) != record.get("report"):
        raise InputError("is not the report that this run wrote", file=str(path / run_folder.REPORT))
    from plots.page import run_page
    from plots.recorded import read

    report, tables = read(path)
    run_folder.check_tables(path, record)
    words = shlex.join(["cyclewise", *map(str, record["arguments"])])
    return run_page(report, tables, command=words, version=__version__, drawings=_limits(path, report), up=up)


def _limits(path: Path, report: "Report") -> "list[Drawing]":
    """Where the run stands under the limits of its memory, if that is what it ran on."""
    from cyclewise import run_folder
    from cyclewise.rooflines import row_locality

    activates = any(report.metrics.get(f"row_{kind}") for kind in ("misses", "conflicts"))
    if report.system.get("kind") != "memory" or not activates:
        return []
    return [row_locality(path / run_folder.SYSTEM, {str(report.workload["name"]): report})]


def _batch(path: Path, target: Path) -> "tuple[Page, list[str]]":
    """The page that compares the runs, after one for each; and a sentence for each run without."""
    from cyclewise import __version__
    from cyclewise.batch.results import read_batch
    from plots.page import Row, batch_page

    results = read_batch(path)
    bad = [f"{run.name}: {run.error}" for run in results.runs if run.report is None]
    finished = [(run, run.folder) for run in results.runs if run.folder is not None]
    problems = _pages([Job(place, os.path.relpath(target, place)) for _, place in finished])
    links: dict[str, str] = {}
    for run, place in finished:
        problem = problems[place]
        if problem is None:
            links[run.name] = _address(os.path.relpath(place / PAGE, target.parent))
        else:
            bad.append(f"the page of {run.name}: {problem}")
    rows = [
        Row(
            name=run.name,
            report=run.report,
            error=run.error,
            link=links.get(run.name),
            system=run.system,
            workload=run.workload,
            variant=run.variant,
        )
        for run in results.runs
    ]
    again = ["cyclewise", "batch", results.source, "-o", str(path)] if results.source is not None else []
    for text in results.overrides if again else ():
        again += ["--set", text]
    title = results.title or path.resolve().name
    return batch_page(title, rows, command=shlex.join(again), version=__version__), bad


def _pages(jobs: Sequence[Job]) -> dict[Path, str | None]:
    """Write the page of each run folder; per folder what was wrong with it, None for nothing."""
    from dse.processes import outcomes, usable_cores

    problems: dict[Path, str | None] = {}
    with progress("pages of the runs") as update:
        for outcome in outcomes(_written, jobs, workers=min(usable_cores(), len(jobs) // FEW + 1)):
            failure = outcome.failure
            problems[outcome.task.folder] = failure.message if failure else outcome.result
            update(len(problems), len(jobs))
    return problems


def _written(job: Job) -> str | None:
    from arch import InputError

    try:
        _write(job.folder / PAGE, _run(job.folder, _address(job.up)).html)
    except InputError as error:
        return str(error)
    return None


def _address(path: str) -> str:
    from urllib.parse import quote

    return quote(path.replace(os.sep, "/"))


def _save(drawings: "Sequence[Drawing]", folder: Path) -> list[Path]:
    import warnings

    from arch import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # Names may hold characters that the font lacks; whatever shows the picture may have them.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            return [file for drawing in drawings for file in drawing.save(folder)]
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", file=str(folder)) from error


def _write(target: Path, text: str) -> None:
    """The file appears whole or not at all."""
    from arch import InputError
    from workloads.compression import replacing

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be written ({reason})", file=str(target)) from error
    with replacing(str(target)) as file:
        file.write(text.encode(errors="backslashreplace"))  # paths can hold anything
