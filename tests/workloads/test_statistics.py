import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads
from workloads.distinct import DistinctLines


def test_figures_of_a_small_trace() -> None:
    trace = workloads.Trace.from_arrays(
        [4, 5, 6, 4, 5, 9],
        op=[0, 1, 0, 2, 1, 0],
        arrival=[0, 0, 7, 8, 9, 30],
        stream=[0, 0, 3, 0, 0, 0],
        window=2,
        name="small",
    )
    found = workloads.info(trace)
    whole = ("small", None, 6, 3, 2, 1, 0.5, 4, 2, True, 30, 4, True, 1 - 4 / 6, 4, 9, 0.5)
    assert found[: len(whole)] == whole
    assert (found.reuse.first_uses, found.reuse.median_distance, found.reuse.exact) == (4, 2, True)
    assert found.strides[0] == (1, 3, 0.6)
    assert found.arrivals is not None and found.arrivals.requests[:10] == (2, 0, 0, 0, 0, 0, 0, 1, 1, 1)
    assert found.locality is None
    assert found.digest == trace.digest()


def test_sequential_share_spans_blocks() -> None:
    found = workloads.info(workloads.generate("stream", requests=200_000))
    assert found.sequential_share == 199_999 / 200_000
    assert not found.timed
    assert found.arrivals is None


@given(st.lists(st.lists(st.integers(0, 60) | st.integers(0, 2**63 - 1), max_size=30), max_size=8))
def test_distinct_lines_are_exact_while_they_fit(blocks: list[list[int]]) -> None:
    count = DistinctLines(keep=300)
    for block in blocks:
        count.add(np.array(block, np.int64))
    assert count.count() == (len({line for block in blocks for line in block}), True)


@pytest.mark.parametrize("distinct", [9_000, 100_000])
def test_distinct_lines_are_estimated_beyond(distinct: int) -> None:
    count = DistinctLines(keep=4096)
    line = np.random.default_rng(1).permutation(np.repeat(np.arange(distinct) * 1024, 3))
    for start in range(0, line.size, 1000):
        count.add(line[start : start + 1000])
    found, exact = count.count()
    assert not exact
    assert found == pytest.approx(distinct, rel=4 / 4096**0.5)


def test_distinct_lines_at_the_limit() -> None:
    count = DistinctLines(keep=100)
    count.add(np.arange(100))
    assert count.count() == (100, True)
    count.add(np.arange(101))
    assert count.count()[1] is False
