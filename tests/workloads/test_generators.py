from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads
from arch.errors import InputError
from workloads.generators import GENERATORS

KINDS = list(GENERATORS)


@pytest.mark.parametrize("kind", KINDS)
def test_same_arguments_same_requests_whatever_the_blocks(kind: str) -> None:
    arguments = {"requests": 150_001, "write_share": 0.3, "seed": 5}
    a, b = workloads.generate(kind, **arguments), workloads.generate(kind, **arguments)
    assert [b.requests for b in a.blocks(70_000)] == [70_000, 70_000, 10_001]
    whole, pieces = a.to_arrays(), list(b.blocks(999))
    assert np.array_equal(whole.line, np.concatenate([p.line for p in pieces]))
    assert np.array_equal(whole.arrival, np.concatenate([p.arrival for p in pieces]))
    assert np.array_equal(whole.op, np.concatenate([p.op for p in pieces]))
    assert a.digest() == b.digest()
    # A second pass over the same trace starts anew.
    assert np.array_equal(a.to_arrays().line, whole.line)
    assert workloads.generate(kind, **{**arguments, "seed": 6}).digest() != a.digest()


@given(
    st.sampled_from(KINDS),
    st.integers(1, 500),
    st.integers(4096, 2**40),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.integers(0, 2**40),
    st.integers(0, 3),
)
def test_common_parameters_hold(
    kind: str, requests: int, footprint: int, write_share: float, seed: int, window: int
) -> None:
    own: dict[str, Any] = {"zipf": {"blocks": 16}, "stride": {"stride": -(10**14)}}.get(kind, {})
    trace = workloads.generate(
        kind, requests=requests, footprint=footprint, write_share=write_share, seed=seed, window=window, **own
    )
    block = trace.to_arrays()
    assert block.requests == requests == trace.requests
    assert 0 <= block.line.min() <= block.line.max() < footprint
    assert (np.diff(block.arrival) >= 0).all()
    assert block.arrival.min() >= 0
    assert trace.window == window
    if write_share != 0.5:
        assert (block.op == write_share).all()


def arrays(kind: str, **parameters: Any) -> Any:
    return workloads.generate(kind, **parameters).to_arrays()


def test_stream_and_stride() -> None:
    assert arrays("stream", requests=5, start=6, footprint=8).line.tolist() == [6, 7, 0, 1, 2]
    assert arrays("stride", requests=4, stride=3, footprint=8).line.tolist() == [0, 3, 6, 1]
    assert arrays("stride", requests=3, stride=-2, start=1, footprint=8).line.tolist() == [1, 7, 5]
    # Far along, products of index and stride exceed 2**63; the lines must still be exact.
    line = arrays("stride", requests=200_000, stride=2**47 + 1, footprint=2**48 - 3).line
    assert int(line[199_999]) == (2**47 + 1) * 199_999 % (2**48 - 3)


def test_chase_patterns() -> None:
    assert workloads.generate("chase", requests=3).window == 1
    line = arrays("chase", pattern="same_bank", row_lines=2048).line
    assert (line % 2048 == 0).all()
    assert np.unique(line).size > 4000  # of 8192 rows


def test_zipf_shares_follow_the_law() -> None:
    line = arrays("zipf", requests=200_000, alpha=1.0, blocks=64, block_lines=16, footprint=4096).line
    share = np.sort(np.unique(line // 16, return_counts=True)[1])[::-1] / line.size
    harmonic = (1 / np.arange(1, 65)).sum()
    assert share.size == 64
    assert share[0] == pytest.approx(1 / harmonic, rel=0.03)
    assert share[9] == pytest.approx(0.1 / harmonic, rel=0.1)


def test_bursts() -> None:
    block = arrays("bursts", requests=1003, length=10, gap_low=7, gap_high=9)
    arrival = block.arrival[:1000].reshape(100, 10)
    assert (arrival == arrival[:, :1]).all()
    assert set(np.diff(arrival[:, 0]).tolist()) == {7, 8, 9}
    assert (np.diff(block.line[:1000].reshape(100, 10)) == 1).all()
    assert block.requests == 1003


def test_poisson_gaps() -> None:
    gaps = np.diff(arrays("poisson", mean_gap=50.0).arrival)
    assert gaps.mean() == pytest.approx(50, rel=0.02)
    assert gaps.std() == pytest.approx(50, rel=0.02)


@pytest.mark.parametrize(
    ("kind", "parameters", "told"),
    [
        ("radnom", {}, 'did you mean "random"?'),
        ("random", {"reqests": 3}, 'random.reqests: unknown parameter; did you mean "requests"?'),
        ("random", {"requests": 0}, "random.requests: given 0, accepted 1 to 1000000000"),
        ("random", {"requests": 2.5}, "random.requests: given 2.5, accepted an integer"),
        ("random", {"requests": True}, "accepted an integer"),
        ("random", {"requests": "many"}, "accepted an integer"),
        ("random", {"write_share": 1.5}, "random.write_share: given 1.5, accepted 0 to 1"),
        ("random", {"write_share": float("nan")}, "random.write_share"),
        ("random", {"footprint": 0}, "random.footprint"),
        ("random", {"seed": -1}, "random.seed"),
        ("random", {"window": -1}, "random.window"),
        ("stream", {"start": 2**24}, "stream.start"),
        ("stride", {"name": "x"}, "unknown parameter"),
        ("zipf", {"blocks": 2**20}, "zipf.blocks"),
        ("zipf", {"alpha": "x"}, "accepted a number"),
        ("chase", {"pattern": "samebank"}, "accepted uniform, same_bank"),
        ("bursts", {"gap_low": 9, "gap_high": 8}, "bursts.gap_high: given 8, accepted 9 to"),
        ("bursts", {"footprint": 8, "length": 9}, "bursts.length"),
        ("poisson", {"mean_gap": -1.0}, "poisson.mean_gap"),
    ],
)
def test_wrong_parameters_are_refused(kind: str, parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        workloads.generate(kind, **parameters)
    assert told in str(error.value)


def test_listing() -> None:
    entries = workloads.generators()
    assert [entry.kind for entry in entries] == KINDS
    for entry in entries:
        assert entry.title.endswith(".")
        assert {"requests", "footprint", "write_share", "seed", "window"} <= set(entry.parameters)
        assert workloads.generate(entry.kind, **{**entry.parameters, "requests": 3}).requests == 3
