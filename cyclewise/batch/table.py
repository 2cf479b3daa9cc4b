"""The table of a batch: one row a run, in the batch's order, as CSV and Parquet.

It holds nothing of the computer or the time of day: however a batch came to its end, the bytes are the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cyclewise import run_folder
from cyclewise.batch import folder as on_disk
from cyclewise.batch.folder import Failed
from cyclewise.batch.planning import BatchPlan, PlannedRun
from cyclewise.terminal import printable

Value = int | float | str | None

_TEXTS = ("run", "system", "workload", "variant", "outcome", "message", "bound_by")


class Row(NamedTuple):
    """A run and what came of it: the report as plain values, or the failure."""

    run: PlannedRun
    report: Mapping[str, Any] | None
    failed: Failed | None


def rows(folder: Path, planned: BatchPlan) -> Iterator[Row]:
    """What is on disk of every run of the batch.

    Raises:
        InputError: a result has been damaged since the batch looked at it.
    """
    for run in planned.runs:
        found = on_disk.read_failure(folder, run.name)
        if found is None:
            yield Row(run, run_folder.report(on_disk.run_path(folder, run.name)), None)
        else:
            yield Row(run, None, found[0])


def columns(rows: Sequence[Row]) -> dict[str, list[Value]]:
    """The table by column; names carry the unit, ``bandwidth [B/s]``, unless it is 1.

    After the names of run, system, workload and variant come the changed keys (``set KEY``, as YAML), the
    outcome (``done`` or ``failed``) with the message of a failure, and the figures of the report.
    """
    settings = dict.fromkeys(key for row in rows for key in row.run.settings)
    groups = [(_what(row, settings), _figures(row), _why(row)) for row in rows]
    lines = [{**what, **figures, **why} for what, figures, why in groups]
    # Group by group: a metric that only a later run has still stands among the metrics.
    names = dict.fromkeys(name for at in range(3) for group in groups for name in group[at])
    return {name: [line.get(name) for line in lines] for name in names}


def write(folder: Path, planned: BatchPlan) -> None:
    """Write ``results.csv`` and ``results.parquet``; InputError if they cannot be written."""
    table = columns([*rows(folder, planned)])
    on_disk.write_whole(folder / on_disk.CSV, run_folder.table(table))
    _write_parquet(folder / on_disk.PARQUET, table)


def load() -> None:
    """Load what writing takes, so that :func:`write` need not."""
    import pyarrow.parquet  # noqa: F401


def discard(folder: Path) -> None:
    """Remove the table of an earlier batch, which the runs to come make untrue."""
    for name in (on_disk.CSV, on_disk.PARQUET):
        (folder / name).unlink(missing_ok=True)


def _what(row: Row, settings: Mapping[str, None]) -> dict[str, Value]:
    run, failed = row.run, row.failed
    return {
        "run": run.name,
        "system": run.system,
        "workload": run.workload,
        "variant": run.variant,
        **{f"set {key}": run.settings.get(key) for key in settings},
        "outcome": "done" if failed is None else "failed",
        "message": None if failed is None else printable(failed.message),
    }


def _figures(row: Row) -> dict[str, Value]:
    if row.report is None:
        return {}
    report = row.report
    figures: dict[str, Value] = {"time [s]": float(report["seconds"])}
    for domain, cycles in report["cycles"].items():
        figures[f"cycles.{domain} [cycles]"] = cycles
    for name, value in report["metrics"].items():
        unit = report["units"].get(name, "1")
        figures[name if unit == "1" else f"{name} [{unit}]"] = value
    return figures


def _why(row: Row) -> dict[str, Value]:
    if row.report is None:
        return {}
    joules, causes = row.report["energy_joules"], row.report["bound_by"]
    first = next(iter(causes), None)
    return {
        "energy [J]": None if joules is None else joules["total"],
        "bound_by": first,
        "bound_by_share": None if first is None else causes[first]["share"],
        "warnings": len(row.report["warnings"]),
    }


def _write_parquet(path: Path, table: Mapping[str, Sequence[Value]]) -> None:
    import pyarrow
    import pyarrow.parquet

    from workloads.compression import replacing

    arrays = {name: pyarrow.array(values, _type(name, values)) for name, values in table.items()}
    with replacing(str(path)) as file:
        pyarrow.parquet.write_table(pyarrow.table(arrays), file)


def _type(name: str, values: Sequence[Value]) -> Any:
    import pyarrow

    if name in _TEXTS or name.startswith("set "):
        return pyarrow.string()
    whole = all(value is None or isinstance(value, int) for value in values)
    return pyarrow.int64() if whole and any(value is not None for value in values) else pyarrow.float64()
