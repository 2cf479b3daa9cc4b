"""The Python API: :func:`run` does what ``cyclewise run`` does, with arrays where that writes files."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from arch import System
    from sim.machine import Workload
    from sim.report import Bound, Report

Where = str | os.PathLike[str]


@dataclass(frozen=True)
class RunResult:
    """What a run came to; the figures are those of its ``report``.

    ``commands``: per channel the command stream, int64 (n, 4), rows (cycle, code, bank, arg); None unless
    asked for.  ``requests``: arrays ``accept``, ``issue`` and ``return``, int64 (requests,), in memory clock
    cycles, -1 where there was no command; None unless asked for.  ``folder``: the run folder, if one was
    written.
    """

    report: "Report"
    commands: "tuple[NDArray[np.int64], ...] | None" = None
    requests: "dict[str, NDArray[np.int64]] | None" = None
    folder: Path | None = None

    @property
    def seconds(self) -> float:
        """Simulated time."""
        return self.report.seconds

    @property
    def cycles(self) -> Mapping[str, int]:
        """Simulated cycles by clock domain."""
        return self.report.cycles

    @property
    def metrics(self) -> Mapping[str, int | float | None]:
        """Figures by name; their units are ``report.units``."""
        return self.report.metrics

    @property
    def bound_by(self) -> "Mapping[str, Bound]":
        """Cycles and share of what the time went into, the largest first."""
        return self.report.bound_by

    @property
    def tables(self) -> "Mapping[str, Mapping[str, Any]]":
        """Columns of what figures are drawn from, by table; empty if nothing was observed."""
        return {name: t for name, t in self.report.tables.items() if name not in ("commands", "requests")}

    @property
    def energy_joules(self) -> Mapping[str, float] | None:
        """By component, and ``total``; None where no currents are sourced."""
        return self.report.energy_joules

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, as ``--json`` prints it."""
        return self.report.to_dict()

    def to_json(self) -> str:
        """The report as JSON text."""
        return self.report.to_json()


def run(
    system: "str | os.PathLike[str] | System",
    workload: "str | os.PathLike[str] | Workload",
    *,
    overrides: Sequence[str] = (),
    output: Where | None = None,
    commands: bool | Where = False,
    requests: bool | Where = False,
    timeline: Where | None = None,
    window: tuple[int, int] | None = None,
    steps: tuple[int, int] | None = None,
    observe: bool = True,
) -> RunResult:
    """Simulate ``workload`` on ``system``.

    Args:
        system: library name, YAML file, or a system from ``cw.load``.
        workload: library name, generator, trace file, or a ``cw.Trace``; for machines that run transformers a
            model's name, its ``config.json``, a YAML file or a ``cw.Decoding``, or an AiM trace.
        overrides: ``KEY=VALUE`` texts as after ``--set``.
        output: folder for report, resolved system and exact command, as ``-o`` writes it.  The command
            names the folder's own ``system.yaml`` or ``workload.npz`` for what was handed over as an object.
        commands: True for the command streams as arrays; a path to write them there instead.
        requests: True for the cycles of each request as arrays; a path to write them there instead.
        timeline: file to write a timeline to, ``.json`` or ``.json.gz``, for ui.perfetto.dev.
        window: cycles that it shows, from the first to before the last (default: 0 to 20,000; of a
            transformer the tokens ``steps``).
        steps: tokens whose commands are kept, from the first to before the last (default: the last one); only
            for machines that run transformers.
        observe: record what figures are drawn from, ``RunResult.tables``; a folder always holds it.

    Raises:
        InputError: whatever the caller got wrong; the text is what the command line prints.
        TypeError: ``system`` or ``workload`` is none of the above.
        SimulationStuckError: the simulation made no more progress.
    """
    from cyclewise.simulation import Run, split_settings
    from sim.machine import Workload
    from sim.workload_names import workload_named

    settings = split_settings(overrides)
    loaded, given = _system(system, settings.system)
    if not isinstance(workload, str | os.PathLike | Workload):
        given_type = type(workload).__name__
        raise TypeError(f"workload: given {given_type}, accepted a name, a path or a cyclewise.Trace")
    if isinstance(workload, (str, os.PathLike)):
        name: str | None = os.fspath(workload)
        trace: Workload = workload_named(os.fspath(workload), loaded, settings.workload)
    else:
        name, trace = None, workload
        if settings.workload:
            message = "a workload made in Python has no parameters"
            raise InputError(message, field=f"workload.{next(iter(settings.workload))}")
    arrays = [key for key, wanted in (("commands", commands), ("requests", requests)) if wanted is True]
    asked = Run(
        system=loaded,
        trace=trace,
        system_given=given,
        overrides=tuple(overrides),
        workload_given=name,
        parameters=settings.workload,
        commands=_path(commands),
        requests=_path(requests),
        timeline=None if timeline is None else os.fspath(timeline),
        window=window,
        tables=tuple(arrays),
        observe=observe,
        mapping=settings.mapping,
        steps=steps,
    )
    report = asked.carried_out(output)
    tables = report.tables
    return RunResult(
        report,
        tuple(tables["commands"].values()) if "commands" in arrays else None,
        dict(tables["requests"]) if "requests" in arrays else None,
        None if output is None else Path(output),
    )


def _system(
    system: "str | os.PathLike[str] | System", overrides: Sequence[str]
) -> "tuple[System, str | None]":
    """The system and how to name it on a command line; None if it was loaded before."""
    import arch

    if not isinstance(system, (str, os.PathLike, arch.System)):
        given_type = type(system).__name__
        raise TypeError(
            f"system: given {given_type}, accepted a name, a path or a system from cyclewise.load"
        )
    if isinstance(system, (str, os.PathLike)):
        return arch.load(os.fspath(system), overrides), os.fspath(system)
    if overrides:
        message = "this system is loaded already; give cw.load the overrides"
        raise InputError(message, field="overrides", given=list(overrides))
    return system, None


def _path(wanted: bool | Where) -> str | None:
    return None if isinstance(wanted, bool) else os.fspath(wanted)
