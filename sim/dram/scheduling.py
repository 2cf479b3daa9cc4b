"""Which command a bus slot issues next, and when: active requests, refresh, then the queue in turn."""

from sim.dram.layout import (
    ACTIVE,
    ACTIVE_COUNT,
    ACTIVE_STRIDE,
    BANK_BITS,
    BANK_STRIDE,
    CLASS_STRIDE,
    CLASSES,
    COMMAND_STRIDE,
    COMMANDS,
    FIFO,
    HIT_ENTRY,
    HIT_KEY,
    NEVER,
    OCCUPIED,
    OPEN_COUNT,
    OPEN_ROW,
    OTHER_ENTRY,
    OTHER_KEY,
    RANK_SCOPE,
    ROW_HIT_FIRST,
    RULE_BITS,
    RULE_MASK,
    SHIELD,
    SLOT_STRIDE,
    SLOTS,
    B,
    C,
    K,
    P,
    S,
)
from sim.jit import Words, inlined, njit

_BANK_MASK = (1 << BANK_BITS) - 1
_AGE_BITS = 44  # sort key: cycles to wait << 44 | age << 8 | bank
_WAIT_SHIFT = _AGE_BITS - RULE_BITS
_NO_RULE = ~RULE_MASK
_FEW = 2  # occupied banks up to which looking at each beats one branch-free loop over all

# Kinds of candidates.
NO_COMMAND, FROM_ACTIVE, FROM_REFRESH, COLUMN_HIT, OPEN_ROW_FOR, CLOSE_ROW_FOR = range(6)


@inlined
def choose(state: Words, params: Words, slot: int, clock: int) -> tuple[int, int, int, int]:
    """The slot's best command: (first cycle from ``clock`` on or NEVER; kind; entry or rank; command)."""
    may = SLOTS + slot * SLOT_STRIDE
    ready, kind, entry, command = NEVER, NO_COMMAND, -1, -1
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
        ready, kind, entry, command = (
            clock + (best >> _AGE_BITS),
            FROM_ACTIVE,
            state[chosen + 2],
            state[chosen + 3],
        )
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
            place = params[COMMANDS + wanted * COMMAND_STRIDE + C.next_ok] + refresh_place(
                params, wanted, rank
            )
            first = max(state[place] >> RULE_BITS, clock)
            if first < ready:
                return first, FROM_REFRESH, rank, wanted
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
            return ready, OPEN_ROW_FOR, entry, params[P.act]
        return ready, CLOSE_ROW_FOR, entry, params[P.pre]
    group = queue * params[P.read_classes]
    while state[HIT_KEY + group * BANK_STRIDE + bank] != key:
        group += 1
    return (
        ready,
        COLUMN_HIT,
        state[HIT_ENTRY + group * BANK_STRIDE + bank],
        params[CLASSES + group * CLASS_STRIDE + K.command],
    )


@inlined
def refresh_place(params: Words, command: int, rank: int) -> int:
    """Where a refresh command for ``rank`` goes: its rank, or the channel."""
    return int(rank if params[COMMANDS + command * COMMAND_STRIDE + C.scope] == RANK_SCOPE else 0)


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
    shut = params[CLASSES + first * CLASS_STRIDE + K.closes]
    if n == 1 and not shut and params[may + B.column] and params[may + B.open] and params[may + B.close]:
        # The usual case, all in one loop: one kind of column command, which leaves the row open, one slot.
        allowed = params[CLASSES + first * CLASS_STRIDE + K.next_ok]
        opening = params[COMMANDS + params[P.act] * COMMAND_STRIDE + C.next_ok]
        closing = params[COMMANDS + params[P.pre] * COMMAND_STRIDE + C.next_ok]
        others = OTHER_KEY + queue * BANK_STRIDE
        hits = HIT_KEY + first * BANK_STRIDE
        for bank in range(banks):
            wait = max((state[allowed + bank] & _NO_RULE) - now, 0)
            hit = state[hits + bank]
            key = hit + (wait << _WAIT_SHIFT)
            a, p = state[opening + bank], state[closing + bank]
            wait = max(((p if state[OPEN_ROW + bank] >= 0 else a) & _NO_RULE) - now, 0)
            other = state[others + bank]
            older = (other | state[SHIELD + bank]) + (wait << _WAIT_SHIFT)
            older = NEVER if hit_bars and hit < other else older
            best = min(best, min(key, older))
        return int(best)
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
                key = (other | state[SHIELD + bank] | (bar_close if is_open else bar_open)) + (
                    wait << _WAIT_SHIFT
                )
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
