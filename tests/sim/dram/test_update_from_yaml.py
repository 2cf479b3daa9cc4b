"""A command unknown to the kernel, added in YAML alone: UPDATE, of twice the column-to-column delay."""

import dataclasses

import numpy as np
import pytest

from arch.device import Memory
from sim.dram.batch import BatchResult, run_batch
from sim.dram.checker import CheckResult, RequestArrays, check
from tests.sim.dram.driving import device, random_requests
from workloads.trace import Trace

UPDATE = 2


def run(memory: Memory, trace: Trace) -> BatchResult:
    return run_batch(memory, trace, commands=True, requests=True)


def everywhere(memory: Memory, **traffic: int) -> Trace:
    """Reads, writes and updates of all banks."""
    arrival, line, op = random_requests(memory, 11, 3000, ops=3, **traffic)
    return Trace.from_arrays(line, op=op, arrival=arrival)


def in_one_row(memory: Memory) -> Trace:
    """Writes and updates of one row's columns, so that the next one is always of the same group."""
    op = np.random.default_rng(3).integers(1, 3, 400)
    return Trace.from_arrays(np.arange(400) % memory.organization.columns, op=op)


def verdict(memory: Memory, trace: Trace, result: BatchResult) -> CheckResult:
    """Of the checker, which is told ``memory`` and every request."""
    assert result.commands is not None and result.request_table is not None
    (block,) = trace.blocks(1 << 20)
    table = result.request_table
    requests = RequestArrays(block.line, block.op, issue=table["issue"], accept=table["accept"])
    return check(memory, result.commands[0], rules=memory.controller.rule_set, requests=requests)


@pytest.mark.parametrize("policy", ["open", "closed"])
@pytest.mark.parametrize("scheduler", ["fr_fcfs", "row_hit_first", "fifo"])
def test_mixed_traffic_keeps_every_rule(scheduler: str, policy: str) -> None:
    memory = device("update.yaml", f"controller.scheduler={scheduler}", f"controller.page_policy={policy}")
    trace = everywhere(memory, gap=3)
    result = run(memory, trace)
    checked = verdict(memory, trace, result)
    assert checked.ok, checked
    name = "UPD" if policy == "open" else "UPDA"
    assert checked.command_counts[name] == result.channels[0].commands[name] > 500
    assert result.requests_by_op["UPDATE"] == checked.command_counts[name], "updates are never absorbed"
    assert result.bytes_written == 64 * (result.requests_by_op["WRITE"] + result.requests_by_op["UPDATE"])


def test_an_update_takes_twice_the_delay_of_a_write() -> None:
    """Hits in one row, so that nothing but the column-to-column delay holds them."""
    memory = device("update.yaml", "controller.refresh=none")
    gaps = {}
    for op in (1, UPDATE):
        trace = Trace.from_arrays(np.arange(40), op=np.full(40, op))
        result = run_batch(memory, trace, requests=True)
        assert result.request_table is not None
        gaps[op] = set(np.diff(result.request_table["issue"])[1:].tolist())
    assert gaps == {1: {memory.timing["tCCD_L"]}, UPDATE: {2 * memory.timing["tCCD_L"]}}


def test_an_update_is_no_write() -> None:
    """It does not absorb, is not absorbed, and no read is served from it before it is done."""
    memory = device("update.yaml", "controller.refresh=none")
    line = [0, 0, 0, 0, 0]
    trace = Trace.from_arrays(line, op=[UPDATE, UPDATE, 1, 1, 0])
    result = run_batch(memory, trace, requests=True)
    assert (result.channels[0].coalesced, result.channels[0].forwarded) == (1, 1)
    assert result.request_table is not None
    assert (result.request_table["issue"] >= 0).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("row", ["tUPD_S", "tUPD_L"])
@pytest.mark.parametrize("how", ["one less", "left out"])
def test_breaking_its_rows_in_the_kernel_s_copy_is_seen(row: str, how: str) -> None:
    memory = device("update.yaml")
    if how == "one less":
        rules = tuple(dataclasses.replace(r, wait=r.wait - 1) if r.name == row else r for r in memory.rules)
    else:
        rules = tuple(r for r in memory.rules if r.name != row)
    assert rules != memory.rules
    trace = in_one_row(memory) if row == "tUPD_L" else everywhere(memory, gap=2, rows=1)
    result = run(dataclasses.replace(memory, rules=rules), trace)
    counts = verdict(memory, trace, result).violation_counts
    assert counts.get(row, 0) > 0
    # Without any row, bursts meet on the data bus too.
    assert set(counts) - ({"data_bus"} if how == "left out" else set()) == {row}
    assert verdict(memory, trace, run(memory, trace)).ok
