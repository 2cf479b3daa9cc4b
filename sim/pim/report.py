"""A finished run of a plan as a Report: metrics, ledger, laws, tables."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

from arch.pim_device import Pim
from arch.provenance import set_by_user
from arch.system import System
from mapping.pim.plan import PimPlan
from sim.pim import energy, timeline
from sim.pim.carrying_out import ASIC_BUSY
from sim.pim.engine import Engine
from sim.pim.running import Recorded, open_cycles
from sim.pim.tables import X
from sim.report import (
    SCHEMA_VERSION,
    Assumption,
    Host,
    Invariant,
    MetricDeclaration,
    Report,
    bounds,
    installed_version,
    summing_floats,
    units_of,
)

TABLES = ("tokens", "operators", "layers", "commands_by_channel")
"""Tables that figures are drawn from."""

METRICS = (
    MetricDeclaration("tokens_per_second", "1/s", False, "generated tokens in the simulated time"),
    MetricDeclaration("time_per_token.mean", "s", True, "of all steps, prompt included"),
    MetricDeclaration("time_per_token.first", "s", True, "of the first step"),
    MetricDeclaration("time_per_token.last", "s", True, "of the last step"),
    MetricDeclaration("time_to_first_token.mean", "s", True, "from a request's arrival to its first token"),
    MetricDeclaration("joules_per_token", "J", True, "of all energy over the generated tokens"),
    MetricDeclaration("energy_delay_product", "J·s", True, "all energy times all time"),
    MetricDeclaration("average_power", "W", True, "all energy over all time"),
    MetricDeclaration(
        "row_hit_rate", "1", False, "share of column accesses of a bank that found its row open"
    ),
    MetricDeclaration("bank_utilisation", "1", False, "share of time in which MAC columns stream"),
    MetricDeclaration("data_bus_utilisation", "1", None, "share of cycles with data on the pins"),
    MetricDeclaration("asic_utilisation", "1", None, "share of ASIC cycles in which it works"),
    MetricDeclaration("refresh_share", "1", True, "share of time in which channels refresh"),
    MetricDeclaration("internal_bandwidth", "B/s", False, "bytes of columns that banks computed on"),
    MetricDeclaration("peak_internal_bandwidth", "B/s", False, "of MAC columns that never pause"),
    MetricDeclaration("external_bandwidth", "B/s", None, "bytes through the pins"),
    MetricDeclaration("peak_external_bandwidth", "B/s", False, "of pins that never idle"),
    MetricDeclaration("tokens", "1", None, "generated"),
    MetricDeclaration("steps", "1", None, "tokens taken in, prompts included"),
    MetricDeclaration("weight_bytes", "B", None, "of all layers, and of the LM head if it is included"),
    MetricDeclaration("cache_bytes", "B", None, "of keys and values at the longest context reached"),
    MetricDeclaration("operator_share.*", "1", None, "share of time on the critical path"),
    MetricDeclaration("commands.*", "commands", None, "issued, over all channels"),
)


def report(
    system: System,
    plan: PimPlan,
    run: Recorded,
    started: float,
    names: Sequence[str],
    window: tuple[int, int] | None,
) -> Report:
    """The Report; ``names`` of the tables to hand over, ``window`` of memory cycles for a timeline."""
    pim, engine = plan.pim, run.engine
    cycles = engine.cycle
    issued = _issued(pim, engine)
    asic_busy = int(engine.shared[ASIC_BUSY])
    spent = energy.ledger(pim, issued, cycles, open_cycles(engine), asic_busy)
    joules = None
    if spent is not None:
        parts, total = summing_floats(spent)
        joules = {**parts, "total": total}
    metrics = _metrics(plan, run, issued, None if joules is None else joules["total"])
    seconds = cycles * pim.memory.clock_period
    return Report(
        schema_version=SCHEMA_VERSION,
        system=_system(system, pim),
        workload=_workload(plan),
        seconds=float(seconds),
        cycles={"memory": cycles, "asic": floor(seconds / pim.asic.clock_period)},
        energy_joules=joules,
        metrics=metrics,
        units=units_of(metrics, METRICS),
        bound_by=bounds(engine.causes()),
        invariants=tuple(_laws(plan, run, issued, spent, joules)),
        warnings=_warnings(system, plan),
        assumptions=_assumptions(system, plan),
        provenance=_provenance(system, plan),
        host=Host.measured(run.cpu_seconds, started),
        tables=_tables(plan, run, issued, names, window),
    )


def _issued(pim: Pim, engine: Engine) -> dict[str, int]:
    counts = engine.counts().sum(axis=(0, 1)).tolist()
    return {c.name: counts[c.code] for c in pim.memory.commands if counts[c.code]}


def _covered(pim: Pim, name: str) -> int:
    o = pim.memory.organization
    scope = pim.memory.command(name).scope
    return {"bank": 1, "group": o.banks}.get(scope, o.banks_per_channel)


def _metrics(
    plan: PimPlan, run: Recorded, issued: Mapping[str, int], joules: float | None
) -> dict[str, int | float | None]:
    pim, engine, memory = plan.pim, run.engine, plan.pim.memory
    o, period, cycles = memory.organization, memory.clock_period, engine.cycle
    seconds = cycles * period
    does = {c.name: c for c in memory.commands}
    accesses = sum(
        n * _covered(pim, k) for k, n in issued.items() if does[k].does in ("read", "write", "compute")
    )
    opened = sum(n * _covered(pim, k) for k, n in issued.items() if does[k].does == "open")
    macs = sum(n * _covered(pim, k) for k, n in issued.items() if does[k].does == "compute")
    moved = sum(n for k, n in issued.items() if does[k].burst) * o.transaction_bytes
    available = cycles * memory.channels
    step = memory.timing["tMAC"]
    refreshed = sum(n for k, n in issued.items() if does[k].does == "refresh") * memory.timing.get("tRFC", 0)
    peak = Fraction(memory.channels * pim.banks * o.transaction_bytes) / (step * period)
    burst = memory.command(pim.roles.load).burst
    rows = run.tokens
    generated = plan.decoding.tokens
    first = rows[0]
    model = plan.decoding.model
    head = model.head_weights if plan.decoding.lm_head else 0
    metrics: dict[str, int | float | None] = {
        "tokens_per_second": float(generated / seconds),
        "time_per_token.mean": float(int(rows[:, 3].sum()) * period / len(rows)),
        "time_per_token.first": float(int(first[3]) * period),
        "time_per_token.last": float(int(rows[-1, 3]) * period),
        "time_to_first_token.mean": float(_first_tokens(plan, run)),
        "joules_per_token": None if joules is None else joules / generated,
        "energy_delay_product": None if joules is None else joules * float(seconds),
        "average_power": None if joules is None else joules / float(seconds),
        "row_hit_rate": 1 - opened / accesses,
        "bank_utilisation": float(Fraction(macs * step, available * pim.banks)),
        "data_bus_utilisation": float(Fraction(int(engine.states[:, X.bus_cycles].sum()), available)),
        "asic_utilisation": float(int(engine.shared[ASIC_BUSY]) * pim.asic.clock_period / seconds),
        "refresh_share": float(Fraction(refreshed, available)),
        "internal_bandwidth": float(macs * o.transaction_bytes / seconds),
        "peak_internal_bandwidth": float(peak),
        "external_bandwidth": float(moved / seconds),
        "peak_external_bandwidth": float(Fraction(memory.channels * o.transaction_bytes) / (burst * period)),
        "tokens": generated,
        "steps": len(rows),
        "weight_bytes": (model.layer_weights * model.layers + head) * pim.element_bytes,
        "cache_bytes": model.cache_bytes(int(rows[:, 1].max()), pim.element_bytes),
    }
    for name, share in zip(plan.operators, engine.critical.tolist(), strict=True):
        metrics[f"operator_share.{name}"] = float(Fraction(share, cycles))
    for name, n in issued.items():
        metrics[f"commands.{name}"] = n
    return metrics


def _first_tokens(plan: PimPlan, run: Recorded) -> Fraction:
    """Mean seconds from arrival to the end of the step that gives a request's first token."""
    period = plan.pim.memory.clock_period
    total = Fraction(0)
    at = 0
    for request in plan.decoding.requests:
        row = run.tokens[at + request.prompt - 1]
        total += int(row[2] + row[3]) * period - request.arrival
        at += request.steps
    return total / len(plan.decoding.requests)


