"""Flatten a resolved memory into the integer tables that the channel kernel runs on.

A constraint row says "no ``before`` within ``wait`` cycles of ``after`` in the same scope".  The
kernel keeps, for every command and every place it can go to, the first cycle in which all rows
allow it: ``next_ok[command, place]``.  This module turns the rows into what must be raised when a
command issues: one dense block per (command, group) plus a short list of single places, so that an
issue costs one short vector loop.

Values in ``next_ok`` are ``cycle << RULE_BITS | rule``: the rule that set the bound travels with it,
which makes ``bound_by`` free.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch.device import Command, Memory, RequestOp, Rule
from sim.dram.layout import (
    ARBITER_CODES,
    BANK_BITS,
    CAUSE_COMMAND_BUS,
    CAUSE_NO_REQUEST,
    CAUSE_REFRESH,
    CAUSE_SCHEDULER,
    COLUMN_AT,
    MAGIC,
    MAX_BANKS,
    MAX_RULES,
    MAX_WAIT,
    NEVER,
    PAST,
    ROW_AT,
    RULE_BITS,
    SCHEDULER_CODES,
    STREAM_STRIDE,
    VERSION,
    P,
    Q,
    S,
    T,
)

Ints = NDArray[np.int64]
_SCOPES = ("bank", "group", "rank", "channel")
_DOES = ("open", "close", "read", "write", "refresh")


@dataclass(frozen=True)
class Tables:
    """One channel, ready for the kernel.

    ``params``: read-only int64.  ``labels[r]``: ``bound_by`` label of cause r.  ``names[c]``,
    ``codes[c]``: the kernel's c-th command in the spec and in command files.
    """

    params: Ints
    labels: dict[int, str]
    names: tuple[str, ...]
    codes: tuple[int, ...]


class _Block:
    """Grows the parameter block behind its header."""

    def __init__(self) -> None:
        self.parts: list[Ints] = []
        self.at = P.header

    def add(self, values: Any) -> int:
        part = np.asarray(values, dtype=np.int64).ravel()
        self.parts.append(part)
        self.at += part.size
        return self.at - part.size


class _Places:
    """Which places (instances of a scope) there are, and which banks each covers."""

    def __init__(self, memory: Memory) -> None:
        o = memory.organization
        bank = np.arange(o.banks_per_channel)
        self.of = {
            "bank": bank,
            "group": bank // o.banks,
            "rank": bank // (o.banks * o.groups),
            "channel": bank * 0,
        }
        self.count = {scope: int(index[-1]) + 1 for scope, index in self.of.items()}

    def related(self, rule_scope: str, first: str, second: str) -> NDArray[np.bool_]:
        """(places of ``first``, places of ``second``): does a rule of ``rule_scope`` relate them?"""
        level = "rank" if rule_scope == "other_ranks" else rule_scope
        common = (self._touch(first, level) @ self._touch(second, level).T) > 0
        return ~common if rule_scope == "other_ranks" else common

    def _touch(self, scope: str, level: str) -> Ints:
        matrix = np.zeros((self.count[scope], self.count[level]), dtype=np.int64)
        matrix[self.of[scope], self.of[level]] = 1
        return matrix


def build(memory: Memory, input_capacity: int = 1 << 16) -> Tables:
    """Tables of one channel of ``memory``; ``input_capacity`` (a power of two) requests wait per stream.

    Raises ValueError when the memory exceeds what the kernel was built for (256 banks a channel,
    112 rules, waits under 65,536 cycles, 24 column bits); specs refuse these earlier, with their line.
    """
    places = _Places(memory)
    o, ctl = memory.organization, memory.controller
    commands = _reachable(memory)
    rules = [r for r in memory.rules if ctl.rule_set not in r.not_in]
    rule_ids = {name: i + 1 for i, name in enumerate(dict.fromkeys(r.name for r in rules))}
    if o.banks_per_channel > MAX_BANKS:
        raise ValueError(f"{o.banks_per_channel} banks in a channel; the kernel holds {MAX_BANKS}")
    if len(rule_ids) > MAX_RULES or any(r.wait >= MAX_WAIT for r in rules):
        raise ValueError(f"more than {MAX_RULES} constraint rows, or a wait of {MAX_WAIT} cycles or more")
    if (o.columns - 1).bit_length() > ROW_AT - COLUMN_AT:
        raise ValueError(f"{o.columns} columns; the kernel holds {1 << (ROW_AT - COLUMN_AT)}")

    head: dict[int, int] = {}
    block = _Block()
    _constraints(head, block, places, commands, rules, rule_ids, len(memory.slots))
    ring_size = _windows(head, block, places, commands, rules, rule_ids)
    _policy(head, block, memory, commands, input_capacity)
    refreshed = memory.refresh is not None and ctl.refresh == "all_bank"
    head |= {
        P.magic: MAGIC,
        P.version: VERSION,
        P.banks: places.count["bank"],
        P.ranks: places.count["rank"],
        P.groups: places.count["group"],
        P.group_banks: o.banks,
        P.group_shift: (o.banks - 1).bit_length(),
        P.rank_shift: (o.banks * o.groups - 1).bit_length(),
        P.commands: len(commands),
        P.act: next(i for i, c in enumerate(commands) if c.does == "open"),
        P.pre: next(i for i, c in enumerate(commands) if c.does == "close"),
        P.close_all: len(commands) - 2 if refreshed else -1,
        P.refresh: len(commands) - 1 if refreshed else -1,
        P.refresh_interval: memory.refresh.interval if memory.refresh and refreshed else 0,
        P.lines: o.banks_per_channel * o.rows * o.columns,
        P.size: block.at,
    }
    _state_layout(head, ring_size, max(c.latency + c.burst for c in commands))
    params = np.zeros(block.at, dtype=np.int64)
    for key, value in head.items():
        params[key] = value
    params[P.header :] = np.concatenate(block.parts)
    params.setflags(write=False)
    labels = {i: next(r.label or r.name for r in rules if r.name == name) for name, i in rule_ids.items()}
    labels |= {
        CAUSE_NO_REQUEST: "no request",
        CAUSE_COMMAND_BUS: "command bus",
        CAUSE_SCHEDULER: "scheduler",
        CAUSE_REFRESH: "refresh",
    }
    return Tables(params, labels, tuple(c.name for c in commands), tuple(c.code for c in commands))


def _column(op: RequestOp, memory: Memory) -> Command:
    closed = memory.controller.page_policy == "closed"
    return memory.command(op.closing_command if closed and op.closing_command else op.command)


def _reachable(memory: Memory) -> list[Command]:
    """Commands this controller can issue, in kernel order: columns, opening, closing, close-all, refresh."""
    columns = list(dict.fromkeys(_column(op, memory) for op in memory.ops))
    opening = [c for c in memory.commands if c.does == "open" and c.scope == "bank"]
    closing = [c for c in memory.commands if c.does == "close" and c.scope == "bank"]
    if not opening or not closing:
        raise ValueError("a memory needs one bank command that opens a row and one that closes it")
    commands = [*columns, opening[0], closing[0]]
    if memory.refresh is not None and memory.controller.refresh == "all_bank":
        commands += [memory.command(memory.refresh.close), memory.command(memory.refresh.command)]
    return commands


def _constraints(
    head: dict[int, int],
    block: _Block,
    places: _Places,
    commands: Sequence[Command],
    rules: Sequence[Rule],
    rule_ids: dict[str, int],
    slots: int,
) -> None:
    """Tables ``t_dense`` and ``t_sparse`` from the rows without a window."""
    dense_table, sparse_at, sparse = [], [], []
    for command in commands:
        dense: dict[int, Ints] = {}
        singles: list[tuple[int, int, int]] = []
        for d, target in enumerate(commands):
            matrix = np.zeros((places.count[command.scope], places.count[target.scope]), dtype=np.int64)
            for rule in rules:
                # With one slot, "not in the same cycle" holds without a rule.
                if rule.window != 1 or (rule.wait <= 1 and slots == 1):
                    continue
                if command.name in rule.after and target.name in rule.before:
                    related = places.related(rule.scope, command.scope, target.scope)
                    value = (rule.wait << RULE_BITS) | rule_ids[rule.name]
                    matrix = np.maximum(matrix, np.where(related, value, 0))
            rows, single = _split(places, command, target, matrix)
            if rows is not None:
                dense[d] = rows
            if single:
                singles.append((d, _SCOPES.index(target.scope), single))
        lo, hi = (min(dense), max(dense) + 1) if dense else (0, 0)
        n_rows = places.count["group" if command.scope == "bank" else command.scope]
        table = np.zeros((n_rows, hi - lo, places.count["bank"]), dtype=np.int64)
        for d, rows in dense.items():
            table[:, d - lo, : rows.shape[1]] = rows
        dense_table += [lo, hi - lo, block.add(table)]
        sparse_at += [len(sparse), len(singles)]
        sparse += singles
    head[P.t_dense] = block.add(dense_table)
    head[P.t_sparse_at] = block.add(sparse_at)
    head[P.t_sparse] = block.add(sparse)


def _split(places: _Places, command: Command, target: Command, matrix: Ints) -> tuple[Ints | None, int]:
    """Rows per group (or per place, above banks) plus the larger value at the command's own place.

    The own place of a bank command at a coarser target is the group, rank or channel it lies in.
    """
    single = 0
    rest = matrix.copy()
    if command.scope == "bank":
        source = np.arange(places.count["bank"])
        own = places.of[target.scope][source]
    elif command.scope == target.scope:
        source = np.arange(places.count[command.scope])
        own = source
    else:
        return (matrix, 0) if matrix.any() else (None, 0)
    diagonal = matrix[source, own]
    rest[source, own] = 0
    if command.scope == "bank" and target.scope == "bank":
        # What a neighbour in the group gets, the own bank gets too; only the excess is single.
        group = places.of["group"]
        rows = np.zeros((places.count["group"], matrix.shape[1]), dtype=np.int64)
        np.maximum.at(rows, group, rest)
        excess = diagonal > rows[group, own]
    else:
        rows = np.zeros((places.count["group"] if command.scope == "bank" else len(source), matrix.shape[1]), np.int64)
        np.maximum.at(rows, places.of["group"] if command.scope == "bank" else source, rest)
        excess = diagonal > 0
    values = np.unique(diagonal[excess])
    if values.size > 1 or (values.size == 1 and not excess.all()):
        raise AssertionError(f"{command.name} → {target.name}: rules are not alike in every place")
    single = int(values[0]) if values.size else 0
    index = places.of["group"][source] if command.scope == "bank" else source
    rebuilt = rows[index].copy()
    rebuilt[source, own] = np.maximum(rebuilt[source, own], single)
    if not np.array_equal(rebuilt, matrix):
        raise AssertionError(f"{command.name} → {target.name}: rules are not alike inside a group")
    return (rows if rows.any() else None), single


def _windows(
    head: dict[int, int],
    block: _Block,
    places: _Places,
    commands: Sequence[Command],
    rules: Sequence[Rule],
    rule_ids: dict[str, int],
) -> int:
    """Rows with a window: the last ``window`` issues are kept per scope instance in a ring of the state."""
    size = 0
    rows: list[list[tuple[int, ...]]] = [[] for _ in commands]
    index = {c.name: i for i, c in enumerate(commands)}
    for rule in rules:
        after = [index[a] for a in rule.after if a in index]
        before = [index[b] for b in rule.before if b in index]
        if rule.window == 1 or not after or not before:
            continue
        if rule.scope == "other_ranks" or any(commands[a].scope != "bank" for a in after):
            raise ValueError(f"constraint {rule.name}: a window counts bank commands in one bank, group, rank or channel")
        value = (rule.wait << RULE_BITS) | rule_ids[rule.name]
        for a in after:
            for d in before:
                scopes = _SCOPES.index(rule.scope), _SCOPES.index(commands[d].scope)
                rows[a].append((d, *scopes, value, size, rule.window, int(d == before[0])))
        size += places.count[rule.scope] * (rule.window + 1)
    at, count = [], 0
    for group in rows:
        at += [count, len(group)]
        count += len(group)
    head[P.t_window_at] = block.add(at)
    head[P.t_window] = block.add([row for group in rows for row in group])
    head[P.windows] = count
    return size


def _policy(head: dict[int, int], block: _Block, memory: Memory, commands: list[Command], input_capacity: int) -> None:
    """Commands, slots, request kinds, address bits and the controller's policy."""
    ctl, o = memory.controller, memory.organization
    classes: dict[str, list[str]] = {"read": [], "write": []}
    ops: list[int] = []
    slot_of = {name: i for i, slot in enumerate(memory.slots) for name in slot.commands}
    for op in memory.ops:
        column = _column(op, memory)
        members = classes[op.queue]
        if column.name not in members:
            members.append(column.name)
        ops += [int(op.queue == "write"), members.index(column.name), commands.index(column)]
        ops += [int(op.forward), int(op.coalesce)]
    names = [c.name for c in commands]
    slots: list[int] = []
    for slot in memory.slots:
        here = [c for c in commands if c.name in slot.commands]
        does = {c.does for c in here}
        whole = {c.name for c in here if c.scope != "bank"}
        may = ["read" in does or "write" in does, "open" in does]
        may += [any(c.does == "close" and c.scope == "bank" for c in here)]
        may += [any(c.does == "close" and c.name in whole for c in here), "refresh" in does]
        slots += [int(x) for x in may] + [int(s in slot.sources) for s in ("active", "refresh", "queue")]
    base = {"bank": 0, "group": (o.banks - 1).bit_length()}
    base["rank"] = base["group"] + (o.groups - 1).bit_length()
    base |= {"column": COLUMN_AT, "row": ROW_AT}
    segments = [
        (s.source, (1 << s.width) - 1, base[s.field] + s.target) for s in memory.address_map if s.field != "channel"
    ]
    assert 1 << BANK_BITS == MAX_BANKS
    filter_size = 1024
    while filter_size < 8 * ctl.write_queue:
        filter_size *= 2
    head |= {
        P.t_command: block.add(
            [
                (c.code, _DOES.index(c.does), _SCOPES.index(c.scope), c.closes, c.latency, c.burst, slot_of[c.name])
                for c in commands
            ]
        ),
        P.t_slots: block.add(slots),
        P.slots: len(memory.slots),
        P.t_ops: block.add(ops),
        P.t_classes: block.add([names.index(c) for queue in ("read", "write") for c in classes[queue]]),
        P.ops: len(memory.ops),
        P.t_segments: block.add(segments),
        P.segments: len(segments),
        P.read_classes: len(classes["read"]),
        P.write_classes: len(classes["write"]),
        P.input_capacity: input_capacity,
        P.streams: memory.front_end.streams,
        P.arbiter: ARBITER_CODES[memory.front_end.arbiter],
        P.scheduler: SCHEDULER_CODES[ctl.scheduler],
        P.skip: int(ctl.skip_idle),
        P.read_capacity: ctl.read_queue,
        P.write_capacity: ctl.write_queue,
        P.write_enter: int(ctl.write_high * ctl.write_queue // 1) + 1,
        P.write_leave: -int(-(ctl.write_low * ctl.write_queue) // 1) - 1,
        P.pool: ctl.read_queue + ctl.write_queue + o.banks_per_channel,
        P.filter_mask: filter_size - 1,
        P.watchdog: 200_000,
    }


def _state_layout(head: dict[int, int], ring_size: int, longest: int) -> None:
    """Offsets of the state's sections; ``longest`` is the last data cycle after a column command."""
    banks, ranks, at = head[P.banks], head[P.ranks], S.size
    head[P.returns] = head[P.read_capacity] + banks + longest + 8
    head[P.bursts] = 1 << (longest + 8).bit_length()
    n_classes = head[P.read_classes] + head[P.write_classes]
    for key, size in (
        (P.s_next_ok, head[P.commands] * banks),
        (P.s_open_row, banks),
        (P.s_active, banks),
        (P.s_shield, banks),
        (P.s_active_list, banks),
        (P.s_head, 2 * banks),
        (P.s_tail, 2 * banks),
        (P.s_other_key, 2 * banks),
        (P.s_other_slot, 2 * banks),
        (P.s_hit_key, n_classes * banks),
        (P.s_hit_slot, n_classes * banks),
        (P.s_open_count, ranks),
        (P.s_active_count, ranks),
        (P.s_pool, Q.size * head[P.pool]),
        (P.s_free, head[P.pool]),
        (P.s_filter, head[P.filter_mask] + 1),
        (P.s_rings, ring_size),
        (P.s_streams, STREAM_STRIDE * head[P.streams]),
        (P.s_returns, head[P.returns] * head[P.streams]),
        (P.s_bursts, 2 * head[P.bursts]),
        (P.s_idle, 128),
        (P.s_issued, head[P.commands]),
    ):
        head[key] = at
        at += size
    head[P.state_size] = at


def new_state(params: Ints, windows: Sequence[int], *, log: bool, completions: bool) -> Ints:
    """A channel at cycle 0: everything closed and empty; ``windows[s]`` reads of stream s may be outstanding (0: any)."""
    state = np.zeros(params[P.state_size], dtype=np.int64)

    def section(key: int, size: int) -> Ints:
        return state[params[key] : params[key] + size]

    banks, pool = int(params[P.banks]), int(params[P.pool])
    classes = int(params[P.read_classes] + params[P.write_classes])
    for key in (P.s_open_row, P.s_active):
        section(key, banks)[:] = -1
    for key in (P.s_head, P.s_tail, P.s_other_slot):
        section(key, 2 * banks)[:] = -1
    section(P.s_other_key, 2 * banks)[:] = NEVER
    section(P.s_hit_key, classes * banks)[:] = NEVER
    section(P.s_hit_slot, classes * banks)[:] = -1
    section(P.s_free, pool)[:] = np.arange(pool)
    for row in params[params[P.t_window] :][: 7 * params[P.windows]].reshape(-1, 7):
        instances = {0: banks, 1: int(params[P.groups]), 2: int(params[P.ranks]), 3: 1}[int(row[1])]
        start = int(params[P.s_rings] + row[4])
        rings = state[start : start + instances * (int(row[5]) + 1)].reshape(instances, -1)
        rings[:, 1:] = PAST  # column 0 is the position of the oldest
    streams = section(P.s_streams, STREAM_STRIDE * int(params[P.streams])).reshape(-1, STREAM_STRIDE)
    streams[:, T.open] = 1
    streams[:, T.window] = windows
    state[S.magic] = MAGIC
    state[S.free] = pool
    state[S.refresh_next] = params[P.refresh_interval] or NEVER
    state[S.last_return] = 0
    state[S.end] = NEVER
    state[S.last_command] = -1
    state[S.log_on] = int(log)
    state[S.done_on] = int(completions)
    state[S.last_stream] = -1
    return state
