"""The channel's request queues: entries in per-bank lists, oldest first, with the candidates kept at hand.

For each queue (0 read, 1 write) and bank the scheduler needs the oldest entry that hits the open row
(per class of column command) and the oldest that does not.  Both are cached as sort keys
``age << BANK_BITS | bank`` and updated when an entry comes or goes or a row opens or closes, so that
choosing a command is one loop over the banks whatever the depth of the queues.
"""

from sim.dram.layout import (
    BANK_BITS,
    COLUMN_AT,
    NEVER,
    OP_STRIDE,
    ROW_AT,
    P,
    Q,
    S,
)
from sim.jit import Words, njit

_BANK_MASK = (1 << BANK_BITS) - 1
_COLUMN_MASK = (1 << (ROW_AT - COLUMN_AT)) - 1


@njit
def filter_slot(location: int, mask: int) -> int:
    """Where ``location`` is counted in the write queue's filter."""
    return (location ^ (location >> 13) ^ (location >> 31)) & mask


@njit
def find_line(state: Words, params: Words, location: int, op: int) -> bool:
    """Does the write queue hold ``location``: from ``op`` itself, or (``op`` < 0) from any op that forwards?"""
    if state[params[P.s_filter] + filter_slot(location, params[P.filter_mask])] == 0:
        return False
    entries, pool = params[P.s_pool], params[P.pool]
    entry = state[params[P.s_head] + params[P.banks] + (location & _BANK_MASK)]
    while entry >= 0:
        if state[entries + Q.location * pool + entry] == location:
            queued = state[entries + Q.op * pool + entry]
            if queued == op or (op < 0 and params[params[P.t_ops] + queued * OP_STRIDE + 3]):
                return True
        entry = state[entries + Q.next * pool + entry]
    return False


@njit
def enqueue(
    state: Words,
    params: Words,
    queue: int,
    location: int,
    op: int,
    stream: int,
    accept: int,
    arrival: int,
    tag: int,
) -> None:
    """Append a request to ``queue``; the caller has made sure of a free place."""
    entries, pool, banks = params[P.s_pool], params[P.pool], params[P.banks]
    bank = location & _BANK_MASK
    row = location >> ROW_AT
    state[S.free] -= 1
    entry = state[params[P.s_free] + state[S.free]]
    key = (state[S.sequence] << BANK_BITS) | bank
    state[S.sequence] += 1
    state[entries + Q.next * pool + entry] = -1
    state[entries + Q.row * pool + entry] = row
    state[entries + Q.location * pool + entry] = location
    state[entries + Q.key * pool + entry] = key
    state[entries + Q.op * pool + entry] = op
    state[entries + Q.accept * pool + entry] = accept
    state[entries + Q.arrival * pool + entry] = arrival
    state[entries + Q.tag * pool + entry] = tag
    state[entries + Q.counted * pool + entry] = 0
    state[entries + Q.stream * pool + entry] = stream
    place = queue * banks + bank
    tail = state[params[P.s_tail] + place]
    state[entries + Q.previous * pool + entry] = tail
    if tail < 0:
        state[params[P.s_head] + place] = entry
    else:
        state[entries + Q.next * pool + tail] = entry
    state[params[P.s_tail] + place] = entry
    if state[params[P.s_open_row] + bank] == row:
        hit = (state_class(params, queue, op)) * banks + bank
        if state[params[P.s_hit_key] + hit] == NEVER:
            state[params[P.s_hit_key] + hit] = key
            state[params[P.s_hit_slot] + hit] = entry
    elif state[params[P.s_other_key] + place] == NEVER:
        state[params[P.s_other_key] + place] = key
        state[params[P.s_other_slot] + place] = entry
    if queue == 1:
        state[S.writes_waiting] += 1
        state[params[P.s_filter] + filter_slot(location, params[P.filter_mask])] += 1
    else:
        state[S.reads_waiting] += 1


@njit
def state_class(params: Words, queue: int, op: int) -> int:
    """Number of the hit cache for ``op``: the read queue's classes come first."""
    return int(queue * params[P.read_classes] + params[params[P.t_ops] + op * OP_STRIDE + 1])


