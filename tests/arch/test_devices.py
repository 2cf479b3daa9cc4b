"""Library devices: cycles equal the peers' golden values, energies the published identity."""

from fractions import Fraction
from pathlib import Path

import pytest
import yaml

import arch
from arch.device import STANDARD_CODES, Energy, Memory

GOLDEN = yaml.safe_load((Path(__file__).parents[1] / "data/dram/configs.yaml").read_text())["devices"]
NANO = Fraction(1, 10**9)
NAMES = {
    "nCCDS": "tCCD_S", "nCCDL": "tCCD_L", "nRRDS": "tRRD_S", "nRRDL": "tRRD_L", "nWTRS": "tWTR_S",
    "nWTRL": "tWTR_L", "nRFCab": "tRFC", "nRTPL": "tRTP",
}  # fmt: skip


def memory(name: str, *overrides: str) -> Memory:
    resolved: Memory = arch.load(name, overrides).spec.resolve()
    return resolved


def energy_of(name: str, *overrides: str) -> Energy:
    energy = memory(name, *overrides).energy
    assert energy is not None
    return energy


@pytest.mark.parametrize("device", sorted(GOLDEN))
def test_cycles_equal_the_golden_columns(device: str) -> None:
    golden, resolved = GOLDEN[device], memory(device)
    ours = dict(resolved.timing)
    ours.pop("tCS", None)  # rank switch: the golden devices have one rank
    expected = {NAMES.get(k, "t" + k[1:]): v for k, v in golden["ramulator"].items() if k != "rd_to_wr"}
    assert ours == expected
    scope = {name: value for name, value in resolved.timing.items()}
    formula = golden["ramulator"]["rd_to_wr"]
    wait = eval(formula.replace("n", "t"), {}, scope)
    assert [r.wait for r in resolved.rules if r.name == "read_to_write"] == [wait]
    assert resolved.clock_period == Fraction(golden["tck_ps"], 10**12)


@pytest.mark.parametrize("device", sorted(GOLDEN))
def test_geometry_equals_the_golden_columns(device: str) -> None:
    golden, resolved = GOLDEN[device], memory(device)
    bits, shape = golden["bits"], resolved.organization
    assert (shape.ranks, shape.groups, shape.banks) == (1, 2 ** bits["bankgroup"], 2 ** bits["bank"])
    assert (shape.rows, shape.columns) == (2 ** bits["row"], 2 ** bits["column"])
    assert shape.transaction_bytes == golden["transaction_bytes"]
    assert resolved.total_bytes == 2 ** sum(bits.values()) * golden["transaction_bytes"]
    low = 0  # row, bank, group, rank, column from the most significant bit down
    for segment, width in zip(
        resolved.address_map, [bits["column"], bits["bankgroup"], bits["bank"], bits["row"]], strict=True
    ):
        assert (segment.source, segment.width, segment.target) == (low, width, 0)
        low += width
    assert [s.field for s in resolved.address_map] == ["column", "group", "bank", "row"]


def test_times_in_ns_need_the_guarded_rule() -> None:
    """A plain ceiling of the same ns values misses: the guard is what the standard adds."""
    plain = memory("ddr4_2400", "rounding=ceil").timing
    exact = memory("ddr4_2400").timing
    differing = {name for name in exact if plain[name] != exact[name]}
    assert {"tWR", "tRTP", "tCCD_L", "tWTR_S", "tWTR_L"} <= differing
    assert all(plain[name] == exact[name] + 1 for name in differing)


def test_long_commands_shift_the_rules_around_them() -> None:
    rules = {(r.name, r.before): r for r in memory("hbm2_2000").rules}
    assert rules["tRCDRD", ("RD", "RDA")].wait == 15  # ACT -> X: nominal + 1
    assert rules["tRP", ("ACT",)].wait == 13  # X -> ACT: nominal - 1
    assert rules["tRC", ("ACT",)].wait == 48  # ACT -> ACT: nominal
    assert rules["tRFC", ("ACT",)].wait == 259
    assert rules["tRFC", ("PRE", "PREA", "REFA")].wait == 260
    bus = rules["row_bus_ACT", ("ACT", "PRE", "PREA", "REFA")]
    assert (bus.after, bus.wait) == (("ACT",), 2)


def test_hbm2_has_a_column_slot_first() -> None:
    column, row = memory("hbm2_2000").slots
    assert (column.name, column.sources) == ("column", ("active", "refresh", "queue"))
    assert (row.name, row.sources) == ("row", ("refresh", "queue"))
    assert set(column.commands) == {"RD", "WR", "RDA", "WRA"}


def test_rules_left_out_for_the_peer() -> None:
    """GDDR6: no PRE to REFA; DDR3 and DDR4: a shorter turnaround from a read to a write of another rank."""
    for entry in (entry for entry in arch.library() if entry.kind == "memory"):
        left_out = {r.name for r in memory(entry.name).rules if "ramulator21" in r.not_in}
        if entry.title.startswith("GDDR6"):
            assert left_out == {"tRP_refresh"}
        else:
            assert left_out == ({"rank_switch_read_write"} if entry.name.startswith("ddr") else set())


@pytest.mark.parametrize("name", ["ddr3_1600", "ddr4_2400", "ddr4_3200"])
def test_read_to_write_of_another_rank(name: str) -> None:
    m = memory(name)
    waits = {r.name: r.wait for r in m.rules if r.name.startswith("rank_switch_read_write")}
    t = m.timing
    assert waits["rank_switch_read_write_ramulator"] == t["tBL"] + t["tCS"]
    assert waits["rank_switch_read_write"] == t["tCL"] + t["tBL"] + t["tCS"] - t["tCWL"]
    assert waits["rank_switch_read_write"] > waits["rank_switch_read_write_ramulator"]


