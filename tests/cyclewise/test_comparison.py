"""Comparing runs: figures, ratios and verdicts, differences leaf by leaf, causes, and bad input."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cyclewise as cw
from arch.errors import InputError
from cyclewise.batch.execution import run_batch
from cyclewise.cli import main
from cyclewise.comparison import Compared, Comparison, Figure, compare, named, side_by_side
from sim.report import Bound, MetricDeclaration, Report

DECLARED = {
    "memory": (
        MetricDeclaration("bandwidth", "B/s", False, ""),
        MetricDeclaration("latency.*", "cycles", True, ""),
        MetricDeclaration("hits", "requests", None, ""),
    )
}


@pytest.fixture(scope="module")
def base() -> Report:
    """A real report, whose figures the tests replace."""
    return cw.run("ddr4_2400", cw.generate("random", requests=50)).report


Made = Callable[..., Report]


@pytest.fixture
def made(base: Report) -> Made:
    def make(metrics: dict[str, Any], units: dict[str, str] | None = None, **others: Any) -> Report:
        known = {"bandwidth": "B/s", "latency.mean": "cycles", "hits": "requests"}
        given = {name: (units or {}).get(name, known.get(name, "1")) for name in metrics}
        return replace(base, metrics=metrics, units=given, **others)

    return make


def of(*reports: Report, systems: tuple[dict[str, Any], ...] | None = None) -> Comparison:
    runs = [Compared(f"run{at}", r, systems[at] if systems else None) for at, r in enumerate(reports)]
    return side_by_side(runs, DECLARED)


def figure(comparison: Comparison, name: str) -> Figure:
    (found,) = [figure for figure in comparison.figures if figure.name == name]
    return found


def test_ratios_and_verdicts(made: Made) -> None:
    found = of(
        made({"bandwidth": 2.0, "latency.mean": 10, "hits": 4, "odd": 1}),
        made({"bandwidth": 3.0, "latency.mean": 5, "hits": 8, "odd": 2}),
        made({"bandwidth": 1.0, "latency.mean": 20, "hits": 4, "odd": 1}),
    )
    assert figure(found, "bandwidth").ratios == (1.0, 1.5, 0.5)
    assert figure(found, "bandwidth").verdicts == (None, "better", "worse")
    assert figure(found, "latency.mean").verdicts == (None, "better", "worse")
    assert figure(found, "hits").verdicts == (None, None, None) and figure(found, "hits").differs
    assert figure(found, "odd").verdicts == (None, None, None)
    assert not figure(found, "time").differs


def test_missing_and_zero_have_no_ratio(made: Made) -> None:
    found = of(made({"bandwidth": 0.0, "hits": None}), made({"bandwidth": 2.0, "hits": 3, "odd": 1}))
    assert figure(found, "bandwidth").ratios == (None, None)
    assert figure(found, "bandwidth").verdicts == (None, "better")
    assert figure(found, "hits") == Figure("hits", "requests", (None, 3), (None, None), (None, None))
    assert figure(found, "odd").values == (None, 1)


def test_one_name_with_two_units_is_two_figures(made: Made) -> None:
    found = of(made({"odd": 1}), made({"odd": 1}, {"odd": "m"}))
    assert [(f.unit, f.values) for f in found.figures if f.name == "odd"] == [
        ("1", (1, None)),
        ("m", (None, 1)),
    ]


def test_cycles_of_different_clocks_are_compared_as_time(made: Made, base: Report) -> None:
    slow = {**base.system, "clock_hertz": 1e9}
    fast = {**base.system, "clock_hertz": 2e9}
    found = of(made({"latency.mean": 10}, system=slow), made({"latency.mean": 12}, system=fast))
    latency = figure(found, "latency.mean")
    assert latency.unit == "s" and list(latency.values) == pytest.approx([10e-9, 6e-9])
    assert latency.verdicts == (None, "better")
    assert figure(of(*[made({"latency.mean": 10}, system=slow)] * 2), "latency.mean").unit == "cycles"


def test_kinds_that_disagree_give_no_verdict(made: Made, base: Report) -> None:
    other = made({"bandwidth": 3.0}, system={**base.system, "kind": "other"})
    runs = [Compared("a", made({"bandwidth": 2.0})), Compared("b", other)]
    opposite = {**DECLARED, "other": (MetricDeclaration("bandwidth", "B/s", True, ""),)}
    for declarations in (DECLARED, opposite):
        assert figure(side_by_side(runs, declarations), "bandwidth").verdicts == (None, None)


def test_systems_differ_leaf_by_leaf(made: Made) -> None:
    report = made({})
    rule = {"after": ["RD"], "wait": "tBL"}
    first = {
        "timing": {"tCL": "16 nCK", "tRP": "3 ns"},
        "rules": {"a": rule},
        "title": "x",
        "sources": {"a": 1},
    }
    second = {"timing": {"tCL": "17 nCK", "tRP": "3 ns"}, "rules": {"a": rule, "b": rule}, "title": "y"}
    found = of(report, report, systems=(first, second))
    assert {d.key: d.values for d in found.system_differences} == {
        "timing.tCL": ("16 nCK", "17 nCK"),
        "rules.b": (None, rule),
    }
    assert found.whole_systems


def test_without_all_specifications_the_reports_are_compared(made: Made, base: Report) -> None:
    other = made({}, system={**base.system, "channels": 7, "digest": "x"})
    found = side_by_side([Compared("a", made({}), {"channels": 1}), Compared("b", other)])
    assert [(d.key, d.values) for d in found.system_differences] == [("channels", (1, 7))]
    assert not found.whole_systems


def test_workloads_and_causes(made: Made) -> None:
    first = made(
        {},
        workload={"name": "x", "ops": {"READ": 1}},
        bound_by={"bus": Bound(3, 0.75), "tRP": Bound(1, 0.25)},
    )
    second = made(
        {}, workload={"name": "x", "ops": {"READ": 2}}, bound_by={"tRC": Bound(9, 0.9), "bus": Bound(1, 0.1)}
    )
    found = of(first, second)
    assert [(d.key, d.values) for d in found.workload_differences] == [("ops.READ", (1, 2))]
    assert [(c.name, c.shares) for c in found.causes] == [
        ("tRC", (None, 0.9)),
        ("bus", (0.75, 0.1)),
        ("tRP", (0.25, None)),
    ]


def test_one_run_is_no_comparison(made: Made) -> None:
    with pytest.raises(InputError, match="two or more"):
        of(made({}))
    with pytest.raises(InputError, match="two or more"):
        compare()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared")
    spec = {
        "systems": ["ddr4_2400", {"name": "two", "system": "ddr4_2400", "set": {"channels": 2}}],
        "workloads": [{"name": "r", "workload": "random", "set": {"requests": 300}}],
        "runs": [
            {
                "name": "fails",
                "system": "ddr4_2400",
                "workload": "stream",
                "set": {"workload.start": 1 << 40, "workload.footprint": 1 << 41},
            }
        ],
    }
    run_batch(spec, jobs=1, output=out / "b")
    assert main(["run", "ddr3_1600", "random", "--set", "workload.requests=300", "-o", str(out / "r")]) == 0
    return out


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def test_all_that_can_be_named(inside: Path) -> None:
    names = ["r", "b:two-r", "b/runs/ddr4_2400-r", "r/report.json"]
    found = compare(*names)
    assert list(found.labels) == names
    assert not found.whole_systems, "a report alone does not hold the specification"
    assert compare(*names[:3]).whole_systems
    assert compare("b").labels == ("ddr4_2400-r", "two-r")
    assert compare("b", "r").labels == ("b:ddr4_2400-r", "b:two-r", "r")
    assert [label for label in named("b").left_out if label.startswith("fails: ")]
    (channels,) = [d for d in compare("b").system_differences if d.key == "channels"]
    assert channels.values == (1, 2)
    assert figure(compare("b"), "time").verdicts == (None, "better")


def test_reports_and_results_from_python() -> None:
    trace = cw.generate("random", requests=200)
    one, two = cw.run("ddr4_2400", trace), cw.run("ddr4_2400", trace, overrides=["channels=2"])
    assert figure(compare(one, two.report), "bandwidth").verdicts == (None, "better")


def test_the_command(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "b:ddr4_2400-r", "b:two-r"]) == 0
    out = capsys.readouterr().out
    assert "A  b:ddr4_2400-r\nB  b:two-r\n" in out and "bytes_read" not in out
    assert [line.split()[-1] for line in out.splitlines() if line.startswith("bandwidth")] == ["better"]
    assert [line.split() for line in out.splitlines() if line.startswith("channels")] == [
        ["channels", "1", "2"]
    ]
    assert main(["compare", "b:ddr4_2400-r", "b:two-r", "--all"]) == 0
    assert "bytes_read" in capsys.readouterr().out
    assert main(["compare", "b", "r", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["runs"] == ["b:ddr4_2400-r", "b:two-r", "r"] and "left out: fails" in told.err
    assert main(["compare", "r", "r"]) == 0
    out = capsys.readouterr().out
    assert "figures are equal" in out and out.count("no difference") == 2


def another_version(folder: Path) -> str:
    content = json.loads((folder / "r" / "report.json").read_text())
    (folder / "old.json").write_text(json.dumps({**content, "schema_version": "0"}))
    return "old.json"


def damaged(folder: Path) -> str:
    (folder / "damaged.json").write_bytes(b"\xff{")
    return "damaged.json"


def empty(folder: Path) -> str:
    (folder / "empty").mkdir(exist_ok=True)
    return "empty"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (another_version, ["old.json", "another version"]),
        (damaged, ["damaged.json"]),
        (empty, ["holds neither a run nor a batch", "empty"]),
        ("nothing", ["no such file or folder", "nothing"]),
        ("b:two-t", ["b: unknown run", '"two-r"']),
        ("b:fails", ["b:fails: no result", "outside the memory"]),
        ("r:two-r", ["no such file or folder"]),
        ("", ["accepted"]),
    ],
)
def test_one_message_for_what_cannot_be_read(
    name: str | Callable[[Path], str], words: list[str], inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = name if isinstance(name, str) else name(inside)
    assert main(["compare", "r", given]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    for word in words:
        assert word in told.err
