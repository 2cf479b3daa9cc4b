"""One channel's commands, in order: when each may be issued, and what that changes.

Everything works on plain words: ``c`` the machine's constants, ``x`` the channel's state, ``log`` rows of
seven words (cycle, code, bank, arg, slot, accumulator, step).  See :mod:`sim.pim.tables` for the layouts.
"""

from sim.jit import Words, njit
from sim.pim.tables import ALL, BANK, GROUP, X_SIZE, Events, K, X

LOG_ROW = 7
_COMMANDS = int(Events.COMMANDS)


@njit
def times_size(c: Words) -> int:
    return int(c[K.commands] * (1 + c[K.groups] + c[K.banks]))


@njit
def cause_at(c: Words) -> int:
    return int(X_SIZE + times_size(c) + c[K.rings] * c[K.banks] * (1 + c[K.ring_size]))


@njit
def _last(c: Words, x: Words, command: int, look: int, bank: int) -> int:
    """When the command was last issued to the channel, to the bank's group, or to the bank."""
    if look == ALL:
        return int(x[X_SIZE + command])
    if look == GROUP:
        at = X_SIZE + c[K.commands] * (1 + bank // c[K.per_group])
        return int(x[at + command])
    at = X_SIZE + c[K.commands] * (1 + c[K.groups] + bank)
    return int(x[at + command])


@njit
def ring_at(c: Words, ring: int, place: int) -> int:
    """Where the ring of a place (the channel, a group or a bank by number) stands: position, then cycles."""
    return int(X_SIZE + times_size(c) + (ring * c[K.banks] + place) * (1 + c[K.ring_size]))


@njit
def _place(c: Words, level: int, bank: int) -> int:
    if level == ALL:
        return 0
    return int(bank // c[K.per_group]) if level == GROUP else bank


@njit
def earliest(c: Words, x: Words, command: int, bank: int, ready: int, waited: int) -> tuple[int, int]:
    """The first cycle in which the next command may be ``command``, and the cause that says so.

    ``bank``: the first bank that it addresses.  ``ready``: not before this cycle, by the cause ``waited``.
    """
    at = x[X.now] + 1
    if c[c[K.slot_at] + command] > x[X.slot]:  # a later slot of the same cycle is free
        at = x[X.now]
    cause = 0
    if ready > at:
        at, cause = ready, waited
    first = c[c[K.pairs_first_at] + command]
    end = c[c[K.pairs_first_at] + command + 1]
    for row in range(first, end):
        p = c[K.pairs_at] + 4 * row
        allowed = _last(c, x, c[p], c[p + 1], bank) + c[p + 2]
        if allowed > at or (allowed == at and cause == 0):  # a rule says more than the bus
            at, cause = allowed, c[p + 3]
    first = c[c[K.windows_first_at] + command]
    end = c[c[K.windows_first_at] + command + 1]
    for row in range(first, end):
        p = c[K.windows_at] + 4 * row
        ring = c[p]
        r = ring_at(c, ring, _place(c, c[p + 1], bank))
        allowed = x[r + 1 + x[r]] + c[p + 2]  # the oldest entry is the one that is overwritten next
        if allowed > at:
            at, cause = allowed, c[p + 3]
    return at, cause


@njit
def _note_times(c: Words, x: Words, command: int, bank: int, at: int) -> None:
    level = c[c[K.level_at] + command]
    commands = c[K.commands]
    x[X_SIZE + command] = at
    if level < ALL:
        x[X_SIZE + commands * (1 + bank // c[K.per_group]) + command] = at
    if level == BANK:
        x[X_SIZE + commands * (1 + c[K.groups] + bank) + command] = at
    first = c[c[K.pushes_first_at] + command]
    end = c[c[K.pushes_first_at] + command + 1]
    for row in range(first, end):
        p = c[K.pushes_at] + 2 * row
        ring, scope = c[p], c[p + 1]
        # All places of the rule's scope that share a bank with the command.
        lowest, highest = bank, bank
        if level == GROUP:
            highest = bank + c[K.per_group] - 1
        elif level == ALL:
            lowest, highest = 0, c[K.banks] - 1
        for place in range(_place(c, scope, lowest), _place(c, scope, highest) + 1):
            r = ring_at(c, ring, place)
            x[r + 1 + x[r]] = at
            x[r] = (x[r] + 1) % c[c[K.rings_at] + 3 * ring]


@njit
def _write_log(
    c: Words, x: Words, log: Words, at: int, command: int, bank: int, arg: int, slot: int, accumulator: int
) -> None:
    if x[X.logged] < x[X.log_size]:
        row = LOG_ROW * x[X.logged]
        log[row] = at
        log[row + 1] = command
        log[row + 2] = -1 if c[c[K.level_at] + command] == ALL else bank
        log[row + 3] = arg
        log[row + 4] = slot
        log[row + 5] = accumulator
        log[row + 6] = x[X.step]
    x[X.logged] += 1


@njit
def issue(
    c: Words,
    x: Words,
    log: Words,
    command: int,
    bank: int,
    n: int,
    arg: int,
    slot: int,
    accumulator: int,
    arg_step: int,
    slot_step: int,
    accumulator_step: int,
    ready: int,
    waited: int,
) -> int:
    """Issue ``command`` n times to one place, one behind the other; returns the cycle of the last.

    ``arg``, ``slot`` and ``accumulator`` are the operands of the first for the log; the ``*_step`` are added
    to them from one to the next.
    """
    own = c[c[K.self_at] + command]
    if n > 1 and (c[K.events] == _COMMANDS or own == 0):
        at = 0
        for k in range(n):
            at = issue_one(c, x, log, command, bank, arg + k * arg_step, slot + k * slot_step,
                           accumulator + k * accumulator_step, ready, waited)  # fmt: skip
        return at
    at, cause = earliest(c, x, command, bank, ready, waited)
    causes = cause_at(c)
    x[causes + cause] += at - x[X.now]
    last = at + (n - 1) * own
    if n > 1:
        x[causes + c[c[K.self_cause_at] + command]] += last - at
    _count(c, x, command, n, last)
    if x[X.log_size] > 0:
        for k in range(n):
            _write_log(c, x, log, at + k * own, command, bank, arg + k * arg_step, slot + k * slot_step,
                       accumulator + k * accumulator_step)  # fmt: skip
    _note_times(c, x, command, bank, last)
    return int(last)


@njit
def issue_one(
    c: Words,
    x: Words,
    log: Words,
    command: int,
    bank: int,
    arg: int,
    slot: int,
    accumulator: int,
    ready: int,
    waited: int,
) -> int:
    at, cause = earliest(c, x, command, bank, ready, waited)
    x[cause_at(c) + cause] += at - x[X.now]
    _count(c, x, command, 1, at)
    if x[X.log_size] > 0:
        _write_log(c, x, log, at, command, bank, arg, slot, accumulator)
    _note_times(c, x, command, bank, at)
    return at


@njit
def _count(c: Words, x: Words, command: int, n: int, last: int) -> None:
    x[X.now] = last
    x[X.slot] = c[c[K.slot_at] + command]
    counts = cause_at(c) + c[K.causes]
    x[counts + x[X.operator] * c[K.commands] + command] += n
    done = last + 1
    if c[c[K.moves_at] + command]:
        burst = c[c[K.burst_at] + command]
        x[X.bus_cycles] += n * burst
        done = last + c[c[K.latency_at] + command] + burst
    x[X.done] = max(x[X.done], done)


@njit
def refresh_if_due(c: Words, x: Words, log: Words, before: int) -> None:
    """With all banks closed: the refreshes that are due no later than cycle ``before``."""
    command = c[K.refresh]
    if command < 0:
        return
    while x[X.due] <= before:
        issue_one(c, x, log, command, 0, -1, -1, -1, x[X.due], 0)
        x[X.due] += c[K.interval]


@njit
def open_all(c: Words, x: Words, log: Words, row: int, ready: int, waited: int) -> None:
    """Open a row in all banks; all are closed.  A refresh that is due by then comes first."""
    command = c[K.activate]
    for node in range(c[K.nodes]):
        bank = node * c[K.node_banks]
        if node == 0:
            _refresh_first(c, x, log, command, bank, ready, waited)
        at = issue_one(c, x, log, command, bank, row, -1, -1, ready, waited)
        if node == 0:
            x[X.open_since] = at


@njit
def open_one(c: Words, x: Words, log: Words, bank: int, row: int, ready: int, waited: int) -> None:
    """Open a row in one bank; all are closed.  A refresh that is due by then comes first."""
    command = c[K.activate_one]
    _refresh_first(c, x, log, command, bank, ready, waited)
    x[X.open_since] = issue_one(c, x, log, command, bank, row, -1, -1, ready, waited)


@njit
def _refresh_first(c: Words, x: Words, log: Words, command: int, bank: int, ready: int, waited: int) -> None:
    at, _ = earliest(c, x, command, bank, ready, waited)
    while x[X.due] <= at:
        refresh_if_due(c, x, log, at)
        at, _ = earliest(c, x, command, bank, ready, waited)


@njit
def close(c: Words, x: Words, log: Words, command: int, bank: int) -> None:
    """Close what is open: all banks or one."""
    at = issue_one(c, x, log, command, bank, -1, -1, -1, 0, 0)
    x[X.open_cycles] += at - x[X.open_since]
    x[X.open_since] = -1
