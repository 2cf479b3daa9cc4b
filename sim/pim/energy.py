"""The energy ledger of a run, exact: what was issued, how long rows were open, how long the ASIC worked."""

from collections.abc import Mapping
from fractions import Fraction

from arch.pim_device import Pim

PARTS = (
    "activate",
    "mac_column",
    "read",
    "write",
    "io",
    "refresh",
    "background",
    "mac_logic",
    "asic_dynamic",
    "asic_leakage",
)
_PART = {"open": "activate", "compute": "mac_column", "read": "read", "write": "write", "refresh": "refresh"}


def ledger(
    pim: Pim,
    commands: Mapping[str, int],
    cycles: int,
    open_cycles: int,
    asic_cycles: int,
) -> dict[str, Fraction] | None:
    """Joules by part; None without a current set.

    Args:
        pim: the machine.
        commands: issues by name, over all channels.
        cycles: of the memory clock that the run took.
        open_cycles: in which some bank of a channel was open, summed over channels.
        asic_cycles: in which the ASIC was busy.
    """
    energy = pim.energy
    if energy is None:
        return None
    spent = dict.fromkeys(PARTS, Fraction(0))
    banks = {"bank": 1, "group": pim.memory.organization.banks}
    for name, n in commands.items():
        command = pim.memory.command(name)
        if command.does in _PART:
            spent[_PART[command.does]] += n * energy.command_joules[name]
        if command.does == "compute":
            share = Fraction(banks.get(command.scope, pim.banks), pim.banks)
            spent["mac_logic"] += n * share * energy.mac_logic_joules
        if command.burst:
            spent["io"] += n * energy.io_joules
    period = pim.memory.clock_period
    closed_cycles = pim.memory.channels * cycles - open_cycles
    spent["background"] = period * (
        open_cycles * energy.background_open_watts + closed_cycles * energy.background_closed_watts
    )
    spent["asic_dynamic"] = asic_cycles * energy.asic_joules
    spent["asic_leakage"] = cycles * period * energy.asic_leakage_watts
    return {part: joules * energy.scale for part, joules in spent.items()}
