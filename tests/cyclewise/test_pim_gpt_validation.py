"""Published figures of PIM-GPT: the file is complete, and the verdicts can go either way."""

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from cyclewise import pim_gpt_validation as validation
from cyclewise import published_tables
from cyclewise.published import (
    FAILS,
    HOLDS,
    NOT_RUN,
    OFF,
    SHOWN,
    Answer,
    Case,
    Published,
    PublishedRow,
    cases,
    distance,
    judged,
    published,
)
from sim.baselines import baselines
from sim.report import Report
from tests.cyclewise.program import Program, refused
from tests.plots.pim_recording import made

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rows() -> Published:
    return published("pim_gpt")


def test_every_row_has_a_measure_and_every_measure_a_row(rows: Published) -> None:
    assert set(rows.rows) == set(validation.MEASURES)


def test_provenance_is_complete(rows: Published) -> None:
    for name, row in rows.rows.items():
        assert len(row.source) > 10 and row.confidence and row.reason.endswith("."), name
    for baseline in baselines("pim_gpt").values():
        assert baseline.source and baseline.confidence in ("read", "recalled")


def test_what_the_reference_says_must_hold_does(rows: Published) -> None:
    """Exact and near-exact checks may fail a run; comparisons with other machines may not."""
    must = {name for name, row in rows.rows.items() if row.must_hold}
    assert {"weight_row_hits", "row_hits", "internal_bandwidth", "refresh_share", "power_spread"} <= must
    assert not must & {"t4_speedup", "xeon_speedup", "power", "t4_energy_gain", "cent_token_energy"}
    assert rows.rows["ideal_token_time"].tolerance == 0.01  # as the reference says, whatever comes out


def test_the_published_gains_and_baselines(rows: Published) -> None:
    """As in PIM-GPT's abstracts (arXiv 2310.09385 v1 and v2) and the data sheets."""
    t4, xeon = rows.gains["t4"], rows.gains["xeon"]
    assert (t4.speedup, t4.energy_v2, t4.energy_v1) == ((41, 137), (123, 383), (339, 1085))
    assert (xeon.speedup, xeon.energy_v2, xeon.energy_v1) == ((631, 1074), (320, 602), (890, 1632))
    found = baselines("pim_gpt")
    assert (found["t4"].bandwidth, found["t4"].power) == (320e9, 70)
    assert (found["xeon"].bandwidth, found["xeon"].power) == (128e9, 200)
    assert found["t4"].seconds(640e9) == 2.0


def test_first_principles_come_to_the_published_times(rows: Published) -> None:
    """The derived table again, from its parts: weights, activates, attention, writes of V, refresh."""
    parts = {
        "gpt2_small": (41.5, 15.8, 7.2, 3.1),
        "gpt2_medium": (147.5, 55.3, 19.2, 8.3),
        "gpt3_large": (331.8, 124.4, 28.8, 12.4),
        "gpt3_xl": (589.8, 221.2, 38.4, 16.5),
    }
    for model, microseconds in parts.items():
        told = rows.rows["ideal_token_time"].cases[model][0]
        assert told == pytest.approx(sum(microseconds) * 15 / 14 * 1e-6, rel=1e-3)


def row(**changes: object) -> PublishedRow:
    given = {"figure": "f", "unit": "s", "cases": {"a": 2.0}, "tolerance": 0.1, "must_hold": True}
    given |= {"source": "somewhere", "confidence": "read", "reason": "A reason."}
    return PublishedRow.model_validate({**given, **changes})


def verdict(ours: float, **changes: object) -> Answer:
    made_up = row(**changes)
    only = Published(title="t", models=("a",), quick=(), rows={"r": made_up})
    (case,) = cases(only)
    return judged(made_up, case, ours)


@pytest.mark.parametrize(
    ("ours", "changes", "expected"),
    [
        (2.1, {}, HOLDS),
        (2.3, {}, FAILS),
        (1.7, {}, FAILS),
        (2.3, {"must_hold": False}, OFF),
        (2.3, {"accepted": [0, 3]}, HOLDS),
        (3.1, {"accepted": [0, 3]}, FAILS),
        (9.0, {"must_hold": False, "tolerance": None}, SHOWN),
        (2.3, {"accepted_by_case": {"a": [2.2, 2.4]}}, HOLDS),
        (2.0, {"accepted_by_case": {"a": [2.2, 2.4]}}, FAILS),
    ],
)
def test_verdicts(ours: float, changes: dict[str, object], expected: str) -> None:
    assert verdict(ours, **changes).verdict == expected


def test_a_row_that_must_hold_says_how_far() -> None:
    with pytest.raises(ValueError, match="tolerance"):
        row(tolerance=None)
    with pytest.raises(ValueError, match="either cases, or each"):
        row(each=1.0)


def test_the_error_is_the_distance_to_the_nearest_published_number() -> None:
    assert distance(2.2, (2.0, 2.0)) == pytest.approx(0.1)
    assert distance(50, (41, 137)) == 0
    assert distance(20.5, (41, 137)) == pytest.approx(-0.5)
    assert distance(274, (41, 137)) == pytest.approx(1.0)


class Bench:
    """Stands in for the simulator: made-up reports, and a note of what was run."""

    def __init__(self, **metrics: float) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.metrics = metrics

    def __call__(self, system: str, model: str, settings: Sequence[str]) -> Report:
        self.asked.append((system, model, *settings))
        report = made(tokens=1024, layers=2, model=model)[0]
        return dataclasses.replace(report, metrics={**report.metrics, **self.metrics})


