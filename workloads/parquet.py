"""Traces as Parquet tables, as data frames are kept.

===========  ======================================  ==================================================
``line``     integers                                transaction indices
``address``  integers, instead of ``line``           byte addresses
``op``       integers, or ``READ`` and ``WRITE``     operation codes or names; counts before ``write``
``write``    booleans, 0 or 1, or the same names     absent, and no ``op``: all reads
``arrival``  integers                                memory clock cycles; absent: all 0
``stream``   integers                                input streams; absent: all 0
===========  ======================================  ==================================================

Other columns are left alone.  The window, if there is one, is the integer ``window`` in the schema's
metadata.  A file is read a batch of rows at a time, and written a row group at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arch.errors import InputError
from workloads.compression import reading, seekable
from workloads.trace import BLOCK_REQUESTS, READ, WRITE, Block, Int64Array, Trace, integer_column

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

PARQUET_MAGIC = b"PAR1"
COLUMNS = ("line", "address", "op", "write", "arrival", "stream")
NAMES = {"READ": READ, "WRITE": WRITE}
ROW_GROUP_REQUESTS = 1 << 20
BUFFER_BYTES = 1 << 20


def open_parquet(path: str, name: str, transaction_bytes: int) -> Trace:
    """The trace in a Parquet file, itself plain or compressed; its schema is checked, the rest is read later.

    Raises:
        InputError: not a Parquet file, neither ``line`` nor ``address`` or both, columns that hold something
            else than numbers (or names of operations), no rows, a damaged or shortened file.
    """
    with _opened(path) as file:
        schema = file.schema_arrow
        present = [key for key in COLUMNS if key in schema.names]
        found = ", ".join(schema.names[:20]) or "no columns at all"
        if "line" not in present and "address" not in present:
            raise InputError(f'no column "line" or "address", only {found}', file=path)
        if {"line", "address"} <= set(present):
            raise InputError('both "line" and "address"', file=path, accepted="one of them")
        if "op" in present and "write" in present:
            present.remove("write")
        for key in present:
            if schema.names.count(key) > 1:
                raise InputError("two columns of this name", file=path, field=key)
            _check_type(schema.field(key).type, path, key)
        n = file.metadata.num_rows
        window = _read_window(schema.metadata or {}, path)
    if n == 0:
        raise InputError("holds no requests", file=path)
    source = partial(_read_blocks, path, present, n, transaction_bytes)
    return Trace(name, source, window=window, requests=n, path=path)


def _read_blocks(path: str, columns: list[str], n: int, transaction_bytes: int) -> Iterator[Block]:
    with _opened(path) as file:
        batches = file.iter_batches(BLOCK_REQUESTS, columns=columns, use_threads=False)
        first = 0
        while True:
            with _guarded(path):
                batch = next(batches, None)
            if batch is None:
                break
            values = {}
            for key in columns:
                with _guarded(path):
                    raw = _numpy(batch.column(batch.schema.get_field_index(key)), path, key, first)
                values[key] = integer_column(key, raw, first, path)
            count = batch.num_rows
            first += count
            op = values.get("op", values.get("write"))
            stream = values.get("stream")
            yield Block(
                arrival=values.get("arrival", np.zeros(count, np.int64)),
                line=values["line"] if "line" in values else values["address"] // transaction_bytes,
                op=np.zeros(count, np.int8) if op is None else op.astype(np.int8),
                stream=None if stream is None else stream.astype(np.int16),
            )
        if first != n:
            raise InputError(f"cut short: {first} of {n} requests", file=path)


@contextmanager
def _opened(path: str) -> "Iterator[ParquetFile]":
    from pyarrow.parquet import ParquetFile

    with seekable(path) as source:
        with _guarded(path):
            # Row groups can be larger than memory: without a buffer, each column of one is read whole.
            file = ParquetFile(
                source, pre_buffer=False, buffer_size=BUFFER_BYTES, page_checksum_verification=True
            )
        yield file


@contextmanager
def _guarded(path: str) -> Iterator[None]:
    """Turns what reading a damaged Parquet file raises into InputError."""
    import pyarrow

    try:
        with reading(path):
            yield
    except InputError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno is None:  # Arrow's, about the content
            raise _damaged(path, cause) from cause
        raise
    except (pyarrow.ArrowException, ValueError, LookupError, MemoryError, OverflowError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: str, error: BaseException) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"damaged, cut short or unsupported .parquet file ({reason[:120]})", file=path)


def _check_type(type: Any, path: str, key: str) -> None:
    import pyarrow.types as kinds

    value = type.value_type if kinds.is_dictionary(type) else type
    numeric = kinds.is_integer(value) or kinds.is_floating(value) or kinds.is_boolean(value)
    text = kinds.is_string(value) or kinds.is_large_string(value) or kinds.is_string_view(value)
    names = key in ("op", "write")
    if not (numeric or (names and text)):
        accepted = "integers, or READ and WRITE" if names else "integers"
        raise InputError(f"a column of type {type}", file=path, field=key, accepted=accepted)


def _numpy(column: Any, path: str, key: str, first: int) -> npt.NDArray[Any]:
    """A column of a batch as numbers; names of operations become their codes."""
    import pyarrow.compute as compute
    import pyarrow.types as kinds

    if column.null_count:
        at = first + int(compute.index(compute.is_null(column), True).as_py())
        raise InputError(f"request {at} has no value", file=path, field=key)
    if kinds.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not (kinds.is_integer(column.type) or kinds.is_floating(column.type) or kinds.is_boolean(column.type)):
        return _codes(column, path, key, first)
    values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _codes(column: Any, path: str, key: str, first: int) -> Int64Array:
    encoded = column.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    codes = np.array([NAMES.get(name.upper(), -1) for name in names], np.int64)
    values: Int64Array = codes[encoded.indices.to_numpy(zero_copy_only=False)]
    if (values < 0).any():
        at = int(np.argmax(values < 0))
        given = column[at].as_py()
        raise InputError(f"request {first + at}", file=path, field=key, given=given, accepted=list(NAMES))
    return values


def _read_window(metadata: dict[bytes, bytes], path: str) -> int:
    text = metadata.get(b"window", b"0")
    digits = text.strip()
    if not digits.isdigit() or len(digits) > 19 or int(digits) > 2**63 - 1:
        given = text.decode("utf-8", "backslashreplace")
        accepted = f"an integer from 0 to {2**63 - 1}"
        raise InputError("", file=path, field="metadata window", given=given, accepted=accepted)
    return int(digits)


def write_parquet(file: IO[bytes], trace: Trace) -> None:
    """Write ``line``, ``op`` (codes), ``arrival``, ``stream``, and the window as metadata.

    Equal traces give equal bytes (with one version of pyarrow).
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    types = {"line": pa.int64(), "op": pa.int8(), "arrival": pa.int64(), "stream": pa.int16()}
    schema = pa.schema([pa.field(key, type, nullable=False) for key, type in types.items()])
    schema = schema.with_metadata({"window": str(trace.window)})
    with ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        for block in trace.blocks(ROW_GROUP_REQUESTS):
            stream = np.zeros(block.requests, np.int16) if block.stream is None else block.stream
            arrays = [pa.array(values) for values in (block.line, block.op, block.arrival, stream)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
