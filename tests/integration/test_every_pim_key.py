"""Every key of the PIM machines matters: each numeric leaf is changed, and the Report must change with it.

A leaf is changed under the witnesses below, one after the other, until the figures differ.  Where none shows
it, the leaf has to stand in ``NOT_FELT`` with a reason; a leaf that stands there and is felt fails too.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache
from math import ceil
from typing import Any, NamedTuple

import pytest

import arch
from arch.errors import InputError, dotted
from arch.provenance import leaves
from mapping.pim.aim import OPERATORS, programs
from mapping.pim.options import read_mapping
from mapping.pim.plan import plan
from sim import Options
from sim.pim.engine import Engine
from sim.pim.machine import simulate
from tests.mapping.pim.plans import LLAMA, gpt
from workloads.aim_library import open_aim
from workloads.transformer import Decoding, Request

SYSTEMS = [entry.name for entry in arch.library() if entry.kind == "pim"]

SMALL = ("dram.channels=2", "dram.timing.tREFI=2 us", "dram.timing.tRFC=200 ns")


class Witness(NamedTuple):
    """What is set besides the leaf in question, and of a model what is mapped how."""

    name: str
    overrides: tuple[str, ...] = ()
    mapping: tuple[tuple[str, Any], ...] = ()
    trace: str | None = None  # an AiM trace of the library instead


WITNESSES = (
    Witness("as it comes"),
    Witness("ganged", ("all_bank_act=ganged4",)),
    Witness("values by row", (), (("value_layout", "row_major"),)),
    Witness("outputs first", ("units.accumulators=3",), (("chunk_order", "neuron_outer"),)),
    Witness("slow pins, wide results", ("pin_rate=2 Gbit/s", "units.readout=fp32")),
    Witness("no clamp", ("energy.clamp=false", "energy.IDD0=300 mA")),
    Witness("ganged, one group's rows", ("all_bank_act=ganged4", "dram.timing.tRRD_S=1 ns")),
    Witness("every AiM instruction", (), (), "aim_every_instruction"),
)


@cache
def work() -> tuple[Decoding, ...]:
    two_chunks = gpt(1, 1280, 4, 64, bias=True)
    return (
        Decoding("grouped", LLAMA, (Request(Fraction(0), 2, 3),), lm_head=True),
        Decoding("two chunks", two_chunks, (Request(Fraction(0), 1, 3),)),
    )


@cache
def loaded(system: str, *overrides: str) -> arch.System | None:
    try:
        return arch.load(system, [*SMALL, *overrides])
    except InputError:
        return None


@cache
def figures(system: str, witness: Witness, *overrides: str) -> Any:
    """What the witness comes to with further overrides; None if system or workload refuse them."""
    found = loaded(system, *witness.overrides, *overrides)
    if found is None:
        return None
    try:
        if witness.trace is not None:
            pim = found.spec.resolve()
            engine = Engine(pim, len(OPERATORS), 1, lambda routine, n: -(-n // 256))
            for part in programs(open_aim(witness.trace), pim, 1 << 14):
                engine.run(part)
            return engine.cycle, engine.causes()
        results = []
        for asked in work():
            laid = plan(found.spec.resolve(), asked, read_mapping(dict(witness.mapping)))
            plain = simulate(found, laid, Options()).to_dict(host=False)
            # Peaks only repeat the inputs.
            plain["metrics"] = {k: v for k, v in plain["metrics"].items() if not k.startswith("peak_")}
            results.append(
                {key: plain[key] for key in ("seconds", "cycles", "energy_joules", "bound_by", "metrics")}
            )
        return results
    except InputError:
        return None


_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")

NAMES_AND_TABLES = (
    "kind", "name", "title", "sources.*", "dram.kind", "dram.name", "dram.title", "dram.sources.*",
    "dram.constraints.*.after", "dram.constraints.*.before", "dram.constraints.*.scope",
    "dram.constraints.*.label", "dram.constraints.*.not_in", "dram.commands.*.scope", "dram.commands.*.does",
    "dram.commands.*.closes", "dram.bus.*", "dram.requests.*", "dram.refresh.command", "dram.refresh.close",
    "commands.*", "dram.address_map",
)  # fmt: skip
"""Leaves that are no numbers and whose other values make another machine."""

NOT_FELT = {
    "dram.organization.ranks": "a machine has one rank; another number is refused",
    "dram.organization.rows": "only bounds what fits: a larger model is refused",
    "dram.refresh.postpone": "the checker's deadline; the engine never postpones",
    "dram.front_end.streams": "of memory requests, which a program does not make",
    "dram.front_end.max_active": "of memory requests, which a program does not make",
    "asic.sram": "only refuses: what a token needs at once must fit",
    "energy.profiles.v1": "profile v2 is in use",
    "dram.commands.*.latency": "a longer one is refused: bursts could collide",
    "dram.commands.*.burst": "a longer one is refused: bursts could collide",
    "dram.timing.tPPD": "programs do not close two single banks in a row",
    "dram.constraints.tFAW.window": "programs do not open so many single banks in a row",
    "dram.constraints.tRTP.wait": "programs close all banks or written ones after a read",
    "dram.constraints.tRP_*_auto*.wait": "no program reads or writes with auto-precharge",
    "dram.constraints.read_to_write.wait": "a row is closed between reads and writes",
}
"""Leaves, or patterns of them, that no witness shows, with the reason."""

NOT_FELT_AIM = {
    "dram.timing.tCLREG": "hidden by the change of mode; much longer is refused",
    "dram.timing.tCWLGB": "hidden by the change of mode; much longer is refused",
    "dram.timing.tCWLREG": "hidden by the change of mode; much longer is refused",
    "dram.timing.tRRD_L": "programs open single banks far apart",
    "dram.timing.tWTR_?": "the change of mode or a precharge is longer",
    "dram.constraints.tFAW.wait": "programs open single banks far apart",
    "dram.constraints.load_to_read.wait": "a row is opened between loads and reads",
    "dram.constraints.tWR_copy.wait": "single banks are not closed after a copy in the trace",
    "dram.constraints.tWR_16.wait": "single banks are not closed after writes of all",
    "dram.constraints.write16_to_read.wait": "a row is closed between writes and reads",
    "dram.constraints.result_to_bias.wait": "the trace has no bias after a result",
    "dram.constraints.bias_to_read.wait": "a row is opened between biases and reads",
    "dram.constraints.read_to_bias.wait": "the trace has no bias after a read",
}
"""Likewise, of GDDR6-AiM alone."""


def other_values(key: str, value: Any) -> list[str]:
    if isinstance(value, bool) or any(fnmatchcase(key, pattern) for pattern in NAMES_AND_TABLES):
        return []
    if key.endswith(".wait"):
        return [f"{value} + 7", f"{value} + 500"]
    if key.endswith((".latency", ".burst", ".interval")):
        return [f"{value} + 7"]
    double = key.startswith(("dram.channels", "dram.organization.", "units.", "pin_rate"))
    if isinstance(value, int):
        return [str(value * 2), str(max(value // 2, 1))] if double else [str(value + 1), str(value // 2)]
    if isinstance(value, float):
        return [str(value / 2)]
    if not re.match(r"[0-9]", str(value)):
        return []

    def more(match: re.Match[str]) -> str:
        number = Fraction(match.group()) * (2 if double else Fraction(13, 10))
        return str(ceil(number)) if "." not in match.group() else f"{float(number):.4f}"

    def much_more(match: re.Match[str]) -> str:
        return str(ceil(Fraction(match.group()) * 9))

    return [_NUMBER.sub(more, str(value), count=1), _NUMBER.sub(much_more, str(value), count=1)]


def every_leaf(system: str) -> Mapping[str, Any]:
    found = {dotted(path): value for path, value in leaves(arch.load(system).tree, ())}
    return {key: value for key, value in found.items() if not key.startswith("sources.")}


def felt_under(system: str, key: str, value: str) -> str | None:
    for witness in WITNESSES:
        # A leaf that SMALL or the witness sets is set to the new value behind them.
        before, after = figures(system, witness), figures(system, witness, f"{key}={value}")
        if before is not None and after is not None and before != after:
            return witness.name
    return None


@cache
def felt(system: str) -> Mapping[str, str | None]:
    """By numeric leaf, the witness that shows it; None: none does."""
    found = {}
    for key, value in every_leaf(system).items():
        values = other_values(key, value)
        if values:
            found[key] = next((name for v in values if (name := felt_under(system, key, v))), None)
    return found


def excused(system: str, key: str) -> bool:
    patterns = [*NOT_FELT, *(NOT_FELT_AIM if system == "gddr6_aim" else ())]
    return any(fnmatchcase(key, pattern) for pattern in patterns)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_number_changes_the_report_or_is_excused(system: str) -> None:
    found = felt(system)
    assert len(found) > 100
    assert not [key for key, name in found.items() if name is None and not excused(system, key)]
    assert not [key for key, name in found.items() if name is not None and excused(system, key)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_longer_bursts_and_latencies_are_refused_where_nothing_keeps_them_apart(system: str) -> None:
    for key in felt(system):
        if key.endswith(".burst"):
            assert loaded(system, f"{key}={every_leaf(system)[key]} + 7") is None, key
