"""The DRAM channel the slow and obvious way: every memory clock cycle, every request, every rule.

This is what the compiled channel is held against, so it shares no code with it.  A timing rule is
checked by looking at when its commands were issued; a queue is a list in order of acceptance; nothing
is skipped.  One cycle ``t`` is: offer (at most one request per front end), then the controllers' tick,
whose commands carry cycle ``t + 1``.

Scheduling follows the controller of Ramulator 2.1 (commit c5b1c3a), generalised to any commands, rules,
bus slots, ranks, channels and request streams that :class:`arch.device.Memory` can describe.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from arch.device import Command, Memory, RequestOp, Slot
from tests.reference.dram_timing import Timing

CommandRow = tuple[int, int, int, int]
"""(cycle, code, bank, arg): one row of a command stream."""


@dataclass
class ReferenceResult:
    """What happened.  Lists per request are in input order; -1 stands for *never*.

    ``accept``: cycle in which the front end handed the request over; ``issue``: cycle of its column command
    (-1 if forwarded or coalesced); ``returned``: cycle in which its data transfer ends, ``accept + 1`` if
    forwarded, ``accept`` if coalesced.  ``commands``: one stream per channel, in issue order.
    ``served[k]``: how many rows of ``commands[k]`` there are up to the last one issued for a request (the
    rest are refreshes that fell due while other requests were still under way).
    """

    accept: list[int]
    issue: list[int]
    returned: list[int]
    commands: list[list[CommandRow]]
    served: list[int]
    hits: int
    misses: int
    conflicts: int
    forwarded: int
    coalesced: int
    cycles: int  # max(cycle after the last acceptance, cycle of the last read return); 0 without requests


@dataclass(eq=False)
class Request:
    """A request with its address taken apart; ``bank`` counts over the channel."""

    number: int
    arrival: int
    line: int
    op: RequestOp
    stream: int
    channel: int
    bank: int
    row: int
    column: int
    waits_for_data: bool  # reads are outstanding until their data returns, writes are posted
    started: bool = False  # a command was issued on its behalf
    accept: int = -1
    issue: int = -1
    returned: int = -1
    complete: int = -1  # end of its data; what comes back in order returns later


def simulate(
    memory: Memory,
    arrival: Iterable[int],
    line: Iterable[int],
    op: Iterable[int],
    window: int | Sequence[int] = 0,
    stream: Iterable[int] | None = None,
    *,
    drain: bool = True,
    max_cycles: int = 20_000_000,
    channel: type["Channel"] | None = None,
) -> ReferenceResult:
    """Step ``memory`` through every cycle until all requests are served.

    ``arrival`` (cycles), ``line`` (transaction index), ``op`` (codes of ``memory.ops``) and ``stream``
    (default: all 0) have one entry per request, in program order.  ``window``: how many reads of a stream
    may be outstanding, 0 without limit; a sequence gives one value per stream.  ``channel``: another kind of
    controller.  Without ``drain`` the run
    ends at ``ReferenceResult.cycles`` even if posted writes still wait.  ValueError on an address beyond
    the memory, an unknown op or stream; RuntimeError after ``max_cycles``.
    """
    requests = make_requests(memory, arrival, line, op, stream)
    channels = [(channel or Channel)(memory) for _ in range(memory.channels)]
    front_ends = make_front_ends(memory, requests, window, channels)

    cycle = 0
    while not finished(cycle, requests, channels, drain):
        if cycle >= max_cycles:
            raise RuntimeError(f"not finished after {max_cycles} cycles")
        for front_end in front_ends:
            front_end.offer(cycle)
        for each in channels:
            each.tick()
        cycle += 1

    return ReferenceResult(
        accept=[r.accept for r in requests],
        issue=[r.issue for r in requests],
        returned=[r.returned for r in requests],
        commands=[c.commands for c in channels],
        served=[c.served for c in channels],
        hits=sum(c.hits for c in channels),
        misses=sum(c.misses for c in channels),
        conflicts=sum(c.conflicts for c in channels),
        forwarded=sum(c.forwarded for c in channels),
        coalesced=sum(c.coalesced for c in channels),
        cycles=last_cycle(requests),
    )


def last_cycle(requests: Sequence[Request]) -> int:
    """``cycles`` of the requests so far: trailing posted writes are not waited for."""
    return max((max(r.accept + 1, r.returned if r.waits_for_data else 0) for r in requests), default=0)


def finished(cycle: int, requests: Sequence[Request], channels: Sequence["Channel"], drain: bool) -> bool:
    """True if everything was accepted and every read returned by ``cycle`` and, to drain, nothing waits."""
    # The last request is the likeliest to be missing, and mostly the answer is no.
    for r in reversed(requests):
        if r.accept < 0 or (r.waits_for_data and not 0 <= r.returned <= cycle):
            return False
    return cycle >= last_cycle(requests) and not (drain and any(c.busy() for c in channels))


# ---------------------------------------------------------------- addresses


def make_requests(
    memory: Memory,
    arrival: Iterable[int],
    line: Iterable[int],
    op: Iterable[int],
    stream: Iterable[int] | None,
) -> list[Request]:
    """Requests in program order, addresses decoded."""
    arrivals = [int(a) for a in arrival]
    lines = [int(x) for x in line]
    codes = [int(o) for o in op]
    streams = [0] * len(arrivals) if stream is None else [int(s) for s in stream]
    ops = {o.code: o for o in memory.ops}
    if not len(arrivals) == len(lines) == len(codes) == len(streams):
        raise ValueError("arrival, line, op and stream differ in length")
    requests = []
    for i, (at, where, code, s) in enumerate(zip(arrivals, lines, codes, streams, strict=True)):
        if code not in ops or not 0 <= s < memory.front_end.streams:
            raise ValueError(f"request {i}: unknown op {code} or stream {s}")
        address = decode(memory, where)
        o = memory.organization
        requests.append(
            Request(
                number=i,
                arrival=at,
                line=where,
                op=ops[code],
                stream=s,
                channel=address["channel"],
                bank=(address["rank"] * o.groups + address["group"]) * o.banks + address["bank"],
                row=address["row"],
                column=address["column"],
                waits_for_data=memory.command(ops[code].command).does == "read",
            )
        )
    return requests


def decode(memory: Memory, line: int) -> dict[str, int]:
    """Fields of a transaction index; ValueError beyond the memory."""
    o = memory.organization
    sizes = {
        "channel": memory.channels,
        "rank": o.ranks,
        "group": o.groups,
        "bank": o.banks,
        "row": o.rows,
        "column": o.columns,
    }
    fields = dict.fromkeys(sizes, 0)
    for s in memory.address_map:
        fields[s.field] ^= ((line >> s.source) & ((1 << s.width) - 1)) << s.target
    if not 0 <= line < memory.total_lines or any(fields[name] >= size for name, size in sizes.items()):
        raise ValueError(f"line {line} is beyond the memory")
    return fields


# ---------------------------------------------------------------- front end


class FrontEnd:
    """Offers one request per cycle from the heads of its streams."""

    def __init__(
        self, streams: list[deque[Request]], windows: list[int], arbiter: str, channels: Sequence["Channel"]
    ):
        self.streams = streams
        self.windows = windows
        self.arbiter = arbiter
        self.channels = channels
        self.outstanding: list[list[Request]] = [[] for _ in streams]
        self.last = len(streams) - 1  # stream that was accepted last

    def offer(self, cycle: int) -> None:
        """Hand over the first head, in the arbiter's order, that its channel accepts in ``cycle``."""
        arrived = [s for s, waiting in enumerate(self.streams) if waiting and waiting[0].arrival <= cycle]
        for s in self.in_order(arrived):
            request = self.streams[s][0]
            if self.window_is_full(s, cycle) or not self.channels[request.channel].accept(request, cycle):
                continue
            self.streams[s].popleft()
            self.last = s
            if self.windows[s] and request.waits_for_data:
                self.outstanding[s].append(request)
            return

    def in_order(self, streams: list[int]) -> list[int]:
        if self.arbiter == "round_robin":
            n = len(self.streams)
            return sorted(streams, key=lambda s: (s - self.last - 1) % n)
        if self.arbiter == "oldest":
            return sorted(streams, key=lambda s: (self.streams[s][0].arrival, s))
        if self.arbiter == "priority":
            return sorted(streams)
        raise ValueError(f"unknown arbiter {self.arbiter}")

    def window_is_full(self, s: int, cycle: int) -> bool:
        self.outstanding[s] = [r for r in self.outstanding[s] if r.returned < 0 or r.returned > cycle]
        return self.windows[s] > 0 and len(self.outstanding[s]) >= self.windows[s]


