"""What a batch run refuses, and its exact percentiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import arch
from arch.errors import InputError
from sim.dram.batch import run_batch
from sim.dram.tally import LatencyTally
from workloads.trace import Trace


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"arrival": [0, 1 << 60]}, "arrival"),
        ({"op": [0, 2]}, "op"),
        ({"stream": [0, 1]}, "stream"),
    ],
)
def test_what_the_memory_does_not_have_is_refused(columns: dict[str, list[int]], field: str) -> None:
    memory = arch.load("ddr4_2400").spec.resolve()
    with pytest.raises(InputError, match=f"request 1: no such {field}"):
        run_batch(memory, Trace.from_arrays([0, 1], **columns))  # type: ignore[arg-type]


def test_a_line_beyond_the_memory_is_refused() -> None:
    memory = arch.load("hbm2_2000").spec.resolve()
    with pytest.raises(InputError, match="request 1 lies outside"):
        run_batch(memory, Trace.from_arrays([0, memory.total_lines]))


@given(
    st.lists(
        st.one_of(st.integers(1, 50), st.integers(1 << 19, 1 << 21), st.integers(1 << 31, 1 << 34)),
        min_size=1,
    ),
    st.integers(1, 7),
)
def test_percentiles_are_nearest_rank(values: list[int], parts: int) -> None:
    tally = LatencyTally()
    for part in np.array_split(np.array(values, dtype=np.int64), parts):
        tally.add(part)
    ordered = sorted(values)
    n = len(values)
    summary = tally.summary()
    for percent, ours in ((50, summary.p50), (95, summary.p95), (99, summary.p99)):
        assert ours == ordered[-(-n * percent // 100) - 1]
    assert (summary.count, summary.max) == (n, ordered[-1])
    assert summary.mean == pytest.approx(sum(values) / n)
