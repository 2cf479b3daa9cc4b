"""A store as tables: one row for each design and workload, and aside where and when it was evaluated."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dse.store.record import Record

CSV, PARQUET, HOSTS = "results.csv", "results.parquet", "hosts.csv"


def write_tables(folder: Path, records: Iterable[Record], parameters: Sequence[str]) -> None:
    """Write ``results.csv``, ``results.parquet`` and ``hosts.csv``.

    Args:
        folder: where to; it exists.
        records: sorted by key, as a store gives them.
        parameters: of the space, in order; empty where one has no effect.

    Raises:
        OSError: they cannot be written.
    """
    rows = [*records]
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics or ()))
    columns: dict[str, list[Any]] = {"key": [row.key for row in rows]}
    columns |= {name: [row.task.config.get(name) for row in rows] for name in parameters}
    columns |= {"workload": [r.task.workload for r in rows], "fidelity": [r.task.fidelity for r in rows]}
    columns |= {"seed": [r.task.seed for r in rows]}
    for name in metrics:  # a metric may be called as a parameter is
        columns[name if name not in columns else f"metric.{name}"] = [
            (r.metrics or {}).get(name) for r in rows
        ]
    columns["failure"] = [
        None if r.failure is None else f"{r.failure.kind}: {r.failure.message}" for r in rows
    ]
    columns |= {"workload_digest": [r.workload_digest for r in rows], "version": [r.version for r in rows]}
    _write_csv(folder / CSV, columns)
    _write_parquet(folder / PARQUET, columns)
    asides = [row.aside for row in rows]
    hosts = {"key": columns["key"], "host": [a.host for a in asides], "pid": [a.pid for a in asides]}
    hosts |= {"seconds": [a.seconds for a in asides], "finished": [a.finished for a in asides]}
    _write_csv(folder / HOSTS, hosts)


def _write_csv(path: Path, columns: dict[str, list[Any]]) -> None:
    aside = path.with_name(path.name + ".part")
    with aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(map(_cell, column) for column in columns.values()), strict=True))
    aside.replace(path)


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _write_parquet(path: Path, columns: dict[str, list[Any]]) -> None:
    import pyarrow
    import pyarrow.parquet

    typed = {}
    for name, values in columns.items():
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:
            values = [None if value is None else str(_cell(value)) for value in values]
        elif kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        typed[name] = pyarrow.array(values)
    aside = path.with_name(path.name + ".part")
    pyarrow.parquet.write_table(pyarrow.table(typed), aside)
    aside.replace(path)
