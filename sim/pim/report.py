"""A finished run of a plan as a Report: metrics, ledger, laws, tables."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from arch.system import System
from mapping.pim.plan import PimPlan
from sim.pim import engine_figures, timeline
from sim.pim.engine_figures import Figure, Spent
from sim.pim.running import Recorded
from sim.report import SCHEMA_VERSION, Assumption, Host, MetricDeclaration, Report, bounds, units_of

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
    spent = engine_figures.spent_by(engine)
    metrics = _metrics(plan, run, spent)
    return Report(
        schema_version=SCHEMA_VERSION,
        system=engine_figures.described(system, pim),
        workload=_workload(plan),
        seconds=float(engine.cycle * pim.memory.clock_period),
        cycles=engine_figures.clocks(engine),
        energy_joules=spent.joules,
        metrics=metrics,
        units=units_of(metrics, METRICS),
        bound_by=bounds(engine.causes()),
        invariants=tuple(engine_figures.laws(engine, spent, _waits(run))),
        warnings=engine_figures.warnings(system, pim),
        assumptions=engine_figures.assumptions(
            system, pim, "the last token's last result has been worked on by the ASIC", _EMBEDDINGS
        ),
        provenance=engine_figures.provenance(system, pim, plan.decoding.digest()),
        host=Host.measured(run.cpu_seconds, started),
        tables=_tables(plan, run, spent, names, window),
    )


_EMBEDDINGS = Assumption(
    "host", "definition", "embeddings are looked up by the host, outside the simulated time"
)


def _metrics(plan: PimPlan, run: Recorded, spent: Spent) -> dict[str, Figure]:
    pim, rows = plan.pim, run.tokens
    period, joules = pim.memory.clock_period, spent.total
    generated, model = plan.decoding.tokens, plan.decoding.model
    head = model.head_weights if plan.decoding.lm_head else 0
    metrics: dict[str, Figure] = {
        "tokens_per_second": float(generated / (run.engine.cycle * period)),
        "time_per_token.mean": float(int(rows[:, 3].sum()) * period / len(rows)),
        "time_per_token.first": float(int(rows[0, 3]) * period),
        "time_per_token.last": float(int(rows[-1, 3]) * period),
        "time_to_first_token.mean": float(_first_tokens(plan, run)),
        "joules_per_token": None if joules is None else joules / generated,
        "tokens": generated,
        "steps": len(rows),
        "weight_bytes": (model.layer_weights * model.layers + head) * pim.element_bytes,
        "cache_bytes": model.cache_bytes(int(rows[:, 1].max()), pim.element_bytes),
    }
    metrics |= engine_figures.figures(run.engine, spent, plan.operators)
    return engine_figures.ordered(metrics, METRICS)


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


def _waits(run: Recorded) -> int:
    """Memory cycles in which no request had come."""
    rows = run.tokens
    ends = np.concatenate([[0], rows[:-1, 2] + rows[:-1, 3]])
    return int((rows[:, 2] - ends).sum())


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


def _tables(
    plan: PimPlan,
    run: Recorded,
    spent: Spent,
    names: Sequence[str],
    window: tuple[int, int] | None,
) -> dict[str, Mapping[str, Any]]:
    engine = run.engine
    columns = ("request", "position", "start", "cycles", "mac_columns", "activates", "generated")
    tables: dict[str, Mapping[str, Any]] = {
        "tokens": dict(zip(columns, run.tokens.T, strict=True)),
        "operators": engine_figures.operators_table(engine, plan.operators),
        "layers": {
            "layer": list(range(engine.layers)),
            "cycles": engine.by_layer[: engine.layers].tolist(),
        },
        "commands_by_channel": engine_figures.commands_table(engine, spent.issued),
    }
    found = {name: table for name, table in tables.items() if name in names}
    if window is not None and "slices" in names:
        found |= timeline.tables(plan, run.windows, *window)
    return found