def test_a_run_is_carried_out_once() -> None:
    bench = Bench()
    lab = validation.Lab(bench)
    assert lab.report("gpt2_small") is lab.report("gpt2_small")
    lab.report("gpt2_small", "ideal=[asic,io]")
    assert bench.asked == [("pim_gpt", "gpt2_small"), ("pim_gpt", "gpt2_small", "ideal=[asic,io]")]


@pytest.mark.parametrize(("hits", "expected"), [(0.98, HOLDS), (0.90, FAILS)])
def test_a_run_can_fail(hits: float, expected: str, rows: Published) -> None:
    few = Published(
        title="t",
        models=("gpt2_small",),
        quick=("gpt2_small",),
        gains=rows.gains,
        rows={"row_hits": rows.rows["row_hits"]},
    )
    (answer,) = validation.compared(rows=few, simulate=Bench(row_hit_rate=hits), quick=True)
    assert (answer.ours, answer.verdict) == (hits, expected)


def test_what_a_report_lacks_is_told_and_no_failure(rows: Published) -> None:
    report = made()[0]
    lacking = {key: value for key, value in report.metrics.items() if key != "refresh_share"}
    bare = dataclasses.replace(report, metrics=lacking)
    few = Published(
        title="t", models=("a",), quick=(), gains={}, rows={"refresh_share": rows.rows["refresh_share"]}
    )
    (answer,) = validation.compared(rows=few, simulate=lambda *_: bare)
    assert answer.verdict == NOT_RUN and "refresh_share" in answer.reason and answer.ours is None


def test_a_token_time_is_the_mean_around_its_context() -> None:
    report, tables = made(tokens=100, layers=1)
    chosen = [
        c
        for c, p in zip(tables["tokens"]["cycles"], tables["tokens"]["position"], strict=True)
        if 45 <= p <= 55
    ]
    assert validation.token_seconds(report, 50, 5) == pytest.approx(sum(chosen) / 11 * 1e-9)
    with pytest.raises(validation.NotThere, match="context of 4096"):
        validation.token_seconds(report, 4096)


def test_shares_come_from_operators_and_causes(rows: Published) -> None:
    lab = validation.Lab(Bench())
    case = Case("x", "gpt2_small", (0, 0), None)
    report = lab.report("gpt2_small")
    assert validation.MEASURES["asic_share"](lab, case, rows) == report.bound_by["asic"].share
    in_banks = [
        n
        for n, c in zip(
            report.tables["operators"]["operator"], report.tables["operators"]["mac_columns"], strict=True
        )
        if c
    ]
    share = sum(float(report.metrics[f"operator_share.{name}"] or 0) for name in in_banks)
    assert validation.MEASURES["vmm_share"](lab, case, rows) == pytest.approx(share)
    assert validation.MEASURES["weight_row_hits"](lab, case, rows) == pytest.approx(1 - 1 / 64, abs=1e-4)


def test_quick_runs_only_what_the_file_names(rows: Published) -> None:
    assert {case.case for case in cases(rows, quick=True)} == set(rows.quick)
    assert {case.case for case in cases(rows)} > set(rows.models)


def test_pages_and_lines_tell_everything() -> None:
    answers = [verdict(2.1), verdict(2.3), verdict(9.0, must_hold=False, tolerance=None)]
    page = published_tables.markdown("PIM-GPT", answers)
    assert "| f | a | 2 s | 1.8 s to 2.2 s | 2.3 s | +15.0 % | **fails** |" in page
    assert "3 figures: 1 holds, 1 fails, 1 shown." in page
    assert "| f | 2 s | 2.1 s to 9 s | holds 1 of 3, fails 1 of 3, shown 1 of 3 |" in page
    assert published_tables.reasons(answers) == {"f": "A reason."}
    assert [line[-1] for line in published_tables.lines(answers)] == [HOLDS, FAILS, SHOWN]
    assert re.search(r"\| f \| somewhere \| read \| A reason\. \|", page)
    json.dumps([dataclasses.asdict(answer) for answer in answers])


def test_quick_runs_the_machine(program: Program) -> None:
    content = program("validate", "pim_gpt", "--quick", "--json").json
    assert content["ok"] is True and content["failing"] == 0
    answers = content["answers"]
    assert isinstance(answers, list)
    found = {answer["row"]: answer for answer in answers}
    assert {"ideal_token_time", "row_hits", "t4_speedup", "power"} <= set(found)
    assert all(answer["ours"] is not None for answer in answers)
    assert found["refresh_share"]["ours"] == pytest.approx(1 / 15, abs=1e-3)
    text = program("validate", "pim_gpt", "--quick").out
    assert "time per token at context 512" in text and "16 figures: " in text


def test_only_the_dram_has_measured_data(program: Program) -> None:
    refused(program("validate", "pim_gpt", "--data", "x"), "--data", "only dram")
    refused(program("validate", "pim_gtp"), "accepted dram, dramsys, pim_gpt")


@pytest.mark.slow
@pytest.mark.release
def test_the_page_is_current(program: Program, tmp_path: Path) -> None:
    content = program("validate", "pim_gpt", "--json", "--markdown", str(tmp_path / "page.md")).json
    assert content["ok"] is True
    page = CHECKOUT / "docs" / "systems" / "pim_gpt_validation.md"
    again = f"cyclewise validate pim_gpt --markdown {page.relative_to(CHECKOUT)}"
    assert (tmp_path / "page.md").read_text() == page.read_text(), f"the page is of old: {again}"
