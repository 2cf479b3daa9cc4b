"""AiM traces known by name, carried as files."""

import os
from pathlib import Path
from typing import NamedTuple

from arch.errors import InputError, unknown
from workloads.aim_isa import AimProgram, read

FOLDER = Path(__file__).parent / "library"
TITLES = {
    "aim_gemv16": "matrix times vector on one channel, 16 rows of every bank, AiM instructions",
    "aim_dense_layer": "dense layer with bias and activation function on four channels, AiM instructions",
    "aim_every_instruction": "every AiM instruction once, on two channels",
}


class AimEntry(NamedTuple):
    """An AiM trace as listings show it."""

    name: str
    title: str
    path: Path


def aim_library() -> list[AimEntry]:
    """All AiM traces that :func:`open_aim` knows by name."""
    return [AimEntry(name, title, FOLDER / f"{name}.aim") for name, title in TITLES.items()]


def open_aim(name_or_path: str) -> AimProgram:
    """A trace of the library, or the one in a file; a library name comes before a file of that name.

    Raises:
        InputError: neither a library name nor a readable AiM trace.
    """
    if name_or_path in TITLES:
        return read(str(FOLDER / f"{name_or_path}.aim"), name_or_path)
    if not name_or_path or "\0" in name_or_path or not os.path.lexists(name_or_path):
        message = f"no such file; {unknown('AiM trace', name_or_path, TITLES)}"
        raise InputError(message, given=name_or_path, accepted=f"a file, or one of {', '.join(TITLES)}")
    return read(name_or_path)
