"""The compiled DRAM channel: front end, scheduler, refresh and command timing, event by event.

One function, :func:`run`, serves batches and co-simulation: it advances a channel until a cycle, or
until something happens that the caller asked to hear of.  All it knows stands in two int64 arrays
(:mod:`sim.dram.layout`); requests come in through a ring per stream, completions and commands leave
through two more arrays.  Other kernels may call :func:`push`, :func:`next_event` and :func:`run`.

A cycle t has two halves: the front end offers a request, then the controller ticks, its clock reading
t + 1.  Cycles in which neither can do anything are skipped, unless the memory says ``skip_idle: false``.
"""

import numpy as np

from sim.dram.bank_machines import run_banks
from sim.dram.issuing import issue
from sim.dram.layout import (
    MAGIC,
    NEVER,
    OP_STRIDE,
    OPS,
    RECORDS_PER_CYCLE,
    SEGMENT_STRIDE,
    SEGMENTS,
    STREAM_STRIDE,
    STREAMS,
    VERSION,
    O,
    P,
    S,
    Stop,
    T,
)
from sim.dram.offering import input_at, offer_single, offer_streams
from sim.dram.scheduling import NO_COMMAND, choose
from sim.jit import Words, constants, inlined, njit, words

_UNTIL = int(Stop.UNTIL)
_NEED_INPUT = int(Stop.NEED_INPUT)
_FINISHED = int(Stop.FINISHED)
_DONE_FULL = int(Stop.DONE_FULL)
_LOG_FULL = int(Stop.LOG_FULL)
_STUCK = int(Stop.STUCK)
_BAD_STATE = int(Stop.BAD_STATE)


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
    table, at = constants(params), STREAMS + stream * STREAM_STRIDE
    tail = state[at + T.tail]
    n = min(arrival.size, params[P.input_capacity] - (tail - state[at + T.head]))
    # Field by field over all requests, which the compiler vectorises.
    location = np.zeros(n, dtype=np.int64)
    for segment in range(table[P.segments]):
        source = table[SEGMENTS + SEGMENT_STRIDE * segment]
        mask = table[SEGMENTS + SEGMENT_STRIDE * segment + 1]
        target = table[SEGMENTS + SEGMENT_STRIDE * segment + 2]
        for i in range(n):
            location[i] ^= ((line[i] >> source) & mask) << target
    ring = words(inputs)
    for i in range(n):
        entry = input_at(table, stream, tail + i)
        ring[entry] = arrival[i]
        ring[entry + 1] = location[i]
        ring[entry + 2] = (tag[i] << 8) | op[i]
    state[at + T.tail] = tail + n
    if n:
        state[S.next_event] = min(state[S.next_event], max(arrival[:n].min(), state[S.now]))
    return int(n)


@njit
def _push(
    state: Words, params: Words, inputs: Words, stream: int, arrival: int, line: int, op: int, tag: int
) -> bool:
    at = STREAMS + stream * STREAM_STRIDE
    tail = state[at + T.tail]
    if tail - state[at + T.head] >= params[P.input_capacity]:
        return False
    i = input_at(params, stream, tail)
    inputs[i] = arrival
    inputs[i + 1] = _locate(params, line)
    inputs[i + 2] = (tag << 8) | op
    state[at + T.tail] = tail + 1
    if state[S.next_event] > arrival:
        state[S.next_event] = max(arrival, state[S.now])
    return True


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
    ``stop_on``: bits of Stop that end the call at the end of the cycle in which they happen.  With nothing
    left to do and no ``until`` (NEVER - 1), it comes back with NEED_INPUT or FINISHED unasked.

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
        or done.shape[0] < RECORDS_PER_CYCLE
        or log.shape[0] < RECORDS_PER_CYCLE
    ):
        return _BAD_STATE
    if params[P.machines]:
        return run_banks(
            words(state),
            constants(params),
            words(inputs),
            words(done),
            words(log),
            done.shape[0] - RECORDS_PER_CYCLE,
            log.shape[0] - RECORDS_PER_CYCLE,
            until,
            stop_on,
        )
    return _run(
        words(state),
        constants(params),
        words(inputs),
        words(done),
        words(log),
        done.shape[0] - RECORDS_PER_CYCLE,
        log.shape[0] - RECORDS_PER_CYCLE,
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
    blocked = False  # the only stream's head waits for a place in the queue …
    full = 0  # … of this number (0 read, 1 write)
    windowed = state[STREAMS + T.window] > 0
    while True:
        # What the last cycle brought, then what bars the next one.
        if happened & stop_on:
            reason = happened & stop_on
            reason = reason & -reason
            break
        if blocked and (windowed or state[S.reads_waiting + full] < params[P.read_capacity + full]):
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
            offered, happened = offer_single(state, params, inputs, done, now)
        else:
            offered, happened = offer_streams(state, params, inputs, done, now, (stop_on & _NEED_INPUT) != 0)
        if happened & stop_on:
            offered = min(offered, now + 1)  # this call ends before the next cycle
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
            if until >= NEVER - 1 and _drained(state):
                # Nothing is left, nothing is announced, and refreshes alone would go on for ever.
                reason = _NEED_INPUT if state[S.end] == NEVER else _FINISHED
                break

        if single and not blocked and offered == NEVER:
            head = state[STREAMS + T.head]
            blocked = head != state[STREAMS + T.tail]
            full = params[OPS + (inputs[input_at(params, 0, head) + 2] & 255) * OP_STRIDE + O.queue]

        # The controller's tick.  Until `horizon` nothing but a command can happen.
        clock = now + 1
        if clock == state[S.refresh_next]:
            state[S.refresh_due] += ranks
            state[S.refresh_next] += interval
        horizon = min(min(offered, state[S.refresh_next] - 1), until)
        issued = False
        soonest = NEVER
        kind, entry, command, behind = NO_COMMAND, -1, -1, slots
        slot = 0
        while slot < slots:
            ready, a_kind, an_entry, a_command = choose(state, params, slot, clock)
            slot += 1
            if ready > clock and ready < soonest and not issued:
                soonest, kind, entry, command, behind = ready, a_kind, an_entry, a_command, slot
            if slot == slots and not issued and ready > clock and skip and soonest <= horizon:
                # Nothing changes before the best command is ready: go there and issue it.
                clock = soonest
                now = clock - 1
                ready, a_kind, an_entry, a_command, slot = soonest, kind, entry, command, behind
            if ready <= clock:
                happened |= issue(state, params, done, log, clock, a_kind, an_entry, a_command)
                issued = True

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
