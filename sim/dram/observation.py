"""What a channel did over time, counted while it runs: bus traffic, queue depths, activity of each bank.

Memory stays bounded however long the run is: when it outgrows the bins, neighbouring bins are merged and
twice as wide from then on.  All sums are exact integers.
"""

from collections.abc import Sequence
from math import lcm
from typing import Any

import numpy as np
import numpy.typing as npt

from arch.device import Memory
from sim.dram.layout import OP_STRIDE, OPS
from sim.jit import njit

Ints = npt.NDArray[np.int64]

BINS = 1024
BANK_BINS_SHIFT = 3
BANK_BINS = BINS >> BANK_BINS_SHIFT
"""Activity by bank is kept in fewer bins, for there are many banks."""

# Rows of a channel's levels: what lasts from one cycle to another.
READ_BUS, WRITE_BUS, READ_DEPTH, WRITE_DEPTH, LEVELS = range(5)
# Rows of its counts: what happens in a cycle.
REFRESHES, ACTIVATES, COUNTS = range(3)
# Columns of the command table.
_LEVEL, _LATENCY, _BURST, _WEIGHT, _EVENT = range(5)
_NOTHING = -1


class Observation:
    """The bins of one channel.

    A level is summed over the cycles of a bin, for which two arrays suffice however long an interval
    lasts: ``area``, what the intervals that begin or end in the bin contribute to it, and ``step``, by how
    much they raise all bins after it.
    """

    def __init__(self, memory: Memory) -> None:
        self._shift = 0
        self._end = 0
        self._area = np.zeros((LEVELS, BINS), dtype=np.int64)
        self._step = np.zeros((LEVELS, BINS), dtype=np.int64)
        self._counts = np.zeros((COUNTS, BINS), dtype=np.int64)
        banks = memory.organization.banks_per_channel
        self._bank_counts = np.zeros((banks, 2, BANK_BINS), dtype=np.int64)
        self._scale, self._commands = _command_table(memory)

    def add_requests(self, done: Ints, n: int, params: Ints) -> None:
        """Count the first ``n`` completions, shape (m, 7) as :func:`sim.dram.kernel.run` writes them."""
        if n:
            self._grow(int(done[:n, 5].max()))
            _add_requests(done, n, params, self._shift, self._area, self._step)

    def add_commands(self, log: Ints) -> None:
        """Count commands, shape (n, 4)."""
        if log.size:
            longest = int((self._commands[:, _LATENCY] + self._commands[:, _BURST]).max())
            self._grow(int(log[-1, 0]) + longest)
            end = _add_commands(
                log,
                self._commands,
                self._shift,
                self._area,
                self._step,
                self._counts,
                self._bank_counts,
            )
            self._end = max(self._end, int(end))

    def _grow(self, last: int, shift: int = 0) -> None:
        """Have bins up to cycle ``last`` that are at least ``1 << shift`` wide."""
        while last >> self._shift >= BINS or self._shift < shift:
            area, step = self._area, self._step
            pairs = area[:, 0::2] + area[:, 1::2] + (step[:, 0::2] << self._shift)
            self._area = _halved(pairs)
            self._step = _halved(step[:, 0::2] + step[:, 1::2])
            self._counts = _halved(self._counts[:, 0::2] + self._counts[:, 1::2])
            self._bank_counts = _halved(self._bank_counts[:, :, 0::2] + self._bank_counts[:, :, 1::2])
            self._shift += 1

    def over_time(self, end: int) -> dict[str, npt.NDArray[Any]]:
        """Columns of one row per bin, from cycle 0 to ``end`` or to the last command or its data."""
        end = max(end, self._end, 1)
        self._grow(end - 1)
        width = 1 << self._shift
        before = np.cumsum(self._step, axis=1) - self._step
        levels = self._area + before * width
        bins = (end - 1 >> self._shift) + 1
        cycles = np.full(bins, width, dtype=np.int64)
        cycles[-1] = end - ((bins - 1) << self._shift)
        return {
            "start": np.arange(bins, dtype=np.int64) << self._shift,
            "cycles": cycles,
            "read_bytes": levels[READ_BUS, :bins] / self._scale,
            "written_bytes": levels[WRITE_BUS, :bins] / self._scale,
            "read_queue_depth": levels[READ_DEPTH, :bins] / cycles,
            "write_queue_depth": levels[WRITE_DEPTH, :bins] / cycles,
            "refreshes": self._counts[REFRESHES, :bins],
            "activates": self._counts[ACTIVATES, :bins],
        }

    def bank_activity(self, end: int) -> dict[str, npt.NDArray[Any]]:
        """Columns of one row per bank and bin in which something happened there, to the same end."""
        end = max(end, self._end, 1)
        self._grow(end - 1)
        bank, at = np.nonzero(self._bank_counts.any(axis=1))
        shift = self._shift + BANK_BINS_SHIFT
        return {
            "bank": bank,
            "start": at << shift,
            "cycles": np.minimum(1 << shift, end - (at << shift)),
            "activates": self._bank_counts[bank, 0, at],
            "column_commands": self._bank_counts[bank, 1, at],
        }


