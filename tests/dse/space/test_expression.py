"""Conditions and constraints: what they mean, alone and on arrays, and what is refused."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.errors import InputError
from dse.evaluation import Value
from dse.space.expression import Symbol, number_of, parse_expression, symbol_of, unit_factor, unit_powers

VALUES: dict[str, tuple[Value, ...]] = {
    "n": (0, 1, 2, 3, 4),
    "m": (1, 2, 4),
    "size": ("1 KiB", "512 B", "0.25 MiB"),
    "clock": ("1 GHz", "500 MHz"),
    "mode": ("fifo", "reorder", "row-major"),
    "flag": (True, False),
    "mixed": ("auto", 1, "2 KiB"),
}
SYMBOLS = {name: symbol_of(values) for name, values in VALUES.items()} | {
    "power": Symbol("number", unit_powers("W")[1], "W"),
    "area": Symbol("number", unit_powers("mm2")[1], "mm2"),
}


def holds(text: str, **values: Value) -> Any:
    found = parse_expression(text, [*SYMBOLS], [], SYMBOLS)
    return found.value({name: number_of(value) for name, value in values.items()})


@pytest.mark.parametrize(
    ("text", "values", "truth"),
    [
        ("n * 0.1 <= 0.3", {"n": 3}, True),
        ("n * 0.1 < 0.3", {"n": 3}, False),
        ("size / 256 B <= 4", {"size": "1 KiB"}, True),
        ("size / 256 B < 4", {"size": "1 KiB"}, False),
        ("size * clock >= 4 Mbit * 1 GHz", {"size": "512 B", "clock": "1 GHz"}, False),
        ("size // 100 B == 5 and size % 100 B == 12 B", {"size": "512 B"}, True),
        ("1 < n <= 3", {"n": 3}, True),
        ("1 < n <= 3", {"n": 1}, False),
        ("8 / n <= 4", {"n": 0}, False),
        ("0 / n == 0", {"n": 0}, False),
        ("mode == fifo", {"mode": "fifo"}, True),
        ("mode in [fifo, 'row-major']", {"mode": "row-major"}, True),
        ("mode not in [fifo, reorder]", {"mode": "reorder"}, False),
        ("flag", {"flag": True}, True),
        ("not flag or n > 2", {"flag": True, "n": 2}, False),
        ("flag == false", {"flag": False}, True),
        ("mixed == 1 or mixed == '2 KiB'", {"mixed": "2 KiB"}, True),
        ("mixed == auto", {"mixed": 1}, False),
        ("min(n, m, 3) + max(n, 2) - abs(-m) == 1", {"n": 4, "m": 4}, False),
        ("max(n, m) == 4", {"n": 4, "m": 1}, True),
        ("power <= 2500 mW", {"power": 2.5}, True),
        ("area <= 12 mm2", {"area": 12.5}, False),
    ],
)
def test_what_expressions_mean(text: str, values: dict[str, Value], truth: bool) -> None:
    assert bool(holds(text, **values)) is truth


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size <= 1024", "a size is compared with a plain number"),
        ("size + clock > 3", "a size and a frequency do not go together"),
        ("size <= 2 KiBB", 'did you mean "KiB"'),
        ("power <= 2 s", "a power is compared with a time"),
        ("mode == fiffo", 'did you mean "fifo"'),
        ("mode < reorder", "only be compared with =="),
        ("mode + 1 > 2", '"mode" is not a number'),
        ("flag + 1 > 2", '"flag" is not a number'),
        ("n * 2", "neither true nor false"),
        ("n and m", "joins what is true or false"),
        ("nn > 2", 'did you mean "n"'),
        ("9**9**9 > n", "is not read"),
        ("n is 2", "write =="),
        ("n in 3", "needs a list"),
        ("[1, 2] == n", "a list can only"),
        ("__import__('os').system('x') == 0", "is not read"),
        ("(lambda: 1)() == n", "is not read"),
        ("n.__class__ == 1", "unknown name"),
        ("n > ", "not an expression"),
        ("(" * 300 + "n" + ")" * 300 + " > 1", "not an expression"),
        ("n > 1 " * 400, "longer than"),
        ("", "an expression such as"),
    ],
)
def test_what_does_not_belong_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_expression(text, [*SYMBOLS], [], SYMBOLS)
    assert said in str(caught.value)


@st.composite
def texts(draw: Any, depth: int = 2) -> str:
    def number(level: int) -> str:
        if level == 0:
            return str(draw(st.sampled_from(["n", "m", "0", "2", "0.5"])))
        pair = f"{number(level - 1)}, {number(level - 1)}"
        symbol = draw(st.sampled_from(["+", "-", "*", "/", "//", "%", "min", "max"]))
        return f"{symbol}({pair})" if symbol in ("min", "max") else f"({pair.replace(',', f' {symbol}')})"

    def truth(level: int) -> str:
        if level == 0:
            sign = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
            return str(draw(st.sampled_from([f"{number(1)} {sign} {number(1)}", "mode == fifo", "flag"])))
        joint = draw(st.sampled_from(["and", "or", "not"]))
        left = f"({truth(level - 1)})"
        return f"not {left}" if joint == "not" else f"{left} {joint} ({truth(level - 1)})"

    return truth(depth)


@given(texts())
@settings(max_examples=150, deadline=None)
def test_arrays_and_single_values_give_the_same_answer(text: str) -> None:
    found = parse_expression(text, [*SYMBOLS], [], SYMBOLS)
    rows = [
        (n, m, mode, flag)
        for n in VALUES["n"]
        for m in VALUES["m"]
        for mode in VALUES["mode"]
        for flag in VALUES["flag"]
    ]
    names = ("n", "m", "mode", "flag")
    arrays = {name: np.array([number_of(row[i]) for row in rows]) for i, name in enumerate(names)}
    together = np.broadcast_to(found.value(arrays), len(rows))
    for row, answer in zip(rows, together, strict=True):
        values: Any = {name: number_of(value) for name, value in zip(names, row, strict=True)}
        assert bool(found.value(values)) == bool(answer)
        missed = found.excess(values)
        assert math.isfinite(missed) and (missed == 0) == bool(answer)


@pytest.mark.parametrize(
    ("text", "power", "missed"),
    [
        ("power <= 2 W", 3.0, 0.5),
        ("power < 2 W", 2.0, 1e-12),
        ("power >= 4 W", 3.0, 0.25),
        ("not power > 2 W", 3.0, 0.5),
        ("power <= 2 W and power <= 1 W", 3.0, 2.5),
        ("power <= 2 W or power >= 4 W", 3.0, 0.25),
        ("1 W <= power <= 2 W", 3.0, 0.5),
        ("power <= 2 W", math.inf, 1.0),
        ("power <= 2 W", math.nan, 1.0),
    ],
)
def test_by_how_much_a_limit_is_missed(text: str, power: float, missed: float) -> None:
    found = parse_expression(text, ["power"], [], SYMBOLS)
    assert found.excess({"power": power}) == pytest.approx(missed)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("J s", 1.0), ("J s2", 1.0), ("B/s", 8.0), ("1/s", 1.0), ("mm2", 1.0), ("mJ·s", 1e-3)],
)
def test_units_of_metrics(unit: str, factor: float) -> None:
    assert unit_factor(unit) == pytest.approx(factor)
