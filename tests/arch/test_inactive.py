"""Warnings about keys that do nothing: for the user's own keys alone, each with its reason."""

from pathlib import Path

import pytest

import arch
from arch.inactive import inactive_keys
from arch.provenance import set_by_user

BOTH = {"READ": 2, "WRITE": 1}
MEMORIES = [entry.name for entry in arch.library() if entry.kind == "memory"]


def warnings(name: str, *overrides: str, requests: dict[str, int] = BOTH) -> list[str]:
    return list(inactive_keys(arch.load(name, overrides), requests))


@pytest.mark.parametrize("name", MEMORIES)
def test_the_library_never_warns(name: str) -> None:
    assert set_by_user(arch.load(name).provenance) == []
    for requests in (BOTH, {"READ": 1}, {"WRITE": 1}):
        assert warnings(name, requests=requests) == []


@pytest.mark.parametrize(
    ("name", "override", "cure", "reason"),
    [
        ("ddr4_2400", "front_end.mode=per_channel", "channels=2", "there is one channel"),
        ("ddr4_2400", "front_end.arbiter=oldest", "front_end.streams=2", "there is one stream"),
        ("ddr4_2400", "timing.tCS=3 nCK", "organization.ranks=2", "there is one rank"),
        ("ddr4_2400", "constraints.rank_switch_read_read.wait=9", "organization.ranks=2",
         "there is one rank"),
        ("ddr4_2400", "controller.rule_set=ramulator21", "organization.ranks=2", "the rule sets differ in"),
        ("ddr4_2400", "requests.READ.closing=RDA", "controller.page_policy=closed",
         "the page policy is open"),
        ("ddr4_2400", "commands.RDA.burst=3", "controller.page_policy=closed", "never issued here"),
        ("gddr6_14000", "timing.tCS=3 nCK", None, "no rule, command or refresh of this memory uses it"),
        ("gddr6_14000", "refresh.postpone=2", None, "only the checker reads it"),
        ("hbm2_2000", "organization.bus=32 bit", None, "timing.tBL"),
        ("hbm2_2000", "constraints.tPAIR={after: [RDA], before: [ACT], scope: rank, wait: 4}",
         "controller.page_policy=closed", "its commands are never issued here"),
        ("hbm2_2000", "constraints.tPAIR={after: [RD], before: [ACT], scope: rank, wait: tCWL - 5}",
         "timing.tCWL=9 nCK", "it waits for no cycle"),
        ("ddr3_1600", "energy.io_energy_per_bit_read=4 pJ",
         "energy={io: true, io_energy_per_bit_write: 4 pJ}", "energy.io is false"),
    ],
)  # fmt: skip
def test_a_key_without_effect_is_named_with_value_and_reason(
    name: str, override: str, cure: str | None, reason: str
) -> None:
    key, _, value = override.partition("=")
    got = warnings(name, override)
    assert got and all(text.startswith(key) and reason in text for text in got), got
    if "{" not in value:
        assert got == [f"{key}: {value} has no effect: {got[0].partition('effect: ')[2]}"]
    if cure is not None:
        assert not [text for text in warnings(name, override, cure) if text.startswith(key)]


@pytest.mark.parametrize(
    "override",
    ["timing.tREFI=5 us", "timing.tRFC=200 ns", "refresh.interval=9000", "constraints.tRFC.wait=300",
     "energy.IDD5=200 mA", "constraints.tRAS_all.wait=30"],
)  # fmt: skip
def test_without_refresh_its_keys_do_nothing(override: str) -> None:
    key = override.partition("=")[0]
    assert warnings("ddr3_1600", override) == []
    got = warnings("ddr3_1600", override, "controller.refresh=none")
    assert len(got) == 1 and got[0].startswith(f"{key}: "), got


@pytest.mark.parametrize(
    ("override", "without"),
    [
        ("controller.write_high=0.5", "WRITE"),
        ("controller.write_queue=16", "WRITE"),
        ("timing.tWR=30 ns", "WRITE"),
        ("requests.WRITE.forward=false", "WRITE"),
        ("controller.read_queue=16", "READ"),
        ("timing.tRTP=30 ns", "READ"),
        ("constraints.tRTP.wait=30", "READ"),
    ],
)
def test_what_the_workload_does_not_ask_for(override: str, without: str) -> None:
    rest = {kind: n for kind, n in BOTH.items() if kind != without}
    assert warnings("ddr4_2400", override) == []
    (text,) = warnings("ddr4_2400", override, requests=rest)
    assert text.startswith(override.replace("=", ": ") + " has no effect: ")


def test_the_rule_set_leaves_a_rule_out() -> None:
    override = "constraints.tRP_refresh.wait=40"
    assert warnings("gddr6_14000", override) == []
    (text,) = warnings("gddr6_14000", override, "controller.profile=ramulator21")
    assert text == f"{override.replace('=', ': ')} has no effect: the rule set leaves this rule out"


def test_times_in_cycles_need_no_rounding(tmp_path: Path) -> None:
    assert warnings("ddr3_1600", "rounding={guard: 0.5}") == []
    timing = arch.load("ddr3_1600").spec.resolve().timing
    cycles = ", ".join(f"{name}: {n} nCK" for name, n in timing.items())
    got = warnings("ddr3_1600", f"timing={{{cycles}}}", "rounding={guard: 0.5}")
    assert "rounding.guard: 0.5 has no effect: every time is given in cycles" in got


def test_a_users_file_warns_for_its_own_lines_only_and_again_when_written_out(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "kind: memory\nextends: ddr4_2400\ntiming: {tCS: 4 nCK, tRCD: 15 ns}\nfront_end: {arbiter: oldest}\n"
    )
    expected = [
        "timing.tCS: 4 nCK has no effect: there is one rank",
        "front_end.arbiter: oldest has no effect: there is one stream",
    ]
    assert warnings(str(mine)) == expected
    written = tmp_path / "written.yaml"
    written.write_text(arch.load(str(mine)).to_yaml())
    assert warnings(str(written)) == expected
    assert warnings(str(mine), "organization.ranks=2", "front_end.streams=2") == []


def test_a_value_with_a_source_of_its_own_describes_a_device(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "kind: memory\nextends: ddr4_2400\ntiming: {tCS: 4 nCK}\n"
        'sources: {timing.tCS: {source: "datasheet, table 3", confidence: read}}\n'
    )
    assert warnings(str(mine)) == []


def test_sources_that_sound_alike_or_speak_of_nothing_are_no_keys(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "kind: memory\nextends: ddr4_2400\nsources:\n"
        + "".join(
            f'  "{key}": {{source: "set in stone", confidence: assumed}}\n'
            for key in ("timing.*", "timing.none", "constraints.none.wait", "energy.io_x", "x", "requests..x")
        )
    )
    assert warnings(str(mine)) == []
