"""Where everything stands in the kernel's two flat int64 arrays: parameters (read-only) and state.

Sections that the scheduler touches stand at fixed places, sized for the largest memory, so that their
addresses are constants of the compiled code; pages that a smaller memory does not use are never touched.
"""

from enum import IntFlag
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
MAX_COMMANDS = 32
MAX_CLASSES = 8  # kinds of column commands, summed over the two queues
MAX_OPS = 64
MAX_SLOTS = 8
MAX_STREAMS = 64
MAX_QUEUE = 1024
MAX_POOL = 2 * MAX_QUEUE + MAX_BANKS
MAX_DATA_DELAY = 1024  # cycles from a column command to the end of its data

BANK_BITS = 8  # a location packs bank | column << COLUMN_AT | row << ROW_AT
COLUMN_AT = 8
ROW_AT = 32

NEVER = 1 << 62
PAST = -(1 << 40)
MAGIC = 0x43594357
VERSION = 3

DONE_COLUMNS = 7  # tag, stream, op, arrival, accept, issue, return
LOG_COLUMNS = 4  # cycle, code, bank, arg
RECORDS_PER_CYCLE = 8  # at most, of either kind

BANK_SCOPE, GROUP_SCOPE, RANK_SCOPE, CHANNEL_SCOPE = range(4)
FR_FCFS, ROW_HIT_FIRST, FIFO, FR_FCFS_GRP = range(4)
OPEN_PAGE, CLOSED_PAGE, OPEN_ADAPTIVE, CLOSED_ADAPTIVE = range(4)
BANKWISE, READ_WRITE, SHARED = range(3)
ROUND_ROBIN, OLDEST, PRIORITY = range(3)
SCHEDULER_CODES = {
    "fr_fcfs": FR_FCFS,
    "row_hit_first": ROW_HIT_FIRST,
    "fifo": FIFO,
    "fr_fcfs_grp": FR_FCFS_GRP,
}
PAGE_CODES = {
    "open": OPEN_PAGE,
    "closed": CLOSED_PAGE,
    "open_adaptive": OPEN_ADAPTIVE,
    "closed_adaptive": CLOSED_ADAPTIVE,
}
BUFFER_CODES = {"bankwise": BANKWISE, "read_write": READ_WRITE, "shared": SHARED}
ARBITER_CODES = {"round_robin": ROUND_ROBIN, "oldest": OLDEST, "priority": PRIORITY}


class ParameterAt(NamedTuple):
    """Scalars at the front of the parameter block."""

    magic: int
    version: int
    size: int
    state_size: int
    input_capacity: int
    streams: int
    banks: int
    ranks: int
    groups: int  # per channel
    rank_shift: int  # bank >> rank_shift is its rank
    group_shift: int
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
    returns: int  # capacity of a stream's ring of returns
    filter_mask: int
    watchdog: int
    segments: int
    lines: int
    ops: int
    # Bank machines alone:
    machines: int  # 0: the scheduler of the queues runs
    page_policy: int
    buffer: int
    buffer_size: int
    depth: int  # requests of one bank that can wait
    rows: int  # where the banks' waiting rows stand in the state, 2 * depth for each bank, then their numbers
    flights: int  # where requests stand from acceptance to response
    flight_mask: int
    responses: int  # where response times stand
    response_mask: int
    max_active: int  # 0: no limit
    in_order: int
    postponed: int
    pulled_in: int
    refresh_lead: int  # cycles by which a refresh that must not wait is begun ahead


class CommandField(NamedTuple):
    """A row of the command table."""

    code: int
    scope: int
    closes: int
    latency: int
    burst: int
    next_ok: int  # where its places stand in the state
    dense_at: int  # first place in the state that the dense block raises
    dense_n: int  # how many places
    dense: int  # the block, one row per group (per place for wider commands)
    sparse: int
    sparse_n: int
    window: int
    window_n: int


class ClassField(NamedTuple):
    """A kind of column command in a queue; the read queue's come first."""

    command: int
    next_ok: int
    closes: int
    spare: int


class OpField(NamedTuple):
    """What a request of a kind turns into."""

    queue: int
    kind: int  # class
    command: int
    forward: int
    coalesce: int
    next_ok: int
    hit: int  # where its class keeps its hits: kind * BANK_STRIDE
    closing: int  # command with auto-precharge, if it may be issued beside ``command``


class SlotField(NamedTuple):
    """What a bus slot may carry, and from where."""

    column: int
    open: int
    close: int
    close_all: int
    refresh: int
    from_active: int
    from_refresh: int
    from_queue: int


class StateAt(NamedTuple):
    """Scalars at the front of the state."""

    magic: int
    now: int
    sequence: int
    reads_waiting: int
    writes_waiting: int
    read_banks: int  # banks with waiting reads
    write_banks: int
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
    end: int  # cycles of the run, once known
    accepted: int
    log_on: int
    done_on: int
    closed_together: int  # banks that a close-all command closed
    # Bank machines alone:
    answered: int  # requests before this number have their response
    last_response: int
    response_head: int
    response_tail: int
    last_bank: int  # of the last request taken in
    last_queue: int  # of the last column command


class EntryField(NamedTuple):
    """A queue entry; what list walks read comes first."""

    next: int
    row: int
    key: int
    hit: int
    location: int
    op: int
    counted: int
    previous: int
    accept: int
    arrival: int
    tag: int
    stream: int


