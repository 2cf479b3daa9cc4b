"""The kinds of machines that can be simulated, and the one way to run any of them.

A machine is a kind, two functions and the declaration of its metrics.  Those that come along are named in
``_INCLUDED`` and imported on first use; other packages bring theirs under the entry point group
``cyclewise.machines``, each entry's name being the kind and its object a :class:`Machine`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from os import PathLike
from typing import Any, Literal

from arch.errors import InputError, unknown
from arch.system import System
from sim.report import MetricDeclaration, Report, units_of
from workloads.aim_isa import AimProgram
from workloads.trace import Trace
from workloads.transformer.requests import Decoding

Workload = Trace | Decoding | AimProgram
"""What machines run."""

GROUP = "cyclewise.machines"
"""Entry point group of plug-in packages."""


OBSERVATIONS = ("over_time", "latency", "bank_activity")
"""Tables of a run that figures are drawn from; none grows with its length."""

TIMELINE = ("slices", "counters")
"""Tables of everything that happens in a window of cycles."""


@dataclass(frozen=True)
class Options:
    """What to record of a run, and whom to tell.  None of it changes the result.

    Attributes:
        commands: ``.npz`` file to write the command streams to.
        requests: ``.npz`` file to write accept, issue and return cycle of each request to.
        tables: which tables to hand over in ``Report.tables``, by name: ``commands``, ``requests``, those in
            ``OBSERVATIONS`` and, for the cycles of ``window``, those in ``TIMELINE``.
        window: the cycles, from the first to before the last, that the timeline shows.
        progress: called now and then with the requests done so far and their total, if that is known.
        message: called with a sentence when something takes longer than usual, such as a first compilation.
        steps: the tokens, from the first to before the last, whose commands are kept; machines that take
            request traces keep all commands.
    """

    commands: str | PathLike[str] | None = None
    requests: str | PathLike[str] | None = None
    tables: Sequence[str] = ()
    window: tuple[int, int] | None = None
    progress: Callable[[int, int | None], None] | None = None
    message: Callable[[str], None] | None = None
    steps: tuple[int, int] | None = None


MEASURES = (
    MetricDeclaration("time", "s", True, "simulated, from the start to the end of the run"),
    MetricDeclaration("energy", "J", True, "of all components that have a sourced figure"),
    MetricDeclaration("power", "W", True, "all energy over all time"),
)
"""Figures that runs of every machine have; energy and power only where the system tells its currents."""


def measures(
    seconds: float, joules: float | None, metrics: Mapping[str, int | float | None]
) -> dict[str, float]:
    """The figures of a run by name: those of ``MEASURES``, then its metrics.  What is unknown is absent."""
    found: dict[str, float] = {"time": seconds}
    if joules is not None:
        found |= {"energy": joules, "power": joules / seconds if seconds else 0.0}
    return found | {name: value for name, value in metrics.items() if value is not None}


@dataclass(frozen=True)
class Machine:
    """How to run one kind of system.

    Attributes:
        kind: of the systems it runs.
        plan: lays a workload on the system as the choices of ``mapping.*`` say; raises InputError where it
            does not fit, or for choices that it does not have.
        simulate: runs the plan.
        metrics: every metric that its reports hold, and no other.
        tables: which tables it can hand over besides commands and requests: those that figures are drawn
            from, such as ``OBSERVATIONS``, and those of ``TIMELINE``.
        workload: what it runs: a trace of memory requests, or a transformer and requests for tokens (or an
            AiM trace, which says itself what lies where).
        measure: for studies of thousands of designs, if there is a quicker way than a Report: from the spec
            of a system, a workload and the choices of ``mapping.*`` to exactly what :func:`measured` gives.
    """

    kind: str
    plan: Callable[[System, Any, Mapping[str, Any]], Any]
    simulate: Callable[[System, Any, Options], Report]
    metrics: tuple[MetricDeclaration, ...]
    tables: tuple[str, ...] = ()
    workload: Literal["trace", "decoding"] = "trace"
    measure: Callable[[Any, Any, Mapping[str, Any]], Mapping[str, float]] | None = None

    @property
    def measured(self) -> tuple[MetricDeclaration, ...]:
        """The figures that :func:`measures` gives for its runs."""
        return (*MEASURES, *self.metrics)

    @property
    def observations(self) -> tuple[str, ...]:
        """Tables that figures are drawn from."""
        return tuple(name for name in self.tables if name not in TIMELINE)


_INCLUDED = {"memory": "sim.memory:MACHINE", "pim": "sim.pim.machine:MACHINE"}
_registered: dict[str, Machine] = {}


def register(
    kind: str,
    *,
    plan: Callable[[System, Any, Mapping[str, Any]], Any],
    simulate: Callable[[System, Any, Options], Report],
    metrics: Sequence[MetricDeclaration],
    tables: Sequence[str] = (),
    workload: Literal["trace", "decoding"] = "trace",
    measure: Callable[[Any, Any, Mapping[str, Any]], Mapping[str, float]] | None = None,
) -> Machine:
    """Make systems of ``kind`` runnable.  Raises ValueError if they are already."""
    if kind in kinds():
        raise ValueError(f"machine kind {kind!r} is registered already")
    _registered[kind] = Machine(kind, plan, simulate, tuple(metrics), tuple(tables), workload, measure)
    return _registered[kind]


def kinds() -> list[str]:
    """The kinds that can be run, sorted; nothing is imported for this."""
    return sorted({*_INCLUDED, *_registered, *(point.name for point in entry_points(group=GROUP))})


def machine(kind: str) -> Machine:
    """The machine of a kind.

    Raises:
        InputError: no such kind, or a plug-in package whose machine cannot be loaded.
    """
    if kind in _registered:
        return _registered[kind]
    if kind in _INCLUDED:
        module, _, attribute = _INCLUDED[kind].partition(":")
        found: Machine = getattr(import_module(module), attribute)
    else:
        points = [point for point in entry_points(group=GROUP) if point.name == kind]
        if not points:
            raise InputError(unknown("kind", kind, kinds()), field="kind", given=kind, accepted=kinds())
        found = _plugged_in(points[0])
    _registered[kind] = found
    return found


def _plugged_in(point: EntryPoint) -> Machine:
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        message = f"the machine {point.value} of an installed package cannot be loaded: {error}"
        raise InputError(message, field="kind", given=point.name) from error
    if not isinstance(found, Machine) or found.kind != point.name:
        message = f"{point.value} of an installed package is no sim.machine.Machine of this kind"
        raise InputError(message, field="kind", given=point.name)
    return found


def simulate(
    system: System,
    workload: Workload,
    options: Options | None = None,
    mapping: Mapping[str, Any] | None = None,
) -> Report:
    """Run ``workload`` on ``system``, laid on it as ``mapping`` chooses.

    Raises:
        InputError: a kind that cannot be run, a workload that does not fit, a file that cannot be written.
        ConservationError: the simulator contradicts itself.
        ValueError: the machine reports metrics that it did not declare.
    """
    runs = machine(system.kind)
    known = isinstance(workload, Workload)
    if known and isinstance(workload, Trace) != (runs.workload == "trace"):
        wanted = {
            "trace": "a trace of memory requests",
            "decoding": "a transformer and requests for tokens, or an AiM trace",
        }
        given = type(workload).__name__
        raise InputError(f"a system of kind {runs.kind} runs {wanted[runs.workload]}", given=given)
    report = runs.simulate(system, runs.plan(system, workload, mapping or {}), options or Options())
    if units_of(report.metrics, runs.metrics) != report.units:
        raise ValueError(f"machine {runs.kind} reports other units than it declared")
    return report


def measured(report: Report) -> dict[str, float]:
    """The figures of a Report, as a :attr:`Machine.measure` gives them without one."""
    joules = None if report.energy_joules is None else report.energy_joules["total"]
    return measures(report.seconds, joules, report.metrics)
