"""From :class:`arch.pim.PimSpec` to the resolved :class:`arch.pim_device.Pim`, impossible refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

from arch import device
from arch.errors import FieldError, Location, unknown
from arch.pim_bus import check_bursts
from arch.pim_device import Asic, Pim, PimEnergy, Roles
from arch.timing import Duration
from arch.units import Quantity

if TYPE_CHECKING:
    from arch.pim import PimEnergySpec, PimSpec

ELEMENT_BYTES = 2
"""Of a bf16 number."""

DERIVED = ("tBL", "tMAC")
"""Timings of the DRAM that follow from other keys: the pin rate, and lanes and tCCD."""


def resolve_pim(spec: "PimSpec") -> Pim:
    """All facts of the machine.  Raises :class:`FieldError` at the first impossible value."""
    memory = _memory(spec)
    roles = _roles(spec, memory)
    where = ("units", "global_buffer")
    transaction = memory.organization.transaction_bytes
    slots = spec.units.global_buffer.value / (8 * transaction)
    if slots.denominator != 1:
        accepted = f"a whole number of columns of {transaction} B"
        raise FieldError(where, "", given=spec.units.global_buffer.text, accepted=accepted)
    sram = spec.asic.sram.value / 8
    if sram.denominator != 1:
        raise FieldError(("asic", "sram"), "", given=spec.asic.sram.text, accepted="whole bytes")
    if memory.organization.ranks != 1:
        message = "a PIM program addresses the banks of one rank"
        given = memory.organization.ranks
        raise FieldError(("dram", "organization", "ranks"), message, given=given, accepted="1")
    check_bursts(memory)
    return Pim(
        name=spec.name,
        memory=memory,
        roles=roles,
        all_bank_act=spec.all_bank_act,
        lanes=spec.units.lanes,
        element_bytes=ELEMENT_BYTES,
        accumulators=spec.units.accumulators,
        accumulator=spec.units.accumulator,
        readout=spec.units.readout,
        buffer_slots=int(slots),
        asic=Asic(
            1 / spec.asic.clock.value,
            spec.asic.adders,
            spec.asic.multipliers,
            int(sram),
            spec.asic.arithmetic,
            spec.asic.exp_terms,
            spec.asic.reciprocal_iterations,
            spec.asic.rsqrt_iterations,
        ),
        energy=None if spec.energy is None else _energy(spec.energy, memory, roles),
        ideal=tuple(part for part in ("asic", "io") if part in spec.ideal),
    )


@contextmanager
def _inside(*path: str) -> Iterator[None]:
    """Complaints about a component name the path that leads to it."""
    try:
        yield
    except FieldError as error:
        raise FieldError(
            (*path, *error.path),
            error.message,
            given=error.given,
            accepted=error.accepted,
            at_key=error.at_key,
        ) from None


def _memory(spec: "PimSpec") -> device.Memory:
    """The DRAM with the timings that pin rate and lanes give."""
    for name in DERIVED:
        if name in spec.dram.timing:
            message = f"{name} follows from pin_rate, units.lanes and tCCD; write null for it"
            given = spec.dram.timing[name].text
            raise FieldError(("dram", "timing", name), message, given=given, at_key=True)
    if "tCCD" not in spec.dram.timing:
        raise FieldError(("dram", "timing"), "tCCD is missing; a MAC step takes that long", at_key=True)
    o = spec.dram.organization
    burst = o.transaction.value / (o.bus.value * spec.pin_rate.value)
    elements = int(o.transaction.value / 8) // ELEMENT_BYTES
    lanes = spec.units.lanes
    if elements % lanes:
        accepted = f"a divisor of {elements}, the elements of a column"
        raise FieldError(("units", "lanes"), "", given=lanes, accepted=accepted)
    step = spec.dram.timing["tCCD"]
    derived = {
        "tBL": Duration((Quantity(burst, "time", f"{burst} s"),), f"{float(burst * 10**9):g} ns"),
        "tMAC": Duration(
            tuple(Quantity(p.value * (elements // lanes), p.dimension, p.text) for p in step.parts),
            f"{elements // lanes} x {step.text}",
        ),
    }
    with _inside("dram"):
        return spec.dram.model_copy(update={"timing": {**derived, **spec.dram.timing}}).resolve()


def _roles(spec: "PimSpec", memory: device.Memory) -> Roles:
    given = spec.commands
    whole_channel = ("rank", "channel")
    if spec.all_bank_act not in given.activate:
        message = unknown("way", spec.all_bank_act, given.activate)
        raise FieldError(("all_bank_act",), message, given=spec.all_bank_act, accepted=given.activate)
    by_name = {c.name: c for c in memory.commands}
    wanted: list[tuple[Location, str, device.Does, bool]] = [
        *((("activate", key), name, "open", False) for key, name in given.activate.items()),
        (("close",), given.close, "close", True),
        (("mac",), given.mac, "compute", True),
        (("load",), given.load, "load", True),
        (("result",), given.result, "unload", True),
    ]
    for path, name, does, whole in wanted:
        where: Location = ("commands", *path)
        if name not in by_name:
            raise FieldError(where, unknown("command", name, by_name), given=name, accepted=by_name)
        fitting = [
            c.name for c in memory.commands if c.does == does and (not whole or c.scope in whole_channel)
        ]
        if name not in fitting:
            accepted = f"a command that does {does}{' in all banks' if whole else ''}: {', '.join(fitting)}"
            raise FieldError(where, "", given=name, accepted=accepted)
    return Roles(given.activate[spec.all_bank_act], given.close, given.mac, given.load, given.result)


def _energy(given: "PimEnergySpec", memory: device.Memory, roles: Roles) -> PimEnergy:
    """Micron-style energies of one channel; an activate-precharge pair is charged to the activate.

    E_ACT = VDD (IDD0 tRC - IDD3N tRAS - IDD2N (tRC - tRAS)) per bank; reads, writes and refreshes above
    IDD3N; a MAC column f_mac times a read of tMAC.
    """
    if given.profile not in given.profiles:
        message = unknown("profile", given.profile, given.profiles)
        raise FieldError(("energy", "profile"), message, given=given.profile, accepted=given.profiles)
    timing, period = memory.timing, memory.clock_period

    def seconds(name: str) -> Fraction:
        if name not in timing:
            raise FieldError(("energy",), f"needs dram.timing.{name}")
        return timing[name] * period

    def above(key: str) -> Fraction:
        current = getattr(given, key)
        if current.value < given.IDD3N.value:
            accepted = f"at least IDD3N, {given.IDD3N.text}"
            raise FieldError(("energy", key), "", given=current.text, accepted=accepted)
        difference: Fraction = current.value - given.IDD3N.value
        return difference

    vdd, o = given.VDD.value, memory.organization
    tRAS, tRC = seconds("tRAS"), seconds("tRC")
    activate = vdd * (given.IDD0.value * tRC - given.IDD3N.value * tRAS - given.IDD2N.value * (tRC - tRAS))
    if activate <= 0 and not given.clamp:
        raise FieldError(
            ("energy", "IDD0"),
            f"an activate would give energy back ({float(activate) * 1e12:.4g} pJ)",
            given=given.IDD0.text,
            accepted="currents that make E_ACT positive, or clamp: true to count it as zero",
        )
    covered = {"bank": 1, "group": o.banks, "rank": o.groups * o.banks, "channel": o.banks_per_channel}
    joules: dict[str, Fraction] = {}
    clamped = []
    for command in memory.commands:
        burst = command.burst * period
        if command.does == "open":
            joules[command.name] = max(activate, Fraction(0)) * covered[command.scope]
            if activate <= 0:
                clamped.append(command.name)
        elif command.does == "read":
            joules[command.name] = vdd * above("IDD4R") * burst
        elif command.does == "write":
            joules[command.name] = vdd * above("IDD4W") * burst
        elif command.does == "compute":
            share = Fraction(covered[command.scope], o.banks_per_channel)
            joules[command.name] = given.f_mac * vdd * above("IDD4R") * seconds("tMAC") * share
        elif command.does == "refresh":
            joules[command.name] = vdd * above("IDD5") * seconds("tRFC")
        else:  # a precharge is in the activate's energy; buffers and latches cost what their pins cost
            joules[command.name] = Fraction(0)
    return PimEnergy(
        command_joules=joules,
        io_joules=given.io_energy_per_bit.value * 8 * o.transaction_bytes,
        background_open_watts=vdd * given.IDD3N.value,
        background_closed_watts=vdd * given.IDD2N.value,
        mac_logic_joules=given.mac_logic.value,
        asic_joules=given.asic.value,
        asic_leakage_watts=given.asic_leakage.value,
        clamped=tuple(clamped),
        scale=given.profiles[given.profile],
        profile=given.profile,
    )
