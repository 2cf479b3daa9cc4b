import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.arrival_rate import MOST_BINS, ArrivalCounts, ArrivalRate


def counted(arrivals: list[int], size: int = 7) -> ArrivalRate:
    counts = ArrivalCounts()
    for start in range(0, len(arrivals), size):
        counts.add(np.array(arrivals[start : start + size], np.int64))
    return counts.result()


@given(
    st.lists(st.integers(0, 2000) | st.integers(0, 2**63 - 1), min_size=1, max_size=50), st.integers(1, 20)
)
def test_bins_hold_the_arrivals_in_any_order(arrivals: list[int], size: int) -> None:
    found = counted(arrivals, size)
    last = max(arrivals)
    assert found.bin_cycles == max(1, 1 << max(0, last.bit_length() - 9))
    assert len(found.requests) == last // found.bin_cycles + 1 <= MOST_BINS
    for k, n in enumerate(found.requests):
        assert n == sum(a // found.bin_cycles == k for a in arrivals)
    assert found.mean == len(arrivals) / (last + 1)


def test_peak_and_a_short_last_bin() -> None:
    assert counted([0, 0, 0, 5]).peak == 3
    # Bins of four cycles; 2 requests in the one cycle of the last bin are no peak of 2 per cycle.
    found = counted([0, 1, 2, 2044, 2044])
    assert (found.bin_cycles, len(found.requests), found.peak) == (4, 512, 0.75)
    # Three of its four cycles are there.
    assert counted([0, 1, 2, 2046, 2046, 2046, 2046]).peak == pytest.approx(4 / 3)
