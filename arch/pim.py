"""The specs of ``kind: pim``: a DRAM with a MAC unit in every bank, and a small ASIC that drives it."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from arch import pim_device
from arch.fields import (
    Bandwidth,
    Current,
    Flag,
    Frequency,
    Joules,
    Name,
    Number,
    Power,
    Size,
    Spec,
    SystemName,
    Voltage,
)
from arch.memory import MemorySpec, SourceSpec

_Small = Annotated[int, Field(strict=True, ge=1, le=1024)]
_Steps = Annotated[int, Field(strict=True, ge=0, le=8)]


class PimCommandsSpec(Spec):
    """Which command of the DRAM's table does which part of the work."""

    activate: dict[Name, Name]
    """Commands that open one row in all or several banks, by the name that all_bank_act chooses."""
    close: Name
    """Closes all banks of a channel."""
    mac: Name
    """Multiplies one column of every bank with one slot of the global buffer and accumulates."""
    load: Name
    """Writes one slot of the global buffer."""
    result: Name
    """Reads one burst of accumulators."""


class UnitsSpec(Spec):
    """The MAC units in the banks and the buffer that they share."""

    lanes: _Small
    """Multipliers of a bank; a column with more elements takes several steps."""
    accumulators: _Small = 1
    """Accumulators of a bank: outputs that it can have in flight."""
    accumulator: Literal["bf16", "fp32"] = "fp32"
    """Width in which a bank adds up."""
    readout: Literal["bf16", "fp32"] = "bf16"
    """Width in which results cross the pins."""
    global_buffer: Size
    """Input buffer of a channel, broadcast to its banks."""


class AsicSpec(Spec):
    """The vector processor: adders and multipliers, no divider and no tables."""

    clock: Frequency
    """Its clock."""
    adders: _Small
    """Additions, subtractions or comparisons per cycle."""
    multipliers: _Small
    """Products per cycle."""
    sram: Size
    """Scratch memory; what a token needs at once must fit."""
    arithmetic: Literal["bf16", "fp32"] = "fp32"
    """Width of its adders and multipliers; vectors in its scratch memory are bf16."""
    exp_terms: Annotated[int, Field(strict=True, ge=2, le=16)] = 6
    """Terms of the Taylor series of exp after range reduction, the 1 included."""
    reciprocal_iterations: _Steps = 2
    """Newton steps of 1/x."""
    rsqrt_iterations: _Steps = 2
    """Newton steps of 1/sqrt(x)."""


class PimEnergySpec(Spec):
    """Currents of one channel's device, and the energies that they do not tell."""

    VDD: Voltage
    """Core supply voltage."""
    IDD0: Current
    """One bank activated and precharged at tRC."""
    IDD2N: Current
    """Precharge standby: the background with all banks closed."""
    IDD3N: Current
    """Active standby: the background with a bank open."""
    IDD4R: Current
    """Burst read."""
    IDD4W: Current
    """Burst write."""
    IDD5: Current
    """Burst refresh."""
    clamp: Flag = False
    """Count a command whose energy comes out at or below zero as zero, instead of refusing the currents."""
    f_mac: Number
    """Energy of one MAC column in all banks, in units of a read's: f_mac · VDD · (IDD4R - IDD3N) · tMAC."""
    io_energy_per_bit: Joules
    """Energy of one bit over the data pins."""
    mac_logic: Joules
    """Energy of all multipliers and adders of a channel for one column."""
    asic: Joules
    """Energy of one busy ASIC cycle."""
    asic_leakage: Power
    """Power of the ASIC at all times."""
    profile: Name
    """Which of the profiles below scales the ledger."""
    profiles: dict[Name, Number]
    """Factors of every component by name, for comparison with published ledgers."""


class PimSpec(Spec):
    """A memory of equal channels with MAC units in their banks, and an ASIC."""

    kind: Literal["pim"]
    """Always pim."""
    name: SystemName
    """Name in reports; the file's stem if absent."""
    title: str = ""
    """One line about it."""
    dram: MemorySpec
    """The DRAM, usually ``{use: NAME}``; its rows of PIM commands say how they may follow one another."""
    pin_rate: Bandwidth
    """Data rate of one pin, such as 16 Gbit/s; gives the DRAM's timing.tBL."""
    all_bank_act: Name
    """How a row is opened in all banks: one of commands.activate."""
    commands: PimCommandsSpec
    """Which command does what."""
    units: UnitsSpec
    """What computes in the banks."""
    asic: AsicSpec
    """What computes outside."""
    energy: PimEnergySpec | None = None
    """Currents and energies; absent: no energy is reported."""
    ideal: Annotated[
        tuple[Literal["asic", "io"], ...],
        BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v),
    ] = ()
    """Parts that take no time, to see what they cost: asic, io (buffer loads, results, all but one write)."""
    sources: dict[str, SourceSpec] = Field(default_factory=dict)
    """Provenance by dotted path, * standing for any one key or several."""

    def resolve(self) -> pim_device.Pim:
        """Everything looked up, once.  Raises :class:`arch.errors.FieldError` for impossible values."""
        return self.resolved

    @cached_property
    def resolved(self) -> pim_device.Pim:
        from arch.pim_resolve import resolve_pim

        return resolve_pim(self)
