"""DRAMsim3's ini files: defaults, ranks, bank groups, currents, and one message for whatever is wrong."""

from fractions import Fraction
from pathlib import Path

import pytest

from arch.errors import InputError
from tests.arch.foreign.configurations import DDR4_INI, GDDR6_INI, HBM2_INI, assert_refused, found

EQUAL_BACKGROUND = DDR4_INI.replace("IDD2N = 34", "IDD2N = 43")


def without(text: str, *keys: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.partition(" =")[0] not in keys)


def test_missing_keys_take_dramsim3s_defaults_and_say_so(tmp_path: Path) -> None:
    result, memory = found(tmp_path, without(DDR4_INI, "tRTP", "tFAW"))
    assert (memory.timing["tRTP"], memory.timing["tFAW"]) == (5, 50)
    assert "tRTP is not given; DRAMsim3's default 5 is used" in result.assumptions


def test_an_empty_value_is_a_missing_one(tmp_path: Path) -> None:
    result, memory = found(tmp_path, DDR4_INI.replace("tRFC = 433", "tRFC ="))
    assert memory.timing["tRFC"] == 74
    assert {u.setting: u.why for u in result.untranslated}["timing.tRFC"].startswith("empty")


@pytest.mark.parametrize("size, ranks", [(4096, 1), (8192, 1), (16384, 2), (20000, 2), (32768, 4)])
def test_ranks_come_from_the_size_of_a_channel(size: int, ranks: int, tmp_path: Path) -> None:
    result, memory = found(tmp_path, DDR4_INI.replace("channel_size = 8192", f"channel_size = {size}"))
    assert memory.organization.ranks == ranks
    assert any("channel_size" in sentence for sentence in result.assumptions) == (size in (4096, 20000))


@pytest.mark.parametrize("text", [HBM2_INI, GDDR6_INI])
def test_ranks_of_every_standard_keep_apart(text: str, tmp_path: Path) -> None:
    size = 1024 if text is HBM2_INI else 2048
    old = f"channel_size = {size // 2}"
    _, memory = found(tmp_path, text.replace(old, f"channel_size = {size}"))
    assert memory.organization.ranks == 2
    [reads] = [rule for rule in memory.rules if rule.name == "rank_switch_read_read"]
    assert reads.wait == memory.timing["tBL"] + memory.timing["tCS"]


def test_without_bank_groups_the_short_times_hold(tmp_path: Path) -> None:
    text = GDDR6_INI.replace("BL = 32", "BL = 32\nbankgroup_enable = false")
    _, memory = found(tmp_path, text)
    assert (memory.organization.groups, memory.organization.banks) == (1, 16)
    assert memory.timing["tCCD_L"] == memory.timing["tCCD_S"] == 2


def test_additive_latency_is_added(tmp_path: Path) -> None:
    _, memory = found(tmp_path, DDR4_INI.replace("AL = 0", "AL = 3"))
    assert [memory.timing[n] for n in ("tCL", "tCWL", "tRTP", "tRCD")] == [19, 15, 12, 13]


def test_turnaround_is_dramsim3s(tmp_path: Path) -> None:
    """RL + burst - WL + tRTRS."""
    _, memory = found(tmp_path, DDR4_INI.replace("tRTRS = 2", "tRTRS = 5"))
    [rule] = [rule for rule in memory.rules if rule.name == "read_to_write"]
    assert rule.wait == 16 + 4 - 12 + 5


def test_closed_page(tmp_path: Path) -> None:
    _, memory = found(tmp_path, DDR4_INI.replace("OPEN_PAGE", "CLOSE_PAGE"))
    assert memory.controller.page_policy == "closed"
    [rule] = [rule for rule in memory.rules if rule.name == "tRP_read_auto"]
    assert rule.wait == 4 + 9 + 16  # the burst as well


def test_one_command_bus(tmp_path: Path) -> None:
    _, two = found(tmp_path, HBM2_INI)
    _, one = found(tmp_path, HBM2_INI.replace("BL = 4", "BL = 4\nhbm_dual_cmd = false"))
    assert [len(memory.slots) for memory in (two, one)] == [2, 1]


def test_address_map_follows_the_letters(tmp_path: Path) -> None:
    text = DDR4_INI.replace("channels = 1", "channels = 4").replace("robabgracoch", "rochrababgco")
    _, memory = found(tmp_path, text)
    segments = sorted(memory.address_map, key=lambda s: s.source)
    assert [s.field for s in segments] == ["column", "group", "bank", "channel", "row"]


def test_currents_where_one_background_fits(tmp_path: Path) -> None:
    result, memory = found(tmp_path, EQUAL_BACKGROUND)
    assert memory.energy is not None
    # VDD · (IDD4R - IDD3N) · burst of 8 devices, as DRAMsim3 computes it, in joules.
    expected = Fraction("1.2") * (135 - 43) / 1000 * 4 * 8 * Fraction(833, 10**12)
    assert memory.energy.command_joules["RD"] == expected
    assert "energy.IDD5" in {t.into for t in result.translated}


