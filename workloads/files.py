"""Trace files: opened by what they contain, written by what their name or the caller asks for."""

import os
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from arch.errors import InputError
from workloads.address_vectors import AddressVectors
from workloads.columnar import ZIP_MAGIC, open_columnar, write_columnar
from workloads.compression import (
    SUFFIXES,
    check_file,
    compressing,
    compression_for,
    read_pieces,
    replacing,
)
from workloads.parquet import PARQUET_MAGIC, open_parquet, write_parquet
from workloads.text import STYLES, write_text
from workloads.text_files import RELATIVE_SUFFIX, open_text
from workloads.timed_text import LAST_ARRIVAL, write_timed
from workloads.trace import Block, Trace
from workloads.trace_clock import TraceClock

Format = Literal[
    "npz", "parquet", "load_store", "read_write", "address_first", "read_write_vector", "dramsim3", "dramsys"
]
"""Formats that can be written; Ramulator's instruction traces can only be read."""
FORMATS: tuple[Format, ...] = get_args(Format)
COLUMNAR: tuple[Format, ...] = ("npz", "parquet")

FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".npz": "npz",
    ".trace": "load_store",
    ".txt": "load_store",
    ".ldst": "load_store",
    ".rw": "read_write",
    ".parquet": "parquet",
    ".stl": "dramsys",
}


def open_trace(
    path: str,
    transaction_bytes: int,
    *,
    vectors: AddressVectors | None = None,
    clock: TraceClock | None = None,
    name: str | None = None,
) -> Trace:
    """The trace in a file, whatever its format and compression, which its content tells.

    Args:
        path: columns in a ``.npz`` file (:mod:`workloads.columnar`) or a Parquet file
            (:mod:`workloads.parquet`), or text without or with time stamps (:mod:`workloads.text`,
            :mod:`workloads.timed_text`); all of them plain or compressed by gzip or zstd.  The name matters
            only in that a DRAMSys trace called ``.rstl`` has relative time stamps.
        transaction_bytes: bytes that a request moves; text files hold byte addresses.
        vectors: how to read address vectors, for text files that hold these.
        clock: what the time stamps of text count; by default memory clock cycles.
        name: what reports call the trace; by default the file's name without its suffixes.

    Raises:
        InputError: the file is missing, a directory, empty, damaged, or in no known format.  What is wrong
            further back in the file is found, and named by line or request, when the blocks are read.
    """
    check_transaction_bytes(transaction_bytes)
    check_file(path)
    name = name or stem(path)
    head = next(read_pieces(path), b"")
    clock = clock or TraceClock()
    if not head.startswith((ZIP_MAGIC, PARQUET_MAGIC)):
        return open_text(path, name, transaction_bytes, vectors, clock)
    if clock.ticks_per_cycle is not None:
        raise InputError("has arrivals in memory clock cycles, so there is no trace clock", file=path)
    if head.startswith(ZIP_MAGIC):
        return open_columnar(path, name)
    return open_parquet(path, name, transaction_bytes)


