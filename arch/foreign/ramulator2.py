"""Ramulator 2.0's YAML: presets, tables and overrides resolved as its device models do.

``MemorySystem: {DRAM: {impl, org, timing}, Controller: {…}, AddrMapper: {impl}}``.  The presets stand in
``ramulator2_presets.yaml`` with their source.
"""

import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arch.errors import unknown
from arch.foreign.draft import STANDARDS, Draft, Imported, carried
from arch.foreign.ramulator_controller import flattened, put_controller, standard_of, whole, word
from arch.foreign.ramulator_maps import MAPPERS, address_map
from arch.foreign.ramulator_timing import LEFT, OURS, put_timing
from arch.yaml_source import Tree

PRESETS = "ramulator2_presets.yaml"
"""Organizations, speeds and tables by standard."""

_DRAM = "MemorySystem.DRAM"
_CHILDREN = {"scheduler": "Scheduler", "row_policy": "RowPolicy", "refresh": "RefreshManager"}
_MOST = 1 << 30


def imported(tree: Tree, shown: str) -> Imported:
    """The memory of a Ramulator 2.0 configuration.  Raises InputError with line and key."""
    draft = Draft(shown, flattened(tree))
    standard = standard_of(draft, f"{_DRAM}.impl")
    table = carried(PRESETS)[standard]
    counts = _organization(draft, standard, table)
    _timings(draft, standard, table, counts)
    _rules(draft, standard, counts)
    _mapper(draft, table, counts)
    put_controller(draft, "MemorySystem.Controller", _CHILDREN, ("Generic",))
    _rest(draft)
    return draft.finished("Ramulator 2.0", standard, STANDARDS[standard])


def _model(standard: str) -> str:
    """For ``sources:``; commit and path stand in the presets' file."""
    return f"Ramulator 2.0 {standard}.cpp"


# ---------------------------------------------------------------------- organization


def _preset(draft: Draft, part: str, known: Mapping[str, Any]) -> str | None:
    setting = f"{_DRAM}.{part}.preset"
    name = word(draft, setting)
    if name is not None and name not in known:
        message = unknown("preset", name, known)
        draft.refuse(setting, message, given=name, accepted=", ".join(known))
    return name


def _keys(draft: Draft, part: str, known: list[str]) -> dict[str, str]:
    """Settings below ``org`` or ``timing`` by their last name; what Ramulator would ignore is refused."""
    at = f"{_DRAM}.{part}."
    found = {setting.removeprefix(at): setting for setting in draft.settings if setting.startswith(at)}
    for name, setting in found.items():
        if name not in known:
            message = unknown("key, which Ramulator would ignore", name, known)
            draft.refuse(setting, message, accepted=", ".join(known))
    return found


