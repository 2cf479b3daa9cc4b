"""An AiM instruction trace on the channels of a machine, from the first command to the Report."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError
from arch.pim_device import Pim
from arch.system import System
from mapping.pim.aim import OPERATORS, programs
from mapping.pim.program import Routine
from sim.machine import TIMELINE, Options
from sim.output import check_writable
from sim.pim import engine_figures
from sim.pim.engine import Engine
from sim.pim.report import METRICS, TABLES
from sim.report import SCHEMA_VERSION, Host, Report, bounds, units_of
from workloads.aim_isa import AimProgram, check


@dataclass(frozen=True, eq=False)
class AimPlan:
    """A trace that the machine has everything for; its instructions say themselves what goes where."""

    pim: Pim
    trace: AimProgram


def plan(pim: Pim, trace: AimProgram, mapping: Mapping[str, Any]) -> AimPlan:
    """Check a trace against a machine.

    Raises:
        InputError: an instruction addresses what the machine does not have, a channel is masked that it
            lacks, or there are choices of a mapping.
    """
    for key in mapping:
        message = "an AiM trace says itself what lies where; only models are laid out"
        raise InputError(message, field=f"mapping.{key}")
    check(trace, pim)
    return AimPlan(pim, trace)


def simulate(system: System, plan: AimPlan, options: Options) -> Report:
    """Carry out the trace, and report.  ``options.commands`` takes all commands.

    Raises:
        InputError: an instruction whose command the machine lacks, an output that a trace does not have, or
            a file that cannot be written.
        ConservationError: the counts contradict each other.
    """
    started = time.perf_counter()
    _check(options)
    from sim.dram.command_file import write_command_file
    from sim.jit import is_cached
    from sim.pim import asic, carrying_out

    if options.message is not None and not is_cached(carrying_out.token):
        options.message("Compiling the PIM channels; this happens once for each version …")
    pim = plan.pim
    engine = Engine(pim, len(OPERATORS), 1, lambda routine, n: asic.cycles(Routine(routine), n, pim.asic))
    wanted = options.commands is not None or "commands" in options.tables
    parts: list[list[NDArray[np.int64]]] = [[] for _ in range(pim.memory.channels)]
    cpu_seconds = 0.0
    for program in programs(plan.trace, pim):
        began = time.process_time()
        done = engine.run(program, commands=wanted)
        cpu_seconds += time.process_time() - began
        for stream, issued in zip(parts, done.commands or (), strict=False):
            issued.commands[:, 0] += 1  # command files count from 1
            stream.append(issued.commands)
    report = _report(system, plan, engine, options.tables, Host.measured(cpu_seconds, started))
    if not wanted:
        return report
    streams = [np.concatenate(found) if found else np.zeros((0, 4), np.int64) for found in parts]
    if options.commands is not None:
        write_command_file(options.commands, streams, pim.memory)
    if "commands" not in options.tables:
        return report
    named = {f"commands_ch{channel}": stream for channel, stream in enumerate(streams)}
    return replace(report, tables={**report.tables, "commands": named})


def _check(options: Options) -> None:
    unknown = [name for name in options.tables if name not in ("commands", *TABLES, *TIMELINE)]
    if unknown:
        raise InputError("", field="tables", given=unknown[0], accepted=("commands", *TABLES))
    if options.requests is not None:
        message = "this machine has no memory requests; commands and tables say what its channels do"
        raise InputError(message, field="requests", given=str(options.requests))
    if set(options.tables) & set(TIMELINE):
        raise InputError("an AiM trace has no timeline; its commands can be written", field="timeline")
    if options.steps is not None:
        message = "an AiM trace has no tokens to choose from; all of its commands are written"
        raise InputError(message, field="steps", given="{}:{}".format(*options.steps))
    if options.commands is not None:
        check_writable([options.commands])


def _report(system: System, plan: AimPlan, engine: Engine, names: Sequence[str], host: Host) -> Report:
    pim, trace = plan.pim, plan.trace
    spent = engine_figures.spent_by(engine)
    metrics = engine_figures.ordered(engine_figures.figures(engine, spent, OPERATORS), METRICS)
    tables = {
        "operators": engine_figures.operators_table(engine, OPERATORS),
        "commands_by_channel": engine_figures.commands_table(engine, spent.issued),
    }
    return Report(
        schema_version=SCHEMA_VERSION,
        system=engine_figures.described(system, pim),
        workload={
            "name": trace.name,
            "digest": trace.digest(),
            "instructions": len(trace),
            "by_opcode": trace.counts(),
        },
        seconds=float(engine.cycle * pim.memory.clock_period),
        cycles=engine_figures.clocks(engine),
        energy_joules=spent.joules,
        metrics=metrics,
        units=units_of(metrics, METRICS),
        bound_by=bounds(engine.causes()),
        invariants=tuple(engine_figures.laws(engine, spent, 0)),
        warnings=engine_figures.warnings(system, pim),
        assumptions=engine_figures.assumptions(
            system, pim, "the last command, its data and the ASIC's work have ended"
        ),
        provenance=engine_figures.provenance(system, pim, trace.digest()),
        host=host,
        tables={name: table for name, table in tables.items() if name in names},
    )
