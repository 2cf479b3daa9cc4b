"""Limits computed from a specification: against hand-checked numbers and against tiny simulations."""

from fractions import Fraction

import numpy as np
import pytest

from arch.device import Memory
from arch.errors import InputError
from sim.dram.batch import run_batch
from sim.dram.limits import columns_per_activate, limits
from tests.sim.dram.driving import DEVICES, device
from tests.strategies import encode
from workloads.trace import Trace

# device: (refresh interval, penalty, column interval, activate interval, its rule, row cycle), (latencies).
# Penalties and closed-bank latencies are those of the measured peers: nRTP + nRP + nRFC + nRCD and
# 1 + nRCD + nCL + nBL; activate intervals are max(nFAW / 4, nRRD).
BY_HAND = {
    "ddr4_2400": ((9364, 9 + 16 + 433 + 16, 4, Fraction(26, 4), "tFAW", 55), (37, 21, 53)),
    "ddr4_3200": ((12480, 12 + 22 + 576 + 22, 4, Fraction(34, 4), "tFAW", 74), (49, 27, 71)),
    "hbm2_2000": ((3900, 5 + 14 + 260 + 14, 2, Fraction(4), "tRRD_S", 48), (32, 17, 45)),
    "gddr6_14000": ((3333, 269, 2, Fraction(8), "tRRD_S", 80), (54, 27, 81)),
    "ddr3_1600": ((6240, 6 + 10 + 88 + 10, 4, Fraction(24, 4), "tFAW", 38), (25, 15, 35)),
}


@pytest.mark.parametrize("profile", ["ramulator21", "cyclewise"])
@pytest.mark.parametrize("name", DEVICES)
def test_by_hand(name: str, profile: str) -> None:
    found = limits(device(name, f"controller.profile={profile}"))
    channel = found.channel
    cycles, latencies = BY_HAND[name]
    assert (
        channel.refresh_interval,
        channel.refresh_penalty,
        channel.column_interval,
        channel.activate_interval,
        channel.activate_rule,
        channel.row_cycle,
    ) == cycles
    assert (found.closed_row, found.row_hit, found.row_conflict) == latencies
    assert found.activate == "ACT"


def test_bandwidths_by_hand() -> None:
    found = limits(device("ddr4_2400"))
    burst = Fraction(64) / (4 * Fraction(833, 10**12))
    left = 1 - Fraction(474, 9364)
    assert found.peak == burst
    assert found.refresh_limited == burst * left
    assert found.activate_limited == Fraction(64) / (Fraction(13, 2) * Fraction(833, 10**12)) * left
    assert found.row_cycle_limited == burst * left  # 55 cycles / 16 banks are less than a burst
    assert found.one_bank == Fraction(64) / (55 * Fraction(833, 10**12)) * left
    assert found.front_end == Fraction(64) / Fraction(833, 10**12)
    assert found.nanoseconds(found.closed_row) == pytest.approx(37 * 0.833)


@pytest.mark.parametrize("name", DEVICES)
def test_without_refresh_there_is_no_limit_by_it(name: str) -> None:
    found = limits(device(name, "controller.refresh=none"))
    assert found.refresh_limited is None and found.channel.refresh_interval is None
    assert found.channel.refresh_penalty == 0 and found.channel.available == 1
    assert found.activate_limited > limits(device(name)).activate_limited


def test_channels_and_ranks() -> None:
    one, four = limits(device("ddr4_2400")), limits(device("ddr4_2400", "channels=4"))
    assert four.peak == 4 * one.peak and four.activate_limited == 4 * one.activate_limited
    assert four.front_end == one.front_end  # one front end feeds all
    fed = limits(device("ddr4_2400", "channels=4", "front_end.mode=per_channel"))
    assert fed.front_end == 4 * one.front_end
    ranks = limits(device("ddr4_2400", "organization.ranks=2"))
    assert ranks.peak == one.peak
    assert ranks.channel.activate_interval == one.channel.activate_interval / 2  # each rank has its window


