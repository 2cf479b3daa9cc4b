"""Refreshes under bank machines: postponed while requests wait, forced in time, pulled in when idle."""

from sim.dram.bank_picks import decide
from sim.dram.data_bus import charge
from sim.dram.issuing import bar_followers
from sim.dram.layout import (
    CAUSE_REFRESH,
    COMMAND_STRIDE,
    COMMANDS,
    FIRST,
    LAST,
    NEVER,
    OPEN_COUNT,
    OPEN_ROW,
    PICK,
    RANK_STRIDE,
    RANKS,
    RULE_BITS,
    C,
    P,
    R,
    S,
)
from sim.dram.records import log_command
from sim.dram.scheduling import refresh_place
from sim.jit import Words, inlined, njit


@njit
def refresh_due(state: Words, params: Words, clock: int) -> tuple[int, int, int]:
    """What is due: (cycle in which a refresh's next command is allowed, NEVER if none; which rank; when the
    next falls due)."""
    interval = params[P.refresh_interval]
    soonest, chosen, following, announced = NEVER, -1, NEVER, NEVER
    for rank in range(params[P.ranks]):
        at = RANKS + rank * RANK_STRIDE
        if clock >= _begin(state, params, at):
            if clock >= state[at + R.due] + interval:
                state[at + R.due] += interval
                state[at + R.pulling] = 0
            busy = False
            first = rank << params[P.rank_shift]
            for bank in range(first, first + (1 << params[P.rank_shift])):
                if state[FIRST + bank] != state[LAST + bank]:
                    busy = True
            wanted = True
            if state[at + R.pulling]:
                if busy:
                    wanted = False
                    state[at + R.pulling] = 0
            elif state[at + R.postponed] == params[P.postponed]:
                if not state[at + R.forced]:
                    state[at + R.forced] = 1
                    for bank in range(first, first + (1 << params[P.rank_shift])):
                        state[PICK + bank] = NEVER
            elif busy:
                wanted = False
                state[at + R.postponed] += 1
            if wanted:
                ready = max(state[_refresh_ok(state, params, rank)] >> RULE_BITS, clock)
                if ready < soonest:
                    soonest, chosen = ready, rank
            else:
                state[at + R.due] += interval
        begin = _begin(state, params, at)
        following = min(following, begin)
        announced = min(announced, begin if begin > clock else state[at + R.due] + interval)
    state[S.refresh_next] = following
    return soonest, chosen, announced


@inlined
def _begin(state: Words, params: Words, at: int) -> int:
    """When the rank's refresh is looked at: when due, or earlier if the standard lets it wait no longer."""
    lead = params[P.refresh_lead] if state[at + R.postponed] == params[P.postponed] else 0
    return int(state[at + R.due] - lead)


@inlined
def _refresh_command(state: Words, params: Words, rank: int) -> int:
    return int(params[P.close_all] if state[OPEN_COUNT + rank] else params[P.refresh])


@inlined
def _refresh_ok(state: Words, params: Words, rank: int) -> int:
    command = _refresh_command(state, params, rank)
    return int(params[COMMANDS + command * COMMAND_STRIDE + C.next_ok] + refresh_place(params, command, rank))


@njit
def issue_refresh(state: Words, params: Words, log: Words, clock: int, rank: int) -> None:
    """Issue a rank's refresh, or the close-all before it."""
    command = _refresh_command(state, params, rank)
    first = rank << params[P.rank_shift]
    if state[S.reads_waiting] + state[S.writes_waiting] > 0:
        charge(state, clock, CAUSE_REFRESH)
    state[S.last_command] = clock
    row = COMMANDS + command * COMMAND_STRIDE
    bar_followers(state, params, row, refresh_place(params, command, rank), first, clock)
    log_command(state, params, log, clock, command, first if params[P.ranks] > 1 else -1, -1)
    banks = range(first, first + (1 << params[P.rank_shift]))
    if command == params[P.close_all]:
        state[S.closed_together] += state[OPEN_COUNT + rank]
        state[OPEN_COUNT + rank] = 0
        for bank in banks:
            state[OPEN_ROW + bank] = -1
    else:
        at = RANKS + rank * RANK_STRIDE
        state[S.refresh_due] += 1
        state[S.refresh_done] += 1
        state[at + R.forced] = 0
        if state[at + R.pulling]:
            state[at + R.postponed] -= 1
        state[at + R.pulling] = 1
        if state[at + R.postponed] == -params[P.pulled_in]:
            state[at + R.pulling] = 0
            state[at + R.due] += params[P.refresh_interval]
        state[S.refresh_next] = min(state[S.refresh_next], _begin(state, params, at))
    for bank in banks:
        decide(state, params, bank)
