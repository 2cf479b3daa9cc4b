from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch.errors import InputError
from workloads.trace_clock import TraceClock, trace_clock


@given(
    st.fractions(min_value=Fraction(1, 1000), max_value=1000, max_denominator=10**12),
    st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 10_000), min_size=1, max_size=20),
)
def test_cycles_are_exact_and_rounded_up(ratio: Fraction, ticks: list[int]) -> None:
    clock = TraceClock(ratio)
    ticks = [min(tick, clock.most_ticks()) for tick in ticks]
    found = clock.cycles(np.array(ticks, np.int64)).tolist()
    assert found == [-(-tick * ratio.denominator // ratio.numerator) for tick in ticks]


def test_the_most_ticks_just_fit() -> None:
    for ratio in (Fraction(1, 3), Fraction(2, 3), Fraction(7, 5), Fraction(1)):
        clock = TraceClock(ratio)
        most = clock.most_ticks()
        assert -(-most * ratio.denominator // ratio.numerator) <= 2**63 - 1
        if ratio < 1:
            assert -(-(most + 1) * ratio.denominator // ratio.numerator) > 2**63 - 1


def test_clocks_as_people_write_them() -> None:
    period = Fraction(1, 1_200_000_000)
    assert trace_clock(None).ticks_per_cycle is None
    assert trace_clock(None).ratio == 1
    assert trace_clock("1/4").ratio == Fraction(1, 4)
    assert trace_clock(" 10.67 ").ratio == Fraction(1067, 100)
    assert trace_clock("300 MHz", period).ratio == Fraction(1, 4)
    assert trace_clock("333.333333MHz", Fraction(833, 10**12)).ratio == Fraction(333333333 * 833, 10**12)
    assert trace_clock("2.4GHz", period, relative=True) == TraceClock(Fraction(2), True)


@pytest.mark.parametrize("text", ["", "0", "1/0", "-1", "1e9", "fast", "300 MB", "3/4/5", "0Hz", "9" * 30])
def test_bad_clocks_are_one_message(text: str) -> None:
    with pytest.raises(InputError) as error:
        trace_clock(text, Fraction(1, 10**9))
    assert "\n" not in str(error.value)


def test_a_frequency_needs_a_memory() -> None:
    with pytest.raises(InputError, match="name the memory"):
        trace_clock("300MHz")
