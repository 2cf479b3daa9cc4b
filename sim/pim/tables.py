"""A resolved machine as the flat numbers that the kernel works on.

The constraint table is turned into rows per following command.  With one rank a row is looked up in one of
three places: the last time the earlier command was issued anywhere in the channel, in this bank group, or in
this bank; which of them is fixed by the row's scope and the reach of the two commands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arch.device import Command, Rule
from arch.pim_device import Pim

VERSION = 1
NEVER = 1 << 60  # a cycle that does not come
LONG_AGO = -(1 << 40)

BANK, GROUP, ALL = range(3)
"""Where a command reaches, and where the last issue of an earlier command is looked up."""

_LEVEL = {"bank": BANK, "group": GROUP, "rank": ALL, "channel": ALL}

BUS, ASIC_WAIT, CHANNEL_WAIT, NO_REQUEST = "command bus", "asic", "results", "no request"
"""Causes besides the labels of the constraint table: one command a cycle, and waiting for something else."""


class ConstantsAt(NamedTuple):
    """Header of the constants; ``*_AT`` are offsets of tables behind it."""

    version: int
    commands: int
    groups: int
    per_group: int
    banks: int
    columns: int
    refresh: int
    interval: int
    activate: int
    nodes: int
    node_banks: int
    close: int
    mac: int
    load: int
    result: int
    activate_one: int
    close_one: int
    result_bursts: int
    accumulators: int
    ideal_io: int
    asic_per_memory: int  # ASIC cycles = memory cycles * ASIC_PER_MEMORY / MEMORY_PER_ASIC
    memory_per_asic: int
    events: int
    causes: int
    rings: int
    ring_size: int
    level_at: int  # by command
    latency_at: int
    burst_at: int
    moves_at: int  # 1: occupies the data bus
    slot_at: int
    closes_at: int  # 1: precharges what it reads or writes
    self_at: int  # cycles between equal commands to the same place; 0: a window forbids runs
    self_cause_at: int
    pairs_first_at: int  # rows of PAIRS by following command
    pairs_at: int  # earlier command, where to look, wait, cause
    windows_first_at: int
    windows_at: int  # ring, where to look, wait, cause
    pushes_first_at: int
    pushes_at: int  # ring, its level
    rings_at: int  # window, level of the scope, and wait of each ring
    horizon_at: int  # by command: age from which no rule can tell it from any older one


K = ConstantsAt(*range(len(ConstantsAt._fields)))
K_SIZE = len(K)


class Events(IntEnum):
    """How much the kernel takes in one stride; the result is the same."""

    COMMANDS = 0
    """Every command by itself."""
    RUNS = 1
    """Equal commands to one place, one behind the other, as one event."""
    REPEATS = 2
    """Also, once the rows of a sweep repeat in time, all further ones up to the next refresh at once."""


class StateAt(NamedTuple):
    """Header of a channel's state; then times by command (channel, groups, banks), rings, causes, counts."""

    now: int  # cycle of the last command
    slot: int  # its bus slot
    due: int  # cycle of the next refresh
    open_since: int  # -1: no bank is open
    open_cycles: int
    bus_cycles: int
    done: int  # when the data of everything issued so far has arrived
    logged: int
    log_size: int  # 0: no log
    step: int
    operator: int
    row: int  # that an instruction left open; -1: none
    bank: int  # where; -1: in all banks


X = StateAt(*range(len(StateAt._fields)))
X_SIZE = len(X)


