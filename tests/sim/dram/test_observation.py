"""Do the bins hold exactly what happened, cycle by cycle, however often they were merged?"""

from bisect import bisect_right
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

import arch
from arch.device import Memory
from sim.dram.batch import BatchResult, run_batch
from sim.dram.observation import BANK_BINS, BINS
from sim.machine import OBSERVATIONS, Options, simulate
from tests.reference.dram_observation import CycleByCycle, cycle_by_cycle
from tests.strategies import DramCase, dram_cases
from workloads.trace import Trace


def observed(memory: Memory, trace: Trace) -> tuple[BatchResult, list[CycleByCycle]]:
    """The run, and for each channel what happened in each cycle."""
    result = run_batch(memory, trace, commands=True, requests=True, observe=True)
    assert result.commands is not None and result.request_table is not None
    block = trace.to_arrays()
    owner = channel_of(memory, block.line)
    table = result.request_table
    reference = []
    for c, commands in enumerate(result.commands):
        mine = owner == c
        queued = zip(block.op[mine], table["accept"][mine], table["issue"][mine], strict=True)
        rows = [(int(op), int(accept), int(issue)) for op, accept, issue in queued]
        reference.append(cycle_by_cycle(memory, [tuple(row) for row in commands.tolist()], rows))
    return result, reference


def channel_of(memory: Memory, lines: np.ndarray) -> np.ndarray:
    channel = np.zeros(lines.size, dtype=np.int64)
    for s in memory.address_map:
        if s.field == "channel":
            channel ^= ((lines >> s.source) & ((1 << s.width) - 1)) << s.target
    return channel


def in_bins(values: Counter[int], start: np.ndarray, cycles: np.ndarray) -> list[int]:
    """The sum in each bin; most cycles of a run hold nothing and are never looked at."""
    sums = [0] * len(start)
    edges = [*start.tolist(), int(start[-1] + cycles[-1])]
    for t, value in values.items():
        assert edges[0] <= t < edges[-1]
        sums[bisect_right(edges, t) - 1] += value
    return sums


