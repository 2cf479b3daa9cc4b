"""The compiled channel with a machine for each bank, in the way of DRAMSys 4.

Every bank has a machine that picks one of the requests waiting for it, by scheduler and open row, and knows
the command that the pick needs next.  One command issues a cycle: of those that the timing allows, the one
whose request was accepted first; a refresh goes before all.  What a machine picks
is told by :mod:`sim.dram.bank_picks`, when refreshes come by :mod:`sim.dram.bank_refresh`.

The cycle is that of :mod:`sim.dram.kernel`, which calls :func:`run_banks`: the front end takes a request in,
then the controller ticks, its clock reading one more.
"""

from sim.dram.bank_picks import AHEAD_AT, decide, flight_at, remove, soonest_pick, store
from sim.dram.bank_refresh import issue_refresh, refresh_due
from sim.dram.data_bus import charge, occupy
from sim.dram.issuing import bar_followers
from sim.dram.layout import (
    BANK_BITS,
    BANKWISE,
    CAUSE_COMMAND_BUS,
    CAUSE_NO_REQUEST,
    CAUSE_SCHEDULER,
    COLUMN_AT,
    COMMAND_STRIDE,
    COMMANDS,
    FIRST,
    FR_FCFS_GRP,
    LAST,
    NEVER,
    OP_STRIDE,
    OPEN_COUNT,
    OPEN_ROW,
    OPS,
    PICK,
    PICK_COMMAND,
    PICK_OK,
    READ_WRITE,
    ROW_AT,
    RULE_BITS,
    RULE_MASK,
    STREAMS,
    C,
    F,
    O,
    P,
    S,
    Stop,
    T,
)
from sim.dram.offering import input_at
from sim.dram.records import log_command, next_return, note_return, record, retire
from sim.jit import Words, inlined, njit

_UNTIL = int(Stop.UNTIL)
_NEED_INPUT = int(Stop.NEED_INPUT)
_ACCEPT = int(Stop.ACCEPT)
_COMPLETION = int(Stop.COMPLETION)
_SLOT = int(Stop.SLOT)
_FINISHED = int(Stop.FINISHED)
_DONE_FULL = int(Stop.DONE_FULL)
_LOG_FULL = int(Stop.LOG_FULL)
_STUCK = int(Stop.STUCK)

_BANK_MASK = (1 << BANK_BITS) - 1
_COLUMN_MASK = (1 << (ROW_AT - COLUMN_AT)) - 1
_ANSWERS = 7  # responses worked out in one cycle, so that their records fit


