"""A batch folder read back: every run with its report, or with what went wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arch.errors import InputError
from cyclewise import run_folder
from cyclewise.batch import folder as on_disk

if TYPE_CHECKING:
    from sim.report import Report


@dataclass(frozen=True)
class BatchRun:
    """One run of a batch.  Exactly one of ``report`` and ``error`` is there.

    ``system``, ``workload``, ``variant``: what the batch file calls them.  ``settings``: the keys that were
    changed, with YAML texts as values; those of the workload begin with ``workload.``, of the mapping with
    ``mapping.``.  ``folder``: its run folder, if the run is finished.  ``error``: why there is no report.
    """

    name: str
    system: str
    workload: str
    variant: str | None
    settings: Mapping[str, str]
    folder: Path | None
    report: "Report | None"
    error: str | None


@dataclass(frozen=True)
class BatchResults:
    """A batch, its runs in the order of its file; ``source``: that file, None for a batch made in Python.
    ``overrides``: what was changed in all runs beside it, as after ``--set``.
    """

    title: str
    runs: tuple[BatchRun, ...]
    source: str | None = None
    overrides: tuple[str, ...] = ()

    @property
    def reports(self) -> "dict[str, Report]":
        """The reports of the finished runs, by name."""
        return {run.name: run.report for run in self.runs if run.report is not None}


def is_batch(folder: str | Path) -> bool:
    """Is this the folder of a batch?"""
    return (Path(folder) / on_disk.RECORD).is_file()


def read_batch(folder: str | Path) -> BatchResults:
    """The batch in ``folder``; a damaged or missing result is told in the ``error`` of its run alone.

    Raises:
        InputError: there is no batch in the folder, or its record is damaged or in another format.
    """
    path = Path(folder)
    content = on_disk.record(path)
    runs = tuple(_run(path, known) for known in content["runs"])
    source = content.get("source")
    overrides = tuple(map(str, content.get("overrides") or ()))
    title = str(content.get("title") or "")
    return BatchResults(title, runs, None if source is None else str(source), overrides)


def _run(folder: Path, known: Mapping[str, object]) -> BatchRun:
    name = str(known["name"])
    settings = known.get("settings")
    variant = known.get("variant")
    place, report, error = _result(folder, name, str(known["system_digest"]))
    return BatchRun(
        name=name,
        system=str(known["system"]),
        workload=str(known["workload"]),
        variant=None if variant is None else str(variant),
        settings={str(k): str(v) for k, v in settings.items()} if isinstance(settings, dict) else {},
        folder=place,
        report=report,
        error=error,
    )


def _result(folder: Path, name: str, digest: str) -> "tuple[Path | None, Report | None, str | None]":
    from sim.report import Report

    path = on_disk.run_path(folder, name)
    try:
        if (path / run_folder.RECORD).exists():
            of = run_folder.record(path)["system"].get("digest")
            if of != digest:
                return None, None, "not finished: the folder holds an earlier run of another system"
            on_disk.whole_report(path)
            file = path / run_folder.REPORT
            return path, Report.from_json(file.read_text(encoding="utf-8"), file=str(file)), None
        found = on_disk.read_failure(folder, name)
    except (InputError, OSError, UnicodeDecodeError) as error:
        return None, None, str(error)
    return None, None, found[0].message if found else "not finished"
