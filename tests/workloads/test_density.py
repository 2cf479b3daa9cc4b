import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import workloads
from workloads.density import MOST_REGIONS, TouchedPieces, density
from workloads.trace import Trace

LINES = st.lists(
    st.integers(0, 50) | st.integers(2**40, 2**40 + 500) | st.integers(0, 2**63 - 1), min_size=1, max_size=80
)


@given(LINES, st.integers(1, 9), st.integers(1, 9))
def test_cells_hold_the_requests(lines: list[int], parts: int, rows: int) -> None:
    found = density(Trace.from_arrays(lines), parts, rows)
    n = len(lines)
    assert found.request_edges.size == min(parts, n) + 1
    assert (found.request_edges[0], found.request_edges[-1]) == (0, n)
    assert (found.line_from <= found.line_last).all()
    assert (found.line_from[1:] > found.line_last[:-1]).all()
    for y, row in enumerate(found.requests.tolist()):
        for x, count in enumerate(row):
            part = lines[found.request_edges[x] : found.request_edges[x + 1]]
            assert count == sum(found.line_from[y] <= line <= found.line_last[y] for line in part)
    assert found.requests.sum() == n


@given(LINES, st.integers(2, 60))
def test_regions_cover_all_lines_in_bounded_memory(lines: list[int], most: int) -> None:
    touched = TouchedPieces(most)
    for line in lines:
        touched.add(np.array([line], np.int64))
    regions = touched.regions()
    assert 1 <= len(regions) <= MOST_REGIONS
    assert regions == sorted(regions)
    for line in lines:
        assert sum(a <= line < b for a, b in regions) == 1


def test_wide_gaps_are_left_out() -> None:
    lines = np.concatenate([np.arange(1000), 10**12 + np.arange(3000), 10**12 + 5 * 10**11 + np.arange(40)])
    found = density(Trace.from_arrays(lines), rows=100)
    starts = found.region_starts()
    assert len(starts) == 3
    assert (found.requests.sum(axis=1) > 0).all()
    sizes = np.diff([*starts, found.line_from.size])
    assert sizes[2] == 8
    assert abs(sizes[1] - 3 * sizes[0]) <= 3


def test_scattered_lines_are_one_region() -> None:
    found = density(workloads.generate("random", requests=20_000))
    assert found.requests.shape == (128, 256)
    assert found.region_starts() == [0]
