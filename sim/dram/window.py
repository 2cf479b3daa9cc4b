"""What happened on a channel in a window of cycles, kept row by row for a timeline."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arch.device import Memory
from sim.jit import njit

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChannelWindow:
    """The rows of one channel.

    ``commands``: int64 (n, 4) of cycle, code, bank, arg, those inside the window.  ``requests``: int64
    (m, 7) of tag, stream, op, arrival, accept, issue, return, those accepted before the window's end and
    not finished before its begin.  ``opened``, ``row``: (banks,), when and which row was opened that is
    open as the window begins; -1 where none is.
    """

    commands: Ints
    requests: Ints
    opened: Ints
    row: Ints


class WindowRecorder:
    """Keeps the rows of one channel that lie in cycles ``begin`` to ``end`` - 1."""

    def __init__(self, memory: Memory, begin: int, end: int) -> None:
        self._begin, self._end = begin, end
        self._commands = [np.zeros((0, 4), dtype=np.int64)]
        self._requests = [np.zeros((0, 7), dtype=np.int64)]
        banks = memory.organization.banks_per_channel
        self._opened, self._row = np.full((2, banks), -1, dtype=np.int64)
        self._effects = _effects(memory)

    def add_requests(self, done: Ints) -> None:
        """Keep those of the completions that touch the window; shape (n, 7)."""
        last = np.maximum(done[:, 6], done[:, 4])
        self._requests.append(done[(done[:, 4] < self._end) & (last >= self._begin)])

    def add_commands(self, log: Ints) -> None:
        """Keep those of the commands that are in the window; shape (n, 4), in order of time."""
        first, last = np.searchsorted(log[:, 0], (self._begin, self._end))
        _replay(log[:first], self._effects, self._opened, self._row)
        self._commands.append(log[first:last].copy())

    def result(self) -> ChannelWindow:
        return ChannelWindow(
            np.concatenate(self._commands), np.concatenate(self._requests), self._opened, self._row
        )


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
