"""Output files of a run: known to be writable before it starts, written whole or not at all."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError
from workloads.compression import replacing


def check_writable(paths: Sequence[str | os.PathLike[str]], suffix: str = ".npz") -> None:
    """Find out now what would go wrong after a long run.  Existing files are left as they are.

    Raises:
        InputError: a path that does not end in ``suffix``, is a folder, is given twice, or cannot be written.
    """
    seen: set[str] = set()
    for path in paths:
        name = os.fspath(path)
        if not name.endswith(suffix):
            accepted = f"a file name that ends in {suffix}"
            raise InputError("", field="output file", given=name, accepted=accepted)
        if os.path.isdir(name):
            raise InputError("is a folder", file=name, accepted="the name of a file to write")
        _try(name)
        if os.path.realpath(name) in seen:
            raise InputError("is given for two different outputs", file=name)
        seen.add(os.path.realpath(name))


def _try(name: str) -> None:
    # Beside it, as the writers begin before they rename: the folder is tried and no file touched.
    partial = f"{name}.partial"
    try:
        with open(partial, "wb"):
            pass
        os.unlink(partial)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be written: {reason}", file=name) from None


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as compressed ``.npz``; the same arrays give the same bytes.

    Raises:
        InputError: the file cannot be written; an earlier one of its name is then still there.
    """
    with replacing(os.fspath(path)) as file:
        # The types of savez_compressed admit a flag beside the arrays, which a dict cannot rule out.
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
