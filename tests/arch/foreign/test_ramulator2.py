"""Ramulator's YAML: presets and tables as Ramulator resolves them, and one message for whatever is wrong."""

from fractions import Fraction
from pathlib import Path

import pytest

import arch
from arch.errors import InputError
from arch.foreign.draft import carried
from arch.foreign.ramulator2 import PRESETS
from tests.arch.foreign.configurations import RAMULATOR20, assert_refused, exported, found


def system(standard: str, organization: str, speed: str, extra: str = "") -> str:
    return (
        "MemorySystem:\n  impl: GenericDRAM\n  clock_ratio: 1\n  DRAM:\n"
        f"    impl: {standard}\n    org: {{{organization}}}\n    timing: {{{speed}}}\n{extra}"
        "  Controller: {impl: Generic, Scheduler: {impl: FRFCFS}, RefreshManager: {impl: AllBank}, "
        "RowPolicy: {impl: OpenRowPolicy}}\n  AddrMapper: {impl: RoBaRaCoCh}\n"
    )


PAIRS = [
    (standard, organization, speed)
    for standard, table in carried(PRESETS).items()
    for organization, speed in [
        *((name, next(iter(table["speeds"]))) for name in table["organizations"]),
        *(
            (next(n for n in table["organizations"] if "8Gb_x8" in n or "4Gb" in n), s)
            for s in table["speeds"]
        ),
    ]
]


@pytest.mark.parametrize("standard, organization, speed", PAIRS)
def test_every_preset_runs_or_is_refused_for_a_reason(
    standard: str, organization: str, speed: str, tmp_path: Path
) -> None:
    text = system(standard, f"preset: {organization}", f"preset: {speed}")
    if "32Gb" in organization:  # Ramulator 2.0 has no tRFC for it and would read beyond its table
        with pytest.raises(InputError, match="nRFC is not given"):
            found(tmp_path, text)
        return
    _, memory = found(tmp_path, text)
    table = carried(PRESETS)[standard]
    row = dict(zip(table["timings"], table["speeds"][speed], strict=True))
    assert memory.timing["tCL"] == row["nCL"]
    assert memory.timing["tRC"] == row["nRC"]
    assert memory.clock_period * 10**12 == 1_000_000 // (row["rate"] // 2)


def test_tables_fill_what_a_preset_leaves_open(tmp_path: Path) -> None:
    """x16 devices at 3200 MT/s: 9, 11 and 48 clocks; 16 Gbit: 550 ns are 880 clocks of 625 ps."""
    _, memory = found(tmp_path, system("DDR4", "preset: DDR4_16Gb_x16", "preset: DDR4_3200AA"))
    assert [memory.timing[n] for n in ("tRRD_S", "tRRD_L", "tFAW", "tRFC")] == [9, 11, 48, 880]
    assert memory.organization.groups == 2


@pytest.mark.parametrize(
    "override, name, cycles",
    [
        ("nRCD: 20", "tRCD", 20),
        ("tRCD: 13.75", "tRCD", 17),  # 16.51 clocks of 833 ps
        ("tRCD: 13.32", "tRCD", 16),
        ("nRFC: 500", "tRFC", 500),
        ("nRRDL: 9", "tRRD_L", 9),
    ],
)
def test_overrides(override: str, name: str, cycles: int, tmp_path: Path) -> None:
    text = system("DDR4", "preset: DDR4_8Gb_x8", f"preset: DDR4_2400R, {override}")
    result, memory = found(tmp_path, text)
    assert memory.timing[name] == cycles
    setting = f"MemorySystem.DRAM.timing.{override.partition(':')[0]}"
    assert f"timing.{name}" in {t.setting: t.into for t in result.translated}[setting]


def test_clocks_win_over_ns(tmp_path: Path) -> None:
    text = system("DDR4", "preset: DDR4_8Gb_x8", "preset: DDR4_2400R, tRCD: 13.32, nRCD: 20")
    result, memory = found(tmp_path, text)
    assert memory.timing["tRCD"] == 20
    assert {u.setting: u.why for u in result.untranslated}["MemorySystem.DRAM.timing.tRCD"] == (
        "Ramulator reads nRCD instead"
    )


def test_two_ranks_wait_as_ramulator_20_does(tmp_path: Path) -> None:
    _, memory = found(tmp_path, system("DDR4", "preset: DDR4_8Gb_x8, rank: 2", "preset: DDR4_2400R"))
    [rule] = [rule for rule in memory.rules if rule.name == "rank_switch_write_read"]
    assert rule.wait == 16 + 4 + 2 - 12


def test_pseudo_channels_become_channels(tmp_path: Path) -> None:
    result, memory = found(tmp_path, system("HBM2", "preset: HBM2_4Gb, channel: 4", "preset: HBM2_2Gbps"))
    assert memory.channels == 8
    assert any("pseudo channels" in sentence for sentence in result.assumptions)


def test_row_hit_scheduler_and_no_refresh(tmp_path: Path) -> None:
    text = RAMULATOR20.replace("impl: FRFCFS", "impl: FRFCFS-RowHit").replace("AllBank", "NoRefresh")
    _, memory = found(tmp_path, text)
    assert memory.controller.profile == "custom(ramulator21_rowhit)"
    assert memory.controller.refresh == "none"


