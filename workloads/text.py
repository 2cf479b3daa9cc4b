"""Text traces without time stamps: one request per line, in the formats of the Ramulator family.

========================  =========================================================
``load_store``            ``LD 0x12340`` or ``ST 4096``: byte addresses
``read_write``            ``R 0x12340`` or ``W 4096``: byte addresses
``address_first``         ``0x12340 R`` or ``4096 W``: byte addresses
``read_write_vector``     ``R 0,1,2,100,32``: address vectors (:mod:`workloads.address_vectors`)
========================  =========================================================

Addresses are hexadecimal after ``0x``, else decimal.  Blank lines and everything after ``#`` are left
out.  The first request decides the format of the whole file.  :func:`parse_line` defines the grammar;
a block of lines is parsed at once by NumPy, and line by line only where that finds something unusual.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arch.errors import InputError
from workloads.address_vectors import AddressVectors
from workloads.compression import ByteSink
from workloads.text_lines import chunks, excerpt, request_lines, words_of
from workloads.text_numbers import parse_number, parse_numbers
from workloads.trace import Block, Int64Array, OpArray, Trace


class Style(NamedTuple):
    """One text format: its operation words and where the word stands."""

    name: str
    words: tuple[bytes, bytes]  # read, write
    word_first: bool = True
    vector: bool = False

    @property
    def accepted(self) -> str:
        read, write = (word.decode() for word in self.words)
        if self.vector:
            return f'"{read} <number>,<number>,…" or "{write} <number>,<number>,…"'
        if self.word_first:
            return f'"{read} <address>" or "{write} <address>"'
        return f'"<address> {read}" or "<address> {write}"'


STYLES = {
    style.name: style
    for style in (
        Style("load_store", (b"LD", b"ST")),
        Style("read_write", (b"R", b"W")),
        Style("address_first", (b"R", b"W"), word_first=False),
        Style("read_write_vector", (b"R", b"W"), vector=True),
    )
}


class Numbers(NamedTuple):
    """Parsed requests: ``numbers`` has shape (n, 1), byte addresses, or (n, k), address vectors."""

    write: npt.NDArray[np.bool_]
    numbers: Int64Array


def open_untimed(
    path: str, name: str, style: Style, transaction_bytes: int, vectors: AddressVectors | None
) -> Trace:
    """The trace in a text file that is known to be in ``style``; it is read later.

    Raises:
        InputError: it holds address vectors and ``vectors`` is not given.
    """
    if style.vector and vectors is None:
        message = "holds address vectors, which only a memory can turn into addresses: name the memory"
        raise InputError(message, file=path)
    source = partial(_read_blocks, path, style, transaction_bytes, vectors if style.vector else None)
    return Trace(name, source, path=path, locate=partial(_line_of_request, path))


def looks_like(words: list[bytes], style: Style) -> bool:
    """Whether a first line of these words is meant to be in ``style``, even if it is wrong."""
    if not style.word_first:
        return len(words) == 2 and words[1] in style.words
    if words[0] not in style.words:
        return False
    return style.vector == (len(words) > 1 and b"," in words[1])


def parse_line(line: bytes, style: Style) -> tuple[bool, list[int]] | None:
    """(is it a write, its numbers), or None for a line without a request.

    Raises:
        ValueError: the line is neither; the text says why, "" if it is plainly not in the format.
    """
    words = words_of(line)
    if not words:
        return None
    if len(words) != 2:
        raise ValueError("")
    word, numbers = words if style.word_first else reversed(words)
    if word not in style.words:
        raise ValueError("")
    parts = numbers.split(b",") if style.vector else [numbers]
    return word == style.words[1], [parse_number(part) for part in parts]


def _read_blocks(
    path: str, style: Style, transaction_bytes: int, vectors: AddressVectors | None
) -> Iterator[Block]:
    columns: int | None = None  # numbers in an address, as in the first one
    for first_line, text in chunks(path):
        parsed = parse_chunk(text, style)
        uneven = parsed is not None and columns not in (None, parsed.numbers.shape[1])
        if parsed is None or uneven:
            parsed = _parse_slowly(path, first_line, text, style, columns)
        if parsed.write.size == 0:
            continue
        columns = parsed.numbers.shape[1]
        if vectors is None:
            line = parsed.numbers[:, 0] // transaction_bytes
        else:
            fault = vectors.first_fault(parsed.numbers)
            if fault is not None:
                number = request_lines(first_line, text)[fault.request]
                raise InputError(fault.message, file=path, line=number)
            line = vectors.lines(parsed.numbers)
        op: OpArray = parsed.write.astype(np.int8)
        yield Block(np.zeros(line.size, np.int64), line, op, None)


def parse_chunk(text: bytes, style: Style) -> Numbers | None:
    """Whole lines, all at once; None if any of them needs a closer look."""
    parsed = _parse_even(text, style)
    if parsed is not None:
        return parsed
    evened = _evened(text)
    if not evened:
        return Numbers(np.zeros(0, np.bool_), np.zeros((0, 1), np.int64))
    return _parse_even(evened, style)


def _parse_even(text: bytes, style: Style) -> Numbers | None:
    """Lines without comments or needless blanks: None if there is anything else.

    Every word ends at a space, comma or newline, and line i consists of words i*k to i*k + k - 1.
    """
    data = np.frombuffer(text, np.uint8)
    breaks = (data == ord("\n")) | (data == ord(" "))
    if style.vector:
        breaks |= data == ord(",")
    ends = np.flatnonzero(breaks)
    first_break = text.find(b"\n")
    per_line = int(np.searchsorted(ends, first_break)) + 1
    if per_line < 2 or (per_line > 2 and not style.vector) or ends.size % per_line:
        return None
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    end = ends.reshape(-1, per_line)
    start = starts.reshape(-1, per_line)
    expected = np.full(per_line, ord(","), np.uint8)
    expected[0], expected[-1] = ord(" "), ord("\n")
    if not (data[end] == expected).all():
        return None
    at = 0 if style.word_first else 1
    write = _parse_words(data, start[:, at], end[:, at], style.words)
    if write is None:
        return None
    wanted = range(1, per_line) if style.word_first else range(per_line - 1)
    columns = [parse_numbers(data, start[:, k], end[:, k]) for k in wanted]
    if any(column is None for column in columns):
        return None
    return Numbers(write, np.stack([column for column in columns if column is not None], axis=1))


def _evened(text: bytes) -> bytes:
    """The same requests without comments, blank lines, and blanks other than one space between words."""
    if b"#" in text:
        text = re.sub(rb"#[^\n]*", b"", text)
    for odd, even in ((b"\t", b" "), (b"\r\n", b"\n")):
        if odd in text:
            text = text.replace(odd, even)
    for odd, even in ((b"  ", b" "), (b" \n", b"\n"), (b"\n ", b"\n"), (b"\n\n", b"\n")):
        while odd in text:
            text = text.replace(odd, even)
    return text.lstrip(b" \n")


def _parse_words(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[Any], ends: npt.NDArray[Any], words: tuple[bytes, bytes]
) -> npt.NDArray[np.bool_] | None:
    """Which requests are writes; None if a word is neither of the two, which are equally long."""
    if not (ends - starts == len(words[0])).all():
        return None
    reads = np.ones(starts.size, np.bool_)
    writes = np.ones(starts.size, np.bool_)
    for k, (r, w) in enumerate(zip(*words, strict=True)):
        letter = data[starts + k]
        reads &= letter == r
        writes &= letter == w
    return writes if (reads | writes).all() else None


def _parse_slowly(path: str, first_line: int, text: bytes, style: Style, columns: int | None) -> Numbers:
    """Whole lines, one by one; InputError at the first that :func:`parse_line` refuses."""
    write: list[bool] = []
    rows: list[list[int]] = []
    for number, line in enumerate(text.split(b"\n"), first_line):
        try:
            request = parse_line(line, style)
            if request is None:
                continue
            columns = columns or len(request[1])
            if len(request[1]) != columns:
                raise ValueError(f"address vector of {len(request[1])} numbers after others of {columns}")
        except ValueError as error:
            message = str(error) or "bad request"
            given, accepted = excerpt(line), style.accepted
            raise InputError(message, file=path, line=number, given=given, accepted=accepted) from None
        write.append(request[0])
        rows.append(request[1])
    return Numbers(np.array(write, np.bool_), np.array(rows, np.int64).reshape(-1, columns or 1))


def _line_of_request(path: str, index: int) -> int | None:
    for first_line, text in chunks(path):
        numbers = request_lines(first_line, text)
        if index < len(numbers):
            return numbers[index]
        index -= len(numbers)
    return None


def write_text(
    file: ByteSink,
    blocks: Iterable[Block],
    style: Style,
    transaction_bytes: int,
    vectors: AddressVectors | None,
) -> None:
    """Write requests as lines of ``style``; operations are READ or WRITE, all else is left out."""
    for block in blocks:
        if style.vector:
            assert vectors is not None
            rows = vectors.vectors(block.line).tolist()
            addresses = [",".join(map(str, row)) for row in rows]
        else:
            addresses = [f"{line * transaction_bytes:#x}" for line in block.line.tolist()]
        words = [style.words[op].decode() for op in block.op.tolist()]
        columns = (words, addresses) if style.word_first else (addresses, words)
        file.write("".join([f"{a} {b}\n" for a, b in zip(*columns, strict=True)]).encode())
