"""Published figures of a paper and the verdict on ours: ``rows`` of ``sim/published/PAPER.yaml``.

A row says what somebody published, for which cases, and how far from it ours may be.  What is not said to
have to hold is shown with its distance and a reason, and is no verdict on the model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from arch.fields import Spec
from arch.validation import validated
from arch.yaml_source import read_file
from sim.baselines import PUBLISHED

HOLDS, FAILS, OFF, SHOWN, NOT_RUN = "holds", "fails", "off", "shown", "not run"
"""Within what is accepted; outside though it must hold; outside; nothing accepted is stated; no figure."""


def _pair(given: object) -> object:
    """A number is a range without width; YAML's list becomes a tuple."""
    if isinstance(given, list):
        return tuple(_number(value) for value in given)
    one = _number(given)
    return (one, one) if isinstance(one, float) else given


def _number(given: object) -> object:
    """YAML's numbers are read exactly; here they are floats."""
    return float(given) if isinstance(given, (int, float, Decimal)) and not isinstance(given, bool) else given


Range = Annotated[tuple[float, float], BeforeValidator(_pair)]
Text = Annotated[str, Field(min_length=1)]
Confidence = Literal["read", "recalled", "derived", "assumed"]


class PublishedRow(Spec):
    """One published figure for one or several cases."""

    figure: Text
    unit: Text
    cases: dict[str, Range] = Field(default_factory=dict)
    """What was published, by case; a range where it is one."""
    each: Range | None = None
    """The same for all of ``of``."""
    of: Literal["models"] | None = None
    tolerance: Annotated[float, BeforeValidator(_number)] | None = None
    """Relative distance from the published range that is accepted."""
    accepted: Range | None = None
    """What is accepted, absolute; goes before ``tolerance``."""
    accepted_by_case: dict[str, Range] = Field(default_factory=dict)
    must_hold: bool
    """Whether a figure outside what is accepted is a failure of the model."""
    source: Text
    confidence: Confidence
    reason: Text
    """Where a gap comes from."""

    @model_validator(mode="after")
    def _whole(self) -> "PublishedRow":
        if bool(self.cases) == (self.each is not None) or (self.each is None) != (self.of is None):
            raise ValueError("either cases, or each with of")
        if self.must_hold and self.tolerance is None and self.accepted is None:
            raise ValueError("what must hold needs a tolerance, or what is accepted")
        return self


class Gains(Spec):
    """Least and most of a paper's gains over one baseline."""

    speedup: Range
    energy_v1: Range
    energy_v2: Range


class Published(Spec):
    """The part of a paper's file that is compared."""

    title: Text
    models: tuple[str, ...] = ()
    quick: tuple[str, ...]
    gains: dict[str, Gains] = Field(default_factory=dict)
    settings: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Overrides of ours, by case."""
    rows: dict[str, PublishedRow]


class Case(NamedTuple):
    """One figure to be found."""

    row: str
    case: str
    published: tuple[float, float]
    accepted: tuple[float, float] | None


@dataclass(frozen=True)
class Answer:
    """A published figure, ours, and the verdict.

    ``published``: a range, both ends equal for a single number.  ``error``: ours over the nearest published
    number, less 1; 0 within a range; None without ours.  ``reason``: where a gap comes from, or why there is
    no figure.
    """

    row: str
    case: str
    figure: str
    unit: str
    published: tuple[float, float]
    accepted: tuple[float, float] | None
    must_hold: bool
    ours: float | None
    error: float | None
    verdict: str
    reason: str
    source: str
    confidence: str


def published(paper: str) -> Published:
    """The rows of a paper.  Raises InputError for a file that is not of this form."""
    name = f"{paper}.yaml"
    tree = read_file(PUBLISHED / name, name)
    for key in ("models", "quick"):
        tree.data[key] = tuple(tree.data.get(key, ()))
    gains = tree.data.get("gains", {})
    tree.data["gains"] = {key: gains[key] for key in gains if key not in ("source", "confidence")}
    settings = tree.data.get("settings", {})
    tree.data["settings"] = {case: tuple(overrides) for case, overrides in settings.items()}
    for key in set(tree.data) - set(Published.model_fields):
        del tree.data[key]  # baselines are read by sim.baselines; the rest is for readers
    found = validated(Published, tree)
    assert isinstance(found, Published)
    return found


def cases(of: Published, *, quick: bool = False) -> Iterator[Case]:
    """Every figure to be found, in the file's order; ``quick``: of the cases that the file names for it."""
    for name, row in of.rows.items():
        given = row.cases or {model: row.each for model in of.models if row.each is not None}
        for case, value in given.items():
            if not quick or case in of.quick:
                yield Case(name, case, value, _accepted(row, case, value))


def _accepted(row: PublishedRow, case: str, value: tuple[float, float]) -> tuple[float, float] | None:
    if case in row.accepted_by_case:
        return row.accepted_by_case[case]
    if row.accepted is not None:
        return row.accepted
    if row.tolerance is None:
        return None
    return value[0] * (1 - row.tolerance), value[1] * (1 + row.tolerance)


def judged(row: PublishedRow, case: Case, ours: float) -> Answer:
    """The verdict on a figure of ours."""
    if case.accepted is None:
        verdict = SHOWN
    elif case.accepted[0] <= ours <= case.accepted[1]:
        verdict = HOLDS
    else:
        verdict = FAILS if row.must_hold else OFF
    return _answer(row, case, ours, verdict, row.reason)


def not_run(row: PublishedRow, case: Case, why: str) -> Answer:
    """The answer where there is no figure of ours, and why."""
    return _answer(row, case, None, NOT_RUN, why)


def distance(ours: float, published: tuple[float, float]) -> float:
    """``ours`` over the nearest end of a range, less 1; 0 within it."""
    low, high = published
    nearest = min(max(ours, low), high)
    return 0.0 if nearest == ours else ours / nearest - 1 if nearest else float("inf")


def _answer(row: PublishedRow, case: Case, ours: float | None, verdict: str, reason: str) -> Answer:
    return Answer(
        row=case.row,
        case=case.case,
        figure=row.figure,
        unit=row.unit,
        published=case.published,
        accepted=case.accepted,
        must_hold=row.must_hold,
        ours=ours,
        error=None if ours is None else distance(ours, case.published),
        verdict=verdict,
        reason=reason,
        source=row.source,
        confidence=row.confidence,
    )
