"""What ``python -m ramulator export`` of Ramulator 2.1 writes: every number resolved, timings as plain lists.

``memory_system: {controllers: [{dram: {impl, org: {dq, count}, timing: […], …}, …}], channel_mapper: {…}}``.
The lists' order stands in ``ramulator21_standards.yaml``.  The rules that the export carries are
compared with ours.
"""

from collections.abc import Mapping
from typing import Any

from arch.foreign.draft import STANDARDS, Draft, Imported, carried
from arch.foreign.ramulator_controller import flattened, put_controller, standard_of, whole, word
from arch.foreign.ramulator_maps import MAPPERS, address_map
from arch.foreign.ramulator_rules import differences
from arch.foreign.ramulator_timing import OURS, put_timing
from arch.yaml_source import Tree

_AT = "memory_system.controllers[0]"
_DRAM = f"{_AT}.dram"
_CHILDREN = {"scheduler": "scheduler", "row_policy": "row_policy", "refresh": "refresh_manager"}
_MOST = 1 << 30


def imported(tree: Tree, shown: str) -> Imported:
    """The memory of an exported Ramulator 2.1 configuration.  Raises InputError with line and key."""
    draft = Draft(shown, flattened(tree))
    channels = _channels(draft, tree)
    standard = standard_of(draft, f"{_DRAM}.impl")
    facts = carried("ramulator21_standards.yaml")[standard]
    counts = _organization(draft, facts, channels)
    values = _timings(draft, standard, facts)
    _commands(draft, facts, values)
    _mapper(draft, facts, counts, channels)
    put_controller(draft, _AT, _CHILDREN, facts["controllers"])
    _rules(draft, facts, STANDARDS[standard])
    _rest(draft)
    return draft.finished("Ramulator 2.1", standard, STANDARDS[standard])


def _channels(draft: Draft, tree: Tree) -> int:
    controllers = (
        tree.data["memory_system"].get("controllers")
        if isinstance(tree.data["memory_system"], dict)
        else None
    )
    if (
        not isinstance(controllers, list)
        or not controllers
        or not all(isinstance(c, dict) for c in controllers)
    ):
        draft.refuse("memory_system.controllers", "missing", accepted="a list of controllers, one a channel")
    for index, other in enumerate(controllers[1:], start=1):
        if other != controllers[0]:
            message = "differs from the first controller; the channels of a memory here are equal"
            first = next(s for s in draft.settings if s.startswith(f"memory_system.controllers[{index}]"))
            draft.refuse(first, message, accepted="equal controllers")
        for setting in draft.settings:
            if setting.startswith(f"memory_system.controllers[{index}]"):
                draft.take(setting, "channels")
    return len(controllers)


def _organization(draft: Draft, facts: Mapping[str, Any], channels: int) -> dict[str, int]:
    setting = f"{_DRAM}.org.count"
    names = facts["levels"]
    numbers = _numbers(draft, setting, names, least=1)
    counts = dict(zip(names, numbers, strict=True))
    width_setting = f"{_DRAM}.channel_width"
    if width_setting not in draft.settings:
        draft.refuse(width_setting, "missing", accepted="the width of the data bus in bits, such as 64")
    width = whole(draft, width_setting, least=8, most=1 << 16)
    pseudo, prefetch = counts.get("pseudochannel", 1), facts["prefetch"]
    if counts["column"] % prefetch:
        draft.refuse(
            setting, "columns", given=counts["column"], accepted=f"a multiple of the prefetch, {prefetch}"
        )
    ours = {
        ("channels",): channels * pseudo,
        ("organization", "ranks"): counts.get("rank", 1),
        ("organization", "groups"): counts.get("bankgroup", 1),
        ("organization", "banks"): counts["bank"],
        ("organization", "rows"): counts["row"],
        ("organization", "columns"): counts["column"] // prefetch,
    }
    for path, value in ours.items():
        draft.put(path, value, draft.where(setting), setting=setting)
    draft.take(setting, "channels, organization")
    draft.carry(width_setting, ("organization", "transaction"), f"{prefetch * width // 8} B")
    draft.carry(width_setting, ("organization", "bus"), f"{width} bit")
    draft.leave(f"{_DRAM}.org.dq", "Ramulator has chosen the timings by it already")
    if pseudo > 1:
        draft.assume(
            "the pseudo channels of a channel share a controller in Ramulator; here each is a channel"
        )
    return counts


