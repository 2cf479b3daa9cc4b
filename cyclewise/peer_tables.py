"""The answers of ``cyclewise validate dram`` as tables for a page: :func:`markdown`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cyclewise.peers import DIFFERS, EQUAL, OTHER, Answer

TITLE = "# Ramulator 2.1 and the DRAM channel, run by run"

PROFILES = {"ram": "ramulator21", "ram_noref": "ramulator21, no refresh", "ram_rowhit": "ramulator21_rowhit"}
"""What the settings are called here that answer a row of the peers' tables."""


def markdown(sets: Mapping[str, Sequence[Answer]]) -> str:
    """A page of all answers, by the name of their set: the sums, then a table of runs per memory.

    The first sums end at a line ``<!-- runs -->``, so that another page can quote just these.
    """
    lines = [line for answers in sets.values() for line in _one(answers)]
    return "\n".join([TITLE, "", *lines]).rstrip() + "\n"


def _one(answers: Sequence[Answer]) -> Iterator[str]:
    yield from _sums(answers)
    yield ""
    wrong = [answer for answer in answers if answer.verdict == DIFFERS]
    compared = sum(answer.verdict != OTHER for answer in answers)
    yield f"{compared:,} figures compared: " + (f"**{len(wrong):,} differ**." if wrong else "all are equal.")
    yield ""
    yield "<!-- runs -->"
    yield ""
    yield "Where both agree, to the last command and cycle and four decimals of a mean, one number is shown."
    yield ""
    for device, peer in dict.fromkeys((a.device, a.peer) for a in answers if a.table == "results"):
        rows = [answer for answer in answers if (answer.device, answer.peer) == (device, peer)]
        yield f"**{device}**, profile {PROFILES.get(peer, peer)}:"
        yield ""
        yield from _headline(rows)
        yield ""


def _sums(answers: Sequence[Answer]) -> Iterator[str]:
    """What was compared on each memory: streams, rows of results, sequences, and how many are equal."""
    rows = []
    for device, peer in dict.fromkeys((a.device, a.peer) for a in answers if a.device):
        mine = [answer for answer in answers if (answer.device, answer.peer) == (device, peer)]
        parts = [[a for a in mine if a.table == table] for table in ("streams", "results", "sequences")]
        cases = [_cases(part) for part in parts]
        figures = f"{sum(a.verdict == EQUAL for a in mine):,} of {len(mine):,}"
        rows.append((f"`{device}`", PROFILES.get(peer, peer), *cases, figures))
    heads = ("memory", "profile", "whole command streams", "rows of results", "hand-written sequences")
    yield from _table((*heads, "figures equal"), rows, left=2)


def _cases(answers: Sequence[Answer]) -> str:
    """How many of the traces or sequences agree in everything."""
    verdicts: dict[str, bool] = {}
    for answer in answers:
        verdicts[answer.case] = verdicts.get(answer.case, True) and answer.verdict == EQUAL
    return f"{sum(verdicts.values())} of {len(verdicts)}" if verdicts else ""


def _headline(answers: Sequence[Answer]) -> Iterator[str]:
    """A line per trace: commands, the hash of the stream, cycles and mean latency, theirs and ours."""
    found = {(a.table, a.case, a.figure): a for a in answers}
    streams = any(a.table == "streams" for a in answers)
    rows = []
    for case in dict.fromkeys(a.case for a in answers if a.table == "results"):
        row = [f"`{case}`"]
        if streams:
            row += [_both(found.get(("streams", case, "commands"))), _hash(found, case)]
        row += [_both(found.get(("results", case, figure))) for figure in ("cycles", "avg_read_latency")]
        rows.append(row)
    heads = ["trace", *(["commands", "SHA-256 of the stream"] if streams else []), "cycles"]
    yield from _table([*heads, "mean read latency in cycles"], rows, left=1)


def _hash(found: Mapping[tuple[str, str, str], Answer], case: str) -> str:
    answer = found.get(("streams", case, "sha256"))
    if answer is None:
        return ""
    theirs, ours = str(answer.theirs)[:8], str(answer.ours)[:8]
    return f"`{theirs}…`" if answer.verdict == EQUAL else f"`{theirs}…`, ours `{ours}…`"


def _both(answer: Answer | None) -> str:
    """One number where they agree; otherwise theirs, and ours beside it."""
    if answer is None:
        return ""
    theirs = _number(answer.theirs)
    return theirs if answer.verdict == EQUAL else f"{theirs}, ours {_number(answer.ours)}"


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, left: int) -> Iterator[str]:
    """A Markdown table whose columns from ``left`` on hold numbers."""
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join("---" if at < left else "---:" for at in range(len(heads))) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