@pytest.mark.parametrize(
    "text, why",
    [
        (DDR4_INI, "IDD2N and IDD3N differ"),
        (without(EQUAL_BACKGROUND, "IDD5AB"), "IDD5AB not given"),
        (EQUAL_BACKGROUND.replace("IDD0 = 48", "IDD0 = 40"), "IDD0 below the background"),
    ],
)
def test_no_energy_where_the_models_differ(text: str, why: str, tmp_path: Path) -> None:
    result, memory = found(tmp_path, text)
    assert memory.energy is None
    reasons = {u.setting: u.why for u in result.untranslated}
    assert why in reasons["power.VDD"]
    assert why in reasons["power.IDD4R"]


def test_names_without_regard_to_case(tmp_path: Path) -> None:
    _, memory = found(tmp_path, DDR4_INI.replace("tRCD = 16", "TRCD = 21"))
    assert memory.timing["tRCD"] == 21


# (old, new, key, parts of the message)
WRONG = [
    ("tRCD = 16", "tRCD = sixteen", "timing.tRCD", ['given "sixteen"', "a whole number"]),
    ("tRCD = 16", "tRCD = 16.5", "timing.tRCD", ['given "16.5"']),
    ("tRCD = 16", "tRCD = -1", "timing.tRCD", ['given "-1"']),
    ("tRCD = 16", "tRCD = 99999999999999999", "timing.tRCD", ["a whole number from 0"]),
    ("tRCD = 16", "tRDC = 16", "timing.tRDC", ["DRAMsim3 would ignore", 'did you mean "timing.tRCD"?']),
    ("tRCD = 16", "rows = 16", "timing.rows", ["it reads dram_structure.rows"]),
    ("tRCD = 16", "CL = 16", "timing.CL", ["given twice, first in line 13"]),
    ("tRCD = 16", "tRCD", "", ['given "tRCD"', "key = value"]),
    ("tRCD = 16", "  tRCD = 16", "timing.tRCD", ["indented", "ignores"]),
    ("tRAS = 39", "tRAS = 1000000000", "timing.tRAS", ["timing.tRC: too long"]),
    ("tCK = 0.833", "tCK = 0", "timing.tCK", ["clock period in ns"]),
    ("tCK = 0.833", "tCK = fast", "timing.tCK", ["clock period in ns"]),
    ("AL = 0", "AL = 40", "timing.tRCD", ["less than AL, 40"]),
    ("[other]", "[others]", "others.epoch_period", ["no such section", "[other]"]),
    ("protocol = DDR4", "protocol = DDR5", "dram_structure.protocol", ["DDR3, DDR4, GDDR6, HBM, HBM2"]),
    ("protocol = DDR4", "protocol = LPDDR4", "dram_structure.protocol", ['given "LPDDR4"']),
    ("protocol = DDR4", "protocol = HMC", "dram_structure.protocol", ["no family"]),
    ("protocol = DDR4", "protocol = DDR3", "dram_structure.bankgroups", ["DDR3 has no bank groups"]),
    ("BL = 8", "BL = 0", "dram_structure.BL", ["without limit"]),
    ("BL = 8", "BL = 7", "dram_structure.BL", ["a multiple of 2"]),
    ("device_width = 8", "device_width = 128", "dram_structure.device_width", ["no whole number"]),
    ("rows = 65536", "rows = 8", "dram_structure.rows", ["less than 1 MB"]),
    ("banks_per_group = 4", "banks_per_group = 3", "dram_structure.banks_per_group", ["a power of two"]),
    ("bankgroups = 4", "bankgroups = 128", "dram_structure.banks_per_group", ["256"]),
    ("robabgracoch", "robabgraco", "system.address_mapping", ["once each"]),
    ("robabgracoch", "robabgracoxx", "system.address_mapping", ["once each"]),
    ("OPEN_PAGE", "HALF_OPEN", "system.row_buf_policy", ["OPEN_PAGE, CLOSE_PAGE"]),
    ("RANK_LEVEL_STAGGERED", "SOMETIMES", "system.refresh_policy", ["RANK_LEVEL_STAGGERED"]),
    ("trans_queue_size = 32", "trans_queue_size = 5000", "system.trans_queue_size", ["1 to 1024"]),
    ("IDD0 = 48", "IDD0 = much", "power.IDD0", ["milliamperes"]),
    ("tREFI = 9364", "tREFI = 100", "timing.tREFI", ["no time for anything else"]),
]


@pytest.mark.parametrize("old, new, key, parts", WRONG)
def test_wrong_values(old: str, new: str, key: str, parts: list[str], tmp_path: Path) -> None:
    assert old in DDR4_INI
    assert_refused(tmp_path, DDR4_INI.replace(old, new, 1), key, parts)


@pytest.mark.parametrize("section", ["dram_structure", "timing"])
def test_a_missing_section(section: str, tmp_path: Path) -> None:
    text = "".join(f"[{part}" for part in DDR4_INI.split("[")[1:] if not part.startswith(section))
    with pytest.raises(InputError, match=f"no section \\[{section}\\]"):
        found(tmp_path, text)
