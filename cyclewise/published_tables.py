"""Published figures beside ours, as lines for a terminal and as a page of text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cyclewise.published import FAILS, HOLDS, NOT_RUN, OFF, SHOWN, Answer
from plots.labels import number, quantity

HEADS = ("figure", "case", "published", "ours", "error", "verdict")

MEANINGS: Mapping[str, str] = {
    HOLDS: "within what was accepted before it was run",
    FAILS: "outside, and it must hold: a fault of the model",
    OFF: "outside; a difference that is explained and no verdict on the model",
    SHOWN: "nothing is accepted or refused; the two figures are of different things",
    NOT_RUN: "no figure of ours",
}


def lines(answers: Sequence[Answer]) -> list[tuple[str, ...]]:
    """A line for each answer, its cells by ``HEADS``."""
    return [
        (
            answer.figure,
            answer.case,
            told(answer.published, answer.unit),
            "" if answer.ours is None else value(answer.ours, answer.unit),
            signed(answer.error),
            answer.verdict,
        )
        for answer in answers
    ]


def summary(answers: Sequence[Answer]) -> str:
    """How many figures there are of each verdict, in one sentence."""
    counts = {verdict: sum(answer.verdict == verdict for answer in answers) for verdict in MEANINGS}
    parts = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    return f"{len(answers)} figures: {', '.join(parts)}"


def reasons(answers: Iterable[Answer]) -> dict[str, str]:
    """Where the gap of a figure comes from: of every figure that does not simply hold, once."""
    return {answer.figure: answer.reason for answer in answers if answer.verdict != HOLDS}


def markdown(answers: Sequence[Answer]) -> str:
    """A page: a table of all answers, a section for each figure's source and reason."""
    return "\n".join(["# PIM-GPT: published and ours", "", *_page(answers)]).rstrip() + "\n"


def _page(answers: Sequence[Answer]) -> Iterator[str]:
    yield f"{summary(answers)}."
    yield ""
    verdicts = dict.fromkeys(answer.verdict for answer in answers)
    for verdict, meaning in MEANINGS.items():
        if verdict in verdicts:
            yield f"- *{verdict}*: {meaning}."
    yield ""
    yield "| figure | case | published | accepted | ours | error | verdict |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    for answer, line in zip(answers, lines(answers), strict=True):
        figure, case, theirs, ours, error, verdict = line
        accepted = "" if answer.accepted is None else told(answer.accepted, answer.unit)
        bold = f"**{verdict}**" if verdict == FAILS else verdict
        yield f"| {figure} | {case} | {theirs} | {accepted} | {ours} | {error} | {bold} |"
    yield ""
    yield "Where each published figure is from, and where a gap comes from:"
    yield ""
    yield "| figure | source | confidence | about a gap |"
    yield "| --- | --- | --- | --- |"
    for answer in {answer.row: answer for answer in answers}.values():
        cells = (answer.figure, answer.source, answer.confidence, answer.reason)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def told(given: tuple[float, float], unit: str) -> str:
    """One number, or from one to another; ``up to`` where it begins at nothing."""
    low, high = given
    if low == high:
        return value(low, unit)
    if low == 0:
        return f"up to {value(high, unit)}"
    return f"{value(low, unit)} to {value(high, unit)}"


def value(given: float, unit: str) -> str:
    """Four digits with unit; ratios to three places."""
    if unit != "1":
        return quantity(given, unit)
    return f"{given:.3f}" if abs(given) < 10 else number(round(given, 1))


def signed(error: float | None) -> str:
    """A relative error in percent; nothing where there is none."""
    if error is None:
        return ""
    return f"{error * 100:+,.1f} %" if error else "0"
