import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
import workloads
from arch.device import Memory
from arch.errors import InputError
from workloads.address_vectors import AddressVectors
from workloads.locality import RowLocality
from workloads.trace import Trace


def memory(name: str = "ddr4_2400", *overrides: str) -> Memory:
    resolved = arch.load(name, overrides).spec.resolve()
    assert isinstance(resolved, Memory)
    return resolved


TWO_CHANNELS = memory("hbm2_2000", "channels=2")


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 300) | st.integers(0, TWO_CHANNELS.total_lines - 1), min_size=1, max_size=60),
    st.integers(1, 20),
)
def test_row_hits_in_order_per_bank(lines: list[int], size: int) -> None:
    trace = Trace.from_arrays(lines)
    locality = RowLocality(TWO_CHANNELS)
    for block in trace.blocks(size):
        locality.add(block, trace)
    found = locality.result()
    o = TWO_CHANNELS.organization
    open_rows: dict[int, int] = {}
    requests, hits = [0] * 2 * o.banks_per_channel, [0] * 2 * o.banks_per_channel
    rows: set[tuple[int, int]] = set()
    for channel, rank, group, bank, row, _ in AddressVectors(TWO_CHANNELS).vectors(np.array(lines)).tolist():
        at = ((channel * o.ranks + rank) * o.groups + group) * o.banks + bank
        requests[at] += 1
        hits[at] += open_rows.get(at) == row
        open_rows[at] = row
        rows.add((at, row))
    assert found.requests_per_bank == tuple(requests)
    assert found.row_hits_per_bank == tuple(hits)
    assert (found.distinct_rows, found.distinct_rows_exact) == (len(rows), True)
    assert found.row_hit_share == sum(hits) / len(lines)
    assert found.banks_used == sum(n > 0 for n in requests)
    assert found.busiest_bank == pytest.approx(max(requests) * len(requests) / len(lines))
    half = o.banks_per_channel
    assert found.busiest_channel == pytest.approx(
        max(sum(requests[:half]), sum(requests[half:])) * 2 / len(lines)
    )


def test_a_stream_and_a_pointer_chase_are_the_extremes() -> None:
    ddr4 = memory()
    stream = workloads.info(workloads.generate("stream", requests=100_000), ddr4).locality
    assert stream is not None
    # Each row is opened once: one miss for every 128 lines of a row.
    assert stream.row_hit_share == pytest.approx(1 - 1 / ddr4.organization.columns, abs=1e-3)
    assert stream.distinct_rows == 100_000 - sum(stream.row_hits_per_bank)
    vectors = np.zeros((1000, 6), np.int64)
    vectors[:, 4] = np.arange(1000)
    chase = workloads.info(Trace.from_arrays(AddressVectors(ddr4).lines(vectors)), ddr4).locality
    assert chase is not None
    assert (chase.row_hit_share, chase.distinct_rows, chase.banks_used) == (0, 1000, 1)
    assert chase.busiest_bank == 16


def test_a_request_outside_the_memory_is_named() -> None:
    ddr4 = memory()
    with pytest.raises(InputError, match="request 1 lies outside the memory"):
        workloads.info(Trace.from_arrays([0, ddr4.total_lines]), ddr4)