def _timings(draft: Draft, standard: str, facts: Mapping[str, Any]) -> dict[str, int]:
    setting = f"{_DRAM}.timing"
    names = facts["timings"]
    values = dict(zip(names, _numbers(draft, setting, names, least=0), strict=True))
    if values["tCK_ps"] == 0:
        draft.refuse(setting, "tCK_ps", given=0, accepted="the clock period in ps")
    draft.put(("clock_period",), f"{values['tCK_ps']} ps", f"{draft.where(setting)}, tCK_ps", setting=setting)
    for name in names:
        if name in OURS[standard]:
            put_timing(
                draft, standard, name, values[name], f"{draft.where(setting)}, {name}", "read", setting
            )
    unused = [name for name in names if name not in OURS[standard] and name != "tCK_ps"]
    draft.take(setting, "clock_period, timing")
    draft.assume(f"of the timings, {', '.join(unused)} {'is' if len(unused) == 1 else 'are'} not used here")
    return values


def _numbers(draft: Draft, setting: str, names: list[str], *, least: int) -> list[int]:
    if setting not in draft.settings:
        draft.refuse(setting, "missing", accepted=f"the {len(names)} numbers {', '.join(names)}")
    values = draft.settings[setting].value
    if not isinstance(values, list) or len(values) != len(names):
        given = len(values) if isinstance(values, list) else values
        draft.refuse(setting, "", given=given, accepted=f"the {len(names)} numbers {', '.join(names)}")
    for name, value in zip(names, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            draft.refuse(setting, name, given=value, accepted=f"a whole number from {least} to {_MOST}")
    return values


def _commands(draft: Draft, facts: Mapping[str, Any], values: Mapping[str, int]) -> None:
    """What the export computes from the timings: compared, so that a changed standard is noticed."""
    latency, cycles = f"{_DRAM}.read_latency", f"{_DRAM}.command_cycles"
    if latency in draft.settings:
        if draft.settings[latency].value == values["nCL"] + values["nBL"]:
            draft.take(latency, "timing.tCL, timing.tBL")
        else:
            draft.leave(latency, "reads return after tCL + tBL here")
    if cycles in draft.settings:
        expected = [
            2 if name == "ACT" and "HBM12" in facts["controllers"] else 1 for name in facts["commands"]
        ]
        if draft.settings[cycles].value == expected:
            draft.take(cycles, "commands.ACT.cycles")
        else:
            draft.leave(cycles, "differs from the standard's; commands take the cycles of the family")


def _rules(draft: Draft, facts: Mapping[str, Any], family: str) -> None:
    setting = f"{_DRAM}.timing_constraints"
    if setting not in draft.settings:
        return
    rows = draft.settings[setting].value
    found = differences(rows, draft.resolved(family), facts["levels"], facts["commands"])
    if found is None:
        draft.refuse(
            setting, "", given=rows, accepted="rows of [level, [preceding], [following], latency, …]"
        )
    if not found:
        draft.take(setting, "constraints, found to be equal")
        return
    more = f", and {len(found) - 3} more" if len(found) > 3 else ""
    draft.leave(setting, f"the family's rules are used, which differ: {'; '.join(found[:3])}{more}")


def _mapper(draft: Draft, facts: Mapping[str, Any], counts: Mapping[str, int], channels: int) -> None:
    bits = [(level, (counts[level] - 1).bit_length()) for level in facts["levels"][1:]]
    bits[-1] = ("column", (counts["column"] // facts["prefetch"] - 1).bit_length())
    at = "memory_system.channel_mapper"
    place = 0
    if word(draft, f"{at}.impl") in (None, "CacheLineInterleave"):
        draft.take(f"{at}.impl", "address_map")
        if f"{at}.interleave_bits" in draft.settings:
            place = whole(draft, f"{at}.interleave_bits", least=0, most=sum(width for _, width in bits))
            draft.take(f"{at}.interleave_bits", "address_map")
    else:
        draft.leave(f"{at}.impl", "not modelled here; channels are interleaved line by line")
    setting = f"{_AT}.addr_mapper.impl"
    name = word(draft, setting)
    interleave = (place, (channels - 1).bit_length())
    if name in MAPPERS:
        draft.carry(setting, ("address_map",), address_map(name, bits, interleave))
        return
    draft.leave(setting, f"not modelled here; {MAPPERS[0]} is used")
    source = "the mapper of the configuration is not modelled" if name else "no mapper is named"
    draft.put(("address_map",), address_map(MAPPERS[0], bits, interleave), source, "assumed")
    draft.assume(f"{source}; {MAPPERS[0]} is used")


def _rest(draft: Draft) -> None:
    draft.leave("memory_system.clock_ratio", "the front end here runs at the memory's clock")
    if word(draft, "memory_system.impl") in (None, "GenericDRAM"):
        draft.take("memory_system.impl", "kind")
    else:
        draft.leave("memory_system.impl", "not modelled here; imported as GenericDRAM")
    for setting in draft.settings:
        if setting.startswith("frontend"):
            draft.leave(setting, "the workload is not part of a memory; it is named when one is run")
