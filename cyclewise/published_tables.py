"""Published figures beside ours, as lines for a terminal and as a page of text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cyclewise.published import FAILS, HOLDS, NOT_RUN, OFF, SHOWN, Answer
from plots.labels import quantity

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


def markdown(title: str, answers: Sequence[Answer]) -> str:
    """A page: a line for each figure, where it is from and where gaps come from; then case by case.

    The first part ends at a line ``<!-- cases -->``, so that another page can quote just that.
    """
    return "\n".join([f"# {title}: published and ours", "", *_page(answers)]).rstrip() + "\n"


def _page(answers: Sequence[Answer]) -> Iterator[str]:
    yield f"{summary(answers)}."
    yield ""
    verdicts = dict.fromkeys(answer.verdict for answer in answers)
    for verdict, meaning in MEANINGS.items():
        if verdict in verdicts:
            yield f"- *{verdict}*: {meaning}."
    yield ""
    yield "| figure | published | ours | verdict |"
    yield "| --- | ---: | ---: | --- |"
    for row in dict.fromkeys(answer.row for answer in answers):
        yield _figure([answer for answer in answers if answer.row == row])
    yield ""
    yield "Where each published figure is from, and where a gap comes from:"
    yield ""
    yield "| figure | source | confidence | about a gap |"
    yield "| --- | --- | --- | --- |"
    for answer in {answer.row: answer for answer in answers}.values():
        cells = (answer.figure, answer.source, answer.confidence, answer.reason)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    yield "<!-- cases -->"
    yield ""
    yield "| figure | case | published | accepted | ours | error | verdict |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    for answer, line in zip(answers, lines(answers), strict=True):
        figure, case, theirs, ours, error, verdict = line
        accepted = "" if answer.accepted is None else told(answer.accepted, answer.unit)
        bold = f"**{verdict}**" if verdict == FAILS else verdict
        yield f"| {figure} | {case} | {theirs} | {accepted} | {ours} | {error} | {bold} |"


def _figure(answers: Sequence[Answer]) -> str:
    """One line for all cases of a figure: ranges over them, and how many of them have which verdict."""
    first = answers[0]
    theirs = min(a.published[0] for a in answers), max(a.published[1] for a in answers)
    found = [a.ours for a in answers if a.ours is not None]
    ours = told((min(found), max(found)), first.unit) if found else ""
    verdicts = {verdict: sum(a.verdict == verdict for a in answers) for verdict in MEANINGS}
    counted = [f"{verdict} {n} of {len(answers)}" for verdict, n in verdicts.items() if n]
    words = first.verdict if len(counted) == 1 else ", ".join(counted)
    return f"| {first.figure} | {told(theirs, first.unit)} | {ours} | {words} |"


def told(given: tuple[float, float], unit: str) -> str:
    """One number, or from one to another; ``up to`` where it begins at nothing."""
    low, high = given
    if low == high or value(low, unit) == value(high, unit):
        return value(low, unit)
    if low == 0:
        return f"up to {value(high, unit)}"
    return f"{value(low, unit)} to {value(high, unit)}"


def value(given: float, unit: str) -> str:
    """Four digits with unit; ratios to three places."""
    if unit != "1":
        return quantity(given, unit)
    if abs(given) >= 10:
        return f"{given:,.0f}" if given == round(given) else f"{given:,.1f}"
    return f"{given:.4f}" if 0 < abs(given) < 0.1 else f"{given:.3f}"


def signed(error: float | None) -> str:
    """A relative error in percent; nothing where there is none."""
    if error is None:
        return ""
    return f"{error * 100:+,.1f} %" if abs(error) >= 0.0005 else "0"
