"""Is the lean run of a design the same as the whole one?"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
import workloads
from arch.errors import InputError
from arch.variation import Variation
from sim.dram.batch import run_batch
from sim.dram.points import run_point
from sim.machine import machine, measured, simulate
from workloads.trace import Trace

BASE = Variation("ddr3_1600", ("controller.profile=cyclewise",))
TRACES = {
    "stream": workloads.generate("stream", requests=700),
    "mixed": workloads.generate("zipf", requests=900, footprint=1 << 20),
    "window": workloads.generate("random", requests=300, window=3),
    "timed": workloads.generate("bursts", requests=400, footprint=1 << 20),
    "cut": workloads.load("dramsys_cloud_2", 64),
}
DESIGNS: dict[str, st.SearchStrategy[Any]] = {
    "controller.page_policy": st.sampled_from(["open", "closed"]),
    "controller.scheduler": st.sampled_from(["fr_fcfs", "row_hit_first", "fifo"]),
    "controller.read_queue": st.sampled_from([1, 2, 8, 64]),
    "controller.write_queue": st.sampled_from([2, 16]),
    "controller.refresh": st.sampled_from(["none", "all_bank"]),
    "timing.tFAW": st.sampled_from(["24 nCK", "40 nCK"]),
    "channels": st.sampled_from([1, 1, 1, 2]),
}


@settings(deadline=None, max_examples=25)
@given(st.fixed_dictionaries({}, optional=DESIGNS), st.sampled_from(sorted(TRACES)))
def test_the_same_figures_as_the_report(design: dict[str, Any], trace: str) -> None:
    lean = machine("memory").measure
    assert lean is not None
    report = simulate(BASE.system(design), TRACES[trace])
    found = lean(BASE.spec(design), TRACES[trace], {})
    assert found == measured(report)
    assert report.energy_joules is not None
    assert found["time"] == report.seconds and found["energy"] == report.energy_joules["total"]
    assert found["power"] == found["energy"] / found["time"]


def test_nothing_is_left_over_from_the_run_before() -> None:
    memory = arch.load("ddr3_1600").spec.resolve()
    long, short = TRACES["mixed"], Trace.from_arrays([5, 6], arrival=[0, 900])
    first = run_point(memory, long)
    assert run_point(memory, short) == run_point(memory, short)
    assert run_point(memory, long) == first
    assert first.from_arrival == run_batch(memory, long).from_arrival


def test_no_current_set_no_energy() -> None:
    hbm = arch.load("hbm2_2000")
    assert hbm.spec.energy is None
    lean = machine("memory").measure
    assert lean is not None
    found = lean(hbm.spec, TRACES["stream"], {})
    assert found == measured(simulate(hbm, TRACES["stream"]))
    assert "energy" not in found and "power" not in found and found["time"] > 0


@pytest.mark.parametrize(
    "trace",
    [
        Trace.from_arrays([1 << 50], name="beyond"),
        Trace.from_arrays([1, 2], op=[0, 7], name="no such operation"),
        Trace.from_arrays([1], stream=[3], name="no such stream"),
        Trace.from_arrays([1], arrival=[1 << 45], name="too late"),
    ],
)
def test_refused_like_a_batch(trace: Trace) -> None:
    memory = arch.load("ddr3_1600").spec.resolve()
    with pytest.raises(InputError) as whole:
        run_batch(memory, trace)
    with pytest.raises(InputError) as lean:
        run_point(memory, trace)
    assert str(lean.value) == str(whole.value)


def test_a_mapping_is_refused() -> None:
    lean = machine("memory").measure
    assert lean is not None
    with pytest.raises(InputError, match="a memory has no mapping"):
        lean(BASE.spec({}), TRACES["stream"], {"packing": "packed"})


def test_long_traces_run_block_by_block() -> None:
    line = np.arange(140_000) % 5000
    trace = Trace.from_arrays(line)
    memory = arch.load("ddr3_1600").spec.resolve()
    assert run_point(memory, trace).cycles == run_batch(memory, trace).cycles
