"""Instructions of a channel and steps of a token, carried out on the state of channels and ASIC."""

from typing import Any

from mapping.pim.program import Instruction, Kind, Step, Unit
from sim.jit import Words, njit, words
from sim.pim.issuing import (
    LOG_ROW,
    cause_at,
    close,
    issue,
    issue_one,
    open_all,
    open_one,
    refresh_if_due,
    ring_at,
    times_size,
)
from sim.pim.tables import ALL, GROUP, X_SIZE, Events, K, X

_ASIC, _REPEATS = int(Unit.ASIC), int(Events.REPEATS)
_BARE, _COLUMNS, _SWEEP = int(Kind.BARE), int(Kind.COLUMNS), int(Kind.SWEEP)
_UNIT, _AFTER, _OPERATOR_OF = int(Step.UNIT), int(Step.AFTER), int(Step.OPERATOR)
_INSTRUCTION, _STEPS = len(Instruction), len(Step)
_KIND, _COMMAND, _BANK, _START, _N, _SEGMENTS, _STRIDE, _REUSE, _PERIOD, _SLOT_OF, _KEEP = range(_INSTRUCTION)
ASIC_FREE, ASIC_BUSY, FRONTIER, LAST_END, LAST_CAUSE = range(5)
"""Words of the state that channels and ASIC share.

The first free cycle and the busy cycles of the ASIC, in its own clock; then in memory cycles the end of all
that has happened, the end of the last step, and the cause that waiting for it counts as.
"""
SHARED = 5


@njit
def carry_out(
    c: Words, x: Words, log: Words, spare: Words, i: Words, move: int, ready: int, waited: int
) -> None:
    """One instruction ``i``, its column addresses moved by ``move``; nothing issues before ``ready``."""
    kind = i[_KIND]
    if kind == _SWEEP:
        _sweep(c, x, log, spare, i, move, ready, waited)
    elif kind == _BARE:
        _bare(c, x, log, i, ready, waited)
    elif kind == _COLUMNS:
        _columns(c, x, log, i, move, ready, waited)
    else:
        _each_bank(c, x, log, i, move, ready, waited)


@njit
def _bare(c: Words, x: Words, log: Words, i: Words, ready: int, waited: int) -> None:
    command = i[_COMMAND]
    if c[K.ideal_io] and c[c[K.moves_at] + command]:
        return
    if command == c[K.result]:
        # `n` accumulators, each of so many bursts.
        for k in range(i[_N]):
            issue(c, x, log, command, 0, c[K.result_bursts], -1, -1, k, 0, 0, 0, ready, waited)
        return
    issue(c, x, log, command, 0, i[_N], -1, i[_SLOT_OF], -1, 0, 1, 0, ready, waited)


@njit
def _columns(c: Words, x: Words, log: Words, i: Words, move: int, ready: int, waited: int) -> None:
    command, bank, columns = i[_COMMAND], i[_BANK], c[K.columns]
    moving, closing = c[c[K.moves_at] + command], c[c[K.closes_at] + command]
    opened = -1
    if x[X.row] >= 0 and x[X.bank] == bank and x[X.due] > x[X.now]:
        opened = x[X.row]
        x[X.row] = -1
    close_left_open(c, x, log)
    for s in range(i[_SEGMENTS]):
        at = i[_START] + move + s // i[_REUSE] * i[_STRIDE]
        slot = i[_SLOT_OF] + s % i[_PERIOD] * i[_N]
        left = i[_N]
        if c[K.ideal_io] and moving:
            left = min(left, 1)
        while left > 0:
            row, column = at // columns, at % columns
            n = 1 if closing else min(left, columns - column)
            if row != opened:
                if opened >= 0:
                    _close(c, x, log, bank)
                if bank < 0:
                    open_all(c, x, log, row, ready, waited)
                else:
                    open_one(c, x, log, bank, row, ready, waited)
                opened = row
            accumulator = -1 if moving else 0
            issue(c, x, log, command, max(bank, 0), n, column, -1 if moving else slot, accumulator,
                  1, 0 if moving else 1, 0, ready, waited)  # fmt: skip
            at += n
            slot += n
            left -= n
            if closing:
                x[X.open_cycles] += x[X.now] - x[X.open_since]
                x[X.open_since] = opened = -1
    if opened >= 0 and i[_KEEP]:
        x[X.row], x[X.bank] = opened, bank
    elif opened >= 0:
        _close(c, x, log, bank)


@njit
def close_left_open(c: Words, x: Words, log: Words) -> None:
    """Close what an instruction left open."""
    if x[X.row] >= 0:
        _close(c, x, log, x[X.bank])
        x[X.row] = -1


