import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads
from workloads.reuse import ReuseDistances, bucket_edges, smaller_before, stack_distances

LINES = st.lists(st.integers(0, 12) | st.integers(0, 2**63 - 1), min_size=1, max_size=80)


def plain_distances(lines: list[int]) -> list[int]:
    """By the definition: a list of lines, the last used one first."""
    stack: list[int] = []
    found = []
    for line in lines:
        found.append(stack.index(line) if line in stack else -1)
        if line in stack:
            stack.remove(line)
        stack.insert(0, line)
    return found


@given(LINES)
def test_distances_are_those_of_an_lru_stack(lines: list[int]) -> None:
    assert stack_distances(np.array(lines, np.int64)).tolist() == plain_distances(lines)


@given(st.permutations(range(20)) | st.permutations(range(33)))
def test_smaller_before(rank: list[int]) -> None:
    expected = [sum(a < b for a in rank[:k]) for k, b in enumerate(rank)]
    assert smaller_before(np.array(rank)).tolist() == expected


@given(LINES, st.integers(1, 9), st.integers(1, 30))
def test_any_blocks_and_chunks_give_the_same(lines: list[int], size: int, chunk: int) -> None:
    counted = ReuseDistances(chunk=chunk)
    for start in range(0, len(lines), size):
        counted.add(np.array(lines[start : start + size], np.int64))
    found = counted.result()
    distances = plain_distances(lines)
    assert found.exact and found.followed_share == 1
    assert found.first_uses == distances.count(-1) == len(set(lines))
    reuses = sorted(d for d in distances if d >= 0)
    assert sum(b.requests for b in found.histogram) == len(reuses)
    for bucket in found.histogram:
        inside = [d for d in reuses if bucket.from_lines <= d < bucket.to_lines]
        assert bucket.requests == len(inside) > 0
    if reuses:
        median = reuses[-(-len(reuses) // 2) - 1]
        assert found.median_distance is not None
        assert found.median_distance <= median < found.median_distance * 9 / 8 + 1
    else:
        assert found.median_distance is None


def test_buckets_are_fine_and_cover_everything() -> None:
    edges = bucket_edges()
    assert edges[:17].tolist() == [*range(17)]
    assert (np.diff(edges)[16:] <= edges[16:-1] / 8).all()
    assert edges[-1] > 2**61


def test_a_long_loop_over_few_lines_is_exact() -> None:
    counted = ReuseDistances(keep=100, chunk=1000)
    for _ in range(50):
        counted.add(np.tile(np.arange(64), 20))
    found = counted.result()
    assert found.exact
    assert found.histogram == ((64 - 4, 64, 64_000 - 64),)  # 63 other lines each time


@pytest.mark.parametrize("keep", [4096, 1024])
def test_many_lines_are_sampled(keep: int) -> None:
    line = workloads.generate("zipf", requests=200_000, seed=2).to_arrays().line
    exact, sampled = ReuseDistances(), ReuseDistances(keep, chunk=20_000)
    for start in range(0, line.size, 10_000):
        for counted in (exact, sampled):
            counted.add(line[start : start + 10_000])
    true, found = exact.result(), sampled.result()
    assert true.exact and not found.exact and found.followed_share < 0.2
    assert sum(b.requests for b in found.histogram) + found.first_uses == pytest.approx(200_000, abs=200)
    assert found.first_uses == pytest.approx(true.first_uses, rel=0.1)
    for limit in (256, 2048, 16_384):
        shares = [
            sum(b.requests for b in r.histogram if b.to_lines <= limit) / line.size for r in (true, found)
        ]
        assert shares[1] == pytest.approx(shares[0], abs=0.04)
