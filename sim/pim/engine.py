"""Programs through channels and ASIC, token by token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arch.pim_device import Pim
from mapping.pim.program import Block, Program, Step
from sim.pim.carrying_out import FRONTIER, LAST_CAUSE, LAST_END, SHARED, token
from sim.pim.issuing import LOG_ROW
from sim.pim.tables import CHANNEL_WAIT, LONG_AGO, X_SIZE, Events, K, Tables, X, tables

Ints = NDArray[np.int64]
Cost = Callable[[int, int], int]
"""ASIC cycles of a routine over so many elements."""


class Commands(NamedTuple):
    """What one channel issued: ``commands`` (n, 4) as in a command file, ``operands`` (n, 2), ``step`` (n,).

    Operands are global-buffer slot and accumulator, -1 where there is none.  ``step`` counts the steps of a
    token: layer by layer, then those of the epilogue.
    """

    commands: Ints
    operands: Ints
    step: NDArray[np.int32]


class Token(NamedTuple):
    """One token: memory cycles from the end of the one before to its own, and what was recorded.

    ``begins`` and ``ends``, int64 (steps of the token,), are when each step could begin and had ended.
    """

    start: int
    end: int
    begins: Ints
    ends: Ints
    commands: tuple[Commands, ...] | None


@dataclass
class Engine:
    """The channels and the ASIC of a machine, and everything counted so far.

    Attributes:
        pim: the machine.
        operators: how many kinds of operators are told apart.
        layers: of the model.
        cost: ASIC cycles by routine and elements.
        events: how much is taken in one stride; results do not depend on it.
    """

    pim: Pim
    operators: int
    layers: int
    cost: Cost
    events: Events = Events.REPEATS
    states: Ints = field(init=False)
    shared: Ints = field(init=False)
    critical: Ints = field(init=False)  # memory cycles on the critical path by operator
    by_layer: Ints = field(init=False)  # by layer; the last entry is what comes after the layers
    asic_by_operator: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.tables: Tables = tables(self.pim, self.operators, self.events)
        self.states = np.zeros((self.pim.memory.channels, self.tables.state_size), np.int64)
        self.states[:, X_SIZE : X_SIZE + self.tables.times] = LONG_AGO
        self.states[:, X_SIZE + self.tables.times : self.tables.cause_at] = LONG_AGO
        self._reset_rings()
        self.states[:, X.now] = -1
        # One command a cycle from the first on: as if a command of the last slot had just been issued.
        self.states[:, X.slot] = len(self.pim.memory.slots)
        self.states[:, X.open_since] = self.states[:, X.row] = -1
        self.states[:, X.due] = self.tables.constants[K.interval]
        self.shared = np.zeros(SHARED, np.int64)
        self.shared[LAST_CAUSE] = 2
        self.critical = np.zeros(self.operators, np.int64)
        self.by_layer = np.zeros(self.layers + 1, np.int64)
        self.asic_by_operator = np.zeros(self.operators, np.int64)
        self._spare = np.zeros(self.tables.state_size, np.int64)
        self._no_log = np.zeros((self.pim.memory.channels, 1, LOG_ROW), np.int64)

    def _reset_rings(self) -> None:
        rings = self.tables.rings
        if rings == 0:
            return
        size = 1 + max(r.window for r in self.pim.memory.rules)
        begin = X_SIZE + self.tables.times
        self.states[:, begin : begin + rings : size] = 0  # positions

    @property
    def cycle(self) -> int:
        """The memory cycle by which everything so far has ended."""
        return int(self.shared[FRONTIER])

    def counts(self) -> Ints:
        """Commands issued so far: int64 (channels, operators, commands)."""
        t = self.tables
        found = self.states[:, t.count_at : t.count_at + t.operators * t.commands]
        return found.reshape(len(self.states), t.operators, t.commands)

    def issued(self, codes: Sequence[int]) -> int:
        """How often commands of these codes were issued so far, in all channels."""
        return int(self.counts()[:, :, list(codes)].sum())

    def causes(self) -> dict[str, int]:
        """Memory cycles by what they were spent on, summed over channels, up to :attr:`cycle`.

        What remains after a channel's last command is waiting for results and the ASIC.
        """
        at = self.tables.cause_at
        spent = self.states[:, at : at + len(self.tables.causes)].sum(axis=0).tolist()
        found = dict(zip(self.tables.causes, spent, strict=True))
        idle = len(self.states) * self.cycle - int((self.states[:, X.now] + 1).sum())
        found[CHANNEL_WAIT] += idle
        return {cause: cycles for cause, cycles in found.items() if cycles}

    def wait_until(self, cycle: int) -> None:
        """Nothing may begin before this memory cycle."""
        if cycle > self.shared[LAST_END]:
            self.shared[LAST_END] = cycle
            self.shared[LAST_CAUSE] = 3
            self.shared[FRONTIER] = max(cycle, int(self.shared[FRONTIER]))

    def run(self, program: Program, *, commands: bool = False) -> Token:
        """One token.  ``commands``: keep every command that it issues."""
        if not commands:
            return self._run(program, self._no_log)
        # Once without a log tells how long it has to be.
        kept = [a.copy() for a in (self.states, self.shared, self.critical, self.by_layer)]
        asic = self.asic_by_operator.copy()
        self._run(program, self._no_log)
        counts = self.tables.count_at
        issued = (self.states[:, counts:] - kept[0][:, counts:]).sum(axis=1)
        self.states, self.shared, self.critical, self.by_layer = kept
        self.asic_by_operator = asic
        size = max(int(issued.max()), 1)
        logs = np.zeros((len(self.states), size, LOG_ROW), np.int64)
        self.states[:, X.log_size], self.states[:, X.logged] = size, 0
        done = self._run(program, logs)
        self.states[:, X.log_size] = 0
        found = [log[: int(state[X.logged])] for log, state in zip(logs, self.states, strict=True)]
        return done._replace(
            commands=tuple(Commands(rows[:, :4], rows[:, 4:6], rows[:, 6].astype(np.int32)) for rows in found)
        )

    def _run(self, program: Program, logs: Ints) -> Token:
        start = int(self.shared[FRONTIER])
        parts = [(program.layer, program.layers)]
        if program.epilogue is not None:
            parts.append((program.epilogue, 1))
        steps = sum(len(block.steps) * times for block, times in parts)
        begins, ends = np.zeros(steps, np.int64), np.zeros(steps, np.int64)
        at = 0
        for block, times in parts:
            asic = self._asic_cycles(block)
            operators = block.steps[:, Step.OPERATOR]
            np.add.at(self.asic_by_operator, operators, asic * times)
            size = len(block.steps) * times
            layers = self.by_layer if block is program.layer else self.by_layer[self.layers :]
            token(
                self.tables.constants, self.states, self.shared, logs, self._spare, times,
                program.layer_stride if block is program.layer else 0, block.steps, block.instructions,
                block.first, asic, at, begins, ends, self.critical, layers,
            )  # fmt: skip
            at += size
        return Token(start, int(self.shared[FRONTIER]), begins, ends, None)

    def _asic_cycles(self, block: Block) -> Ints:
        if "asic" in self.pim.ideal:
            return np.zeros(len(block.steps), np.int64)
        rows = block.steps[:, [Step.ROUTINE, Step.N, Step.CALLS]].tolist()
        return np.array([self.cost(r, n) * calls if r >= 0 else 0 for r, n, calls in rows], np.int64)
