"""Bank machines: the compiled channel equals the slow one to the cycle, and passes the checker."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings

from sim.dram.checker import RequestArrays, check
from tests.reference.dram_bank_machines import BankMachines
from tests.reference.dram_controller import simulate
from tests.sim.dram.driving import assert_same, drive_batch, drive_channel
from tests.strategies import DramCase, bank_machine_cases

DEVICES = ("ddr3_1600", "ddr4_2400")
MAX_CYCLES = 400_000


def compare(case: DramCase) -> None:
    r = case.requests
    expected = simulate(
        case.memory, r.arrival, r.line, r.op, r.windows, max_cycles=MAX_CYCLES, channel=BankMachines
    )
    ours = drive_channel(case.memory, r.arrival, r.line, r.op, r.windows)
    assert_same(ours, expected)
    assert_same(drive_batch(case.memory, r.arrival, r.line, r.op, r.windows[0]), expected)
    served = RequestArrays(line=r.line, op=r.op, issue=ours.issue, accept=ours.accept)
    report = check(case.memory, np.array(ours.commands[0]).reshape(-1, 4), requests=served)
    assert not report.violations, report.violations[0]


@pytest.mark.parametrize("name", DEVICES)
def test_equal_to_the_slow_one(name: str) -> None:
    @settings(max_examples=150)
    @given(bank_machine_cases(name))
    def agree(case: DramCase) -> None:
        compare(case)

    agree()


def test_with_two_ranks() -> None:
    @settings(max_examples=60)
    @given(bank_machine_cases("ddr4_2400", max_ranks=2))
    def agree(case: DramCase) -> None:
        compare(case)

    agree()


def test_without_skipping() -> None:
    @settings(max_examples=30)
    @given(bank_machine_cases("ddr3_1600", max_size=40))
    def agree(case: DramCase) -> None:
        visits_all = dataclasses.replace(case.memory.controller, skip_idle=False)
        compare(dataclasses.replace(case, memory=dataclasses.replace(case.memory, controller=visits_all)))

    agree()