def make_front_ends(
    memory: Memory, requests: Sequence[Request], window: int | Sequence[int], channels: Sequence["Channel"]
) -> list[FrontEnd]:
    """One front end for all channels, or one per channel over that channel's requests."""
    n = memory.front_end.streams
    windows = [window] * n if isinstance(window, int) else [int(w) for w in window]
    if len(windows) != n:
        raise ValueError(f"{len(windows)} windows for {n} streams")
    if memory.front_end.mode == "shared":
        shares = [list(requests)]
    else:
        shares = [[r for r in requests if r.channel == k] for k in range(memory.channels)]
    return [
        FrontEnd(
            [deque(r for r in share if r.stream == s) for s in range(n)],
            windows,
            memory.front_end.arbiter,
            channels,
        )
        for share in shares
    ]


# ---------------------------------------------------------------- controller


@dataclass
class Channel:
    """One channel: its queues, the rows it has open, and the controller's decisions."""

    memory: Memory
    clk: int = 0
    write_mode: bool = False
    queues: dict[str, list[Request]] = field(default_factory=lambda: {"read": [], "write": []})
    active: list[Request] = field(default_factory=list)  # opened their row, one per bank at most
    refreshes: deque[int] = field(default_factory=deque)  # first bank of each rank whose refresh is due
    commands: list[CommandRow] = field(default_factory=list)
    served: int = 0
    hits: int = 0
    misses: int = 0
    conflicts: int = 0
    forwarded: int = 0
    coalesced: int = 0

    def __post_init__(self) -> None:
        m = self.memory
        self.timing = Timing(m)
        self.open_row: list[int | None] = [None] * m.organization.banks_per_channel
        self.by_name = {c.name: c for c in m.commands}
        self.opening = next(c for c in m.commands if c.does == "open" and c.scope == "bank")
        self.closing = next(c for c in m.commands if c.does == "close" and c.scope == "bank")
        self.capacity = {"read": m.controller.read_queue, "write": m.controller.write_queue}
        self.refresh = m.refresh if m.controller.refresh == "all_bank" else None

    def busy(self) -> bool:
        return bool(self.queues["read"] or self.queues["write"] or self.active)

    # ---- acceptance

    def accept(self, request: Request, cycle: int) -> bool:
        """Take ``request`` in ``cycle`` if it can be forwarded, absorbed or queued."""
        same_line = [r for q in self.queues.values() for r in q if r.line == request.line]
        queue = self.queues[request.op.queue]
        if request.op.name == "READ" and any(r.op.forward for r in same_line):
            request.returned = cycle + 1
            self.forwarded += 1
        elif request.op.coalesce and any(r.op == request.op for r in same_line):
            request.returned = cycle
            self.coalesced += 1
        elif len(queue) < self.capacity[request.op.queue]:
            queue.append(request)
        else:
            return False
        request.accept = cycle
        return True

    # ---- one cycle

    def tick(self) -> None:
        self.clk += 1
        if self.refresh is not None and self.clk % self.refresh.interval == 0:
            o = self.memory.organization
            self.refreshes.extend(range(0, o.banks_per_channel, o.groups * o.banks))
        for slot in self.memory.slots:
            self.fill(slot)

    def fill(self, slot: Slot) -> None:
        """Issue the command of the slot's first source that has one ready."""
        for source in slot.sources:
            if source == "active":
                issued = self.issue_active(slot)
            elif source == "refresh":
                issued = self.issue_refresh(slot)
            else:
                issued = self.issue_queued(slot)
            if issued:
                return

    def issue_active(self, slot: Slot) -> bool:
        for request in sorted(self.active, key=lambda r: r.accept):
            command = self.next_command(request)
            if self.fits(command, request.bank, slot):
                self.issue_for(request, command)
                return True
        return False

    def issue_refresh(self, slot: Slot) -> bool:
        if self.refresh is None or not self.refreshes:
            return False
        bank = self.refreshes[0]
        command = self.by_name[self.refresh.command]
        banks = self.timing.banks(command, bank)
        if any(self.open_row[b] is not None for b in banks):
            if any(r.bank in banks for r in self.active):
                return False
            command = self.by_name[self.refresh.close]
        if not self.fits(command, bank, slot):
            return False
        self.issue(command, bank, -1)
        if command.name == self.refresh.command:
            self.refreshes.popleft()
        return True

    def issue_queued(self, slot: Slot) -> bool:
        if self.refreshes:
            return False
        self.choose_write_mode()
        queue = self.queues["write" if self.write_mode else "read"]
        scheduler = self.memory.controller.scheduler
        banks_with_older_hit = set()
        for request in queue if scheduler != "fifo" else queue[:1]:
            command = self.next_command(request)
            closes = command.does == "close" or command.closes
            withheld = closes and any(r.bank == request.bank for r in self.active)
            if scheduler == "row_hit_first" and command.does == "close":
                withheld = withheld or request.bank in banks_with_older_hit
            if not withheld and self.fits(command, request.bank, slot):
                self.issue_for(request, command)
                return True
            if self.open_row[request.bank] == request.row:
                banks_with_older_hit.add(request.bank)
        return False

    def choose_write_mode(self) -> None:
        controller = self.memory.controller
        reads, writes = len(self.queues["read"]), len(self.queues["write"])
        if not self.write_mode:
            self.write_mode = writes > controller.write_high * controller.write_queue or reads == 0
        else:
            self.write_mode = not (writes < controller.write_low * controller.write_queue and reads > 0)

    # ---- commands

    def next_command(self, request: Request) -> Command:
        """What ``request`` needs next: its column command, a row opened, or another row closed."""
        row = self.open_row[request.bank]
        if row is None:
            return self.opening
        if row != request.row:
            return self.closing
        if self.memory.controller.page_policy == "closed" and request.op.closing_command is not None:
            return self.by_name[request.op.closing_command]
        return self.by_name[request.op.command]

    def fits(self, command: Command, bank: int, slot: Slot) -> bool:
        return command.name in slot.commands and self.clk >= self.timing.earliest(command, bank)

    def issue_for(self, request: Request, command: Command) -> None:
        """Issue ``command`` and move ``request`` on: to the active set, or out."""
        if not request.started:
            request.started = True
            row = self.open_row[request.bank]
            self.hits += row == request.row
            self.misses += row is None
            self.conflicts += row is not None and row != request.row
        if command.does == "open":
            self.issue(command, request.bank, request.row)
            self.leave(request)
            self.active.append(request)
        elif command.does == "close":
            self.issue(command, request.bank, -1)
        else:
            self.issue(command, request.bank, request.column)
            self.leave(request)
            request.issue = self.clk
            request.returned = self.clk + command.latency + command.burst
        self.served = len(self.commands)

    def leave(self, request: Request) -> None:
        for place in (self.active, self.queues[request.op.queue]):
            if request in place:
                place.remove(request)

    def issue(self, command: Command, bank: int, arg: int) -> None:
        """Put ``command`` on its bus now; ``bank`` is any bank of the addressed region."""
        banks = self.timing.banks(command, bank)
        if command.does == "refresh":
            assert all(self.open_row[b] is None for b in banks)
        if command.does == "open":
            assert self.open_row[bank] is None
            self.open_row[bank] = arg
        if command.does == "close" or command.closes:
            for b in banks:
                self.open_row[b] = None
        self.timing.issue(command, bank, self.clk)
        everywhere = command.scope == "channel" or (
            command.scope == "rank" and self.memory.organization.ranks == 1
        )
        self.commands.append((self.clk, command.code, -1 if everywhere else banks[0], arg))
