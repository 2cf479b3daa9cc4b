"""The specs of ``kind: memory``: what its YAML may say.  ``MemorySpec.resolve()`` gives the facts.

Field descriptions below become the descriptions in the JSON Schema that editors show.
"""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_serializer

from arch import device
from arch.controller import MOST_ENTRIES, MOST_POSTPONED, profiles
from arch.errors import InputError, unknown
from arch.fields import (
    Count,
    Current,
    Cycles,
    Flag,
    Frequency,
    Joules,
    Name,
    Names,
    RowSpec,
    Share,
    Size,
    Spec,
    SystemName,
    Time,
    TimeOrCycles,
    Voltage,
    complaint,
)
from arch.timing import Rounding


class RoundingSpec(Spec):
    """How times become cycles: the word ``ceil``, or ``guard: 0.974`` for floor(t / tCK + 0.974)."""

    guard: Share | None = None
    """Share of a clock that is forgiven: cycles = floor(t / tCK + guard), exact; JEDEC DDR4 uses 0.974."""

    def rule(self) -> Rounding:
        return Rounding(self.guard)

    @model_serializer(mode="wrap")
    def _plain(self, handler: Any) -> Any:
        return handler(self) if self.guard is not None else "ceil"


def _rounding(given: Any) -> Any:
    if given == "ceil":
        return RoundingSpec()
    if isinstance(given, (dict, RoundingSpec)) and given != {}:
        return given
    raise complaint(InputError("", accepted='"ceil" or a map such as {guard: 0.974}'))


class OrganizationSpec(Spec):
    """How many ranks, bank groups, banks, rows and columns, and how much one transaction moves."""

    ranks: Count = 1
    """Ranks of a channel."""
    groups: Count = 1
    """Bank groups of a rank."""
    banks: Count
    """Banks of a bank group."""
    rows: Count
    """Rows of a bank."""
    columns: Count
    """Transactions in a row (not device columns)."""
    transaction: Size
    """Data that one read or write command moves, such as 64 B."""
    bus: Size
    """Width of the data bus of a channel, such as 64 bit."""


class CommandSpec(RowSpec):
    """One command: which banks it covers, what it does, and when its data is on the bus."""

    scope: Literal["bank", "group", "rank", "channel"]
    """The banks it covers: its bank, its bank group, its rank, or the whole channel."""
    does: Literal["open", "close", "read", "write", "refresh", "compute", "load", "unload", "mode"]
    """Effect on those banks: open a row, close, read or write a column of the open row, refresh; compute on a
    column without the data bus, load a buffer from it, unload results to it; mode touches neither rows nor
    data."""
    closes: Flag = False
    """A column command that precharges its bank by itself (auto-precharge)."""
    cycles: Annotated[int, Field(strict=True, ge=1, le=16)] = 1
    """Cycles it occupies its command slot."""
    latency: Cycles | None = None
    """Cycles from issue to the first data; commands that move data only."""
    burst: Cycles | None = None
    """Cycles of data; commands that move data only."""


class ConstraintSpec(RowSpec):
    """A timing rule: ``before`` no sooner than ``wait`` cycles after ``after``, both within one ``scope``."""

    after: Names
    """Commands that come first."""
    before: Names
    """Commands that have to wait."""
    scope: Literal["bank", "group", "rank", "channel", "other_ranks"]
    """Where both commands fall: one bank, group, rank, channel, or two different ranks."""
    wait: Cycles
    """Cycles between them; an expression of timing names, such as tCL + tBL + 2 - tCWL."""
    window: Annotated[int, Field(strict=True, ge=1, le=64)] = 1
    """n counts the wait from the n-th last ``after``: tFAW is window 4."""
    label: str = ""
    """Name under which reports group waiting for this rule; the rule's own name if absent."""
    not_in: Annotated[tuple[str, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)] = ()
    """Rule sets (controller.rule_set) whose scheduler leaves this rule out."""


class SlotSpec(RowSpec):
    """A command slot: one of its commands may issue in a cycle."""

    commands: Names | Literal["all"]
    """Names of the commands that it carries, or all."""
    sources: Annotated[
        tuple[Literal["active", "refresh", "queue"], ...],
        BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v),
        Field(min_length=1, max_length=3),
    ] = ("active", "refresh", "queue")
    """Where its commands come from, tried in this order: opened requests, due refreshes, the queues."""


