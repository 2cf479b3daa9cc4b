"""The controller of DRAMGym: its energy identity, the floors of its times, and which parameters are one."""

from pathlib import Path

import numpy as np
import pytest

import arch
import workloads
from arch.device import Memory
from dse.evaluation import Value
from dse.space import Space
from dse.study import read_study
from sim.dram.batch import BatchResult
from sim.dram.energy import ledger
from sim.dram.points import run_point

STUDY = Path(__file__).parents[2] / "examples" / "dram_controller.yaml"
TRACES = ("dramsys_stream", "dramsys_random", "dramsys_cloud_1", "dramsys_cloud_2")


def memory(*overrides: str) -> Memory:
    resolved: Memory = arch.load("ddr3_1600", ["controller.profile=dramsys", *overrides]).spec.resolve()
    return resolved


def run(trace: str, *overrides: str) -> BatchResult:
    return run_point(memory(*overrides), workloads.load(trace, 64))


@pytest.mark.parametrize("trace", TRACES[:2])
@pytest.mark.parametrize("refresh", ["none", "all_bank"])
@pytest.mark.parametrize("policy", ["open", "closed", "closed_adaptive"])
def test_energy_identity(trace: str, refresh: str, policy: str) -> None:
    """E = 0.54 W T + 5.70 nJ RD + 10.5 nJ ACT + 3.75 nJ PRE + 165 nJ REF, whoever closes the row."""
    m = memory(f"controller.refresh={refresh}", f"controller.page_policy={policy}")
    result = run_point(m, workloads.load(trace, 64))
    (channel,) = result.channels
    counts = channel.commands
    spent = ledger(m, counts, result.cycles, 1, channel.closed_together)
    assert spent is not None
    closed = counts["ACT"] - channel.open_banks
    reads = counts.get("RD", 0) + counts.get("RDA", 0)
    expected = (
        0.54 * result.cycles * 1.25e-9
        + 5.70e-9 * reads
        + 10.5e-9 * counts["ACT"]
        + 3.75e-9 * closed
        + 165e-9 * counts.get("REFA", 0)
    )
    assert float(spent.total) == pytest.approx(expected, rel=1e-9)
    assert reads == 10_000


def test_the_example_of_the_identity() -> None:
    (channel,) = run("dramsys_stream").channels
    assert (channel.commands["ACT"], channel.commands["PRE"], channel.open_banks) == (79, 71, 8)


@pytest.mark.parametrize(
    ("trace", "overrides", "floor", "above"),
    [
        ("dramsys_stream", [], 40_000, 21),  # tCCD a request, and the ends
        ("dramsys_stream", ["front_end.admission=fifo", "front_end.max_active=1"], 140_000, 1_501),
        ("dramsys_random", ["front_end.admission=fifo", "front_end.max_active=1"], 340_000, 5_500),
        ("dramsys_stream", ["controller.page_policy=closed", "controller.buffer_size=1"], 377_880, 1),
    ],
)
def test_floors(trace: str, overrides: list[str], floor: int, above: int) -> None:
    assert floor <= run(trace, *overrides).cycles <= floor + above


def test_activates_bound_random_reads() -> None:
    result = run("dramsys_random", "controller.buffer_size=128")
    assert result.cycles >= result.channels[0].commands["ACT"] * 6  # tFAW / 4


def test_one_request_at_a_time_takes_the_latency_to_the_cycle() -> None:
    """Ten cycles for each of the 79 rows opened, ten more for the 71 closed before, 14 a read."""
    overrides = ["front_end.admission=fifo", "front_end.max_active=1"]
    result = run("dramsys_stream", *overrides)
    assert result.cycles == 1 + 10_000 * 14 + 79 * 10 + 71 * 10


def raw(space: Space, rng: np.random.Generator) -> dict[str, Value]:
    """A design with every parameter given, wanted or not."""
    return {p.name: p.values[rng.integers(len(p.values))] for p in space.parameters if p.values}


def outcome(space: Space, design: dict[str, Value], trace: str) -> tuple[object, ...]:
    overrides = [f"{path}={design[p.name]}" for p in space.parameters for path in p.paths]
    result = run(trace, *overrides)
    return result.cycles, result.channels[0], result.from_accept, result.from_arrival


@pytest.mark.parametrize("seed", range(20))
def test_what_the_study_calls_equivalent_is_equal(seed: int) -> None:
    """Every design gives what its canonical one does, and so does every other that has the same."""
    space = read_study(STUDY).space
    rng = np.random.default_rng(seed)
    design = raw(space, rng)
    if seed < 5:  # one request at a time leaves the banks idle most of all
        design |= {"arbiter": "fifo", "max_active": 1, "refresh": "all_bank"}
    canonical = space.canonical(design)
    other = {**raw(space, rng), **canonical}
    for trace in TRACES:
        assert outcome(space, design, trace) == outcome(space, other, trace)


def test_responses_in_order_free_places_later() -> None:
    overrides = ["front_end.max_active=8", "front_end.admission=fifo"]
    any_order = run("dramsys_random", *overrides).cycles
    queue = run("dramsys_random", *overrides, "controller.response_queue=reorder").cycles
    arbiter = run("dramsys_random", overrides[0], "front_end.admission=reorder").cycles
    assert any_order < queue == arbiter


def test_a_starved_request_does_not_stop_the_channel_for_ever() -> None:
    """Hits of the open row go first as long as they come; so many may pass one request, and no more."""
    m = memory("controller.response_queue=reorder", "controller.buffer_size=64")
    bank_row = 128 * 8  # lines from one row of a bank to the next
    hits = [i % 128 for i in range(20_000)]
    trace = workloads.Trace.from_arrays([0, bank_row, *hits], op=[0] * (len(hits) + 2))
    result = run_point(m, trace)
    assert result.channels[0].commands["RD"] == len(hits) + 2
    assert result.from_accept.max < 4 * 2_048 * 4
