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
    BANK_STRIDE,
    CAUSE_COMMAND_BUS,
    CAUSE_NO_REQUEST,
    CAUSE_REFRESH,
    CAUSE_SCHEDULER,
    CLASS_STRIDE,
    CLASSES,
    COLUMN_AT,
    COMMAND_STRIDE,
    COMMANDS,
    ENTRIES,
    ENTRY_STRIDE,
    FREE,
    HEAD,
    HIT_ENTRY,
    HIT_KEY,
    MAGIC,
    MAX_BANKS,
    MAX_CLASSES,
    MAX_COMMANDS,
    MAX_DATA_DELAY,
    MAX_OPS,
    MAX_RULES,
    MAX_SLOTS,
    MAX_STREAMS,
    MAX_WAIT,
    NEVER,
    NEXT_OK,
    OP_STRIDE,
    OPEN_ROW,
    OPS,
    OTHER_ENTRY,
    OTHER_KEY,
    PAST,
    ROW_AT,
    RULE_BITS,
    SCHEDULER_CODES,
    SLOT_STRIDE,
    SLOTS,
    STREAM_STRIDE,
    STREAMS,
    TABLES,
    TAIL,
    VERSION,
    WINDOW_STRIDE,
    C,
    K,
    O,
    P,
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
    """The parameter block: scalars and rows at their fixed places, tables behind them."""

    def __init__(self) -> None:
        self.fixed = np.zeros(TABLES, dtype=np.int64)
        self.parts: list[Ints] = []
        self.at = TABLES

    def add(self, values: Any) -> int:
        """Append a table; returns where it stands."""
        part = np.asarray(values, dtype=np.int64).ravel()
        self.parts.append(part)
        self.at += part.size
        return self.at - part.size

    def row(self, section: int, stride: int, index: int, fields: dict[int, int]) -> None:
        """Set fields of a row of a fixed table."""
        for field, value in fields.items():
            self.fixed[section + stride * index + field] = value

    def finish(self) -> Ints:
        self.fixed[P.size] = self.at
        params = np.concatenate([self.fixed, *self.parts])
        params.setflags(write=False)
        return params


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


