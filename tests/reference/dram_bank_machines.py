"""A DRAM channel with a machine for each bank, the slow and obvious way: every cycle, every request.

Follows the controller of DRAMSys 4.0 (tag v4.0), as far as :mod:`sim.dram.bank_machines` models it, and
shares no code with that.  Each cycle every machine picks anew from a list of all requests in
order of acceptance.
"""

from dataclasses import dataclass, field

from arch.device import Command
from tests.reference.dram_controller import Channel, Request


@dataclass
class Rank:
    """The refreshes of a rank."""

    first: int  # its first bank
    due: int
    postponed: int = 0
    pulling: bool = False
    forced: bool = False


@dataclass
class BankMachines(Channel):
    """One channel whose banks pick by themselves."""

    accepted: list[Request] = field(default_factory=list)
    answered: int = 0
    last_answer: int = -1
    last_queue: str = "read"

    def __post_init__(self) -> None:
        super().__post_init__()
        o = self.memory.organization
        size = o.groups * o.banks
        self.ranks = []
        self.lead = 0
        if self.refresh is not None:
            self.ranks = [Rank(first, self.refresh.interval) for first in range(0, o.ranks * size, size)]
            if self.memory.controller.refresh_postponed == self.refresh.postpone:
                self.lead = self.time_to_close()

    def time_to_close(self) -> int:
        """Cycles that surely suffice from the last command of a request to the refresh."""
        assert self.refresh is not None
        total = 2 * self.memory.organization.ranks
        for command in (self.refresh.close, self.refresh.command):
            waits = [r.wait for r in self.memory.rules if command in r.before]
            others = [
                r.wait
                for r in self.memory.rules
                if command in r.before and set(r.after) != {self.refresh.command}
            ]
            assert waits
            total += max(others, default=0)
        return min(total, self.refresh.interval - 1)

    # ---- requests

    @property
    def waiting(self) -> list[Request]:
        return [r for r in self.accepted if r.issue < 0]

    def at(self, bank: int) -> list[Request]:
        return [r for r in self.waiting if r.bank == bank]

    def busy(self) -> bool:
        return bool(self.waiting)

    def accept(self, request: Request, cycle: int) -> bool:
        front, ctl = self.memory.front_end, self.memory.controller
        if front.admission != "simple":
            active = [r for r in self.accepted if r.returned < 0 or r.returned > cycle + 1]
            if len(active) >= front.max_active:
                return False
        waiting = self.waiting
        if ctl.buffer == "bankwise":
            fullest = len(self.at(self.accepted[-1].bank)) if self.accepted else 0
        elif ctl.buffer == "read_write":
            fullest = max(sum(r.op.queue == queue for r in waiting) for queue in ("read", "write"))
        else:
            fullest = len(waiting)
        if fullest >= ctl.buffer_size:
            return False
        request.accept = cycle
        self.accepted.append(request)
        return True

    # ---- one cycle

    def tick(self) -> None:
        self.clk += 1
        refreshes = [found for rank in self.ranks if (found := self.refreshing(rank)) is not None]
        for rank, command in refreshes:
            if self.clk >= self.timing.earliest(command, rank.first):
                self.issue_refresh_of(rank, command)
                return
        for request, command in sorted(self.picks(), key=lambda pick: self.accepted.index(pick[0])):
            if self.clk >= self.timing.earliest(command, request.bank):
                self.issue_pick(request, command)
                return

    def picks(self) -> list[tuple[Request, Command]]:
        """What each bank's machine wants to do."""
        wanted = []
        for bank, row in enumerate(self.open_row):
            here = self.at(bank)
            if not here or any(rank.forced and bank in self.banks_of(rank) for rank in self.ranks):
                continue
            hits = [r for r in here if r.row == row]
            scheduler = self.memory.controller.scheduler
            if scheduler == "fifo":
                hits = [r for r in here[:1] if r.row == row]
            if row is None:
                wanted.append((here[0], self.opening))
            elif not hits:
                wanted.append((here[0], self.closing))
            else:
                pick = self.same_direction(hits) if scheduler == "fr_fcfs_grp" else hits[0]
                wanted.append((pick, self.column_for(pick, here)))
        return wanted

    def same_direction(self, hits: list[Request]) -> Request:
        for i, request in enumerate(hits):
            older = {(r.row, r.column) for r in hits[:i]}
            if request.op.queue == self.last_queue and (request.row, request.column) not in older:
                return request
        return hits[0]

    def column_for(self, pick: Request, here: list[Request]) -> Command:
        """The column command, with or without auto-precharge, of a hit among the bank's requests."""
        ctl = self.memory.controller
        if ctl.scheduler == "fifo":
            further = len(here) > 1 and here[1].row == pick.row
        else:
            further = sum(r.row == pick.row for r in here) > 1
        closes = {
            "open": False,
            "closed": True,
            "open_adaptive": len(here) > 1 and not further,
            "closed_adaptive": not further,
        }[ctl.page_policy]
        name = pick.op.closing_command if closes else None
        return self.by_name[name or pick.op.command]

    def issue_pick(self, request: Request, command: Command) -> None:
        row = self.open_row[request.bank]
        if not request.started:
            request.started = True
            self.hits += row == request.row
            self.misses += row is None
            self.conflicts += row is not None and row != request.row
        arg = {"open": request.row, "close": -1}.get(command.does, request.column)
        self.issue(command, request.bank, arg)
        if command.does in ("read", "write"):
            request.issue = self.clk
            self.last_queue = request.op.queue
            self.answer(request, self.clk + command.latency + command.burst)
        self.served = len(self.commands)

    # ---- responses

    def answer(self, request: Request, complete: int) -> None:
        """Respond once the data is complete, one response a cycle; in order of acceptance if so told."""
        request.complete = complete
        in_order = (
            self.memory.controller.response_queue == "reorder" or self.memory.front_end.admission == "reorder"
        )
        ready = [request]
        if in_order:
            ready = []
            while self.answered < len(self.accepted) and self.accepted[self.answered].issue >= 0:
                ready.append(self.accepted[self.answered])
                self.answered += 1
        for r in ready:
            r.returned = self.last_answer = max(r.complete, self.last_answer + 1)

    # ---- refresh

    def banks_of(self, rank: Rank) -> range:
        o = self.memory.organization
        return range(rank.first, rank.first + o.groups * o.banks)

    def refreshing(self, rank: Rank) -> tuple[Rank, Command] | None:
        """The rank's next refresh command, if one is wanted in this cycle."""
        assert self.refresh is not None
        limit = self.memory.controller.refresh_postponed
        if self.clk < rank.due - (self.lead if rank.postponed == limit else 0):
            return None
        if self.clk >= rank.due + self.refresh.interval:
            rank.due += self.refresh.interval
            rank.pulling = False
        busy = any(r.bank in self.banks_of(rank) for r in self.waiting)
        if rank.pulling and busy:
            rank.pulling = False
            rank.due += self.refresh.interval
            return None
        if not rank.pulling and rank.postponed == limit:
            rank.forced = True
        elif not rank.pulling and busy:
            rank.postponed += 1
            rank.due += self.refresh.interval
            return None
        closed = all(self.open_row[bank] is None for bank in self.banks_of(rank))
        return rank, self.by_name[self.refresh.command if closed else self.refresh.close]

    def issue_refresh_of(self, rank: Rank, command: Command) -> None:
        assert self.refresh is not None
        self.issue(command, rank.first, -1)
        if command.does != "refresh":
            return
        rank.forced = False
        rank.postponed -= rank.pulling
        rank.pulling = True
        if rank.postponed == -self.memory.controller.refresh_pulled_in:
            rank.pulling = False
            rank.due += self.refresh.interval
