"""The ledger against joules worked out by hand from the currents of pim_gpt, in exact fractions."""

from fractions import Fraction

import pytest

import arch
from arch.pim_device import Pim
from sim.pim.energy import PARTS, ledger

VDD = Fraction(5, 4)
MA = Fraction(1, 1000)
NS = Fraction(1, 10**9)
PJ = Fraction(1, 10**12)


def machine(*overrides: str) -> Pim:
    pim: Pim = arch.load("pim_gpt", ["dram.channels=2", *overrides]).spec.resolve()
    return pim


def spent(
    pim: Pim, commands: dict[str, int], cycles: int = 0, opened: int = 0, asic: int = 0
) -> dict[str, Fraction]:
    found = ledger(pim, commands, cycles, opened, asic)
    assert found is not None and tuple(found) == PARTS
    return {part: joules for part, joules in found.items() if joules}


def test_commands_by_hand() -> None:
    """IDD4R - IDD3N = 388 mA, IDD4W - IDD3N = 328 mA, IDD5 - IDD3N = 135 mA; 256 bits of 5.5 pJ a burst."""
    commands = {"ACT16": 3, "MAC16": 5, "RD": 7, "WR": 11, "WR_GB": 13, "RD_MAC": 17, "REFA": 2, "PREA": 3}
    assert spent(machine(), commands) == {
        "mac_column": 5 * 3 * VDD * 388 * MA * 1 * NS,
        "mac_logic": 5 * 149 * PJ,
        "read": 7 * VDD * 388 * MA * 1 * NS,
        "write": 11 * VDD * 328 * MA * 1 * NS,
        "io": (7 + 11 + 13 + 17) * 256 * Fraction(11, 2) * PJ,
        "refresh": 2 * VDD * 135 * MA * 455 * NS,
    }


def test_activates_count_as_zero_where_the_currents_make_them_negative() -> None:
    energy = machine().energy
    assert energy is not None and set(energy.clamped) == {"ACT", "ACT4", "ACT16"}
    assert spent(machine(), {"ACT": 10, "ACT4": 10, "ACT16": 10}) == {}


def test_activates_by_hand_and_by_the_banks_they_open() -> None:
    """IDD0 200 mA; tRAS is 35 cycles and tRC 47 of 1 ns."""
    pim = machine("energy.IDD0=200 mA")
    one = VDD * MA * NS * (200 * 47 - 142 * 35 - 92 * 12)
    assert one > 0
    assert spent(pim, {"ACT": 3}) == {"activate": 3 * one}
    assert spent(pim, {"ACT4": 3}) == {"activate": 3 * 4 * one}
    assert spent(pim, {"ACT16": 3}) == {"activate": 3 * 16 * one}


def test_background_by_open_and_closed_time_of_all_channels() -> None:
    """Two channels of 100 cycles, 30 of the 200 with a row open."""
    assert spent(machine(), {}, cycles=100, opened=30) == {
        "background": VDD * MA * NS * (30 * 142 + 170 * 92),
        "asic_leakage": 100 * NS * 30 * MA,
    }


def test_asic_by_busy_cycles_and_time() -> None:
    found = spent(machine("asic.clock=500 MHz"), {}, cycles=100, asic=7)
    assert found["asic_dynamic"] == 7 * 275 * PJ
    assert found["asic_leakage"] == 100 * NS * 30 * MA


@pytest.mark.parametrize("factor", [1, 3, 5])
def test_f_mac_scales_the_mac_column_alone(factor: int) -> None:
    found = spent(machine(f"energy.f_mac={factor}"), {"MAC16": 4, "RD": 4})
    assert found["mac_column"] == factor * found["read"]
    assert found["mac_logic"] == 4 * 149 * PJ


def test_a_column_of_more_steps_costs_more() -> None:
    assert spent(machine("units.lanes=4"), {"MAC16": 1})["mac_column"] == 4 * 3 * VDD * 388 * MA * NS


def test_a_longer_burst_of_slow_pins_draws_current_for_longer() -> None:
    slow, fast = (spent(machine(f"pin_rate={rate} Gbit/s"), {"RD": 1}) for rate in (4, 16))
    assert slow["read"] == 4 * fast["read"] and slow["io"] == fast["io"]


def test_the_older_profile_scales_every_part() -> None:
    commands = {"MAC16": 5, "RD": 7, "REFA": 1}
    new, old = (
        spent(machine(), commands, 100, 30, 7),
        spent(machine("energy.profile=v1"), commands, 100, 30, 7),
    )
    assert {part: joules / new[part] for part, joules in old.items()} == dict.fromkeys(new, Fraction("0.361"))


def test_no_ledger_without_currents() -> None:
    assert ledger(machine("energy=null"), {"RD": 1}, 10, 0, 0) is None