def _organization(draft: Draft, standard: str, table: Mapping[str, Any]) -> dict[str, int]:
    """Counts by level beside ``density`` and ``dq``, put into the draft."""
    names = ["density", "dq", *table["levels"]]
    keys = _keys(draft, "org", ["preset", *names, "channel_width"])
    preset = _preset(draft, "org", table["organizations"])
    counts = dict(zip(names, table["organizations"][preset], strict=True)) if preset else {}
    for name in names:
        if name in keys:
            counts[name] = whole(draft, keys[name], most=_MOST)
        elif name not in counts:
            message = f"{name} is not given, and no preset gives it"
            draft.refuse(
                keys.get("preset", f"{_DRAM}.org"), message, accepted=", ".join(table["organizations"])
            )
    bits = 1
    for level in table["levels"]:
        # A device of HBM2 and of GDDR6 holds more than one channel, and Ramulator counts what it holds.
        if level not in ("channel", "rank") or standard == "GDDR6" and level == "channel":
            bits *= counts[level]
    computed = bits * counts["dq"] >> 20
    if computed != counts["density"]:
        where = next((keys[n] for n in ("density", *table["levels"], "dq") if n in keys), f"{_DRAM}.org")
        message = f"the counts make {computed} Mbit a device, and density says {counts['density']}"
        draft.refuse(where, message, accepted="counts and density that agree; Ramulator refuses others")
    width = whole(draft, keys["channel_width"], most=1 << 16) if "channel_width" in keys else 64
    if width & (width - 1) or width < 8:
        draft.refuse(keys.get("channel_width"), "", given=width, accepted="a power of two, such as 64")
    prefetch = table["prefetch"]
    if counts["column"] % prefetch:
        accepted = f"a multiple of the prefetch, {prefetch}"
        draft.refuse(keys.get("column", f"{_DRAM}.org"), "", given=counts["column"], accepted=accepted)
    at = f"{draft.where(keys['preset'])} {preset}" if preset else ""

    def put(name: str, path: tuple[str, ...], value: Any) -> None:
        setting = keys.get(name)
        if setting is not None:
            draft.carry(setting, path, value)
        else:
            draft.put(path, value, at or f"default of {_model(standard)}", setting=keys.get("preset"))

    pseudo = counts.get("pseudochannel", 1)
    put("channel", ("channels",), counts["channel"] * pseudo)
    draft.take(keys.get("pseudochannel", ""), "channels")
    put("rank", ("organization", "ranks"), counts.get("rank", 1))
    put("bankgroup", ("organization", "groups"), counts.get("bankgroup", 1))
    put("bank", ("organization", "banks"), counts["bank"])
    put("row", ("organization", "rows"), counts["row"])
    put("column", ("organization", "columns"), counts["column"] // prefetch)
    put("channel_width", ("organization", "transaction"), f"{prefetch * width // 8} B")
    put("channel_width", ("organization", "bus"), f"{width} bit")
    draft.take(keys.get("preset", ""), "organization")
    draft.take(keys.get("density", ""), "timing.tRFC")
    draft.take(keys.get("dq", ""), "timing of activates")
    if pseudo > 1:
        draft.assume(
            "the pseudo channels of a channel share a controller in Ramulator; here each is a channel"
        )
    return {**counts, "prefetch": prefetch}


# ---------------------------------------------------------------------- timing


def _timings(draft: Draft, standard: str, table: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    names: list[str] = table["timings"]
    in_ns = [f"t{name[1:]}" for name in names if name.startswith("n")]
    keys = _keys(draft, "timing", ["preset", *names, *in_ns])
    if not keys:
        draft.refuse(f"{_DRAM}.timing", "missing", accepted=f"preset: {', '.join(table['speeds'])}")
    preset = _preset(draft, "timing", table["speeds"])
    values = dict(zip(names, table["speeds"][preset], strict=True)) if preset else dict.fromkeys(names)
    rate, clock = _clock(draft, table, keys, preset, values)
    at = f"{draft.where(keys['preset'])} {preset}" if preset else _model(standard)
    sources = dict.fromkeys(names, (at, "read"))
    for name, by_pins in table.get("by_rate", {}).items():
        found = by_pins.get(str(counts["dq"]), {}).get(str(rate))
        if found is not None:
            values[name] = found
            sources[name] = (f"{_model(standard)}: {name} of x{counts['dq']} devices at {rate} MT/s", "read")
    refresh = {n: by_size.get(str(counts["density"])) for n, by_size in table["refresh_ns"].items()}
    for name, ns in {**refresh, **table["interval_ns"]}.items():
        values[name] = None if ns is None else _jedec(float(ns), clock)
        sources[name] = (f"{_model(standard)}: {ns} ns, by JEDEC's rounding", "derived")
    origin = dict.fromkeys(names, keys.get("preset"))
    for name in names:
        ns_name = f"t{name[1:]}" if name.startswith("n") else ""
        if name in ("rate", "tCK_ps"):
            continue
        if name in keys:
            values[name] = whole(draft, keys[name], least=0)
            draft.leave(keys.get(ns_name, ""), f"Ramulator reads {name} instead")
            sources[name], origin[name] = (draft.where(keys[name]), "read"), keys[name]
        elif ns_name in keys:
            values[name] = _jedec(_ns(draft, keys[ns_name]), clock)
            source = f"{draft.where(keys[ns_name])}, in ns by JEDEC's rounding"
            sources[name], origin[name] = (source, "derived"), keys[ns_name]
        for setting in (keys.get(name, ""), keys.get(ns_name, "")):
            if name in OURS[standard]:
                if setting not in draft.left:
                    draft.take(setting, f"timing.{OURS[standard][name]}")
            else:
                draft.leave(setting, LEFT.get(name, "no rule here uses it"))
        if name in OURS[standard]:
            value = values[name]
            if value is None:
                message = f"{name} is not given, and neither a preset nor Ramulator's tables say it"
                draft.refuse(
                    keys.get("preset", f"{_DRAM}.timing"), message, accepted=f"{name}: a number of clocks"
                )
            put_timing(draft, standard, name, value, *sources[name], origin[name])
    draft.take(keys.get("preset", ""), "timing")


def _clock(
    draft: Draft,
    table: Mapping[str, Any],
    keys: Mapping[str, str],
    preset: str | None,
    values: Mapping[str, Any],
) -> tuple[int, int]:
    """Transfers in MT/s and tCK in ps, which Ramulator computes from them."""
    if "rate" in keys and preset is not None:
        message = "Ramulator refuses a rate beside a preset, which has one"
        draft.refuse(keys["rate"], message, accepted="preset or rate")
    if "rate" not in keys and preset is None:
        message = "neither a preset nor a rate"
        draft.refuse(f"{_DRAM}.timing", message, accepted=f"preset: {', '.join(table['speeds'])}")
    rate = int(values["rate"]) if preset else whole(draft, keys["rate"], least=2, most=10**6)
    draft.leave(keys.get("tCK_ps", ""), "Ramulator computes tCK from the rate")
    clock = 1_000_000 // (rate // 2)
    setting = keys.get("rate") or keys["preset"]
    draft.take(setting, "clock_period")
    source = f"{draft.where(setting)}: {rate} MT/s, as Ramulator computes tCK"
    draft.put(("clock_period",), f"{clock} ps", source, "derived", setting=setting)
    return rate, clock


def _ns(draft: Draft, setting: str) -> float:
    value = draft.settings[setting].value
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 10**9:
        draft.refuse(setting, "", given=value, accepted="a time in ns, such as 13.32")
    return float(value)


def _jedec(ns: float, clock_ps: int) -> int:
    """As ``JEDEC_rounding`` of Ramulator 2.0, which computes the picoseconds in single precision."""

    def single(value: float) -> float:
        return float(struct.unpack("f", struct.pack("f", value))[0])

    ps = int(single(single(ns) * 1000))
    return (ps * 1000 // clock_ps + 974) // 1000


# ---------------------------------------------------------------------- rules, map, the rest


def _rules(draft: Draft, standard: str, counts: Mapping[str, int]) -> None:
    """Where Ramulator 2.0's rules differ from those of the family, which are Ramulator 2.1's."""
    reads, writes = ["RD", "RDA"], ["WR", "WRA"]
    source = _model(standard)
    if counts.get("rank", 1) > 1:
        row = {"after": writes, "before": reads, "scope": "other_ranks", "wait": "tCL + tBL + tCS - tCWL"}
        draft.put(("constraints", "rank_switch_write_read"), {**row, "label": "rank switch"}, source)
    if standard == "GDDR6":
        row = {"after": reads, "before": writes, "scope": "rank", "wait": "tCL + tBL + 4 - tCWL"}
        draft.put(("constraints", "read_to_write"), row, source)
        draft.put(("timing", "tPPD"), "1 nCK", "Ramulator 2.0 has no rule between two precharges", "assumed")
        draft.assume(
            "in Ramulator 2.0 a GDDR6 precharge holds up every activate of its channel; here its bank's"
        )
    if standard == "HBM2":
        row = {"after": ["ACT"], "before": ["ACT", "PRE", "PREA", "REFA"], "scope": "rank", "wait": "2"}
        draft.put(("constraints", "two_cycle_activate"), {**row, "label": "row bus"}, source)
        draft.put(("commands", "ACT", "cycles"), 1, f"{source}: timings count from its first cycle")
        for slot in ("column", "row"):
            draft.put(("bus", slot), None, "")
        draft.put(
            ("bus", "command", "commands"), "all", "Ramulator 2.0, controller Generic: one command a cycle"
        )
        draft.assume("precharge and refresh take a pseudo channel here; in Ramulator 2.0 both of a channel")
    draft.assume("the queues hold 32 requests; those of Ramulator 2.0 are called 32 and hold 33")


def _mapper(draft: Draft, table: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    setting = "MemorySystem.AddrMapper.impl"
    name = word(draft, setting)
    bits = [(level, (counts[level] - 1).bit_length()) for level in table["levels"]]
    bits[-1] = ("column", (counts["column"] // counts["prefetch"] - 1).bit_length())
    if name in MAPPERS:
        draft.carry(setting, ("address_map",), address_map(name, bits))
        return
    draft.leave(setting, f"not modelled here; {MAPPERS[0]} is used")
    source = "the mapper of the configuration is not modelled" if name else "no mapper is named"
    draft.put(("address_map",), address_map(MAPPERS[0], bits), source, "assumed")
    draft.assume(f"{source}; {MAPPERS[0]} is used")


def _rest(draft: Draft) -> None:
    """Reasons for what stands beside the memory."""
    draft.leave("MemorySystem.clock_ratio", "the front end here runs at the memory's clock")
    if word(draft, "MemorySystem.impl") in (None, "GenericDRAM"):
        draft.take("MemorySystem.impl", "kind")
    else:
        draft.leave("MemorySystem.impl", "not modelled here; imported as GenericDRAM")
    for setting in draft.settings:
        if setting.startswith("Frontend"):
            draft.leave(setting, "the workload is not part of a memory; it is named when one is run")
        elif setting.startswith(
            (f"{_DRAM}.voltage", f"{_DRAM}.current", f"{_DRAM}.drampower", f"{_DRAM}.power")
        ):
            draft.leave(
                setting, "no energy is reported: Ramulator's power model has two backgrounds, ours one"
            )