def test_the_bus_bounds_what_activates_do_not() -> None:
    eight = limits(device("ddr4_2400", "organization.ranks=4"))
    assert eight.channel.activate_interval < eight.channel.column_interval
    assert eight.activate_limited == eight.refresh_limited


def test_rules_that_the_rule_set_leaves_out_do_not_count() -> None:
    left_out = "constraints.tRTP_all.not_in=[ramulator21]"
    with_it = limits(device("ddr4_2400", left_out, "controller.profile=cyclewise"))
    without = limits(device("ddr4_2400", left_out, "controller.profile=ramulator21"))
    assert with_it.channel.refresh_penalty == 474
    assert without.channel.refresh_penalty == 474 - 9 + 1  # one command a cycle remains


def test_a_mixture_is_held_to_the_better_of_its_kinds() -> None:
    memory = device("ddr4_2400")
    writes = limits(memory, read_share=0.0)
    assert writes.channel.refresh_penalty == 474 - 9 + (12 + 4 + 18)  # nCWL + nBL + nWR instead of nRTP
    assert limits(memory, read_share=0.5).channel.refresh_penalty == 474
    assert writes.closed_row == 37  # of a read, all the same


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_outside_are_refused(share: float) -> None:
    with pytest.raises(InputError, match="read_share"):
        limits(device("ddr4_2400"), share)


def test_refreshes_can_take_all_the_time() -> None:
    found = limits(device("ddr4_2400", "timing.tREFI=440 nCK"))
    assert found.channel.available == 0 and found.refresh_limited == 0


def latencies(memory: Memory, places: list[dict[str, int]]) -> list[int]:
    """Of lone reads of these places, far enough apart that each finds the memory idle."""
    trace = Trace.from_arrays(
        [encode(memory, **place) for place in places], arrival=np.arange(1, len(places) + 1) * 400
    )
    table = run_batch(memory, trace, requests=True).request_table
    assert table is not None
    return [int(latency) for latency in table["return"] - table["accept"]]


@pytest.mark.parametrize("profile", ["ramulator21", "cyclewise"])
@pytest.mark.parametrize("name", DEVICES)
def test_latencies_are_those_of_lone_reads(name: str, profile: str) -> None:
    memory = device(name, f"controller.profile={profile}", "controller.refresh=none")
    places = [{"bank": 1, "row": 5}, {"bank": 1, "row": 5, "column": 3}, {"bank": 1, "row": 6}]
    found = limits(memory)
    assert latencies(memory, places) == [found.closed_row, found.row_hit, found.row_conflict]


@pytest.mark.parametrize("name", DEVICES)
def test_pages_that_close_have_one_latency(name: str) -> None:
    memory = device(name, "controller.page_policy=closed", "controller.refresh=none")
    found = limits(memory)
    assert found.row_hit is None and found.row_conflict is None
    assert latencies(memory, [{"row": 5}, {"row": 5}, {"row": 6}]) == [found.closed_row] * 3


@pytest.mark.parametrize("name", DEVICES)
def test_one_bank_alone(name: str) -> None:
    """Activates of one bank come a row cycle apart, and the last read returns as a lone one."""
    memory = device(name, "controller.refresh=none")
    n = 2_000
    trace = Trace.from_arrays([encode(memory, row=k % memory.organization.rows) for k in range(n)])
    found = limits(memory)
    assert run_batch(memory, trace).cycles == (n - 1) * found.channel.row_cycle + found.closed_row


def test_row_locality_from_metrics() -> None:
    metrics = {"row_hits": 6, "row_misses": 1, "row_conflicts": 1, "commands.ACT": 2, "commands.RD": 8}
    assert columns_per_activate(metrics, "ACT") == 4
    assert columns_per_activate(metrics, "ACTIVATE") is None
