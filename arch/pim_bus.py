"""Bursts of a PIM machine on its data bus: rules must keep those of any two commands apart."""

from arch import device
from arch.errors import FieldError
from arch.rules import slowest


def check_bursts(memory: device.Memory) -> None:
    """Refuse a memory in which two of its commands that move data could collide.

    :mod:`arch.rules` looks at the commands that requests use; programs of a PIM machine also load buffers and
    read results, and mix commands freely.  A slow pin makes every burst longer.

    Raises:
        FieldError: names the constraint that waits longest for such a pair, and how long it would have to.
    """
    slot_of = {name: slot.name for slot in memory.slots for name in slot.commands}
    movers = [command for command in memory.commands if command.burst]
    for first in movers:
        for second in movers:
            scopes = {"channel", "rank"}
            if first.scope != "bank" or second.scope != "bank" or memory.organization.banks_per_channel == 1:
                scopes |= {"group", "bank"}  # they have a bank in common
            elif memory.organization.groups == 1:
                scopes |= {"group"}
            needed = first.latency + first.burst - second.latency
            rule = slowest(memory.rules, first, second, scopes)
            wait = 0 if rule is None else rule.wait
            if needed <= max(wait, 1 if slot_of[first.name] == slot_of[second.name] else 0):
                continue
            message = f"{first.name} and {second.name} could collide on the data bus"
            accepted = f"at least {needed} cycles, or faster pins"
            if rule is None:
                message += "; nothing keeps them apart"
                accepted = f"a constraint of scope rank that waits {accepted}"
                raise FieldError(("dram", "constraints"), message, accepted=accepted, at_key=True)
            where = ("dram", "constraints", rule.name, "wait")
            raise FieldError(where, message, given=f"{wait} cycles", accepted=accepted)
