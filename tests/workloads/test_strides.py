import itertools
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workloads.strides import StrideCounts


def counted(lines: list[int], size: int, keep: int = 1000) -> StrideCounts:
    counts = StrideCounts(keep)
    for start in range(0, len(lines), size):
        counts.add(np.array(lines[start : start + size], np.int64))
    return counts


@given(st.lists(st.integers(0, 6) | st.integers(0, 2**63 - 1), min_size=1, max_size=60), st.integers(1, 9))
def test_strides_are_counted_across_blocks(lines: list[int], size: int) -> None:
    found = counted(lines, size).most_frequent(most=100)
    true = Counter(b - a for a, b in itertools.pairwise(lines))
    assert {s.lines: s.requests for s in found} == dict(true)
    assert [s.requests for s in found] == sorted((s.requests for s in found), reverse=True)
    assert all(s.share == s.requests / (len(lines) - 1) for s in found)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=200), st.integers(2, 12))
def test_counts_are_low_by_a_bounded_amount_when_there_are_too_many(lines: list[int], keep: int) -> None:
    found = {s.lines: s.requests for s in counted(lines, 7, keep).most_frequent(most=1000)}
    true = Counter(b - a for a, b in itertools.pairwise(lines))
    for stride, n in true.items():
        assert n - (len(lines) - 1) / keep <= found.get(stride, 0) <= n


def test_rare_strides_are_noise() -> None:
    lines = [*range(5000), 2]
    assert [s.lines for s in counted(lines, 999).most_frequent()] == [1]
    assert counted([4], 1).most_frequent() == ()
