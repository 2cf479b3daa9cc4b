"""Energy of a run as a ledger: what each class of commands cost, the background, and the data pins.

Everything is a Fraction of a joule, so that the total is the sum and not nearly the sum.  Without a sourced
current set there is no ledger.  How joules per command follow from currents is told in :mod:`arch.energy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from arch.device import Command, Memory


@dataclass(frozen=True)
class EnergyLedger:
    """Joules, exact.  ``commands``: by name, in code order; ``io``: None where pins are not counted."""

    commands: Mapping[str, Fraction]
    background: Fraction
    io: Fraction | None

    @property
    def components(self) -> dict[str, Fraction]:
        """``commands.ACT`` …, ``background`` and, where it is counted, ``io``."""
        entries = {f"commands.{name}": joules for name, joules in self.commands.items()}
        entries["background"] = self.background
        if self.io is not None:
            entries["io"] = self.io
        return entries

    @property
    def total(self) -> Fraction:
        return sum(self.components.values(), Fraction(0))


def ledger(
    memory: Memory, commands: Mapping[str, int], cycles: int, channels: int, closed_together: int = 0
) -> EnergyLedger | None:
    """The energy of ``commands`` issued by ``channels`` channels together in ``cycles`` memory clock cycles.

    Args:
        commands: issues by command name; names left out count 0.
        closed_together: banks that commands such as PREA closed, which are charged bank by bank.

    Returns:
        None if the memory has no current set.

    Raises:
        ValueError: a command that the memory does not have, or ``closed_together`` without a command that
            closes several banks, or with two kinds of these.
    """
    if memory.energy is None:
        return None
    unknown = set(commands) - {command.name for command in memory.commands}
    if unknown:
        raise ValueError(f"{memory.name} has no command {', '.join(sorted(unknown))}")
    issued = [(command, commands.get(command.name, 0)) for command in memory.commands]
    closing = [c.name for c, count in issued if count and c.does == "close" and c.scope != "bank"]
    if len(closing) > 1 or (closed_together and not closing):
        given = ", ".join(closing) or "no command that closes several banks"
        raise ValueError(f"{closed_together} banks closed together, by {given}")
    per_command = memory.energy.command_joules
    spent = {
        command.name: per_command[command.name] * _charges(memory, command, count, closed_together)
        for command, count in issued
        if count
    }
    seconds = cycles * memory.clock_period
    background = memory.energy.background_watts * memory.organization.ranks * channels * seconds
    io = None
    if memory.energy.io_joules:
        pins = memory.energy.io_joules
        io = sum((pins[c.name] * count for c, count in issued if c.name in pins), Fraction(0))
    return EnergyLedger(spent, background, io)


def _charges(memory: Memory, command: Command, issues: int, closed_together: int) -> int:
    """How often a command's energy was spent: rows open and close bank by bank, a refresh takes a rank."""
    o = memory.organization
    if command.does == "close" and command.scope != "bank":
        return closed_together if issues else 0
    if command.does == "open":
        covered = {"bank": 1, "group": o.banks, "rank": o.groups * o.banks, "channel": o.banks_per_channel}
        return issues * covered[command.scope]
    if command.does == "refresh" and command.scope == "channel":
        return issues * o.ranks
    return issues
