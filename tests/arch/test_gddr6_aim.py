"""The AiM device: ticks between commands as aim_simulator has them, worked out by hand from its source."""

from fractions import Fraction

import pytest

import arch
from arch.device import Memory
from arch.pim import PimSpec

MODE = 32  # between register and bank commands, from the TMOD that comes when the next could have come


@pytest.fixture(scope="module")
def aim() -> Memory:
    spec = arch.load("gddr6_aim").spec
    assert isinstance(spec, PimSpec)
    return spec.resolve().memory


def wait(memory: Memory, after: str, before: str) -> int:
    """Ticks between two commands to one bank, by the strictest row."""
    rules = [r for r in memory.rules if r.window == 1 and r.scope != "other_ranks"]
    return max([r.wait for r in rules if after in r.after and before in r.before], default=1)


TABLE = {
    # row to column: nRCDRD, nRCDWR, nRCDRDMAC, nRCDEWMUL, nRCDRDAF, nRCDRDCP, nRCDWRCP
    **{("ACT16", b): w for b, w in {"RD": 36, "WR": 28, "MAC16": 56, "MAC": 56, "EWMUL16": 25}.items()},
    **{("ACT16", b): w for b, w in {"AF16": 86, "RDCP": 66, "WRCP": 48, "WR16": 28}.items()},
    **{("ACT", b): w for b, w in {"RD": 36, "WR": 28, "MAC": 56, "RDCP": 66, "WRCP": 48}.items()},
    # rows among themselves: nRC, nRAS, nRP
    ("ACT16", "ACT16"): 89, ("ACT16", "ACT"): 89, ("ACT", "ACT16"): 89, ("ACT", "ACT"): 89,
    ("ACT16", "PREA"): 54, ("ACT16", "PRE"): 54, ("ACT", "PRE"): 54, ("ACT", "PREA"): 54,
    ("PREA", "ACT16"): 32, ("PREA", "ACT"): 32, ("PRE", "ACT"): 32, ("PRE", "ACT16"): 32,
    ("PREA", "REFA"): 32, ("ACT16", "REFA"): 89, ("REFA", "ACT16"): 210, ("REFA", "ACT"): 210,
    # column to precharge: nRTP; nCWL + nBL + nWR; EWMUL without the burst
    **{(a, "PREA"): 12 for a in ("RD", "MAC", "MAC16", "AF16", "RDCP")},
    ("RD", "PRE"): 12, ("MAC", "PRE"): 12, ("MAC16", "PRE"): 12, ("RDCP", "PRE"): 12,
    ("WR", "PREA"): 41, ("WR", "PRE"): 41, ("WRCP", "PRE"): 41, ("WRCP", "PREA"): 41,
    ("EWMUL16", "PREA"): 39, ("WR16", "PREA"): 41,
    # columns: nCCDS = nCCDL = nBL = 2; turnarounds
    **{(a, b): 2 for a in ("RD", "MAC", "RDCP", "MAC16", "EWMUL16") for b in ("MAC16", "EWMUL16", "MAC")},
    ("RD", "RDCP"): 2, ("MAC16", "RDCP"): 2,
    **{(a, b): 2 for a in ("WR", "WRCP", "EWMUL16") for b in ("WR", "WRCP", "EWMUL16")},
    ("WR_GB", "WR_GB"): 2, ("WR_BIAS", "WR_BIAS"): 2, ("WR_GB", "WR_BIAS"): 2,
    ("RD_MAC", "RD_MAC"): 2, ("RD_AF", "RD_MAC"): 2,
    ("RD", "WR"): 50, ("WR", "RD"): 19, ("RD", "WR16"): 50, ("WR16", "RD"): 19,
    ("WR_GB", "RD_MAC"): 12, ("WR_BIAS", "RD_MAC"): 14, ("WR_BIAS", "RD_AF"): 14,
    ("RD_MAC", "WR_GB"): 5, ("RD_AF", "WR_BIAS"): 5,
    # other mode: the row of the table, or one cycle, and the change
    ("MAC16", "RD_MAC"): 2 + MODE, ("EWMUL16", "RD_AF"): 2 + MODE, ("AF16", "RD_AF"): 1 + MODE,
    ("MAC16", "WR_GB"): 1 + MODE, ("RD", "WR_GB"): 55 + MODE, ("WR", "WR_GB"): 2 + MODE,
    ("WR", "RD_MAC"): 19 + MODE, ("EWMUL16", "WR_BIAS"): 2 + MODE, ("PREA", "RD_MAC"): 1 + MODE,
    ("WR_GB", "ACT16"): 1 + MODE, ("RD_MAC", "PREA"): 1 + MODE, ("RD_MAC", "MAC16"): 2 + MODE,
    ("WR_GB", "MAC16"): 1 + MODE, ("WR_GB", "RD"): 12 + MODE, ("WR_BIAS", "RD"): 14 + MODE,
    ("WR_BIAS", "WR"): 2 + MODE, ("RD_MAC", "WR"): 1 + MODE, ("RD_MAC", "RD"): 2 + MODE,
    **{("TMOD", b): MODE for b in ("ACT", "ACT16", "PRE", "PREA", "MAC16", "WR_GB", "RD_MAC", "REFA")},
}  # fmt: skip


@pytest.mark.parametrize("pair", TABLE, ids="-".join)
def test_ticks_between_two_commands_to_a_bank(aim: Memory, pair: tuple[str, str]) -> None:
    assert wait(aim, *pair) == TABLE[pair]


def test_a_row_of_64_columns_takes_226_ticks_of_half_a_nanosecond(aim: Memory) -> None:
    o, t = aim.organization, aim.timing
    assert t["tRCDMAC"] + (o.columns - 1) * t["tMAC"] + t["tRTP"] + t["tRP"] == 226
    assert 226 * aim.clock_period == Fraction(113, 10**9)


def test_what_aim_simulator_overwrites_stays_as_its_preset_means_it(aim: Memory) -> None:
    assert aim.clock_period == Fraction(500, 10**12)
    assert {n: aim.timing[n] for n in ("tRRD_S", "tRRD_L", "tFAW", "tRFC", "tREFI")} == {
        "tRRD_S": 11, "tRRD_L": 11, "tFAW": 42, "tRFC": 210, "tREFI": 3333,
    }  # fmt: skip


def test_32_channels_of_4_gbit(aim: Memory) -> None:
    assert aim.channels == 32
    assert aim.organization.channel_bytes * 8 == 4 << 30


def test_every_command_waits_for_a_change_of_mode(aim: Memory) -> None:
    """A command that the rows of a mode forgot would slip through it for nothing."""
    for command in aim.commands:
        if command.name != "TMOD":
            assert wait(aim, "TMOD", command.name) == MODE, command.name
        registers = command.does in ("load", "unload")
        for other in aim.commands:
            if {command.does, other.does} & {"mode"} or registers == (other.does in ("load", "unload")):
                continue
            assert wait(aim, command.name, other.name) > MODE, (command.name, other.name)


def test_pim_gpt_knows_nothing_of_modes() -> None:
    spec = arch.load("pim_gpt").spec
    assert isinstance(spec, PimSpec)
    memory = spec.resolve().memory
    assert "TMOD" not in {c.name for c in memory.commands}
    # 12 + 63 + 1 + 12 ns: what all of PIM-GPT's figures rest on
    t = memory.timing
    assert t["tRCDMAC"] + 63 * t["tMAC"] + t["tRTP"] + t["tRP"] == 88