@njit
def _close(c: Words, x: Words, log: Words, bank: int) -> None:
    if bank < 0:
        close(c, x, log, c[K.close], 0)
    else:
        close(c, x, log, c[K.close_one], bank)


@njit
def _each_bank(c: Words, x: Words, log: Words, i: Words, move: int, ready: int, waited: int) -> None:
    command, columns = i[_COMMAND], c[K.columns]
    close_left_open(c, x, log)
    ideal = c[K.ideal_io] and c[c[K.moves_at] + command]
    opened = -1
    for s in range(i[_SEGMENTS]):
        begin = i[_START] + move + s // i[_REUSE] * i[_STRIDE]
        for k in range(1 if ideal else i[_N]):
            row, column = (begin + k) // columns, (begin + k) % columns
            if row != opened:
                if opened >= 0:
                    close(c, x, log, c[K.close], 0)
                open_all(c, x, log, row, ready, waited)
                opened = row
            for b in range(1 if ideal else c[K.banks]):
                # Neighbours in time are in different groups, which may follow one another sooner.
                bank = b % c[K.groups] * c[K.per_group] + b // c[K.groups]
                issue_one(c, x, log, command, bank, column, -1, -1, ready, waited)
    if opened >= 0:
        close(c, x, log, c[K.close], 0)


@njit
def _results(c: Words, x: Words, log: Words, segment: int, n: int, ready: int, waited: int) -> None:
    """Read the results of ``n`` segments, the first being ``segment``."""
    if c[K.ideal_io]:
        return
    for k in range(segment, segment + n):
        accumulator = k % c[K.accumulators]
        issue(c, x, log, c[K.result], 0, c[K.result_bursts], -1, -1, accumulator, 0, 0, 0, ready, waited)