class RequestSpec(RowSpec):
    """What a kind of request turns into."""

    command: Name
    """Column command issued under an open page policy."""
    closing: Name | None = None
    """Column command with auto-precharge, issued under a closed page policy."""
    queue: Literal["read", "write"]
    """Queue it waits in."""
    forward: Flag = False
    """A queued one serves later reads of its line."""
    coalesce: Flag = False
    """A queued one absorbs later ones of its line."""


class RefreshSpec(Spec):
    """All-bank refresh of every rank."""

    command: Name
    """The refresh command."""
    close: Name
    """The command that closes all banks before it."""
    interval: Cycles
    """Cycles between refreshes of a rank."""
    postpone: Annotated[int, Field(strict=True, ge=0, le=64)] = 8
    """Refreshes that the standard lets a controller postpone; the command checker holds it to that."""


class EnergySpec(Spec):
    """A current set; every command's charge above the background is (its current - background) * its time."""

    VDD: Voltage
    """Core supply voltage."""
    devices: Annotated[int, Field(strict=True, ge=1, le=1024)]
    """Devices of a rank, which all draw these currents."""
    IDD0: Current
    """One bank activated and precharged at tRC."""
    IDD2N: Current
    """Precharge standby: the background with all banks closed."""
    IDD3N: Current
    """Active standby: the background with a bank open; must equal IDD2N."""
    IDD4R: Current
    """Burst read."""
    IDD4W: Current
    """Burst write."""
    IDD5: Current
    """Burst refresh."""
    commands: dict[Name, Joules] = Field(default_factory=dict)
    """Energy of one issue of a command over all devices of the rank, instead of the computed one."""
    io: Flag = False
    """Whether the energy of the data pins is counted; needs the two keys below."""
    io_energy_per_bit_read: Joules | None = None
    """Energy of one bit read, over the channel's pins."""
    io_energy_per_bit_write: Joules | None = None
    """Energy of one bit written, over the channel's pins."""


def _profile(given: Any) -> Any:
    if isinstance(given, str) and given in profiles():
        return given
    message = unknown("profile", given, profiles()) if isinstance(given, str) else ""
    raise complaint(InputError(message, accepted=", ".join(profiles())))


_Entries = Annotated[int, Field(strict=True, ge=1, le=MOST_ENTRIES)]
_Refreshes = Annotated[int, Field(strict=True, ge=0, le=MOST_POSTPONED)]


class ControllerSpec(Spec):
    """Scheduling of a channel: a profile, and any key that shall differ from it."""

    profile: Annotated[str, BeforeValidator(_profile)] = "cyclewise"
    """Named set of all keys: ramulator21, ramulator21_rowhit, cyclewise, dramsys."""
    machines: Literal["queue", "bank"] | None = None
    """queue: one scheduler looks over the read and the write queue; bank: each bank has a machine that
    picks one of the bank's requests, and the oldest of the ready picks issues its next command."""
    scheduler: Literal["fr_fcfs", "row_hit_first", "fifo", "fr_fcfs_grp"] | None = None
    """Which ready command issues: oldest ready, oldest ready but row hits kept, or strictly in order.  What
    a bank machine picks: a row hit or else the oldest; grp: a hit of the last direction first; fifo: the
    oldest."""
    page_policy: Literal["open", "closed", "open_adaptive", "closed_adaptive"] | None = None
    """Whether a row stays open after its column command; adaptive (bank machines only): open unless requests
    of other rows alone wait for the bank, closed unless a further hit waits."""
    refresh: Literal["all_bank", "none"] | None = None
    """All-bank refresh, or none (data would be lost; for studies)."""
    refresh_postponed: _Refreshes | None = None
    """Refreshes that may wait while requests do; bank machines only."""
    refresh_pulled_in: _Refreshes | None = None
    """Refreshes that may come early while nothing waits; bank machines only."""
    buffer: Literal["bankwise", "read_write", "shared"] | None = None
    """Whether buffer_size counts requests per bank, per direction, or all; bank machines only."""
    buffer_size: _Entries | None = None
    """Requests that the buffer holds; bank machines only."""
    response_queue: Literal["fifo", "reorder"] | None = None
    """Responses in the order of column commands, or of acceptance; bank machines only."""
    read_queue: _Entries | None = None
    """Entries of the read queue."""
    write_queue: _Entries | None = None
    """Entries of the write queue."""
    write_high: Share | None = None
    """Share of the write queue above which writes drain."""
    write_low: Share | None = None
    """Share of the write queue below which draining stops."""
    rule_set: Literal["jedec", "ramulator21"] | None = None
    """jedec: every timing rule; ramulator21: without those that simulator lacks."""
    skip_idle: Flag | None = None
    """Whether cycles in which nothing can happen are skipped; the result is the same."""

    def overrides(self) -> dict[str, Any]:
        return {k: getattr(self, k) for k in type(self).model_fields if k != "profile"}