def _laws(
    plan: PimPlan,
    run: Recorded,
    issued: Mapping[str, int],
    spent: Mapping[str, Fraction] | None,
    joules: Mapping[str, float] | None,
) -> Iterator[Invariant]:
    engine, memory = run.engine, plan.pim.memory
    cycles = engine.cycle
    waits = _waits(plan, run)
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
    bursts = sum(n * memory.command(name).burst for name, n in issued.items())
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
    if spent is not None and joules is not None:
        *parts, total = joules.values()
        holds = sum(map(Fraction, parts)) == Fraction(total) and total == float(sum(spent.values()))
        yield Invariant("energy of the parts = total", holds, {"parts": sum(parts), "total": total})


def _waits(plan: PimPlan, run: Recorded) -> int:
    """Memory cycles in which no request had come."""
    rows = run.tokens
    ends = np.concatenate([[0], rows[:-1, 2] + rows[:-1, 3]])
    return int((rows[:, 2] - ends).sum())


def _system(system: System, pim: Pim) -> dict[str, Any]:
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


def _workload(plan: PimPlan) -> dict[str, Any]:
    decoding = plan.decoding
    mapping = {key: value for key, value in vars(plan.mapping).items() if key != "context"}
    return {
        "name": decoding.name,
        "digest": decoding.digest(),
        "model": decoding.model.name,
        "requests": len(decoding.requests),
        "steps": decoding.steps,
        "tokens": decoding.tokens,
        "lm_head": decoding.lm_head,
        "mapping": {**mapping, "context": plan.context},
    }


