"""Flatten a resolved memory into the integer tables that the channel kernel runs on.

A constraint row says "no ``before`` within ``wait`` cycles of ``after`` in the same scope".  The
kernel keeps, for every command and every place it can go to, the first cycle in which all rows
allow it: ``next_ok[command, place]``.  This module turns the rows into what must be raised when a
command issues: one dense block per (command, group) plus a short list of single places, so that an
issue costs one short vector loop.

Values in ``next_ok`` are ``cycle << RULE_BITS | rule``: the rule that set the bound travels with it,
which makes ``bound_by`` free.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch.device import Command, Memory, RequestOp
from arch.errors import InputError
from sim.dram.block import Block
from sim.dram.constraints import SCOPES, constraints, places_of, windows
from sim.dram.layout import (
    ARBITER_CODES,
    BANK_BITS,
    BANK_STRIDE,
    BUFFER_CODES,
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
    FLIGHT_STRIDE,
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
    NEXT_OK,
    OP_STRIDE,
    OPS,
    PAGE_CODES,
    ROW_AT,
    SCHEDULER_CODES,
    SLOT_STRIDE,
    SLOTS,
    VERSION,
    C,
    K,
    O,
    P,
)

Ints = NDArray[np.int64]

_FEWEST_FLIGHTS = 1024  # requests between the oldest without a response and the youngest


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


def build(memory: Memory, input_capacity: int = 1 << 12) -> Tables:
    """Tables of one channel of ``memory``; ``input_capacity`` (a power of two) requests wait per stream.

    Raises InputError when the memory exceeds what the kernel was built for (see
    :mod:`sim.dram.layout`: 256 banks a channel, 112 rules, waits under 65,536 cycles, …).
    """
    places = places_of(memory.organization)
    o, ctl = memory.organization, memory.controller
    commands = _reachable(memory)
    rules = [r for r in memory.rules if ctl.rule_set not in r.not_in]
    rule_ids = {name: i + 1 for i, name in enumerate(dict.fromkeys(r.name for r in rules))}
    longest = max(c.latency + c.burst for c in commands)
    for field, what, given, most in (
        ("organization", "banks in a channel", o.banks_per_channel, MAX_BANKS),
        ("organization.columns", "transactions in a row", o.columns, 1 << (ROW_AT - COLUMN_AT)),
        ("constraints", "rows of this name", len(rule_ids), MAX_RULES),
        ("constraints", "cycles of waiting", max((r.wait for r in rules), default=0), MAX_WAIT - 1),
        ("commands", "commands", len(commands), MAX_COMMANDS),
        ("commands", "cycles from a column command to the end of its data", longest, MAX_DATA_DELAY - 64),
        ("requests", "kinds", len(memory.ops), MAX_OPS),
        ("bus", "slots", len(memory.slots), MAX_SLOTS),
        ("front_end.streams", "streams", memory.front_end.streams, MAX_STREAMS),
    ):
        if given > most:
            raise InputError(
                f"{memory.name}: too much for the model",
                field=field,
                given=f"{given} {what}",
                accepted=f"up to {most}",
            )

    block = Block()
    _commands(block, memory, commands, places.count["bank"])
    constraints(block, places, commands, rules, rule_ids, len(memory.slots))
    refreshed = memory.refresh is not None and ctl.refresh == "all_bank"
    bank_machines = ctl.machines == "bank"
    filter_size = 1024
    while filter_size < 8 * ctl.write_queue:
        filter_size *= 2
    pool = 0 if bank_machines else ctl.read_queue + ctl.write_queue + places.count["bank"]
    rings = ENTRIES + ENTRY_STRIDE * pool
    behind = windows(block, places, commands, rules, rule_ids, rings)
    returns = ctl.read_queue + places.count["bank"] + longest + 8
    own: dict[int, int] = {}
    if bank_machines:
        own, behind = _bank_machines(memory, places.count["bank"], behind)
        returns = own[P.flight_mask] + 1 + longest + 8
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
        **own,
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


def _bank_machines(memory: Memory, banks: int, at: int) -> tuple[dict[int, int], int]:
    """What bank machines read beside the rest; their part of the state, from ``at`` on, and its end."""
    ctl, front = memory.controller, memory.front_end
    # One more than fits: a request is taken in as long as the bank of the one before it has room.
    depth = ctl.buffer_size + 1
    waiting = banks * depth if ctl.buffer == "bankwise" else 2 * depth
    flights = max(_FEWEST_FLIGHTS, 2 << waiting.bit_length())
    responses = 2 << front.max_active.bit_length()
    limited = front.admission != "simple"
    rows = at
    own = {
        P.machines: 1,
        P.page_policy: PAGE_CODES[ctl.page_policy],
        P.buffer: BUFFER_CODES[ctl.buffer],
        P.buffer_size: ctl.buffer_size,
        P.depth: depth,
        P.rows: rows,
        P.flights: rows + 4 * banks * depth,
        P.flight_mask: flights - 1,
        P.responses: rows + 4 * banks * depth + flights * FLIGHT_STRIDE,
        P.response_mask: responses - 1,
        P.max_active: front.max_active if limited else 0,
        P.in_order: int(ctl.response_queue == "reorder" or front.admission == "reorder"),
        P.postponed: ctl.refresh_postponed,
        P.pulled_in: ctl.refresh_pulled_in,
    }
    refresh = memory.refresh
    if refresh is not None and ctl.refresh != "none" and ctl.refresh_postponed >= refresh.postpone:
        # The last one allowed to wait is begun so early that it is in time: what closing takes, and the bus.
        rules = [rule for rule in memory.rules if rule.after != (refresh.command,)]
        closing = max((rule.wait for rule in rules if refresh.close in rule.before), default=0)
        lead = closing + max((rule.wait for rule in rules if refresh.command in rule.before), default=0)
        own[P.refresh_lead] = min(lead + 2 * memory.organization.ranks, refresh.interval - 1)
    return own, own[P.responses] + responses


def _columns(op: RequestOp, memory: Memory) -> tuple[Command, ...]:
    return tuple(memory.command(name) for name in memory.columns_of(op))


def _column(op: RequestOp, memory: Memory) -> Command:
    return _columns(op, memory)[0]


def _reachable(memory: Memory) -> list[Command]:
    """Commands this controller can issue, in kernel order: columns, opening, closing, close-all, refresh."""
    columns = list(dict.fromkeys(column for op in memory.ops for column in _columns(op, memory)))
    opening = [c for c in memory.commands if c.does == "open" and c.scope == "bank"]
    closing = [c for c in memory.commands if c.does == "close" and c.scope == "bank"]
    if not opening or not closing:
        raise InputError(
            "a memory needs one bank command that opens a row and one that closes it", field="commands"
        )
    commands = [*columns, opening[0], closing[0]]
    if memory.refresh is not None and memory.controller.refresh == "all_bank":
        commands += [memory.command(memory.refresh.close), memory.command(memory.refresh.command)]
    return commands


def _commands(block: Block, memory: Memory, commands: list[Command], banks: int) -> None:
    """Commands, classes, request kinds, slots and address bits."""
    for i, c in enumerate(commands):
        row = {
            C.code: c.code,
            C.scope: SCOPES.index(c.scope),
            C.closes: int(c.closes),
            C.latency: c.latency,
            C.burst: c.burst,
            C.next_ok: NEXT_OK + i * banks,
        }
        block.row(COMMANDS, COMMAND_STRIDE, i, row)
    names = [c.name for c in commands]
    columns = {q: [_column(op, memory) for op in memory.ops if op.queue == q] for q in ("read", "write")}
    classes = [(q, c) for q in columns for c in dict.fromkeys(columns[q])]
    if len(classes) > MAX_CLASSES:
        raise InputError(
            f"{memory.name}: too much for the model",
            field="requests",
            given=f"{len(classes)} kinds of column commands",
            accepted=f"up to {MAX_CLASSES}",
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
            O.closing: names.index(_columns(op, memory)[-1].name),
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
