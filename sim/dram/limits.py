"""What a memory's specification allows at best: bandwidth limits and unloaded latencies, exact.

All of it follows from the command table and the constraint rows of the rule set in use, so it holds for any
memory: a number of cycles between two commands is the longest wait that any row without a window asks for,
along every path through the commands in between.  Commands that take several cycles are counted from first
cycle to first cycle, as the rows of :class:`arch.device.Rule` are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from arch.device import Command, Memory, Rule
from arch.errors import InputError

_NEAR = ("bank", "group", "rank", "channel")
"""Scopes that two commands to one bank share."""


@dataclass(frozen=True)
class ChannelLimits:
    """One channel, in memory clock cycles.

    Attributes:
        column_interval: from one column command to the next, at the best placement of the two.
        activate_interval: from one activate to the next on average, with activates spread evenly over all
            banks: the largest of wait / (window x number of places) over the rows from activate to activate
            (a window of four in one of two ranks is wait / 8), and of the row cycle / number of banks.
        activate_rule: label of the row that decides it.
        row_cycle: from one activate of a bank to the next, a column command and the precharge in between.
        refresh_penalty: from the last column command before a refresh to the first one after it; 0 without
            refresh.
        refresh_interval: from refresh to refresh; None without refresh.
    """

    column_interval: int
    activate_interval: Fraction
    activate_rule: str
    row_cycle: int
    refresh_penalty: int
    refresh_interval: int | None

    @property
    def available(self) -> Fraction:
        """Share of the time that refreshes leave; 0 if they leave none."""
        if self.refresh_interval is None:
            return Fraction(1)
        return max(Fraction(0), 1 - Fraction(self.refresh_penalty, self.refresh_interval))


@dataclass(frozen=True)
class Limits:
    """A memory: bandwidths of all channels together in bytes per second, latencies in memory clock cycles.

    Attributes:
        channel: what the figures come from.
        channels: how many.
        transaction_bytes: moved by a column command.
        clock_period: seconds.
        peak: data buses that never idle.
        refresh_limited: column commands back to back, but for close, refresh and reopening once in each
            refresh interval; None without refresh.  The cost counts from column command to column command,
            so a run may come out above it by the one burst in each interval that this counts twice.
        activate_limited: an activate for each column command, in rows spread evenly over all banks, with the
            same cost of refresh.  Each row of the constraint table from activate to activate counts by
            itself.  That random activates meet in one bank or group and wait for one another there, or lose
            their cycle of the command bus to another command, costs more on top.
        row_cycle_limited: the same if only the row cycle of the banks counted.
        one_bank: an activate for each column command, all in one bank of each channel.
        front_end: one request per cycle, of the memory (mode ``shared``) or of each channel.
        activate: name of the activate command.
        closed_row, row_hit, row_conflict: latency of a lone read from its acceptance to the return of its
            data where the bank is closed, its row is open, another row is open (and may be closed); the last
            two are None if rows are closed after each access.
    """

    channel: ChannelLimits
    channels: int
    transaction_bytes: int
    clock_period: Fraction
    peak: Fraction
    refresh_limited: Fraction | None
    activate_limited: Fraction
    row_cycle_limited: Fraction
    one_bank: Fraction
    front_end: Fraction
    activate: str
    closed_row: int
    row_hit: int | None
    row_conflict: int | None

    def nanoseconds(self, cycles: int | float) -> float:
        """Cycles of the memory clock as nanoseconds."""
        return float(cycles * self.clock_period * 10**9)


def limits(memory: Memory, read_share: float = 1.0) -> Limits:
    """The limits of ``memory`` under its page policy, for a mixture of reads and writes.

    A mixture is held to the better of its two kinds in each figure; turning the bus round costs more on top.

    Args:
        read_share: of the requests, 0 to 1.

    Raises:
        InputError: the memory has no activate, or no operation of a kind that is asked for.
    """
    columns = _columns(memory, read_share)
    read = columns[0] if read_share > 0 else _columns(memory, 1.0)[0]
    chain = _Chain(memory)
    channel = _channel(memory, chain, columns)
    # Bytes per second at one column command a cycle in each channel.
    per_column = memory.organization.transaction_bytes * memory.channels / memory.clock_period
    fed = memory.channels if memory.front_end.mode == "per_channel" else 1
    banks = memory.organization.banks_per_channel
    column, burst = channel.column_interval, min(command.burst or 1 for command in columns)
    left = channel.available
    returned = read.latency + read.burst
    # Its acceptance is counted from the cycle before the one in which a command may first issue.
    opened = 1 + chain.cycles([chain.activate, read]) + returned
    closes = read.closes
    return Limits(
        channel=channel,
        channels=memory.channels,
        transaction_bytes=memory.organization.transaction_bytes,
        clock_period=memory.clock_period,
        peak=per_column / burst,
        refresh_limited=None if channel.refresh_interval is None else per_column / column * left,
        activate_limited=per_column / max(Fraction(column), channel.activate_interval) * left,
        row_cycle_limited=per_column / max(Fraction(column), Fraction(channel.row_cycle, banks)) * left,
        one_bank=per_column / max(column, channel.row_cycle) * left,
        front_end=fed * memory.organization.transaction_bytes / memory.clock_period,
        activate=chain.activate.name,
        closed_row=opened,
        row_hit=None if closes else 1 + returned,
        row_conflict=None if closes else 1 + chain.cycles([chain.close, chain.activate, read]) + returned,
    )


def columns_per_activate(metrics: Mapping[str, float | None], activate: str) -> float | None:
    """Row locality of a run: column commands for each activate, from its metrics; None without activates."""
    columns = sum(metrics[name] or 0 for name in ("row_hits", "row_misses", "row_conflicts"))
    activates = metrics.get(f"commands.{activate}")
    return columns / activates if activates else None


def _columns(memory: Memory, read_share: float) -> list[Command]:
    """The column commands of reads and writes (codes 0 and 1) that occur, the read first."""
    if not 0 <= read_share <= 1:
        raise InputError("", field="read_share", given=read_share, accepted="0 to 1")
    wanted = [name for name, share in (("READ", read_share), ("WRITE", 1 - read_share)) if share > 0]
    found = []
    for name in wanted:
        op = next((op for op in memory.ops if op.name == name), None)
        if op is None:
            accepted = [op.name for op in memory.ops]
            raise InputError(f"{memory.name} has no operation {name}", field="requests", accepted=accepted)
        found.append(memory.command(memory.columns_of(op)[0]))
    return found


class _Chain:
    """Cycles along commands to one bank, by the rows of the rule set in use."""

    def __init__(self, memory: Memory) -> None:
        self.rules = [r for r in memory.rules if memory.controller.rule_set not in r.not_in]
        self.activate = self._of_bank(memory, "open")
        self.close = self._of_bank(memory, "close")

    @staticmethod
    def _of_bank(memory: Memory, does: str) -> Command:
        for command in memory.commands:
            if command.does == does and command.scope == "bank":
                return command
        raise InputError(f"{memory.name} has no command that can {does} a row", field="commands")

    def wait(self, first: Command, second: Command, scopes: Sequence[str] = _NEAR) -> int:
        """At least, from ``first`` to ``second`` where these scopes hold both."""
        waits = [r.wait for r in self.between(first, second) if r.window == 1 and r.scope in scopes]
        return max(waits, default=0)

    def between(self, first: Command, second: Command) -> list[Rule]:
        return [r for r in self.rules if first.name in r.after and second.name in r.before]

    def cycles(self, commands: Sequence[Command]) -> int:
        """From the first command to the last, all to one bank, each as soon as those before it allow."""
        at: list[int] = []
        for k, command in enumerate(commands):
            sure = at[-1] + 1 if at else 0  # one at a time, even without a row
            at.append(
                max([sure, *(at[j] + self.wait(before, command) for j, before in enumerate(commands[:k]))])
            )
        return at[-1]


def _channel(memory: Memory, chain: _Chain, columns: Sequence[Command]) -> ChannelLimits:
    organization = memory.organization
    row_cycle = min(chain.cycles(_round(chain, column)) for column in columns)
    interval, label = Fraction(row_cycle, organization.banks_per_channel), "row cycle"
    places = {
        "bank": organization.banks_per_channel,
        "group": organization.ranks * organization.groups,
        "rank": organization.ranks,
        "channel": 1,
    }
    for rule in chain.between(chain.activate, chain.activate):
        if (
            rule.scope in places
            and (each := Fraction(rule.wait, rule.window * places[rule.scope])) > interval
        ):
            interval, label = each, rule.label or rule.name
    refreshed = memory.refresh is not None and memory.controller.refresh != "none"
    return ChannelLimits(
        column_interval=min(_column_interval(memory, chain, column) for column in columns),
        activate_interval=interval,
        activate_rule=label,
        row_cycle=row_cycle,
        refresh_penalty=min(_refresh_penalty(memory, chain, column) for column in columns)
        if refreshed
        else 0,
        refresh_interval=memory.refresh.interval if memory.refresh is not None and refreshed else None,
    )


def _round(chain: _Chain, column: Command) -> list[Command]:
    """A bank's row opened, used, closed and opened again."""
    return [chain.activate, column, *([] if column.closes else [chain.close]), chain.activate]


def _column_interval(memory: Memory, chain: _Chain, column: Command) -> int:
    """From a column command to the next in another bank of the rank, in another group if there is one."""
    o = memory.organization
    far = ("rank", "channel") if o.groups > 1 else _NEAR[1:] if o.banks > 1 else _NEAR
    return max(1, column.burst, chain.wait(column, column, far))


def _refresh_penalty(memory: Memory, chain: _Chain, column: Command) -> int:
    assert memory.refresh is not None
    closing = [] if column.closes else [memory.command(memory.refresh.close)]
    return chain.cycles([column, *closing, memory.command(memory.refresh.command), chain.activate, column])
