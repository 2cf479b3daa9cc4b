"""The compiled channel equals the slow and obvious one, to the cycle, under any controller and traffic."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
from arch.device import Memory
from tests.reference.dram_controller import simulate
from tests.sim.dram.driving import (
    DATA,
    DEVICES,
    assert_same,
    device,
    drive_batch,
    drive_channel,
    random_requests,
)
from tests.strategies import DramCase, controller_overrides, dram_cases, requests

MAX_CYCLES = 400_000


def ranks_of(name: str) -> int:
    """Only the families with rules between ranks may have two."""
    return 2 if name.startswith("ddr") else 1


def compare(case: DramCase) -> None:
    r = case.requests
    expected = simulate(case.memory, r.arrival, r.line, r.op, r.windows, r.stream, max_cycles=MAX_CYCLES)
    assert_same(drive_channel(case.memory, r.arrival, r.line, r.op, r.windows, r.stream), expected)
    # Several windows are for one channel only; a batch has one.
    if len(set(r.windows)) == 1:
        ours = drive_batch(case.memory, r.arrival, r.line, r.op, r.windows[0], r.stream)
        assert_same(ours, expected)


@pytest.mark.parametrize("name", DEVICES)
def test_one_stream(name: str) -> None:
    @settings(max_examples=60)
    @given(dram_cases(name, max_ranks=ranks_of(name)))
    def check(case: DramCase) -> None:
        compare(case)

    check()


@pytest.mark.parametrize("name", DEVICES)
def test_several_streams(name: str) -> None:
    @settings(max_examples=25)
    @given(dram_cases(name, max_ranks=ranks_of(name), max_streams=4))
    def check(case: DramCase) -> None:
        compare(case)

    check()


@pytest.mark.parametrize("name", ["update.yaml", "scan.yaml"])
def test_further_kinds_of_requests(name: str) -> None:
    """Two kinds of column commands in one queue, and in both."""

    @settings(max_examples=60)
    @given(dram_cases(str(DATA / name), max_streams=2))
    def check(case: DramCase) -> None:
        compare(case)

    check()


@pytest.mark.parametrize("name", ["ddr4_2400", "hbm2_2000", "gddr6_14000"])
def test_without_skipping(name: str) -> None:
    @settings(max_examples=15)
    @given(dram_cases(name, max_size=40, max_ranks=ranks_of(name), max_streams=2))
    def check(case: DramCase) -> None:
        visits_all = dataclasses.replace(case.memory.controller, skip_idle=False)
        compare(dataclasses.replace(case, memory=dataclasses.replace(case.memory, controller=visits_all)))

    check()


@st.composite
def several_channels(draw: st.DrawFn, name: str, mode: str) -> tuple[DramCase, int]:
    """A memory of 2 or 4 channels behind one front end or one each, and the window that all streams have."""
    streams = 1 if mode == "shared" else 3
    overrides = draw(controller_overrides(name, max_ranks=ranks_of(name), max_streams=streams))
    overrides += [f"channels={draw(st.sampled_from([2, 4]))}", f"front_end.mode={mode}"]
    memory: Memory = arch.load(name, overrides).spec.resolve()
    return DramCase(overrides, memory, draw(requests(memory, 60))), draw(st.sampled_from([0, 0, 1, 2, 5]))


@pytest.mark.parametrize("mode", ["shared", "per_channel"])
@pytest.mark.parametrize("name", ["ddr4_2400", "hbm2_2000", "gddr6_14000"])
def test_several_channels(name: str, mode: str) -> None:
    @settings(max_examples=30)
    @given(several_channels(name, mode))
    def check(drawn: tuple[DramCase, int]) -> None:
        case, window = drawn
        r = case.requests
        windows = [window] * case.memory.front_end.streams
        expected = simulate(case.memory, r.arrival, r.line, r.op, windows, r.stream, max_cycles=MAX_CYCLES)
        stream = r.stream if case.memory.front_end.streams > 1 else None
        assert_same(drive_batch(case.memory, r.arrival, r.line, r.op, window, stream), expected)

    check()


@pytest.mark.parametrize(
    ("name", "read_queue", "write_queue", "scheduler", "policy"),
    [
        ("ddr4_2400", 1024, 1024, "row_hit_first", "open"),
        ("ddr4_2400", 200, 300, "fr_fcfs", "open"),
        ("hbm2_2000", 256, 1024, "fr_fcfs", "closed"),
        ("gddr6_14000", 300, 200, "row_hit_first", "open"),
        ("ddr3_1600", 1024, 200, "fifo", "open"),
        ("scan.yaml", 256, 256, "row_hit_first", "open"),
    ],
)
def test_deep_queues(name: str, read_queue: int, write_queue: int, scheduler: str, policy: str) -> None:
    memory = device(
        name,
        f"controller.read_queue={read_queue}",
        f"controller.write_queue={write_queue}",
        f"controller.scheduler={scheduler}",
        f"controller.page_policy={policy}",
    )
    size = 900
    _, line, op = random_requests(memory, 7, size, rows=4, columns=32, ops=len(memory.ops))
    arrival = [0] * size
    expected = simulate(memory, arrival, line, op)
    assert_same(drive_channel(memory, arrival, line, op), expected)
    waiting = sum(np.array(op) == 0) - sum(0 <= i <= 300 for i in expected.issue)
    assert waiting > 100  # the queues were deep indeed


@pytest.mark.parametrize("field", ["commands", "accept", "hits", "cycles"])
def test_the_comparison_can_fail(field: str) -> None:
    memory = device("ddr4_2400")
    arrival, line, op = random_requests(memory, 1, 20)
    expected = simulate(memory, arrival, line, op)
    ours = drive_channel(memory, arrival, line, op)
    assert_same(ours, expected)
    if field == "commands":
        cycle, code, bank, arg = ours.commands[0][5]
        ours.commands[0][5] = (cycle + 1, code, bank, arg)
    elif field == "accept":
        ours.accept[3] += 1
    else:
        ours = dataclasses.replace(ours, **{field: getattr(ours, field) + 1})
    with pytest.raises(AssertionError):
        assert_same(ours, expected)
