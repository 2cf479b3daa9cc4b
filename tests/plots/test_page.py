"""Pages: one file that loads nothing, is well built, inert whatever names are in it, and always the same."""

import base64
import csv
import dataclasses
import hashlib
import html.parser
import io
import itertools
import re
from typing import Any

import pytest

from plots import page_batch
from plots.page import Page, Row, batch_page, run_page
from sim.report import Report
from tests.plots.recording import Tables
from tests.plots.recording import recorded as a_run

EVIL = "</title><script>alert('$x$')</script><img src=x onerror=alert(1)>\"'&\x01"
VOID = {"meta", "img", "br", "input", "link", "hr", "wbr"}
ADDRESSES = ("href", "src", "action", "poster", "data", "xlink:href", "srcset", "formaction")


class Outline(html.parser.HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == [], "elements that are not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{tag} is closed out of order"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]


@pytest.fixture(scope="module")
def run() -> tuple[Report, Tables]:
    return a_run("ddr3_1600", requests=1500)


@pytest.fixture(scope="module")
def single(run: tuple[Report, Tables]) -> Page:
    return run_page(*run, command="cyclewise run ddr3_1600 random -o 'my out'", version="1.2.3")


@pytest.fixture(scope="module")
def several(run: tuple[Report, Tables]) -> Page:
    return batch_page("Two and one", rows(run[0]), version="1.2.3", command="cyclewise batch b.yaml")


def rows(report: Report) -> list[Row]:
    slow = {**report.metrics, "bandwidth": 1e9, "latency_from_accept.p99": 9000}
    slower = dataclasses.replace(report, metrics=slow, seconds=report.seconds * 2)
    return [
        Row("fast", report, link="runs/fast/report.html"),
        Row("slow", slower, system="other"),
        Row("failed", None, "x.yaml:3: timing.tRCD: given -1", system="third", workload="random"),
    ]


PAGES = pytest.mark.parametrize("which", ["single", "several"])


@PAGES
def test_a_page_loads_nothing(which: str, request: pytest.FixtureRequest) -> None:
    page: Page = request.getfixturevalue(which)
    outline = Outline(page.html)
    for tag, attributes in outline.tags:
        for name in ADDRESSES:
            address = attributes.get(name)
            if address is not None:
                own = address.startswith(("#", "data:")) or address == "runs/fast/report.html"
                assert own, (tag, address)
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _ in outline.tags}
    without_data = re.sub(r"base64,[\sA-Za-z0-9+/=]*", "", page.html)
    assert "://" not in without_data and "@import" not in without_data
    assert not re.search(r"url\((?!#)", without_data)


@PAGES
def test_only_the_pages_own_script_may_run(which: str, request: pytest.FixtureRequest) -> None:
    page: Page = request.getfixturevalue(which)
    outline = Outline(page.html)
    (policy,) = [a["content"] for a in outline.every("meta") if "http-equiv" in a]
    (script,) = outline.texts["script"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None and f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


@PAGES
def test_the_structure_is_sound(which: str, request: pytest.FixtureRequest) -> None:
    page: Page = request.getfixturevalue(which)
    outline = Outline(page.html)
    assert len(set(outline.ids())) == len(outline.ids())
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for _, attributes in outline.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in outline.ids()
    for head in outline.every("th"):
        assert head["scope"] in ("col", "row")
        assert head["scope"] == "row" or head["aria-sort"] == "none"
    pictures = [a for tag, a in outline.tags if a.get("role") == "img"]
    assert len(pictures) == len(page.drawings) == len(outline.every("figure")) == len(outline.every("svg"))
    assert outline.every("html") == [{"lang": "en"}]
    used = re.findall(r'(?:href="|url\()#([^")]+)', page.html)
    assert set(used) <= set(outline.ids())


@PAGES
def test_pictures_follow_the_theme(which: str, request: pytest.FixtureRequest) -> None:
    page: Page = request.getfixturevalue(which)
    pictures = re.findall(r"<svg.*?</svg>", page.html, flags=re.DOTALL)
    assert pictures and all("var(--ink" in picture for picture in pictures)
    assert any("var(--faint" in picture for picture in pictures)
    assert all("<style" not in picture and "<metadata" not in picture for picture in pictures)


@PAGES
def test_the_data_of_each_figure_come_along(which: str, request: pytest.FixtureRequest) -> None:
    page: Page = request.getfixturevalue(which)
    links = [a for a in Outline(page.html).every("a") if "download" in a]
    for link, drawing in zip(links, page.drawings, strict=True):
        assert link["download"] == f"{drawing.name}.csv"
        text = base64.b64decode((link["href"] or "").partition("base64,")[2]).decode()
        assert text == drawing.csv() and next(csv.reader(io.StringIO(text))) == [*drawing.data]


def test_a_page_of_a_run_says_everything(run: tuple[Report, Tables], single: Page) -> None:
    report = run[0]
    text = visible(single.html)
    for words in (*report.metrics, *report.bound_by, *(law.name for law in report.invariants)):
        assert words.removeprefix("commands.") in text, words
    for assumption in report.assumptions:
        assert assumption.text in text and assumption.confidence in text
    for timing in report.provenance["timing_cycles"]:
        assert timing in text
    assert "cyclewise run ddr3_1600 random -o 'my out'" in text and "cyclewise 1.2.3" in text
    assert "bytes of all requests in the simulated time" in text  # what a metric means
    assert str(report.system["digest"])[:16] in text


def test_warnings_stand_on_the_page(run: tuple[Report, Tables]) -> None:
    warned = dataclasses.replace(run[0], warnings=("front_end.arbiter has no effect <here>",))
    text = run_page(warned, run[1], command="", version="1").html
    assert "front_end.arbiter has no effect &lt;here&gt;" in text and 'class="warnings"' in text


def test_missing_figures_are_named_with_their_reason(run: tuple[Report, Tables]) -> None:
    page = run_page(run[0], {}, command="", version="1")
    text = visible(page.html)
    assert "Bank activity: the run has no table bank_activity" in text and len(page.drawings) == 3
    Outline(page.html)


def test_a_run_without_anything_measured(run: tuple[Report, Tables]) -> None:
    bare = dataclasses.replace(
        run[0], metrics={}, units={}, bound_by={}, energy_joules=None, invariants=(), assumptions=(),
        provenance={}, system={"name": "x", "kind": "unheard_of"}, workload={"name": "y"}, cycles={},
        seconds=0.0,
    )  # fmt: skip
    page = run_page(bare, {}, command="", version="1")
    Outline(page.html)
    assert page.drawings == [] and "Not drawn" in page.html


@pytest.mark.parametrize("place", ["system", "workload", "run", "error", "title", "command", "warning"])
def test_names_are_inert(place: str, run: tuple[Report, Tables]) -> None:
    report, tables = run
    named: Any = {place: {**getattr(report, place), "name": EVIL}} if place in ("system", "workload") else {}
    changed = dataclasses.replace(report, **named, warnings=(EVIL,) if place == "warning" else ())
    evil = {part: EVIL if part == place else part for part in ("run", "error", "title", "command")}
    listed = [Row(evil["run"], changed, link="a/b.html"), Row("2", report), Row("3", None, evil["error"])]
    for page in (
        run_page(changed, tables, command=evil["command"], version="1"),
        batch_page(evil["title"], listed, version="1", command=evil["command"]),
    ):
        outline = Outline(page.html)
        assert len(outline.every("script")) == 1 and outline.every("img") == []
        assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)


