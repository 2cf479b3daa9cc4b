"""A memory that computes in its banks, and the ASIC beside it, as plain resolved facts.

The YAML models of :mod:`arch.pim` resolve to these records; mapping and simulator read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from arch import device


@dataclass(frozen=True)
class Roles:
    """Names of the commands of the memory that do each part of the work."""

    activate: str  # opens one row in all banks that its scope covers; issued once per such group of banks
    close: str  # closes all banks of a channel
    mac: str  # multiplies one column of every bank with one slot of the global buffer
    load: str  # writes one slot of the global buffer
    result: str  # reads one burst of accumulators
    activate_one: str = "ACT"
    close_one: str = "PRE"
    read: str = "RD"
    write: str = "WR"


@dataclass(frozen=True)
class Asic:
    """A vector machine of adders and multipliers that issues one vector instruction at a time."""

    clock_period: Fraction  # seconds
    adders: int  # additions, subtractions or comparisons per cycle
    multipliers: int  # products per cycle
    sram_bytes: int
    arithmetic: Literal["bf16", "fp32"]  # width of the adders and multipliers; SRAM holds bf16
    exp_terms: int  # of the Taylor series, 1 included
    reciprocal_iterations: int  # Newton steps after the linear seed
    rsqrt_iterations: int  # Newton steps after the integer seed


@dataclass(frozen=True)
class PimEnergy:
    """Joules and watts, exact; per channel unless said otherwise.  From sourced currents only."""

    command_joules: Mapping[str, Fraction]  # by command: one issue, all banks that it covers, pins left out
    io_joules: Fraction  # of one burst over the data pins
    background_open_watts: Fraction  # while any bank of the channel is open
    background_closed_watts: Fraction
    mac_logic_joules: Fraction  # of the multipliers and adders of all banks for one column
    asic_joules: Fraction  # of one busy ASIC cycle
    asic_leakage_watts: Fraction
    clamped: tuple[str, ...]  # commands whose energy came out at or below zero and counts as zero
    scale: Fraction  # of every component, from the energy profile
    profile: str


@dataclass(frozen=True)
class Pim:
    """A resolved machine of ``kind: pim``."""

    name: str
    memory: device.Memory  # channels, banks, rows, commands, constraint rows
    roles: Roles
    all_bank_act: str  # "act16", "ganged4", …: which activate role is in use
    lanes: int  # products per bank and MAC step
    element_bytes: int  # of weights, cache entries and buffer (bf16: 2)
    accumulators: int  # per bank
    accumulator: Literal["bf16", "fp32"]  # width that the MAC unit adds in
    readout: Literal["bf16", "fp32"]  # width in which results cross the pins
    buffer_slots: int  # global buffer of a channel, in columns (transactions)
    asic: Asic
    energy: PimEnergy | None
    ideal: tuple[Literal["asic", "io"], ...]  # parts that take no time

    @property
    def elements(self) -> int:
        """Elements in a column, that is, in a transaction."""
        return self.memory.organization.transaction_bytes // self.element_bytes

    @property
    def banks(self) -> int:
        """Banks of a channel."""
        return self.memory.organization.banks_per_channel

    @property
    def result_bursts(self) -> int:
        """Bursts that read one accumulator of every bank of a channel."""
        size = {"bf16": 2, "fp32": 4}[self.readout]
        return -(-self.banks * size // self.memory.organization.transaction_bytes)
