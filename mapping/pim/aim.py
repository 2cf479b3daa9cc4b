"""AiM instruction traces as programs for a machine's channels.

What a line becomes: a bare command (buffer and register transfers) or columns of one row from column 0 on.
Rows stay open behind an instruction until another row is wanted (``KEEP``), as in aim_simulator.  A command
of the other mode, buffer and registers or banks, gets the machine's mode command before it, if it has one.

The host sends instructions in order and, behind RD_MAC, RD_AF and SYNC, waits for the answer.  Lines about
GPRs and configuration registers take no time.  EWADD runs on the ASIC, 16 bf16 elements a register, and the
host waits for it.  An activation function opens one of the last eight rows of all banks, its table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError
from arch.pim_device import Pim
from mapping.pim.program import Block, Instruction, Kind, Program, Routine, Step, Unit
from workloads.aim_isa import FIELDS, AimProgram, Field, Op, check

OPERATORS: Final = ("banks", "results", "ewadd", "barrier")
"""Names that ``Step.OPERATOR`` of these programs indexes."""

BANKS, RESULTS, EWADD, BARRIER = range(4)

LINES: Final = 1 << 14
"""A program ends at the first good place behind so many instructions."""

TABLE_ROWS: Final = 8
"""Rows with the tables of activation functions, at the end of every bank."""

_HOST: Final = -1  # no command: the host's own business
_WAITING: Final = (Op.RD_MAC, Op.RD_AF, Op.SYNC, Op.EWADD)

Ints = NDArray[np.int64]


def programs(trace: AimProgram, pim: Pim, lines: int = LINES) -> Iterator[Program]:
    """The trace in one or more programs, to be carried out one after the other.

    Args:
        trace: what to do.
        pim: on which machine.
        lines: instructions after which a program may end; it makes no difference to times.

    Raises:
        InputError: an instruction addresses what the machine does not have, or needs a command that it lacks;
            raised by the first program.
    """
    check(trace, pim)
    encoded = _encoded(trace, pim)
    if not (encoded.code >= 0).any() and not (encoded.op == Op.EWADD).any():
        return
    modes = [c.code for c in pim.memory.commands if c.does == "mode"]
    writer = _Writer(pim, encoded, modes[0] if modes else None)
    begin = 0
    for end in [*writer.cuts(lines), len(trace)]:
        block = writer.block(begin, end)
        if len(block.steps):
            yield Program(1, 0, block, None)
        begin = end


@dataclass(frozen=True)
class _Encoded:
    """A trace as columns (n,): operation, command (or _HOST), channel instruction, channels, transfer?"""

    op: Ints
    code: Ints
    table: Ints  # (n, len(Instruction))
    mask: Ints
    register: NDArray[np.bool_]
    opsize: Ints


def _encoded(trace: AimProgram, pim: Pim) -> _Encoded:
    rows, memory = trace.rows, pim.memory
    op = rows[:, Field.OP]
    by_name = {c.name: c for c in memory.commands}
    code = np.full(len(Op), _HOST)
    transfers = np.zeros(len(Op), np.bool_)
    for kind, name in command_names(pim).items():
        if name in by_name:
            code[kind] = by_name[name].code
            transfers[kind] = by_name[name].does in ("load", "unload")
        elif (lacking := np.flatnonzero(op == kind)).size:
            raise InputError(
                f"{pim.name} has no command {name}",
                file=trace.file,
                line=int(trace.lines[lacking[0]]),
                field="opcode",
                given=kind.name,
                accepted=[k.name for k, n in command_names(pim).items() if n in by_name],
            )
    has_row = np.array([Field.ROW in FIELDS[kind] or kind == Op.AF for kind in Op])[op]
    row = np.where(op == Op.AF, memory.organization.rows - TABLE_ROWS + _function(rows), rows[:, Field.ROW])
    opsize = np.maximum(rows[:, Field.OPSIZE], 1)
    table = np.zeros((len(rows), len(Instruction)), np.int64)
    table[:, Instruction.KIND] = np.where(has_row, Kind.COLUMNS, Kind.BARE)
    table[:, Instruction.COMMAND] = code[op]
    table[:, Instruction.BANK] = rows[:, Field.BANK]
    table[:, Instruction.START] = np.where(has_row, row * memory.organization.columns, 0)
    table[:, Instruction.N] = opsize
    for one in (Instruction.SEGMENTS, Instruction.REUSE, Instruction.PERIOD):
        table[:, one] = 1
    table[:, Instruction.KEEP] = has_row & (op != Op.WR_ABK)
    channel = rows[:, Field.CHANNEL]
    mask = np.where(channel >= 0, np.left_shift(1, np.maximum(channel, 0)), rows[:, Field.CHANNEL_MASK])
    return _Encoded(op, code[op], table, np.maximum(mask, 0), transfers[op], opsize)


def command_names(pim: Pim) -> dict[Op, str]:
    """The command behind each instruction; those of the machine's roles where it has any."""
    roles = pim.roles
    return {
        Op.WR_SBK: roles.write,
        Op.W_MEM: roles.write,
        Op.RD_SBK: roles.read,
        Op.R_MEM: roles.read,
        Op.WR_ABK: "WR16",
        Op.WR_GB: roles.load,
        Op.WR_BIAS: "WR_BIAS",
        Op.RD_MAC: roles.result,
        Op.RD_AF: "RD_AF",
        Op.COPY_BKGB: "RDCP",
        Op.COPY_GBBK: "WRCP",
        Op.MAC_SBK: "MAC",
        Op.MAC_ABK: roles.mac,
        Op.AF: "AF16",
        Op.EWMUL: "EWMUL16",
    }


