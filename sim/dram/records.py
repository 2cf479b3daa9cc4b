"""What a channel writes down: finished requests, issued commands, and when reads of a stream return."""

from sim.dram.layout import (
    COMMAND_STRIDE,
    COMMANDS,
    DONE_COLUMNS,
    ISSUED,
    LOG_COLUMNS,
    NEVER,
    STREAM_STRIDE,
    STREAMS,
    C,
    P,
    S,
    T,
)
from sim.jit import Words, inlined, njit


@inlined
def note_return(state: Words, params: Words, stream: int, cycle: int, now: int) -> None:
    """Note that a read of a stream with a window returns in ``cycle``; returns are kept in order of time."""
    at = STREAMS + stream * STREAM_STRIDE
    if state[at + T.window] == 0:
        return
    retire(state, params, stream, now)
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


@inlined
def record(
    state: Words,
    done: Words,
    tag: int,
    stream: int,
    op: int,
    arrival: int,
    accept: int,
    issue: int,
    back: int,
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


@inlined
def log_command(
    state: Words, params: Words, log: Words, clock: int, command: int, bank: int, arg: int
) -> None:
    state[ISSUED + command] += 1
    if state[S.log_on]:
        i = state[S.logged]
        state[S.logged] = i + 1
        i *= LOG_COLUMNS
        log[i] = clock
        log[i + 1] = params[COMMANDS + command * COMMAND_STRIDE + C.code]
        log[i + 2] = bank
        log[i + 3] = arg


@inlined
def retire(state: Words, params: Words, stream: int, now: int) -> None:
    """Forget the stream's reads whose data has returned by ``now``."""
    at = STREAMS + stream * STREAM_STRIDE
    ring = state[at + T.ring]
    size = params[P.returns]
    while state[at + T.return_count] > 0 and state[ring + state[at + T.return_head]] <= now:
        state[at + T.return_head] = (state[at + T.return_head] + 1) % size
        state[at + T.return_count] -= 1


@njit
def next_return(state: Words, params: Words, stream: int) -> int:
    at = STREAMS + stream * STREAM_STRIDE
    if state[at + T.return_count] == 0:
        return NEVER
    return int(state[state[at + T.ring] + state[at + T.return_head]])
