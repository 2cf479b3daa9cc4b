"""A whole trace through a memory of one or more channels, block by block."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arch import load
from arch.device import Memory
from arch.errors import InputError
from sim.dram import frontend, kernel, observation
from sim.dram.channel import FOREVER, Channel, ChannelStatistics
from sim.dram.layout import P, S, Stop
from sim.dram.observation import Observation
from sim.dram.tally import Latency, LatencyTally, count, read_latencies
from sim.dram.window import ChannelWindow, WindowRecorder
from sim.jit import is_compiled
from workloads.trace import Block, Trace, check_lines

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int | None], None]

_LATEST = 1 << 44  # cycles; the kernel counts no further
_INPUT = 1 << 14  # requests that wait per stream
_RECORDS = 1 << 14


@dataclass(frozen=True)
class BatchResult:
    """What happened.  ``cycles``: the later of the cycle after the last acceptance and the last return."""

    cycles: int
    channels: tuple[ChannelStatistics, ...]
    requests: int
    requests_by_op: dict[str, int]
    bytes_read: int
    bytes_written: int
    from_accept: Latency
    from_arrival: Latency
    kernel_cpu_seconds: float
    commands: tuple[Ints, ...] | None
    request_table: dict[str, Ints] | None  # accept, issue, return: (requests,), -1 where there was no command
    latencies: dict[str, LatencyTally] = field(default_factory=dict)  # since arrival, since accept
    observations: tuple[Observation, ...] | None = None
    window: tuple[ChannelWindow, ...] | None = None


def run_batch(
    memory: Memory,
    trace: Trace,
    *,
    commands: bool = False,
    requests: bool = False,
    observe: bool = False,
    window: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> BatchResult:
    """Run ``trace`` to its end, trailing posted writes included.

    Args:
        commands: keep the command streams.
        requests: keep accept, issue and return cycle of each request.
        observe: count what each channel does over time.
        window: (begin, end), the cycles of which to keep every command and request.
        progress: called now and then with the requests accepted so far and their total if known.

    Raises:
        InputError: an address beyond the memory, an operation or stream that it does not have.
        SimulationStuckError: nothing moves any more.
    """
    warm_up(memory, observe=observe)
    return _Batch(memory, trace, commands, requests, observe, window, progress).run()


def needed_kernels(memory: Memory, *, observe: bool = False) -> tuple[Any, ...]:
    """The compiled functions that a batch run on ``memory`` calls."""
    shared = memory.channels > 1 and memory.front_end.mode == "shared"
    kernels = (kernel.run, read_latencies, count, *((frontend.run_shared,) if shared else ()))
    return (*kernels, *observation.KERNELS) if observe else kernels


def warm_up(memory: Memory | None = None, *, observe: bool = False) -> None:
    """Compile what runs on ``memory`` call, or load it from the cache, so that they are pure simulation."""
    memory = memory or load("ddr4_2400").spec.resolve()
    if not all(map(is_compiled, needed_kernels(memory, observe=observe))):
        _Batch(memory, Trace.from_arrays([0, 0], [1, 0], name="warm-up"), observe=observe).run()


class _Batch:
    def __init__(
        self,
        memory: Memory,
        trace: Trace,
        commands: bool = False,
        requests: bool = False,
        observe: bool = False,
        window: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.memory, self.trace, self.progress = memory, trace, progress
        streams = memory.front_end.streams
        if memory.channels > 1 and memory.front_end.mode == "shared" and streams > 1:
            raise InputError(
                "several streams in front of several channels need a front end per channel",
                field="front_end.mode",
                given="shared",
                accepted="per_channel",
            )
        self.channels = [
            Channel(
                memory,
                windows=trace.window,
                log=commands or observe or window is not None,
                input_capacity=_INPUT,
                records=_RECORDS,
            )
            for _ in range(memory.channels)
        ]
        self.logs: list[list[Ints]] | None = [[] for _ in self.channels] if commands else None
        self.rows: list[Ints] | None = [] if requests else None
        self.observations = [Observation(memory) for _ in self.channels] if observe else None
        self.windows = [WindowRecorder(memory, *window) for _ in self.channels] if window else None
        self.from_accept, self.from_arrival = LatencyTally(), LatencyTally()
        self.by_op = np.zeros(len(memory.ops), dtype=np.int64)
        self.cpu = 0.0
        self.requests = 0
        self._latencies = np.empty((2, _RECORDS), dtype=np.int64)

    def run(self) -> BatchResult:
        if len(self.channels) > 1 and self.memory.front_end.mode == "shared":
            self.shared()
        else:
            self.separate()
        return self.result()

    def blocks(self) -> Iterator[tuple[Block, Ints, bool]]:
        """(block, indices of its requests, is it the last?); every request has been checked."""
        held: tuple[Block, Ints] | None = None
        for block in self.trace.blocks(_INPUT):
            if held is not None:
                yield (*held, False)
            held = block, np.arange(self.requests, self.requests + block.requests)
            self._check(block)
            self.requests += block.requests
        if held is not None:
            yield (*held, True)

    def _check(self, block: Block) -> None:
        memory = self.memory
        check_lines(
            block, memory.total_lines, self.requests, self.trace, memory.organization.transaction_bytes
        )
        self._check_column("op", block.op, len(memory.ops), ", ".join(op.name for op in memory.ops))
        if block.stream is not None:
            streams = memory.front_end.streams
            self._check_column("stream", block.stream, streams, f"0 to {streams - 1} (front_end.streams)")
        self._check_column("arrival", block.arrival, _LATEST, f"cycles from 0 to {_LATEST - 1}")
        self.by_op += np.bincount(block.op, minlength=len(memory.ops))

    def _check_column(self, name: str, column: npt.NDArray[Any], limit: int, accepted: str) -> None:
        bad = (column < 0) | (column >= limit)
        if not bad.any():
            return
        at = int(np.flatnonzero(bad)[0])
        index = self.requests + at
        raise InputError(
            f"request {index}: no such {name} on {self.memory.name}",
            file=self.trace.path,
            line=self.trace.locate(index),
            field=name,
            given=int(column[at]),
            accepted=accepted,
        )

    def separate(self) -> None:
        """Every channel by itself: there is only one, or each has its own front end."""
        feeds = [_Feed(channel) for channel in self.channels]
        for block, index, last in self.blocks():
            owner = _channel_of(self.memory, block.line) if len(feeds) > 1 else None
            for c, feed in enumerate(feeds):
                feed.add(block, index, None if owner is None else owner == c)
                self._advance(c, feed, last)
            self._tell()

    def _advance(self, c: int, feed: "_Feed", last: bool) -> None:
        """Run the channel until it needs the next block, or to its end."""
        channel = self.channels[c]
        while True:
            started = time.process_time()
            feed.give(last)
            reason = channel.run(FOREVER, _STOP)
            self.cpu += time.process_time() - started
            if reason != Stop.NEED_INPUT:
                self._collect(c)
            if reason == Stop.FINISHED or (reason == Stop.NEED_INPUT and feed.starves()):
                return

    def shared(self) -> None:
        """One front end for all channels."""
        n, params = len(self.channels), self.channels[0].params
        states, inputs, dones, logs = (
            np.stack([getattr(channel, name) for channel in self.channels])
            for name in ("state", "inputs", "done", "log")
        )
        for c, channel in enumerate(self.channels):
            channel.state, channel.inputs = states[c], inputs[c]
            channel.done, channel.log = dones[c], logs[c]
        control = np.zeros(frontend.CONTROL_SIZE, dtype=np.int64)
        control[frontend.LAST_ACCEPT] = -1
        seen = np.zeros(n, dtype=np.int64)
        returns = np.zeros(n * (int(params[P.returns]) + _RECORDS), dtype=np.int64)
        for block, index, _ in self.blocks():
            owner = _channel_of(self.memory, block.line)
            control[frontend.POSITION] = 0
            while True:
                started = time.process_time()
                reason = frontend.run_shared(
                    states,
                    params,
                    inputs,
                    dones,
                    logs,
                    control,
                    returns,
                    seen,
                    block.arrival,
                    owner,
                    block.line,
                    block.op,
                    int(index[0]),
                    self.trace.window,
                )
                self.cpu += time.process_time() - started
                if reason == Stop.ACCEPT:
                    break
                for c, channel in enumerate(self.channels):
                    if reason >= Stop.STUCK:
                        channel.run(channel.now + 1)  # raises for the channel that is stuck
                    if self.trace.window:
                        done = channel.done[seen[c] : channel.state[S.done]]
                        back = done[self._reads(done), 6]
                        returns[control[frontend.PENDING] :][: back.size] = back
                        control[frontend.PENDING] += back.size
                    self._collect(c)
                seen[:] = 0
            self._tell()
        for c, channel in enumerate(self.channels):
            channel.close()
            while channel.run(FOREVER, Stop.FINISHED) != Stop.FINISHED:
                self._collect(c)
            self._collect(c)

    def _reads(self, done: Ints) -> npt.NDArray[np.bool_]:
        is_read = np.array([op.queue == "read" for op in self.memory.ops])
        return is_read[done[:, 2]]

    def _collect(self, c: int) -> None:
        """Empty the channel's records into the tallies, and into tables where they are kept."""
        channel = self.channels[c]
        started = time.process_time()
        n = int(channel.state[S.done])
        reads = read_latencies(channel.done, n, channel.params, self._latencies[0], self._latencies[1])
        self.cpu += time.process_time() - started
        self.from_accept.add(self._latencies[0, :reads])
        self.from_arrival.add(self._latencies[1, :reads])
        if self.rows is not None:
            self.rows.append(channel.done[:n, (0, 4, 5, 6)].copy())
        log = channel.log[: channel.state[S.logged]]
        if self.observations is not None:
            self.observations[c].add_requests(channel.done, n, channel.params)
            self.observations[c].add_commands(log)
        if self.windows is not None:
            self.windows[c].add_requests(channel.done[:n])
            self.windows[c].add_commands(log)
        if self.logs is not None:
            self.logs[c].append(log.copy())
        channel.state[S.done] = channel.state[S.logged] = 0

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(sum(int(ch.state[S.accepted]) for ch in self.channels), self.trace.requests)

    def result(self) -> BatchResult:
        ends = [channel.end or 0 for channel in self.channels]
        size = self.memory.organization.transaction_bytes
        moved = {
            queue: size
            * sum(int(n) for op, n in zip(self.memory.ops, self.by_op, strict=True) if op.queue == queue)
            for queue in ("read", "write")
        }
        table: dict[str, Ints] | None = None
        if self.rows is not None:
            rows = np.concatenate(self.rows)
            table = {}
            for column, name in enumerate(("accept", "issue", "return"), start=1):
                table[name] = np.empty(self.requests, dtype=np.int64)
                table[name][rows[:, 0]] = rows[:, column]
        return BatchResult(
            cycles=max(ends),
            channels=tuple(channel.statistics(max(ends)) for channel in self.channels),
            requests=self.requests,
            requests_by_op={op.name: int(n) for op, n in zip(self.memory.ops, self.by_op, strict=True)},
            bytes_read=moved["read"],
            bytes_written=moved["write"],
            from_accept=self.from_accept.summary(),
            from_arrival=self.from_arrival.summary(),
            kernel_cpu_seconds=self.cpu,
            commands=tuple(np.concatenate(parts) for parts in self.logs) if self.logs is not None else None,
            request_table=table,
            observations=None if self.observations is None else tuple(self.observations),
            latencies={"arrival": self.from_arrival, "accept": self.from_accept},
            window=None if self.windows is None else tuple(w.result() for w in self.windows),
        )


