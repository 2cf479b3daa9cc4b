"""The compiled DRAM channel: front end, scheduler, refresh and command timing, event by event.

One function, :func:`run`, serves batches and co-simulation: it advances a channel until a cycle, or
until something happens that the caller asked to hear of.  All it knows stands in two int64 arrays
(:mod:`sim.dram.layout`); requests come in through a ring per stream, completions and commands leave
through two more arrays.  Other kernels may call :func:`push`, :func:`next_event` and :func:`run`.

A cycle t has two halves: the front end offers a request, then the controller ticks, its clock reading
t + 1.  Cycles in which neither can do anything are skipped, unless the memory says ``skip_idle: false``.
"""

import numpy as np

from sim.dram.layout import (
    ACTIVE,
    ACTIVE_COUNT,
    ACTIVE_STRIDE,
    BANK_BITS,
    BANK_SCOPE,
    BANK_STRIDE,
    BURSTS,
    CAUSE_COMMAND_BUS,
    CAUSE_NO_REQUEST,
    CAUSE_REFRESH,
    CAUSE_SCHEDULER,
    CLASS_STRIDE,
    CLASSES,
    COLUMN_AT,
    COMMAND_STRIDE,
    COMMANDS,
    DONE_COLUMNS,
    ENTRIES,
    ENTRY_STRIDE,
    FIFO,
    GROUP_SCOPE,
    HIT_ENTRY,
    HIT_KEY,
    IDLE,
    ISSUED,
    MAGIC,
    NEVER,
    OCCUPIED,
    OLDEST,
    OP_STRIDE,
    OPEN_COUNT,
    OPEN_ROW,
    OPS,
    OTHER_ENTRY,
    OTHER_KEY,
    RANK_SCOPE,
    RECORDS_PER_CYCLE,
    ROUND_ROBIN,
    ROW_AT,
    ROW_HIT_FIRST,
    RULE_BITS,
    RULE_MASK,
    SEGMENT_STRIDE,
    SEGMENTS,
    SHIELD,
    SLOT_STRIDE,
    SLOTS,
    SPARSE_STRIDE,
    STREAM_STRIDE,
    STREAMS,
    VERSION,
    WINDOW_STRIDE,
    B,
    C,
    K,
    O,
    P,
    Q,
    S,
    Stop,
    T,
)
from sim.dram.queues import enqueue, find_line, next_hit, release, row_closed, row_opened, unlink
from sim.jit import Words, constants, inlined, njit, words

_BANK_MASK = (1 << BANK_BITS) - 1
_COLUMN_MASK = (1 << (ROW_AT - COLUMN_AT)) - 1
_AGE_BITS = 44  # sort key: cycles to wait << 44 | age << 8 | bank
_WAIT_SHIFT = _AGE_BITS - RULE_BITS
_NO_RULE = ~RULE_MASK
_FEW = 2  # occupied banks up to which looking at each beats one branch-free loop over all
_MARGIN = RECORDS_PER_CYCLE

# Inside kernels the members of Stop are plain integers.
_UNTIL = int(Stop.UNTIL)
_NEED_INPUT = int(Stop.NEED_INPUT)
_ACCEPT = int(Stop.ACCEPT)
_COMPLETION = int(Stop.COMPLETION)
_SLOT = int(Stop.SLOT)
_FINISHED = int(Stop.FINISHED)
_DONE_FULL = int(Stop.DONE_FULL)
_LOG_FULL = int(Stop.LOG_FULL)
_STUCK = int(Stop.STUCK)
_BAD_STATE = int(Stop.BAD_STATE)

# Sources of a candidate command.
_NONE, _ACTIVE, _REFRESH, _HIT, _OPEN, _CLOSE = range(6)


@njit
def locate(params: np.ndarray, line: int) -> int:
    """The packed location (bank, column, row) of a transaction index inside the channel."""
    return _locate(constants(params), line)


@inlined
def _locate(params: Words, line: int) -> int:
    location = 0
    for i in range(params[P.segments]):
        at = SEGMENTS + SEGMENT_STRIDE * i
        location ^= ((line >> params[at]) & params[at + 1]) << params[at + 2]
    return location


@njit
def push(
    state: np.ndarray,
    params: np.ndarray,
    inputs: np.ndarray,
    stream: int,
    arrival: int,
    line: int,
    op: int,
    tag: int,
) -> bool:
    """Queue a request on an input stream; False if the stream's ring is full.

    ``arrival``: first cycle in which it may be offered; ``line``: transaction index with the channel's
    bits in it or not (they are ignored); ``tag``: any number below 2**50, handed back on completion.
    """
    return _push(words(state), constants(params), words(inputs), stream, arrival, line, op, tag)


