"""The energy ledger against the published identity of the DDR3-1600 device, and its own arithmetic."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arch
from arch.device import Memory
from sim.dram.energy import ledger

NANO = Fraction(1, 10**9)
IDENTITY = {
    # nJ of one issue: Micron DDR3-1600 currents, 8 devices at 1.5 V, as ArchGym's DRAMSys runs show them
    "RD": Fraction("5.70"),
    "ACT": Fraction("10.5"),
    "PRE": Fraction("3.75"),
    "REFA": Fraction(165),
}
COUNTS = st.integers(0, 10**9)


@pytest.fixture(scope="module")
def ddr3() -> Memory:
    memory: Memory = arch.load("ddr3_1600").spec.resolve()
    return memory


def test_measured_stream_run_to_the_last_digit(ddr3: Memory) -> None:
    """stream/Open/NoRefresh: 50.025 µs, 79 ACT, 71 PRE with 8 rows left open, measured 85.10925 µJ."""
    cycles = Fraction("50.025e-6") / ddr3.clock_period
    assert cycles == 40_020
    spent = ledger(ddr3, {"RD": 10_000, "ACT": 79, "PRE": 71}, 40_020, 1)
    assert spent is not None
    assert spent.total == Fraction("85.10925e-6")
    assert spent.components == {
        "commands.ACT": Fraction("0.8295e-6"),
        "commands.PRE": Fraction("0.26625e-6"),
        "commands.RD": Fraction("57e-6"),
        "background": Fraction("27.0135e-6"),
    }


@given(rd=COUNTS, act=COUNTS, pre=COUNTS, ref=COUNTS, cycles=COUNTS)
def test_identity(ddr3: Memory, rd: int, act: int, pre: int, ref: int, cycles: int) -> None:
    """E = 0.54 W·T + 5.70 nJ·RD + 10.5 nJ·ACT + 3.75 nJ·PRE + 165 nJ·REF, exactly."""
    counts = {"RD": rd, "ACT": act, "PRE": pre, "REFA": ref}
    expected = Fraction("0.54") * cycles * ddr3.clock_period
    expected += sum(count * IDENTITY[name] * NANO for name, count in counts.items())
    spent = ledger(ddr3, counts, cycles, 1)
    assert spent is not None
    assert spent.total == expected == sum(spent.components.values())


def test_write_and_autoprecharge_follow_from_the_currents(ddr3: Memory) -> None:
    spent = ledger(ddr3, {"WR": 1, "RDA": 1, "WRA": 1}, 0, 1)
    assert spent is not None
    write = Fraction(8) * Fraction("1.5") * Fraction("0.100") * 5 * NANO  # IDD4W - IDD3N for 4 cycles
    assert spent.commands == {
        "WR": write,
        "RDA": (IDENTITY["RD"] + IDENTITY["PRE"]) * NANO,
        "WRA": write + IDENTITY["PRE"] * NANO,
    }


def test_closing_several_banks_costs_each_of_them(ddr3: Memory) -> None:
    spent = ledger(ddr3, {"PREA": 3}, 0, 1, closed_together=17)
    assert spent is not None and spent.total == 17 * IDENTITY["PRE"] * NANO
    with pytest.raises(ValueError, match="closed together"):
        ledger(ddr3, {"PRE": 3}, 0, 1, closed_together=1)


def test_background_counts_every_rank_of_every_channel(ddr3: Memory) -> None:
    ranked = replace(ddr3, organization=replace(ddr3.organization, ranks=2))
    one, six = ledger(ddr3, {}, 1000, 1), ledger(ranked, {}, 1000, 3)
    assert one is not None and six is not None
    assert six.background == 6 * one.background > 0


def test_refresh_of_a_whole_channel_costs_each_rank(ddr3: Memory) -> None:
    assert ddr3.energy is not None
    wide = tuple(replace(c, scope="channel") if c.name == "REFA" else c for c in ddr3.commands)
    ranked = replace(ddr3, commands=wide, organization=replace(ddr3.organization, ranks=2))
    spent = ledger(ranked, {"REFA": 5}, 0, 1)
    assert spent is not None and spent.total == 10 * IDENTITY["REFA"] * NANO


def test_pins_are_counted_only_where_switched_on() -> None:
    pins = ["energy.io=true", "energy.io_energy_per_bit_read=4 pJ", "energy.io_energy_per_bit_write=5 pJ"]
    with_pins = ledger(arch.load("ddr3_1600", pins).spec.resolve(), {"RD": 2, "WR": 3, "ACT": 9}, 7, 1)
    without = ledger(arch.load("ddr3_1600").spec.resolve(), {"RD": 2, "WR": 3, "ACT": 9}, 7, 1)
    assert with_pins is not None and without is not None
    assert without.io is None and "io" not in without.components
    assert with_pins.io == 512 * (2 * 4 + 3 * 5) * Fraction(1, 10**12)
    assert with_pins.total == without.total + with_pins.io


def test_no_currents_no_figure() -> None:
    assert ledger(arch.load("ddr4_2400").spec.resolve(), {"RD": 1}, 10, 1) is None


def test_unknown_command_is_refused(ddr3: Memory) -> None:
    with pytest.raises(ValueError, match="MAC"):
        ledger(ddr3, {"MAC": 1}, 0, 1)