@dataclass(frozen=True)
class Tables:
    """The constants, the names of causes, and the size of a channel's state."""

    constants: NDArray[np.int64]
    causes: tuple[str, ...]
    operators: int
    commands: int
    times: int  # entries of the times by command
    rings: int  # entries of all rings, positions included

    @property
    def cause_at(self) -> int:
        return X_SIZE + self.times + self.rings

    @property
    def count_at(self) -> int:
        return self.cause_at + len(self.causes)

    @property
    def state_size(self) -> int:
        """A channel's state in words, a multiple of 8 so that channels do not share cache lines."""
        return -(-(self.count_at + self.operators * self.commands) // 8) * 8


def tables(pim: Pim, operators: int, events: Events = Events.REPEATS) -> Tables:
    """The machine's tables for reports on so many operators."""
    memory, o = pim.memory, pim.memory.organization
    commands = memory.commands
    code = {c.name: c.code for c in commands}
    level = {c.name: _LEVEL[c.scope] for c in commands}
    rules = [r for r in memory.rules if r.scope != "other_ranks"]
    causes = tuple(
        dict.fromkeys([BUS, ASIC_WAIT, CHANNEL_WAIT, NO_REQUEST, *(r.label or r.name for r in rules)])
    )
    cause = {name: index for index, name in enumerate(causes)}
    windowed = [r for r in rules if r.window > 1]
    covered = {BANK: 1, GROUP: o.banks, ALL: o.banks_per_channel}
    activate = memory.command(pim.roles.activate)
    refreshes = memory.refresh is not None and memory.controller.refresh != "none"
    ratio = Fraction(memory.clock_period) / pim.asic.clock_period
    header = np.zeros(K_SIZE, np.int64)
    header[K.version] = VERSION
    header[K.commands] = len(commands)
    header[K.groups], header[K.per_group], header[K.banks] = o.groups, o.banks, o.banks_per_channel
    header[K.columns] = o.columns
    header[K.refresh] = code[memory.refresh.command] if memory.refresh and refreshes else -1
    header[K.interval] = memory.refresh.interval if memory.refresh and refreshes else NEVER
    header[K.activate] = activate.code
    header[K.node_banks] = covered[level[activate.name]]
    header[K.nodes] = o.banks_per_channel // covered[level[activate.name]]
    roles = pim.roles
    for key, name in (
        (K.close, roles.close),
        (K.mac, roles.mac),
        (K.load, roles.load),
        (K.result, roles.result),
        (K.activate_one, roles.activate_one),
        (K.close_one, roles.close_one),
    ):
        header[key] = code[name]
    header[K.result_bursts], header[K.accumulators] = pim.result_bursts, pim.accumulators
    header[K.ideal_io] = "io" in pim.ideal
    header[K.asic_per_memory], header[K.memory_per_asic] = ratio.numerator, ratio.denominator
    header[K.events] = events
    header[K.causes] = len(causes)
    header[K.rings] = len(windowed)
    header[K.ring_size] = max([1, *(r.window for r in windowed)])
    slot = {name: index for index, s in enumerate(memory.slots) for name in s.commands}
    pairs = [_pairs(c, rules, level, code, cause) for c in commands]
    self_wait, self_cause = _self_waits(commands, pairs, windowed, cause[BUS])
    windows = [
        [
            (ring, max(_LEVEL[r.scope], level[c.name]), r.wait, cause[r.label or r.name])
            for ring, r in enumerate(windowed)
            if c.name in r.before
        ]
        for c in commands
    ]
    pushes = [
        [(ring, _LEVEL[r.scope]) for ring, r in enumerate(windowed) if c.name in r.after] for c in commands
    ]
    parts: list[tuple[int, Sequence[int]]] = [
        (K.level_at, [level[c.name] for c in commands]),
        (K.latency_at, [c.latency for c in commands]),
        (K.burst_at, [c.burst for c in commands]),
        (K.moves_at, [int(c.burst > 0) for c in commands]),
        (K.slot_at, [slot[c.name] for c in commands]),
        (K.closes_at, [int(c.closes) for c in commands]),
        (K.self_at, self_wait),
        (K.self_cause_at, self_cause),
        (K.pairs_first_at, _firsts(pairs)),
        (K.pairs_at, _flat(pairs)),
        (K.windows_first_at, _firsts(windows)),
        (K.windows_at, _flat(windows)),
        (K.pushes_first_at, _firsts(pushes)),
        (K.pushes_at, _flat(pushes)),
        (K.rings_at, _flat([[(r.window, _LEVEL[r.scope], r.wait)] for r in windowed])),
        (K.horizon_at, [max([1, *(r.wait for r in rules if c.name in r.after)]) for c in commands]),
    ]
    at = K_SIZE
    for key, part in parts:
        header[key] = at
        at += len(part)
    constants = np.concatenate([header, *(np.array(part, np.int64) for _, part in parts)])
    ring = o.banks_per_channel * (1 + int(header[K.ring_size]))
    return Tables(
        constants=constants,
        causes=causes,
        operators=operators,
        commands=len(commands),
        times=len(commands) * (1 + o.groups + o.banks_per_channel),
        rings=len(windowed) * ring,
    )


def _pairs(
    command: Command,
    rules: Sequence[Rule],
    level: dict[str, int],
    code: dict[str, int],
    cause: Mapping[str, int],
) -> list[tuple[int, int, int, int]]:
    """Rows for what may not come too soon before ``command``; of several in one place the longest wait."""
    longest: dict[tuple[int, int], tuple[int, int]] = {}
    for rule in rules:
        if rule.window > 1 or command.name not in rule.before:
            continue
        for earlier in rule.after:
            key = code[earlier], max(_LEVEL[rule.scope], level[earlier], level[command.name])
            found = longest.get(key)
            if found is None or rule.wait > found[0]:
                longest[key] = rule.wait, cause[rule.label or rule.name]
    return [(*key, *value) for key, value in longest.items()]


def _self_waits(
    commands: Sequence[Command],
    pairs: Sequence[Sequence[tuple[int, int, int, int]]],
    windowed: Sequence[Rule],
    bus: int,
) -> tuple[list[int], list[int]]:
    """Cycles between equal commands to one place and the cause, as for single ones; 0 if a window counts."""
    waits, causes = [], []
    for command, rows in zip(commands, pairs, strict=True):
        best, cause = 1, bus
        for earlier, _, wait, label in rows:
            if earlier == command.code and (wait > best or (wait == best and cause == bus)):
                best, cause = wait, label
        counted = any(command.name in rule.after for rule in windowed)
        waits.append(0 if counted else best)
        causes.append(cause)
    return waits, causes


def _firsts(rows: Sequence[Sequence[tuple[int, ...]]]) -> list[int]:
    """Where each command's rows begin among all rows, and the end."""
    return [0, *np.cumsum([len(found) for found in rows]).tolist()]


def _flat(rows: Sequence[Sequence[tuple[int, ...]]]) -> list[int]:
    return [value for found in rows for row in found for value in row]
