"""A folder for results whose files appear together at the end, or not at all.

They are written aside, into a folder inside it whose name begins with :data:`STAGE`.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from arch.errors import InputError

STAGE = ".unfinished-"


@contextmanager
def staged(folder: str | os.PathLike[str], record: str, kind: str) -> Iterator[Path]:
    """The folder aside, in which to write; ``folder`` is made if need be, and on failure goes again.

    Args:
        record: the file by which a folder of earlier results is known.
        kind: what such a folder holds, for messages: ``run``.

    Raises:
        InputError: ``folder`` cannot be written, or holds something else.
    """
    if not os.fspath(folder):
        raise InputError("is not the path of a folder", given="")
    path = Path(folder)
    made: list[Path] = []
    stage: Path | None = None
    try:
        try:
            _refuse_foreign(path, record, kind)
            for missing in [p for p in (path, *path.parents) if not p.exists()][::-1]:
                missing.mkdir()
                made.append(missing)
            stage = Path(tempfile.mkdtemp(prefix=STAGE, dir=path))
        except (OSError, ValueError) as error:
            raise unwritable(path, error) from error
        yield stage
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)
        for empty in reversed(made):
            with suppress(OSError):  # not empty: all went well
                empty.rmdir()


def put_in_place(stage: Path, folder: Path, record: str) -> None:
    """Move all files from ``stage`` into ``folder``, the record last: where it is, the others are."""
    for name in sorted(os.listdir(stage), key=lambda name: (name == record, name)):
        os.replace(stage / name, folder / name)


def unwritable(path: Path, error: Exception) -> InputError:
    """What to raise when ``path`` cannot be written."""
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"cannot be written ({reason})", file=os.fspath(path))


def _refuse_foreign(path: Path, record: str, kind: str) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError("is a file, not a folder for results", file=os.fspath(path))
    names = sorted(name for name in os.listdir(path) if not name.startswith(STAGE))
    if names and record not in names:
        message = f"holds other things ({', '.join(names[:3])}) and no earlier {kind}; they are left alone"
        accepted = f"an empty or new folder, or one of a {kind}"
        raise InputError(message, file=os.fspath(path), accepted=accepted)
