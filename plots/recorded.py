"""What figures are drawn from: a run's report and the tables recorded beside it.

=================  ======================================================================================
table              columns
=================  ======================================================================================
``over_time``      component, start, cycles, read_bytes, written_bytes, read_queue_depth,
                   write_queue_depth, refreshes, activates: a row for each component and bin of time
``latency``        since (arrival or accept), from_cycles, to_cycles (not included), reads
``bank_activity``  component, bank, start, cycles, activates, column_commands: rows that are not all zero
``tokens``         request, position (context), start, cycles, mac_columns, activates, generated (0, 1)
``operators``      operator, cycles (on the critical path), mac_columns, activates, result_bursts,
                   load_bursts, asic_cycles: sums over layers and tokens
``layers``         layer, cycles: sums over tokens
``commands_by_…``  ``commands_by_channel``: component, command, count
=================  ======================================================================================

Cycles are of the memory's clock unless a column says otherwise.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError
from sim.report import Report

Tables = Mapping[str, Mapping[str, Any]]
"""Name of a table to its columns, all of one length."""

COLUMNS: Mapping[str, Mapping[str, type]] = {
    "over_time": {
        "component": str,
        "start": int,
        "cycles": int,
        "read_bytes": float,
        "written_bytes": float,
        "read_queue_depth": float,
        "write_queue_depth": float,
        "refreshes": int,
        "activates": int,
    },
    "latency": {"since": str, "from_cycles": int, "to_cycles": int, "reads": int},
    "bank_activity": {
        "component": str,
        "bank": int,
        "start": int,
        "cycles": int,
        "activates": int,
        "column_commands": int,
    },
    "tokens": {
        "request": int,
        "position": int,
        "start": int,
        "cycles": int,
        "mac_columns": int,
        "activates": int,
        "generated": int,
    },
    "operators": {
        "operator": str,
        "cycles": int,
        "mac_columns": int,
        "activates": int,
        "result_bursts": int,
        "load_bursts": int,
        "asic_cycles": int,
    },
    "layers": {"layer": str, "cycles": int},
    "commands_by_channel": {"component": str, "command": str, "count": int},
}
REPORT = "report.json"


class NothingToDraw(InputError):  # noqa: N818  (no fault of anybody: there is nothing to see)
    """A run has nothing that this figure could show; the text says why."""


class HasReport(Protocol):
    """What ``cw.run`` returns: a report, and perhaps the folder that holds the rest."""

    @property
    def report(self) -> Report: ...
    @property
    def folder(self) -> Path | None: ...


Run = Report | HasReport | str | os.PathLike[str]
"""A report, the result of ``cw.run``, or the path of a run folder."""


@dataclass(frozen=True)
class Recorded:
    """A report and tables whose columns are arrays, shape (rows,)."""

    report: Report
    tables: Mapping[str, Mapping[str, NDArray[Any]]]

    @property
    def cycle_seconds(self) -> float:
        """Time of one cycle, in seconds; 0 for a run without any."""
        cycles = self.report.cycles.get("memory") or max(self.report.cycles.values(), default=0)
        return self.report.seconds / cycles if cycles else 0.0

    def table(self, name: str) -> Mapping[str, NDArray[Any]]:
        """The columns of a table.

        Raises:
            NothingToDraw: it was not recorded, or holds no rows.
            InputError: it lacks a column.
        """
        found = self.tables.get(name)
        if found is None:
            raise NothingToDraw(f"the run has no table {name}; runs of this version record it")
        missing = [column for column in COLUMNS.get(name, {}) if column not in found]
        if missing:
            raise InputError("lacks a column", field=f"{name}.{missing[0]}")
        if not len(next(iter(found.values()))):
            raise NothingToDraw(f"table {name} is empty")
        return found


def of(run: Run, tables: Tables | None = None) -> Recorded:
    """What there is to draw of ``run``.

    Args:
        run: a report, what ``cw.run`` returned, or the path of a run folder.
        tables: recorded tables; default: those of the report, else those in the run's folder.

    Raises:
        InputError: a folder that holds no run, or a damaged one.
        TypeError: ``run`` is none of the above.
    """
    if isinstance(run, (str, os.PathLike)):
        report, found = read(run)
        return Recorded(report, found if tables is None else _arrays(tables))
    given: Any = run if isinstance(run, Report) else getattr(run, "report", None)
    if not isinstance(given, Report):
        raise TypeError(f"run: given {type(run).__name__}, accepted a result of cyclewise.run or a folder")
    if tables is None:
        tables = {name: given.tables[name] for name in COLUMNS if name in given.tables}
        folder = getattr(run, "folder", None)
        if not tables and folder is not None:
            tables = read_tables(folder)
    return Recorded(given, _arrays(tables))


def read(folder: str | os.PathLike[str]) -> tuple[Report, dict[str, dict[str, NDArray[Any]]]]:
    """Report and tables of a run folder.

    Raises:
        InputError: it holds no report, or something in it is damaged; names file, line and field.
    """
    path = Path(folder) / REPORT
    return Report.from_json(_text(path, "holds no run"), file=os.fspath(path)), read_tables(folder)


def read_tables(folder: str | os.PathLike[str]) -> dict[str, dict[str, NDArray[Any]]]:
    """Those of the tables that a run folder holds; InputError names what is damaged."""
    paths = {name: Path(folder) / f"{name}.csv" for name in COLUMNS}
    return {name: _read_table(path, COLUMNS[name]) for name, path in paths.items() if path.exists()}


def _read_table(path: Path, columns: Mapping[str, type]) -> dict[str, NDArray[Any]]:
    file = os.fspath(path)
    lines = csv.reader(_text(path, "is missing").splitlines(), strict=True)
    try:
        head = next(lines, [])
        missing = [name for name in columns if name not in head]
        if missing:
            raise InputError("damaged: a column is missing", file=file, line=1, field=missing[0])
        rows: list[list[str]] = []
        for row in lines:
            if len(row) != len(head):
                given, accepted = f"{len(row)} values", f"{len(head)}, one a column"
                raise InputError("damaged", file=file, line=lines.line_num, given=given, accepted=accepted)
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"damaged: {error}", file=file, line=lines.line_num) from None
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(head)
    return {name: _column(cells[head.index(name)], kind, name, file) for name, kind in columns.items()}


def _column(cells: Sequence[str], kind: type, name: str, file: str) -> NDArray[Any]:
    if kind is str:
        return np.array(cells, dtype=object)
    try:
        column = np.array([kind(cell) for cell in cells], dtype=np.int64 if kind is int else np.float64)
        wrong = np.flatnonzero(~(np.isfinite(column) & (column >= 0)))
    except (ValueError, OverflowError):
        wrong = np.array([next(at for at, cell in enumerate(cells) if not _reads_as(kind, cell))])
    if len(wrong):
        accepted = "a whole number from 0" if kind is int else "a number from 0"
        at = int(wrong[0])
        raise InputError("damaged", file=file, line=at + 2, field=name, given=cells[at], accepted=accepted)
    return column


def _reads_as(kind: type, cell: str) -> bool:
    try:
        return bool(abs(kind(cell)) < 2**63)
    except ValueError:
        return False


def _text(path: Path, missing: str) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(missing, file=os.fspath(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=os.fspath(path)) from error
    except UnicodeDecodeError:
        raise InputError("damaged: not UTF-8 text", file=os.fspath(path)) from None


def _arrays(tables: Tables) -> dict[str, dict[str, NDArray[Any]]]:
    kinds = {str: object, int: np.int64, float: np.float64}
    return {
        name: {
            column: np.asarray(values, dtype=kinds[COLUMNS[name][column]])
            for column, values in table.items()
            if column in COLUMNS[name]
        }
        for name, table in tables.items()
        if name in COLUMNS
    }