def test_watermarks_and_queues_of_21(tmp_path: Path) -> None:
    text = exported("ddr4_2400", arch.load("ddr4_2400").spec.resolve())
    text = text.replace("read_buffer_size: 32", "read_buffer_size: 48").replace("0.8", "0.75")
    _, memory = found(tmp_path, text)
    assert memory.controller.read_queue == 48
    assert memory.controller.write_high == Fraction(3, 4)


def test_channels_of_21(tmp_path: Path) -> None:
    text = exported("hbm2_2000", arch.load("hbm2_2000").spec.resolve(), channels=4)
    _, memory = found(tmp_path, text)
    assert memory.channels == 4
    [segment] = [s for s in memory.address_map if s.field == "channel"]
    assert (segment.source, segment.width) == (0, 2)


# (old, new, key, parts of the message)
WRONG = [
    (
        "preset: DDR4_8Gb_x8",
        "preset: DDR4_8Gb_x9",
        "org.preset",
        ['did you mean "DDR4_8Gb_x8"?', "DDR4_2Gb_x4"],
    ),
    ("preset: DDR4_2400R", "preset: DDR4_9999", "timing.preset", ["unknown preset", "DDR4_3200AA"]),
    ("preset: DDR4_2400R", "nCL: 16", "DRAM.timing", ["neither a preset nor a rate"]),
    ("preset: DDR4_2400R", "preset: DDR4_2400R\n      nCK: 4", "timing.nCK", ["would ignore"]),
    ("preset: DDR4_2400R", "preset: DDR4_2400R\n      rate: 2400", "timing.rate", ["beside a preset"]),
    ("preset: DDR4_2400R", "preset: DDR4_2400R\n      nCL: many", "timing.nCL", ["a whole number"]),
    ("preset: DDR4_2400R", "preset: DDR4_2400R\n      nCL: -3", "timing.nCL", ["given -3"]),
    ("preset: DDR4_2400R", "preset: DDR4_2400R\n      nRC: 3", "timing.nRC", ["row cycle"]),
    ("preset: DDR4_2400R", "rate: 2400", "DRAM.timing", ["nBL is not given"]),
    ("rank: 1", "ranks: 1", "org.ranks", ["would ignore", 'did you mean "rank"?']),
    ("rank: 1", "rank: 3", "org.rank", ["a power of two"]),
    ("rank: 1", "density: 4096", "org.density", ["8192 Mbit a device"]),
    ("impl: DDR4", "impl: DDR5", "DRAM.impl", ["DDR3, DDR4, GDDR6, HBM2"]),
    ("impl: DDR4", "impl: DDR4-VRR", "DRAM.impl", ["no family"]),
    ("impl: DDR4", "impl: 4", "DRAM.impl", ["a name"]),
    ("clock_ratio: 8", "clock_ratio: 8\n  clock_ratio: 9", "Frontend.clock_ratio", ["given twice"]),
    ("path: mine.trace", "path: !include other.yaml", "", ["tag"]),
]


@pytest.mark.parametrize("old, new, key, parts", WRONG)
def test_wrong_values(old: str, new: str, key: str, parts: list[str], tmp_path: Path) -> None:
    assert old in RAMULATOR20
    assert_refused(tmp_path, RAMULATOR20.replace(old, new, 1), key, parts, line=key != "DRAM.timing")


def test_wrong_exports(tmp_path: Path) -> None:
    memory = arch.load("ddr4_2400").spec.resolve()
    for changes, part in (
        ({"impl": "LPDDR5"}, "no family"),
        ({"timing": [1, 2, 3]}, "the 21 numbers rate, nBL"),
        ({"org": {"dq": 8, "count": [1, 1]}}, "the 6 numbers channel, rank"),
        ({"channel_width": "wide"}, "a whole number"),
        ({"timing_constraints": [[0, [99], [0], 4]]}, "rows of"),
        ({"timing_constraints": 4}, "rows of"),
    ):
        with pytest.raises(InputError, match=part):
            found(tmp_path, exported("ddr4_2400", memory, **changes))
    with pytest.raises(InputError, match="a list of controllers"):
        found(tmp_path, "memory_system: {controllers: 4}\n")
    with pytest.raises(InputError, match="differs from the first"):
        text = exported("ddr4_2400", memory, channels=2)
        head, _, tail = text.rpartition("read_buffer_size: 32")
        found(tmp_path, f"{head}read_buffer_size: 16{tail}")


def test_an_export_that_computes_otherwise_says_so(tmp_path: Path) -> None:
    memory = arch.load("ddr4_2400").spec.resolve()
    result, _ = found(tmp_path, exported("ddr4_2400", memory, read_latency=99, command_cycles=[2] * 8))
    reasons = {u.setting.rpartition(".")[2]: u.why for u in result.untranslated}
    assert "tCL + tBL" in reasons["read_latency"]
    assert "differs" in reasons["command_cycles"]
