"""When each command of a program is issued, found out the slow way: cycle by cycle, rule by rule.

Shares no code with the simulator: instructions are expanded by :mod:`tests.reference.pim_commands`, and every
rule of the constraint table is looked up in the list of all commands issued so far.
"""

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from arch.device import Memory, Rule
from arch.pim_device import Pim
from mapping.pim.program import Program, Step, Unit
from tests.reference.pim_commands import Issued, expand


class Timed(NamedTuple):
    """A command and the cycle in which it is issued."""

    cycle: int
    command: str
    bank: int  # -1: the whole channel
    arg: int


class _Channel:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.o = memory.organization
        self.done: list[tuple[int, str, frozenset[int]]] = []
        self.log: list[Timed] = []
        refresh = memory.refresh if memory.controller.refresh != "none" else None
        self.refresh = refresh
        self.due = refresh.interval if refresh else None
        self.data_end = 0

    def banks(self, command: str, bank: int) -> frozenset[int]:
        scope = self.memory.command(command).scope
        if scope == "bank":
            return frozenset([bank])
        if scope == "group":
            return frozenset(range(bank, bank + self.o.banks))
        return frozenset(range(self.o.banks_per_channel))

    def places(self, rule: Rule, banks: frozenset[int]) -> set[int]:
        if rule.scope == "bank":
            return set(banks)
        if rule.scope == "group":
            return {bank // self.o.banks for bank in banks}
        return {0}

    def allowed(self, command: str, bank: int, cycle: int) -> bool:
        """Do all rules let ``command`` be issued in ``cycle``?"""
        banks = self.banks(command, bank)
        for rule in self.memory.rules:
            if rule.scope == "other_ranks" or command not in rule.before:
                continue
            for place in self.places(rule, banks):
                before = [
                    when
                    for when, what, theirs in self.done
                    if what in rule.after and place in self.places(rule, theirs)
                ]
                if len(before) >= rule.window and cycle < before[-rule.window] + rule.wait:
                    return False
        return True

    def first(self, command: str, bank: int, ready: int) -> int:
        cycle = max(ready, self.done[-1][0] + 1 if self.done else 0)
        while not self.allowed(command, bank, cycle):
            cycle += 1
        return cycle

    def issue(self, command: str, bank: int, arg: int, ready: int) -> None:
        cycle = self.first(command, bank, ready)
        self.done.append((cycle, command, self.banks(command, bank)))
        self.log.append(Timed(cycle, command, bank, arg))
        found = self.memory.command(command)
        self.data_end = max(self.data_end, cycle + found.latency + found.burst if found.burst else cycle + 1)

    def refresh_up_to(self, cycle: int) -> None:
        while self.refresh is not None and self.due is not None and self.due <= cycle:
            self.issue(self.refresh.command, -1, -1, self.due)
            self.due += self.refresh.interval

    def carry_out(self, commands: list[Issued], ready: int) -> int:
        """The commands of one step; the cycle by which they and their data are done."""
        self.data_end = ready
        self.refresh_up_to(ready)
        opened = False
        for one in commands:
            does = self.memory.command(one.command).does
            if does == "open" and not opened:
                while self.due is not None and self.due <= self.first(one.command, max(one.bank, 0), ready):
                    self.refresh_up_to(self.first(one.command, max(one.bank, 0), ready))
            # Opening and closing again stand side by side: several opens of groups make one open row.
            opened = does == "open" or (opened and does != "close")
            self.issue(one.command, one.bank, one.arg, ready if does != "close" else 0)
        return self.data_end


def time(
    pim: Pim, programs: list[Program], cost: Callable[[int, int], int]
) -> tuple[list[list[Timed]], list[int]]:
    """Commands by channel, and the cycle by which each program has ended.

    ``cost``: ASIC cycles of a routine over so many elements.
    """
    memory = pim.memory
    channels = [_Channel(memory) for _ in range(memory.channels)]
    period, asic_period = memory.clock_period, pim.asic.clock_period
    asic_free = 0  # in ASIC cycles
    last = everything = 0
    ends = []
    for program in programs:
        by_channel = expand(pim, program)
        blocks = [program.layer] * program.layers
        blocks += [] if program.epilogue is None else [program.epilogue]
        number = 0
        for block in blocks:
            done: list[int] = []
            for s, step in enumerate(block.steps.tolist()):
                ready = last if step[Step.AFTER] < 0 else done[step[Step.AFTER]]
                end = ready
                if step[Step.UNIT] == Unit.ASIC:
                    cycles = cost(step[Step.ROUTINE], step[Step.N]) * step[Step.CALLS]
                    asic_free = max(asic_free, ceil(Fraction(ready) * period / asic_period)) + cycles
                    end = max(end, ceil(asic_free * asic_period / period))
                else:
                    for channel, issued in zip(channels, by_channel, strict=True):
                        mine = [one for one in issued if one.step == number + s]
                        if mine:
                            end = max(end, channel.carry_out(mine, ready))
                done.append(end)
                everything = max(everything, end)
            last = done[-1]
            number += len(block.steps)
        ends.append(everything)
    return [channel.log for channel in channels], ends
