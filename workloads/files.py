"""Trace files: opened by what they contain, written by what their name or the caller asks for."""

from pathlib import Path
from typing import Literal, get_args

from arch.errors import InputError
from workloads.address_vectors import AddressVectors
from workloads.columnar import ZIP_MAGIC, open_columnar, write_columnar
from workloads.compression import check_file, compressing, compression_for, read_pieces, replacing
from workloads.text import STYLES, open_text, write_text
from workloads.trace import Block, Trace

Format = Literal["npz", "load_store", "read_write", "address_first", "read_write_vector"]
FORMATS: tuple[Format, ...] = get_args(Format)

FORMAT_OF_SUFFIX: dict[str, Format] = {
    ".npz": "npz",
    ".trace": "load_store",
    ".txt": "load_store",
    ".ldst": "load_store",
    ".rw": "read_write",
}


def open_trace(
    path: str, transaction_bytes: int, *, vectors: AddressVectors | None = None, name: str | None = None
) -> Trace:
    """The trace in a file, whatever its format and compression; its name does not matter.

    Args:
        path: a columnar ``.npz`` file (:mod:`workloads.columnar`) or text (:mod:`workloads.text`), either of
            them plain or compressed by gzip or zstd.
        transaction_bytes: bytes that a request moves; text files hold byte addresses.
        vectors: how to read address vectors, for text files that hold these.
        name: what reports call the trace; by default the file's name without its suffixes.

    Raises:
        InputError: the file is missing, a directory, empty, damaged, or in no known format.  What is wrong
            further back in the file is found, and named by line or request, when the blocks are read.
    """
    check_transaction_bytes(transaction_bytes)
    check_file(path)
    name = name or stem(path)
    head = next(read_pieces(path), b"")
    if head.startswith(ZIP_MAGIC):
        return open_columnar(path, name)
    return open_text(path, name, transaction_bytes, vectors)


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
        format: by default what the suffix says: ``.npz``; ``.trace``, ``.txt`` or ``.ldst`` for
            ``load_store``; ``.rw`` for ``read_write``.
        vectors: how to write address vectors; only ``read_write_vector`` needs it.
        lossy: leave out what a text format cannot hold (window, arrivals, streams, operations other than
            reads and writes), where otherwise the trace is refused.

    Raises:
        InputError: unknown format, a path that cannot be written, a trace that cannot be read or does not
            fit the format.
    """
    check_transaction_bytes(transaction_bytes)
    compression = compression_for(path)
    chosen = format or _format_for(path, compression != "none")
    if chosen not in FORMATS:
        raise InputError("unknown trace format", file=path, given=chosen, accepted=FORMATS)
    if chosen == "npz" and compression != "none":
        accepted = "a name that ends in .npz, which is compressed by itself"
        raise InputError("", file=path, given=Path(path).name, accepted=accepted)
    if chosen == "read_write_vector" and vectors is None:
        raise InputError("address vectors can be written only for a given memory", file=path)
    if chosen != "npz" and trace.window and not lossy:
        raise _loss(trace, path, f"its window of {trace.window}")
    with replacing(path) as file:
        if chosen == "npz":
            write_columnar(file, trace, str(Path(path).parent))
            return
        blocks = (_checked_for_text(block, trace, path, transaction_bytes, lossy) for block in trace.blocks())
        with compressing(file, compression) as packed:
            write_text(packed, blocks, STYLES[chosen], transaction_bytes, vectors)


def check_transaction_bytes(transaction_bytes: int) -> None:
    """Raise InputError unless a transaction moves at least one byte."""
    if transaction_bytes < 1:
        raise InputError("", field="transaction_bytes", given=transaction_bytes, accepted="1 B or more")


def stem(path: str) -> str:
    """File name without its suffixes for format and compression: ``a.b.trace.gz`` is ``a.b``."""
    file = Path(path)
    if file.suffix in (".gz", ".zst"):
        file = file.with_suffix("")
    return file.stem if file.suffix in FORMAT_OF_SUFFIX else file.name


def _format_for(path: str, compressed: bool) -> Format:
    file = Path(path).with_suffix("") if compressed else Path(path)
    if file.suffix not in FORMAT_OF_SUFFIX:
        suffixes = ", ".join(FORMAT_OF_SUFFIX)
        accepted = f"{suffixes} (text also with .gz or .zst), or a format given by name"
        raise InputError("no trace format for this name", file=path, given=file.name, accepted=accepted)
    return FORMAT_OF_SUFFIX[file.suffix]


def _checked_for_text(block: Block, trace: Trace, path: str, transaction_bytes: int, lossy: bool) -> Block:
    if int(block.line.max()) > (2**63 - 1) // transaction_bytes:
        raise InputError("an address lies beyond 63 bits", file=path, given=int(block.line.max()))
    if not (block.op >> 1).any():
        if lossy or not (block.arrival.any() or (block.stream is not None and block.stream.any())):
            return block
        raise _loss(trace, path, "its arrival times" if block.arrival.any() else "its streams")
    if not lossy:
        raise _loss(trace, path, "its operations other than reads and writes")
    kept = (block.op >> 1) == 0
    return Block(block.arrival[kept], block.line[kept], block.op[kept], None)


def _loss(trace: Trace, path: str, what: str) -> InputError:
    accepted = ".npz, or lossy to leave it out"
    return InputError(f"text cannot hold {what}", file=path, given=trace.name, accepted=accepted)
