"""Where everything stands in the kernel's two flat int64 arrays: parameters (read-only) and state."""

from enum import IntEnum
from typing import NamedTuple

RULE_BITS = 7
RULE_MASK = (1 << RULE_BITS) - 1
MAX_RULES = 112  # rule numbers 1..112; the causes below are no rules
CAUSE_NO_REQUEST = 120
CAUSE_COMMAND_BUS = 121
CAUSE_SCHEDULER = 122
CAUSE_REFRESH = 123
MAX_WAIT = 1 << 16  # cycles; keeps waits inside the scheduler's sort keys
MAX_BANKS = 256

BANK_BITS = 8  # a location packs bank | column << COLUMN_AT | row << ROW_AT
COLUMN_AT = 8
ROW_AT = 32

NEVER = 1 << 62
PAST = -(1 << 40)
MAGIC = 0x43594357
VERSION = 1

DONE_COLUMNS = 7  # tag, stream, op, arrival, accept, issue, return
LOG_COLUMNS = 4  # cycle, code, bank, arg
RECORDS_PER_CYCLE = 8  # at most, of either kind
COMMAND_STRIDE = 7  # code, does, scope, closes, latency, burst, 0
WINDOW_STRIDE = 7  # before, scope of rule, scope of before, wait << RULE_BITS | rule, ring, window, push first?
OP_STRIDE = 5  # queue, class in queue, command, forward, coalesce
STREAM_STRIDE = 10
SLOT_STRIDE = 8  # may: columns, open, close, close all, refresh; from: active, refresh, queue

OPEN, CLOSE, READ, WRITE, REFRESH = range(5)
BANK_SCOPE, GROUP_SCOPE, RANK_SCOPE, CHANNEL_SCOPE = range(4)
FR_FCFS, ROW_HIT_FIRST, FIFO = range(3)
ROUND_ROBIN, OLDEST, PRIORITY = range(3)
SCHEDULER_CODES = {"fr_fcfs": FR_FCFS, "row_hit_first": ROW_HIT_FIRST, "fifo": FIFO}
ARBITER_CODES = {"round_robin": ROUND_ROBIN, "oldest": OLDEST, "priority": PRIORITY}


class ParameterAt(NamedTuple):
    """Positions in the parameter block: counts and policies, then offsets of tables (t_) and state (s_)."""

    magic: int
    version: int
    size: int
    state_size: int
    input_capacity: int
    streams: int
    banks: int
    ranks: int
    groups: int  # per channel
    group_banks: int
    commands: int
    act: int
    pre: int
    close_all: int
    refresh: int
    refresh_interval: int  # 0: no refresh
    slots: int
    scheduler: int
    skip: int
    read_capacity: int
    write_capacity: int
    write_enter: int
    write_leave: int
    read_classes: int
    write_classes: int
    pool: int
    arbiter: int
    returns: int
    filter_mask: int
    watchdog: int
    segments: int
    lines: int
    ops: int
    windows: int
    t_command: int
    t_dense: int  # per command: first target, number of targets, offset of block
    t_sparse_at: int  # per command: first entry, number of entries
    t_sparse: int  # target command, its scope, wait << RULE_BITS | rule
    t_window_at: int  # per command: first row, number of rows
    t_window: int
    t_slots: int
    t_ops: int
    t_segments: int
    s_next_ok: int
    s_open_row: int
    s_active: int  # slot of the bank's active request or -1
    s_shield: int  # NEVER while the bank has an active request
    s_active_list: int
    s_head: int
    s_tail: int
    s_other_key: int
    s_other_slot: int
    s_hit_key: int
    s_hit_slot: int
    s_open_count: int  # per rank
    s_active_count: int  # per rank
    s_pool: int
    s_free: int
    s_filter: int
    s_rings: int
    s_streams: int
    s_returns: int
    s_bursts: int
    s_idle: int
    s_issued: int
    bursts: int  # capacity of the ring of bursts, a power of two
    rank_shift: int  # bank >> rank_shift is its rank
    group_shift: int
    t_classes: int  # per hit cache: the column command of its class
    header: int


P = ParameterAt(*range(len(ParameterAt._fields)))


class StateAt(NamedTuple):
    """Positions of the scalars at the front of the state."""

    magic: int
    now: int
    sequence: int
    reads_waiting: int
    writes_waiting: int
    active: int
    free: int
    write_mode: int
    refresh_next: int
    refresh_due: int
    refresh_done: int
    last_accept: int
    last_return: int
    last_command: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    forwarded: int
    coalesced: int
    reads: int
    writes: int
    reads_unissued: int
    done: int
    logged: int
    next_event: int
    last_stream: int
    last_progress: int
    charged_to: int  # first cycle not yet charged to data bus or a cause
    busy: int  # data bus cycles charged so far
    burst_head: int
    burst_tail: int
    end: int  # cycles of the run, once known
    passes: int
    accepted: int
    log_on: int
    closed_together: int  # banks that a close-all command closed
    done_on: int
    size: int


S = StateAt(*range(len(StateAt._fields)))


class EntryField(NamedTuple):
    """Fields of a queue entry; each is an array of ``pool`` entries inside the state."""

    next: int
    previous: int
    row: int
    location: int
    key: int
    op: int
    accept: int
    arrival: int
    tag: int
    counted: int
    stream: int
    size: int


Q = EntryField(*range(len(EntryField._fields)))


class StreamField(NamedTuple):
    """Fields of an input stream."""

    head: int
    tail: int
    open: int
    window: int
    reads_unissued: int
    return_head: int
    return_count: int
    accepted: int


T = StreamField(*range(len(StreamField._fields)))


class Stop(IntEnum):
    """Why :func:`sim.dram.kernel.run` came back; the first six double as bits of ``stop_on``."""

    UNTIL = 0
    NEED_INPUT = 1
    ACCEPT = 2
    COMPLETION = 4
    SLOT = 8
    FINISHED = 16
    DONE_FULL = 32
    LOG_FULL = 64
    STUCK = 128
    BAD_STATE = 256
