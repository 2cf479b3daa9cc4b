"""What happened on a channel in a window of cycles, kept row by row for a timeline."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arch.device import Command, Memory
from sim.jit import njit

Ints = npt.NDArray[np.int64]

_LATEST = 1 << 60
"""Later than any cycle of a run."""


@dataclass(frozen=True)
class ChannelWindow:
    """The rows of one channel.

    ``commands``: int64 (n, 4) of cycle, code, bank, arg, those inside the window and those shortly before it
    that may last into it.  ``requests``: int64 (m, 7) of tag, stream, op, arrival, accept, issue, return,
    those accepted before the window's end and not finished before its begin, and the next of each stream.
    ``opened``, ``row``: (banks,), when and which row was opened that is open before the first of the
    commands; -1 where none is.  ``end``: the cycle after the last of all commands and of their data.
    """

    commands: Ints
    requests: Ints
    opened: Ints
    row: Ints
    end: int


class WindowRecorder:
    """Keeps the rows of one channel that show in cycles ``begin`` to ``end`` - 1."""

    def __init__(self, memory: Memory, begin: int, end: int) -> None:
        self._begin, self._end = min(begin, _LATEST), min(end, _LATEST)
        self._lasts, self._reach = _lasts(memory), _reach(memory)
        self._last = 0
        self._next: dict[int, Ints] = {}  # by stream, the first accepted after the window
        self._commands = [np.zeros((0, 4), dtype=np.int64)]
        self._requests = [np.zeros((0, 7), dtype=np.int64)]
        banks = memory.organization.banks_per_channel
        self._opened, self._row = np.full((2, banks), -1, dtype=np.int64)
        self._effects = _effects(memory)

    def add_requests(self, done: Ints) -> None:
        """Keep those of the completions that touch the window; shape (n, 7)."""
        last = np.maximum(done[:, 6], done[:, 4])
        self._requests.append(done[(done[:, 4] < self._end) & (last >= self._begin)])
        later = done[done[:, 4] >= self._end]
        for stream in np.unique(later[:, 1]).tolist():
            rows = later[later[:, 1] == stream]
            first = rows[np.argmin(rows[:, 4])]
            if stream not in self._next or first[4] < self._next[stream][4]:
                self._next[stream] = first.copy()

    def add_commands(self, log: Ints) -> None:
        """Keep those of the commands that are in the window; shape (n, 4), in order of time."""
        if log.size:
            self._last = max(self._last, int((log[:, 0] + self._lasts[log[:, 1]]).max()))
        first, last = np.searchsorted(log[:, 0], (self._begin - self._reach, self._end))
        _replay(log[:first], self._effects, self._opened, self._row)
        self._commands.append(log[first:last].copy())

    def result(self) -> ChannelWindow:
        requests = np.concatenate([*self._requests, *(row[np.newaxis] for row in self._next.values())])
        commands = np.concatenate(self._commands)
        return ChannelWindow(commands, requests, self._opened, self._row, self._last)


def refresh_cycles(memory: Memory, command: Command) -> int:
    """How long a refresh keeps rows from being opened."""
    opening = {other.name for other in memory.commands if other.does == "open"}
    rules = (rule for rule in memory.rules if command.name in rule.after and opening & set(rule.before))
    return max((rule.wait for rule in rules), default=1)


def _lasts(memory: Memory) -> Ints:
    """By command code: cycles from its own to the end of what it puts on any bus."""
    lasts = np.zeros(max(command.code for command in memory.commands) + 1, dtype=np.int64)
    for command in memory.commands:
        lasts[command.code] = max(command.cycles, command.latency + command.burst if command.burst else 0)
    return lasts


def _reach(memory: Memory) -> int:
    """The most cycles that a command may be seen: on a bus, or as a refresh."""
    refreshes = (refresh_cycles(memory, command) for command in memory.commands if command.does == "refresh")
    return max(int(_lasts(memory).max()), *refreshes, 0)


_OPENS, _CLOSES, _SPAN = range(3)


def _effects(memory: Memory) -> Ints:
    """By command code: does it open a row, does it close rows, and how many banks it covers."""
    o = memory.organization
    span = {"bank": 1, "group": o.banks, "rank": o.groups * o.banks, "channel": o.banks_per_channel}
    table = np.zeros((max(command.code for command in memory.commands) + 1, 3), dtype=np.int64)
    for command in memory.commands:
        table[command.code] = (
            command.does == "open",
            command.closes or command.does == "close",
            span[command.scope],
        )
    return table


@njit
def _replay(log: np.ndarray, effects: np.ndarray, opened: np.ndarray, row: np.ndarray) -> None:
    for i in range(log.shape[0]):
        code, bank = log[i, 1], max(log[i, 2], 0)
        opens, closes = effects[code, _OPENS], effects[code, _CLOSES]
        if opens or closes:
            for b in range(bank, bank + effects[code, _SPAN]):
                opened[b] = log[i, 0] if opens else -1
                row[b] = log[i, 3] if opens else -1
