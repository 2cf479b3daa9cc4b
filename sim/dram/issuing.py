"""What issuing a command changes: banks, queues, timing of later commands, records and accounts."""

from sim.dram.data_bus import charge, occupy
from sim.dram.layout import (
    ACTIVE,
    ACTIVE_COUNT,
    ACTIVE_STRIDE,
    BANK_BITS,
    BANK_SCOPE,
    CAUSE_COMMAND_BUS,
    CAUSE_NO_REQUEST,
    CAUSE_REFRESH,
    CAUSE_SCHEDULER,
    COLUMN_AT,
    COMMAND_STRIDE,
    COMMANDS,
    ENTRIES,
    ENTRY_STRIDE,
    NEVER,
    OP_STRIDE,
    OPEN_COUNT,
    OPEN_ROW,
    OPS,
    ROW_AT,
    RULE_BITS,
    RULE_MASK,
    SHIELD,
    SPARSE_STRIDE,
    STREAM_STRIDE,
    STREAMS,
    WINDOW_STRIDE,
    C,
    O,
    P,
    Q,
    S,
    Stop,
    T,
)
from sim.dram.queues import next_hit, release, row_closed, row_opened, unlink
from sim.dram.records import log_command, note_return, record
from sim.dram.scheduling import CLOSE_ROW_FOR, COLUMN_HIT, FROM_REFRESH, OPEN_ROW_FOR, refresh_place
from sim.jit import Words, inlined, njit

_BANK_MASK = (1 << BANK_BITS) - 1
_COLUMN_MASK = (1 << (ROW_AT - COLUMN_AT)) - 1
_COMPLETION = int(Stop.COMPLETION)
_SLOT = int(Stop.SLOT)


@inlined
def issue(
    state: Words, params: Words, done: Words, log: Words, clock: int, kind: int, entry: int, command: int
) -> int:
    """Issue a candidate of :func:`~sim.dram.scheduling.choose` at ``clock``; bits of what happened."""
    row = COMMANDS + command * COMMAND_STRIDE
    if kind == FROM_REFRESH:
        _issue_refresh(state, params, log, clock, entry, command)
        return 0

    at = ENTRIES + entry * ENTRY_STRIDE
    location = state[at + Q.location]
    bank = location & _BANK_MASK
    rank = bank >> params[P.rank_shift]
    held = state[params[row + C.next_ok] + bank]
    accept = state[at + Q.accept]
    cause = CAUSE_SCHEDULER
    if held >> RULE_BITS == clock and held & RULE_MASK:
        cause = held & RULE_MASK
    elif accept == clock - 1:
        cause = CAUSE_NO_REQUEST
    elif state[S.last_command] == clock - 1:
        cause = CAUSE_COMMAND_BUS
    charge(state, clock, cause)
    state[S.last_command] = clock
    bar_followers(state, params, row, bank, bank, clock)
    state[S.last_progress] = clock

    if kind == OPEN_ROW_FOR:
        state[S.row_misses] += 1 - state[at + Q.counted]
        state[at + Q.counted] = 1
        op = OPS + state[at + Q.op] * OP_STRIDE
        unlink(state, params, params[op + O.queue], at)
        active = ACTIVE + state[S.active] * ACTIVE_STRIDE
        state[S.active] += 1
        state[active] = state[at + Q.key]
        state[active + 1] = params[op + O.next_ok] + bank
        state[active + 2] = entry
        state[active + 3] = params[op + O.command]
        state[SHIELD + bank] = NEVER
        state[ACTIVE_COUNT + rank] += 1
        state[OPEN_COUNT + rank] += 1
        row_opened(state, params, bank, location >> ROW_AT)
        log_command(state, params, log, clock, command, bank, location >> ROW_AT)
        return _SLOT
    if kind == CLOSE_ROW_FOR:
        state[S.row_conflicts] += 1 - state[at + Q.counted]
        state[at + Q.counted] = 1
        state[OPEN_COUNT + rank] -= 1
        row_closed(state, params, bank)
        log_command(state, params, log, clock, command, bank, -1)
        return 0

    # A column command, from the queue or of the bank's active request.
    op = state[at + Q.op]
    queue = params[OPS + op * OP_STRIDE + O.queue]
    happened = _COMPLETION
    if kind == COLUMN_HIT:
        state[S.row_hits] += 1 - state[at + Q.counted]
        unlink(state, params, queue, at)
        next_hit(state, at)
        happened |= _SLOT
    else:
        state[SHIELD + bank] = 0
        state[S.active] -= 1
        state[ACTIVE_COUNT + rank] -= 1
        active = ACTIVE
        while state[active + 2] != entry:
            active += ACTIVE_STRIDE
        last = ACTIVE + state[S.active] * ACTIVE_STRIDE
        for i in range(ACTIVE_STRIDE):
            state[active + i] = state[last + i]
    if params[row + C.closes]:
        state[OPEN_COUNT + rank] -= 1
        row_closed(state, params, bank)
    data = clock + params[row + C.latency]
    back = data + params[row + C.burst]
    if data < state[S.end]:
        occupy(state, data, back)
    stream = state[at + Q.stream]
    if queue == 0:
        state[S.reads_unissued] -= 1
        state[STREAMS + stream * STREAM_STRIDE + T.reads_unissued] -= 1
        state[S.last_return] = max(state[S.last_return], back)
        note_return(state, params, stream, back, clock - 1)
    record(state, done, state[at + Q.tag], stream, op, state[at + Q.arrival], accept, clock, back)
    release(state, entry)
    log_command(state, params, log, clock, command, bank, (location >> COLUMN_AT) & _COLUMN_MASK)
    return happened


