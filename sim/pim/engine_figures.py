"""What the counts of an engine come to, whatever it has carried out: figures, energy, laws, tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

from arch.pim_device import Pim
from arch.provenance import set_by_user
from arch.system import System
from sim.pim import energy
from sim.pim.carrying_out import ASIC_BUSY
from sim.pim.engine import Engine
from sim.pim.running import open_cycles
from sim.pim.tables import X
from sim.report import Assumption, Invariant, MetricDeclaration, installed_version, summing_floats

Figure = int | float | None


class Spent(NamedTuple):
    """A finished engine: commands issued by name over all channels, and its energy, exact and in floats.

    Both energies are None for a machine without currents; the floats have a ``total``.
    """

    issued: Mapping[str, int]
    exact: Mapping[str, Fraction] | None
    joules: Mapping[str, float] | None

    @property
    def total(self) -> float | None:
        return None if self.joules is None else self.joules["total"]


def spent_by(engine: Engine) -> Spent:
    """What an engine has issued, and what that took."""
    pim = engine.pim
    counts = engine.counts().sum(axis=(0, 1)).tolist()
    issued = {c.name: counts[c.code] for c in pim.memory.commands if counts[c.code]}
    exact = energy.ledger(pim, issued, engine.cycle, open_cycles(engine), int(engine.shared[ASIC_BUSY]))
    if exact is None:
        return Spent(issued, None, None)
    parts, total = summing_floats(exact)
    return Spent(issued, exact, {**parts, "total": total})


def clocks(engine: Engine) -> dict[str, int]:
    """Cycles by clock domain."""
    pim = engine.pim
    seconds = engine.cycle * pim.memory.clock_period
    return {"memory": engine.cycle, "asic": floor(seconds / pim.asic.clock_period)}


def figures(engine: Engine, spent: Spent, operators: Sequence[str]) -> dict[str, Figure]:
    """Metrics that every run has; None where nothing happened that they could be a share of."""
    pim, memory = engine.pim, engine.pim.memory
    issued, joules = spent.issued, spent.total
    o, period, cycles = memory.organization, memory.clock_period, engine.cycle
    seconds = cycles * period
    does = {c.name: c for c in memory.commands}

    def banks_of(*what: str) -> int:
        return sum(n * _covered(pim, name) for name, n in issued.items() if does[name].does in what)

    accesses, opened, macs = banks_of("read", "write", "compute"), banks_of("open"), banks_of("compute")
    moved = sum(n for name, n in issued.items() if does[name].burst) * o.transaction_bytes
    available = cycles * memory.channels
    step = memory.timing["tMAC"]
    refreshed = sum(n for k, n in issued.items() if does[k].does == "refresh") * memory.timing.get("tRFC", 0)
    peak = Fraction(memory.channels * pim.banks * o.transaction_bytes) / (step * period)
    burst = memory.command(pim.roles.load).burst
    bus = int(engine.states[:, X.bus_cycles].sum())
    found: dict[str, Figure] = {
        "energy_delay_product": None if joules is None else joules * float(seconds),
        "average_power": None if joules is None or not cycles else joules / float(seconds),
        "row_hit_rate": 1 - opened / accesses if accesses else None,
        "bank_utilisation": _ratio(macs * step, available * pim.banks),
        "data_bus_utilisation": _ratio(bus, available),
        "asic_utilisation": _ratio(int(engine.shared[ASIC_BUSY]) * pim.asic.clock_period, seconds),
        "refresh_share": _ratio(refreshed, available),
        "internal_bandwidth": _ratio(macs * o.transaction_bytes, seconds),
        "peak_internal_bandwidth": float(peak),
        "external_bandwidth": _ratio(moved, seconds),
        "peak_external_bandwidth": float(Fraction(memory.channels * o.transaction_bytes) / (burst * period)),
    }
    for name, share in zip(operators, engine.critical.tolist(), strict=True):
        found[f"operator_share.{name}"] = _ratio(share, cycles)
    for name, n in issued.items():
        found[f"commands.{name}"] = n
    return found


def _ratio(part: int | Fraction, whole: int | Fraction) -> float | None:
    return float(Fraction(part) / Fraction(whole)) if whole else None


def _covered(pim: Pim, name: str) -> int:
    """Banks that a command works on."""
    o = pim.memory.organization
    scope = pim.memory.command(name).scope
    return {"bank": 1, "group": o.banks}.get(scope, o.banks_per_channel)


def ordered(metrics: Mapping[str, Figure], declarations: Sequence[MetricDeclaration]) -> dict[str, Figure]:
    """The metrics in the order of their declarations; those that are missing as None."""
    found: dict[str, Figure] = {}
    for declared in declarations:
        if "*" not in declared.name:
            found[declared.name] = metrics.get(declared.name)
        else:
            found |= {name: value for name, value in metrics.items() if declared.covers(name)}
    return found


def laws(engine: Engine, spent: Spent, waits: int) -> Iterator[Invariant]:
    """What must hold of every run; ``waits``: memory cycles in which no request had come."""
    memory, cycles = engine.pim.memory, engine.cycle
    yield Invariant.equal(
        "operators' shares of the critical path and waits for requests = cycles",
        {"operators": int(engine.critical.sum()), "waits": waits},
        {"cycles": cycles},
    )
    yield Invariant.equal(
        "layers' shares of the critical path and waits for requests = cycles",
        {"layers": int(engine.by_layer.sum()), "waits": waits},
        {"cycles": cycles},
    )
    yield Invariant.equal(
        "causes over all channels = cycles × channels",
        {"causes": sum(engine.causes().values())},
        {"cycles": cycles * memory.channels},
    )
    bursts = sum(n * memory.command(name).burst for name, n in spent.issued.items())
    yield Invariant.equal(
        "cycles with data on the pins = bursts of the commands",
        {"bus": int(engine.states[:, X.bus_cycles].sum())},
        {"bursts": bursts},
    )
    yield Invariant.at_most(
        "cycles with a bank open ≤ cycles × channels",
        {"open": open_cycles(engine)},
        {"cycles": cycles * memory.channels},
    )
    if spent.exact is not None and spent.joules is not None:
        *parts, total = spent.joules.values()
        holds = sum(map(Fraction, parts)) == Fraction(total) and total == float(sum(spent.exact.values()))
        yield Invariant("energy of the parts = total", holds, {"parts": sum(parts), "total": total})


def operators_table(engine: Engine, operators: Sequence[str]) -> dict[str, Any]:
    """Cycles on the critical path, commands and ASIC cycles by operator."""
    counts = engine.counts()
    does = {c.code: c.does for c in engine.pim.memory.commands}

    def by_operator(wanted: str) -> list[int]:
        codes = [code for code, what in does.items() if what == wanted]
        found: list[int] = counts[:, :, codes].sum(axis=(0, 2)).tolist()
        return found

    return {
        "operator": list(operators),
        "cycles": engine.critical.tolist(),
        "mac_columns": by_operator("compute"),
        "activates": by_operator("open"),
        "result_bursts": by_operator("unload"),
        "load_bursts": by_operator("load"),
        "asic_cycles": engine.asic_by_operator.tolist(),
    }


def commands_table(engine: Engine, issued: Iterable[str]) -> dict[str, Any]:
    """How often each channel issued each command that was issued at all."""
    memory, counts = engine.pim.memory, engine.counts()
    named = [memory.command(name) for name in issued]
    channels = range(memory.channels)
    return {
        "component": [f"ch{k}" for k in channels for _ in named],
        "command": [c.name for _ in channels for c in named],
        "count": [int(counts[k, :, c.code].sum()) for k in channels for c in named],
    }


def described(system: System, pim: Pim) -> dict[str, Any]:
    """``Report.system``."""
    memory = pim.memory
    o = memory.organization
    return {
        "name": system.name,
        "kind": system.kind,
        "title": system.title,
        "digest": system.digest(),
        "clock_hertz": float(1 / memory.clock_period),
        "asic_hertz": float(1 / pim.asic.clock_period),
        "channels": memory.channels,
        "banks": o.banks_per_channel,
        "rows": o.rows,
        "row_bytes": o.columns * o.transaction_bytes,
        "lanes": pim.lanes,
        "all_bank_act": pim.all_bank_act,
        "total_bytes": memory.total_bytes,
    }


def warnings(system: System, pim: Pim) -> tuple[str, ...]:
    """What a reader should know of the machine, a sentence each."""
    sentences = []
    if pim.energy is not None and pim.energy.clamped:
        names = ", ".join(pim.energy.clamped)
        sentences.append(f"energy of {names} comes out below zero from these currents and counts as zero")
    if pim.energy is not None and pim.energy.scale != 1:
        sentences.append(
            f"energies are scaled by {float(pim.energy.scale):g}, as profile {pim.energy.profile} says"
        )
    if pim.ideal:
        sentences.append(f"idealised: {' and '.join(pim.ideal)} takes no time")
    for key in set_by_user(system.provenance):
        reason = _without_effect(key)
        if reason is not None:
            sentences.append(f"{key} has no effect: {reason}")
    return tuple(sentences)


_UNUSED = ("address_map", "requests", "front_end", "controller", "energy", "refresh.postpone")


def _without_effect(key: str) -> str | None:
    if key == "dram.controller.refresh":
        return None
    part = key.removeprefix("dram.")
    if part != key and part.startswith(_UNUSED):
        return "the plan says which command each bank gets and when it may be issued"
    return None


def assumptions(system: System, pim: Pim, ends: str, *more: Assumption) -> tuple[Assumption, ...]:
    """What figures rest on; ``ends``: up to when cycles are counted."""
    found = [
        Assumption("cycles", "definition", f"of the memory clock, until {ends}"),
        Assumption(
            "commands",
            "exactness",
            "cycle-exact to the constraint table, in program order; not compared with hardware",
        ),
        Assumption(
            "energy_joules",
            "definition",
            "no figure: the system has no sourced set of currents"
            if pim.energy is None
            else "commands above the background, background by open and closed banks, pins, MACs, ASIC",
        ),
        *more,
    ]
    for pattern, source in system.provenance.items():
        if source["confidence"] != "read" and not pattern.startswith("dram.co"):
            found.append(Assumption(pattern, source["confidence"], source["source"]))
    return tuple(found)


def provenance(system: System, pim: Pim, workload_digest: str) -> dict[str, Any]:
    """``Report.provenance``."""
    return {
        "cyclewise": installed_version("cyclewise"),
        "system_digest": system.digest(),
        "workload_digest": workload_digest,
        "clock_period": f"{pim.memory.clock_period} s",
        "timing_cycles": dict(pim.memory.timing),
        "sources": {pattern: dict(source) for pattern, source in system.provenance.items()},
    }