@njit
def push_many(
    state: np.ndarray,
    params: np.ndarray,
    inputs: np.ndarray,
    stream: int,
    arrival: np.ndarray,
    line: np.ndarray,
    op: np.ndarray,
    tag: np.ndarray,
) -> int:
    """:func:`push` for arrays of equal length; returns how many fitted."""
    for i in range(arrival.size):
        if not _push(words(state), constants(params), words(inputs), stream, arrival[i], line[i], op[i], tag[i]):
            return i
    return int(arrival.size)


@njit
def _push(
    state: Words, params: Words, inputs: Words, stream: int, arrival: int, line: int, op: int, tag: int
) -> bool:
    at = STREAMS + stream * STREAM_STRIDE
    tail = state[at + T.tail]
    if tail - state[at + T.head] >= params[P.input_capacity]:
        return False
    i = _input(params, stream, tail)
    inputs[i] = arrival
    inputs[i + 1] = _locate(params, line)
    inputs[i + 2] = (tag << 8) | op
    state[at + T.tail] = tail + 1
    if state[S.next_event] > arrival:
        state[S.next_event] = max(arrival, state[S.now])
    return True


@inlined
def _input(params: Words, stream: int, i: int) -> int:
    """Where the stream's i-th request stands in ``inputs``: arrival, location, tag << 8 | op."""
    capacity = params[P.input_capacity]
    return (stream * capacity + (i & (capacity - 1))) * 3


@njit
def next_event(state: np.ndarray, params: np.ndarray) -> int:
    """No cycle before this one changes anything (a lower bound; ``NEVER`` if nothing is to come)."""
    return int(max(state[S.next_event], state[S.now]))


@njit
def run(
    state: np.ndarray,
    params: np.ndarray,
    inputs: np.ndarray,
    done: np.ndarray,
    log: np.ndarray,
    until: int,
    stop_on: int,
) -> int:
    """Advance the channel; returns a :class:`~sim.dram.layout.Stop`.

    ``inputs``: int64 (streams, capacity, 3); ``done``: int64 (n, 7), filled with (tag, stream, op,
    arrival, accept, issue, return) per finished request; ``log``: int64 (m, 4), filled with (cycle, code,
    bank, arg) per command.  Both are filled from 0 and counted in ``state[S.done]``, ``state[S.logged]``;
    the caller empties them by setting these to 0.  ``until``: no cycle from this one on is simulated.
    ``stop_on``: bits of Stop that end the call at the end of the cycle in which they happen.

    Returns ``BAD_STATE`` without touching anything if state and parameters do not belong together, and
    ``STUCK`` if requests wait and nothing has moved for ``params[P.watchdog]`` cycles.
    """
    if (
        params[P.magic] != MAGIC
        or params[P.version] != VERSION
        or state[S.magic] != MAGIC
        or params.size != params[P.size]
        or state.size != params[P.state_size]
        or inputs.size != 3 * params[P.input_capacity] * params[P.streams]
        or done.shape[0] < _MARGIN
        or log.shape[0] < _MARGIN
    ):
        return _BAD_STATE
    return _run(
        words(state),
        constants(params),
        words(inputs),
        words(done),
        words(log),
        done.shape[0] - _MARGIN,
        log.shape[0] - _MARGIN,
        until,
        stop_on,
    )