def assert_same(memory: Memory, result: BatchResult, reference: list[CycleByCycle]) -> None:
    assert result.observations is not None
    bursts: dict[str, int] = {c.does: c.burst for c in memory.commands if c.does in ("read", "write")}
    for seen, truth in zip(result.observations, reference, strict=True):
        bins = seen.over_time(result.cycles)
        start, cycles = bins["start"], bins["cycles"]
        assert len(start) <= BINS
        assert start[0] == 0 and (start[1:] == start[:-1] + cycles[:-1]).all()
        assert int(start[-1] + cycles[-1]) == max(truth.end, result.cycles)
        for name, does in (("read_bytes", "read"), ("written_bytes", "write")):
            exact = [Fraction(n, bursts[does]) for n in in_bins(getattr(truth, name), start, cycles)]
            assert [Fraction(float(v)) for v in bins[name]] == exact, name
        for name in ("read_queue_depth", "write_queue_depth"):
            exact_sums = in_bins(getattr(truth, name), start, cycles)
            assert [round(float(v)) for v in bins[name] * cycles] == exact_sums, name
        for name in ("refreshes", "activates"):
            assert bins[name].tolist() == in_bins(getattr(truth, name), start, cycles), name
        activity = seen.bank_activity(result.cycles)
        assert len(set(activity["start"].tolist())) <= BANK_BINS
        found: Counter[tuple[int, int, str]] = Counter()
        for bank, first, activates, columns in zip(
            *(activity[name].tolist() for name in ("bank", "start", "activates", "column_commands")),
            strict=True,
        ):
            assert activates or columns
            found[bank, first, "activates"] += activates
            found[bank, first, "columns"] += columns
        width = int(
            (cycles[0] if len(cycles) > 1 else 1 << int(cycles[0] - 1).bit_length()) * BINS // BANK_BINS
        )
        ends = activity["start"] + activity["cycles"]
        assert (ends == np.minimum(activity["start"] + width, start[-1] + cycles[-1])).all()
        expected: Counter[tuple[int, int, str]] = Counter()
        for (bank, t), n in truth.bank_activates.items():
            expected[bank, t // width * width, "activates"] += n
        for (bank, t), n in truth.bank_columns.items():
            expected[bank, t // width * width, "columns"] += n
        assert +found == +expected


@pytest.mark.parametrize("name", ["ddr4_2400", "hbm2_2000", "gddr6_14000"])
def test_bins_hold_what_happened_in_their_cycles(name: str) -> None:
    @settings(max_examples=30)
    @given(dram_cases(name, max_ranks=2 if name == "ddr4_2400" else 1, max_channels=2))
    def check(case: DramCase) -> None:
        requests = case.requests
        trace = Trace.from_arrays(requests.line, op=requests.op, arrival=requests.arrival)
        assert_same(case.memory, *observed(case.memory, trace))

    check()


def test_an_idle_run_that_outgrows_its_bins_many_times_over_still_adds_up() -> None:
    memory = arch.load("ddr4_2400").spec.resolve()
    trace = Trace.from_arrays([0, 5, 1 << 20, 9], [0, 1, 1, 0], arrival=[0, 3, 70_000, 200_001])
    assert_same(memory, *observed(memory, trace))


def test_the_sums_of_a_long_run_are_those_of_its_report() -> None:
    memory = arch.load("hbm2_2000").spec.resolve()
    rng = np.random.default_rng(7)
    line, write = rng.integers(0, 1 << 22, 60_000), rng.random(60_000) < 0.3
    result = run_batch(memory, Trace.from_arrays(line, write.astype(int)), observe=True)
    assert result.observations is not None and result.commands is None
    bins, issued = result.observations[0].over_time(result.cycles), result.channels[0].commands
    size = memory.organization.transaction_bytes
    assert bins["read_bytes"].sum() == issued["RD"] * size
    assert bins["written_bytes"].sum() == issued["WR"] * size
    assert bins["activates"].sum() == issued["ACT"]
    assert bins["refreshes"].sum() == issued["REFA"]
    activity = result.observations[0].bank_activity(result.cycles)
    assert activity["column_commands"].sum() == issued["RD"] + issued["WR"]
    for tally, latency in (("arrival", result.from_arrival), ("accept", result.from_accept)):
        buckets = result.latencies[tally].buckets()
        assert buckets["reads"].sum() == latency.count
        assert (buckets["from_cycles"][1:] >= buckets["to_cycles"][:-1]).all()
        assert buckets["from_cycles"][-1] <= latency.max < buckets["to_cycles"][-1]


@pytest.mark.parametrize("mode", ["shared", "per_channel"])
def test_all_channels_have_the_same_bins(mode: str) -> None:
    """Also where one of them works on into cycles that need wider bins, and the others do not."""
    system = arch.load("hbm2_2000", ["channels=2", f"front_end.mode={mode}"])
    for arrival in range(BINS - 60, BINS + 4, 3):
        trace = Trace.from_arrays([0, 0], [0, 1], arrival=[0, arrival])
        over_time = simulate(system, trace, Options(tables=OBSERVATIONS)).tables["over_time"]
        first, second = (
            [
                column[over_time["component"] == f"ch{c}"]
                for column in (over_time["start"], over_time["cycles"])
            ]
            for c in range(2)
        )
        assert np.array_equal(first, second), arrival


def test_latency_buckets_are_exact_below_256_cycles_and_finer_than_a_hundredth_above() -> None:
    from sim.dram.tally import LatencyTally

    latencies = np.array([0, 1, 255, 256, 257, 258, 511, 512, 1 << 20, (1 << 20) + 1, 1 << 33, 3 << 40])
    tally = LatencyTally()
    tally.add(latencies)
    buckets = tally.buckets()
    rows = list(zip(*(column.tolist() for column in buckets.values()), strict=True))
    for latency in latencies.tolist():
        assert sum(first <= latency < after for first, after, _ in rows) == 1
    for first, after, reads in rows:
        assert reads == sum(first <= latency < after for latency in latencies)
        assert after - first == 1 if first < 256 else (after - first) / first <= 1 / 128
    assert LatencyTally().buckets()["reads"].size == 0
