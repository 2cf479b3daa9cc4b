"""The data bus, a bit per cycle, and where each cycle of a run is charged."""

from sim.dram.layout import CAUSE_NO_REQUEST, DATA_BUS, DATA_BUS_WORDS, IDLE, S
from sim.jit import Words, inlined, njit, popcount


@inlined
def charge(state: Words, upto: int, cause: int) -> None:
    """Charge the cycles before ``upto``: to the data bus where it is busy, to ``cause`` where it is not."""
    upto = min(upto, state[S.end])
    since = state[S.charged_to]
    if upto > since:
        busy = _busy(state, since, upto)
        state[S.busy] += busy
        state[IDLE + cause] += upto - since - busy
        state[S.charged_to] = upto


@njit
def close_accounts(state: Words) -> None:
    """After a finished run: charge what lies between the last command and the end."""
    charge(state, state[S.end], CAUSE_NO_REQUEST)


@inlined
def occupy(state: Words, since: int, upto: int) -> None:
    """Mark the data bus busy in cycles [since, upto)."""
    while since < upto:
        bits = min(upto - since, 64 - (since & 63), 32)
        state[DATA_BUS + ((since >> 6) & (DATA_BUS_WORDS - 1))] |= ((1 << bits) - 1) << (since & 63)
        since += bits


@inlined
def _busy(state: Words, since: int, upto: int) -> int:
    """Busy data bus cycles in [since, upto); words that have been passed are cleared for later cycles."""
    word, last = since >> 6, upto >> 6
    at = DATA_BUS + (word & (DATA_BUS_WORDS - 1))
    bits = state[at] & (-1 << (since & 63))
    if word == last:
        return int(popcount(bits & ((1 << (upto & 63)) - 1)))
    busy = popcount(bits)
    state[at] = 0
    for later in range(word + 1, min(last, word + DATA_BUS_WORDS)):
        at = DATA_BUS + (later & (DATA_BUS_WORDS - 1))
        busy += popcount(state[at])
        state[at] = 0
    at = DATA_BUS + (last & (DATA_BUS_WORDS - 1))
    return int(busy + popcount(state[at] & ((1 << (upto & 63)) - 1)))