@njit
def _run(
    state: Words,
    params: Words,
    inputs: Words,
    done: Words,
    log: Words,
    done_limit: int,
    log_limit: int,
    until: int,
    stop_on: int,
) -> int:
    slots = params[P.slots]
    single = params[P.streams] == 1
    interval = params[P.refresh_interval]
    ranks = params[P.ranks]
    skip = params[P.skip] != 0
    reason = _UNTIL
    now = state[S.now]
    happened = 0
    blocked = False  # the only stream's head waits for a place in a queue
    while True:
        # What the last cycle brought, then what bars the next one.
        if happened & stop_on:
            reason = happened & stop_on
            reason = reason & -reason
            break
        if happened & (_SLOT | _COMPLETION):
            blocked = False
        happened = 0
        if now >= until:
            break
        if state[S.done_on] and state[S.done] > done_limit:
            reason = _DONE_FULL
            break
        if state[S.log_on] and state[S.logged] > log_limit:
            reason = _LOG_FULL
            break

        state[S.now] = now
        if blocked:
            offered, happened = NEVER, 0
        elif single:
            offered, happened = _offer_single(state, params, inputs, done, now)
        else:
            offered, happened = _offer_streams(state, params, inputs, done, now)
        if offered < 0:
            if stop_on & _NEED_INPUT:
                reason = _NEED_INPUT
                break
            offered = NEVER

        if offered == NEVER and not blocked:
            if state[S.end] == NEVER:
                _finish(state, params)
            if state[S.end] != NEVER and stop_on & _FINISHED and _drained(state):
                reason = _FINISHED
                break

        if single and offered == NEVER:
            blocked = state[STREAMS + T.head] != state[STREAMS + T.tail]

        # The controller's tick.  Until `horizon` nothing but a command can happen.
        clock = now + 1
        if clock == state[S.refresh_next]:
            state[S.refresh_due] += ranks
            state[S.refresh_next] += interval
        horizon = min(min(offered, state[S.refresh_next] - 1), until)
        issued = False
        soonest = NEVER
        kind, entry, command, behind = _NONE, -1, -1, slots
        slot = 0
        while slot < slots:
            ready, a_kind, an_entry, a_command = _choose(state, params, slot, clock)
            slot += 1
            if ready > clock and ready < soonest and not issued:
                soonest, kind, entry, command, behind = ready, a_kind, an_entry, a_command, slot
            if slot == slots and not issued and ready > clock and skip and soonest <= horizon:
                # Nothing changes before the best command is ready: go there and issue it.
                clock = soonest
                now = clock - 1
                ready, a_kind, an_entry, a_command, slot = soonest, kind, entry, command, behind
            if ready <= clock:
                happened |= _issue(state, params, done, log, clock, a_kind, an_entry, a_command)
                issued = True
        state[S.passes] += 1

        if issued or not skip:
            now += 1
        else:
            ahead = min(min(soonest, state[S.refresh_next]) - 1, offered)
            waiting = state[S.reads_waiting] + state[S.writes_waiting] + state[S.active]
            if ahead - state[S.last_progress] > params[P.watchdog] and waiting > 0:
                reason = _STUCK
                break
            state[S.next_event] = max(ahead, now + 1)
            now = min(max(ahead, now + 1), max(until, now + 1))
            continue
        state[S.next_event] = now
        if not skip:
            waiting = state[S.reads_waiting] + state[S.writes_waiting] + state[S.active]
            if now - state[S.last_progress] > params[P.watchdog] and waiting > 0:
                reason = _STUCK
                break
    state[S.now] = now
    return reason


@inlined
def _offer_single(
    state: Words, params: Words, inputs: Words, done: Words, now: int
) -> tuple[int, int]:
    """Offer the only stream's head; (next cycle worth another offer or -1 for want of input, what happened)."""
    at = STREAMS
    head = state[at + T.head]
    if head == state[at + T.tail]:
        return (-1 if state[at + T.open] else NEVER), 0
    arrival = inputs[_input(params, 0, head)]
    if arrival > now:
        return arrival, 0
    window = state[at + T.window]
    if window > 0:
        _retire(state, params, 0, now)
        if state[at + T.reads_unissued] + state[at + T.return_count] >= window:
            return _next_return(state, params, 0), 0
    happened = _accept(state, params, inputs, done, 0, now)
    if happened == 0:
        return NEVER, 0
    head += 1
    if head == state[at + T.tail]:
        return (now + 1 if state[at + T.open] else NEVER), happened
    arrival = inputs[_input(params, 0, head)]
    if arrival <= now + 1:
        if window == 0 and not _fits(state, params, inputs[_input(params, 0, head) + 1], inputs[_input(params, 0, head) + 2] & 255):
            return NEVER, happened
        return now + 1, happened
    return arrival, happened


