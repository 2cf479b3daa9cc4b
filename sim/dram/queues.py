"""The channel's request queues: entries in per-bank lists, oldest first, with the candidates kept at hand.

For each queue (0 read, 1 write) and bank the scheduler needs the oldest entry that hits the open row
(per class of column command) and the oldest that does not.  Both are cached as sort keys
``age << BANK_BITS | bank`` and updated when an entry comes or goes or a row opens or closes, so that
choosing a command is one loop over the banks whatever the depth of the queues.
"""

from sim.dram.layout import (
    BANK_BITS,
    BANK_STRIDE,
    ENTRIES,
    ENTRY_STRIDE,
    FILTER,
    FREE,
    HEAD,
    HIT_ENTRY,
    HIT_KEY,
    NEVER,
    OCCUPIED,
    OCCUPIED_AT,
    OP_STRIDE,
    OPEN_ROW,
    OPS,
    OTHER_ENTRY,
    OTHER_KEY,
    ROW_AT,
    TAIL,
    O,
    P,
    Q,
    S,
)
from sim.jit import Words, inlined, njit

_BANK_MASK = (1 << BANK_BITS) - 1


@inlined
def _filter(params: Words, location: int) -> int:
    """Where ``location`` is counted in the write queue's filter."""
    return int(FILTER + ((location ^ (location >> 13) ^ (location >> 31)) & params[P.filter_mask]))


@njit
def find_line(state: Words, params: Words, location: int, op: int) -> bool:
    """Is ``location`` in the write queue: from ``op`` itself, or (``op`` < 0) from any op that forwards?"""
    if state[_filter(params, location)] == 0:
        return False
    entry = state[HEAD + BANK_STRIDE + (location & _BANK_MASK)]
    while entry >= 0:
        at = ENTRIES + entry * ENTRY_STRIDE
        if state[at + Q.location] == location:
            queued = state[at + Q.op]
            if queued == op or (op < 0 and params[OPS + queued * OP_STRIDE + O.forward]):
                return True
        entry = state[at + Q.next]
    return False


@inlined
def enqueue(
    state: Words,
    params: Words,
    queue: int,
    location: int,
    op: int,
    stream: int,
    now: int,
    arrival: int,
    tag: int,
) -> None:
    """Append a request accepted ``now`` to ``queue``; the caller has made sure of a free place."""
    bank = location & _BANK_MASK
    row = location >> ROW_AT
    state[S.free] -= 1
    entry = state[FREE + state[S.free]]
    key = (state[S.sequence] << BANK_BITS) | bank
    state[S.sequence] += 1
    hit = params[OPS + op * OP_STRIDE + O.hit] + bank
    at = ENTRIES + entry * ENTRY_STRIDE
    place = queue * BANK_STRIDE + bank
    tail = state[TAIL + place]
    # First what the scheduler reads next: stores reach the cache in program order.
    if state[OPEN_ROW + bank] == row:
        if state[HIT_KEY + hit] == NEVER:
            state[HIT_KEY + hit] = key
            state[HIT_ENTRY + hit] = entry
    elif state[OTHER_KEY + place] == NEVER:
        state[OTHER_KEY + place] = key
        state[OTHER_ENTRY + place] = entry
    state[at + Q.next] = -1
    state[at + Q.row] = row
    state[at + Q.key] = key
    state[at + Q.hit] = hit
    state[at + Q.location] = location
    state[at + Q.op] = op
    state[at + Q.counted] = 0
    state[at + Q.previous] = tail
    state[at + Q.accept] = now
    state[at + Q.arrival] = arrival
    state[at + Q.tag] = tag
    state[at + Q.stream] = stream
    if tail < 0:
        state[HEAD + place] = entry
        n = state[S.read_banks + queue]
        state[OCCUPIED + queue * BANK_STRIDE + n] = bank
        state[OCCUPIED_AT + place] = n
        state[S.read_banks + queue] = n + 1
    else:
        state[ENTRIES + tail * ENTRY_STRIDE + Q.next] = entry
    state[TAIL + place] = entry
    if queue:
        state[S.writes_waiting] += 1
        state[_filter(params, location)] += 1
    else:
        state[S.reads_waiting] += 1


