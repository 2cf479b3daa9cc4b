"""Request traces in the layout of the Azure LLM inference traces: when, how long a prompt, how many tokens.

``TIMESTAMP,ContextTokens,GeneratedTokens``, then a line for each request, such as
``2023-11-16 18:17:03.9799600,4808,10``; plain, gzip or zstd.  Columns are found by name; others are passed
over.  Layout: Azure/AzurePublicDataset, AzureLLMInferenceTrace_code.csv.
"""

import re
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from arch.errors import InputError
from workloads.compression import check_file
from workloads.text_lines import excerpt, numbered_lines
from workloads.transformer.model import Transformer
from workloads.transformer.requests import LATEST, Request, shortened, too_long

TIME: Final = "TIMESTAMP"
PROMPT: Final = "ContextTokens"
TOKENS: Final = "GeneratedTokens"
COLUMNS: Final = (TIME, PROMPT, TOKENS)
MOST_TOKENS: Final = 1 << 32
TICKS: Final = 10**9
"""Of a second: time stamps have at most nine decimals."""

_TIME = re.compile(
    rb"(\d{4}-\d\d-\d\d)[ T]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?"
    rb"(?:Z|([+-])([01]\d|2[0-3]):?([0-5]\d))?"
)
_WHOLE = re.compile(rb"[0-9]{1,12}")


class Row(NamedTuple):
    """A line of the trace."""

    line: int
    ticks: int  # since some day long ago
    prompt: int
    tokens: int


def read_trace(
    path: str, model: Transformer, *, skip: int = 0, requests: int | None = None, truncate: bool = False
) -> tuple[Request, ...]:
    """The requests of a trace that come after the first ``skip``, ``requests`` of them or all.

    Arrivals count from the first one taken.  Lines behind the last one taken are not read.

    Args:
        truncate: make a request that exceeds the model's context fit (:func:`shortened`) instead of
            refusing it.

    Raises:
        InputError: with file, line and field: the file cannot be read, a line is malformed, out of order,
            asks for nothing or for more than the context, or there are too few.
    """
    taken: list[Request] = []
    first = 0
    count = 0
    for count, row in enumerate(islice(rows(path), None if requests is None else skip + requests), 1):
        if count <= skip:
            continue
        if not taken:
            first = row.ticks
        if row.ticks - first > LATEST * TICKS:
            message = f"more than {LATEST} s after the first request"
            raise InputError(message, file=path, line=row.line, field=TIME)
        request = Request(Fraction(row.ticks - first, TICKS), row.prompt, row.tokens)
        if request.steps > model.context:
            if not truncate:
                message = f"{too_long(request, model)} (truncate: true drops the oldest prompt tokens)"
                raise InputError(message, file=path, line=row.line, field=PROMPT)
            request = shortened(request, model.context)
        taken.append(request)
    if len(taken) < (1 if requests is None else requests):
        message = f"the trace has {count} requests; too few to skip {skip} and take {requests or 'any'}"
        raise InputError(message, file=path)
    return tuple(taken)


def rows(path: str) -> Iterator[Row]:
    """The lines of a trace, in order, while it is read.

    Raises:
        InputError: as :func:`read_trace`.
    """
    check_file(path)
    lines = ((number, line) for number, line in numbered_lines(path) if line.strip())
    number, head = next(lines, (1, b""))
    where = _columns(path, number, head)
    width = 1 + max(where)
    latest = -1
    for number, line in lines:
        words = line.split(b",")
        if len(words) < width:
            message = f"{len(words)} columns where the header has {1 + head.count(b',')}"
            raise InputError(message, file=path, line=number, given=excerpt(line))
        time, prompt, tokens = (words[column].strip() for column in where)
        ticks = _ticks(path, number, time)
        if ticks < latest:
            raise InputError("earlier than the line before", file=path, line=number, field=TIME)
        latest = ticks
        yield Row(number, ticks, _count(path, number, PROMPT, prompt), _count(path, number, TOKENS, tokens))


def _columns(path: str, number: int, head: bytes) -> tuple[int, int, int]:
    names = [excerpt(word) for word in head.split(b",")]
    accepted = f"a header with {', '.join(COLUMNS)}"
    for name in COLUMNS:
        if names.count(name) != 1:
            message = "a column given twice" if name in names else "not a request trace: a column is missing"
            raise InputError(
                message, file=path, line=number, field=name, given=excerpt(head), accepted=accepted
            )
    return names.index(TIME), names.index(PROMPT), names.index(TOKENS)


def _count(path: str, number: int, column: str, word: bytes) -> int:
    if not _WHOLE.fullmatch(word) or not 1 <= int(word) <= MOST_TOKENS:
        accepted = f"a whole number from 1 to {MOST_TOKENS}"
        raise InputError("", file=path, line=number, field=column, given=excerpt(word), accepted=accepted)
    return int(word)


def _ticks(path: str, number: int, word: bytes) -> int:
    match = _TIME.fullmatch(word)
    day = _day(match[1]) if match else None
    if match is None or day is None:
        accepted = "a time such as 2023-11-16 18:17:03.9799600"
        raise InputError("", file=path, line=number, field=TIME, given=excerpt(word), accepted=accepted)
    _, hours, minutes, seconds, decimals, sign, zone_hours, zone_minutes = match.groups()
    whole = (day * 24 + int(hours)) * 3600 + int(minutes) * 60 + int(seconds)
    if sign is not None:
        zone = int(zone_hours) * 3600 + int(zone_minutes) * 60
        whole += zone if sign == b"-" else -zone
    return whole * TICKS + (int(decimals.ljust(9, b"0")) if decimals else 0)


@lru_cache(maxsize=64)
def _day(word: bytes) -> int | None:
    """Number of a day such as 2023-11-16; None if there is no such day."""
    try:
        return date.fromisoformat(word.decode()).toordinal()
    except ValueError:
        return None