@njit
def _issue_refresh(state: Words, params: Words, log: Words, clock: int, rank: int, command: int) -> None:
    """Issue a rank's refresh, or the close-all before it."""
    first = rank << params[P.rank_shift]
    if state[S.reads_waiting] + state[S.writes_waiting] + state[S.active] > 0:
        charge(state, clock, CAUSE_REFRESH)
    state[S.last_command] = clock
    bar_followers(
        state, params, COMMANDS + command * COMMAND_STRIDE, refresh_place(params, command, rank), first, clock
    )
    if command == params[P.close_all]:
        for bank in range(first, first + (1 << params[P.rank_shift])):
            if state[OPEN_ROW + bank] >= 0:
                row_closed(state, params, bank)
                state[S.closed_together] += 1
        state[OPEN_COUNT + rank] = 0
    else:
        state[S.refresh_done] += 1
    log_command(state, params, log, clock, command, first if params[P.ranks] > 1 else -1, -1)


@inlined
def bar_followers(state: Words, params: Words, row: int, place: int, bank: int, clock: int) -> None:
    """Let every constraint row that starts at the command in table row ``row`` bar its followers."""
    base = clock << RULE_BITS
    n = params[row + C.dense_n]
    if n:
        group = bank >> params[P.group_shift] if params[row + C.scope] == BANK_SCOPE else place
        add = params[row + C.dense] + group * n
        target = params[row + C.dense_at]
        for i in range(n):
            state[target + i] = max(state[target + i], params[add + i] + base)
    single = params[row + C.sparse]
    for _ in range(params[row + C.sparse_n]):
        where = params[single] + (bank >> params[single + 1])
        state[where] = max(state[where], params[single + 2] + base)
        single += SPARSE_STRIDE
    window = params[row + C.window]
    for _ in range(params[row + C.window_n]):
        instance = bank >> params[window + 1]
        length = params[window + 5]
        ring = params[window + 4] + instance * (length + 1)
        if params[window + 6]:
            state[ring + 1 + state[ring]] = clock
            state[ring] = state[ring] + 1 if state[ring] + 1 < length else 0
        value = (state[ring + 1 + state[ring]] << RULE_BITS) + params[window + 3]
        first = params[window] + ((instance << params[window + 1]) >> params[window + 2])
        last_bank = min((instance + 1) << params[window + 1], params[P.banks]) - 1
        for j in range(first, params[window] + (last_bank >> params[window + 2]) + 1):
            state[j] = max(state[j], value)
        window += WINDOW_STRIDE
