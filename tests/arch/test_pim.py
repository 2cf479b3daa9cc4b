"""PIM machines: what their files may say, what follows from it, and what is refused, by field."""

from fractions import Fraction
from pathlib import Path

import pytest

import arch
from arch.errors import InputError
from arch.pim_device import Pim
from arch.provenance import leaves, matching

SYSTEMS = [entry.name for entry in arch.library() if entry.kind == "pim"]


def machine(name: str, *overrides: str) -> Pim:
    found: Pim = arch.load(name, overrides).spec.resolve()
    return found


def test_the_library_has_both() -> None:
    assert {"pim_gpt", "gddr6_aim"} <= set(SYSTEMS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_written_system_loads_again(name: str, tmp_path: Path) -> None:
    system = arch.load(name, ["pin_rate=8 Gbit/s", "all_bank_act=ganged4"])
    path = tmp_path / "again.yaml"
    path.write_text(system.to_yaml())
    again = arch.load(str(path))
    assert again == system and again.digest() == system.digest()
    assert again.spec.resolve() == system.spec.resolve()


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_number_has_a_source(name: str) -> None:
    system = arch.load(name)
    missing = [
        dotted
        for path, _ in leaves(system.tree, ())
        if path[0] not in ("kind", "name", "title", "sources", "ideal")
        and matching(system.provenance, dotted := ".".join(map(str, path))) is None
        and not dotted.startswith(
            ("dram.kind", "dram.name", "dram.title", "dram.bus", "dram.requests", "dram.refresh")
        )
    ]
    assert not missing


def test_sources_of_the_dram_come_along() -> None:
    system = arch.load("pim_gpt")
    pattern = matching(system.provenance, "dram.timing.tRP")
    assert pattern is not None
    assert "tRCD, tRP, tWR 12 ns" in system.provenance[pattern]["source"]
    assert matching(system.provenance, "dram.timing.tFAW") == "dram.timing.tFAW"


# Timings that follow from other keys.


@pytest.mark.parametrize(
    ("rate", "cycles"), [("32 Gbit/s", 1), ("16 Gbit/s", 1), ("8 Gbit/s", 2), ("2 Gbit/s", 8)]
)
def test_a_burst_lasts_as_long_as_the_pins_take(rate: str, cycles: int) -> None:
    """32 bytes over 16 pins; never less than a cycle."""
    memory = machine("pim_gpt", f"pin_rate={rate}").memory
    assert memory.timing["tBL"] == cycles
    assert {memory.command(name).burst for name in ("RD", "WR", "WR_GB", "RD_MAC")} == {cycles}


@pytest.mark.parametrize(("lanes", "steps"), [(16, 1), (8, 2), (1, 16)])
def test_a_column_takes_as_many_steps_as_lanes_leave(lanes: int, steps: int) -> None:
    assert machine("pim_gpt", f"units.lanes={lanes}").memory.timing["tMAC"] == steps
    assert machine("gddr6_aim", f"units.lanes={lanes}").memory.timing["tMAC"] == 2 * steps


@pytest.mark.parametrize("name", SYSTEMS)
def test_ganged_activates_open_a_bank_group_each(name: str) -> None:
    pim = machine(name, "all_bank_act=ganged4")
    assert pim.roles.activate == "ACT4" and pim.memory.command("ACT4").scope == "group"
    assert machine(name).roles.activate == "ACT16"


def test_results_that_are_wider_take_more_bursts() -> None:
    assert machine("pim_gpt").result_bursts == 1
    assert machine("pim_gpt", "units.readout=fp32").result_bursts == 2
    assert machine("pim_gpt", "dram.organization.groups=1").result_bursts == 1


def test_a_buffer_has_whole_columns() -> None:
    assert machine("pim_gpt").buffer_slots == 64
    assert machine("pim_gpt", "units.global_buffer=96 B").buffer_slots == 3


# Refused.

REFUSED = [
    ("dram.timing.tBL=2 ns", "dram.timing.tBL", "follows from pin_rate"),
    ("dram.timing.tMAC=2 ns", "dram.timing.tMAC", "follows from pin_rate"),
    ("dram.timing.tCCD=null", "dram.timing", "tCCD is missing"),
    ("units.lanes=5", "units.lanes", "a divisor of 16"),
    ("units.lanes=32", "units.lanes", "a divisor of 16"),
    ("units.global_buffer=40 B", "units.global_buffer", "a whole number of columns of 32 B"),
    ("asic.sram=12 bit", "asic.sram", "whole bytes"),
    ("dram.organization.ranks=2", "dram.organization.ranks", ""),
    ("all_bank_act=act8", "all_bank_act", "act16"),
    ("commands.mac=RD", "commands.mac", "does compute in all banks: MAC16"),
    ("commands.mac=MAC17", "commands.mac", 'did you mean "MAC16"'),
    ("commands.close=PRE", "commands.close", "does close in all banks: PREA"),
    ("commands.load=RD_MAC", "commands.load", "does load in all banks"),
    ("commands.result=WR_GB", "commands.result", "does unload in all banks"),
    ("commands.activate.act16=PREA", "commands.activate.act16", "does open"),
    ("asic.exp_terms=1", "asic.exp_terms", ""),
    ("ideal=[banks]", "ideal", "asic"),
]


@pytest.mark.parametrize(("override", "field", "reason"), REFUSED, ids=[row[0] for row in REFUSED])
def test_impossible_machines_are_refused(override: str, field: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        arch.load("pim_gpt", [override])
    assert caught.value.field is not None and caught.value.field.startswith(field)
    assert reason in str(caught.value)


# Bursts on the data bus.


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("rate", ["64 Gbit/s", "16 Gbit/s", "12 Gbit/s", "4 Gbit/s", "2 Gbit/s"])
def test_the_library_keeps_bursts_apart_at_any_pin_rate(name: str, rate: str) -> None:
    pim = machine(name, f"pin_rate={rate}")
    movers = [c for c in pim.memory.commands if c.burst]
    assert {"RD", "WR", "WR_GB", "RD_MAC"} <= {c.name for c in movers}
    for first in movers:
        for second in movers:
            apart = max(
                [
                    r.wait
                    for r in pim.memory.rules
                    if first.name in r.after and second.name in r.before and r.window == 1
                ]
            )
            assert apart >= first.latency + first.burst - second.latency


@pytest.mark.parametrize("rule", ["results", "loads", "load_to_read", "result_to_load", "read_to_result"])
def test_a_rule_too_short_for_its_bursts_is_named(rule: str) -> None:
    with pytest.raises(InputError) as caught:
        arch.load("pim_gpt", ["pin_rate=1 Gbit/s", f"dram.constraints.{rule}.wait=3"])
    assert caught.value.field == f"dram.constraints.{rule}.wait"
    assert "could collide on the data bus" in str(caught.value)
    assert "given 3 cycles" in str(caught.value) or 'given "3 cycles"' in str(caught.value)


def test_bursts_with_no_rule_between_them_are_refused() -> None:
    with pytest.raises(InputError, match="nothing keeps them apart") as caught:
        arch.load("pim_gpt", ["pin_rate=1 Gbit/s", "dram.constraints.results=null"])
    assert caught.value.field == "dram.constraints"


# Energy.


def test_currents_that_give_energy_back_are_refused_unless_clamped() -> None:
    assert machine("pim_gpt").energy is not None
    with pytest.raises(InputError, match="clamp: true") as caught:
        arch.load("pim_gpt", ["energy.clamp=false"])
    assert caught.value.field == "energy.IDD0"
    energy = machine("pim_gpt", "energy.clamp=false", "energy.IDD0=200 mA").energy
    assert energy is not None and energy.clamped == () and energy.command_joules["ACT"] > 0


def test_a_user_s_file_does_not_inherit_permission_it_did_not_ask_for(tmp_path: Path) -> None:
    """A file of its own with these currents has to say clamp: true itself."""
    text = arch.load("pim_gpt").to_yaml().replace("clamp: true", "clamp: false")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="clamp: true") as caught:
        arch.load(str(path))
    assert caught.value.line is not None


@pytest.mark.parametrize("key", ["IDD4R", "IDD4W", "IDD5"])
def test_currents_below_standby_are_refused(key: str) -> None:
    with pytest.raises(InputError) as caught:
        arch.load("pim_gpt", [f"energy.{key}=100 mA"])
    assert caught.value.field == f"energy.{key}"


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        arch.load("pim_gpt", ["energy.profile=v3"])
    assert caught.value.field == "energy.profile"


def test_a_system_without_currents_has_no_energy() -> None:
    assert machine("gddr6_aim").energy is None
    assert machine("pim_gpt", "energy=null").energy is None


def test_times_of_the_asic_are_exact() -> None:
    assert machine("pim_gpt", "asic.clock=300 MHz").asic.clock_period == Fraction(1, 300_000_000)
