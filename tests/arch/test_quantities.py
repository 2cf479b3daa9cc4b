"""Units, times, rounding and cycle expressions: exact, and refusing what they should."""

from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch.errors import InputError, nearest
from arch.expression import parse_expression
from arch.timing import Rounding, parse_duration
from arch.units import UNITS, decimal_text, parse_quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("13.32 ns", "time", Fraction(1332, 10**11)),
        ("1.2 GHz", "frequency", Fraction(12 * 10**8)),
        ("16 GiB", "size", Fraction(16 * 2**30 * 8)),
        ("64 B", "size", Fraction(512)),
        ("64 bit", "size", Fraction(64)),
        ("8 Gbit", "size", Fraction(8 * 10**9)),
        ("70 mA", "current", Fraction(7, 100)),
        ("1.5 V", "voltage", Fraction(3, 2)),
        ("16 nCK", "cycles", Fraction(16)),
        ("25.6 GB/s", "bandwidth", Fraction(256 * 8 * 10**8)),
        ("4pJ", "energy", Fraction(4, 10**12)),
        ("3 µs", "time", Fraction(3, 10**6)),
        ("1e3 us", "time", Fraction(1, 1000)),
    ],
)
def test_quantities_are_exact(text: str, dimension: Any, value: Fraction) -> None:
    quantity = parse_quantity(text, dimension)
    assert quantity.value == value
    assert isinstance(quantity.value, Fraction)
    assert str(quantity) == text


@pytest.mark.parametrize(
    "given_value", [13.32, 5, "13.32", "13", None, [1], True, "ns", "", "1 2 ns", "nan ns", "1e999 s"]
)
def test_a_quantity_needs_number_and_unit(given_value: object) -> None:
    with pytest.raises(InputError) as error:
        parse_quantity(given_value, "time")
    assert "13.32 ns" in str(error.value)


def test_wrong_and_unknown_units_are_told_apart() -> None:
    with pytest.raises(InputError, match="GHz is a unit of frequency"):
        parse_quantity("5 GHz", "time")
    with pytest.raises(InputError, match='did you mean "KiB"'):
        parse_quantity("5 Kib", "size")


@given(st.integers(0, 10**9), st.integers(0, 999), st.sampled_from(sorted(UNITS["time"])))
def test_decimal_digits_are_kept_exactly(whole: int, thousandths: int, unit: str) -> None:
    quantity = parse_quantity(f"{whole}.{thousandths:03d} {unit}", "time")
    assert quantity.value == Fraction(whole * 1000 + thousandths, 1000) * UNITS["time"][unit]


@given(st.integers(1, 10**7), st.integers(1, 10**4))
def test_guarded_rounding_is_the_integer_rule_of_the_standard(
    picoseconds: int, clock_picoseconds: int
) -> None:
    cycles = Rounding(Fraction("0.974")).cycles(Fraction(picoseconds), Fraction(clock_picoseconds))
    assert cycles == (1000 * picoseconds // clock_picoseconds + 974) // 1000


@given(st.fractions(0, 1000), st.fractions(Fraction(1, 100), 10))
def test_ceiling_covers_the_time_and_no_more(time: Fraction, period: Fraction) -> None:
    cycles = Rounding().cycles(time, period)
    assert cycles * period >= time > (cycles - 1) * period
    guarded = Rounding(Fraction("0.974")).cycles(time, period)
    assert guarded in (cycles, cycles - 1)
    assert guarded * period > time - period * Fraction("0.026") - period / 10**9


@given(st.integers(0, 500), st.fractions(0, 100), st.fractions(Fraction(1, 10), 3))
def test_max_rounds_each_part_by_itself(cycles: int, nanoseconds: Fraction, period: Fraction) -> None:
    nanoseconds = Fraction(round(nanoseconds * 1000), 1000)
    duration = parse_duration(f"max({cycles} nCK, {decimal_text(nanoseconds)} ns)")
    expected = max(cycles, ceil(nanoseconds / period))
    assert duration.cycles(period * Fraction(1, 10**9), Rounding()) == expected


@pytest.mark.parametrize(
    "text", [5, "5", "5 GHz", "-1 ns", "2.5 nCK", "max()", "max(4 nCK, 5)", "min(1 ns, 2 ns)", "1e9 s"]
)
def test_bad_times_are_refused(text: object) -> None:
    with pytest.raises(InputError) as error:
        parse_duration(text)
    assert error.value.given == text


def test_expressions() -> None:
    timing = {"tCL": 16, "tBL": 4, "tCWL": 12}
    assert parse_expression("tCL + tBL + 2 - tCWL").cycles(timing) == 10
    assert parse_expression("max(tBL, tCL - tCWL, 3) * 2").cycles(timing) == 8
    assert parse_expression("-(tBL - 2) * 3 + 7").cycles(timing) == 1
    assert parse_expression(7).cycles({}) == 7
    assert parse_expression("max(tBL, tCL)").names == ("tBL", "tCL")
    with pytest.raises(InputError, match='did you mean "tCWL"'):
        parse_expression("tCW + 1").cycles(timing)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tCL +",
        "(tCL",
        "tCL)",
        "tCL tBL",
        "tCL / 2",
        "__import__('os')",
        "tCL.x",
        "1.5",
        "max()",
        True,
        2.5,
        None,
        "9" * 10,
        "1+" * 100 + "1",
    ],
)
def test_bad_expressions_are_refused(text: object) -> None:
    with pytest.raises(InputError):
        parse_expression(text)


numbers = st.integers(0, 999).map(str)
expressions = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join),
        inner.map("({})".format),
        st.tuples(inner, inner).map("max({0[0]}, {0[1]})".format),
    ),
    max_leaves=8,
)


@given(expressions)
def test_expressions_mean_what_python_means(text: str) -> None:
    if len(text) <= 120:
        assert parse_expression(text).cycles({}) == eval(text)


def test_swapped_letters_find_their_word() -> None:
    assert nearest("tRDC", ["tRC", "tRCD", "tRP"]) == "tRCD"
    assert nearest("timming", ["timing", "title"]) == "timing"
    assert nearest("xyzzy", ["timing", "title"]) is None