class _Requests(NamedTuple):
    arrival: Ints
    line: Ints
    op: npt.NDArray[np.int8]
    tag: Ints

    def at(self, where: npt.NDArray[np.bool_] | slice) -> "_Requests":
        return _Requests(self.arrival[where], self.line[where], self.op[where], self.tag[where])


class _Feed:
    """Requests read but not yet pushed to a channel, per stream."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.waiting: list[deque[_Requests]] = [deque() for _ in range(channel.memory.front_end.streams)]

    def add(self, block: Block, index: Ints, mine: npt.NDArray[np.bool_] | None) -> None:
        """Keep the block's requests, or those of them that are ``mine``."""
        columns = _Requests(block.arrival, block.line, block.op, index)
        for s, queue in enumerate(self.waiting):
            chosen = mine
            if len(self.waiting) > 1:
                here = block.stream == s if block.stream is not None else np.full(index.size, s == 0)
                chosen = here if mine is None else here & mine
            part = columns if chosen is None else columns.at(chosen)
            if part.line.size:
                queue.append(part)

    def give(self, last: bool) -> None:
        """Push what fits; with the ``last`` block, close the streams that have nothing left."""
        for s, queue in enumerate(self.waiting):
            while queue:
                part = queue.popleft()
                fitted = self.channel.push_many(*part, stream=s)
                if fitted < part.line.size:
                    queue.appendleft(part.at(slice(fitted, None)))
                    break
            if last and not queue:
                self.channel.close(s)

    def starves(self) -> bool:
        """Does some open stream have nothing to push?"""
        return any(not queue for queue in self.waiting)


_STOP = int(Stop.NEED_INPUT | Stop.FINISHED)


def _channel_of(memory: Memory, line: Ints) -> Ints:
    """The channel of each transaction index, shape (n,)."""
    channel = np.zeros(line.size, dtype=np.int64)
    for segment in memory.address_map:
        if segment.field == "channel":
            channel ^= ((line >> segment.source) & ((1 << segment.width) - 1)) << segment.target
    return channel