@njit
def _offer_streams(
    state: Words, params: Words, inputs: Words, done: Words, now: int
) -> tuple[int, int]:
    """The arbiter: offer the streams' heads in its order until one is accepted; results as for one stream."""
    streams = params[P.streams]
    arbiter = params[P.arbiter]
    soonest = NEVER
    for s in range(streams):
        at = STREAMS + s * STREAM_STRIDE
        if state[at + T.head] == state[at + T.tail] and state[at + T.open]:
            soonest = -1
    starved = soonest < 0
    soonest = NEVER
    tried_arrival = -1
    tried_stream = -1
    for turn in range(streams):
        s = turn
        if arbiter == ROUND_ROBIN:
            s = (state[S.last_stream] + 1 + turn) % streams
        elif arbiter == OLDEST:
            s = -1
            for other in range(streams):
                at = STREAMS + other * STREAM_STRIDE
                if state[at + T.head] == state[at + T.tail]:
                    continue
                arrival = inputs[_input(params, other, state[at + T.head])]
                later = arrival > tried_arrival or (arrival == tried_arrival and other > tried_stream)
                if later and (s < 0 or arrival < inputs[_input(params, s, _head(state, params, s))]):
                    s = other
            if s < 0:
                break
            tried_arrival = inputs[_input(params, s, _head(state, params, s))]
            tried_stream = s
        at = STREAMS + s * STREAM_STRIDE
        if state[at + T.head] == state[at + T.tail]:
            continue
        arrival = inputs[_input(params, s, state[at + T.head])]
        if arrival > now:
            soonest = min(soonest, arrival)
            continue
        if starved:
            continue
        if state[at + T.window] > 0:
            _retire(state, params, s, now)
            if state[at + T.reads_unissued] + state[at + T.return_count] >= state[at + T.window]:
                soonest = min(soonest, _next_return(state, params, s))
                continue
        happened = _accept(state, params, inputs, done, s, now)
        if happened:
            state[S.last_stream] = s
            return now + 1, happened
    return (-1 if starved else soonest), 0


@njit
def _head(state: Words, params: Words, stream: int) -> int:
    return int(state[STREAMS + stream * STREAM_STRIDE + T.head])


@inlined
def _retire(state: Words, params: Words, stream: int, now: int) -> None:
    """Forget the stream's reads whose data has returned by ``now``."""
    at = STREAMS + stream * STREAM_STRIDE
    ring = state[at + T.ring]
    size = params[P.returns]
    while state[at + T.return_count] > 0 and state[ring + state[at + T.return_head]] <= now:
        state[at + T.return_head] = (state[at + T.return_head] + 1) % size
        state[at + T.return_count] -= 1


@njit
def _next_return(state: Words, params: Words, stream: int) -> int:
    at = STREAMS + stream * STREAM_STRIDE
    if state[at + T.return_count] == 0:
        return NEVER
    return int(state[state[at + T.ring] + state[at + T.return_head]])


@inlined
def _returns(state: Words, params: Words, stream: int, cycle: int, now: int) -> None:
    """Note that a read of a stream with a window returns in ``cycle``; returns are kept in order of time."""
    at = STREAMS + stream * STREAM_STRIDE
    if state[at + T.window] == 0:
        return
    _retire(state, params, stream, now)
    ring = state[at + T.ring]
    size = params[P.returns]
    i = state[at + T.return_count]
    state[at + T.return_count] += 1
    while i > 0:
        before = state[ring + (state[at + T.return_head] + i - 1) % size]
        if before <= cycle:
            break
        state[ring + (state[at + T.return_head] + i) % size] = before
        i -= 1
    state[ring + (state[at + T.return_head] + i) % size] = cycle


@njit
def _fits(state: Words, params: Words, location: int, op: int) -> bool:
    """Would this request be taken now: by a free place, by forwarding or by coalescing?"""
    if params[OPS + op * OP_STRIDE + O.queue]:
        if state[S.writes_waiting] < params[P.write_capacity]:
            return True
        return params[OPS + op * OP_STRIDE + O.coalesce] != 0 and find_line(state, params, location, op)
    if state[S.reads_waiting] < params[P.read_capacity]:
        return True
    return op == 0 and find_line(state, params, location, -1)


@inlined
def _accept(
    state: Words, params: Words, inputs: Words, done: Words, stream: int, now: int
) -> int:
    """Take the stream's head if it can be taken; bits of what happened, 0 if it has to wait."""
    at = STREAMS + stream * STREAM_STRIDE
    i = _input(params, stream, state[at + T.head])
    arrival, location, op, tag = inputs[i], inputs[i + 1], inputs[i + 2] & 255, inputs[i + 2] >> 8
    happened = _ACCEPT
    if params[OPS + op * OP_STRIDE + O.queue]:
        if params[OPS + op * OP_STRIDE + O.coalesce] and find_line(state, params, location, op):
            state[S.coalesced] += 1
            _record(state, done, tag, stream, op, arrival, now, -1, now)
            happened |= _COMPLETION
        elif state[S.writes_waiting] < params[P.write_capacity]:
            enqueue(state, params, 1, location, op, stream, now, arrival, tag)
        else:
            return 0
        state[S.writes] += 1
    else:
        if op == 0 and find_line(state, params, location, -1):
            state[S.forwarded] += 1
            _record(state, done, tag, stream, op, arrival, now, -1, now + 1)
            state[S.last_return] = max(state[S.last_return], now + 1)
            _returns(state, params, stream, now + 1, now)
            happened |= _COMPLETION
        elif state[S.reads_waiting] < params[P.read_capacity]:
            enqueue(state, params, 0, location, op, stream, now, arrival, tag)
            state[S.reads_unissued] += 1
            state[at + T.reads_unissued] += 1
        else:
            return 0
        state[S.reads] += 1
    state[at + T.head] += 1
    state[S.accepted] += 1
    state[S.last_accept] = now
    state[S.last_progress] = now
    return happened


