"""The folder of records: one file for each process that writes, appended to and never changed.

No locks and no renames, so that it is safe on network file systems: every file has one writer.  What several
processes have written is brought together when it is read.
"""

import os
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from arch.errors import InputError
from dse.store.record import Record, line_of, record_of

SYNC_SECONDS = 0.2
"""A record is on disk no later than this after it was written, if :meth:`Writer.pulse` is called as often."""

_SUFFIX = ".jsonl"


class Damage(NamedTuple):
    """A line that cannot be read; the others of its file can."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: a damaged record; its design will be evaluated again"


class Store:
    """All records of a folder.

    Args:
        folder: made when something is written.

    Raises:
        InputError: it cannot be read.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.damaged: list[Damage] = []
        self._records: dict[str, Record] = {}
        try:
            paths = sorted(self.folder.glob(f"*{_SUFFIX}")) if self.folder.exists() else []
            for path in paths:
                self._read(path)
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", file=str(error.filename)) from None

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        """The records, sorted by key."""
        return (self._records[key] for key in sorted(self._records))

    def get(self, key: str) -> Record | None:
        """The record of a task's key, if there is one."""
        return self._records.get(key)

    def add(self, record: Record) -> None:
        """Take in a record that :meth:`writer` has written, or that comes from elsewhere."""
        known = self._records.get(record.key)
        if known is None or not known.final:
            self._records[record.key] = record

    def writer(self) -> "Writer":
        """A file of our own to append to.

        Raises:
            InputError: it cannot be written.
        """
        return Writer(self.folder)

    def _read(self, path: Path) -> None:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    self.add(record_of(line))
                except (ValueError, KeyError, TypeError):
                    self.damaged.append(Damage(path, number))


class Writer:
    """Appends records to a file that nobody else writes.  A context manager; at its end all is on disk."""

    def __init__(self, folder: Path) -> None:
        name = f"{socket.gethostname().split('.')[0]}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self.path = folder / name
        self.written = 0
        self.synced = 0
        """Records that are on disk for certain."""
        self._due = time.monotonic()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self.sync()
            self._file.close()

    def append(self, record: Record) -> None:
        """Write a record whole, in one call of the operating system.

        Raises:
            InputError: it cannot be written.
        """
        try:
            if self._file is None:  # not before there is something to keep
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115  (closed by __exit__)
            if self.written == self.synced:
                self._due = time.monotonic() + SYNC_SECONDS
            self._file.write(line_of(record))
        except OSError as error:
            raise InputError(f"cannot be written ({error.strerror})", file=str(self.path)) from None
        self.written += 1
        self.pulse()

    def pulse(self) -> None:
        """Sync if the oldest record that is not on disk for certain is old enough."""
        if self.written > self.synced and time.monotonic() >= self._due:
            self.sync()

    def sync(self) -> None:
        """Have everything that was written on disk."""
        if self._file is not None and self.written > self.synced:
            os.fsync(self._file.fileno())
            self.synced = self.written
