"""One DRAM channel as an object: push requests, run to a cycle or event, collect completions and commands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arch.device import Memory
from sim.dram import kernel
from sim.dram.data_bus import close_accounts
from sim.dram.layout import (
    DONE_COLUMNS,
    IDLE,
    ISSUED,
    LOG_COLUMNS,
    NEVER,
    OPEN_COUNT,
    OPEN_ROW,
    RECORDS_PER_CYCLE,
    SHIELD,
    STREAM_STRIDE,
    STREAMS,
    P,
    S,
    Stop,
    T,
)
from sim.dram.state import new_state
from sim.dram.tables import Tables, build

Ints = npt.NDArray[np.int64]

FOREVER = NEVER - 1
"""An ``until`` that never comes."""


class SimulationStuckError(RuntimeError):
    """Requests wait and nothing has moved for too long; the message says where."""


@dataclass(frozen=True)
class ChannelStatistics:
    """What one channel counted; ``data_bus_cycles`` and ``idle_cycles`` together are exactly ``cycles``."""

    cycles: int  # of the run; or up to the last command of a request, if streams were closed only after that
    commands: dict[str, int]
    row_hits: int
    row_misses: int
    row_conflicts: int
    forwarded: int
    coalesced: int
    reads: int  # accepted, by queue, forwarded ones included
    writes: int  # accepted, coalesced ones included
    data_bus_cycles: int
    idle_cycles: dict[str, int]  # by what held the next command issued
    open_banks: int  # at the end
    closed_together: int  # banks that close-all commands (PREA) closed
    last_command_cycle: int


class Channel:
    """A resumable channel of ``memory`` (its ``channels`` count and ``front_end.mode`` play no role here).

    Args:
        memory: the resolved memory.
        windows: reads that may be outstanding, per stream or one figure for all; 0 is no limit.
        log: keep the command stream for :meth:`commands`.
        completions: keep finished requests for :meth:`completions`.
        input_capacity: requests that can wait per stream; a power of two.
        records: completions and commands that fit before :meth:`run` returns DONE_FULL or LOG_FULL.

    Raises InputError for a memory beyond the kernel's limits (see :func:`sim.dram.tables.build`).
    """

    def __init__(
        self,
        memory: Memory,
        *,
        windows: int | Sequence[int] = 0,
        log: bool = False,
        completions: bool = True,
        input_capacity: int = 4096,
        records: int = 1 << 16,
    ) -> None:
        self.memory = memory
        self.tables: Tables = build(memory, input_capacity)
        streams = memory.front_end.streams
        each = [windows] * streams if isinstance(windows, int) else list(windows)
        self.params = self.tables.params
        self.state = new_state(self.params, each, log=log, completions=completions)
        self.inputs = np.zeros((streams, input_capacity, 3), dtype=np.int64)
        self.done = np.zeros((records if completions else RECORDS_PER_CYCLE, DONE_COLUMNS), dtype=np.int64)
        self.log = np.zeros((records if log else RECORDS_PER_CYCLE, LOG_COLUMNS), dtype=np.int64)

    @property
    def now(self) -> int:
        """The next cycle to be simulated."""
        return int(self.state[S.now])

    @property
    def end(self) -> int | None:
        """Length of the run in cycles, once all streams are closed and all reads issued: the later of the
        cycle after the last acceptance and the last return of read data."""
        end = int(self.state[S.end])
        return None if end == NEVER else end

    @property
    def waiting(self) -> int:
        """Requests accepted whose column command has not issued."""
        return int(self.state[S.reads_waiting] + self.state[S.writes_waiting] + self.state[S.active])

    def push(
        self, line: int, op: int = 0, *, arrival: int | None = None, stream: int = 0, tag: int = 0
    ) -> bool:
        """Hand a request to a stream; False if ``input_capacity`` requests wait there already.

        ``arrival``: first cycle in which it may be offered (default: the next one simulated); ``tag``: a
        number below 2**50 that comes back with the completion.
        """
        when = self.now if arrival is None else arrival
        return bool(kernel.push(self.state, self.params, self.inputs, stream, when, line, op, tag))

    def push_many(
        self, arrival: Ints, line: Ints, op: npt.NDArray[np.int8], tag: Ints, *, stream: int = 0
    ) -> int:
        """Push arrays of shape (n,) (op int8, the others int64); returns how many fitted."""
        return int(kernel.push_many(self.state, self.params, self.inputs, stream, arrival, line, op, tag))

    def close(self, stream: int | None = None) -> None:
        """No more requests will be pushed to ``stream`` (default: to any)."""
        for s in range(self.memory.front_end.streams) if stream is None else (stream,):
            self.state[STREAMS + s * STREAM_STRIDE + T.open] = 0

    def run(self, until: int = FOREVER, stop_on: int = 0) -> int:
        """Simulate cycles before ``until``, or to the end of the one in which a ``stop_on`` event happens.

        Returns the :class:`~sim.dram.layout.Stop` as a plain int.  Raises SimulationStuckError if requests
        wait and nothing has moved for 200,000 cycles.
        """
        reason = int(kernel.run(self.state, self.params, self.inputs, self.done, self.log, until, stop_on))
        if reason >= Stop.STUCK:
            self._explain(reason)
        return reason

    def next_event(self) -> int:
        """No cycle before this one changes anything."""
        return int(kernel.next_event(self.state, self.params))

    def completions(self) -> Ints:
        """Finished requests since the last call: (n, 7) of tag, stream, op, arrival, accept, issue, return.

        ``issue`` is -1 for forwarded reads and coalesced writes.  ``return`` of a write is the cycle after
        its data is on the bus (writes are posted: the requester goes on at ``accept``).
        """
        n = int(self.state[S.done])
        self.state[S.done] = 0
        return self.done[:n].copy()

    def commands(self) -> Ints:
        """Commands issued since the last call: (n, 4) of cycle, code, bank, arg."""
        n = int(self.state[S.logged])
        self.state[S.logged] = 0
        return self.log[:n].copy()

    def statistics(self, end: int | None = None) -> ChannelStatistics:
        """Counts of a finished run.

        ``end``: cycles of the whole memory's run, if other channels went on; the rest counts as "no request"
        (posted writes that trail after this channel's own end are not charged to its data bus).
        """
        s, p = self.state, self.params
        if self.end is None:
            raise ValueError("the run has not ended: close the streams and run to FINISHED first")
        close_accounts(s)
        idle = s[IDLE : IDLE + 128]
        by_label: dict[str, int] = {}
        for cause in np.flatnonzero(idle):
            label = self.tables.labels.get(int(cause), "")
            by_label[label] = by_label.get(label, 0) + int(idle[cause])
        accounted = int(s[S.charged_to])
        cycles = max(accounted, end or 0)
        if cycles > accounted:
            by_label["no request"] = by_label.get("no request", 0) + cycles - accounted
        issued = s[ISSUED : ISSUED + p[P.commands]]
        ranks = int(p[P.ranks])
        return ChannelStatistics(
            cycles=cycles,
            commands={name: int(n) for name, n in zip(self.tables.names, issued, strict=True)},
            row_hits=int(s[S.row_hits]),
            row_misses=int(s[S.row_misses]),
            row_conflicts=int(s[S.row_conflicts]),
            forwarded=int(s[S.forwarded]),
            coalesced=int(s[S.coalesced]),
            reads=int(s[S.reads]),
            writes=int(s[S.writes]),
            data_bus_cycles=int(s[S.busy]),
            idle_cycles=by_label,
            open_banks=int(s[OPEN_COUNT : OPEN_COUNT + ranks].sum()),
            closed_together=int(s[S.closed_together]),
            last_command_cycle=int(s[S.last_command]),
        )

    def _explain(self, reason: int) -> None:
        if reason == Stop.BAD_STATE:
            raise ValueError("the channel's state does not belong to its parameters")
        s, p = self.state, self.params
        rows = s[OPEN_ROW : OPEN_ROW + p[P.banks]]
        shield = s[SHIELD : SHIELD + p[P.banks]]
        raise SimulationStuckError(
            f"{self.memory.name}: no request has moved since cycle {int(s[S.last_progress])} "
            f"(now {self.now}); "
            f"{int(s[S.reads_waiting])} reads and {int(s[S.writes_waiting])} writes wait in the queues, "
            f"{int(s[S.active])} behind an ACT (banks {np.flatnonzero(shield).tolist()}); "
            f"{int(s[S.refresh_due] - s[S.refresh_done])} refreshes are due; "
            f"open rows {[(i, int(r)) for i, r in enumerate(rows) if r >= 0]}. "
            "Check controller.write_low, controller.write_high and timing.tREFI against the other timings."
        )
