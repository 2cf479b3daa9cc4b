"""A DRAM channel inside a SimPy model: requests become events.

SimPy's ``env.now`` is integer femtoseconds; edge k of the channel's clock is ``ceil(k * period)`` with the
period a Fraction.  A request made after edge k - 1 and up to edge k is offered in cycle k.  What a cycle
brings shows at its end, so cycle k is simulated once edge k + 1 has come and not before: whoever acts at edge
k is in time, whatever the order of events at that instant.
"""

import heapq
from collections import deque
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import simpy

from sim.dram.channel import Channel
from sim.dram.layout import S, Stop

FEMTOSECONDS = 10**15
"""In a second."""


class ChannelPort:
    """Requests to one channel, each answered by an event.

    Only this port may drive ``channel``, which must be fresh and keep its completions.  It runs just as far
    as events are waited for and stands still while no request is under way, so that a model ends by itself.

    Events of one instant succeed in the order of their requests.  Requests of one instant enter a stream in
    the order in which they are made; clients that may act at the same instant get a stream each
    (``front_end.streams``) if SimPy's order among them must not matter.
    """

    def __init__(self, env: simpy.Environment, channel: Channel) -> None:
        if channel.now or channel.state[S.accepted] or not channel.state[S.done_on]:
            raise ValueError("a port needs a fresh channel that keeps its completions")
        self.env = env
        self.channel = channel
        self.period: Fraction = channel.memory.clock_period * FEMTOSECONDS
        self._is_read = [op.queue == "read" for op in channel.memory.ops]
        streams = channel.memory.front_end.streams
        # Requests not accepted yet, by stream: number and op; the last of them may not have been pushed yet.
        self._offered: list[deque[tuple[int, int]]] = [deque() for _ in range(streams)]
        self._unpushed: list[deque[tuple[int, int, int, int]]] = [deque() for _ in range(streams)]
        self._events: list[simpy.Event] = []  # by request number
        self._due: list[tuple[int, int]] = []  # heap: cycle, request number
        self._accepted = 0
        self._wake: int | None = None  # cycle at whose edge the port looks again
        self._log: list[npt.NDArray[np.int64]] = []

    def edge(self, cycle: int) -> int:
        """The instant in femtoseconds at which ``cycle`` begins."""
        return -(-cycle * self.period.numerator // self.period.denominator)

    @property
    def cycle(self) -> int:
        """The cycle whose edge is the next one from ``env.now`` on: where a request made now is offered."""
        now = self.env.now
        if not isinstance(now, int):
            raise TypeError(f"env.now is {now!r}; time is counted in whole femtoseconds (use integer delays)")
        # The first k with ceil(k * period) >= now, that is with k * period > now - 1.
        return (now - 1) * self.period.denominator // self.period.numerator + 1

    def request(self, line: int, op: int = 0, *, stream: int = 0) -> simpy.Event:
        """An event that succeeds at the edge where a read's data has returned or a write has been accepted.

        Its value is the cycle of that edge: the read's return, or the cycle after the write's acceptance.

        Raises TypeError if ``env.now`` is no integer.
        """
        cycle = self.cycle
        number = len(self._events)
        event = self.env.event()
        self._events.append(event)
        self._offered[stream].append((number, op))
        self._unpushed[stream].append((number, cycle, line, op))
        self._push()
        self._look_at(max(self.channel.next_event(), cycle) + 1)
        return event

    def finish(self) -> int:
        """No more requests will come: serve the writes that still wait; the run's length in cycles."""
        self.channel.close()
        while self.channel.run(stop_on=Stop.FINISHED) != Stop.FINISHED:
            self._collect()
        self._collect()
        return self.channel.end or 0

    def commands(self) -> npt.NDArray[np.int64]:
        """The commands so far, (n, 4) of cycle, code, bank, arg; empty unless the channel keeps a log."""
        return np.concatenate([*self._log, self.channel.commands()])

    def _push(self) -> None:
        for stream, waiting in enumerate(self._unpushed):
            while waiting:
                number, cycle, line, op = waiting[0]
                if not self.channel.push(line, op, arrival=cycle, stream=stream, tag=number):
                    break
                waiting.popleft()

    def _look_at(self, cycle: int) -> None:
        """Come back at the edge of ``cycle``, unless an earlier one is planned."""
        if self._wake is not None and self._wake <= cycle:
            return
        self._wake = cycle
        timeout = self.env.timeout(self.edge(cycle) - self.env.now)
        timeout.callbacks.append(lambda _: self._look(cycle))

    def _look(self, cycle: int) -> None:
        """At the edge of ``cycle``: simulate all before it, answer what is due, plan the next look."""
        if self._wake != cycle:
            return  # an earlier look took its place
        self._wake = None
        while True:
            reason = self.channel.run(cycle, Stop.ACCEPT | Stop.COMPLETION)
            self._collect()
            if reason == Stop.UNTIL:
                break
        while self._due and self._due[0][0] <= cycle:
            when, number = heapq.heappop(self._due)
            self._events[number].succeed(when)
        if self._due:
            self._look_at(self._due[0][0])
        if self.channel.waiting or any(self._offered):
            self._look_at(self.channel.next_event() + 1)

    def _collect(self) -> None:
        """Note what the last call of ``run`` brought: at most one acceptance, any completions."""
        state = self.channel.state
        if state[S.accepted] > self._accepted:
            self._accepted += 1
            stream = int(state[S.last_stream]) if len(self._offered) > 1 else 0
            number, op = self._offered[stream].popleft()
            if not self._is_read[op]:
                heapq.heappush(self._due, (int(state[S.last_accept]) + 1, number))
            self._push()
        for tag, _, op, _, _, _, returned in self.channel.completions().tolist():
            if self._is_read[op]:
                heapq.heappush(self._due, (returned, tag))
        if state[S.log_on]:
            self._log.append(self.channel.commands())