@inlined
def unlink(state: Words, params: Words, queue: int, at: int) -> None:
    """Take the entry at ``at`` out of its bank's list and the queue's count; candidates are not updated."""
    location = state[at + Q.location]
    place = queue * BANK_STRIDE + (location & _BANK_MASK)
    before = state[at + Q.previous]
    behind = state[at + Q.next]
    if before < 0:
        state[HEAD + place] = behind
        if behind < 0:
            n = state[S.read_banks + queue] - 1
            state[S.read_banks + queue] = n
            last = state[OCCUPIED + queue * BANK_STRIDE + n]
            here = state[OCCUPIED_AT + place]
            state[OCCUPIED + queue * BANK_STRIDE + here] = last
            state[OCCUPIED_AT + queue * BANK_STRIDE + last] = here
    else:
        state[ENTRIES + before * ENTRY_STRIDE + Q.next] = behind
    if behind < 0:
        state[TAIL + place] = before
    else:
        state[ENTRIES + behind * ENTRY_STRIDE + Q.previous] = before
    if queue:
        state[S.writes_waiting] -= 1
        state[_filter(params, location)] -= 1
    else:
        state[S.reads_waiting] -= 1


@inlined
def release(state: Words, entry: int) -> None:
    """Give the entry's place in the pool back."""
    state[FREE + state[S.free]] = entry
    state[S.free] += 1


@inlined
def next_hit(state: Words, at: int) -> None:
    """The hit at ``at`` has left: find the next of its class behind it in the bank's list."""
    row = state[at + Q.row]
    hit = state[at + Q.hit]
    behind = state[at + Q.next]
    while behind >= 0:
        here = ENTRIES + behind * ENTRY_STRIDE
        if state[here + Q.row] == row and state[here + Q.hit] == hit:
            state[HIT_KEY + hit] = state[here + Q.key]
            state[HIT_ENTRY + hit] = behind
            return
        behind = state[here + Q.next]
    state[HIT_KEY + hit] = NEVER


@inlined
def row_opened(state: Words, params: Words, bank: int, row: int) -> None:
    """Sort the bank's waiting entries into hits and others, for both queues."""
    state[OPEN_ROW + bank] = row
    for queue in range(2):
        place = queue * BANK_STRIDE + bank
        entry = state[HEAD + place]
        state[OTHER_KEY + place] = NEVER
        if entry < 0:
            continue
        wanted = params[P.write_classes] if queue else params[P.read_classes]
        other = False
        while entry >= 0:
            at = ENTRIES + entry * ENTRY_STRIDE
            if state[at + Q.row] == row:
                hit = state[at + Q.hit]
                if state[HIT_KEY + hit] == NEVER:
                    state[HIT_KEY + hit] = state[at + Q.key]
                    state[HIT_ENTRY + hit] = entry
                    wanted -= 1
                    if other and wanted == 0:
                        break
            elif not other:
                state[OTHER_KEY + place] = state[at + Q.key]
                state[OTHER_ENTRY + place] = entry
                other = True
                if wanted == 0:
                    break
            entry = state[at + Q.next]


@njit
def row_closed(state: Words, params: Words, bank: int) -> None:
    """Nobody hits a closed bank: the oldest entry of each queue is its candidate."""
    state[OPEN_ROW + bank] = -1
    for kind in range(params[P.read_classes] + params[P.write_classes]):
        state[HIT_KEY + kind * BANK_STRIDE + bank] = NEVER
    for queue in range(2):
        place = queue * BANK_STRIDE + bank
        entry = state[HEAD + place]
        state[OTHER_KEY + place] = state[ENTRIES + entry * ENTRY_STRIDE + Q.key] if entry >= 0 else NEVER
        state[OTHER_ENTRY + place] = entry
