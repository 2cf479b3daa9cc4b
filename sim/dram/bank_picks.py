"""Which request the machine of each bank picks, and the command that it needs next.

A pick depends on the bank's requests and open row alone, so that it is worked out only when these change.
"""

from sim.dram.layout import (
    BANK_BITS,
    CLOSED_PAGE,
    COMMAND_STRIDE,
    COMMANDS,
    FIFO,
    FIRST,
    FLIGHT_STRIDE,
    FR_FCFS_GRP,
    LAST,
    NEVER,
    OP_STRIDE,
    OPEN_ADAPTIVE,
    OPEN_PAGE,
    OPEN_ROW,
    OPS,
    PICK,
    PICK_AT,
    PICK_COMMAND,
    PICK_OK,
    RANK_STRIDE,
    RANKS,
    RULE_BITS,
    C,
    F,
    O,
    P,
    R,
    S,
)
from sim.jit import Words, inlined, njit

AHEAD_AT = 32  # of a key: what the bank and the place among the requests under way leave


@inlined
def flight_at(params: Words, number: int) -> int:
    """Where the request of this number stands."""
    return int(params[P.flights] + (number & params[P.flight_mask]) * FLIGHT_STRIDE)


@inlined
def store(state: Words, params: Words, bank: int, row: int, number: int) -> None:
    """Queue a request at its bank, and let the machine pick again if that can matter."""
    depth = params[P.depth]
    rows = params[P.rows] + bank * 2 * depth
    numbers = rows + params[P.banks] * 2 * depth
    last = state[LAST + bank]
    if last == 2 * depth:
        first = state[FIRST + bank]
        for i in range(first, last):
            state[rows + i - first] = state[rows + i]
            state[numbers + i - first] = state[numbers + i]
        state[FIRST + bank] = 0
        state[PICK_AT + bank] -= first
        last -= first
    state[rows + last] = row
    state[numbers + last] = number
    state[LAST + bank] = last + 1
    state[S.last_bank] = bank
    open_row = state[OPEN_ROW + bank]
    policy = params[P.page_policy]
    if state[PICK + bank] == NEVER:
        decide(state, params, bank)
    elif open_row >= 0:
        if state[PICK_COMMAND + bank] == params[P.pre]:
            if row == open_row and params[P.scheduler] != FIFO:
                decide(state, params, bank)
        elif params[P.scheduler] == FR_FCFS_GRP or (policy != OPEN_PAGE and policy != CLOSED_PAGE):
            decide(state, params, bank)


@njit
def decide(state: Words, params: Words, bank: int) -> None:
    """Pick one of the bank's requests, and the command that it needs next."""
    first, last = state[FIRST + bank], state[LAST + bank]
    rank = RANKS + (bank >> params[P.rank_shift]) * RANK_STRIDE
    if first == last or state[rank + R.forced]:
        state[PICK + bank] = NEVER
        return
    depth = params[P.depth]
    rows = params[P.rows] + bank * 2 * depth
    numbers = rows + params[P.banks] * 2 * depth
    row = state[OPEN_ROW + bank]
    policy = params[P.page_policy]
    adaptive = policy != OPEN_PAGE and policy != CLOSED_PAGE
    scheduler = params[P.scheduler]
    pick, further = -1, False
    if row >= 0:
        if scheduler == FIFO:
            if state[rows + first] == row:
                pick = first
                further = first + 1 < last and state[rows + first + 1] == row
        else:
            i = first
            while i < last and state[rows + i] != row:
                i += 1
            if i < last:
                pick = i
                if scheduler == FR_FCFS_GRP:
                    pick = _same_direction(state, params, rows, numbers, row, i, last)
                if adaptive:
                    i += 1
                    while i < last and state[rows + i] != row:
                        i += 1
                    further = i < last
    if pick >= 0:
        flight = flight_at(params, state[numbers + pick])
        op = OPS + state[flight + F.op] * OP_STRIDE
        closing = adaptive and not further and (policy != OPEN_ADAPTIVE or last - first >= 2)
        command = params[op + O.closing] if closing else params[op + O.command]
    else:
        pick = first
        command = params[P.pre] if row >= 0 else params[P.act]
    state[PICK + bank] = state[numbers + pick]
    state[PICK_AT + bank] = pick
    state[PICK_COMMAND + bank] = command
    state[PICK_OK + bank] = params[COMMANDS + command * COMMAND_STRIDE + C.next_ok] + bank


@njit
def _same_direction(
    state: Words, params: Words, rows: int, numbers: int, row: int, first: int, last: int
) -> int:
    """The first hit of the direction last served that passes no older hit of its place; or the first hit."""
    for i in range(first, last):
        if state[rows + i] != row:
            continue
        flight = flight_at(params, state[numbers + i])
        if params[OPS + state[flight + F.op] * OP_STRIDE + O.queue] != state[S.last_queue]:
            continue
        passed = False
        for j in range(first, i):
            if state[flight_at(params, state[numbers + j]) + F.location] == state[flight + F.location]:
                passed = True
        if not passed:
            return i
    return first


@inlined
def remove(state: Words, params: Words, bank: int) -> None:
    """Take the pick from the bank's requests, the rest staying in order."""
    depth = params[P.depth]
    rows = params[P.rows] + bank * 2 * depth
    numbers = rows + params[P.banks] * 2 * depth
    first, last, at = state[FIRST + bank], state[LAST + bank], state[PICK_AT + bank]
    if at - first < last - at:
        while at > first:
            state[rows + at] = state[rows + at - 1]
            state[numbers + at] = state[numbers + at - 1]
            at -= 1
        state[FIRST + bank] = first + 1
    else:
        while at + 1 < last:
            state[rows + at] = state[rows + at + 1]
            state[numbers + at] = state[numbers + at + 1]
            at += 1
        state[LAST + bank] = last - 1


@inlined
def soonest_pick(state: Words, banks: int, clock: int) -> int:
    """Of the pick whose command is allowed first, of these the oldest: cycles ahead, age and bank in one.

    Branch-free over the banks; NEVER if no bank has a pick.
    """
    best = NEVER
    oldest = state[S.answered]
    for bank in range(banks):
        number = state[PICK + bank]
        ahead = max((state[state[PICK_OK + bank]] >> RULE_BITS) - clock, 0)
        key = (ahead << AHEAD_AT) | ((number - oldest) << BANK_BITS) | bank
        best = min(best, NEVER if number == NEVER else key)
    return int(best)