@njit
def _sweep(
    c: Words, x: Words, log: Words, spare: Words, i: Words, move: int, ready: int, waited: int
) -> None:
    columns, n, segments, stride = c[K.columns], i[_N], i[_SEGMENTS], i[_STRIDE]
    reuse, period = i[_REUSE], i[_PERIOD]
    close_left_open(c, x, log)
    repeat = _repetition(columns, stride, reuse, period)
    jumps = c[K.events] == _REPEATS and x[X.log_size] == 0 and segments >= 3 * repeat
    noted = -1  # the segment at whose beginning the state was noted
    opened, pending = -1, 0
    opened_then, pending_then = -1, 0
    s = 0
    while s < segments:
        start = i[_START] + move + s // reuse * stride
        if jumps and s % repeat == 0 and opened >= 0:
            if noted == s - repeat and pending == pending_then and opened - start // columns == opened_then:
                skipped = _jump(c, x, spare, (segments - s) // repeat)
                if skipped > 0:
                    s += skipped * repeat
                    noted = -1
                    opened += skipped * repeat // reuse * stride // columns
                    continue
            noted = s
            pending_then = pending
            opened_then = opened - start // columns
            _note(c, x, spare)
        at, left = start, n
        slot = i[_SLOT_OF] + s % period * n
        begun = False
        while left > 0:
            row, column = at // columns, at % columns
            k = min(left, columns - column)
            if row != opened:
                if opened >= 0:
                    close(c, x, log, c[K.close], 0)
                open_all(c, x, log, row, ready, waited)
                opened = row
            if not begun and not i[_KEEP]:
                over = pending - c[K.accumulators] + 1
                if over > 0:
                    _results(c, x, log, s - pending, over, ready, waited)
                    pending -= over
            begun = True
            accumulator = s if i[_KEEP] else s % c[K.accumulators]
            issue(c, x, log, i[_COMMAND], 0, k, column, slot, accumulator, 1, 1, 0, ready, waited)
            at += k
            slot += k
            left -= k
        pending += 1
        s += 1
    if opened >= 0:
        close(c, x, log, c[K.close], 0)
    if not i[_KEEP]:
        _results(c, x, log, segments - pending, pending, ready, waited)


@njit
def _repetition(columns: int, stride: int, reuse: int, period: int) -> int:
    """After how many segments columns, buffer slots and reuse are the same again."""
    rows = reuse * (columns // _gcd(stride, columns)) if stride > 0 else reuse
    return rows // _gcd(rows, period) * period


@njit
def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@njit
def _places(c: Words, level: int) -> int:
    """How many places of a level a channel has."""
    if level == ALL:
        return 1
    return int(c[K.groups]) if level == GROUP else int(c[K.banks])


@njit
def _note(c: Words, x: Words, spare: Words) -> None:
    """Keep what :func:`_jump` compares and continues: everything but the times that a sweep cannot move."""
    commands, activate = c[K.commands], c[K.activate]
    for k in range(X_SIZE + commands):
        spare[k] = x[k]
    for place in range(1, 1 + c[K.groups] + c[K.banks]):
        k = X_SIZE + place * commands + activate
        spare[k] = x[k]
    causes = cause_at(c)
    for k in range(X_SIZE + times_size(c), causes + c[K.causes]):
        spare[k] = x[k]
    counts = causes + c[K.causes] + x[X.operator] * commands
    for k in range(counts, counts + commands):
        spare[k] = x[k]


@njit
def _repeats(c: Words, x: Words, spare: Words) -> bool:
    """Do the rules see the channel as they saw it when it was noted?

    They see ages of commands, and cannot tell any two beyond their longest wait apart.  Of commands to
    single banks or groups only those that open rows can have been issued since.
    """
    now, then = x[X.now], spare[X.now]
    if x[X.slot] != spare[X.slot] or now - x[X.open_since] != then - spare[X.open_since]:
        return False
    commands = c[K.commands]
    for command in range(commands):
        horizon = c[c[K.horizon_at] + command]
        if x[X_SIZE + command] <= then:
            if then - x[X_SIZE + command] < horizon:
                return False
            continue
        places = 1
        if c[c[K.level_at] + command] < ALL:
            places = 1 + c[K.groups] + c[K.banks]
        for place in range(places):
            k = X_SIZE + place * commands + command
            if min(now - x[k], horizon) != min(then - spare[k], horizon):
                return False
    for ring in range(c[K.rings]):
        r = c[K.rings_at] + 3 * ring
        length, wait = c[r], c[r + 2]
        for place in range(_places(c, c[r + 1])):
            at = ring_at(c, ring, place)
            for k in range(length):
                age = now - x[at + 1 + (x[at] + k) % length]
                before = then - spare[at + 1 + (spare[at] + k) % length]
                if min(age, wait) != min(before, wait):
                    return False
    return True


@njit
def _jump(c: Words, x: Words, spare: Words, most: int) -> int:
    """If the state repeats, take up to ``most`` further repetitions at once; says how many.

    Each of them takes as long as the one just done and does the same, until a refresh is due before a row.
    """
    if x[X.due] != spare[X.due] or not _repeats(c, x, spare):
        return 0
    then = spare[X.now]
    longer = x[X.now] - then
    times = most
    if c[K.refresh] >= 0:
        times = min(times, (x[X.due] - 1 - x[X_SIZE + c[K.activate]]) // longer)
    if times <= 0:
        return 0
    moved = times * longer
    commands = c[K.commands]
    for command in range(commands):
        if x[X_SIZE + command] > then:
            for place in range(1 + c[K.groups] + c[K.banks]):
                k = X_SIZE + place * commands + command
                if x[k] > then:
                    x[k] += moved
    for ring in range(c[K.rings]):
        r = c[K.rings_at] + 3 * ring
        for place in range(_places(c, c[r + 1])):
            at = ring_at(c, ring, place) + 1
            for k in range(at, at + c[r]):
                if x[k] > then:
                    x[k] += moved
    x[X.now] += moved
    x[X.open_since] += moved
    if x[X.done] > spare[X.done]:
        x[X.done] += moved
    x[X.open_cycles] += times * (x[X.open_cycles] - spare[X.open_cycles])
    x[X.bus_cycles] += times * (x[X.bus_cycles] - spare[X.bus_cycles])
    causes = cause_at(c)
    for k in range(causes, causes + c[K.causes]):
        x[k] += times * (x[k] - spare[k])
    counts = causes + c[K.causes] + x[X.operator] * commands
    for k in range(counts, counts + commands):
        x[k] += times * (x[k] - spare[k])
    return int(times)


@njit
def token(
    constants: Any,
    states: Any,
    shared: Any,
    logs: Any,
    spare: Any,
    layers: int,
    stride: int,
    steps: Any,
    instructions: Any,
    first: Any,
    asic_cycles: Any,
    number: int,
    begins: Any,
    ends: Any,
    critical: Any,
    by_layer: Any,
) -> None:
    """The same block for each of ``layers``, column addresses ``stride`` further each time.

    The other arguments are those of :func:`block`; ``by_layer``: int64 (layers,), grows like ``critical``.
    """
    for layer in range(layers):
        before = shared[FRONTIER]
        block(constants, states, shared, logs, spare, steps, instructions, first, asic_cycles,
              layer * stride, number + layer * steps.shape[0], begins, ends, critical)  # fmt: skip
        by_layer[layer] += shared[FRONTIER] - before


@njit
def _charge_waiting(
    shared: Any, steps: Any, step: int, until: int, number: int, ends: Any, critical: Any
) -> None:
    """Charge the time from the frontier up to cycle ``until`` to the ASIC's steps that ``step`` waited for.

    What the ASIC does while channels work is charged to the channels' operators.
    """
    waiting, begun = step, until
    at = steps[step, _AFTER]
    if steps[step, _UNIT] == _ASIC:  # the last of a block: itself
        at = step
    while at >= 0 and steps[at, _UNIT] == _ASIC and until > shared[FRONTIER]:
        before = steps[at, _AFTER]
        since = shared[LAST_END] if before < 0 else ends[number + before]
        since = max(since, shared[FRONTIER])
        if until > since:
            critical[steps[at, _OPERATOR_OF]] += until - since
            until = since
        waiting = at
        at = before
    if until > shared[FRONTIER]:
        critical[steps[waiting, _OPERATOR_OF]] += until - shared[FRONTIER]
    shared[FRONTIER] = max(shared[FRONTIER], begun)


@njit
def block(
    constants: Any,
    states: Any,
    shared: Any,
    logs: Any,
    spare: Any,
    steps: Any,
    instructions: Any,
    first: Any,
    asic_cycles: Any,
    move: int,
    number: int,
    begins: Any,
    ends: Any,
    critical: Any,
) -> None:
    """The steps of one block.

    Args:
        constants: int64, of the machine.
        states: int64 (channels, state size).
        shared: int64 (SHARED,).
        logs: int64 (channels, rows, LOG_ROW).
        spare: int64 (state size,), overwritten.
        steps: as in :class:`mapping.pim.program.Block`, like ``instructions`` and ``first``.
        asic_cycles: int64 (steps,), 0 for steps of the channels.
        move: added to column addresses.
        number: of the block's first step within the token.
        begins, ends: int64 (steps of the token,), memory cycles; written.
        critical: int64 (operators,), grows by the time that goes to each operator, see _charge_waiting.
    """
    c = words(constants)
    channels = states.shape[0]
    if logs.shape[1] * LOG_ROW > 0 and states[0, X.log_size] > logs.shape[1]:
        raise ValueError("log smaller than the state says")
    for s in range(steps.shape[0]):
        after = steps[s, _AFTER]
        ready, waited = shared[LAST_END], shared[LAST_CAUSE]
        if after >= 0:
            ready = ends[number + after]
            waited = 1 if steps[after, _UNIT] == _ASIC else 2
        operator = steps[s, _OPERATOR_OF]
        end = ready
        begins[number + s] = ready
        if steps[s, _UNIT] == _ASIC:
            per, of = c[K.asic_per_memory], c[K.memory_per_asic]
            start = max(shared[ASIC_FREE], -(-ready * per // of))
            shared[ASIC_FREE] = start + asic_cycles[s]
            shared[ASIC_BUSY] += asic_cycles[s]
            begins[number + s] = start * of // per
            end = max(end, -(-shared[ASIC_FREE] * of // per))
        else:
            for channel in range(channels):
                begin, stop = first[s * channels + channel], first[s * channels + channel + 1]
                if begin == stop:
                    continue
                x, log = words(states[channel]), words(logs[channel])
                x[X.step], x[X.operator], x[X.done] = number + s, operator, ready
                if x[X.due] <= ready:
                    close_left_open(c, x, log)
                    refresh_if_due(c, x, log, ready)
                for row in range(begin, stop):
                    carry_out(c, x, log, words(spare), words(instructions[row]), move, ready, waited)
                end = max(end, x[X.done])
            if end > shared[FRONTIER]:
                _charge_waiting(shared, steps, s, ready, number, ends, critical)
                critical[operator] += end - shared[FRONTIER]
                shared[FRONTIER] = end
        ends[number + s] = end
    last = steps.shape[0] - 1
    _charge_waiting(shared, steps, last, ends[number + last], number, ends, critical)
    for s in range(steps.shape[0]):
        if ends[number + s] > shared[FRONTIER]:
            critical[steps[s, _OPERATOR_OF]] += ends[number + s] - shared[FRONTIER]
            shared[FRONTIER] = ends[number + s]
    shared[LAST_END] = ends[number + last]
    shared[LAST_CAUSE] = 1 if steps[last, _UNIT] == _ASIC else 2
