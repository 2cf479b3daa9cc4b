"""The machine ``kind: memory``: a request trace straight into a DRAM memory."""

import csv
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arch import device
from arch.errors import InputError
from arch.inactive import inactive_keys
from arch.provenance import leaves, matching
from arch.system import System, load
from sim.dram.accounts import column_commands, conservation, cycles_by_cause, issued
from sim.dram.energy import EnergyLedger, ledger
from sim.machine import OBSERVATIONS, TIMELINE, Machine, Options, measures
from sim.output import check_writable, write_arrays
from sim.report import (
    SCHEMA_VERSION,
    Assumption,
    ConservationError,
    Host,
    Invariant,
    MetricDeclaration,
    Report,
    bounds,
    installed_version,
    summing_floats,
    units_of,
)
from workloads.trace import Trace

if TYPE_CHECKING:
    from sim.dram.batch import BatchResult
    from sim.dram.tally import LatencyTally

RAMULATOR = "Ramulator 2.1, commit c5b1c3a"
EXACT_PROFILES = ("ramulator21", "ramulator21_rowhit")
"""Profiles under which one channel issues the commands of that simulator in the same cycles."""

_STATISTICS = ("mean", "p50", "p95", "p99", "max")


def _latency_metrics(since: str, meaning: str) -> Iterator[MetricDeclaration]:
    for statistic in _STATISTICS:
        yield MetricDeclaration(
            f"latency_from_{since}.{statistic}", "cycles", True, f"{statistic}, {meaning}"
        )


METRICS = (
    MetricDeclaration("bandwidth", "B/s", False, "bytes of all requests in the simulated time"),
    MetricDeclaration("peak_bandwidth", "B/s", False, "of data buses that never idle"),
    MetricDeclaration("data_bus_utilisation", "1", False, "share of cycles with data on the bus"),
    MetricDeclaration("bytes_read", "B", None, "of read requests, forwarded ones included"),
    MetricDeclaration("bytes_written", "B", None, "of write requests, coalesced ones included"),
    MetricDeclaration("row_hits", "requests", False, "whose first command was a column command"),
    MetricDeclaration("row_misses", "requests", None, "whose first command opened a row"),
    MetricDeclaration("row_conflicts", "requests", True, "whose first command closed a row"),
    MetricDeclaration("forwarded", "requests", None, "reads served from the write queue, without a command"),
    MetricDeclaration("coalesced", "requests", None, "writes absorbed by a queued one, without a command"),
    *_latency_metrics("arrival", "of reads from their arrival in the trace to the return of their data"),
    *_latency_metrics("accept", "of reads from acceptance by the controller to the return of their data"),
    MetricDeclaration("commands.*", "commands", None, "issued, those of trailing writes included"),
)


@dataclass(frozen=True)
class Plan:
    """A trace on a memory: its requests go where the address map says, in program order."""

    memory: device.Memory
    trace: Trace


def plan(system: System, workload: Trace, mapping: Mapping[str, Any] | None = None) -> Plan:
    """The plan of a memory needs no decisions; requests are looked at while they are read.

    Raises:
        InputError: a choice of mapping, as there is none.
    """
    _no_mapping(mapping or {})
    memory: device.Memory = system.spec.resolve()
    return Plan(memory, workload)


def _no_mapping(mapping: Mapping[str, Any]) -> None:
    if mapping:
        message = "a memory has no mapping: requests go where its address_map says"
        raise InputError(message, field=f"mapping.{next(iter(mapping))}")


def simulate(system: System, plan: Plan, options: Options) -> Report:
    """Run the trace to its end, trailing writes included, and report.

    Raises:
        InputError: a request that the memory cannot serve, or an output file that cannot be written; that
            is found out before the run.
        SimulationStuckError: nothing moves any more.
        ConservationError: the counts contradict each other.
    """
    started = time.perf_counter()
    wanted = _wanted(options)
    # Numba takes most of a second to load; whoever only asks for the metrics does not pay for it.
    from sim.dram.batch import run_batch
    from sim.dram.command_file import write_command_file

    observe = bool(wanted & set(OBSERVATIONS))
    _warm_up(plan.memory, observe, options.message)
    result = run_batch(
        plan.memory,
        plan.trace,
        commands="commands" in wanted,
        requests="requests" in wanted,
        observe=observe,
        window=options.window,
        progress=options.progress,
    )
    outcome = report(system, plan, result, started, options.tables, options.window)
    if options.commands is not None and result.commands is not None:
        write_command_file(options.commands, result.commands, plan.memory)
    if options.requests is not None and result.request_table is not None:
        write_arrays(options.requests, result.request_table)
    return outcome


