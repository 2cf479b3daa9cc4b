"""The Report: JSON there and back, exact sums, declared metrics, laws that never break silently."""

import io
import json
import math
import subprocess
import sys
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from arch.errors import InputError
from sim.report import (
    SCHEMA_VERSION,
    Assumption,
    ConservationError,
    Host,
    Invariant,
    MetricDeclaration,
    Report,
    bounds,
    summing_floats,
    units_of,
)
from sim.report.terminal import si

TOP_LEVEL = [
    "schema_version", "system", "workload", "seconds", "cycles", "energy_joules", "metrics", "units",
    "bound_by", "invariants", "warnings", "assumptions", "provenance", "host",
]  # fmt: skip
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def example(**changes: Any) -> Report:
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "system": {"name": "toy [bold]", "title": "a µ-memory", "channels": 1, "profile": "cyclewise"},
        "workload": {"name": "few", "requests": 3, "window": 1, "requests_by_op": {"READ": 2, "WRITE": 1}},
        "seconds": 1.25e-6,
        "cycles": {"memory": 1500},
        "energy_joules": {"commands.RD": 0.25, "background": 0.5, "total": 0.75},
        "metrics": {"bandwidth": 1.5e8, "row_hits": 2, "latency_from_accept.mean": 40.5, "commands.RD": 2},
        "units": {
            "bandwidth": "B/s", "row_hits": "requests", "latency_from_accept.mean": "cycles",
            "commands.RD": "commands",
        },
        "bound_by": bounds({"no request": 900, "data bus": 500, "tFAW [x]": 100}),
        "invariants": (Invariant.equal("in = out", {"in": 3}, {"left": 1, "right": 2}),),
        "warnings": ("odd.key: 3 [x] has no effect: there is one",),
        "assumptions": (Assumption("timing.*", "assumed", "a guess"),),
        "provenance": {"cyclewise": "0", "sources": {}},
        "host": Host(0.5, 1.0, 123, "3", "2", "0", "here"),
    }  # fmt: skip
    return Report(**(values | changes))


def printed(report: Report, encoding: str = "utf-8", **options: Any) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    report.render(Console(file=stream, width=100, force_terminal=False), **options)
    stream.flush()
    return raw.getvalue().decode(encoding)


def test_keys_in_order_and_there_and_back() -> None:
    report = example()
    text = report.to_json()
    assert list(json.loads(text)) == TOP_LEVEL
    back = Report.from_json(text)
    assert back == report
    assert back.to_json() == text


@given(
    metrics=st.dictionaries(st.text(), st.one_of(st.none(), FINITE, st.integers(-(2**70), 2**70))),
    seconds=FINITE,
)
def test_every_number_and_name_survives(metrics: dict[str, Any], seconds: float) -> None:
    report = example(metrics=metrics, seconds=seconds)
    back = Report.from_json(report.to_json())
    assert back == report
    assert [type(v) for v in back.metrics.values()] == [type(v) for v in metrics.values()]


def test_host_and_tables_stay_out_when_asked() -> None:
    report = example(tables={"requests": {"accept": [1]}})
    assert "tables" not in report.to_dict()
    assert "host" not in json.loads(report.to_json(host=False))
    other = replace(report, host=replace(report.host, wall_seconds=9.0))
    assert other.to_json(host=False) == report.to_json(host=False)
    assert other.to_json() != report.to_json()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_number_that_json_lacks(bad: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        example(seconds=bad).to_json()
    with pytest.raises(InputError):
        Report.from_json(example().to_json().replace("1.25e-06", repr(bad).replace("nan", "NaN")))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d.pop("cycles"), "cycles"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d.update(tables={}), "tables"),
        (lambda d: d["cycles"].update(memory=1.5), "cycles.memory"),
        (lambda d: d["cycles"].update(memory="7"), "cycles.memory"),
        (lambda d: d["host"].update(extra=1), "host.extra"),
        (lambda d: d["invariants"][0].update(holds=False), "invariants"),
        (lambda d: d.update(schema_version="2"), "schema_version"),
        (lambda d: d.pop("schema_version"), "schema_version"),
    ],
)
def test_a_foreign_report_is_named_by_file_and_field(change: Any, field: str) -> None:
    content = example().to_dict()
    change(content)
    with pytest.raises(InputError) as caught:
        Report.from_json(json.dumps(content), file="old/report.json")
    assert str(caught.value).startswith("old/report.json: ") and field in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "7", "[" * 100_000])
def test_what_is_no_report(text: str) -> None:
    with pytest.raises(InputError):
        Report.from_json(text)


