"""Have the streams of DRAMGym the statistics that are stated of the originals?"""

from pathlib import Path

import numpy as np
import pytest

import workloads
from workloads.dramsys_traces import DRAMSYS_TRACES, LINES, REQUESTS


@pytest.mark.parametrize("name", DRAMSYS_TRACES)
def test_ten_thousand_reads_one_a_cycle(name: str) -> None:
    block = workloads.load(name, 64).to_arrays()
    assert block.requests == REQUESTS and not block.op.any()
    assert np.array_equal(block.arrival, np.arange(REQUESTS))
    assert block.line.min() >= 0 and block.line.max() < LINES
    assert workloads.load(name, 64).digest() == workloads.load(name, 64).digest()


def test_stream_is_the_original() -> None:
    block = workloads.load("dramsys_stream", 64).to_arrays()
    assert np.array_equal(block.line * 64, np.arange(0, 640_000, 64))


def test_random_is_uniform() -> None:
    line = workloads.load("dramsys_random", 64).to_arrays().line
    assert np.unique(line).size > 9_980  # the original: 9,999
    assert not (np.diff(line) == 1).any()
    counts = np.bincount(line >> 20, minlength=16)
    assert ((counts - 625) ** 2 / 625).sum() < 38  # chi-square, 15 degrees of freedom, 0.1 %


@pytest.mark.parametrize(
    "name, share, stretches, sequential_first",
    [("dramsys_cloud_1", 0.475, 99, True), ("dramsys_cloud_2", 0.499, 113, False)],
)
def test_stretches(name: str, share: float, stretches: int, sequential_first: bool) -> None:
    line = workloads.load(name, 64).to_arrays().line
    sequential = np.diff(line) == 1
    assert abs(sequential.mean() - share) < 0.001
    assert sequential[0] == sequential_first
    # Units of 50 requests are consecutive throughout or not at all.
    inside = sequential[: REQUESTS - 1]
    units = np.append(inside, False).reshape(-1, 50)[:, :49]
    assert set(units.sum(axis=1).tolist()) == {0, 49}
    kind = units[:, 0]
    joined = sequential[49::50]  # from one unit to the next
    ends = kind[1:] != kind[:-1]
    assert np.array_equal(joined, ~ends & kind[1:])  # a stretch goes on, and never runs into the next
    assert int(ends.sum()) + 1 == stretches


def test_they_survive_as_stl(tmp_path: Path) -> None:
    trace = workloads.load("dramsys_cloud_1", 64)
    path = str(tmp_path / "cloud.stl")
    workloads.save(trace, path, transaction_bytes=64)
    assert Path(path).read_text().splitlines()[0].split() == [
        "0:",
        "read",
        hex(64 * int(trace.to_arrays().line[0])),
    ]
    assert workloads.open_trace(path, 64).digest() == trace.digest()
