"""What programs and functions that are not ours have in common as models: keys without a specification."""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from arch.errors import InputError, unknown
from dse.evaluation import Config, Value
from dse.models.interface import WorkloadEntry, settings_of
from workloads.compression import check_file

_PIECE = 1 << 20


def plain(value: Any, where: str) -> Value:
    """A scalar of YAML as Python has it.  Raises InputError for a list, a map or nothing."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str | int | float | bool):
        return value
    raise InputError("", field=where, given=value, accepted="a number, a text, true or false")


def plain_map(given: Any, where: str) -> dict[str, Value]:
    """A map of plain values.  Raises InputError for anything else."""
    if not isinstance(given, Mapping):
        raise InputError("", field=where, given=given, accepted="a map such as {threads: 4}")
    return {str(key): plain(value, f"{where}.{key}") for key, value in given.items()}


def given_workload(entry: WorkloadEntry, folder: str) -> str:
    """The workload as a program is handed it: the path of the file beside the study, or the text itself."""
    beside = Path(folder) / entry.workload
    return str(beside.resolve()) if beside.is_file() else entry.workload


def workload_digest(entry: WorkloadEntry, folder: str) -> str:
    """SHA-256 of what the workload is: its file's content or its text, and its settings."""
    beside = Path(folder) / entry.workload
    content = file_digest(beside) if beside.is_file() else f"text {entry.workload}"
    settings = sorted(entry.set.items())
    return hashlib.sha256(f"{content}\n{settings!r}".encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content.  Raises InputError if it cannot be read."""
    check_file(str(path))
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def check_known(path: str, keys: Sequence[str]) -> None:
    """Raise InputError if ``path`` is none of the program's keys."""
    if path not in keys:
        accepted = ", ".join(keys) or "none: there is no {NAME} in it"
        raise InputError(unknown("key", path, keys), field=path, accepted=accepted)


def design_of(
    fixed: Mapping[str, Value], entry: WorkloadEntry, paths: Mapping[str, Sequence[str]], config: Config
) -> dict[str, Value]:
    """All values of an evaluation by key: those of the model, the workload, the design; later ones win."""
    settings = {key: plain(value, f"workloads.{entry.name}.{key}") for key, value in entry.set.items()}
    return {**fixed, **settings, **settings_of(paths, config)}