def test_the_same_inputs_give_the_same_bytes(run: tuple[Report, Tables], single: Page, several: Page) -> None:
    again = run_page(*run, command="cyclewise run ddr3_1600 random -o 'my out'", version="1.2.3")
    assert again.html == single.html
    host = dataclasses.replace(run[0].host, wall_seconds=1e9, machine="another")
    elsewhere = dataclasses.replace(run[0], host=host)
    page = run_page(elsewhere, run[1], command="cyclewise run ddr3_1600 random -o 'my out'", version="1.2.3")
    assert page.html == single.html
    assert (
        batch_page("Two and one", rows(run[0]), version="1.2.3", command="cyclewise batch b.yaml").html
        == several.html
    )


def test_a_batch_lists_all_runs_and_links_to_their_pages(several: Page) -> None:
    text = visible(several.html)
    for words in ("2 of 3 finished", "fast", "slow", "failed", "x.yaml:3: timing.tRCD: given -1", "other"):
        assert words in text
    links = [a["href"] for a in Outline(several.html).every("a") if "download" not in a]
    assert links == ["runs/fast/report.html"]


def test_the_best_of_each_workload_is_marked(run: tuple[Report, Tables]) -> None:
    listed = rows(run[0])
    table = page_batch.table(listed)
    best = {
        (row[0].text, head.text)
        for row in table.rows
        for head, c in zip(table.columns, row, strict=True)
        if c.best
    }
    assert best == {("fast", "Time"), ("fast", "Bandwidth"), ("fast", "Latency p50"), ("fast", "Latency p99")}
    alone = page_batch.table([listed[0], dataclasses.replace(listed[1], workload="another")])
    assert not any(cell.best for row in alone.rows for cell in row)


def test_a_batch_in_which_all_failed() -> None:
    page = batch_page("", [Row("a", None, "no"), Row("b", None)], version="1")
    text = visible(page.html)
    assert "0 of 2 finished" in text and "not finished" in text and page.drawings == []
    Outline(page.html)


def test_colours_of_text_can_be_read() -> None:
    """Contrast of at least 4.5 (WCAG 2.1, 1.4.3), on the page and on panels, in both themes."""
    from plots.page import TEMPLATES

    style = (TEMPLATES / "page.css").read_text()
    light = dict(re.findall(r"--([\w-]+): (#\w{6})", style.partition("@media")[0]))
    dark = dict(
        re.findall(r"--([\w-]+): (#\w{6})", style.partition('[data-theme="dark"]')[2].partition("}")[0])
    )
    for theme in (light, dark):
        for text in ("ink", "quiet", "link"):
            assert all(contrast(theme[text], theme[back]) >= 4.5 for back in ("paper", "panel"))
        assert all(contrast(theme["ink"], theme[back]) >= 4.5 for back in ("warn", "best"))


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def visible(page: str) -> str:
    """The text of a page, without its pictures, scripts and tags."""
    bare = re.sub(r"<(svg|script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare)))