@njit
def unlink(state: Words, params: Words, queue: int, entry: int) -> None:
    """Take ``entry`` out of its bank's list and of the queue's count; its candidates are not updated."""
    entries, pool, banks = params[P.s_pool], params[P.pool], params[P.banks]
    location = state[entries + Q.location * pool + entry]
    place = queue * banks + (location & _BANK_MASK)
    before = state[entries + Q.previous * pool + entry]
    behind = state[entries + Q.next * pool + entry]
    if before < 0:
        state[params[P.s_head] + place] = behind
    else:
        state[entries + Q.next * pool + before] = behind
    if behind < 0:
        state[params[P.s_tail] + place] = before
    else:
        state[entries + Q.previous * pool + behind] = before
    if queue == 1:
        state[S.writes_waiting] -= 1
        state[params[P.s_filter] + filter_slot(location, params[P.filter_mask])] -= 1
    else:
        state[S.reads_waiting] -= 1


@njit
def release(state: Words, params: Words, entry: int) -> None:
    """Give the entry's place in the pool back."""
    state[params[P.s_free] + state[S.free]] = entry
    state[S.free] += 1


@njit
def next_hit(state: Words, params: Words, queue: int, entry: int, behind: int) -> None:
    """After the hit ``entry`` left, the next hit of its class is at ``behind`` or later in the bank's list."""
    entries, pool, banks = params[P.s_pool], params[P.pool], params[P.banks]
    bank = state[entries + Q.location * pool + entry] & _BANK_MASK
    row = state[params[P.s_open_row] + bank]
    kind = state_class(params, queue, state[entries + Q.op * pool + entry])
    hit = kind * banks + bank
    while behind >= 0:
        if (
            state[entries + Q.row * pool + behind] == row
            and state_class(params, queue, state[entries + Q.op * pool + behind]) == kind
        ):
            state[params[P.s_hit_key] + hit] = state[entries + Q.key * pool + behind]
            state[params[P.s_hit_slot] + hit] = behind
            return
        behind = state[entries + Q.next * pool + behind]
    state[params[P.s_hit_key] + hit] = NEVER
    state[params[P.s_hit_slot] + hit] = -1


@njit
def row_opened(state: Words, params: Words, bank: int, row: int) -> None:
    """Sort the bank's waiting entries into hits and others, for both queues."""
    entries, pool, banks = params[P.s_pool], params[P.pool], params[P.banks]
    state[params[P.s_open_row] + bank] = row
    classes = params[P.read_classes] + params[P.write_classes]
    for kind in range(classes):
        state[params[P.s_hit_key] + kind * banks + bank] = NEVER
    for queue in range(2):
        place = queue * banks + bank
        state[params[P.s_other_key] + place] = NEVER
        entry = state[params[P.s_head] + place]
        wanted = params[P.write_classes] if queue == 1 else params[P.read_classes]
        found = 0
        other = False
        while entry >= 0 and not (other and found == wanted):
            if state[entries + Q.row * pool + entry] == row:
                hit = state_class(params, queue, state[entries + Q.op * pool + entry]) * banks + bank
                if state[params[P.s_hit_key] + hit] == NEVER:
                    state[params[P.s_hit_key] + hit] = state[entries + Q.key * pool + entry]
                    state[params[P.s_hit_slot] + hit] = entry
                    found += 1
            elif not other:
                state[params[P.s_other_key] + place] = state[entries + Q.key * pool + entry]
                state[params[P.s_other_slot] + place] = entry
                other = True
            entry = state[entries + Q.next * pool + entry]


@njit
def row_closed(state: Words, params: Words, bank: int) -> None:
    """Nobody hits a closed bank: the oldest entry of each queue is its candidate."""
    entries, pool, banks = params[P.s_pool], params[P.pool], params[P.banks]
    state[params[P.s_open_row] + bank] = -1
    for kind in range(params[P.read_classes] + params[P.write_classes]):
        state[params[P.s_hit_key] + kind * banks + bank] = NEVER
    for queue in range(2):
        place = queue * banks + bank
        entry = state[params[P.s_head] + place]
        state[params[P.s_other_key] + place] = state[entries + Q.key * pool + entry] if entry >= 0 else NEVER
        state[params[P.s_other_slot] + place] = entry