@inlined
def _record(
    state: Words, done: Words, tag: int, stream: int, op: int, arrival: int, accept: int, issue: int, back: int
) -> None:
    if state[S.done_on]:
        i = state[S.done]
        state[S.done] = i + 1
        i *= DONE_COLUMNS
        done[i] = tag
        done[i + 1] = stream
        done[i + 2] = op
        done[i + 3] = arrival
        done[i + 4] = accept
        done[i + 5] = issue
        done[i + 6] = back


@njit
def _drained(state: Words) -> bool:
    return bool(state[S.reads_waiting] + state[S.writes_waiting] + state[S.active] == 0)


@njit
def _finish(state: Words, params: Words) -> None:
    """Fix the length of the run once every stream is closed and empty and every read has issued."""
    for s in range(params[P.streams]):
        at = STREAMS + s * STREAM_STRIDE
        if state[at + T.open] or state[at + T.head] != state[at + T.tail]:
            return
    if state[S.reads_unissued] == 0:
        state[S.end] = max(state[S.last_return], state[S.last_accept] + 1 if state[S.accepted] else 0)


@inlined
def _choose(state: Words, params: Words, slot: int, clock: int) -> tuple[int, int, int, int]:
    """The slot's best command: (cycle from ``clock`` on in which it may issue, or NEVER; kind; entry or rank; command)."""
    may = SLOTS + slot * SLOT_STRIDE
    ready, kind, entry, command = NEVER, _NONE, -1, -1
    if state[S.active] > 0 and params[may + B.from_active] and params[may + B.column]:
        now = clock << RULE_BITS
        best = NEVER
        chosen = ACTIVE
        for i in range(state[S.active]):
            at = ACTIVE + i * ACTIVE_STRIDE
            wait = max((state[state[at + 1]] & _NO_RULE) - now, 0)
            key = (wait << _WAIT_SHIFT) + state[at]
            if key < best:
                best, chosen = key, at
        ready, kind, entry, command = clock + (best >> _AGE_BITS), _ACTIVE, state[chosen + 2], state[chosen + 3]
        if ready == clock:
            return ready, kind, entry, command
    if state[S.refresh_due] > state[S.refresh_done]:
        rank = state[S.refresh_done] % params[P.ranks]
        wanted = -1
        if state[OPEN_COUNT + rank] > 0:
            if params[may + B.close_all] and state[ACTIVE_COUNT + rank] == 0:
                wanted = params[P.close_all]
        elif params[may + B.refresh]:
            wanted = params[P.refresh]
        if wanted >= 0 and params[may + B.from_refresh]:
            place = params[COMMANDS + wanted * COMMAND_STRIDE + C.next_ok] + _place(params, wanted, rank)
            first = max(state[place] >> RULE_BITS, clock)
            if first < ready:
                return first, _REFRESH, rank, wanted
        return ready, kind, entry, command
    if not params[may + B.from_queue]:
        return ready, kind, entry, command

    if state[S.write_mode]:
        if state[S.writes_waiting] <= params[P.write_leave] and state[S.reads_waiting] > 0:
            state[S.write_mode] = 0
    elif state[S.writes_waiting] >= params[P.write_enter] or state[S.reads_waiting] == 0:
        state[S.write_mode] = 1
    queue = state[S.write_mode]
    if state[S.reads_waiting + queue] == 0:
        return ready, kind, entry, command
    if params[P.scheduler] == FIFO:
        key = _scan_fifo(state, params, queue, may, clock)
    else:
        key = _scan(state, params, queue, may, clock)
    if key >= NEVER or clock + (key >> _AGE_BITS) >= ready:
        return ready, kind, entry, command
    ready = clock + (key >> _AGE_BITS)
    key &= (1 << _AGE_BITS) - 1
    bank = key & _BANK_MASK
    if state[OTHER_KEY + queue * BANK_STRIDE + bank] == key:
        entry = state[OTHER_ENTRY + queue * BANK_STRIDE + bank]
        if state[OPEN_ROW + bank] < 0:
            return ready, _OPEN, entry, params[P.act]
        return ready, _CLOSE, entry, params[P.pre]
    group = queue * params[P.read_classes]
    while state[HIT_KEY + group * BANK_STRIDE + bank] != key:
        group += 1
    return ready, _HIT, state[HIT_ENTRY + group * BANK_STRIDE + bank], params[CLASSES + group * CLASS_STRIDE + K.command]


