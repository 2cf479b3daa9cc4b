"""Energy of DRAM commands from datasheet currents.

A command costs what it draws above the background: RD (IDD4R - IDD3N) for its burst, WR (IDD4W - IDD3N)
for its burst, ACT (IDD0 - IDD3N) for tRAS, PRE (IDD0 - IDD2N) for tRP, REF (IDD5 - IDD3N) for tRFC, each
times VDD and the number of devices in a rank.  The background draws IDD2N = IDD3N all the time.  For
DDR3-1600 with eight devices that is E = 0.54 W·T + 5.70 nJ·RD + 10.5 nJ·ACT + 3.75 nJ·PRE + 165 nJ·REF.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from arch import device
from arch.errors import FieldError, unknown
from arch.remembering import by_identity

if TYPE_CHECKING:
    from arch.memory import MemorySpec


def _parts(spec: "MemorySpec", *_: object) -> tuple[object, ...]:
    """All that the energies follow from: timing and commands come from these parts of the spec."""
    return (
        spec.energy, spec.clock, spec.clock_period, spec.rounding, spec.timing, spec.commands,
        spec.organization,
    )  # fmt: skip


@by_identity(_parts)
def resolve_energy(
    spec: "MemorySpec",
    clock_period: Fraction,
    timing: Mapping[str, int],
    commands: tuple[device.Command, ...],
) -> device.Energy | None:
    """Joules of every command and watts of background of one rank, exact; None without currents.

    A closing command is charged once per bank that it closes, a refresh once per rank; a column command
    with auto-precharge includes the precharge.  Raises :class:`arch.errors.FieldError` where the
    currents cannot be meant.
    """
    given = spec.energy
    if given is None:
        return None
    if given.IDD2N.value != given.IDD3N.value:
        raise FieldError(
            ("energy", "IDD3N"),
            "one background current is charged whether banks are open or closed",
            given=given.IDD3N.text,
            accepted=f"the same as IDD2N, {given.IDD2N.text}",
        )
    background = given.IDD3N.value
    for key in ("IDD0", "IDD4R", "IDD4W", "IDD5"):
        current = getattr(given, key)
        if current.value < background:
            accepted = f"at least the background IDD3N, {given.IDD3N.text}"
            raise FieldError(("energy", key), "", given=current.text, accepted=accepted)
    supply = given.devices * given.VDD.value

    def joules(current: Fraction, cycles: int) -> Fraction:
        return supply * (current - background) * cycles * clock_period

    def time(name: str, why: str) -> int:
        if name not in timing:
            raise FieldError(("energy",), f"energy of {why} needs timing.{name}")
        return timing[name]

    result: dict[str, Fraction] = {}
    for command in commands:
        if command.does == "read":
            cost = joules(given.IDD4R.value, command.burst)
        elif command.does == "write":
            cost = joules(given.IDD4W.value, command.burst)
        elif command.does == "open":
            cost = joules(given.IDD0.value, time("tRAS", command.name))
        elif command.does == "close":
            cost = joules(given.IDD0.value, time("tRP", command.name))
        else:
            cost = joules(given.IDD5.value, time("tRFC", command.name))
        if command.closes:
            cost += joules(given.IDD0.value, time("tRP", command.name))
        result[command.name] = cost
    for name, quantity in given.commands.items():
        if name not in result:
            message = unknown("command", name, result)
            raise FieldError(("energy", "commands", name), message, accepted=result, at_key=True)
        result[name] = quantity.value
    return device.Energy(result, supply * background, _io(spec, commands))


def _io(spec: "MemorySpec", commands: tuple[device.Command, ...]) -> dict[str, Fraction]:
    given = spec.energy
    if given is None or not given.io:
        return {}
    bits = spec.organization.transaction.value
    result = {}
    for command in commands:
        if command.does in ("read", "write"):
            key = f"io_energy_per_bit_{command.does}"
            per_bit = getattr(given, key)
            if per_bit is None:
                raise FieldError(("energy", "io"), f"needs energy.{key}", given=True, accepted="false")
            result[command.name] = bits * per_bit.value
    return result
