"""The machine ``kind: pim``: from a System and a Decoding, or an AiM trace, to a Report."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from arch.errors import InputError
from arch.system import System
from mapping.pim.options import read_mapping
from mapping.pim.plan import PimPlan
from mapping.pim.plan import plan as lay_out
from sim.machine import TIMELINE, Machine, Options
from sim.output import check_writable
from sim.pim import aim_run
from sim.pim.aim_run import AimPlan
from sim.pim.report import METRICS, TABLES, report
from sim.report import Report
from workloads.aim_isa import AimProgram
from workloads.transformer.requests import Decoding


def plan(system: System, workload: Decoding | AimProgram, mapping: Mapping[str, Any]) -> PimPlan | AimPlan:
    """Lay the model on the banks, or check the trace.

    Raises:
        InputError: unknown choices of mapping, a model that does not fit, or an instruction that addresses
            what the machine does not have.
    """
    if isinstance(workload, AimProgram):
        return aim_run.plan(system.spec.resolve(), workload, mapping)
    return lay_out(system.spec.resolve(), workload, read_mapping(mapping))


def simulate(system: System, plan: PimPlan | AimPlan, options: Options) -> Report:
    """Take in and generate every token, or carry out the trace, and report.

    Without ``options.window`` a timeline shows the tokens ``options.steps``.  ``options.commands``: the
    command streams of the tokens ``options.steps`` (default: the last one), cycles
    counted from the first of them; of a trace all of them.

    Raises:
        InputError: an output that this machine does not have, or a file that cannot be written.
        ConservationError: the counts contradict each other.
    """
    if isinstance(plan, AimPlan):
        return aim_run.simulate(system, plan, options)
    started = time.perf_counter()
    _check(plan, options)
    # Numba takes most of a second to load; whoever only plans does not pay for it.
    from sim.dram.command_file import write_command_file
    from sim.jit import is_cached
    from sim.pim import carrying_out
    from sim.pim.running import rebased, run

    if options.message is not None and not is_cached(carrying_out.token):
        options.message("Compiling the PIM channels; this happens once for each version …")
    total = plan.decoding.steps
    tokens = range(0)
    commands = options.commands is not None or "commands" in options.tables
    drawn = bool(set(options.tables) & set(TIMELINE))
    if commands or (drawn and options.window is None):
        tokens = range(total - 1, total) if options.steps is None else range(*options.steps)
    window = options.window if drawn else None
    done = run(plan, tokens=tokens, cycles=window or (0, 0), progress=options.progress)
    if drawn and window is None:
        shown = [token for position, token in done.windows if position.number in tokens]
        window = shown[0].start, shown[-1].end
    outcome = report(system, plan, done, started, options.tables, window)
    if not commands:
        return outcome
    streams = rebased(
        [found for found in done.windows if found[0].number in tokens], plan.pim.memory.channels
    )
    if options.commands is not None:
        write_command_file(options.commands, streams, plan.pim.memory)
    if "commands" not in options.tables:
        return outcome
    named = {f"commands_ch{channel}": stream for channel, stream in enumerate(streams)}
    return replace(outcome, tables={**outcome.tables, "commands": named})


def _check(plan: PimPlan, options: Options) -> None:
    known = ("commands", *TABLES, *TIMELINE)
    unknown = [name for name in options.tables if name not in known]
    if unknown:
        raise InputError("", field="tables", given=unknown[0], accepted=known)
    if options.requests is not None:
        message = "this machine has no memory requests; commands and tables say what its channels do"
        raise InputError(message, field="requests", given=str(options.requests))
    if options.steps is not None:
        begin, end = options.steps
        if not 0 <= begin < end <= plan.decoding.steps:
            accepted = f"two numbers from 0 to {plan.decoding.steps}, the second after the first"
            raise InputError("", field="steps", given=f"{begin}:{end}", accepted=accepted)
    if options.commands is not None:
        check_writable([options.commands])


MACHINE = Machine("pim", plan, simulate, METRICS, TABLES + TIMELINE, "decoding")