class FrontEndSpec(Spec):
    """How requests enter: at most one a cycle, in program order, the head of the line blocks."""

    mode: Literal["shared", "per_channel"] = "shared"
    """One front end for the whole memory, or one for each channel."""
    streams: Annotated[int, Field(strict=True, ge=1, le=1024)] = 1
    """Input streams, each in its own order."""
    arbiter: Literal["round_robin", "oldest", "priority"] = "round_robin"
    """Which stream is next."""
    admission: Literal["simple", "fifo", "reorder"] = "simple"
    """What limits transactions without a response, bank machines only: nothing; max_active; max_active, with
    responses returned in order."""
    max_active: Annotated[int, Field(strict=True, ge=1, le=MOST_ENTRIES)] = 128
    """Transactions of a channel, reads and writes, that may be without a response."""


class SourceSpec(Spec):
    """Where a value comes from."""

    source: str
    """Document, table or file."""
    confidence: Literal["read", "recalled", "derived", "assumed"]
    """read in the source, recalled from it, derived by arithmetic, or assumed."""


class MemorySpec(Spec):
    """A DRAM memory of one or more equal channels."""

    kind: Literal["memory"] = "memory"
    """Always memory."""
    name: SystemName
    """Name in reports; the file's stem if absent."""
    title: str = ""
    """One line about it."""
    clock: Frequency | None = None
    """Memory clock (give this or clock_period)."""
    clock_period: Time | None = None
    """Period of the memory clock, tCK (give this or clock)."""
    rounding: Annotated[
        RoundingSpec,
        BeforeValidator(_rounding, json_schema_input_type=Literal["ceil"] | RoundingSpec),
    ] = RoundingSpec()
    """How times become cycles: ceil, or {guard: 0.974}."""
    channels: Annotated[int, Field(strict=True, ge=1, le=1024)] = 1
    """Equal, independent channels."""
    organization: OrganizationSpec
    """Ranks, bank groups, banks, rows, columns."""
    address_map: str
    """Bits of the transaction index, most significant first: row bank group rank column channel."""
    timing: dict[Name, TimeOrCycles]
    """Times by the standards' names, such as tRCD: 13.32 ns or tCL: 16 nCK."""
    commands: dict[Name, CommandSpec]
    """The command table."""
    constraints: dict[Name, ConstraintSpec]
    """The timing rules."""
    bus: dict[Name, SlotSpec]
    """Command slots in the order in which they are tried within a cycle."""
    requests: dict[Name, RequestSpec]
    """Kinds of requests; READ and WRITE are needed."""
    refresh: RefreshSpec | None = None
    """All-bank refresh; absent: the memory needs none."""
    energy: EnergySpec | None = None
    """Currents; absent: no energy is reported."""
    controller: ControllerSpec = ControllerSpec()
    """Scheduling."""
    front_end: FrontEndSpec = FrontEndSpec()
    """How requests enter."""
    sources: dict[str, SourceSpec] = Field(default_factory=dict)
    """Provenance by dotted path, * standing for any one key or several."""

    def resolve(self) -> device.Memory:
        """Cycles, rules, address bits and energies, looked up once and kept.

        Raises :class:`arch.errors.InputError` (a :class:`arch.errors.FieldError`) for impossible values;
        a spec that came through :func:`arch.load` has already passed.
        """
        return self.resolved

    @cached_property
    def resolved(self) -> device.Memory:
        from arch.resolve import resolve_memory

        return resolve_memory(self)
