"""The commands that a program's instructions stand for, one by one and without times.

Slow and obvious, written from the text of :mod:`mapping.pim.program`.  It leaves out refresh, and machines
with ideal parts.
"""

from typing import NamedTuple

from arch.device import Memory
from arch.pim_device import Pim
from mapping.pim.program import Block, Instruction, Kind, Program, Step, Unit


class Issued(NamedTuple):
    """A command; ``bank`` -1: the whole channel, ``slot`` and ``accumulator`` -1: none."""

    step: int
    command: str
    bank: int
    arg: int
    slot: int
    accumulator: int


class _Channel:
    """What a channel has issued, and its open row."""

    def __init__(self, pim: Pim) -> None:
        self.pim = pim
        self.names = {c.code: c.name for c in pim.memory.commands}
        self.issued: list[Issued] = []
        self.step = 0
        self.open: int | None = None

    def issue(
        self, command: str, bank: int = -1, arg: int = -1, slot: int = -1, accumulator: int = -1
    ) -> None:
        self.issued.append(Issued(self.step, command, bank, arg, slot, accumulator))

    def open_row(self, row: int, bank: int) -> None:
        """Open ``row`` in ``bank``, or in all banks; nothing if it is open."""
        if self.open == row:
            return
        self.close(bank)
        roles, o = self.pim.roles, self.pim.memory.organization
        if bank >= 0:
            self.issue(roles.activate_one, bank, row)
        elif self.pim.memory.command(roles.activate).scope == "group":
            for group in range(o.groups):
                self.issue(roles.activate, group * o.banks, row)
        else:
            self.issue(roles.activate, -1, row)
        self.open = row

    def close(self, bank: int) -> None:
        if self.open is not None:
            if bank >= 0:
                self.issue(self.pim.roles.close_one, bank)
            else:
                self.issue(self.pim.roles.close)
        self.open = None

    def results(self, accumulator: int) -> None:
        for _ in range(self.pim.result_bursts):
            self.issue(self.pim.roles.result, accumulator=accumulator)


def expand(pim: Pim, program: Program) -> list[list[Issued]]:
    """By channel, the commands of a token; steps count through layers and epilogue."""
    channels = [_Channel(pim) for _ in range(pim.memory.channels)]
    for layer in range(program.layers):
        _block(channels, program.layer, layer * program.layer_stride, layer * len(program.layer.steps))
    if program.epilogue is not None:
        _block(channels, program.epilogue, 0, program.layers * len(program.layer.steps))
    return [c.issued for c in channels]


def _block(channels: list[_Channel], block: Block, move: int, number: int) -> None:
    for s, step in enumerate(block.steps.tolist()):
        if step[Step.UNIT] != Unit.CHANNELS:
            continue
        for c, channel in enumerate(channels):
            channel.step = number + s
            at = s * len(channels) + c
            for row in block.instructions[block.first[at] : block.first[at + 1]].tolist():
                _instruction(channel, row, move)


def _instruction(channel: _Channel, i: list[int], move: int) -> None:
    command = channel.names[i[Instruction.COMMAND]]
    kind = Kind(i[Instruction.KIND])
    if kind is Kind.BARE:
        for k in range(i[Instruction.N]):
            if command == channel.pim.roles.result:
                channel.results(k)
            else:
                channel.issue(command, slot=i[Instruction.SLOT] + k)
        return
    bank = i[Instruction.BANK] if kind is Kind.COLUMNS else -1
    columns = channel.pim.memory.organization.columns
    for s in range(i[Instruction.SEGMENTS]):
        start = i[Instruction.START] + move + s // i[Instruction.REUSE] * i[Instruction.STRIDE]
        slot = i[Instruction.SLOT] + s % i[Instruction.PERIOD] * i[Instruction.N]
        for k in range(i[Instruction.N]):
            row, column = divmod(start + k, columns)
            channel.open_row(row, bank)
            if kind is Kind.EACH_BANK:
                for b in _interleaved(channel.pim.memory):
                    channel.issue(command, b, column)
            elif kind is Kind.COLUMNS:
                if command == channel.pim.roles.mac:
                    channel.issue(command, bank, column, slot + k, 0)
                else:
                    channel.issue(command, bank, column)
            else:
                if k == 0 and not i[Instruction.KEEP] and s >= channel.pim.accumulators:
                    channel.results(s % channel.pim.accumulators)  # of the segment that many before
                accumulator = s if i[Instruction.KEEP] else s % channel.pim.accumulators
                channel.issue(command, -1, column, slot + k, accumulator)
    channel.close(bank)
    if kind is Kind.SWEEP and not i[Instruction.KEEP]:
        segments = i[Instruction.SEGMENTS]
        for s in range(max(0, segments - channel.pim.accumulators), segments):
            channel.results(s % channel.pim.accumulators)


def _interleaved(memory: Memory) -> list[int]:
    """All banks, those next to each other in different groups."""
    o = memory.organization
    return [group * o.banks + bank for bank in range(o.banks) for group in range(o.groups)]