@njit
def run_banks(
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
    """Advance the channel as :func:`sim.dram.kernel.run` says; a Stop."""
    banks = params[P.banks]
    skip = params[P.skip] != 0
    reason = _UNTIL
    now = state[S.now]
    happened = 0
    while True:
        if happened & stop_on:
            reason = happened & stop_on
            reason = reason & -reason
            break
        if now >= until:
            break
        if state[S.done_on] and state[S.done] > done_limit:
            reason = _DONE_FULL
            break
        if state[S.log_on] and state[S.logged] > log_limit:
            reason = _LOG_FULL
            break

        state[S.now] = now
        clock = now + 1
        answered = 0
        if params[P.in_order] and _unanswered(state, params):
            _answer_in_order(state, params, done, now)
            answered = _COMPLETION
        offered, happened = _offer(state, params, inputs, now)
        happened |= answered
        if happened & stop_on:
            offered = min(offered, now + 1)  # this call ends before the next cycle
        if offered < 0:
            if stop_on & _NEED_INPUT:
                reason = _NEED_INPUT
                break
            offered = NEVER
        if params[P.in_order] and _unanswered(state, params):
            offered = min(offered, now + 1)

        if state[STREAMS + T.head] == state[STREAMS + T.tail]:
            idle = state[S.reads_waiting] + state[S.writes_waiting] == 0 and not _unanswered(state, params)
            if state[S.end] == NEVER and not state[STREAMS + T.open] and state[S.reads_unissued] == 0:
                state[S.end] = max(state[S.last_return], state[S.last_accept] + 1 if state[S.accepted] else 0)
            if state[S.end] != NEVER and stop_on & _FINISHED and idle:
                reason = _FINISHED
                break
            if until >= NEVER - 1 and idle and offered == NEVER:
                # Nothing is left, nothing is announced, and refreshes alone would go on for ever.
                reason = _NEED_INPUT if state[S.end] == NEVER else _FINISHED
                break

        # The controller's tick.  Until `horizon` nothing but a command can happen.
        soonest, chosen, refreshes = NEVER, -1, False
        announced = state[S.refresh_next]
        if clock >= announced:
            soonest, chosen, announced = refresh_due(state, params, clock)
            refreshes = soonest != NEVER
        best = soonest_pick(state, banks, clock)
        if best != NEVER and clock + (best >> AHEAD_AT) < soonest:
            soonest, chosen, refreshes = clock + (best >> AHEAD_AT), best & _BANK_MASK, False
        horizon = min(min(offered, announced - 1), until)
        if soonest == clock or (skip and soonest <= horizon):
            clock = soonest
            if refreshes:
                issue_refresh(state, params, log, clock, chosen)
            else:
                happened |= _issue(state, params, done, log, clock, chosen)
            now = clock
            state[S.next_event] = now
        elif skip:
            ahead = min(min(soonest, announced) - 1, offered)
            waiting = state[S.reads_waiting] + state[S.writes_waiting]
            if ahead - state[S.last_progress] > params[P.watchdog] and waiting > 0:
                reason = _STUCK
                break
            state[S.next_event] = max(ahead, now + 1)
            now = min(max(ahead, now + 1), max(until, now + 1))
        else:
            now += 1
            state[S.next_event] = now
            waiting = state[S.reads_waiting] + state[S.writes_waiting]
            if now - state[S.last_progress] > params[P.watchdog] and waiting > 0:
                reason = _STUCK
                break
    state[S.now] = now
    return reason


@inlined
def _offer(state: Words, params: Words, inputs: Words, now: int) -> tuple[int, int]:
    """Offer the stream's head; (next cycle worth an offer, or -1 for want of input; what happened)."""
    at = STREAMS
    head = state[at + T.head]
    if head == state[at + T.tail]:
        return (-1 if state[at + T.open] else NEVER), 0
    i = input_at(params, 0, head)
    arrival = inputs[i]
    if arrival > now:
        return arrival, 0
    if state[at + T.window] > 0:
        retire(state, params, 0, now)
        if state[at + T.reads_unissued] + state[at + T.return_count] >= state[at + T.window]:
            return next_return(state, params, 0), 0
    if params[P.max_active]:
        # A transaction is active up to the last cycle of its data, in which the next may follow it.
        oldest = state[S.response_head]
        while oldest < state[S.response_tail] and _response(state, params, oldest) <= now + 1:
            oldest += 1
        state[S.response_head] = oldest
        if state[S.sequence] - oldest >= params[P.max_active]:
            return (_response(state, params, oldest) - 1 if oldest < state[S.response_tail] else NEVER), 0
    kind = params[P.buffer]
    if kind == BANKWISE:
        # The bank of the request before it, as it is taken in before its own bank is looked at.
        full = state[LAST + state[S.last_bank]] - state[FIRST + state[S.last_bank]] >= params[P.buffer_size]
    elif kind == READ_WRITE:
        full = max(state[S.reads_waiting], state[S.writes_waiting]) >= params[P.buffer_size]
    else:
        full = state[S.reads_waiting] + state[S.writes_waiting] >= params[P.buffer_size]
    if full or state[S.sequence] - state[S.answered] > params[P.flight_mask]:
        return NEVER, 0

    location, op, tag = inputs[i + 1], inputs[i + 2] & 255, inputs[i + 2] >> 8
    if state[S.reads_waiting] + state[S.writes_waiting] == 0:
        charge(state, now, CAUSE_NO_REQUEST)
    number = state[S.sequence]
    state[S.sequence] = number + 1
    flight = flight_at(params, number)
    state[flight + F.location] = location
    state[flight + F.op] = op
    state[flight + F.counted] = 0
    state[flight + F.accept] = now
    state[flight + F.arrival] = arrival
    state[flight + F.tag] = tag
    state[flight + F.back] = -1
    if params[OPS + op * OP_STRIDE + O.queue]:
        state[S.writes_waiting] += 1
        state[S.writes] += 1
    else:
        state[S.reads_waiting] += 1
        state[S.reads] += 1
        state[S.reads_unissued] += 1
        state[at + T.reads_unissued] += 1
    store(state, params, location & _BANK_MASK, location >> ROW_AT, number)
    head += 1
    state[at + T.head] = head
    state[S.accepted] += 1
    state[S.last_accept] = now
    state[S.last_progress] = now
    if head == state[at + T.tail]:
        return (now + 1 if state[at + T.open] else NEVER), _ACCEPT
    return max(inputs[input_at(params, 0, head)], now + 1), _ACCEPT


@inlined
def _response(state: Words, params: Words, i: int) -> int:
    return int(state[params[P.responses] + (i & params[P.response_mask])])


@inlined
def _issue(state: Words, params: Words, done: Words, log: Words, clock: int, bank: int) -> int:
    """Issue the next command of the bank's pick; bits of what happened."""
    number = state[PICK + bank]
    command = state[PICK_COMMAND + bank]
    flight = flight_at(params, number)
    location = state[flight + F.location]
    row = COMMANDS + command * COMMAND_STRIDE
    rank = bank >> params[P.rank_shift]
    held = state[state[PICK_OK + bank]]
    cause = CAUSE_SCHEDULER
    if held >> RULE_BITS == clock and held & RULE_MASK:
        cause = held & RULE_MASK
    elif state[flight + F.accept] == clock - 1:
        cause = CAUSE_NO_REQUEST
    elif state[S.last_command] == clock - 1:
        cause = CAUSE_COMMAND_BUS
    charge(state, clock, cause)
    state[S.last_command] = clock
    state[S.last_progress] = clock
    bar_followers(state, params, row, bank, bank, clock)

    fresh = 1 - state[flight + F.counted]
    state[flight + F.counted] = 1
    if command == params[P.act] or command == params[P.pre]:
        opens = int(command == params[P.act])
        opened = location >> ROW_AT if opens else -1
        state[S.row_misses] += fresh * opens
        state[S.row_conflicts] += fresh * (1 - opens)
        state[OPEN_COUNT + rank] += 2 * opens - 1
        state[OPEN_ROW + bank] = opened
        log_command(state, params, log, clock, command, bank, opened)
        decide(state, params, bank)
        return 0

    state[S.row_hits] += fresh
    if params[row + C.closes]:
        state[OPEN_COUNT + rank] -= 1
        state[OPEN_ROW + bank] = -1
    data = clock + params[row + C.latency]
    back = data + params[row + C.burst]
    if data < state[S.end]:
        occupy(state, data, back)
    queue = params[OPS + state[flight + F.op] * OP_STRIDE + O.queue]
    if queue:
        state[S.writes_waiting] -= 1
    else:
        state[S.reads_waiting] -= 1
    state[flight + F.issue] = clock
    state[flight + F.back] = back
    log_command(state, params, log, clock, command, bank, (location >> COLUMN_AT) & _COLUMN_MASK)
    remove(state, params, bank)
    turned = params[P.scheduler] == FR_FCFS_GRP and queue != state[S.last_queue]
    state[S.last_queue] = queue
    if turned:
        for other in range(params[P.banks]):
            decide(state, params, other)
    else:
        decide(state, params, bank)
    if params[P.in_order] == 0:
        _answer(state, params, done, flight, clock - 1)
        oldest = state[S.answered]
        while oldest < state[S.sequence] and state[flight_at(params, oldest) + F.back] >= 0:
            oldest += 1
        state[S.answered] = oldest
        return _COMPLETION | _SLOT
    return _SLOT


@inlined
def _unanswered(state: Words, params: Words) -> bool:
    """Is there a response that can be worked out now?"""
    number = state[S.answered]
    return bool(number < state[S.sequence] and state[flight_at(params, number) + F.back] >= 0)


@njit
def _answer_in_order(state: Words, params: Words, done: Words, now: int) -> None:
    """Work out responses in the order of acceptance, as far as their data is known."""
    for _ in range(_ANSWERS):
        if not _unanswered(state, params):
            return
        _answer(state, params, done, flight_at(params, state[S.answered]), now)
        state[S.answered] += 1


@inlined
def _answer(state: Words, params: Words, done: Words, flight: int, now: int) -> None:
    """Respond to an issued request: when its data is complete, one response a cycle."""
    back = max(state[flight + F.back], state[S.last_response] + 1)
    state[S.last_response] = back
    if params[P.max_active]:
        state[params[P.responses] + (state[S.response_tail] & params[P.response_mask])] = back
        state[S.response_tail] += 1
    op = state[flight + F.op]
    if params[OPS + op * OP_STRIDE + O.queue] == 0:
        state[S.reads_unissued] -= 1
        state[STREAMS + T.reads_unissued] -= 1
        state[S.last_return] = max(state[S.last_return], back)
        note_return(state, params, 0, back, now)
    record(
        state,
        done,
        state[flight + F.tag],
        0,
        op,
        state[flight + F.arrival],
        state[flight + F.accept],
        state[flight + F.issue],
        back,
    )