def test_codes_are_the_standard_six_and_then_in_order() -> None:
    for entry in (entry for entry in arch.library() if entry.kind == "memory"):
        commands = memory(entry.name).commands
        assert [c.code for c in commands] == list(range(len(commands)))
        assert {c.name: c.code for c in commands[:6]} == STANDARD_CODES
        assert [c.name for c in commands[6:8]] == ["RDA", "WRA"]


def test_a_command_and_request_are_added_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "near.yaml"
    file.write_text(
        "kind: memory\nextends: ddr4_2400\n"
        "commands:\n  UPDATE: {scope: bank, does: write, latency: tCWL, burst: tBL}\n"
        "constraints:\n  update: {after: [UPDATE], before: [UPDATE], scope: group, wait: 2 * tCCD_L}\n"
        "  tCCD_S_write: {after: [WR, WRA, UPDATE], before: [WR, WRA, UPDATE]}\n"
        "  read_to_write: {before: [WR, WRA, UPDATE]}\n  tWTR_S: {after: [WR, WRA, UPDATE]}\n"
        "requests:\n  UPDATE: {command: UPDATE, queue: write}\n"
    )
    resolved = memory(str(file))
    assert resolved.command("UPDATE").code == 8
    assert [(o.name, o.code) for o in resolved.ops] == [("READ", 0), ("WRITE", 1), ("UPDATE", 2)]
    assert "UPDATE" in resolved.slots[0].commands
    assert next(r for r in resolved.rules if r.name == "update").wait == 12


def test_ddr3_energy_identity() -> None:
    """E = 0.54 W·T + 5.70 nJ·RD + 10.5 nJ·ACT + 3.75 nJ·PRE + 165 nJ·REF, to the last digit."""
    energy = energy_of("ddr3_1600")
    assert energy.background_watts == Fraction(54, 100)
    assert energy.command_joules["RD"] == Fraction("5.70") * NANO
    assert energy.command_joules["ACT"] == Fraction("10.5") * NANO
    assert energy.command_joules["PRE"] == Fraction("3.75") * NANO
    assert energy.command_joules["REFA"] == 165 * NANO
    assert energy.command_joules["WR"] == 6 * NANO  # 12 V of supply x 100 mA x 5 ns
    assert energy.command_joules["RDA"] == Fraction("9.45") * NANO
    assert energy.io_joules == {}
    assert memory("ddr4_2400").energy is None


def test_ddr3_energy_example() -> None:
    """A published run: 50.025 us, 10,000 reads, 79 activates, 71 precharges come to 85.10925 uJ."""
    energy = energy_of("ddr3_1600")
    cost = energy.command_joules
    total = energy.background_watts * Fraction("50.025") / 10**6
    total += 10_000 * cost["RD"] + 79 * cost["ACT"] + 71 * cost["PRE"]
    assert total == Fraction("85.10925") / 10**6


def test_io_energy_is_switched() -> None:
    keys = ("energy.io_energy_per_bit_read=5 pJ", "energy.io_energy_per_bit_write=4 pJ")
    assert energy_of("ddr3_1600", *keys).io_joules == {}
    io = energy_of("ddr3_1600", *keys, "energy.io=true").io_joules
    assert io["RD"] == io["RDA"] == 512 * 5 * NANO / 1000
    assert io["WR"] == 512 * 4 * NANO / 1000
    own = energy_of("ddr3_1600", "energy.commands={RD: 1 nJ}").command_joules
    assert own["RD"] == NANO


def test_ddr3_cycles() -> None:
    timing = memory("ddr3_1600").timing
    expected = {
        "tCCD": 4, "tCL": 10, "tCWL": 8, "tRCD": 10, "tRP": 10, "tRAS": 28, "tRC": 38, "tRRD": 5, "tFAW": 24,
        "tRTP": 6, "tWR": 12, "tWTR": 6, "tRFC": 88, "tREFI": 6240,
    }  # fmt: skip
    assert {name: timing[name] for name in expected} == expected


@pytest.mark.parametrize("device", ["ddr4_2400", "ddr4_3200", "ddr3_1600"])
def test_ranks_never_meet_on_the_data_bus(device: str) -> None:
    resolved = memory(device, "organization.ranks=2")
    commands = {c.name: c for c in resolved.commands}
    for first in ("RD", "WR"):
        for second in ("RD", "WR"):
            waits = [
                r.wait
                for r in resolved.rules
                if r.scope == "other_ranks" and first in r.after and second in r.before
            ]
            end = commands[first].latency + commands[first].burst
            assert max(waits, default=0) + commands[second].latency >= end


def test_profiles() -> None:
    assert memory("ddr4_2400").controller.profile == "cyclewise"
    peer = memory("ddr4_2400", "controller.profile=ramulator21").controller
    assert (peer.profile, peer.scheduler, peer.page_policy) == ("ramulator21", "fr_fcfs", "open")
    assert (peer.read_queue, peer.write_queue, peer.rule_set) == (32, 32, "ramulator21")
    assert (peer.write_high, peer.write_low) == (Fraction(4, 5), Fraction(1, 5))
    rowhit = memory("ddr4_2400", "controller.profile=ramulator21_rowhit").controller
    assert rowhit.scheduler == "row_hit_first"
    same = memory("ddr4_2400", "controller.profile=ramulator21", "controller.read_queue=32").controller
    assert same == peer
    other = memory("ddr4_2400", "controller.profile=ramulator21", "controller.read_queue=16").controller
    assert (other.profile, other.read_queue, other.write_queue) == ("custom(ramulator21)", 16, 32)