def save(
    trace: Trace,
    path: str,
    *,
    transaction_bytes: int = 64,
    format: Format | None = None,
    vectors: AddressVectors | None = None,
    lossy: bool = False,
) -> None:
    """Write a trace; equal traces give equal bytes, and ``path`` is replaced only once all is written.

    Args:
        trace: what to write; read once, block by block.
        path: where to; a last suffix of ``.gz`` or ``.zst`` compresses.
        transaction_bytes: bytes that a request moves, for the byte addresses of text formats.
        format: by default what the suffix says: ``.npz``, ``.parquet``; ``.trace``, ``.txt`` or ``.ldst`` for
            ``load_store``; ``.rw`` for ``read_write``; ``.stl`` for ``dramsys``.
        vectors: how to write address vectors; only ``read_write_vector`` needs it.
        lossy: leave out what a text format cannot hold, where otherwise the trace is refused: window,
            streams, operations other than reads and writes, and arrivals (which ``dramsim3`` and ``dramsys``
            can hold).

    Raises:
        InputError: unknown format, a path that cannot be written, a trace that cannot be read or does not
            fit the format.
    """
    check_transaction_bytes(transaction_bytes)
    compression = compression_for(path)
    chosen = format or _format_for(path)
    if chosen not in FORMATS:
        raise InputError("unknown trace format", file=path, given=chosen, accepted=FORMATS)
    if chosen in COLUMNAR and compression != "none":
        accepted = f"a name that ends in .{chosen}, which is compressed by itself"
        raise InputError("", file=path, given=Path(path).name, accepted=accepted)
    if chosen == "read_write_vector" and vectors is None:
        raise InputError("address vectors can be written only for a given memory", file=path)
    if chosen == "dramsys" and _without_compression(path).suffix == RELATIVE_SUFFIX:
        message = "its arrivals would be read as relative to each other under this name"
        raise InputError(message, file=path, given=Path(path).name, accepted="a name that ends in .stl")
    if chosen not in COLUMNAR and trace.window and not lossy:
        raise _loss(trace, path, f"its window of {trace.window}")
    with replacing(path) as file:
        if chosen == "npz":
            write_columnar(file, trace, str(Path(path).parent))
            return
        if chosen == "parquet":
            write_parquet(file, trace)
            return
        fitting = partial(
            _checked_for_text, trace=trace, path=path, format=chosen, size=transaction_bytes, lossy=lossy
        )
        blocks = map(fitting, trace.blocks())
        with compressing(file, compression) as packed:
            if chosen in LAST_ARRIVAL:
                write_timed(packed, blocks, chosen, transaction_bytes)
            else:
                write_text(packed, blocks, STYLES[chosen], transaction_bytes, vectors)


def check_transaction_bytes(transaction_bytes: int) -> None:
    """Raise InputError unless a transaction moves at least one byte."""
    if transaction_bytes < 1:
        raise InputError("", field="transaction_bytes", given=transaction_bytes, accepted="1 B or more")


def stem(path: str) -> str:
    """File name without its suffixes for format and compression: ``a.b.trace.gz`` is ``a.b``.

    Bytes that are no text are replaced: a name goes into reports, a path stays what it is.
    """
    file = _without_compression(path)
    name = file.stem if file.suffix in (*FORMAT_OF_SUFFIX, RELATIVE_SUFFIX) else file.name
    return os.fsencode(name).decode(errors="replace")


def _without_compression(path: str) -> Path:
    file = Path(path)
    return file.with_suffix("") if file.suffix in SUFFIXES else file


def _format_for(path: str) -> Format:
    file = _without_compression(path)
    if file.suffix not in FORMAT_OF_SUFFIX:
        suffixes = ", ".join(FORMAT_OF_SUFFIX)
        accepted = f"{suffixes} (text also with .gz or .zst), or a format given by name"
        raise InputError("no trace format for this name", file=path, given=file.name, accepted=accepted)
    return FORMAT_OF_SUFFIX[file.suffix]


def _checked_for_text(
    block: Block, *, trace: Trace, path: str, format: Format, size: int, lossy: bool
) -> Block:
    """The block, or what ``lossy`` leaves of it; InputError if the format cannot hold it."""
    if int(block.line.max()) > (2**63 - 1) // size:
        raise InputError("an address lies beyond 63 bits", file=path, given=int(block.line.max()))
    if format in LAST_ARRIVAL and int(block.arrival.max()) > LAST_ARRIVAL[format]:
        accepted = f"at most {LAST_ARRIVAL[format]}, as DRAMSys reads"
        raise InputError("arrival", file=path, given=int(block.arrival.max()), accepted=accepted)
    if lossy:
        kept = (block.op >> 1) == 0
        return Block(block.arrival[kept], block.line[kept], block.op[kept], None)
    if (block.op >> 1).any():
        raise _loss(trace, path, "its operations other than reads and writes")
    if format not in LAST_ARRIVAL and block.arrival.any():
        raise _loss(trace, path, "its arrival times")
    if block.stream is not None and block.stream.any():
        raise _loss(trace, path, "its streams")
    return block


def _loss(trace: Trace, path: str, what: str) -> InputError:
    accepted = ".npz, .parquet, or lossy to leave it out"
    if what == "its arrival times":
        accepted = ".npz, .parquet, the format dramsim3 or dramsys, or lossy to leave them out"
    return InputError(
        f"text of this format cannot hold {what}", file=path, given=trace.name, accepted=accepted
    )