def aligned(observations: Sequence[Observation], end: int) -> int:
    """Give all channels of a run the same bins; returns where the last bin ends, at ``end`` or later."""
    end = max(end, 1, *(observation._end for observation in observations))
    shift = 0
    for _ in range(2):  # the second time to the width of the widest
        for observation in observations:
            observation._grow(end - 1, shift)
            shift = max(shift, observation._shift)
    return end


def _command_table(memory: Memory) -> tuple[int, Ints]:
    """(scale, rows by command code): a column command's weight over its burst is ``scale`` x its bytes."""
    scale = lcm(*(command.burst for command in memory.commands if command.burst))
    table = np.zeros((max(command.code for command in memory.commands) + 1, 5), dtype=np.int64)
    table[:, (_LEVEL, _EVENT)] = _NOTHING
    for command in memory.commands:
        row = table[command.code]
        if command.does in ("read", "write"):
            row[_LEVEL] = READ_BUS if command.does == "read" else WRITE_BUS
            row[_LATENCY], row[_BURST] = command.latency, command.burst
            if command.burst:
                row[_WEIGHT] = scale * memory.organization.transaction_bytes // command.burst
        elif command.does == "open":
            row[_EVENT] = ACTIVATES
        elif command.does == "refresh":
            row[_EVENT] = REFRESHES
    return scale, table


def _halved(pairs: Ints) -> Ints:
    """The merged bins, followed by as many empty ones."""
    return np.concatenate([pairs, np.zeros_like(pairs)], axis=-1)


@njit
def _add_interval(
    area: np.ndarray, step: np.ndarray, level: int, shift: int, start: int, end: int, weight: int
) -> None:
    first, last = start >> shift, end >> shift
    area[level, first] += weight * (((first + 1) << shift) - start)
    step[level, first] += weight
    area[level, last] -= weight * (((last + 1) << shift) - end)
    step[level, last] -= weight


@njit
def _add_requests(
    done: np.ndarray, n: int, params: np.ndarray, shift: int, area: np.ndarray, step: np.ndarray
) -> None:
    for i in range(n):
        if done[i, 5] >= 0:
            level = READ_DEPTH + params[OPS + done[i, 2] * OP_STRIDE]
            _add_interval(area, step, level, shift, done[i, 4], done[i, 5], 1)


@njit
def _add_commands(
    log: np.ndarray,
    table: np.ndarray,
    shift: int,
    area: np.ndarray,
    step: np.ndarray,
    counts: np.ndarray,
    bank_counts: np.ndarray,
) -> int:
    """Count all commands; returns the cycle after the last of them and of their data."""
    end = 0
    for i in range(log.shape[0]):
        cycle, code, bank = log[i, 0], log[i, 1], log[i, 2]
        at = cycle >> (shift + BANK_BINS_SHIFT)
        end = max(end, cycle + 1)
        level, event = table[code, _LEVEL], table[code, _EVENT]
        if level >= 0:
            start = cycle + table[code, _LATENCY]
            done = start + table[code, _BURST]
            end = max(end, done)
            _add_interval(area, step, level, shift, start, done, table[code, _WEIGHT])
            if bank >= 0:
                bank_counts[bank, 1, at] += 1
        elif event >= 0:
            counts[event, cycle >> shift] += 1
            if event == ACTIVATES and bank >= 0:
                bank_counts[bank, 0, at] += 1
    return int(end)


KERNELS = (_add_requests, _add_commands)
"""Compiled functions that an observation calls."""
