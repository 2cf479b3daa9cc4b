"""The command checker: a hand-made stream for every rule, a slow second opinion, measured streams."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.device import (
    Memory,
    Rule,
    Slot,
)
from sim.dram.checker import RequestArrays, RequestCounts, check, implied_rows, implied_rules
from sim.dram.command_file import read_command_file
from tests.reference import dram_rules
from tests.reference.dram_rules import CommandRow
from tests.sim.dram.hand_streams import (
    DEVICES,
    LIBRARY,
    Hand,
    broken,
    device,
    longest_wait,
    span,
    streams_at,
    without_refresh,
)


def _rows_of(name: str) -> list[tuple[str, int]]:
    return [(name, k) for k in range(len(device(name).rules))]


ROWS = [row for name in DEVICES for row in _rows_of(name)]


@pytest.mark.parametrize(("name", "k"), ROWS, ids=[f"{n}-{k}-{device(n).rules[k].name}" for n, k in ROWS])
def test_each_row_of_the_table_is_checked_to_the_cycle(name: str, k: int) -> None:
    memory = device(name)
    rule = memory.rules[k]
    if rule.scope == "other_ranks" and memory.organization.ranks == 1:
        memory = dataclasses.replace(memory, organization=dataclasses.replace(memory.organization, ranks=2))
    everything = {command.name for command in memory.commands}
    implied = k in implied_rows(memory, commands=everything)
    shown = alone = False
    for early, exact in zip(
        streams_at(memory, rule, rule.wait - 1), streams_at(memory, rule, rule.wait), strict=True
    ):
        too_early, in_time = check(memory, early), check(memory, exact)
        assert too_early.rows[k].name == in_time.rows[k].name == rule.name
        if not shown:
            # One stream of those suffices to see this row break; that no row is overlooked is the point.
            assert too_early.rows[k].violations >= 1
            assert too_early.rows[k].least_slack == -1
            assert any(v.rule == rule.name and v.needed == rule.wait for v in too_early.violations)
            assert in_time.rows[k].violations == 0
            assert in_time.rows[k].least_slack == 0
            shown = True
        # A wait that keeps data, or commands of several cycles, apart is also the business of their bus.
        buses = {"data_bus", "command_bus"} if rule.wait > 1 else {"data_bus"}
        alone = alone or (broken(too_early) - buses == {rule.name} and in_time.ok)
        if alone:
            break
    assert shown
    assert alone != implied, f"{rule} alone: {alone}, implied: {implied}"


def test_rows_that_a_rule_set_leaves_out_are_not_checked() -> None:
    hand = Hand(device("tiny_two_ranks"))
    hand.add(1, "ACT", 0).add(8, "PRE", 0).add(8 + 4, "REFA", 0)
    assert broken(hand.check()) == {"lenient"}
    assert hand.check(rules="loose").ok


def test_a_rule_of_bank_scope_relates_a_bank_to_the_rank_that_holds_it() -> None:
    memory = device("tiny_two_ranks")
    inside = Hand(memory).add(1, "ACT", 5).add(7, "PREA", 4).check()
    outside = Hand(memory).add(1, "ACT", 5).add(7, "PREA", 0).check()
    assert inside.violation_counts == {"tRAS": 1}
    (violation,) = inside.violations
    assert (
        str(violation) == "tRAS: PREA rank 1 at cycle 7 comes 6 cycles after ACT bank 5 at cycle 1; 7 needed"
    )
    assert (violation.gap, violation.needed, violation.earlier_bank, violation.bank) == (6, 7, 5, 4)
    assert outside.ok


def test_a_window_counts_from_the_nth_last_in_its_own_scope() -> None:
    memory = device("tiny_one_bus")
    acts = Hand(memory).add(1, "ACT", 0).add(5, "ACT", 2).add(9, "ACT", 1).add(13, "ACT", 3).add(14, "PRE", 0)
    # tRRD alone would let the fifth come 16 cycles after the first.
    late = Hand(memory).add(1, "ACT", 0).add(8, "PRE", 0).add(100, "ACT", 0)
    late.add(104, "ACT", 1).add(108, "ACT", 2).add(112, "ACT", 3)
    assert acts.check().least_slack["tRRD"] == 0
    assert late.check().ok and late.check().rows[6].pairs == 1 and late.check().least_slack["tFAW"] == 96


# Row state, buses, refresh, encoding.


@pytest.mark.parametrize("name", DEVICES)
def test_row_state(name: str) -> None:
    memory = without_refresh(device(name))
    far = longest_wait(memory)

    def at(*names: str) -> set[str]:
        hand = Hand(memory)
        for k, command in enumerate(names):
            hand.add(1 + far * k, command)
        return broken(hand.check())

    assert at("ACT", "RD", "WR", "PRE", "ACT", "PREA", "REFA") == set()
    assert at("RD") == {"column_to_closed_bank"}
    assert at("ACT", "PRE", "WR") == {"column_to_closed_bank"}
    assert at("ACT", "PREA", "WR") == {"column_to_closed_bank"}
    assert at("ACT", "ACT") == {"open_of_open_bank"}
    assert at("ACT", "REFA") == {"refresh_of_open_bank"}
    assert at("ACT", "PRE", "REFA", "RD") == {"column_to_closed_bank"}
    if name != "tiny_one_bus":
        assert at("ACT", "RDA", "RD") == {"column_to_closed_bank"}
        assert at("ACT", "RDA", "ACT", "RDA", "REFA") == set()


def test_precharge_of_a_closed_bank_is_legal_and_noted() -> None:
    result = (
        Hand(device("tiny_one_bus")).add(1, "PRE", 2).add(9, "PREA").add(20, "ACT", 1).add(40, "PREA").check()
    )
    assert result.ok
    assert result.notes == {"precharges that found nothing open (legal)": 2}
    assert "note: precharges that found nothing open (legal): 2" in str(result)


def test_wide_commands_change_the_row_state_of_every_bank_they_cover() -> None:
    memory = without_refresh(device("tiny_two_ranks"))
    both = Hand(memory).add(1, "ACTR", 0).add(50, "ACTR", 4).add(100, "MACC")
    assert both.check().ok
    assert broken(both.add(150, "RD", 7).check()) == {"column_to_closed_bank"}
    one = Hand(memory).add(1, "ACTR", 0).add(60, "MACC").check()
    (violation,) = one.violations
    assert str(violation) == "column_to_closed_bank: MACC at cycle 60 finds bank 4 closed from the start"
    reopened = Hand(memory).add(1, "ACTR", 4).add(50, "ACT", 6).check()
    (violation,) = reopened.violations
    assert str(violation) == (
        "open_of_open_bank: ACT bank 6 at cycle 50 finds bank 6 open since ACTR rank 1 at cycle 1"
    )


def test_command_bus_and_order_within_a_cycle() -> None:
    memory = device("tiny_two_ranks")
    column_first = Hand(memory).add(1, "ACT", 0).add(40, "RD", 0).add(40, "ACT", 4)
    assert column_first.check().ok
    rows = column_first.stream
    assert broken(check(memory, [rows[0], rows[2], rows[1]])) == {"command_order"}
    twice = Hand(memory).add(1, "PRE", 0).add(1, "PRE", 1).check()
    assert twice.violation_counts == {"command_bus": 1}
    assert str(twice.violations[0]) == (
        "command_bus: PRE bank 1 at cycle 1 comes 0 cycles after PRE bank 0 at cycle 1; 1 needed"
    )
    # ACT holds the row bus for two cycles, whatever the table says.
    bare = dataclasses.replace(memory, rules=())
    assert Hand(bare).add(1, "ACT", 0).add(2, "PRE", 4).check().violation_counts == {"command_bus": 1}
    assert Hand(bare).add(1, "ACT", 0).add(3, "PRE", 4).check().ok


def test_a_command_of_several_slots_takes_the_one_that_is_left() -> None:
    slots = (Slot("first", ("PRE", "ACT", "PREA", "RD", "WR", "REFA")), Slot("second", ("PRE",)))
    memory = dataclasses.replace(device("tiny_one_bus"), slots=slots, rules=())
    assert check(memory, [(1, 1, 0, -1), (1, 1, 1, -1)]).ok
    assert check(memory, [(1, 0, 0, 0), (1, 1, 1, -1)]).ok
    assert broken(check(memory, [(1, 1, 0, -1), (1, 0, 1, 0)])) == {"command_bus"}
    assert check(memory, [(1, 1, 0, -1)] * 3).violation_counts == {"command_bus": 1}


def test_cycles_never_go_back() -> None:
    memory = device("tiny_one_bus")
    result = check(memory, [(60, 1, 0, -1), (5, 1, 0, -1)])
    assert result.violation_counts["cycle_order"] == 1
    assert "comes -55 cycles after" in str(result)


def test_data_bus() -> None:
    memory = dataclasses.replace(device("tiny_one_bus"), rules=())
    opened = [(1, 0, 0, 0)]
    # Data of a write at t lies in [t + 2, t + 4), of a read in [t + 5, t + 7).
    assert check(memory, opened + [(20, 3, 0, 0), (21, 3, 0, 1)]).violation_counts == {"data_bus": 1}
    tight = check(memory, opened + [(20, 3, 0, 0), (22, 3, 0, 1), (27, 4, 0, 1)])
    assert tight.ok and tight.least_slack["data_bus"] == 0
    overtaken = check(memory, opened + [(20, 3, 0, 0), (22, 4, 0, 1)])
    assert str(overtaken.violations[0]) == (
        "data_bus: data of RD bank 0 at cycle 20 starts in cycle 25, "
        "1 too early for that of WR bank 0 at cycle 22"
    )
    assert check(memory, opened + [(20, 3, 0, 0), (21, 4, 0, 1)]).ok, "writes may slip in before"


def test_a_long_burst_is_held_against_all_that_start_in_it() -> None:
    """Data of the write lies in [21, 25), of the reads in [22, 24) and [24, 26): both start inside it."""
    memory = dataclasses.replace(device("tiny_two_ranks"), rules=())
    result = check(memory, [(1, 0, 0, 0), (17, 3, 0, 0), (19, 3, 0, 0)])
    assert result.ok
    # In stream order the write stands between them.
    result = check(memory, [(1, 0, 0, 0), (17, 3, 0, 0), (19, 4, 0, 0)])
    assert result.violation_counts == {"data_bus": 1}
    two_columns = (Slot("column", ("RD", "RDA", "MACG", "MACC")), Slot("write", ("WR",)), memory.slots[1])
    wider = dataclasses.replace(memory, slots=two_columns)
    result = check(wider, [(1, 0, 0, 0), (17, 3, 0, 0), (19, 3, 0, 0), (19, 4, 0, 0)])
    assert result.violation_counts == {"data_bus": 2}
    assert [violation.earlier_command for violation in result.violations] == ["WR", "WR"]


def test_refresh_deadlines() -> None:
    memory = dataclasses.replace(
        device("tiny_one_bus"), rules=()
    )  # due every 40 cycles, two may be postponed
    third = 3 * 40
    assert check(memory, [(third, 5, -1, -1)]).least_slack["refresh_deadline"] == 0
    late = check(memory, [(third + 1, 5, -1, -1)])
    assert late.violation_counts == {"refresh_deadline": 1}
    assert str(late.violations[0]) == (
        "refresh_deadline: REFA at cycle 121 is refresh 1 of rank 0, due by cycle 120"
    )
    # Nothing after the last command tells of a refresh that never came.
    assert check(memory, [(third, 1, 0, -1)]).ok
    missed = check(memory, [(third + 1, 1, 0, -1)])
    assert missed.violation_counts == {"refresh_deadline": 1}
    assert "rank 0 got 0 REFA up to cycle 121; the next was due by cycle 120" in str(missed)
    assert check(memory, [(third, 5, -1, -1)], end_cycle=4 * 40).ok
    assert check(memory, [(third, 5, -1, -1)], end_cycle=5 * 40 + 1).violation_counts == {
        "refresh_deadline": 2
    }
    for without in (without_refresh(memory), dataclasses.replace(memory, refresh=None)):
        assert check(without, [(9999, 1, 0, -1)]).ok


def test_refresh_is_owed_to_every_rank() -> None:
    memory = dataclasses.replace(device("tiny_two_ranks"), rules=())
    stream = [(k * 40, 5, 4, -1) for k in (1, 2, 3, 4)]
    assert "rank 0 got 0 REFA up to cycle 160" in str(check(memory, stream))
    assert check(memory, stream).violation_counts == {"refresh_deadline": 1}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((1, 10, 0, 0), "code 10 at cycle 1 names no command"),
        ((1, -1, 0, 0), "code -1 at cycle 1 names no command"),
        ((1, 99, 0, 0), "code 99 at cycle 1 names no command"),
        ((1, 1 << 40, 0, 0), "names no command"),
        ((1, 0, 8, 0), "ACT at cycle 1 has bank 8; 0 to 7 needed"),
        ((1, 0, -1, 0), "ACT at cycle 1 has bank -1; 0 to 7 needed"),
        ((1, 0, 0, 4), "ACT at cycle 1 has row 4; 0 to 3 needed"),
        ((1, 0, 0, -1), "ACT at cycle 1 has row -1; 0 to 3 needed"),
        ((1, 3, 0, 8), "RD at cycle 1 has column 8; 0 to 7 needed"),
        ((1, 1, 0, 0), "PRE at cycle 1 has argument 0; -1 needed"),
        ((1, 2, -1, -1), "PREA at cycle 1 has bank -1; the first bank of a rank needed"),
        ((1, 2, 1, -1), "PREA at cycle 1 has bank 1; the first bank of a rank needed"),
        ((1, 8, 3, 0), "MACG at cycle 1 has bank 3; the first bank of a group needed"),
        ((1, 11, 0, -1), "PREC at cycle 1 has bank 0; -1 needed"),
        ((0, 1, 0, -1), "PRE at cycle 0; the first cycle is 1"),
    ],
)
def test_encoding(row: CommandRow, words: str) -> None:
    memory = device("tiny_two_ranks")
    result = check(memory, [(1, 1, 0, -1), row])
    assert result.violation_counts == {"encoding": 1}
    assert str(result.violations[0]).startswith("encoding: row 1: ")
    assert words in str(result.violations[0])
    assert result.violations[0].index == 1


def test_with_one_rank_its_wide_commands_carry_no_bank() -> None:
    memory = device("tiny_one_bus")
    assert check(memory, [(1, 2, -1, -1)]).ok
    assert broken(check(memory, [(1, 2, 0, -1)])) == {"encoding"}


@pytest.mark.parametrize("commands", [np.zeros((3, 3), np.int64), np.zeros((3, 4)), np.zeros(4, np.int64)])
def test_arrays_that_are_no_stream_are_refused(commands: np.ndarray) -> None:
    with pytest.raises(ValueError, match="accepted integers"):
        check(device("tiny_one_bus"), commands)


def test_a_command_without_a_bus_slot_is_refused() -> None:
    memory = dataclasses.replace(device("tiny_one_bus"), slots=(Slot("command", ("ACT",)),))
    with pytest.raises(ValueError, match="no bus slot carries PRE, PREA, RD, WR, REFA"):
        check(memory, [])


@pytest.mark.parametrize("name", DEVICES)
def test_an_empty_stream_breaks_nothing_and_shows_nothing(name: str) -> None:
    result = check(device(name), [])
    assert result.ok
    assert result.tight == ()
    assert set(result.never_exercised) == {rule.name for rule in device(name).rules}


# Requests.


def _served() -> tuple[Memory, list[CommandRow], RequestArrays]:
    """Two reads and a write of row 2 of bank 3 (group 1, bank 1), another read forwarded."""
    memory = device("tiny_one_bus")
    stream = [(2, 0, 3, 2), (6, 3, 3, 1), (9, 3, 3, 1), (15, 4, 3, 7)]
    base = 2 << 5 | 1 << 4 | 1 << 3
    lines, ops = [base + 1, base + 1, base + 7, base + 7], [0, 0, 1, 0]
    return memory, stream, RequestArrays(lines, ops, issue=[6, 9, 15, -1], accept=[1, 1, 2, 3])


def test_each_request_is_served_once_where_it_belongs() -> None:
    memory, stream, requests = _served()
    assert check(memory, stream, requests=requests).ok
    assert check(memory, stream, requests=dataclasses.replace(requests, accept=None)).ok
    untimed = dataclasses.replace(requests, issue=None, accept=None, needs_command=[True, True, True, False])
    assert check(memory, stream, requests=untimed).ok
    assert check(memory, stream, requests=RequestCounts({"READ": 2, "WRITE": 1})).ok


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"issue": [6, 8, 15, -1]}, 2),  # no command in cycle 8, none asked for in cycle 9
        ({"issue": [6, 9, 15, 18]}, 1),  # the forwarded one now needs a command
        ({"issue": [6, -1, 15, -1]}, 1),  # a command that nobody asked for
        ({"op": [0, 1, 1, 0]}, 2),  # a write served by a read
        ({"line": [89, 88, 95, 95]}, 2),  # the wrong column
        ({"line": [89 - 32, 89, 95, 95]}, 2),  # the wrong row
        ({"line": [89 - 8, 89, 95, 95]}, 2),  # the wrong group
        ({"accept": [1, 9, 2, 3]}, 1),  # served in the cycle of its acceptance
        ({"issue": None, "accept": None}, 1),  # one more read than commands
    ],
)
def test_requests_that_were_not_served_so(change: dict[str, object], faults: int) -> None:
    memory, stream, requests = _served()
    assert list(np.asarray(requests.line)) == [89, 89, 95, 95]
    result = check(memory, stream, requests=dataclasses.replace(requests, **change))  # type: ignore[arg-type]
    assert result.violation_counts == {"conservation": faults}


def test_conservation_is_told_in_words() -> None:
    memory, stream, requests = _served()
    result = check(memory, stream, requests=dataclasses.replace(requests, issue=[6, 8, 15, -1], accept=None))
    assert [str(violation) for violation in result.violations] == [
        "conservation: READ request 1 (line 89) has no RD of its own at bank 3 row 2 column 1 in cycle 8",
        "conservation: RD bank 3 at cycle 9 serves no READ (row 2, column 1)",
    ]
    counted = check(memory, stream, requests=RequestCounts({"READ": 3}))
    assert counted.violation_counts == {"conservation": 2}
    assert "3 READ requests needed a command, 2 RD were issued" in str(counted)


def test_an_excerpt_may_lack_what_requests_still_await() -> None:
    memory, stream, requests = _served()
    assert check(memory, stream[:3], requests=requests, drained=False).ok
    assert not check(memory, stream[:3], requests=requests).ok
    assert check(memory, stream[:3], requests=RequestCounts({"READ": 2, "WRITE": 1}), drained=False).ok
    # A command that serves nobody is wrong in an excerpt too, and so is one that should have come.
    assert not check(memory, stream, requests=RequestCounts({"READ": 2}), drained=False).ok
    missing = [stream[0], *stream[2:]]
    assert check(memory, missing, requests=requests, drained=False).violation_counts == {"conservation": 1}


def test_requests_of_other_channels_are_left_out() -> None:
    memory = device("tiny_two_ranks")
    stream = [(1, 0, 0, 0), (20, 3, 0, 5)]
    requests = RequestArrays([5, 256 + 5], [0, 0], channel=0)
    assert check(memory, stream, requests=requests).ok
    assert check(memory, stream, requests=dataclasses.replace(requests, channel=1)).ok
    assert not check(memory, stream, requests=dataclasses.replace(requests, channel=None)).ok


def test_requests_that_make_no_sense_are_refused() -> None:
    memory, stream, requests = _served()
    with pytest.raises(ValueError, match="request codes"):
        check(memory, stream, requests=dataclasses.replace(requests, op=[0, 0, 7, 0]))
    with pytest.raises(ValueError, match="op: given shape"):
        check(memory, stream, requests=dataclasses.replace(requests, op=[0]))
    with pytest.raises(ValueError, match="no request ERASE"):
        check(memory, stream, requests=RequestCounts({"ERASE": 1}))


# A second opinion.


@st.composite
def streams(draw: st.DrawFn, name: str) -> tuple[Memory, list[CommandRow]]:
    """Commands at random, a few cycles apart, mostly in few banks; now and then one that encodes nothing."""
    memory = device(name)
    sizes = memory.organization
    waits = sorted({0, 1, 2, *(max(0, rule.wait + step) for rule in memory.rules for step in (-1, 0, 1))})
    columns = [command for command in memory.commands if command.does in ("read", "write")]
    pool = [*memory.commands, *columns]
    rows = []
    cycle = 1
    for _ in range(draw(st.integers(0, 30))):
        cycle += draw(st.sampled_from([0, 0, 1, 1, 2, 3, 4, *waits]))
        command = draw(st.sampled_from(pool))
        width = span(memory, command)
        bank = draw(st.sampled_from([0, 0, 1, sizes.banks, sizes.banks_per_channel - 1])) // width * width
        if width == sizes.banks_per_channel:
            bank = -1
        arg = draw(st.integers(0, 3)) if command.does in ("open", "read", "write") else -1
        rows.append((cycle, command.code, bank, arg))
    if rows and draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(rows) - 1))
        field = draw(st.integers(0, 3))
        changed = list(rows[at])
        changed[field] += draw(st.sampled_from([-2, -1, 1, 1 << 20]))
        rows[at] = (changed[0], changed[1], changed[2], changed[3])
    return memory, rows


@pytest.mark.parametrize("name", DEVICES)
@settings(max_examples=60)
@given(data=st.data())
def test_agrees_with_the_slow_and_obvious_checker(name: str, data: st.DataObject) -> None:
    memory, stream = data.draw(streams(name))
    result = check(memory, stream)
    for row, rule in zip(result.rows, memory.rules, strict=True):
        figures = dram_rules.row_figures(memory, stream, rule)
        assert (row.pairs, row.violations, row.least_slack) == dataclasses.astuple(figures), rule
    others = {other.name: other.violations for other in result.checks if other.violations}
    assert others == dram_rules.other_violations(memory, stream)


@settings(max_examples=60)
@given(data=st.data())
def test_conservation_agrees_with_counting(data: st.DataObject) -> None:
    memory, stream = data.draw(streams("tiny_two_ranks"))
    stream = [row for row in stream if row[1] not in (8, 9)]
    cycles = [row[0] for row in stream] or [1]
    requests = data.draw(
        st.lists(st.tuples(st.integers(0, 255), st.integers(0, 1), st.sampled_from(cycles)), max_size=20)
    )
    lines, ops, issue = (list(column) for column in zip(*requests, strict=True)) if requests else ([], [], [])
    given_requests = RequestArrays(lines, ops, issue, needs_command=[True] * len(lines))
    result = check(memory, stream, requests=given_requests)
    faults = dram_rules.conservation_faults(memory, stream, requests)
    assert result.violation_counts.get("conservation", 0) == faults


# What is told.


def test_the_result_is_plain_json_and_a_table() -> None:
    hand = Hand(device("tiny_one_bus")).add(1, "ACT", 0)
    for k in range(8):
        hand.add(3 + 2 * k, "RD", 0)
    result = hand.check()
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["ok"] is False
    assert plain["violation_counts"] == {"tRCD": 1, "tCCD": 7} == result.violation_counts
    assert len([v for v in plain["violations"] if v["rule"] == "tCCD"]) == 5
    assert plain["violations"][0]["line"].startswith("tRCD: RD bank 0 at cycle 3")
    assert plain["rules"][0] == {
        "name": "tRCD",
        "meaning": "ACT to RD/WR, bank",
        "pairs": 8,
        "violations": 1,
        "least_slack": -2,
        "wait": 4,
    }
    text = str(result)
    assert text.startswith("tiny_one_bus: 9 commands in cycles 1 to 17: 8 violations of 2 rules\n")
    assert "tCCD: 2 more" in text
    assert "shown tight: none" in text


def test_tight_and_never_exercised() -> None:
    result = Hand(device("tiny_one_bus")).add(1, "ACT", 0).add(5, "RD", 0).add(9, "RD", 0).check()
    assert result.ok
    assert result.tight == ("tRCD",)
    assert result.least_slack["tCCD"] == 1
    assert "tCCD" not in result.never_exercised
    assert "tRFC" in result.never_exercised


# Rules that others imply.


def test_implied_rules_of_a_device_on_paper() -> None:
    assert implied_rules(device("tiny_one_bus")) == {
        "tRC": "tRAS (ACT to PRE) 7 + tRP (PRE to ACT) 3 = 10 ≥ 10",
        "tFAW": "4 · (tRRD (ACT to ACT) 4 = 4) = 16 ≥ 15",
        "tPPD": "command bus 1 = 1 ≥ 1",
    }


def test_a_self_closing_read_can_show_what_a_precharge_cannot() -> None:
    """ACT, RDA, ACT can be quicker than ACT, PRE, ACT; only an open page controller never does it."""
    memory = device("ddr4_2400")
    assert "tRC" in implied_rules(memory)
    controller = dataclasses.replace(memory.controller, page_policy="closed")
    assert "tRC" not in implied_rules(dataclasses.replace(memory, controller=controller))


def test_rows_of_one_name_do_not_vouch_for_each_other() -> None:
    twice = Rule("tTwice", ("ACT",), ("RD",), "bank", 9)
    memory = dataclasses.replace(device("tiny_one_bus"), rules=(twice, twice))
    assert implied_rules(memory) == {}
    assert set(implied_rows(memory)) == {0, 1}


def test_rules_left_out_of_the_set_imply_nothing() -> None:
    memory = device("gddr6_14000")
    assert "tRC_refresh" in implied_rules(memory)
    assert "tRC_refresh" not in implied_rules(memory, rules="ramulator21")


@pytest.mark.parametrize("name", LIBRARY)
def test_measured_streams_of_another_simulator_keep_every_rule(name: str, shared_data: Path) -> None:
    """Ramulator 2.1: the first 3000 commands of its runs, and 19 short sequences, each cut at its end."""
    memory = device(name)
    folder = shared_data / "dram" / "expected"
    files = sorted(folder.glob(f"commands_{name}_*.csv"))
    if not files:
        pytest.skip(f"nobody measured {name}")
    micro = read_command_file(folder / "micro_commands.csv", memory)
    assert len(micro) == 19
    long = {file.name: read_command_file(file, memory)["commands"] for file in files}
    for stream_name, stream in (micro | long).items():
        result = check(memory, stream, drained=False)
        assert result.ok, f"{stream_name}: {result}"
        assert len(stream) == (3000 if stream_name in long else len(stream))
        # Controllers that issue as soon as they may show rules tight; a checker off by one would not see it.
        assert stream_name in micro or {"tRRD_S", "tRP"} <= set(result.tight)
