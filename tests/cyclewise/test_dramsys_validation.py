"""``cyclewise validate dramsys``: every figure of DRAMSys is met, and the page says so."""

from pathlib import Path

import pytest

from cyclewise.dramsys_validation import MEASURES, compared
from cyclewise.published import HOLDS, published
from tests.cyclewise.program import CHECKOUT, Program


def test_every_figure_holds_and_the_page_is_of_today(program: Program, tmp_path: Path) -> None:
    content = program("validate", "dramsys", "--json", "--markdown", str(tmp_path / "page.md")).json
    answers = content["answers"]
    assert isinstance(answers, list) and len(answers) == content["figures"] == 65
    assert {answer["verdict"] for answer in answers} == {HOLDS} and content["ok"]
    page = CHECKOUT / "docs" / "systems" / "dramsys_validation.md"
    assert (tmp_path / "page.md").read_text() == page.read_text()


def test_every_row_has_a_measure_and_every_case_its_settings() -> None:
    found = published("dramsys")
    assert found.rows.keys() == MEASURES.keys()
    for name, row in found.rows.items():
        if name.startswith(("time", "power")):
            assert row.cases.keys() == found.settings.keys() and row.must_hold


def test_the_stream_is_that_of_the_peer_but_for_one_cycle() -> None:
    for answer in compared():
        if answer.row == "time_stream":
            assert answer.ours == pytest.approx(answer.published[0] + 1.25e-9, abs=6e-10), (
                answer.case
            )  # three digits


def test_quick_is_a_part(program: Program) -> None:
    content = program("validate", "dramsys", "--quick", "--json").json
    assert content["figures"] == 8