@inlined
def _scan(state: Words, params: Words, queue: int, may: int, clock: int) -> int:
    """Least sort key over the queue's candidates: soonest ready, then oldest.  Branch-free over the banks."""
    banks = params[P.banks]
    now = clock << RULE_BITS
    best = NEVER
    first = queue * params[P.read_classes]
    n = params[P.write_classes] if queue else params[P.read_classes]
    hit_bars = params[P.scheduler] == ROW_HIT_FIRST
    if state[S.read_banks + queue] <= _FEW or (hit_bars and n > 1):
        return _scan_few(state, params, queue, may, clock)
    if params[may + B.column]:
        for kind in range(first, first + n):
            allowed = params[CLASSES + kind * CLASS_STRIDE + K.next_ok]
            keys = HIT_KEY + kind * BANK_STRIDE
            if params[CLASSES + kind * CLASS_STRIDE + K.closes]:
                # A column command that closes the row must not do so under an active request.
                for bank in range(banks):
                    wait = max((state[allowed + bank] & _NO_RULE) - now, 0)
                    best = min(best, (state[keys + bank] | state[SHIELD + bank]) + (wait << _WAIT_SHIFT))
            else:
                for bank in range(banks):
                    wait = max((state[allowed + bank] & _NO_RULE) - now, 0)
                    best = min(best, state[keys + bank] + (wait << _WAIT_SHIFT))
    if params[may + B.open] or params[may + B.close]:
        opening = params[COMMANDS + params[P.act] * COMMAND_STRIDE + C.next_ok]
        closing = params[COMMANDS + params[P.pre] * COMMAND_STRIDE + C.next_ok]
        others = OTHER_KEY + queue * BANK_STRIDE
        if hit_bars or not (params[may + B.open] and params[may + B.close]):
            bar_open = 0 if params[may + B.open] else NEVER
            bar_close = 0 if params[may + B.close] else NEVER
            hits = HIT_KEY + first * BANK_STRIDE
            for bank in range(banks):
                is_open = state[OPEN_ROW + bank] >= 0
                a, p = state[opening + bank], state[closing + bank]
                wait = max(((p if is_open else a) & _NO_RULE) - now, 0)
                other = state[others + bank]
                key = (other | state[SHIELD + bank] | (bar_close if is_open else bar_open)) + (wait << _WAIT_SHIFT)
                key = NEVER if hit_bars and state[hits + bank] < other else key
                best = min(best, key)
        else:
            for bank in range(banks):
                a, p = state[opening + bank], state[closing + bank]
                wait = max(((p if state[OPEN_ROW + bank] >= 0 else a) & _NO_RULE) - now, 0)
                best = min(best, (state[others + bank] | state[SHIELD + bank]) + (wait << _WAIT_SHIFT))
    return int(best)


@inlined
def _scan_few(state: Words, params: Words, queue: int, may: int, clock: int) -> int:
    """:func:`_scan`, bank by bank over those that have entries; serves any mix of column commands."""
    first = queue * params[P.read_classes]
    last = first + (params[P.write_classes] if queue else params[P.read_classes])
    hit_bars = params[P.scheduler] == ROW_HIT_FIRST
    best = NEVER
    for i in range(state[S.read_banks + queue]):
        bank = state[OCCUPIED + queue * BANK_STRIDE + i]
        shield = state[SHIELD + bank]
        other = state[OTHER_KEY + queue * BANK_STRIDE + bank]
        is_open = state[OPEN_ROW + bank] >= 0
        if is_open:
            for kind in range(first, last):
                key = state[HIT_KEY + kind * BANK_STRIDE + bank]
                if hit_bars and key < other:
                    other = NEVER
                if params[CLASSES + kind * CLASS_STRIDE + K.closes]:
                    key |= shield
                if key < NEVER and params[may + B.column]:
                    allowed = state[params[CLASSES + kind * CLASS_STRIDE + K.next_ok] + bank]
                    best = min(best, key + (max((allowed >> RULE_BITS) - clock, 0) << _AGE_BITS))
        other |= shield
        if other < NEVER and params[may + (B.close if is_open else B.open)]:
            command = params[P.pre] if is_open else params[P.act]
            allowed = state[params[COMMANDS + command * COMMAND_STRIDE + C.next_ok] + bank]
            best = min(best, other + (max((allowed >> RULE_BITS) - clock, 0) << _AGE_BITS))
    return int(best)


