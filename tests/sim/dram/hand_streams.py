"""Devices on paper, and command streams made by hand for every row of their constraint tables."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import numpy as np

import arch
from arch.device import (
    Command,
    Controller,
    FrontEnd,
    Memory,
    Organization,
    Refresh,
    RequestOp,
    Rule,
    Segment,
    Slot,
)
from sim.dram.checker import CheckResult, check
from tests.reference.dram_rules import CommandRow

LIBRARY = ["ddr4_2400", "ddr4_3200", "hbm2_2000", "gddr6_14000", "ddr3_1600"]
HAND_MADE = ["tiny_two_ranks", "tiny_one_bus"]
DEVICES = LIBRARY + HAND_MADE


# Devices.


@cache
def device(name: str) -> Memory:
    if name == "tiny_two_ranks":
        return _tiny_two_ranks()
    if name == "tiny_one_bus":
        return _tiny_one_bus()
    memory = arch.load(name).spec.resolve()
    assert isinstance(memory, Memory)
    return memory


def _controller(page_policy: str) -> Controller:
    return Controller(
        profile="custom(cyclewise)",
        scheduler="fr_fcfs",
        page_policy="closed" if page_policy == "closed" else "open",
        refresh="all_bank",
        read_queue=8,
        write_queue=8,
        write_high=Fraction(4, 5),
        write_low=Fraction(1, 5),
        rule_set="jedec",
        skip_idle=True,
    )


def _tiny_two_ranks() -> Memory:
    """Two ranks, two bus slots, an ACT of two cycles, and commands of every scope."""
    row_commands = ("ACT", "PRE", "PREA", "REFA", "ACTR", "PREC")
    return Memory(
        name="tiny_two_ranks",
        clock_period=Fraction(1, 10**9),
        channels=1,
        organization=Organization(ranks=2, groups=2, banks=2, rows=4, columns=8, transaction_bytes=32),
        timing={},
        commands=(
            Command("ACT", 0, "bank", "open", cycles=2),
            Command("PRE", 1, "bank", "close"),
            Command("PREA", 2, "rank", "close"),
            Command("RD", 3, "bank", "read", latency=5, burst=2),
            Command("WR", 4, "bank", "write", latency=2, burst=4),
            Command("REFA", 5, "rank", "refresh"),
            Command("RDA", 6, "bank", "read", closes=True, latency=5, burst=2),
            Command("ACTR", 7, "rank", "open"),
            Command("MACG", 8, "group", "read"),
            Command("MACC", 9, "channel", "read", closes=True),
            Command("PREC", 11, "channel", "close"),
        ),
        rules=(
            Rule("tRCD", ("ACT", "ACTR"), ("RD", "RDA", "WR", "MACG", "MACC"), "bank", 4),
            Rule("tRAS", ("ACT", "ACTR"), ("PRE", "PREA", "PREC"), "bank", 7),
            Rule("tRP", ("PRE", "PREA", "PREC"), ("ACT", "ACTR", "REFA"), "bank", 3),
            Rule("tRC", ("ACT", "ACTR"), ("ACT", "ACTR"), "bank", 12),
            Rule("tRRD_L", ("ACT",), ("ACT",), "group", 4),
            Rule("tRRD_S", ("ACT",), ("ACT",), "rank", 3),
            Rule("tFAW", ("ACT",), ("ACT",), "rank", 11, window=3),
            Rule("mac_window", ("ACT", "MACG", "MACC"), ("ACT", "MACG", "ACTR"), "group", 9, window=2),
            Rule("tCCD", ("RD", "RDA", "MACG"), ("RD", "RDA", "MACG", "MACC"), "rank", 2),
            Rule("mac_gap", ("MACC",), ("RD", "ACT", "MACC"), "channel", 3),
            Rule("read_to_write", ("RD", "RDA"), ("WR",), "channel", 6),
            Rule("read_to_close", ("RD", "MACG"), ("PRE", "PREA", "PREC"), "bank", 3),
            Rule("closing_read_to_open", ("RDA", "MACC"), ("ACT", "ACTR", "REFA"), "bank", 6),
            Rule("write_to_read", ("WR",), ("RD", "RDA"), "rank", 8),
            Rule("rank_switch", ("RD", "RDA", "WR", "MACC"), ("RD", "RDA", "WR", "MACC"), "other_ranks", 5),
            Rule("rank_window", ("RD", "WR"), ("RD", "WR", "ACTR"), "other_ranks", 9, window=2),
            Rule("row_bus_ACT", ("ACT",), row_commands, "channel", 2),
            Rule("tRFC", ("REFA",), ("ACT", "ACTR", "REFA"), "rank", 20),
            Rule("lenient", ("PRE",), ("REFA",), "rank", 5, not_in=("loose",)),
        ),
        slots=(
            Slot("column", ("RD", "WR", "RDA", "MACG", "MACC")),
            Slot("row", row_commands),
        ),
        ops=(
            RequestOp("READ", 0, "RD", "RDA", "read"),
            RequestOp("WRITE", 1, "WR", None, "write"),
        ),
        refresh=Refresh("REFA", "PREA", interval=40, postpone=2),
        energy=None,
        address_map=(
            Segment("column", 0, 3, 0),
            Segment("rank", 3, 1, 0),
            Segment("group", 4, 1, 0),
            Segment("bank", 5, 1, 0),
            Segment("row", 6, 2, 0),
            Segment("bank", 6, 1, 0),  # hashed
            Segment("channel", 8, 1, 0),
        ),
        controller=_controller("closed"),
        front_end=FrontEnd("shared", 1, "round_robin"),
    )


def _tiny_one_bus() -> Memory:
    """One rank, one bus, the least that makes a DRAM: tRC is the sum of two others."""
    names = ("ACT", "PRE", "PREA", "RD", "WR", "REFA")
    return dataclasses.replace(
        _tiny_two_ranks(),
        name="tiny_one_bus",
        organization=Organization(ranks=1, groups=2, banks=2, rows=4, columns=8, transaction_bytes=32),
        commands=(
            Command("ACT", 0, "bank", "open"),
            Command("PRE", 1, "bank", "close"),
            Command("PREA", 2, "rank", "close"),
            Command("RD", 3, "bank", "read", latency=5, burst=2),
            Command("WR", 4, "bank", "write", latency=2, burst=2),
            Command("REFA", 5, "rank", "refresh"),
        ),
        rules=(
            Rule("tRCD", ("ACT",), ("RD", "WR"), "bank", 4),
            Rule("tRAS", ("ACT",), ("PRE", "PREA"), "rank", 7),
            Rule("tRP", ("PRE", "PREA"), ("ACT", "REFA"), "rank", 3),
            Rule("tRC", ("ACT",), ("ACT",), "bank", 10),
            Rule("refresh_after_open", ("ACT",), ("REFA",), "rank", 11),
            Rule("tRRD", ("ACT",), ("ACT",), "rank", 4),
            Rule("tFAW", ("ACT",), ("ACT",), "rank", 15, window=4),
            Rule("tCCD", ("RD",), ("RD",), "rank", 3),
            Rule("tCCD", ("WR",), ("WR",), "rank", 3),
            Rule("read_to_write", ("RD",), ("WR",), "rank", 6),
            Rule("write_to_read", ("WR",), ("RD",), "rank", 5),
            Rule("tPPD", ("PRE",), ("PRE",), "rank", 1),
            Rule("tRFC", ("REFA",), ("ACT", "REFA"), "rank", 20),
        ),
        slots=(Slot("command", names),),
        ops=(RequestOp("READ", 0, "RD", None, "read"), RequestOp("WRITE", 1, "WR", None, "write")),
        address_map=(
            Segment("column", 0, 3, 0),
            Segment("group", 3, 1, 0),
            Segment("bank", 4, 1, 0),
            Segment("row", 5, 2, 0),
        ),
        controller=_controller("open"),
    )


# Streams by hand.


class Hand:
    """A stream under construction; commands may be added in any order of time."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.rows: list[tuple[int, int, CommandRow]] = []

    def add(self, cycle: int, name: str, bank: int = 0, arg: int | None = None) -> "Hand":
        """``bank`` is the first of what the command addresses; ``arg`` defaults to 0 where there is one."""
        command = self.memory.command(name)
        takes_arg = command.does in ("open", "read", "write")
        whole = command.scope == "channel" or (
            command.scope == "rank" and self.memory.organization.ranks == 1
        )
        value = (0 if takes_arg else -1) if arg is None else arg
        slot = next(k for k, slot in enumerate(self.memory.slots) if name in slot.commands)
        self.rows.append((cycle, slot, (cycle, command.code, -1 if whole else bank, value)))
        return self

    @property
    def stream(self) -> list[CommandRow]:
        return [row for _, _, row in sorted(self.rows, key=lambda entry: entry[:2])]

    def check(self, **options: object) -> CheckResult:
        return check(self.memory, np.array(self.stream, np.int64), **options)  # type: ignore[arg-type]