def _warnings(system: System, plan: PimPlan) -> tuple[str, ...]:
    pim = plan.pim
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


def _assumptions(system: System, plan: PimPlan) -> tuple[Assumption, ...]:
    found = [
        Assumption(
            "cycles",
            "definition",
            "of the memory clock, until the last token's last result has been worked on by the ASIC",
        ),
        Assumption(
            "commands",
            "exactness",
            "cycle-exact to the constraint table, in program order; not compared with hardware",
        ),
        Assumption(
            "energy_joules",
            "definition",
            "no figure: the system has no sourced set of currents"
            if plan.pim.energy is None
            else "commands above the background, background by open and closed banks, pins, MACs, ASIC",
        ),
        Assumption("host", "definition", "embeddings are looked up by the host, outside the simulated time"),
    ]
    for pattern, source in system.provenance.items():
        if source["confidence"] != "read" and not pattern.startswith("dram.co"):
            found.append(Assumption(pattern, source["confidence"], source["source"]))
    return tuple(found)


def _provenance(system: System, plan: PimPlan) -> dict[str, Any]:
    return {
        "cyclewise": installed_version("cyclewise"),
        "system_digest": system.digest(),
        "workload_digest": plan.decoding.digest(),
        "clock_period": f"{plan.pim.memory.clock_period} s",
        "timing_cycles": dict(plan.pim.memory.timing),
        "sources": {pattern: dict(source) for pattern, source in system.provenance.items()},
    }


def _tables(
    plan: PimPlan,
    run: Recorded,
    issued: Mapping[str, int],
    names: Sequence[str],
    window: tuple[int, int] | None,
) -> dict[str, Mapping[str, Any]]:
    engine, memory = run.engine, plan.pim.memory
    counts = engine.counts()
    does = {c.code: c.does for c in memory.commands}

    def by_operator(*wanted: str) -> list[int]:
        codes = [code for code, what in does.items() if what in wanted]
        found: list[int] = counts[:, :, codes].sum(axis=(0, 2)).tolist()
        return found

    named = [memory.command(name) for name in issued]
    channels = range(memory.channels)
    columns = ("request", "position", "start", "cycles", "mac_columns", "activates", "generated")
    tables: dict[str, Mapping[str, Any]] = {
        "tokens": dict(zip(columns, run.tokens.T, strict=True)),
        "operators": {
            "operator": list(plan.operators),
            "cycles": engine.critical.tolist(),
            "mac_columns": by_operator("compute"),
            "activates": by_operator("open"),
            "result_bursts": by_operator("unload"),
            "load_bursts": by_operator("load"),
            "asic_cycles": engine.asic_by_operator.tolist(),
        },
        "layers": {
            "layer": list(range(engine.layers)),
            "cycles": engine.by_layer[: engine.layers].tolist(),
        },
        "commands_by_channel": {
            "component": [f"ch{k}" for k in channels for _ in named],
            "command": [c.name for _ in channels for c in named],
            "count": [int(counts[k, :, c.code].sum()) for k in channels for c in named],
        },
    }
    found = {name: table for name, table in tables.items() if name in names}
    if window is not None and "slices" in names:
        found |= timeline.tables(plan, run.windows, *window)
    return found
