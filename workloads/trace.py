"""Memory request traces, read in blocks so that their length does not matter.

A trace is a list of requests in program order.  A request is a transaction index ``line`` (byte address
= line x transaction bytes), an operation code, the earliest memory clock cycle ``arrival`` at which the
front end may offer it, and the input stream that it comes from.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arch.errors import InputError

READ, WRITE = 0, 1
"""Operation codes that every memory knows; its specification may number further ones from 2 up."""

BLOCK_REQUESTS = 65_536
"""Requests in a block unless asked otherwise."""

Int64Array = npt.NDArray[np.int64]
OpArray = npt.NDArray[np.int8]
StreamArray = npt.NDArray[np.int16]


class Block(NamedTuple):
    """Consecutive requests as columns: one-dimensional, equally long, contiguous and writable arrays."""

    arrival: Int64Array  # memory clock cycles
    line: Int64Array  # transaction index
    op: OpArray  # READ, WRITE or a further code of the memory
    stream: StreamArray | None  # input stream; None: all requests come from stream 0

    @property
    def requests(self) -> int:
        return int(self.line.size)


BlockSource = Callable[[], Iterable[Block]]
"""Starts one pass over the requests: blocks in program order, of any sizes."""


class Trace:
    """Requests in program order, to be read as often as needed, block by block.

    Args:
        name: what reports call it.
        source: starts a pass over the requests.
        window: most requests that may be outstanding at a time; 0 is no limit, 1 a pointer chase.
        requests: how many there are, if that is known before the first pass.
        path: the file they come from, if any.
        locate: finds the line number in ``path`` of a request index, for error messages about text files.
    """

    def __init__(
        self,
        name: str,
        source: BlockSource,
        *,
        window: int = 0,
        requests: int | None = None,
        path: str | None = None,
        locate: Callable[[int], int | None] | None = None,
    ) -> None:
        if window < 0:
            raise InputError("", file=path, field="window", given=window, accepted="0 (no limit) or more")
        self.name = name
        self.window = window
        self.path = path
        self._source = source
        self._requests = requests
        self._locate = locate
        self._digest: str | None = None

    @classmethod
    def from_arrays(
        cls,
        line: npt.ArrayLike,
        write: npt.ArrayLike | None = None,
        *,
        op: npt.ArrayLike | None = None,
        arrival: npt.ArrayLike | None = None,
        stream: npt.ArrayLike | None = None,
        window: int = 0,
        name: str = "trace",
    ) -> "Trace":
        """A trace of requests that are already in memory; the arrays are copied.

        Args:
            line: shape (n,), transaction indices.
            write: shape (n,), 1 for a write and 0 for a read (all reads if neither this nor ``op`` is given).
            op: shape (n,), operation codes, instead of ``write``.
            arrival: shape (n,), memory clock cycles (all 0, as fast as possible, if not given).
            stream: shape (n,), input stream of each request (all 0 if not given).
            window: most requests that may be outstanding at a time; 0 is no limit.
            name: what reports call the trace.

        Raises:
            InputError: no requests, unequal lengths, or values that are not integers in the column's range.
        """
        if write is not None and op is not None:
            raise InputError("give either write or op, not both", field="op")
        columns = {"line": line, "write": write, "op": op, "arrival": arrival, "stream": stream}
        given = {key: np.asarray(value) for key, value in columns.items() if value is not None}
        n = check_lengths({key: value.shape for key, value in given.items()})
        ready = {key: integer_column(key, value) for key, value in given.items()}
        block = Block(
            arrival=ready["arrival"] if arrival is not None else np.zeros(n, np.int64),
            line=ready["line"],
            op=ready.get("op", ready.get("write", np.zeros(n, np.int64))).astype(np.int8),
            stream=ready["stream"].astype(np.int16) if stream is not None else None,
        )
        return cls(name, lambda: (block,), window=window, requests=n)

    @property
    def requests(self) -> int | None:
        """How many requests there are; None for a text file that has not been read to its end yet."""
        return self._requests

    def blocks(self, size: int = BLOCK_REQUESTS) -> Iterator[Block]:
        """The requests in order, ``size`` of them per block (fewer in the last).

        A pass that goes to the end also leaves :meth:`digest` and :attr:`requests` known.

        Raises:
            InputError: while reading, at whatever is wrong in the file.
        """
        if size < 1:
            raise InputError("", field="size", given=size, accepted="at least 1 request per block")
        return self._pass(size)

    def _pass(self, size: int) -> Iterator[Block]:
        content = None if self._digest else ContentHash()
        n = 0
        for block in regroup(self._source(), size):
            n += block.requests
            if content is not None:
                content.update(block)
            yield block
        if n == 0:
            raise InputError("holds no requests", file=self.path)
        if self._requests is not None and n != self._requests:
            message = f"changed while it was read: {self._requests} requests before, {n} now"
            raise InputError(message, file=self.path)
        self._requests = n
        if content is not None:
            self._digest = content.hexdigest(self.window)

    def digest(self) -> str:
        """SHA-256 (hex) of requests and window: the same for the same requests in any file format.

        Reads the trace once if no pass over :meth:`blocks` has been completed yet.
        """
        if self._digest is None:
            for _ in self.blocks():
                pass
        assert self._digest is not None
        return self._digest

    def to_arrays(self) -> Block:
        """All requests as one block; the memory for it grows with the trace."""
        return join(list(self.blocks()))

    def locate(self, index: int) -> int | None:
        """Line number (from 1) of request ``index`` (from 0) in a text file; None for other traces."""
        return self._locate(index) if self._locate else None

    def __repr__(self) -> str:
        requests = "?" if self._requests is None else self._requests
        return f"Trace({self.name!r}, requests={requests}, window={self.window}, path={self.path!r})"


def check_lines(
    block: Block,
    total_lines: int,
    first_index: int,
    trace: Trace | None = None,
    transaction_bytes: int | None = None,
) -> None:
    """Raise InputError at the first request of ``block`` whose line lies outside [0, total_lines).

    Args:
        total_lines: transactions that the memory holds.
        first_index: index in the trace of the block's first request.
        trace: where the block comes from, so that the message can name the file and the line in it.
        transaction_bytes: if given, the message also names the byte address.
    """
    if block.requests == 0 or (int(block.line.min()) >= 0 and int(block.line.max()) < total_lines):
        return
    at = int(np.flatnonzero((block.line < 0) | (block.line >= total_lines))[0])
    index, line = first_index + at, int(block.line[at])
    message = f"request {index} lies outside the memory: transaction {line}"
    accepted = f"transactions 0 to {total_lines - 1}"
    if transaction_bytes is not None:
        message += f", byte address {line * transaction_bytes:#x}"
        accepted += f", bytes up to {total_lines * transaction_bytes - 1:#x}"
    raise InputError(
        message,
        file=trace.path or trace.name if trace else None,
        line=trace.locate(index) if trace else None,
        accepted=accepted,
    )


def check_lengths(shapes: dict[str, tuple[int, ...]], file: str | None = None) -> int:
    """The common length of one-dimensional columns; InputError if they differ or there are no requests."""
    for key, shape in shapes.items():
        if len(shape) != 1:
            message = f"an array of shape {shape}"
            raise InputError(message, file=file, field=key, accepted="one dimension")
    lengths = {key: shape[0] for key, shape in shapes.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} {n}" for key, n in lengths.items())
        raise InputError(f"columns of unequal length: {told}", file=file)
    n = next(iter(lengths.values()))
    if n == 0:
        raise InputError("holds no requests", file=file)
    return n


COLUMN_RANGE = {
    "arrival": (0, 2**63 - 1),
    "line": (0, 2**63 - 1),
    "address": (0, 2**63 - 1),
    "write": (0, 1),
    "op": (0, 127),
    "stream": (0, 2**15 - 1),
    "window": (0, 2**63 - 1),
}


def integer_column(
    key: str, values: npt.NDArray[Any], first_index: int = 0, file: str | None = None
) -> Int64Array:
    """``values`` as a new int64 array, checked against the range of column ``key``.

    Integers and booleans of any width pass, and floats that are whole numbers.

    Raises:
        InputError: naming the first request (counted from ``first_index``) whose value does not fit.
    """
    low, high = COLUMN_RANGE[key]
    accepted = f"integers from {low} to {high}"
    if values.dtype.kind not in "biuf":
        message = f"an array of dtype {values.dtype}"
        raise InputError(message, file=file, field=key, accepted=accepted)
    if values.dtype.kind == "f":
        as_float = values.astype(np.float64)
        # 2**63 is the first float that an int64 cannot hold; NaN fails every comparison.
        fits = (as_float >= low) & (as_float < high + 1.0) & (np.floor(as_float) == as_float)
    elif values.dtype.kind == "b":
        return values.astype(np.int64)
    else:
        fits = (values >= low) & (values <= high)
    if not fits.all():
        at = int(np.flatnonzero(~fits)[0])
        message = f"request {first_index + at}"
        raise InputError(message, file=file, field=key, given=values[at].item(), accepted=accepted)
    return values.astype(np.int64)


def regroup(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """The same requests in blocks of exactly ``size``; the last may be shorter, none is empty."""
    held: list[Block] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += block.requests
        if count < size:
            continue
        whole = join(held)
        full = count - count % size
        for start in range(0, full, size):
            yield cut(whole, start, start + size)
        held = [cut(whole, full, count)]
        count -= full
    if count:
        yield join(held)


def cut(block: Block, start: int, stop: int) -> Block:
    """Requests [start, stop) of a block, as views."""
    part = slice(start, stop)
    stream = None if block.stream is None else block.stream[part]
    return Block(block.arrival[part], block.line[part], block.op[part], stream)


def join(blocks: Sequence[Block]) -> Block:
    """Several blocks as one; at least one must be given."""
    if len(blocks) == 1:
        return blocks[0]
    stream = None
    if any(b.stream is not None for b in blocks):
        zeros = [b.stream if b.stream is not None else np.zeros(b.requests, np.int16) for b in blocks]
        stream = np.concatenate(zeros)
    return Block(
        np.concatenate([b.arrival for b in blocks]),
        np.concatenate([b.line for b in blocks]),
        np.concatenate([b.op for b in blocks]),
        stream,
    )


class ContentHash:
    """SHA-256 over the content of a trace, independent of block sizes and file format.

    Each column has a hash of its own, over its values as little-endian integers; the digest is the hash of
    these, the request count and the window.  A column that is all zero counts as absent, which spares the
    usual trace the hashing of its arrivals and streams.
    """

    DTYPES = (("arrival", "<i8"), ("line", "<i8"), ("op", "<i1"), ("stream", "<i2"))

    def __init__(self) -> None:
        self._requests = 0
        self._columns = {key: _ColumnHash(np.dtype(dtype)) for key, dtype in self.DTYPES}

    def update(self, block: Block) -> None:
        self._requests += block.requests
        self._columns["arrival"].update(block.arrival)
        self._columns["line"].update(block.line)
        self._columns["op"].update(block.op)
        self._columns["stream"].update(block.stream, block.requests)

    def hexdigest(self, window: int) -> str:
        text = f"trace 1\nrequests {self._requests}\nwindow {window}\n"
        text += "".join(f"{key} {column.hexdigest()}\n" for key, column in self._columns.items())
        return hashlib.sha256(text.encode()).hexdigest()


class _ColumnHash:
    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._sha = hashlib.sha256()
        self._zeros = 0  # leading zeros, not hashed until something else follows
        self._started = False

    def update(self, values: npt.NDArray[Any] | None, n: int = 0) -> None:
        if not self._started and (values is None or not values.any()):
            self._zeros += n if values is None else values.size
            return
        if not self._started:
            self._started = True
            self._hash_zeros(self._zeros)
        if values is None:
            self._hash_zeros(n)
        else:
            self._sha.update(np.ascontiguousarray(values, self._dtype).data)

    def _hash_zeros(self, n: int) -> None:
        chunk = bytes(BLOCK_REQUESTS * self._dtype.itemsize)
        for start in range(0, n, BLOCK_REQUESTS):
            self._sha.update(chunk[: min(BLOCK_REQUESTS, n - start) * self._dtype.itemsize])

    def hexdigest(self) -> str:
        return self._sha.hexdigest() if self._started else "zero"
