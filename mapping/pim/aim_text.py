"""Programs as AiM instruction traces, as far as that instruction set can say what they do.

MAC_ABK begins with column 0 of a row and slot 0 of the global buffer, and a bank has one accumulator.  What
needs more is refused.  Reads and writes of a bank have no column in the instruction set: one line stands for
each, with its row.  Of the ASIC's work, additions become EWADD; for everything else there is a SYNC.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError
from arch.pim_device import Pim
from mapping.pim.aim import TABLE_ROWS, command_names
from mapping.pim.program import Block, Instruction, Kind, Program, Routine, Step, Unit
from workloads.aim_isa import FIELDS, AimProgram, Field, Op, instruction, program

I = Instruction  # noqa: E741
Line = tuple[Op, int, int, int]
"""Operation, opsize, bank, row; -1 where it has none."""


def to_aim(parts: Iterable[Program], pim: Pim, name: str) -> AimProgram:
    """Programs, such as those of a window of tokens, one after the other as a trace.

    Args:
        parts: what to do.
        pim: the machine that they were made for.
        name: of the trace.

    Raises:
        InputError: a program does what the instruction set cannot express; the message says which choice of
            the mapping avoids it, where there is one.
    """
    writer = _Writer(pim)
    for part in parts:
        for layer in range(part.layers):
            writer.block(part.layer, layer * part.layer_stride)
        if part.epilogue is not None:
            writer.block(part.epilogue, 0)
    writer.rows.append(instruction(Op.EOC))
    return program(name, writer.rows)


class _Writer:
    def __init__(self, pim: Pim) -> None:
        self._pim = pim
        self._columns = pim.memory.organization.columns
        self._modes = {c.code for c in pim.memory.commands if c.does == "mode"}
        codes = {c.name: c.code for c in pim.memory.commands}
        names = [(op, name) for op, name in command_names(pim).items() if name in codes]
        # Of two instructions with one command, the first of AiM's own stands for both.
        self._op = {codes[name]: op for op, name in reversed(names) if op < Op.W_MEM}
        # The vector comes from the global buffer.
        self.rows: list[list[int]] = [instruction(Op.W_CFR, 0, 1)]

    def block(self, block: Block, move: int) -> None:
        """The steps of one block, column addresses moved by ``move``."""
        channels = self._pim.memory.channels
        for number, step in enumerate(block.steps.tolist()):
            if step[Step.UNIT] == Unit.ASIC:
                self._asic(step)
                continue
            known: dict[bytes, list[Line]] = {}
            lines: list[Sequence[Line]] = []
            for channel in range(channels):
                at = number * channels + channel
                rows = block.instructions[block.first[at] : block.first[at + 1]]
                key = rows.tobytes()
                if key not in known:
                    known[key] = [line for row in rows for line in self._lines(row, move)]
                lines.append(known[key])
            for together in zip_longest(*lines):
                masks: dict[Line, int] = {}
                for channel, line in enumerate(together):
                    if line is not None:
                        masks[line] = masks.get(line, 0) | 1 << channel
                for line, mask in masks.items():
                    self._write(line, mask)

    def _asic(self, step: Sequence[int]) -> None:
        if step[Step.ROUTINE] == Routine.ADD:
            size = -(-step[Step.N] // self._pim.elements)
            self.rows += [instruction(Op.EWADD, size, 0, size)] * step[Step.CALLS]
        elif self.rows[-1][Field.OP] != Op.SYNC:
            self.rows.append(instruction(Op.SYNC))

    def _write(self, line: Line, mask: int) -> None:
        op, opsize, bank, row = line
        if op == Op.AF:
            first = self._pim.memory.organization.rows - TABLE_ROWS
            self.rows.append(instruction(Op.W_CFR, 2, row - first))
        given = {
            Field.OPSIZE: opsize,
            Field.GPR_0: 0,
            Field.CHANNEL_MASK: mask,
            Field.BANK: bank,
            Field.ROW: row,
        }
        if op == Op.WR_ABK:  # one channel at a time
            for channel in range(self._pim.memory.channels):
                if mask >> channel & 1:
                    self.rows.append(instruction(op, 0, 1 << channel, row))
            return
        self.rows.append(instruction(op, *(given[field] for field in FIELDS[op])))

    def _lines(self, row: NDArray[np.int64], move: int) -> Iterator[Line]:
        i = row.tolist()
        if i[I.COMMAND] in self._modes:
            return
        op = self._op.get(i[I.COMMAND])
        if op is None:
            name = next(c.name for c in self._pim.memory.commands if c.code == i[I.COMMAND])
            raise InputError("the AiM instruction set has nothing for this command", given=name)
        if i[I.KIND] == Kind.BARE:
            if op == Op.WR_GB:
                _require(i[I.SLOT] == 0, "WR_GB fills the buffer from slot 0 on", i[I.SLOT])
                yield op, i[I.N], -1, -1
            else:
                yield from [(op, 1, -1, -1)] * i[I.N]
            return
        for s in range(i[I.SEGMENTS]):
            start = i[I.START] + move + s // i[I.REUSE] * i[I.STRIDE]
            if Field.OPSIZE in FIELDS[op]:
                yield op, i[I.N], i[I.BANK], self._row(op, start, i, s)
            else:
                banks = self._banks(i)
                for k in range(i[I.N]):
                    yield from ((op, 1, bank, (start + k) // self._columns) for bank in banks)
            if i[I.KIND] == Kind.SWEEP and not i[I.KEEP]:
                yield Op.RD_MAC, 1, -1, -1
        if i[I.KIND] == Kind.SWEEP and i[I.KEEP] and i[I.SEGMENTS] > 1:
            message = "AiM has one accumulator per bank, here several sums are kept in a bank"
            message += "; mapping.chunk_order=chunk_outer keeps none"
            raise InputError(message, given=i[I.SEGMENTS], accepted="1")

    def _banks(self, i: Sequence[int]) -> Sequence[int]:
        if i[I.KIND] != Kind.EACH_BANK:
            return [i[I.BANK]]
        o = self._pim.memory.organization
        return [b % o.groups * o.banks + b // o.groups for b in range(self._pim.banks)]

    def _row(self, op: Op, start: int, i: Sequence[int], segment: int) -> int:
        """The row of a segment; it must be columns from 0 on of one row, and slots from 0 on."""
        row, column = divmod(start, self._columns)
        aligned = "; mapping.packing=row_aligned with mapping.concat_heads=false lets every sum begin a row"
        _require(column == 0, f"{op.name} begins with column 0 of a row{aligned}", column)
        _require(i[I.N] <= self._columns, f"{op.name} stays in one row of {self._columns} columns", i[I.N])
        slot = i[I.SLOT] + segment % i[I.PERIOD] * i[I.N]
        if i[I.KIND] == Kind.SWEEP or op == Op.MAC_ABK:
            _require(slot == 0, f"{op.name} begins with slot 0 of the global buffer", slot)
        return row


def _require(good: bool, message: str, given: int) -> None:
    if not good:
        raise InputError(f"the AiM instruction set cannot say this: {message}", given=given)