def without_refresh(memory: Memory) -> Memory:
    return dataclasses.replace(memory, controller=dataclasses.replace(memory.controller, refresh="none"))


def broken(result: CheckResult) -> set[str]:
    return set(result.violation_counts)


def span(memory: Memory, command: Command) -> int:
    sizes = memory.organization
    rank = sizes.groups * sizes.banks
    return {"bank": 1, "group": sizes.banks, "rank": rank, "channel": sizes.banks_per_channel}[command.scope]


def streams_at(memory: Memory, rule: Rule, gap: int) -> Iterator[list[CommandRow]]:
    """Streams in which a ``before`` of the rule comes ``gap`` cycles after the ``after`` that binds it.

    They differ in which commands and banks and, where the banks must be closed in between, in how.  Each
    does nothing else sooner than it must, so that some of them break only this rule if that can be done.
    """
    total = memory.organization.banks_per_channel
    for a in map(memory.command, rule.after):
        for b in map(memory.command, rule.before):
            if rule.window > 1:
                yield from _window_streams(memory, rule, a, b, gap)
                continue
            for x in range(0, total, span(memory, a)):
                for y in _places(memory, b, x):
                    if not _related(memory, rule.scope, a, x, b, y):
                        continue
                    for closer in memory.commands:
                        if closer.does == "close" or (closer.closes and closer.scope == "bank"):
                            yield _one_pair(memory, a, x, b, y, gap, closer)
                break  # all banks are alike as the place of the first command


