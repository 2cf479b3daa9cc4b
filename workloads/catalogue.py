"""Traces known by name: the public ones, made when asked for, and those carried as files."""

import os
from pathlib import Path
from typing import NamedTuple

from arch.errors import InputError, nearest
from workloads.address_vectors import AddressVectors
from workloads.dramsys_traces import DRAMSYS_TRACES, DramsysTrace
from workloads.files import check_transaction_bytes, open_trace
from workloads.public_traces import PUBLIC_TRACES, PublicTrace
from workloads.trace import Trace
from workloads.trace_clock import TraceClock

FOLDER = Path(__file__).parent / "library"
CARRIED = {
    "spmv": ("spmv.trace.gz", "sparse matrix-vector product behind a 32 KiB cache, load/store text"),
}
_MADE: dict[str, PublicTrace | DramsysTrace] = {**PUBLIC_TRACES, **DRAMSYS_TRACES}


class LibraryEntry(NamedTuple):
    """A library workload as listings show it."""

    name: str
    kind: str  # "trace"
    title: str
    path: Path | None  # None: made when asked for


def library() -> list[LibraryEntry]:
    """All workloads that :func:`load` knows by name."""
    carried = [LibraryEntry(name, "trace", title, FOLDER / file) for name, (file, title) in CARRIED.items()]
    return carried + [LibraryEntry(name, "trace", entry.title, None) for name, entry in _MADE.items()]


def load(
    name_or_path: str,
    transaction_bytes: int,
    *,
    vectors: AddressVectors | None = None,
    clock: TraceClock | None = None,
) -> Trace:
    """A library workload, or the trace in a file (see :func:`workloads.files.open_trace`).

    A library name comes before a file of that name; write ``./name`` for the file.

    Args:
        name_or_path: name in :func:`library`, or path.
        transaction_bytes: bytes that a request of the memory moves; turns byte addresses into lines.
        vectors: how to read address vectors, for text files that hold these.
        clock: what the time stamps of a text file count.

    Raises:
        InputError: neither a library name nor a readable trace file.
    """
    check_transaction_bytes(transaction_bytes)
    if name_or_path in _MADE:
        if clock is not None and clock.ticks_per_cycle is not None:
            message = "its arrivals are memory clock cycles, so there is no trace clock"
            raise InputError(message, given=name_or_path)
        return _MADE[name_or_path].make(name_or_path)
    if name_or_path in CARRIED:
        path = str(FOLDER / CARRIED[name_or_path][0])
        return open_trace(path, transaction_bytes, vectors=vectors, clock=clock, name=name_or_path)
    if not name_or_path or "\0" in name_or_path or not os.path.lexists(name_or_path):
        raise _unknown(name_or_path)
    return open_trace(name_or_path, transaction_bytes, vectors=vectors, clock=clock)


def _unknown(given: str) -> InputError:
    names = [entry.name for entry in library()]
    close = nearest(given, names)
    meant = f'; did you mean "{close}"?' if close else ""
    accepted = f"a trace file, or one of {', '.join(names)}"
    return InputError(f"no such file or library workload{meant}", given=given, accepted=accepted)