class FlightField(NamedTuple):
    """A request of the bank machines, from acceptance to response."""

    location: int
    op: int
    counted: int
    accept: int
    arrival: int
    tag: int
    issue: int
    back: int  # -1: not issued


class RefreshField(NamedTuple):
    """The refreshes of a rank under bank machines."""

    due: int
    postponed: int  # below 0: pulled in
    pulling: int  # the refresh of this interval is done; further ones come early
    forced: int  # its banks do nothing until it has been refreshed


class StreamField(NamedTuple):
    """An input stream."""

    head: int
    tail: int
    open: int
    window: int
    reads_unissued: int
    return_head: int
    return_count: int
    ring: int  # where its ring of returns stands in the state


P = ParameterAt(*range(len(ParameterAt._fields)))
C = CommandField(*range(len(CommandField._fields)))
K = ClassField(*range(len(ClassField._fields)))
O = OpField(*range(len(OpField._fields)))  # noqa: E741  # one letter like its neighbours
B = SlotField(*range(len(SlotField._fields)))
S = StateAt(*range(len(StateAt._fields)))
Q = EntryField(*range(len(EntryField._fields)))
F = FlightField(*range(len(FlightField._fields)))
R = RefreshField(*range(len(RefreshField._fields)))
T = StreamField(*range(len(StreamField._fields)))

COMMAND_STRIDE = 16
CLASS_STRIDE = 4
OP_STRIDE = 8
SLOT_STRIDE = 8
SEGMENT_STRIDE = 3  # source bit, mask, target bit
SPARSE_STRIDE = 3  # next_ok of target, bank >> this is its place, wait << RULE_BITS | rule
WINDOW_STRIDE = (
    7  # next_ok of target, scope of rule, scope of target, wait << RULE_BITS | rule, ring, window, push?
)

COMMANDS = 64
CLASSES = COMMANDS + COMMAND_STRIDE * MAX_COMMANDS
OPS = CLASSES + CLASS_STRIDE * MAX_CLASSES
SLOTS = OPS + OP_STRIDE * MAX_OPS
TABLES = SLOTS + SLOT_STRIDE * MAX_SLOTS  # address segments, then tables of no fixed place
SEGMENTS = TABLES

BANK_STRIDE = MAX_BANKS + 8  # keeps rows of different sections out of one another's cache sets
ENTRY_STRIDE = 16
STREAM_STRIDE = 8
FLIGHT_STRIDE = 8
RANK_STRIDE = 4
ACTIVE_STRIDE = 4  # sort key, place in next_ok, entry, command

ACTIVE = 64
OPEN_ROW = ACTIVE + ACTIVE_STRIDE * MAX_BANKS
SHIELD = OPEN_ROW + BANK_STRIDE  # NEVER while the bank has an active request
HEAD = SHIELD + BANK_STRIDE  # per queue, as are the next three
TAIL = HEAD + 2 * BANK_STRIDE
OCCUPIED = TAIL + 2 * BANK_STRIDE  # the banks that have entries, in no order
OCCUPIED_AT = OCCUPIED + 2 * BANK_STRIDE  # where each stands in that list
OTHER_KEY = OCCUPIED_AT + 2 * BANK_STRIDE
OTHER_ENTRY = OTHER_KEY + 2 * BANK_STRIDE
HIT_KEY = OTHER_ENTRY + 2 * BANK_STRIDE  # per class
HIT_ENTRY = HIT_KEY + MAX_CLASSES * BANK_STRIDE
OPEN_COUNT = HIT_ENTRY + MAX_CLASSES * BANK_STRIDE  # per rank
ACTIVE_COUNT = OPEN_COUNT + MAX_BANKS  # per rank
IDLE = ACTIVE_COUNT + MAX_BANKS  # per cause
ISSUED = IDLE + 128  # per command
NEXT_OK = ISSUED + MAX_COMMANDS
STREAMS = NEXT_OK + MAX_COMMANDS * MAX_BANKS
DATA_BUS = STREAMS + STREAM_STRIDE * MAX_STREAMS  # a bit per cycle, 64 in a word, in a ring
DATA_BUS_WORDS = 2 * MAX_DATA_DELAY // 64
# A channel with bank machines has no queue entries, and uses their sections otherwise:
FIRST = HEAD  # place of the bank's oldest request among its rows
LAST = HEAD + BANK_STRIDE  # behind its youngest
PICK = TAIL  # number of the request picked, NEVER if none
PICK_AT = TAIL + BANK_STRIDE  # its place
PICK_OK = OTHER_KEY  # place in next_ok of its next command
PICK_COMMAND = OTHER_KEY + BANK_STRIDE
NOTHING = SHIELD + MAX_BANKS  # holds NEVER: what a bank without requests waits for
RANKS = ACTIVE
FREE = DATA_BUS + DATA_BUS_WORDS
FILTER = FREE + MAX_POOL
ENTRIES = FILTER + 8 * MAX_QUEUE
# Behind the entries: rings of windowed rules, rings of returns.


class Stop(IntFlag):
    """Why :func:`sim.dram.kernel.run` came back; NEED_INPUT to FINISHED are also the bits of ``stop_on``."""

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