def measure(spec: Any, trace: Trace, mapping: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a run without its Report, equal to those of the Report (:func:`sim.machine.measures`).

    Args:
        spec: a resolved :class:`arch.memory.MemorySpec`.  Handing in the same objects again saves time.

    Raises:
        InputError: a choice of mapping, or a request that the memory cannot serve.
        SimulationStuckError: nothing moves any more.
        ConservationError: the counts contradict each other.
    """
    from sim.dram.points import run_point

    _no_mapping(mapping)
    memory: device.Memory = spec.resolve()
    result = run_point(memory, trace)
    broken = [law.name for law in conservation(memory, result) if not law.holds]
    if broken:
        raise ConservationError("violated: " + "; ".join(broken))
    spent = _spent(memory, result)
    seconds = float(result.cycles * memory.clock_period)
    return measures(seconds, None if spent is None else float(spent.total), _metrics(memory, result))


def _warm_up(memory: device.Memory, observe: bool, message: Callable[[str], None] | None) -> None:
    """Have the kernels in machine code, so that their CPU seconds are those of the simulation alone."""
    from sim.dram.batch import needed_kernels, warm_up
    from sim.jit import is_cached

    if message is not None and not all(map(is_cached, needed_kernels(memory, observe=observe))):
        message("Compiling the DRAM channel; this happens once for each version …")
    warm_up(memory, observe=observe)


def report(
    system: System,
    plan: Plan,
    result: "BatchResult",
    started: float,
    tables: Sequence[str] = (),
    window: tuple[int, int] | None = None,
) -> Report:
    """The Report of a finished run.

    Args:
        started: ``time.perf_counter()`` when it began.
        tables: which tables to hand over.
        window: the cycles that were recorded for a timeline.

    Raises:
        ConservationError: the counts contradict each other.
    """
    memory, trace = plan.memory, plan.trace
    spent = _spent(memory, result)
    metrics = _metrics(memory, result)
    return Report(
        schema_version=SCHEMA_VERSION,
        system=_system(system, memory),
        workload={
            "name": trace.name,
            "digest": trace.digest(),
            "window": trace.window,
            "requests": result.requests,
            "requests_by_op": dict(result.requests_by_op),
        },
        seconds=float(result.cycles * memory.clock_period),
        cycles={"memory": result.cycles},
        energy_joules=None if spent is None else _joules(spent),
        metrics=metrics,
        units=units_of(metrics, METRICS),
        bound_by=bounds(cycles_by_cause(result)),
        invariants=(*conservation(memory, result), *_energy_law(spent)),
        warnings=inactive_keys(system, result.requests_by_op),
        assumptions=_assumptions(system, memory, spent),
        provenance=_provenance(system, memory, trace),
        host=Host.measured(result.kernel_cpu_seconds, started),
        tables=_tables(memory, result, tables, window),
    )


def _wanted(options: Options) -> set[str]:
    """What has to be recorded; the files for it can be written."""
    known = ("commands", "requests", *OBSERVATIONS, *TIMELINE)
    unknown = [name for name in options.tables if name not in known]
    if unknown:
        raise InputError("", field="tables", given=unknown[0], accepted=known)
    if options.window is None and set(options.tables) & set(TIMELINE):
        raise InputError("a timeline needs a window of cycles", field="window")
    if options.window is not None and not 0 <= options.window[0] < options.window[1]:
        begin, end = options.window
        accepted = "two cycles, the second after the first, such as 0:20000"
        raise InputError("", field="window", given=f"{begin}:{end}", accepted=accepted)
    files = {"commands": options.commands, "requests": options.requests}
    check_writable([path for path in files.values() if path is not None])
    return {name for name, path in files.items() if path is not None} | set(options.tables)


def _spent(memory: device.Memory, result: "BatchResult") -> EnergyLedger | None:
    closed = sum(channel.closed_together for channel in result.channels)
    return ledger(memory, issued(result), result.cycles, len(result.channels), closed)


def _metrics(memory: device.Memory, result: "BatchResult") -> dict[str, int | float | None]:
    channels = result.channels
    moved = result.bytes_read + result.bytes_written
    seconds = result.cycles * memory.clock_period
    available = result.cycles * len(channels)
    burst = min(c.burst for c in column_commands(memory) if c.burst)
    peak = Fraction(memory.organization.transaction_bytes * memory.channels) / (burst * memory.clock_period)
    busy = sum(channel.data_bus_cycles for channel in channels)
    metrics: dict[str, int | float | None] = {
        "bandwidth": float(moved / seconds),
        "peak_bandwidth": float(peak),
        "data_bus_utilisation": float(Fraction(busy, available)),
        "bytes_read": result.bytes_read,
        "bytes_written": result.bytes_written,
    }
    for name in ("row_hits", "row_misses", "row_conflicts", "forwarded", "coalesced"):
        metrics[name] = sum(getattr(channel, name) for channel in channels)
    for since, latency in (("arrival", result.from_arrival), ("accept", result.from_accept)):
        for statistic in _STATISTICS:
            value = getattr(latency, statistic) if latency.count else None
            metrics[f"latency_from_{since}.{statistic}"] = value
    order = [command.name for command in memory.commands]
    for name, count in sorted(issued(result).items(), key=lambda item: order.index(item[0])):
        metrics[f"commands.{name}"] = count
    return metrics


def _energy_law(spent: EnergyLedger | None) -> Iterator[Invariant]:
    if spent is None:
        return
    *components, joules = _joules(spent).values()
    holds = sum(map(Fraction, components)) == Fraction(joules) and joules == float(spent.total)
    figures = {"components": sum(components), "total": joules}
    yield Invariant("energy of the components = total", holds, figures)


def _joules(spent: EnergyLedger) -> dict[str, float]:
    parts, total = summing_floats(spent.components)
    return {**parts, "total": total}


def _system(system: System, memory: device.Memory) -> dict[str, Any]:
    o = memory.organization
    return {
        "name": system.name,
        "kind": system.kind,
        "title": system.title,
        "digest": system.digest(),
        "profile": memory.controller.profile,
        "controller": _controller(memory),
        "front_end": asdict(memory.front_end),
        "clock_hertz": float(1 / memory.clock_period),
        "channels": memory.channels,
        "ranks": o.ranks,
        "groups": o.groups,
        "banks": o.banks,
        "transaction_bytes": o.transaction_bytes,
        "total_bytes": memory.total_bytes,
    }


def _controller(memory: device.Memory) -> dict[str, Any]:
    values = asdict(memory.controller)
    return {key: float(v) if isinstance(v, Fraction) else v for key, v in values.items() if key != "profile"}


def _provenance(system: System, memory: device.Memory, trace: Trace) -> dict[str, Any]:
    timed = {
        "profile": memory.controller.profile,
        "controller": _controller(memory),
        "clock_period": f"{memory.clock_period} s",
        "timing_cycles": dict(memory.timing),
    }
    canonical = json.dumps(timed, sort_keys=True, separators=(",", ":"))
    return {
        "cyclewise": installed_version("cyclewise"),
        "system_digest": system.digest(),
        "workload_digest": trace.digest(),
        **{key: value for key, value in timed.items() if key != "controller"},
        "timing_profile_sha256": hashlib.sha256(canonical.encode()).hexdigest(),
        "sources": {pattern: dict(source) for pattern, source in system.provenance.items()},
    }


def _assumptions(system: System, memory: device.Memory, spent: EnergyLedger | None) -> tuple[Assumption, ...]:
    """The figures of this run that no source was read for, and what its results mean."""
    return (
        Assumption("commands", "exactness", _exactness(system, memory)),
        Assumption(
            "cycles",
            "definition",
            "the later of the cycle after the last acceptance and the last return of data; trailing writes"
            " are not waited for, but their commands are counted",
        ),
        Assumption(
            "latency",
            "definition",
            "of reads alone, in memory clock cycles; a write is done when it is accepted and has none",
        ),
        Assumption("energy_joules", "definition", _energy_text(memory, spent)),
        *_unread(system, memory),
    )


def _exactness(system: System, memory: device.Memory) -> str:
    alike = memory.channels == 1 and memory.front_end.streams == 1 and len(memory.ops) == 2
    if alike and memory.controller.profile in EXACT_PROFILES and _as_measured(system):
        text = f"command-exact with {RAMULATOR}, as shown on whole command streams of "
        *first, last = _measured()
        return f"{text}{', '.join(first)} and {last}"
    profile = memory.controller.profile
    return f"cycle-exact to the rules of profile {profile}; not compared with another simulator"


def _as_measured(system: System) -> bool:
    """Is this a measured system of the library, with nothing changed but its profile and refresh?

    The whole description is compared: a rule that was taken out leaves no mark among the sources.
    """
    if system.name not in _measured():
        return False
    given = system.tree["controller"]
    allowed = [f"controller.{key}={given[key]}" for key in ("profile", "refresh") if key in given]
    return load(system.name, allowed).digest() == system.digest()


@cache
def _measured() -> tuple[str, ...]:
    """The systems whose command streams were compared, in the order of the published table."""
    table = Path(__file__).parent / "published" / "dram" / "command_stream_sha256.csv"
    with open(table, newline="", encoding="utf-8") as file:
        return tuple(dict.fromkeys(row["device"] for row in csv.DictReader(file)))


def _energy_text(memory: device.Memory, spent: EnergyLedger | None) -> str:
    if spent is None:
        return "no figure: the system has no sourced set of currents"
    pins = "data pins included" if spent.io is not None else "without the data pins"
    return f"commands above the background, trailing writes included, and the background for the run; {pins}"


def _unread(system: System, memory: device.Memory) -> Iterator[Assumption]:
    """Values in use whose source is not ``read``, one entry for all that share it."""
    used = {
        matching(system.provenance, ".".join(map(str, path)))
        for path, _ in leaves(system.tree, ())
        if path[0] != "sources" and _in_use(path, memory)
    }
    for pattern, source in system.provenance.items():
        if pattern in used and source["confidence"] != "read":
            yield Assumption(pattern, source["confidence"], source["source"])


def _in_use(path: tuple[Any, ...], memory: device.Memory) -> bool:
    if path[0] == "constraints":
        several = memory.organization.ranks > 1
        return any(r.name == path[1] and (several or r.scope != "other_ranks") for r in memory.rules)
    if path[0] == "refresh":
        return memory.controller.refresh != "none"
    return True


def _tables(
    memory: device.Memory, result: "BatchResult", names: Sequence[str], window: tuple[int, int] | None
) -> dict[str, Mapping[str, Any]]:
    """The tables of these names."""
    tables: dict[str, Mapping[str, Any]] = {}
    if "commands" in names and result.commands is not None:
        one = len(result.commands) == 1
        streams = ["commands" if one else f"commands_ch{k}" for k in range(len(result.commands))]
        tables["commands"] = dict(zip(streams, result.commands, strict=True))
    if "requests" in names and result.request_table is not None:
        tables["requests"] = dict(result.request_table)
    if result.observations is not None:
        from sim.dram.observation import aligned

        seen = result.observations
        end = aligned(seen, result.cycles)
        observed = {
            "over_time": _together([channel.over_time(end) for channel in seen]),
            "latency": _latencies(result.latencies),
            "bank_activity": _together([channel.bank_activity(end) for channel in seen]),
        }
        tables |= {name: table for name, table in observed.items() if name in names}
    if result.window is not None and window is not None:
        from sim.dram import timeline

        tables |= timeline.tables(memory, result.window, *window)
    return tables


def _together(channels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows of all channels below one another, ``component`` saying whose they are."""
    sizes = [len(columns["start"]) for columns in channels]
    names = [f"ch{k}" for k in range(len(channels))]
    return {
        "component": np.repeat(names, sizes),
        **{key: np.concatenate([columns[key] for columns in channels]) for key in channels[0]},
    }


def _latencies(tallies: "Mapping[str, LatencyTally]") -> dict[str, Any]:
    parts = {since: tally.buckets() for since, tally in tallies.items()}
    return {
        "since": np.repeat(list(parts), [len(columns["reads"]) for columns in parts.values()]),
        **{
            key: np.concatenate([columns[key] for columns in parts.values()])
            for key in ("from_cycles", "to_cycles", "reads")
        },
    }


MACHINE = Machine("memory", plan, simulate, METRICS, OBSERVATIONS + TIMELINE, measure=measure)
