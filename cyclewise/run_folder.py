"""The folder that holds a run: its report, the resolved system, the exact command.

===================  =========================================================================
file                 content
===================  =========================================================================
report.json          the report
system.yaml          the resolved system; loads by itself, whatever becomes of the files it came from
command.txt          the command, to be read or pasted
run.json             the same for programs: arguments, workload, tables and files with hashes, versions
workload.npz         the workload, if it was made in Python and has no file of its own
workload.yaml        the same for a transformer and what is asked of it
workload.aim         the same for an AiM trace
over_time.csv        bandwidth, queue depths, refreshes and activates over time
latency.csv          how many reads took how long
bank_activity.csv    activates and column commands of each bank over time
tokens.csv …         other tables that the machine's figures are drawn from
timeline.json.gz     of a transformer's run: one token, for ui.perfetto.dev
===================  =========================================================================

The files appear only after the run has ended; those of an earlier run stay until then.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arch.errors import InputError
from cyclewise.staging import put_in_place, staged, unwritable

FORMAT = "cyclewise run 1"
REPORT, SYSTEM, COMMAND, RECORD = "report.json", "system.yaml", "command.txt", "run.json"
TIMELINE = "timeline.json.gz"
WORKLOAD, DECODING, AIM = "workload.npz", "workload.yaml", "workload.aim"
PAGE, FIGURES = "report.html", "figures"
"""What ``cyclewise report`` adds."""


class RunFolder:
    """A folder that is ready to take the results of a run; see :func:`prepared`."""

    def __init__(self, folder: Path, stage: Path) -> None:
        self.folder = folder
        self._stage = stage

    def aside(self, name: str) -> Path:
        """Where a file may be written that :meth:`finish` puts in its place with the others."""
        return self._stage / name

    def finish(self, files: Mapping[str, str]) -> None:
        """Write all ``files`` (by name) aside, then put everything aside in its place.

        Raises:
            InputError: the folder cannot be written; what is in it stays as it was.
        """
        try:
            for name, content in files.items():
                with open(self.aside(name), "wb") as file:
                    file.write(content.encode(errors="surrogateescape"))  # paths can hold anything
                    file.flush()
                    os.fsync(file.fileno())
            figures = self.folder / FIGURES
            for drawn in (
                self.folder / PAGE,
                self.folder / TIMELINE,
                *figures.glob("*.svg"),
                *figures.glob("*.csv"),
            ):
                drawn.unlink(missing_ok=True)  # of the run that was here before
            # The record comes last: where it and the report disagree, a run was cut short right here.
            put_in_place(self._stage, self.folder, RECORD)
        except OSError as error:
            raise unwritable(self.folder, error) from error


@contextmanager
def prepared(folder: str | os.PathLike[str]) -> Iterator[RunFolder]:
    """Make sure, before anything is simulated, that ``folder`` can take a run; on failure leave no trace.

    Raises:
        InputError: it cannot be written, or holds something else than a run.
    """
    with staged(folder, RECORD, "run") as stage:
        if (stage.parent / RECORD).exists():
            record(stage.parent)
        yield RunFolder(stage.parent, stage)


def record(folder: Path) -> dict[str, Any]:
    """The record of a finished run.

    Raises:
        InputError: the folder holds none, or one that is damaged.
    """
    path = folder / RECORD
    content = json_object(path, "holds no run: it was not written by cyclewise run -o")
    needed = {"format": str, "arguments": list, "system": dict, "workload": dict, "files": dict}
    for key, kind in needed.items():
        if not isinstance(content.get(key), kind):
            raise InputError(
                "not the record of a run", file=os.fspath(path), field=key, accepted=kind.__name__
            )
    if content["format"] != FORMAT:
        given = content["format"]
        raise InputError(
            "another version", file=os.fspath(path), field="format", given=given, accepted=FORMAT
        )
    return content


def report(folder: Path) -> dict[str, Any]:
    """The report of a finished run, as plain values; InputError if it is missing or damaged."""
    return json_object(folder / REPORT, "is missing")


def check_tables(folder: Path, record: Mapping[str, Any]) -> None:
    """InputError if a table that the run wrote has been changed since; a missing one is no matter here."""
    known = record.get("tables")
    for name, digest in known.items() if isinstance(known, dict) else ():
        path = folder / name
        try:
            same = not path.exists() or fingerprint(path) == digest
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", file=os.fspath(path)) from error
        if not same:
            raise InputError("damaged: not the table that this run wrote", file=os.fspath(path))


def table(columns: Mapping[str, Sequence[Any]]) -> str:
    """Columns of equal length as CSV, their names in the first line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # Plain Python numbers: as text they read back as exactly the same.
    plain = [column.tolist() if hasattr(column, "tolist") else column for column in columns.values()]
    writer.writerows(zip(*plain, strict=True))
    return text.getvalue()


def json_object(path: Path, missing: str) -> dict[str, Any]:
    """The JSON object in a file; InputError, saying ``missing`` if there is no such file."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(missing, file=os.fspath(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=os.fspath(path)) from error
    except (ValueError, RecursionError) as error:
        raise InputError("damaged: not JSON", file=os.fspath(path)) from error
    if not isinstance(content, dict):
        raise InputError("damaged: not a JSON object", file=os.fspath(path))
    return content


def fingerprint(file: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    digest = hashlib.sha256()
    with open(file, "rb") as opened:
        while piece := opened.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def file_state(file: str | os.PathLike[str]) -> dict[str, int]:
    """Size and time of the last change: a file in which both are the same is taken to be the same.

    Empty if there is no such file.
    """
    try:
        found = os.stat(file)
    except OSError:
        return {}
    return {"size": found.st_size, "modified_ns": found.st_mtime_ns}