def build(memory: Memory, input_capacity: int = 1 << 12) -> Tables:
    """Tables of one channel of ``memory``; ``input_capacity`` (a power of two) requests wait per stream.

    Raises ValueError when the memory exceeds what the kernel was built for (see
    :mod:`sim.dram.layout`: 256 banks a channel, 112 rules, waits under 65,536 cycles, …).
    """
    places = _Places(memory)
    o, ctl = memory.organization, memory.controller
    commands = _reachable(memory)
    rules = [r for r in memory.rules if ctl.rule_set not in r.not_in]
    rule_ids = {name: i + 1 for i, name in enumerate(dict.fromkeys(r.name for r in rules))}
    longest = max(c.latency + c.burst for c in commands)
    for what, given, most in (
        ("banks in a channel", o.banks_per_channel, MAX_BANKS),
        ("constraint rows", len(rule_ids), MAX_RULES),
        ("cycles of waiting in a constraint", max((r.wait for r in rules), default=0), MAX_WAIT - 1),
        ("columns in a row", o.columns, 1 << (ROW_AT - COLUMN_AT)),
        ("commands", len(commands), MAX_COMMANDS),
        ("kinds of requests", len(memory.ops), MAX_OPS),
        ("bus slots", len(memory.slots), MAX_SLOTS),
        ("streams", memory.front_end.streams, MAX_STREAMS),
        ("cycles from a column command to the end of its data", longest, MAX_DATA_DELAY - 64),
    ):
        if given > most:
            raise ValueError(f"{memory.name}: {given} {what}; the channel kernel holds {most}")

    block = _Block()
    _commands(block, memory, commands, places.count["bank"])
    _constraints(block, places, commands, rules, rule_ids, len(memory.slots))
    refreshed = memory.refresh is not None and ctl.refresh == "all_bank"
    filter_size = 1024
    while filter_size < 8 * ctl.write_queue:
        filter_size *= 2
    pool = ctl.read_queue + ctl.write_queue + places.count["bank"]
    rings = ENTRIES + ENTRY_STRIDE * pool
    behind = _windows(block, places, commands, rules, rule_ids, rings)
    returns = ctl.read_queue + places.count["bank"] + longest + 8
    head = {
        P.magic: MAGIC,
        P.version: VERSION,
        P.input_capacity: input_capacity,
        P.streams: memory.front_end.streams,
        P.banks: places.count["bank"],
        P.ranks: places.count["rank"],
        P.groups: places.count["group"],
        P.group_shift: (o.banks - 1).bit_length(),
        P.rank_shift: (o.banks * o.groups - 1).bit_length(),
        P.commands: len(commands),
        P.act: next(i for i, c in enumerate(commands) if c.does == "open"),
        P.pre: next(i for i, c in enumerate(commands) if c.does == "close"),
        P.close_all: len(commands) - 2 if refreshed else -1,
        P.refresh: len(commands) - 1 if refreshed else -1,
        P.refresh_interval: memory.refresh.interval if memory.refresh and refreshed else 0,
        P.slots: len(memory.slots),
        P.scheduler: SCHEDULER_CODES[ctl.scheduler],
        P.skip: int(ctl.skip_idle),
        P.read_capacity: ctl.read_queue,
        P.write_capacity: ctl.write_queue,
        P.write_enter: int(ctl.write_high * ctl.write_queue // 1) + 1,
        P.write_leave: -int(-(ctl.write_low * ctl.write_queue) // 1) - 1,
        P.pool: pool,
        P.arbiter: ARBITER_CODES[memory.front_end.arbiter],
        P.returns: returns,
        P.filter_mask: filter_size - 1,
        P.watchdog: 200_000,
        P.lines: o.banks_per_channel * o.rows * o.columns,
        P.ops: len(memory.ops),
        P.state_size: behind + returns * memory.front_end.streams,
    }
    for key, value in head.items():
        block.fixed[key] = value
    assert 1 << BANK_BITS == MAX_BANKS
    labels = {i: next(r.label or r.name for r in rules if r.name == name) for name, i in rule_ids.items()}
    labels |= {
        CAUSE_NO_REQUEST: "no request",
        CAUSE_COMMAND_BUS: "command bus",
        CAUSE_SCHEDULER: "scheduler",
        CAUSE_REFRESH: "refresh",
    }
    return Tables(block.finish(), labels, tuple(c.name for c in commands), tuple(c.code for c in commands))


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


def _commands(block: _Block, memory: Memory, commands: list[Command], banks: int) -> None:
    """Commands, classes, request kinds, slots and address bits."""
    slot_of = {name: i for i, slot in enumerate(memory.slots) for name in slot.commands}
    for i, c in enumerate(commands):
        row = {
            C.code: c.code,
            C.does: _DOES.index(c.does),
            C.scope: _SCOPES.index(c.scope),
            C.closes: int(c.closes),
            C.latency: c.latency,
            C.burst: c.burst,
            C.next_ok: NEXT_OK + i * banks,
            C.slot: slot_of[c.name],
        }
        block.row(COMMANDS, COMMAND_STRIDE, i, row)
    names = [c.name for c in commands]
    columns = {q: [_column(op, memory) for op in memory.ops if op.queue == q] for q in ("read", "write")}
    classes = [(q, c) for q in columns for c in dict.fromkeys(columns[q])]
    if len(classes) > MAX_CLASSES:
        raise ValueError(
            f"{memory.name}: {len(classes)} kinds of column commands; the channel kernel holds {MAX_CLASSES}"
        )
    block.fixed[P.read_classes] = sum(q == "read" for q, _ in classes)
    block.fixed[P.write_classes] = sum(q == "write" for q, _ in classes)
    for i, (_, c) in enumerate(classes):
        command = names.index(c.name)
        row = {K.command: command, K.next_ok: NEXT_OK + command * banks, K.closes: int(c.closes)}
        block.row(CLASSES, CLASS_STRIDE, i, row)
    for i, op in enumerate(memory.ops):
        column = _column(op, memory)
        command, kind = names.index(column.name), classes.index((op.queue, column))
        row = {
            O.queue: int(op.queue == "write"),
            O.kind: kind,
            O.command: command,
            O.forward: int(op.forward),
            O.coalesce: int(op.coalesce),
            O.next_ok: NEXT_OK + command * banks,
            O.hit: kind * BANK_STRIDE,
        }
        block.row(OPS, OP_STRIDE, i, row)
    for i, slot in enumerate(memory.slots):
        here = [c for c in commands if c.name in slot.commands]
        may = (
            any(c.does in ("read", "write") for c in here),
            any(c.does == "open" for c in here),
            any(c.does == "close" and c.scope == "bank" for c in here),
            any(c.does == "close" and c.scope != "bank" for c in here),
            any(c.does == "refresh" for c in here),
        )
        flags = may + tuple(source in slot.sources for source in ("active", "refresh", "queue"))
        block.row(SLOTS, SLOT_STRIDE, i, {field: int(flag) for field, flag in enumerate(flags)})
    o = memory.organization
    base = {"bank": 0, "group": (o.banks - 1).bit_length()}
    base["rank"] = base["group"] + (o.groups - 1).bit_length()
    base |= {"column": COLUMN_AT, "row": ROW_AT}
    bits = [s for s in memory.address_map if s.field != "channel"]
    block.fixed[P.segments] = len(bits)
    # The first table behind the fixed ones, where the kernel expects it.
    block.add([(s.source, (1 << s.width) - 1, base[s.field] + s.target) for s in bits])


def _constraints(
    block: _Block,
    places: _Places,
    commands: Sequence[Command],
    rules: Sequence[Rule],
    rule_ids: dict[str, int],
    slots: int,
) -> None:
    """Dense blocks and single places from the rows without a window."""
    banks = places.count["bank"]
    for i, command in enumerate(commands):
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
                singles.append((NEXT_OK + d * banks, _SCOPES.index(target.scope), single))
        lo, hi = (min(dense), max(dense) + 1) if dense else (0, 0)
        n_rows = places.count["group" if command.scope == "bank" else command.scope]
        table = np.zeros((n_rows, hi - lo, banks), dtype=np.int64)
        for d, rows in dense.items():
            table[:, d - lo, : rows.shape[1]] = rows
        row = {
            C.dense_at: NEXT_OK + lo * banks,
            C.dense_n: (hi - lo) * banks,
            C.dense: block.add(table),
            C.sparse: block.add(singles),
            C.sparse_n: len(singles),
        }
        block.row(COMMANDS, COMMAND_STRIDE, i, row)


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
        rows = np.zeros(
            (places.count["group"] if command.scope == "bank" else len(source), matrix.shape[1]), np.int64
        )
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
    block: _Block,
    places: _Places,
    commands: Sequence[Command],
    rules: Sequence[Rule],
    rule_ids: dict[str, int],
    at: int,
) -> int:
    """Rows with a window: the last ``window`` issues are kept per scope instance in a ring of the state.

    ``at``: where the first ring stands; returns the end of the last.
    """
    rows: list[list[tuple[int, ...]]] = [[] for _ in commands]
    index = {c.name: i for i, c in enumerate(commands)}
    for rule in rules:
        after = [index[a] for a in rule.after if a in index]
        before = [index[b] for b in rule.before if b in index]
        if rule.window == 1 or not after or not before:
            continue
        if rule.scope == "other_ranks" or any(commands[a].scope != "bank" for a in after):
            raise ValueError(
                f"constraint {rule.name}: a window counts bank commands in one bank, group, rank or channel"
            )
        value = (rule.wait << RULE_BITS) | rule_ids[rule.name]
        for a in after:
            for d in before:
                scopes = _SCOPES.index(rule.scope), _SCOPES.index(commands[d].scope)
                next_ok = NEXT_OK + d * places.count["bank"]
                rows[a].append((next_ok, *scopes, value, at, rule.window, int(d == before[0])))
        at += places.count[rule.scope] * (rule.window + 1)
    for i, group in enumerate(rows):
        block.row(COMMANDS, COMMAND_STRIDE, i, {C.window: block.add(group), C.window_n: len(group)})
    return at


def new_state(params: Ints, windows: Sequence[int], *, log: bool, completions: bool) -> Ints:
    """A channel at cycle 0, closed and empty; ``windows[s]`` limits stream s's outstanding reads (0: no)."""
    state = np.zeros(params[P.state_size], dtype=np.int64)
    banks, pool = int(params[P.banks]), int(params[P.pool])
    classes = int(params[P.read_classes] + params[P.write_classes])
    state[OPEN_ROW : OPEN_ROW + banks] = -1
    for section, rows, empty in (
        (HEAD, 2, -1),
        (TAIL, 2, -1),
        (OTHER_ENTRY, 2, -1),
        (HIT_ENTRY, classes, -1),
        (OTHER_KEY, 2, NEVER),
        (HIT_KEY, classes, NEVER),
    ):
        state[section : section + rows * BANK_STRIDE].reshape(rows, -1)[:, :banks] = empty
    state[FREE : FREE + pool] = np.arange(pool)
    instances = (banks, int(params[P.groups]), int(params[P.ranks]), 1)
    for c in range(int(params[P.commands])):
        row = params[COMMANDS + COMMAND_STRIDE * c :]
        for window in params[row[C.window] :][: WINDOW_STRIDE * row[C.window_n]].reshape(-1, WINDOW_STRIDE):
            size = instances[window[1]] * (window[5] + 1)
            rings = state[window[4] : window[4] + size].reshape(instances[window[1]], -1)
            rings[:, 1:] = PAST  # column 0 is the position of the oldest
    n = int(params[P.streams])
    streams = state[STREAMS : STREAMS + STREAM_STRIDE * n].reshape(n, STREAM_STRIDE)
    streams[:, T.open] = 1
    streams[:, T.window] = windows
    streams[:, T.ring] = params[P.state_size] - params[P.returns] * np.arange(n, 0, -1)
    state[S.magic] = MAGIC
    state[S.free] = pool
    state[S.refresh_next] = params[P.refresh_interval] or NEVER
    state[S.end] = NEVER
    state[S.last_command] = -1
    state[S.log_on] = int(log)
    state[S.done_on] = int(completions)
    state[S.last_stream] = -1
    return state
