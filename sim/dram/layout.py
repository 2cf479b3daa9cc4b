"""Where everything stands in the kernel's two flat int64 arrays: parameters (read-only) and state."""

from enum import IntEnum

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


class P(IntEnum):
    """Positions in the parameter block: counts and policies, then offsets of tables (t_) and state (s_)."""

    magic = 0
    version = 1
    size = 2
    state_size = 3
    input_capacity = 4
    streams = 5
    banks = 6
    ranks = 7
    groups = 8  # per channel
    group_banks = 9
    commands = 10
    act = 11
    pre = 12
    close_all = 13
    refresh = 14
    refresh_interval = 15  # 0: no refresh
    slots = 16
    scheduler = 17
    skip = 18
    read_capacity = 19
    write_capacity = 20
    write_enter = 21
    write_leave = 22
    read_classes = 23
    write_classes = 24
    pool = 25
    arbiter = 26
    returns = 27
    filter_mask = 28
    watchdog = 29
    segments = 30
    lines = 31
    ops = 32
    windows = 33
    t_command = 34
    t_dense = 35  # per command: first target, number of targets, offset of block
    t_sparse_at = 36  # per command: first entry, number of entries
    t_sparse = 37  # target command, its scope, wait << RULE_BITS | rule
    t_window_at = 38  # per command: first row, number of rows
    t_window = 39
    t_slots = 40
    t_ops = 41
    t_segments = 42
    s_next_ok = 43
    s_open_row = 44
    s_active = 45  # slot of the bank's active request or -1
    s_shield = 46  # NEVER while the bank has an active request
    s_active_list = 47
    s_head = 48
    s_tail = 49
    s_other_key = 50
    s_other_slot = 51
    s_hit_key = 52
    s_hit_slot = 53
    s_open_count = 54  # per rank
    s_active_count = 55  # per rank
    s_pool = 56
    s_free = 57
    s_filter = 58
    s_rings = 59
    s_streams = 60
    s_returns = 61
    s_bursts = 62
    s_idle = 63
    s_issued = 64
    bursts = 65  # capacity of the ring of bursts, a power of two
    t_classes = 66  # per hit cache: the column command of its class
    header = 67


class S(IntEnum):
    """Positions of the scalars at the front of the state."""

    magic = 0
    now = 1
    sequence = 2
    reads_waiting = 3
    writes_waiting = 4
    active = 5
    free = 6
    write_mode = 7
    refresh_next = 8
    refresh_due = 9
    refresh_done = 10
    last_accept = 11
    last_return = 12
    last_command = 13
    row_hits = 14
    row_misses = 15
    row_conflicts = 16
    forwarded = 17
    coalesced = 18
    reads = 19
    writes = 20
    reads_unissued = 21
    done = 22
    logged = 23
    next_event = 24
    last_stream = 25
    last_progress = 26
    charged_to = 27  # first cycle not yet charged to data bus or a cause
    busy = 28  # data bus cycles charged so far
    burst_head = 29
    burst_tail = 30
    end = 31  # cycles of the run, once known
    passes = 32
    accepted = 33
    log_on = 34
    done_on = 35
    size = 36


class Q(IntEnum):
    """Fields of a queue entry; each is an array of ``pool`` entries inside the state."""

    next = 0
    previous = 1
    row = 2
    location = 3
    key = 4
    op = 5
    accept = 6
    arrival = 7
    tag = 8
    counted = 9
    stream = 10
    size = 11


class T(IntEnum):
    """Fields of an input stream."""

    head = 0
    tail = 1
    open = 2
    window = 3
    reads_unissued = 4
    return_head = 5
    return_count = 6
    accepted = 7


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
