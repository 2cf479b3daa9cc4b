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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cyclewise.staging import put_in_place, staged, unwritable

if TYPE_CHECKING:
    from arch import System
    from cyclewise.curves import Curve

TABLE, RECORD, SYSTEM = "curve.csv", "curve.json", "system.yaml"


@contextmanager
def prepared(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Where to write the files, inside ``folder``; they are put in their places at the end.

    Raises:
        InputError: the folder cannot be written, or holds something else than a curve.  Whatever fails, what
            was in it stays, and nothing new does.
    """
    with staged(folder, RECORD, "curve") as stage:
        yield stage
        try:
            put_in_place(stage, stage.parent, RECORD)
        except OSError as error:
            raise unwritable(stage.parent, error) from error


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
        raise unwritable(stage.parent, error) from error
