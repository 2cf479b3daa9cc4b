"""The page of a study: one file with its figures, its best designs, what failed and what to beware of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plots.drawing import Drawing
from plots.page import Page, rendered, shown
from plots.page_tables import Card, Table


@dataclass(frozen=True)
class Content:
    """What stands on the page, in this order.

    Attributes:
        title: the study's name.
        cards: headline figures.
        warnings: sentences.
        described: names and values of what was searched.
        changes: the best design's settings beside the baseline's; no rows: there is none.
        settings: the best design as a file that can be run; empty if it has no such form.
        drawings: the figures.
        missing: title of each other figure, and why there is none.
        tables: those without rows are left out.
        failures: the designs without metrics.
    """

    title: str
    cards: Sequence[Card]
    warnings: Sequence[str]
    described: Sequence[tuple[str, str]]
    changes: Table
    settings: str
    drawings: Sequence[Drawing]
    missing: Mapping[str, str]
    tables: Sequence[Table]
    failures: Table


def study_page(content: Content, *, command: str, version: str) -> Page:
    """The page of a study.

    Args:
        command: the command line that goes on with it; empty: none is shown.
        version: of the program that makes the page.
    """
    html = rendered(
        "study.html",
        title=content.title,
        version=version,
        command=command,
        up=None,
        content=content,
        figures=shown(content.drawings),
    )
    return Page(html, [*content.drawings])