def _places(memory: Memory, command: Command, x: int) -> list[int]:
    """Where the second command may stand: in the same bank, group and rank, and just outside each."""
    sizes = memory.organization
    total = sizes.banks_per_channel
    near = [x + step for step in (0, 1, sizes.banks, sizes.groups * sizes.banks)]
    width = span(memory, command)
    return sorted({bank // width * width for bank in near if bank < total})


def _related(memory: Memory, scope: str, a: Command, x: int, b: Command, y: int) -> bool:
    sizes = memory.organization
    rank = sizes.groups * sizes.banks
    width = {"bank": 1, "group": sizes.banks, "channel": sizes.banks_per_channel}.get(scope, rank)
    of_a = {bank // width for bank in range(x, x + span(memory, a))}
    of_b = {bank // width for bank in range(y, y + span(memory, b))}
    if scope == "other_ranks":
        return len(of_a | of_b) > 1
    return bool(of_a & of_b)


def longest_wait(memory: Memory) -> int:
    return max(rule.wait for rule in memory.rules) + 8


def _lead(memory: Memory, hand: Hand, banks: set[int], start: int) -> int:
    """Open banks one by one, far apart; the cycle by which all is quiet."""
    far = longest_wait(memory)
    for bank in sorted(banks):
        hand.add(start, "ACT", bank)
        start += far
    return start


def _one_pair(
    memory: Memory, a: Command, x: int, b: Command, y: int, gap: int, closer: Command
) -> list[CommandRow]:
    hand = Hand(memory)
    of_a = set(range(x, x + span(memory, a)))
    of_b = set(range(y, y + span(memory, b)))
    columns = ("read", "write")
    ahead = set(of_a) if a.does in (*columns, "close") else set()
    if b.does in columns:
        ahead |= of_b - of_a
    first = _lead(memory, hand, ahead, 1)
    hand.add(first, a.name, x)
    shut = a.does in ("close", "refresh") or a.closes
    both = of_a & of_b
    if not shut and b.does in ("open", "refresh"):
        # What the first command leaves open in the way of the second.
        stay_open = (ahead | of_a) & of_b
        if closer.scope == "bank":
            for k, bank in enumerate(sorted(stay_open)):
                hand.add(first + max(1, _wait(memory, a, x, closer, bank)) + k, closer.name, bank)
        elif stay_open:
            place = min(stay_open) // span(memory, closer) * span(memory, closer)
            hand.add(first + max(1, _wait(memory, a, x, closer, place)), closer.name, place)
    if shut and b.does in columns and both:
        for k, bank in enumerate(sorted(both)):
            opener = memory.command("ACT")
            hand.add(first + max(1, _wait(memory, a, x, opener, bank)) + k, "ACT", bank)
    hand.add(first + gap, b.name, y)
    return hand.stream


def _wait(memory: Memory, a: Command, x: int, b: Command, y: int) -> int:
    return max(
        (
            rule.wait
            for rule in memory.rules
            if a.name in rule.after
            and b.name in rule.before
            and rule.window == 1
            and _related(memory, rule.scope, a, x, b, y)
        ),
        default=0,
    )


def _window_streams(
    memory: Memory, rule: Rule, a: Command, b: Command, gap: int
) -> Iterator[list[CommandRow]]:
    """``window`` commands spread over banks of different groups, evenly up to the one they constrain."""
    sizes = memory.organization
    rank = sizes.groups * sizes.banks
    spread = [group * sizes.banks + bank for bank in range(sizes.banks) for group in range(sizes.groups)]
    if rule.scope == "group":
        spread = list(range(sizes.banks))
    for reverse in (False, True):
        hand = Hand(memory)
        places = [spread[k % len(spread)] // span(memory, a) * span(memory, a) for k in range(rule.window)]
        last = spread[rule.window % len(spread)]
        if rule.scope == "other_ranks":
            last += rank
        last = last // span(memory, b) * span(memory, b)
        ahead: set[int] = set()
        if a.does in ("read", "write"):
            ahead |= {bank for place in places for bank in range(place, place + span(memory, a))}
        if b.does in ("read", "write"):
            ahead |= set(range(last, last + span(memory, b))) - (set(places) if a.does == "open" else set())
        first = _lead(memory, hand, ahead, 1)
        for k, place in enumerate(places):
            even = k * gap // rule.window
            hand.add(
                first + (gap - (rule.window - k) * gap // rule.window if reverse else even), a.name, place
            )
        hand.add(first + gap, b.name, last)
        yield hand.stream