def _function(rows: Ints) -> Ints:
    """Which activation function is chosen at each instruction."""
    chosen = (rows[:, Field.OP] == Op.W_CFR) & (rows[:, Field.CFR] == 2)
    values = np.concatenate([[0], rows[chosen, Field.VALUE]])
    result: Ints = values[np.cumsum(chosen)]
    return result


@dataclass
class _Steps:
    """The steps of a block while it grows; ``of`` says to which one each of its instructions belongs."""

    of: Ints
    rows: list[list[int]] = field(default_factory=list)
    last: int = -1  # what must have ended before the host sends more
    open: list[int] = field(default_factory=list)  # steps that nothing has waited for

    def add(self, unit: Unit, operator: int, after: int, routine: int = -1, n: int = 0) -> int:
        row = [-1] * len(Step)
        row[Step.UNIT], row[Step.AFTER], row[Step.OPERATOR] = unit, after, operator
        row[Step.ROUTINE], row[Step.N], row[Step.CALLS] = routine, n, 1
        self.rows.append(row)
        return len(self.rows) - 1


@dataclass
class _Writer:
    """Writes the blocks one after the other; remembers in which mode each channel was left."""

    pim: Pim
    encoded: _Encoded
    mode_command: int | None
    in_registers: list[bool] = field(init=False)

    def __post_init__(self) -> None:
        self.in_registers = [False] * self.pim.memory.channels
        self.stops = np.flatnonzero(np.isin(self.encoded.op, _WAITING))

    def cuts(self, lines: int) -> Iterator[int]:
        """Where a program may end: behind an answer that no channel has work left over."""
        begin, done, pending = 0, 0, 0
        for stop in self.stops.tolist():
            pending |= int(np.bitwise_or.reduce(self.encoded.mask[done:stop], initial=0))
            done = stop + 1
            if self.encoded.op[stop] == Op.SYNC:
                pending = 0
            else:
                pending &= ~int(self.encoded.mask[stop])
            if not pending and done - begin >= lines:
                yield done
                begin = done

    def block(self, begin: int, end: int) -> Block:
        """Instructions ``begin`` to before ``end``."""
        steps = _Steps(np.full(end - begin, -1))
        done = begin
        stops = self.stops[(self.stops >= begin) & (self.stops < end)].tolist()
        for stop in [*stops, end]:
            work = np.flatnonzero(self.encoded.code[done:stop] >= 0) + done - begin
            if work.size:
                step = steps.add(Unit.CHANNELS, BANKS, steps.last)
                steps.of[work] = step
                steps.open.append(step)
            if stop < end:
                self._wait(steps, stop, begin)
            done = stop + 1
        rows = np.array(steps.rows, np.int64).reshape(-1, len(Step))
        instructions, first = self._instructions(begin, end, steps.of, len(rows))
        return Block(rows, instructions, first)

    def _wait(self, steps: _Steps, stop: int, begin: int) -> None:
        """The instruction at ``stop``, behind which the host waits."""
        op = self.encoded.op[stop]
        if op == Op.EWADD:
            n = int(self.encoded.opsize[stop]) * self.pim.elements
            steps.last = steps.add(Unit.ASIC, EWADD, steps.last, Routine.ADD, n)
        elif op == Op.SYNC:
            # The ASIC works in order: a step of no time behind each open one ends with the last of them.
            for step in steps.open:
                steps.last = steps.add(Unit.ASIC, BARRIER, step)
            steps.open.clear()
        else:
            steps.last = steps.add(Unit.CHANNELS, RESULTS, steps.last)
            steps.of[stop - begin] = steps.last

    def _instructions(self, begin: int, end: int, step_of: Ints, steps: int) -> tuple[Ints, Ints]:
        encoded, channels = self.encoded, self.pim.memory.channels
        mask, table = encoded.mask[begin:end], encoded.table[begin:end]
        register = encoded.register[begin:end]
        parts, keys = [], []
        known: dict[tuple[bytes, bool], tuple[Ints, Ints]] = {}
        for channel in range(channels):
            chosen = np.flatnonzero((step_of >= 0) & (mask >> channel & 1 == 1))
            if not chosen.size:
                continue
            name = chosen.tobytes(), self.in_registers[channel]
            if name not in known:
                known[name] = self._of_channel(table, register, step_of, chosen, name[1])
            found, step = known[name]
            parts.append(found)
            keys.append(step * channels + channel)
            self.in_registers[channel] = bool(register[chosen[-1]])
        if not parts:
            return np.zeros((0, len(Instruction)), np.int64), np.zeros(steps * channels + 1, np.int64)
        key = np.concatenate(keys)
        order = np.argsort(key, kind="stable")
        first = np.searchsorted(key[order], np.arange(steps * channels + 1))
        return np.concatenate(parts)[order], first.astype(np.int64)

    def _of_channel(
        self, table: Ints, register: NDArray[np.bool_], step_of: Ints, chosen: Ints, mode: bool
    ) -> tuple[Ints, Ints]:
        """The instructions of a channel and their steps, changes of mode included."""
        found, step = table[chosen], step_of[chosen]
        if self.mode_command is not None:
            transfers = register[chosen]
            changes = transfers != np.concatenate([[mode], transfers[:-1]])
            times = 1 + changes
            at = (np.cumsum(times) - times)[changes]
            found, step = np.repeat(found, times, axis=0), np.repeat(step, times)
            bare = np.zeros(len(Instruction), np.int64)
            bare[Instruction.COMMAND] = self.mode_command
            bare[[Instruction.BANK, Instruction.SLOT]] = -1
            bare[[Instruction.N, Instruction.SEGMENTS, Instruction.REUSE, Instruction.PERIOD]] = 1
            found[at] = bare
        return _rows_joined(found, step, self.pim.memory.organization.columns)


def _rows_joined(found: Ints, step: Ints, columns: int) -> tuple[Ints, Ints]:
    """The same on row after row becomes one instruction of several segments."""
    other = [k for k in Instruction if k not in (Instruction.START, Instruction.SEGMENTS, Instruction.STRIDE)]
    follows = np.zeros(len(found), np.bool_)
    follows[1:] = (
        (np.diff(step) == 0)
        & (found[1:, Instruction.KIND] == Kind.COLUMNS)
        & (np.diff(found[:, Instruction.START]) == columns)
        & (np.diff(found[:, other], axis=0) == 0).all(axis=1)
    )
    begins = np.flatnonzero(~follows)
    joined = found[begins]
    joined[:, Instruction.SEGMENTS] = np.diff(begins, append=len(found))
    joined[:, Instruction.STRIDE] = np.where(joined[:, Instruction.SEGMENTS] > 1, columns, 0)
    return joined, step[begins]