def test_a_broken_law_is_never_reported() -> None:
    broken = Invariant.equal("in = out", {"in": 3}, {"out": 2})
    assert not broken.holds
    with pytest.raises(ConservationError, match=r"in = out \(in 3, out 2\)"):
        example(invariants=(broken,))
    assert Invariant.at_most("a", {"x": 2}, {"y": 1, "z": 1}).holds
    assert not Invariant.at_most("a", {"x": 3}, {"y": 1, "z": 1}).holds


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**12), min_size=1, max_size=40), st.randoms())
def test_shares_sum_to_one_in_any_order(cycles: dict[str, int], random: Any) -> None:
    shares = bounds(cycles)
    total = sum(cycles.values())
    values = [bound.share for bound in shares.values()]
    assert list(shares) == sorted(cycles, key=lambda k: (-cycles[k], k))
    assert values == sorted(values, reverse=True)
    random.shuffle(values)
    assert sum(values) == (1.0 if total else 0.0)
    for label, bound in shares.items():
        assert bound.cycles == cycles[label]
        assert abs(bound.share - Fraction(cycles[label], total or 1)) < Fraction(1, 2**52)


@given(st.lists(st.fractions(0, 10), min_size=1, max_size=30), st.randoms())
def test_parts_sum_to_the_rounded_total(given_parts: list[Fraction], random: Any) -> None:
    parts = {str(i): part / 10**6 for i, part in enumerate(given_parts)}
    floats, total = summing_floats(parts)
    values = list(floats.values())
    random.shuffle(values)
    naive = 0.0
    for value in values:
        naive += value
    assert naive == total == float(sum(parts.values()))
    assert all(abs(Fraction(floats[k]) - parts[k]) <= total * 2.0**-51 for k in parts)


def test_units_come_from_the_declarations() -> None:
    declared = [
        MetricDeclaration("bandwidth", "B/s", False, ""),
        MetricDeclaration("commands.*", "commands", None, ""),
    ]
    assert units_of(["bandwidth", "commands.X"], declared) == {"bandwidth": "B/s", "commands.X": "commands"}
    assert units_of(["bandwidth"], declared) == {"bandwidth": "B/s"}
    with pytest.raises(ValueError, match="latency is not declared"):
        units_of(["bandwidth", "latency"], declared)
    with pytest.raises(ValueError, match="bandwidth"):
        units_of(["commands.X"], declared)


def test_the_terminal_shows_what_matters() -> None:
    text = printed(example(), files={"report": "out/with space/report.json"})
    for piece in (
        "toy [bold]", "few", "1.25 µs", "1,500 memory cycles", "150 MB/s", "60.0%", "tFAW [x]", "✓", "in 3",
        "750 mJ", "a guess", "warning: odd.key: 3 [x] has no effect", "out/with space/report.json", "assumed",
    ):  # fmt: skip
        assert piece in text, piece
    assert text.index("no request") < text.index("data bus  ") < text.index("tFAW")
    assert "Energy" not in printed(example(energy_joules=None))
    assert "warning" not in printed(example(warnings=()))


def test_a_bare_terminal_gets_its_own_letters() -> None:
    plain = {"name": "toy", "title": "plain"}
    text = printed(example(system=plain), encoding="ascii")
    assert "1.25 us" in text and "ok  in = out" in text


def test_a_report_without_extras_still_prints() -> None:
    bare = example(
        system={"name": "x"}, workload={"name": "y"}, metrics={"odd": 1.5}, units={"odd": "apples"},
        bound_by={}, invariants=(), assumptions=(), energy_joules=None, cycles={"a": 1, "b": 2},
    )  # fmt: skip
    assert "odd 1.50 apples" in printed(bare)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (10.93e9, "B/s", "10.93 GB/s"),
        (999.96, "B", "1 kB"),
        (1.25e-9, "s", "1.25 ns"),
        (64, "B", "64 B"),
        (0.75, "J", "750 mJ"),
        (1e-30, "J", "1e-15 fJ"),
        (2.5, "W", "2.5 W"),
    ],
)
def test_decimal_prefixes(value: float, unit: str, text: str) -> None:
    assert si(value, unit) == text


def test_every_field_has_its_place_in_the_json() -> None:
    assert [f.name for f in fields(Report)] == [*TOP_LEVEL, "tables"]


def test_importing_the_report_loads_no_compiler() -> None:
    script = (
        "import sys, sim, sim.report, sim.machine, sim.memory, sim.dram.energy; sim.Report; sim.simulate\n"
    )
    script += "print([m for m in ('numba', 'matplotlib', 'pint', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
