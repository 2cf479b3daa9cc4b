"""Text traces with time stamps: those of DRAMsim3, of DRAMSys, and Ramulator's instruction traces.

==============  =======================================================================================
``dramsim3``    ``0x12340 READ 30``: address, hexadecimal with or without 0x; operation; clock cycle
``dramsys``     ``31: read 0x12340``; ``33: (128) write 0x12380 0x00ff…``: cycle, bytes if not one
                transaction, operation, hexadecimal address, data (left out)
``simple_o3``   ``3 20734016`` or ``3 20734016 20846400``: instructions before, address loaded, address
                written back
==============  =======================================================================================

Grammars: ``operator>>`` of DRAMsim3's Transaction with the operation names of DRAMSim2's traces; StlPlayer
and configs/README.md of DRAMSys 5; SimpleO3Core::Trace of Ramulator 2.1, which BHO3 and Ramulator 2.0
share.  A DRAMSys request that covers several transactions becomes that many, as its controller splits it.
The words of a block of lines are found and parsed at once by NumPy; line by line
(:meth:`TimedFormat.parse_line`, which defines the grammar) only where that finds something unusual.

An instruction trace says nothing of cycles.  It becomes requests by taking the processor for one that
never stalls and has no cache: a load counts one instruction, its write-back follows it and counts none, and
the :class:`workloads.trace_clock.TraceClock` says how many instructions run in a memory cycle.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from arch.errors import InputError
from workloads.compression import ByteSink
from workloads.text_lines import Words, chunks, excerpt, find_words, request_lines, words_of
from workloads.text_numbers import INT64_MAX, parse_number, parse_numbers
from workloads.trace import Block, Int64Array, Trace
from workloads.trace_clock import TraceClock

LONGEST_REQUEST = 65_536
"""Most bytes of one DRAMSys request."""

PIECE_REQUESTS = 1 << 18


class Row(NamedTuple):
    """One request as its line holds it."""

    tick: int  # since the beginning, or since the request before
    address: int  # bytes
    write: bool
    length: int = 0  # bytes; 0: one transaction


class Rows(NamedTuple):
    """Requests of some lines, as columns of shape (n,); ``row``: which of the lines that hold any."""

    row: Int64Array
    tick: Int64Array
    address: Int64Array
    write: npt.NDArray[np.bool_]
    length: Int64Array


class TimedFormat(Protocol):
    """A text format with time stamps."""

    name: str
    accepted: str  # its requests, for error messages
    relative: bool  # stamps count from the request before
    first_tick: int  # where relative stamps begin to count
    needs_clock: bool  # no ratio of ticks to cycles can be taken for granted

    def looks_like(self, words: Sequence[bytes]) -> bool:
        """Whether a first line of these words is meant to be in this format, even if it is wrong."""
        ...

    def parse_line(self, words: Sequence[bytes]) -> list[Row]:
        """The requests of a line; ValueError, saying why, if it is not in the format."""
        ...

    def parse_words(self, words: Words) -> Rows | None:
        """The requests of whole lines at once; None if one of them needs a closer look."""
        ...


class DRAMsim3Format:
    name = "dramsim3"
    accepted = '"<hexadecimal address> READ|WRITE <cycle>" (or P_MEM_RD, P_MEM_WR, …)'
    relative = False
    first_tick = 0
    needs_clock = False

    READS = (b"READ", b"read", b"P_MEM_RD", b"P_FETCH", b"P_LOCK_RD", b"IFETCH")
    WRITES = (b"WRITE", b"write", b"P_MEM_WR", b"BOFF")

    def looks_like(self, words: Sequence[bytes]) -> bool:
        return len(words) > 1 and words[1] in self.READS + self.WRITES

    def parse_line(self, words: Sequence[bytes]) -> list[Row]:
        if len(words) != 3 or words[1] not in self.READS + self.WRITES:
            raise ValueError("")
        address = parse_number(words[0], always_hex=True)
        return [Row(_decimal(words[2], "cycle"), address, words[1] in self.WRITES)]

    def parse_words(self, words: Words) -> Rows | None:
        if not (words.per_line == 3).all():
            return None
        at = words.first
        write = _which(words, at + 1, self.READS, self.WRITES)
        address = parse_numbers(words.data, words.start[at], words.end[at], always_hex=True)
        tick = _decimals(words, at + 2)
        if write is None or address is None or tick is None:
            return None
        return Rows(np.arange(at.size), tick, address, write, np.zeros(at.size, np.int64))


class DRAMSysFormat:
    name = "dramsys"
    accepted = '"<cycle>: [(<bytes>)] read|write 0x<address> [0x<data>]"'
    first_tick = 0
    needs_clock = False

    READS, WRITES = (b"read",), (b"write",)

    def __init__(self, relative: bool = False) -> None:
        self.relative = relative

    def looks_like(self, words: Sequence[bytes]) -> bool:
        if re.fullmatch(rb"-?[0-9]+:", words[0]):
            return True
        # DRAMSys does without the colon, too, but then "31 write 64" would be DRAMsim3's.
        rest = words[2:] if len(words) > 1 and words[1].startswith(b"(") else words[1:]
        command = len(rest) > 1 and rest[0] in self.READS + self.WRITES
        return words[0].isdigit() and command and rest[1].startswith((b"0x", b"0X"))

    def parse_line(self, words: Sequence[bytes]) -> list[Row]:
        tick, *rest = words
        length = 0
        if rest and rest[0].startswith(b"("):
            inside = re.fullmatch(rb"\((.+)\)", rest[0])
            if inside is None:
                raise ValueError("")
            length = _decimal(inside[1], "length")
            if not 0 < length <= LONGEST_REQUEST:
                raise ValueError(f"a request of {length} bytes, where 1 to {LONGEST_REQUEST} are possible,")
            rest = rest[1:]
        if len(rest) not in (2, 3) or rest[0] not in (b"read", b"write"):
            raise ValueError("")
        if len(rest) == 3 and not rest[2].startswith((b"0x", b"0X")):
            raise ValueError("")
        address = parse_number(rest[1], always_hex=True)
        if address + length > INT64_MAX:
            raise ValueError("address beyond 63 bits")
        return [Row(_decimal(tick.removesuffix(b":"), "cycle"), address, rest[0] == b"write", length)]

    def parse_words(self, words: Words) -> Rows | None:
        data, start, end, at, count = words
        if not (count >= 3).all():
            return None
        sized = data[start[at + 1]] == ord("(")
        command = at + 1 + sized
        extra = count - 3 - sized
        if not ((extra == 0) | (extra == 1)).all() or not _data_words(
            words, at[extra == 1], count[extra == 1]
        ):
            return None
        tick = parse_numbers(data, start[at], end[at] - (data[end[at] - 1] == ord(":")))
        address = parse_numbers(data, start[command + 1], end[command + 1], always_hex=True)
        write = _which(words, command, self.READS, self.WRITES)
        length = np.zeros(at.size, np.int64)
        which = at[sized] + 1
        if not (data[end[which] - 1] == ord(")")).all():
            return None
        lengths = parse_numbers(data, start[which] + 1, end[which] - 1)
        if tick is None or address is None or write is None or lengths is None:
            return None
        if _any_hex(words, at) or (which.size and _any_hex(words, which, 1)):
            return None
        if lengths.size and not (int(lengths.min()) > 0 and int(lengths.max()) <= LONGEST_REQUEST):
            return None
        if int(address.max()) > INT64_MAX - LONGEST_REQUEST:
            return None
        length[sized] = lengths
        return Rows(np.arange(at.size), tick, address, write, length)


class SimpleO3Format:
    name = "simple_o3"
    accepted = '"<instructions> <address loaded> [<address written back>]"'
    relative = True
    first_tick = -1  # each load's own instruction is counted before it, the first one's too
    needs_clock = True

    def looks_like(self, words: Sequence[bytes]) -> bool:
        number = rb"-?(0[xX][0-9a-fA-F]+|[0-9]+)"
        return len(words) in (2, 3) and all(re.fullmatch(number, word) for word in words)

    def parse_line(self, words: Sequence[bytes]) -> list[Row]:
        if len(words) not in (2, 3):
            raise ValueError("")
        instructions = _decimal(words[0], "instruction count")
        if instructions > INT64_MAX - 1:
            raise ValueError("instruction count beyond 63 bits")
        rows = [Row(instructions + 1, parse_number(words[1]), False)]
        if len(words) == 3:
            rows.append(Row(0, parse_number(words[2]), True))
        return rows

    def parse_words(self, words: Words) -> Rows | None:
        data, start, end, at, count = words
        if not ((count == 2) | (count == 3)).all():
            return None
        stores = np.flatnonzero(count == 3)
        instructions = _decimals(words, at)
        loaded = parse_numbers(data, start[at + 1], end[at + 1])
        stored = parse_numbers(data, start[at[stores] + 2], end[at[stores] + 2])
        if instructions is None or loaded is None or stored is None:
            return None
        # Each write-back comes right behind the load of its line.
        tick, address = np.insert(instructions + 1, stores + 1, 0), np.insert(loaded, stores + 1, stored)
        write = np.insert(np.zeros(at.size, np.bool_), stores + 1, True)
        row = np.repeat(np.arange(at.size), count - 1)
        return Rows(row, tick, address, write, np.zeros(row.size, np.int64))


def timed_formats(relative: bool) -> tuple[TimedFormat, ...]:
    """The formats to be tried; ``relative``: a DRAMSys trace is one."""
    return DRAMSysFormat(relative), DRAMsim3Format(), SimpleO3Format()


def open_timed(path: str, name: str, format: TimedFormat, transaction_bytes: int, clock: TraceClock) -> Trace:
    """The trace in a text file that is known to be in ``format``; it is read later.

    Raises:
        InputError: an instruction trace without a clock.
    """
    if format.needs_clock and clock.ticks_per_cycle is None:
        message = (
            "is an instruction trace, which says how many instructions lie between addresses and nothing of "
            "time: give a trace clock, the instructions that run in a memory cycle"
        )
        raise InputError(message, file=path)
    source = partial(_read_blocks, path, format, transaction_bytes, clock)
    locate = partial(_line_of_request, path, format, transaction_bytes)
    return Trace(name, source, path=path, locate=locate)


def _read_blocks(
    path: str, format: TimedFormat, transaction_bytes: int, clock: TraceClock
) -> Iterator[Block]:
    reached, limit = format.first_tick, clock.most_ticks()
    for first_line, text in chunks(path):
        rows = _parse(path, first_line, text, format)
        if rows.tick.size == 0:
            continue
        late = _first_beyond(rows.tick, reached if format.relative else None, limit)
        if late is not None:
            number = request_lines(first_line, text)[int(rows.row[late])]
            raise InputError("time stamp beyond 63 bits of memory cycles", file=path, line=number)
        tick = rows.tick
        if format.relative:
            tick = np.cumsum(tick) + reached
            reached = int(tick[-1])
        arrival = clock.cycles(tick)
        first, lines = _lines_covered(rows, transaction_bytes)
        for chosen in _pieces(lines):
            n = lines[chosen]
            before = np.cumsum(n) - n
            offset = np.arange(int(n.sum())) - np.repeat(before, n)
            op = np.repeat(rows.write[chosen], n).astype(np.int8)
            yield Block(np.repeat(arrival[chosen], n), np.repeat(first[chosen], n) + offset, op, None)


def _parse(path: str, first_line: int, text: bytes, format: TimedFormat) -> Rows:
    words = find_words(text)
    if words.first.size == 0:
        nothing = np.zeros(0, np.int64)
        return Rows(nothing, nothing, nothing, np.zeros(0, np.bool_), nothing)
    rows = format.parse_words(words)
    return _parse_slowly(path, first_line, text, format) if rows is None else rows


def _parse_slowly(path: str, first_line: int, text: bytes, format: TimedFormat) -> Rows:
    """Whole lines, one by one; InputError at the first that ``format`` refuses."""
    found: list[tuple[int, Row]] = []
    with_words = 0
    for number, line in enumerate(text.split(b"\n"), first_line):
        words = words_of(line)
        if not words:
            continue
        try:
            found += [(with_words, row) for row in format.parse_line(words)]
        except ValueError as error:
            message = str(error) or "bad request"
            given, accepted = excerpt(line), format.accepted
            raise InputError(message, file=path, line=number, given=given, accepted=accepted) from None
        with_words += 1
    columns = [np.array([row[k] for _, row in found], np.int64) for k in (0, 1, 3)]
    write = np.array([row.write for _, row in found], np.bool_)
    return Rows(np.array([n for n, _ in found], np.int64), columns[0], columns[1], write, columns[2])


def _first_beyond(tick: Int64Array, reached: int | None, limit: int) -> int | None:
    """The first request whose tick lies beyond ``limit``; ``reached``: ticks count from here, one by one."""
    if reached is None:
        return int(np.argmax(tick > limit)) if int(tick.max()) > limit else None
    if reached + int(tick.max()) * tick.size <= limit:  # and so no sum can have wrapped around
        return None
    for at, more in enumerate(tick.tolist()):
        reached += more
        if reached > limit:
            return at
    return None


def _lines_covered(rows: Rows, transaction_bytes: int) -> tuple[Int64Array, Int64Array]:
    """First transaction of each request, and how many it covers."""
    first = rows.address // transaction_bytes
    inside = rows.address - first * transaction_bytes
    return first, np.maximum((inside + rows.length - 1) // transaction_bytes, 0) + 1


def _pieces(lines: Int64Array) -> Iterator[slice]:
    """Consecutive rows whose transactions together are not many more than PIECE_REQUESTS."""
    total = np.cumsum(lines)
    start = 0
    while start < lines.size:
        done = int(total[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + PIECE_REQUESTS, "right")))
        yield slice(start, stop)
        start = stop


def _line_of_request(path: str, format: TimedFormat, transaction_bytes: int, index: int) -> int | None:
    for first_line, text in chunks(path):
        rows = _parse(path, first_line, text, format)
        ends = np.cumsum(_lines_covered(rows, transaction_bytes)[1])
        requests = int(ends[-1]) if ends.size else 0
        if index < requests:
            row = rows.row[np.searchsorted(ends, index, "right")]
            return request_lines(first_line, text)[int(row)]
        index -= requests
    return None


def _decimal(digits: bytes, what: str) -> int:
    if digits[:3].lower().lstrip(b"-").startswith(b"0x"):
        raise ValueError("")
    return parse_number(digits, what)


def _decimals(words: Words, which: Int64Array) -> Int64Array | None:
    if _any_hex(words, which):
        return None
    return parse_numbers(words.data, words.start[which], words.end[which])


def _any_hex(words: Words, which: Int64Array, skip: int = 0) -> bool:
    """Whether one of the words, after ``skip`` bytes, has an ``x`` in second place."""
    second = np.minimum(words.start[which] + skip + 1, words.data.size - 1)
    return bool(((words.data[second] | 0x20) == ord("x")).any())


def _data_words(words: Words, first: Int64Array, count: Int64Array) -> bool:
    """Whether the last word of each of these lines begins with ``0x``."""
    start = words.start[first + count - 1]
    second = words.data[np.minimum(start + 1, words.data.size - 1)]
    return bool(((words.data[start] == ord("0")) & ((second | 0x20) == ord("x"))).all())


def _which(
    words: Words, which: Int64Array, reads: Sequence[bytes], writes: Sequence[bytes]
) -> npt.NDArray[np.bool_] | None:
    """Which of the words are one of ``writes``; None if one is not one of ``reads`` either."""
    start = words.start[which]
    length = words.end[which] - start
    write = np.zeros(which.size, np.bool_)
    known = np.zeros(which.size, np.bool_)
    for word in (*reads, *writes):
        same = np.flatnonzero(length == len(word))
        for k, letter in enumerate(word):
            same = same[words.data[start[same] + k] == letter]
        known[same] = True
        if word in writes:
            write[same] = True
    return write if known.all() else None


WRITABLE = {
    "dramsim3": ("{address:#x} {word} {arrival}\n", ("READ", "WRITE")),
    "dramsys": ("{arrival}:\t{word}\t{address:#x}\n", ("read", "write")),
}
"""Lines and operation words of the formats that can be written."""

LAST_ARRIVAL = {"dramsim3": 2**63 - 1, "dramsys": 2**32 - 1}
"""What the simulator that reads a format can hold (DRAMSys: a C++ ``unsigned``)."""


def write_timed(file: ByteSink, blocks: Iterable[Block], format: str, transaction_bytes: int) -> None:
    """Write requests as lines of ``format``; operations are READ or WRITE, stamps memory clock cycles."""
    line, words = WRITABLE[format]
    for block in blocks:
        columns = (block.arrival.tolist(), block.line.tolist(), block.op.tolist())
        file.write(
            "".join(
                line.format(arrival=arrival, address=index * transaction_bytes, word=words[op])
                for arrival, index, op in zip(*columns, strict=True)
            ).encode()
        )
