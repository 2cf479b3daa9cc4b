"""One channel's command stream as arrays for the checker: which commands there are and what they address.

Every command addresses one node of the tree channel > rank > group > bank.  Two nodes have a bank in
common exactly when one of them is the other or lies above it, and this is all that scopes come to.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from arch.device import Memory

LEVELS = ("bank", "group", "rank", "channel")
"""Finest first; a level's number is its place here."""

BANK, GROUP, RANK, CHANNEL = range(4)

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Places = NDArray[np.int32]


@dataclass(frozen=True)
class Device:
    """A memory's command table by code.  Codes that name no command have level -1."""

    memory: Memory

    @cached_property
    def codes(self) -> int:
        """One more than the largest code."""
        return max(command.code for command in self.memory.commands) + 1

    @cached_property
    def names(self) -> list[str]:
        names = ["?"] * self.codes
        for command in self.memory.commands:
            names[command.code] = command.name
        return names

    @cached_property
    def level(self) -> NDArray[np.int8]:
        level = np.full(self.codes, -1, np.int8)
        for command in self.memory.commands:
            level[command.code] = LEVELS.index(command.scope)
        return level

    @cached_property
    def span(self) -> tuple[int, int, int, int]:
        """Banks below a node of each level."""
        organization = self.memory.organization
        rank = organization.groups * organization.banks
        return 1, organization.banks, rank, organization.banks_per_channel

    @cached_property
    def whole(self) -> Bools:
        """By code: commands that stand with bank -1, because they can only address the whole channel."""
        whole: Bools = (self.level == CHANNEL) | (
            (self.level == RANK) & (self.memory.organization.ranks == 1)
        )
        return whole

    def having(self, *does: str, closes: bool | None = None) -> Bools:
        """By code: commands that do one of ``does`` (and close by themselves, or do not)."""
        chosen = np.zeros(self.codes, bool)
        for command in self.memory.commands:
            chosen[command.code] = command.does in does and closes in (None, command.closes)
        return chosen

    def named(self, names: Collection[str]) -> Bools:
        """By code: commands called one of ``names``; names that the device lacks are ignored."""
        chosen = np.zeros(self.codes, bool)
        for command in self.memory.commands:
            chosen[command.code] = command.name in names
        return chosen

    def values(self, attribute: str) -> Ints:
        """By code: an integer column of the command table."""
        table = np.zeros(self.codes, np.int64)
        for command in self.memory.commands:
            table[command.code] = getattr(command, attribute)
        return table


@dataclass(frozen=True)
class Stream:
    """The well-formed commands of a stream, in stream order.

    ``bank`` is the first bank of what the command addresses (0 where the stream says -1), ``place`` the row
    number in the stream as it was given.  All arrays are of equal length n.
    """

    device: Device
    cycle: Ints
    code: NDArray[np.int16]
    bank: Places
    arg: Places
    place: Places
    _sorted: dict[int, tuple[Places, NDArray[np.int16], NDArray[np.int16]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.cycle)

    @cached_property
    def level(self) -> NDArray[np.int8]:
        return self.device.level[self.code]

    def by_node(self, level: int) -> tuple[Places, NDArray[np.int16], NDArray[np.int16]]:
        """Commands of this level or finer, grouped by their node of the level, each group in stream order.

        Returns places in this stream, codes and nodes, all in the grouped order.
        """
        if level not in self._sorted:
            node = (self.bank // np.int32(self.device.span[level])).astype(np.int16)
            if int(self.device.level.max()) <= level:
                order = np.argsort(node, kind="stable").astype(np.int32)
            else:
                fine = np.flatnonzero(self.level <= level).astype(np.int32)
                order = fine[np.argsort(node[fine], kind="stable")]
            self._sorted[level] = order, self.code[order], node[order]
        return self._sorted[level]

    def touches(self, level: int, node: int) -> Bools:
        """Which commands address a bank of this node."""
        span = self.device.span
        low, high = node * span[level], (node + 1) * span[level]
        reach = np.asarray(span, np.int32)[self.level]
        touched: Bools = (self.bank < high) & (self.bank + reach > low)
        return touched

    def at_bank(self, bank: int) -> Places:
        """Places of the commands that address this bank, in stream order."""
        order, _, node = self.by_node(0)
        fine = order[np.searchsorted(node, bank) : np.searchsorted(node, bank, side="right")]
        coarse = self._coarse
        above = coarse[
            (self.bank[coarse] <= bank)
            & (bank < self.bank[coarse] + np.asarray(self.device.span, np.int32)[self.level[coarse]])
        ]
        return np.sort(np.concatenate([fine, above])) if len(above) else fine

    @cached_property
    def _coarse(self) -> Places:
        return np.flatnonzero(self.level > 0).astype(np.int32)

    def name(self, at: int) -> str:
        """The command's name."""
        return self.device.names[int(self.code[at])]

    def label(self, at: int) -> str:
        """The command and what it addresses, in words: ``ACT bank 3``, ``REFA rank 1``."""
        level, name = int(self.level[at]), self.name(at)
        if self.device.span[level] == self.device.span[CHANNEL]:
            return name
        return f"{name} {LEVELS[level]} {int(self.bank[at]) // self.device.span[level]}"

    def bank_field(self, at: int) -> int:
        """The bank as the stream encodes it: -1 for commands to the whole channel."""
        return -1 if self.device.whole[self.code[at]] else int(self.bank[at])


def nth_last(after: Bools, before: Bools, node: NDArray[np.int16] | None, n: int) -> tuple[Places, Places]:
    """For every ``before``, the n-th last ``after`` ahead of it in the same node.

    All arrays are of one length and grouped by node (None: one node).  Returns the positions of those
    befores that have one, and the positions of theirs.
    """
    afters = np.flatnonzero(after).astype(np.int32)
    seen = np.cumsum(after, dtype=np.int32)
    at = np.flatnonzero(before).astype(np.int32)
    nth = seen[at] - after[at] - n
    known = nth >= 0
    at, earlier = at[known], afters[nth[known]]
    if node is not None:
        same = node[at] == node[earlier]
        at, earlier = at[same], earlier[same]
    return at, earlier
