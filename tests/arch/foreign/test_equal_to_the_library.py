"""The same numbers in a foreign form come out as the library's memory: cycles, rules, places."""

from pathlib import Path

import pytest
import yaml

import arch
from arch.device import Memory
from tests.arch.foreign.configurations import DDR4_INI, GDDR6_INI, HBM2_INI, RAMULATOR20, exported, found

FORMS = ("ddr4_2400 ini", "ddr4_2400 2.0", "ddr4_2400 2.1", "hbm2_2000 2.1", "gddr6_14000 2.1")


def library(name: str) -> Memory:
    memory: Memory = arch.load(name).spec.resolve()
    return memory


def text_of(form: str) -> str:
    name, _, kind = form.partition(" ")
    return {"ini": DDR4_INI, "2.0": RAMULATOR20}.get(kind) or exported(name, library(name))


@pytest.mark.parametrize("form", FORMS)
def test_the_librarys_memory_comes_out(form: str, tmp_path: Path) -> None:
    ours = library(form.partition(" ")[0])
    _, theirs = found(tmp_path, text_of(form))
    assert theirs.timing == ours.timing
    assert theirs.rules == ours.rules
    assert theirs.clock_period == ours.clock_period
    assert theirs.organization == ours.organization
    assert theirs.address_map == ours.address_map
    assert theirs.commands == ours.commands
    assert theirs.slots == ours.slots
    assert theirs.refresh == ours.refresh
    assert theirs.channels == ours.channels


@pytest.mark.parametrize("form", FORMS[1:])
def test_ramulators_controller_is_our_profile(form: str, tmp_path: Path) -> None:
    _, memory = found(tmp_path, text_of(form))
    assert memory.controller.profile == "ramulator21"


def waits(memory: Memory) -> dict[tuple[str, str, str, int], int]:
    """The longest wait for every pair of commands in a place; the command bus itself left out."""
    found: dict[tuple[str, str, str, int], int] = {}
    for rule in memory.rules:
        if "bus" not in rule.label:
            for after in rule.after:
                for before in rule.before:
                    key = (after, before, rule.scope, rule.window)
                    found[key] = max(found.get(key, 0), rule.wait)
    return found


def test_hbm2_ini_differs_only_where_the_activate_takes_two_cycles(tmp_path: Path) -> None:
    """DRAMsim3 sends ACT in one cycle; its matched numbers hold what that shifts, but for refreshes."""
    ours, (_, theirs) = library("hbm2_2000"), found(tmp_path, HBM2_INI)
    shifted = {
        key: (ours_, waits(theirs)[key]) for key, ours_ in waits(ours).items() if waits(theirs)[key] != ours_
    }
    assert shifted == {
        ("ACT", "REFA", "rank", 1): (49, 48),
        ("PRE", "REFA", "rank", 1): (14, 13),
        ("PREA", "REFA", "rank", 1): (14, 13),
        ("RDA", "REFA", "rank", 1): (19, 18),
        ("WRA", "REFA", "rank", 1): (37, 36),
        ("REFA", "PRE", "rank", 1): (260, 259),
        ("REFA", "PREA", "rank", 1): (260, 259),
        ("REFA", "REFA", "rank", 1): (260, 259),
    }
    assert theirs.organization == ours.organization
    assert theirs.address_map == ours.address_map


def test_gddr6_ini_differs_only_where_dramsim3_does(tmp_path: Path) -> None:
    """tRC is always tRAS + tRP there, 80 instead of 79, and 32 activates have a window of their own."""
    ours, (_, theirs) = library("gddr6_14000"), found(tmp_path, GDDR6_INI)
    mine, other = waits(ours), waits(theirs)
    assert other.pop(("ACT", "ACT", "rank", 32)) == 1
    assert {key: (mine[key], wait) for key, wait in other.items() if mine[key] != wait} == {
        ("ACT", "ACT", "bank", 1): (79, 80),
        ("ACT", "REFA", "rank", 1): (79, 80),
    }
    assert mine.keys() == other.keys()


def test_a_changed_number_comes_through(tmp_path: Path) -> None:
    """Each timing key of the ini that is translated moves the memory; none is a constant of ours."""
    _, before = found(tmp_path, DDR4_INI)
    for line in DDR4_INI.split("[timing]")[1].split("[power]")[0].splitlines():
        name = line.partition(" =")[0]
        if not name.strip() or name in ("tCK", "tXS"):
            continue
        value = int(line.partition("=")[2])
        _, after = found(tmp_path, DDR4_INI.replace(line, f"{name} = {value + 1}"))
        assert after.timing != before.timing, name


def test_export_with_other_rules_says_which(tmp_path: Path) -> None:
    ours = library("ddr4_2400")
    text = exported("ddr4_2400", ours)
    rows = [[0, [3, 5], [3, 5], 4], [1, [3, 5], [4, 6], 99]]
    result, _ = found(tmp_path, exported("ddr4_2400", ours, timing_constraints=rows))
    setting = "memory_system.controllers[0].dram.timing_constraints"
    [why] = [u.why for u in result.untranslated if u.setting == setting]
    assert "differ" in why and "more" in why
    equal, _ = found(tmp_path, text)
    assert setting in {t.setting for t in equal.translated}
    rows = yaml.safe_load(text)["memory_system"]["controllers"][0]["dram"]["timing_constraints"]
    longer = [[*row[:3], row[3] + (row[3] == 433), *row[4:]] for row in rows]  # the refresh
    result, _ = found(tmp_path, exported("ddr4_2400", ours, timing_constraints=longer))
    [why] = [u.why for u in result.untranslated if u.setting == setting]
    assert "REFA to ACT, one bank: 434 there, 433 here" in why
