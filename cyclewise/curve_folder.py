"""The folder that holds a curve.

========================  ====================================================================
file                      content
========================  ====================================================================
curve.csv                 the points: bandwidths in GB/s, latencies in ns
curve.json                the same in bytes per second and cycles, the limits, and the command
system.yaml               the resolved system; loads by itself
latency_throughput.*      the drawing as .svg and .png, and its numbers as .csv
row_locality.*            bandwidth against column accesses per activate, the same three
========================  ====================================================================

The files appear only after the last run has ended; those of an earlier curve stay until then.
"""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from arch.errors import InputError

if TYPE_CHECKING:
    from arch import System
    from cyclewise.curves import Curve

TABLE, RECORD, SYSTEM = "curve.csv", "curve.json", "system.yaml"
_STAGE = ".unfinished-"


@contextmanager
def prepared(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Where to write the files, inside ``folder``; they are put in their places at the end.

    Raises:
        InputError: the folder cannot be written, or holds something else than a curve.  Whatever fails, what
            was in it stays, and nothing new does.
    """
    path = Path(folder)
    made: list[Path] = []
    stage: Path | None = None
    try:
        try:
            _refuse_foreign(path)
            for missing in [p for p in (path, *path.parents) if not p.exists()][::-1]:
                missing.mkdir()
                made.append(missing)
            stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=path))
        except (OSError, ValueError) as error:
            raise _unwritable(path, error) from error
        yield stage
        try:
            # The record comes last: where there is one, the other files are there as well.
            for name in sorted(os.listdir(stage), key=lambda name: (name == RECORD, name)):
                os.replace(stage / name, path / name)
        except OSError as error:
            raise _unwritable(path, error) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)
        for empty in reversed(made):
            with suppress(OSError):  # not empty: all went well
                empty.rmdir()


def write(stage: Path, curve: "Curve", system: "System") -> None:
    """Write everything about ``curve`` into the folder ``stage``.

    Raises:
        InputError: it cannot be written.
    """
    columns = curve.columns()
    try:
        with open(stage / TABLE, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        (stage / RECORD).write_text(json.dumps(curve.to_dict(), indent=2, allow_nan=False) + "\n")
        (stage / SYSTEM).write_text(system.to_yaml(), encoding="utf-8")
        for drawing in (curve.drawing(), curve.row_locality()):
            drawing.save(stage, ("svg", "png"))
    except OSError as error:
        raise _unwritable(stage.parent, error) from error


def _refuse_foreign(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError("is a file, not a folder for results", file=os.fspath(path))
    names = sorted(name for name in os.listdir(path) if not name.startswith(_STAGE))
    if names and RECORD not in names:
        message = f"holds other things ({', '.join(names[:3])}) and no earlier curve; they are left alone"
        raise InputError(message, file=os.fspath(path), accepted="an empty or new folder, or one of a curve")


def _unwritable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"cannot be written ({reason})", file=os.fspath(path))
