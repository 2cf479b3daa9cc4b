"""Pages of HTML that hold everything themselves: of a run, and of the runs of a batch side by side.

Whatever comes from users (names, paths, messages) is escaped by the template, and a content security policy
lets no other script run than the page's own and nothing be loaded from anywhere.
"""

import base64
import hashlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from plots import comparison, page_batch, page_tables, variants
from plots.drawing import Drawing
from plots.figures import draw_all
from plots.page_batch import Row as Row
from plots.recorded import NothingToDraw, Tables, of
from sim.report import Report

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Page:
    """``html``: the whole file; ``drawings``: the figures in it."""

    html: str
    drawings: list[Drawing]


@dataclass(frozen=True)
class _Shown:
    """A drawing as the template takes it; ``data``: its CSV as an address."""

    name: str
    title: str
    caption: str
    svg: Markup
    data: str


def run_page(
    report: Report,
    tables: Tables,
    *,
    command: str,
    version: str,
    drawings: Sequence[Drawing] = (),
    up: str | None = None,
) -> Page:
    """The page of one run.

    Args:
        tables: what was recorded of it (:mod:`plots.recorded`); figures without their table are named.
        command: the command line that reproduces it.
        version: of the program that makes the page.
        drawings: further figures, shown after the usual ones.
        up: relative address of the page of its batch.
    """
    recorded = of(report, tables)
    figures = draw_all(report, tables)
    drawn = [*figures.drawn, *drawings]
    name = f"{report.system.get('name', '')} · {report.workload.get('name', '')}"
    html = rendered(
        "run.html",
        title=name,
        version=version,
        command=command,
        up=up,
        described=page_tables.described(report),
        cards=page_tables.cards(recorded),
        warnings=report.warnings,
        figures=shown(drawn),
        missing=figures.missing,
        tables=page_tables.tables(recorded),
        assumptions=page_tables.assumptions(report),
        invariants=page_tables.invariants(report),
        provenance=page_tables.provenance(recorded),
    )
    return Page(html, drawn)


def batch_page(
    title: str,
    runs: Sequence[Row],
    *,
    command: str = "",
    version: str,
    drawings: Sequence[Drawing] = (),
) -> Page:
    """The page that compares the runs of a batch; those without a report are listed with their message."""
    compared = {
        run.name: comparison.Compared.of(run.report, run.system, run.workload)
        for run in runs
        if run.report is not None
    }
    drawn: list[Drawing] = [*_varied(runs)]
    missing: dict[str, str] = {}
    for quantity in comparison.quantities(run.report for run in compared.values()):
        try:
            drawn.append(comparison.draw(compared, quantity))
        except NothingToDraw as reason:
            missing[quantity.title] = str(reason)
    drawn += drawings
    html = rendered(
        "batch.html",
        title=title or "Batch",
        version=version,
        command=command,
        up=None,
        count=len(runs),
        finished=len(compared),
        linked=any(run.link for run in runs),
        runs=page_batch.table(runs),
        failures=page_batch.failures(runs),
        figures=shown(drawn),
        missing=missing,
    )
    return Page(html, drawn)


def _varied(runs: Sequence[Row]) -> list[Drawing]:
    """What the variants of a batch change in the time of a token, if it has some and they make tokens."""
    named = [(run, run.report) for run in runs if run.report is not None and run.variant is not None]
    systems = dict.fromkeys(run.system for run, _ in named)
    several = len(systems) > 1
    varied = [
        variants.Varied(
            " · ".join(filter(None, (run.system if several else "", run.workload))), str(run.variant), report
        )
        for run, report in named
    ]
    try:
        return [variants.draw(varied)] if varied else []
    except NothingToDraw:
        return []


def rendered(template: str, **content: Any) -> str:
    """A page of one of the templates, with the common style and script in it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template(template)
    return page.render(script=Markup(script), style=Markup(style), script_hash=digest, **content)


def shown(drawings: Sequence[Drawing]) -> list[_Shown]:
    """Drawings as templates take them."""
    return [_Shown(d.name, d.title, d.caption, Markup(_inline(d)), _address(d)) for d in drawings]


def _inline(drawing: Drawing) -> str:
    """The picture without what only a file of its own needs."""
    with warnings.catch_warnings():
        # Names may hold characters that the font for measuring lacks; the browser's has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        text = drawing.svg()
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text.partition(">")[0]) + ">" + text.partition(">")[2]
    # Sizes are the page's; the picture keeps its proportions by its viewBox.
    opening, _, rest = text.partition(">")
    opening = re.sub(r' (width|height)="[^"]*"', "", opening)
    # One word is enough for the link to an embedded picture, and needs no name space.
    return f'{opening} aria-hidden="true" focusable="false">{rest}'.replace("xlink:href", "href")


def _address(drawing: Drawing) -> str:
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(drawing.csv().encode()).decode()}"
