"""A DRAM memory as plain resolved facts: cycles, counts and names, nothing left to look up.

The YAML models of :mod:`arch.memory` resolve to these records; the channel kernel, the command
checker and the reports read them.  Everything is immutable and free of units other than memory
clock cycles, bytes, and (for the clock and the energies) exact fractions of SI units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Scope = Literal["bank", "group", "rank", "channel", "other_ranks"]
Source = Literal["active", "refresh", "queue"]
Does = Literal["open", "close", "read", "write", "refresh", "compute", "load", "unload", "mode"]

MOVING: tuple[Does, ...] = ("read", "write", "load", "unload")
"""What commands do that occupy the data bus."""

STANDARD_CODES: Mapping[str, int] = {"ACT": 0, "PRE": 1, "PREA": 2, "RD": 3, "WR": 4, "REFA": 5}
"""Command codes of the command-stream file format; further commands are numbered from 6 up."""


@dataclass(frozen=True)
class Organization:
    """How many of everything; ``columns`` counts transactions in a row, not device columns."""

    ranks: int
    groups: int  # per rank
    banks: int  # per group
    rows: int  # per bank
    columns: int  # transactions per row
    transaction_bytes: int

    @property
    def banks_per_channel(self) -> int:
        return self.ranks * self.groups * self.banks

    @property
    def channel_bytes(self) -> int:
        return self.banks_per_channel * self.rows * self.columns * self.transaction_bytes


@dataclass(frozen=True)
class Command:
    """One row of the command table.

    ``does`` is the effect on the banks that ``scope`` covers: *open* a row, *close*, *read* or
    *write* a column of the open row (any column command that moves data in that direction), or
    *refresh* (banks must be closed).  Memories that compute have four more: *compute* on a column of the
    open rows without moving data over the bus, *load* a buffer from the bus and *unload* results to it, both
    whatever rows are open, and *mode*, which lets other commands follow and touches neither rows nor data.
    ``closes`` marks a column command that precharges by itself.  Data occupies the bus in cycles
    [t + latency, t + latency + burst) of an issue at t.
    ``cycles`` is how long the command occupies its bus slot.
    """

    name: str
    code: int
    scope: Literal["bank", "group", "rank", "channel"]
    does: Does
    closes: bool = False
    cycles: int = 1
    latency: int = 0
    burst: int = 0


@dataclass(frozen=True)
class Rule:
    """``before`` may issue no sooner than ``wait`` cycles after ``after``, both inside one ``scope``.

    ``window`` = n: counted from the n-th last ``after`` (tFAW is window 4; otherwise 1).
    ``other_ranks``: the two commands address different ranks of the channel.
    ``wait`` is what must lie between the *first* cycles of the two commands as they stand in a command
    stream, i.e. multi-cycle commands are already accounted for.
    ``label`` groups rules in ``bound_by`` (default: the name).
    ``not_in``: rule sets (``controller.rule_set``) whose scheduler leaves this rule out.
    """

    name: str
    after: tuple[str, ...]
    before: tuple[str, ...]
    scope: Scope
    wait: int
    window: int = 1
    label: str = ""
    not_in: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slot:
    """One command that may be issued per cycle; slots are tried in order, each from its sources in order."""

    name: str
    commands: tuple[str, ...]
    sources: tuple[Source, ...] = ("active", "refresh", "queue")


@dataclass(frozen=True)
class RequestOp:
    """What a request of this kind turns into.  ``code`` is its number in traces (READ 0, WRITE 1)."""

    name: str
    code: int
    command: str  # issued with the page left open
    closing_command: str | None  # issued under page_policy: closed
    queue: Literal["read", "write"]
    forward: bool = False  # a queued one serves later reads of its line
    coalesce: bool = False  # a queued one absorbs later ones of its line


@dataclass(frozen=True)
class Refresh:
    """All-bank refresh: ``command`` every ``interval`` cycles per rank, after ``close`` if a row is open."""

    command: str
    close: str
    interval: int
    postpone: int = 8  # the standard's limit on postponed refreshes, for the checker


@dataclass(frozen=True)
class Energy:
    """Joules per command, watts of background, per rank of devices, exact; from sourced currents only."""

    command_joules: Mapping[str, Fraction]
    background_watts: Fraction  # per rank
    io_joules: Mapping[str, Fraction] = field(default_factory=dict)  # per RD/WR burst; empty: not sourced


@dataclass(frozen=True)
class Segment:
    """Bits of the line index in a field: ``field ^= ((line >> source) & (2**width - 1)) << target``."""

    field: Literal["channel", "rank", "group", "bank", "row", "column"]
    source: int
    width: int
    target: int


@dataclass(frozen=True)
class Controller:
    """Scheduling policy of one channel, resolved from a profile and its overrides."""

    profile: str  # "ramulator21", "cyclewise", … or "custom(ramulator21)"
    scheduler: Literal["fr_fcfs", "row_hit_first", "fifo", "fr_fcfs_grp"]
    page_policy: Literal["open", "closed", "open_adaptive", "closed_adaptive"]
    refresh: Literal["all_bank", "none"]
    read_queue: int
    write_queue: int
    write_high: Fraction  # share of write_queue above which writes drain
    write_low: Fraction  # share below which draining stops
    rule_set: str  # "jedec": every rule; "ramulator21": leaves out rules marked not_in
    skip_idle: bool
    machines: Literal["queue", "bank"] = "queue"  # one scheduler over the queues, or a machine for each bank
    # Of bank machines alone:
    refresh_postponed: int = 0
    refresh_pulled_in: int = 0
    buffer: Literal["bankwise", "read_write", "shared"] = "shared"  # what buffer_size counts
    buffer_size: int = 64
    response_queue: Literal["fifo", "reorder"] = "fifo"


@dataclass(frozen=True)
class FrontEnd:
    """One request per cycle, in order, head of line blocks; per memory (shared) or per channel."""

    mode: Literal["shared", "per_channel"]
    streams: int
    arbiter: Literal["round_robin", "oldest", "priority"]
    admission: Literal["simple", "fifo", "reorder"] = "simple"
    max_active: int = 128  # transactions of a channel without a response; ignored by simple


@dataclass(frozen=True)
class Memory:
    """A resolved memory: everything a simulation needs."""

    name: str
    clock_period: Fraction  # seconds
    channels: int
    organization: Organization
    timing: Mapping[str, int]  # cycles by name
    commands: tuple[Command, ...]  # in code order
    rules: tuple[Rule, ...]
    slots: tuple[Slot, ...]
    ops: tuple[RequestOp, ...]  # in code order
    refresh: Refresh | None
    energy: Energy | None
    address_map: tuple[Segment, ...]
    controller: Controller
    front_end: FrontEnd

    def command(self, name: str) -> Command:
        """The command called ``name``; KeyError if there is none."""
        for c in self.commands:
            if c.name == name:
                return c
        raise KeyError(name)

    def columns_of(self, op: RequestOp) -> tuple[str, ...]:
        """The column commands that a request of this kind can turn into under the page policy."""
        policy = self.controller.page_policy
        if op.closing_command is None or policy == "open":
            return (op.command,)
        return (op.closing_command,) if policy == "closed" else (op.command, op.closing_command)

    @property
    def total_bytes(self) -> int:
        return self.channels * self.organization.channel_bytes

    @property
    def total_lines(self) -> int:
        return self.total_bytes // self.organization.transaction_bytes
