"""Text traces as chunks of whole lines, and the words in them.

Everything after ``#`` is a comment; a line without words holds no request.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arch.errors import InputError
from workloads.compression import read_pieces
from workloads.trace import Int64Array

LONGEST_LINE = 65_536
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_BLANK = np.zeros(256, np.bool_)
_BLANK[list(b" \t\n\r\v\f")] = True


def chunks(path: str) -> Iterator[tuple[int, bytes]]:
    """(number of its first line, whole lines, each with its line end), again and again to the end."""
    held = b""
    first_line = 1
    for n, piece in enumerate(read_pieces(path)):
        if n == 0:
            piece = piece.removeprefix(BYTE_ORDER_MARK)
        end = piece.rfind(b"\n") + 1
        if end:
            text = held + piece[:end]
            yield first_line, text
            first_line += text.count(b"\n")
            held = piece[end:]
        else:
            held += piece
        if len(held) > LONGEST_LINE:
            message = f"no line end within {LONGEST_LINE} bytes: not a text trace"
            raise InputError(message, file=path, line=first_line)
    if held:
        yield first_line, held + b"\n"


def numbered_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """(number, line without its end) of every line."""
    for first_line, text in chunks(path):
        yield from enumerate(text.split(b"\n")[:-1], first_line)


def words_of(line: bytes) -> list[bytes]:
    """What stands between the blanks of a line, without its comment."""
    return line.partition(b"#")[0].split()


def request_lines(first_line: int, text: bytes) -> list[int]:
    """Line numbers of the requests in ``text``."""
    return [number for number, line in enumerate(text.split(b"\n"), first_line) if words_of(line)]


def excerpt(line: bytes) -> str:
    """A line as error messages show it."""
    return line.strip().decode("utf-8", "backslashreplace")[:60]


class Words(NamedTuple):
    """Where the words of some lines stand: word w is ``data[start[w]:end[w]]``.

    Line i, of those that have any, begins with word ``first[i]`` and consists of ``per_line[i]``.
    """

    data: npt.NDArray[np.uint8]
    start: Int64Array
    end: Int64Array
    first: Int64Array
    per_line: Int64Array


def find_words(text: bytes) -> Words:
    """All words of whole lines at once, comments left out."""
    if b"#" in text:
        text = re.sub(rb"#[^\n]*", b"", text)
    data = np.frombuffer(text, np.uint8)
    blank = _BLANK.take(data)
    before = np.concatenate([[True], blank[:-1]])
    start = np.flatnonzero(~blank & before)
    end = np.flatnonzero(blank & ~before)  # the last byte is a line end
    line = np.searchsorted(np.flatnonzero(data == ord("\n")), start)
    first = np.flatnonzero(np.diff(line, prepend=-1))
    return Words(data, start, end, first, np.diff(first, append=start.size))
