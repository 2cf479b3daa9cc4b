"""Text traces of any format: the first request decides which."""

from arch.errors import InputError
from workloads.address_vectors import AddressVectors
from workloads.text import STYLES, Style, looks_like, open_untimed
from workloads.text_lines import excerpt, numbered_lines, words_of
from workloads.timed_text import TimedFormat, open_timed, timed_formats
from workloads.trace import Trace
from workloads.trace_clock import TraceClock

RELATIVE_SUFFIX = ".rstl"
"""DRAMSys tells its two kinds of traces, which look the same, apart by their names."""


def open_text(
    path: str, name: str, transaction_bytes: int, vectors: AddressVectors | None, clock: TraceClock
) -> Trace:
    """The trace in a text file, plain or compressed.  Its format is found out here; the rest is read later.

    Raises:
        InputError: no request in it, or the first one is in no known format; an address vector and
            ``vectors`` is not given; an instruction trace, or a ratio for a trace without time stamps, and
            ``clock`` does not fit.
    """
    relative = clock.relative
    if relative is None:
        relative = path.removesuffix(".gz").removesuffix(".zst").endswith(RELATIVE_SUFFIX)
    format = find_format(path, relative)
    if not isinstance(format, Style):
        return open_timed(path, name, format, transaction_bytes, clock)
    if clock.ticks_per_cycle is not None:
        message = f"holds no time stamps ({format.name} text), so there is no trace clock"
        raise InputError(message, file=path)
    return open_untimed(path, name, format, transaction_bytes, vectors)


def find_format(path: str, relative: bool = False) -> Style | TimedFormat:
    """The format of the first request in the file; InputError if it is in none."""
    timed = timed_formats(relative)
    for number, line in numbered_lines(path):
        words = words_of(line)
        if not words:
            continue
        for style in STYLES.values():
            if looks_like(words, style):
                return style
        for format in timed:
            if format.looks_like(words):
                return format
        if number == 1 and (b"\0" in line or not line.isascii()):
            accepted = "a .npz or .parquet file with a column line, or text such as LD 0x1a40 or 0x1a40 R"
            raise InputError("is in no known trace format", file=path, accepted=accepted)
        known = [style.accepted for style in STYLES.values()] + [format.accepted for format in timed]
        accepted = "; or ".join(known)
        raise InputError("no request", file=path, line=number, given=excerpt(line), accepted=accepted)
    raise InputError("holds no requests", file=path)