@njit
def _scan_fifo(state: Words, params: Words, queue: int, may: int, clock: int) -> int:
    """Sort key of the queue's oldest entry, NEVER if its next command is barred or not this slot's."""
    banks = params[P.banks]
    first = queue * params[P.read_classes]
    last = first + (params[P.write_classes] if queue else params[P.read_classes])
    best = NEVER
    for bank in range(banks):
        best = min(best, state[OTHER_KEY + queue * BANK_STRIDE + bank])
    command = -1
    for kind in range(first, last):
        for bank in range(banks):
            key = state[HIT_KEY + kind * BANK_STRIDE + bank]
            if key < best:
                best = key
                command = params[CLASSES + kind * CLASS_STRIDE + K.command]
    bank = best & _BANK_MASK
    if command >= 0:
        closes = params[COMMANDS + command * COMMAND_STRIDE + C.closes]
        if not params[may + B.column] or (closes and state[SHIELD + bank]):
            return NEVER
    elif state[OPEN_ROW + bank] < 0:
        command = params[P.act]
        if not params[may + B.open]:
            return NEVER
    else:
        command = params[P.pre]
        if not params[may + B.close] or state[SHIELD + bank]:
            return NEVER
    allowed = state[params[COMMANDS + command * COMMAND_STRIDE + C.next_ok] + bank]
    return int(best + (max((allowed >> RULE_BITS) - clock, 0) << _AGE_BITS))


@inlined
def _place(params: Words, command: int, rank: int) -> int:
    """Where a refresh command for ``rank`` goes: its rank, or the channel."""
    return int(rank if params[COMMANDS + command * COMMAND_STRIDE + C.scope] == RANK_SCOPE else 0)


@inlined
def _issue(
    state: Words, params: Words, done: Words, log: Words, clock: int, kind: int, entry: int, command: int
) -> int:
    """Issue a candidate of :func:`_choose` at ``clock``; bits of what happened."""
    row = COMMANDS + command * COMMAND_STRIDE
    if kind == _REFRESH:
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
    _charge(state, params, clock, cause)
    _raise(state, params, row, bank, bank, clock)
    state[S.last_progress] = clock

    if kind == _OPEN:
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
        _log(state, params, log, clock, command, bank, location >> ROW_AT)
        return _SLOT
    if kind == _CLOSE:
        state[S.row_conflicts] += 1 - state[at + Q.counted]
        state[at + Q.counted] = 1
        state[OPEN_COUNT + rank] -= 1
        row_closed(state, params, bank)
        _log(state, params, log, clock, command, bank, -1)
        return 0

    # A column command, from the queue or of the bank's active request.
    op = state[at + Q.op]
    queue = params[OPS + op * OP_STRIDE + O.queue]
    happened = _COMPLETION
    if kind == _HIT:
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
    if params[row + C.burst] and data < state[S.end]:
        burst = BURSTS + 2 * (state[S.burst_tail] & params[P.burst_mask])
        state[burst] = data
        state[burst + 1] = back
        state[S.burst_tail] += 1
    stream = state[at + Q.stream]
    if queue == 0:
        state[S.reads_unissued] -= 1
        state[STREAMS + stream * STREAM_STRIDE + T.reads_unissued] -= 1
        state[S.last_return] = max(state[S.last_return], back)
        _returns(state, params, stream, back, clock - 1)
    _record(state, done, state[at + Q.tag], stream, op, state[at + Q.arrival], accept, clock, back)
    release(state, entry)
    _log(state, params, log, clock, command, bank, (location >> COLUMN_AT) & _COLUMN_MASK)
    return happened


