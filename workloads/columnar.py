"""Columnar traces: a NumPy ``.npz`` file with one array per column.

==========  ======================  ==============================================
``line``    integers, shape (n,)    transaction indices; the only column required
``arrival`` integers, shape (n,)    memory clock cycles; absent: all 0
``write``   0 or 1, shape (n,)      absent, and no ``op``: all reads
``op``      integers, shape (n,)    operation codes; counts before ``write``
``stream``  integers, shape (n,)    input streams; absent: all 0
``window``  one integer             most requests outstanding; absent: 0, no limit
==========  ======================  ==============================================

Other members are left alone.  ``numpy.load`` would hold every column whole; here each is decompressed as
it is needed, a block at a time.
"""

import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from arch.errors import InputError
from workloads.compression import reading, seekable
from workloads.trace import BLOCK_REQUESTS, Block, Int64Array, Trace, check_lengths, integer_column

ZIP_MAGIC = b"PK"
COLUMNS = ("line", "arrival", "write", "op", "stream")
FIRST_DOS_DATE = (1980, 1, 1, 0, 0, 0)  # the same in every file, so that equal traces give equal bytes


class Column(NamedTuple):
    """A column as its header describes it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def open_columnar(path: str, name: str) -> Trace:
    """The trace in a ``.npz`` file, itself plain or compressed; headers are checked, the rest is read later.

    Raises:
        InputError: not a ``.npz`` file, no column ``line``, columns of unequal length or that do not hold
            numbers, a damaged or shortened file.
    """
    with _opened(path) as archive:
        columns = _columns(archive, path)
        if "line" not in columns:
            found = ", ".join(_members(archive)) or "no arrays at all"
            raise InputError(f'no column "line", only {found}', file=path)
        n = check_lengths({key: column.shape for key, column in columns.items()}, file=path)
        for key, column in columns.items():
            integer_column(key, np.zeros(0, column.dtype), file=path)  # refuses what is no number at all
            _check_size(archive, path, key, column)
        window = _read_window(archive, path)
    if "op" in columns:
        columns.pop("write", None)
    return Trace(name, partial(_read_blocks, path, columns, n), window=window, requests=n, path=path)


def _read_blocks(path: str, columns: dict[str, Column], n: int) -> Iterator[Block]:
    with _opened(path) as archive, ExitStack() as files:
        members = {}
        for key, column in columns.items():
            with _guarded(path):
                member = files.enter_context(archive.open(f"{key}.npy"))
            if _read_header(member, path, key) != column:
                raise InputError("changed while it was read", file=path, field=key)
            members[key] = member
        for start in range(0, n, BLOCK_REQUESTS):
            count = min(BLOCK_REQUESTS, n - start)
            ready: dict[str, Int64Array] = {}
            for key, member in members.items():
                values = _read_values(member, path, key, columns[key].dtype, count)
                ready[key] = integer_column(key, values, start, path)
            op = ready.get("op", ready.get("write"))
            yield Block(
                arrival=ready["arrival"] if "arrival" in ready else np.zeros(count, np.int64),
                line=ready["line"],
                op=np.zeros(count, np.int8) if op is None else op.astype(np.int8),
                stream=ready["stream"].astype(np.int16) if "stream" in ready else None,
            )
        for key, member in members.items():
            with _guarded(path):
                rest = member.read(1)  # reaching the end also compares the checksum
            if rest:
                raise InputError("holds more than its header says", file=path, field=key)


@contextmanager
def _opened(path: str) -> Iterator[zipfile.ZipFile]:
    with seekable(path) as file, ExitStack() as stack:
        with _guarded(path):
            archive = stack.enter_context(zipfile.ZipFile(file))
        yield archive


@contextmanager
def _guarded(path: str) -> Iterator[None]:
    """Turns what reading a damaged zip file raises into InputError."""
    try:
        with reading(path):
            yield
    except zipfile.BadZipFile as error:
        raise InputError(f"damaged or cut short .npz file ({error})", file=path) from error
    except (ValueError, NotImplementedError, RuntimeError, LookupError, ArithmeticError) as error:
        # zip features that Python lacks, encryption, and directory entries that make no sense
        raise InputError(f"damaged or unsupported .npz file ({error})", file=path) from error


def _members(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _columns(archive: zipfile.ZipFile, path: str) -> dict[str, Column]:
    present = set(_members(archive))
    columns = {}
    for key in COLUMNS:
        if key in present:
            with _guarded(path), archive.open(f"{key}.npy") as member:
                columns[key] = _read_header(member, path, key)
    return columns


def _read_header(member: IO[bytes], path: str, key: str) -> Column:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = npy.read_magic(member)
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
            shape, _, dtype = read(member)
    except Exception as error:  # the header is Python source text; damaged, it can raise almost anything
        raise InputError("not a NumPy array, or damaged", file=path, field=key) from error
    return Column(dtype, shape)


def _check_size(archive: zipfile.ZipFile, path: str, key: str, column: Column) -> None:
    size = archive.getinfo(f"{key}.npy").file_size
    if size < column.shape[0] * column.dtype.itemsize:
        message = f"cut short: {size} bytes for {column.shape[0]} requests"
        raise InputError(message, file=path, field=key)


def _read_values(
    member: IO[bytes], path: str, key: str, dtype: np.dtype[Any], count: int
) -> npt.NDArray[Any]:
    wanted = count * dtype.itemsize
    data = bytearray()
    while len(data) < wanted:
        with _guarded(path):
            piece = member.read(wanted - len(data))
        if not piece:
            raise InputError("cut short", file=path, field=key)
        data += piece
    return np.frombuffer(data, dtype)


def _read_window(archive: zipfile.ZipFile, path: str) -> int:
    if "window" not in _members(archive):
        return 0
    with _guarded(path), archive.open("window.npy") as member:
        column = _read_header(member, path, "window")
        if column.dtype.kind not in "biuf" or column.shape not in ((), (1,)):
            message = f"an array of dtype {column.dtype} and shape {column.shape}"
            raise InputError(message, file=path, field="window", accepted="one integer")
        values = _read_values(member, path, "window", column.dtype, 1)
    return int(integer_column("window", values, file=path)[0])


def write_columnar(file: IO[bytes], trace: Trace, folder: str | None = None) -> None:
    """Write a ``.npz`` file: ``arrival``, ``line``, ``write``, ``window``, and if needed ``op``, ``stream``.

    The columns are gathered in temporary files in ``folder`` (the system's if None), so that traces of any
    length can be written in one pass.  Equal traces give equal bytes.
    """
    dtypes = {"arrival": "<u8", "line": "<u8", "write": "|u1", "op": "|i1", "stream": "<i2"}
    with ExitStack() as stack:
        raw = {key: stack.enter_context(tempfile.TemporaryFile(dir=folder)) for key in dtypes}
        n, wanted = 0, {"arrival", "line", "write"}
        for block in trace.blocks():
            n += block.requests
            stream = np.zeros(block.requests, np.int16) if block.stream is None else block.stream
            values = {"arrival": block.arrival, "line": block.line, "write": block.op == 1, "op": block.op}
            for key, column in {**values, "stream": stream}.items():
                raw[key].write(np.ascontiguousarray(column, dtypes[key]).data)
            if block.op.max() > 1:
                wanted.add("op")
            if stream.any():
                wanted.add("stream")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for key in (key for key in dtypes if key in wanted):
                raw[key].seek(0)
                _write_member(archive, key, dtypes[key], (n,), iter(partial(raw[key].read, 1 << 20), b""))
            _write_member(archive, "window", "<i8", (), [np.array(trace.window, "<i8").tobytes()])


def _write_member(
    archive: zipfile.ZipFile, key: str, dtype: str, shape: tuple[int, ...], pieces: Iterable[bytes]
) -> None:
    info = zipfile.ZipInfo(f"{key}.npy", FIRST_DOS_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, on any system
    with archive.open(info, "w", force_zip64=True) as member:
        npy.write_array_header_1_0(member, {"descr": dtype, "fortran_order": False, "shape": shape})
        for piece in pieces:
            member.write(piece)
