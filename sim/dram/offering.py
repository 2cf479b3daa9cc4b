"""The front end of a channel: input streams, their windows, the arbiter, acceptance into the queues."""

from sim.dram.data_bus import charge
from sim.dram.layout import (
    CAUSE_NO_REQUEST,
    NEVER,
    OLDEST,
    OP_STRIDE,
    OPS,
    ROUND_ROBIN,
    STREAM_STRIDE,
    STREAMS,
    O,
    P,
    S,
    Stop,
    T,
)
from sim.dram.queues import enqueue, find_line
from sim.dram.records import next_return, note_return, record, retire
from sim.jit import Words, inlined, njit

_ACCEPT = int(Stop.ACCEPT)
_COMPLETION = int(Stop.COMPLETION)


@inlined
def offer_single(state: Words, params: Words, inputs: Words, done: Words, now: int) -> tuple[int, int]:
    """Offer the only stream's head; (next cycle worth an offer, or -1 for want of input; what happened)."""
    at = STREAMS
    head = state[at + T.head]
    if head == state[at + T.tail]:
        return (-1 if state[at + T.open] else NEVER), 0
    arrival = inputs[input_at(params, 0, head)]
    if arrival > now:
        return arrival, 0
    window = state[at + T.window]
    if window > 0:
        retire(state, params, 0, now)
        if state[at + T.reads_unissued] + state[at + T.return_count] >= window:
            return next_return(state, params, 0), 0
    happened = _accept(state, params, inputs, done, 0, now)
    if happened == 0:
        return NEVER, 0
    head += 1
    if head == state[at + T.tail]:
        return (now + 1 if state[at + T.open] else NEVER), happened
    arrival = inputs[input_at(params, 0, head)]
    if arrival <= now + 1:
        if window == 0 and not _fits(
            state, params, inputs[input_at(params, 0, head) + 1], inputs[input_at(params, 0, head) + 2] & 255
        ):
            return NEVER, happened
        return now + 1, happened
    return arrival, happened


@njit
def offer_streams(
    state: Words, params: Words, inputs: Words, done: Words, now: int, complete: bool
) -> tuple[int, int]:
    """The arbiter: offer the streams' heads in its order until one is accepted; results as for one stream.

    ``complete``: decide only once every open stream has a request to offer, since one that is still to be
    pushed may come first.
    """
    streams = params[P.streams]
    arbiter = params[P.arbiter]
    soonest = NEVER
    if complete:
        for s in range(streams):
            at = STREAMS + s * STREAM_STRIDE
            if state[at + T.head] == state[at + T.tail] and state[at + T.open]:
                return -1, 0
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
                arrival = inputs[input_at(params, other, state[at + T.head])]
                later = arrival > tried_arrival or (arrival == tried_arrival and other > tried_stream)
                if later and (s < 0 or arrival < inputs[input_at(params, s, _head(state, params, s))]):
                    s = other
            if s < 0:
                break
            tried_arrival = inputs[input_at(params, s, _head(state, params, s))]
            tried_stream = s
        at = STREAMS + s * STREAM_STRIDE
        if state[at + T.head] == state[at + T.tail]:
            continue
        arrival = inputs[input_at(params, s, state[at + T.head])]
        if arrival > now:
            soonest = min(soonest, arrival)
            continue
        if state[at + T.window] > 0:
            retire(state, params, s, now)
            if state[at + T.reads_unissued] + state[at + T.return_count] >= state[at + T.window]:
                soonest = min(soonest, next_return(state, params, s))
                continue
        happened = _accept(state, params, inputs, done, s, now)
        if happened:
            state[S.last_stream] = s
            return now + 1, happened
    return soonest, 0


@njit
def _head(state: Words, params: Words, stream: int) -> int:
    return int(state[STREAMS + stream * STREAM_STRIDE + T.head])


@inlined
def input_at(params: Words, stream: int, i: int) -> int:
    """Where the stream's i-th request stands in ``inputs``: arrival, location, tag << 8 | op."""
    capacity = params[P.input_capacity]
    return int((stream * capacity + (i & (capacity - 1))) * 3)


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
def _accept(state: Words, params: Words, inputs: Words, done: Words, stream: int, now: int) -> int:
    """Take the stream's head if it can be taken; bits of what happened, 0 if it has to wait."""
    at = STREAMS + stream * STREAM_STRIDE
    i = input_at(params, stream, state[at + T.head])
    arrival, location, op, tag = inputs[i], inputs[i + 1], inputs[i + 2] & 255, inputs[i + 2] >> 8
    happened = _ACCEPT
    if state[S.reads_waiting] + state[S.writes_waiting] + state[S.active] == 0:
        charge(state, now, CAUSE_NO_REQUEST)
    if params[OPS + op * OP_STRIDE + O.queue]:
        if params[OPS + op * OP_STRIDE + O.coalesce] and find_line(state, params, location, op):
            state[S.coalesced] += 1
            record(state, done, tag, stream, op, arrival, now, -1, now)
            happened |= _COMPLETION
        elif state[S.writes_waiting] < params[P.write_capacity]:
            enqueue(state, params, 1, location, op, stream, now, arrival, tag)
        else:
            return 0
        state[S.writes] += 1
    else:
        if op == 0 and find_line(state, params, location, -1):
            state[S.forwarded] += 1
            record(state, done, tag, stream, op, arrival, now, -1, now + 1)
            state[S.last_return] = max(state[S.last_return], now + 1)
            note_return(state, params, stream, now + 1, now)
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