@njit
def _issue_refresh(state: Words, params: Words, log: Words, clock: int, rank: int, command: int) -> None:
    """Issue a rank's refresh, or the close-all before it."""
    first = rank << params[P.rank_shift]
    _charge(state, params, clock, CAUSE_REFRESH)
    _raise(state, params, COMMANDS + command * COMMAND_STRIDE, _place(params, command, rank), first, clock)
    if command == params[P.close_all]:
        for bank in range(first, first + (1 << params[P.rank_shift])):
            if state[OPEN_ROW + bank] >= 0:
                row_closed(state, params, bank)
                state[S.closed_together] += 1
        state[OPEN_COUNT + rank] = 0
    else:
        state[S.refresh_done] += 1
    _log(state, params, log, clock, command, first if params[P.ranks] > 1 else -1, -1)


@inlined
def _raise(state: Words, params: Words, row: int, place: int, bank: int, clock: int) -> None:
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
        where = params[single] + _place_of(params, params[single + 1], bank)
        state[where] = max(state[where], params[single + 2] + base)
        single += SPARSE_STRIDE
    window = params[row + C.window]
    for _ in range(params[row + C.window_n]):
        instance = _place_of(params, params[window + 1], bank)
        length = params[window + 5]
        ring = params[window + 4] + instance * (length + 1)
        if params[window + 6]:
            state[ring + 1 + state[ring]] = clock
            state[ring] = state[ring] + 1 if state[ring] + 1 < length else 0
        value = (state[ring + 1 + state[ring]] << RULE_BITS) + params[window + 3]
        lo, hi = _covered(params, params[window + 1], instance, params[window + 2])
        target = params[window]
        for j in range(target + lo, target + hi):
            state[j] = max(state[j], value)
        window += WINDOW_STRIDE


@inlined
def _place_of(params: Words, scope: int, bank: int) -> int:
    """The bank, group, rank or channel that ``bank`` lies in."""
    if scope == BANK_SCOPE:
        return bank
    if scope == GROUP_SCOPE:
        return int(bank >> params[P.group_shift])
    if scope == RANK_SCOPE:
        return int(bank >> params[P.rank_shift])
    return 0


@inlined
def _covered(params: Words, scope: int, instance: int, target: int) -> tuple[int, int]:
    """Places of scope ``target`` that share ``instance`` of ``scope``, as a half-open range."""
    size = 1
    if scope == GROUP_SCOPE:
        size = 1 << params[P.group_shift]
    elif scope == RANK_SCOPE:
        size = 1 << params[P.rank_shift]
    elif scope > RANK_SCOPE:
        size = params[P.banks]
    lo = _place_of(params, target, instance * size)
    return lo, _place_of(params, target, instance * size + size - 1) + 1


@inlined
def _charge(state: Words, params: Words, clock: int, cause: int) -> None:
    """Charge the cycles before ``clock``: to the data bus where it is busy, else to what held this command."""
    upto = min(clock, state[S.end])
    since = state[S.charged_to]
    if upto > since:
        busy = _busy(state, params, since, upto)
        state[S.busy] += busy
        state[IDLE + cause] += upto - since - busy
        state[S.charged_to] = upto
    state[S.last_command] = clock


@inlined
def _busy(state: Words, params: Words, since: int, upto: int) -> int:
    """Data bus cycles in [since, upto); bursts come in order of time and leave their ring once passed."""
    busy = 0
    mask = params[P.burst_mask]
    i = state[S.burst_head]
    while i < state[S.burst_tail]:
        ring = BURSTS + 2 * (i & mask)
        if state[ring] >= upto:
            break
        busy += min(state[ring + 1], upto) - max(state[ring], since)
        if state[ring + 1] > upto:
            break
        i += 1
    state[S.burst_head] = i
    return int(busy)


@njit
def close_accounts(state: Words, params: Words) -> None:
    """After a finished run: charge what lies between the last command and the end."""
    upto = state[S.end]
    since = state[S.charged_to]
    if upto > since:
        busy = _busy(state, params, since, upto)
        state[S.busy] += busy
        state[IDLE + CAUSE_NO_REQUEST] += upto - since - busy
        state[S.charged_to] = upto


@inlined
def _log(
    state: Words, params: Words, log: Words, clock: int, command: int, bank: int, arg: int
) -> None:
    state[ISSUED + command] += 1
    if state[S.log_on]:
        i = state[S.logged]
        state[S.logged] = i + 1
        i *= 4
        log[i] = clock
        log[i + 1] = params[COMMANDS + command * COMMAND_STRIDE + C.code]
        log[i + 2] = bank
        log[i + 3] = arg
