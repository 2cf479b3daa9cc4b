"""Where runs of a memory stand under its limits: :func:`row_locality`."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arch.errors import InputError

if TYPE_CHECKING:
    from arch import System
    from cyclewise.api import RunResult
    from plots.drawing import Drawing
    from sim.report import Report


def row_locality(
    system: "str | os.PathLike[str] | System",
    runs: "Mapping[str, RunResult | Report]",
    *,
    overrides: Sequence[str] = (),
) -> "Drawing":
    """A roofline of a memory: bandwidth against column accesses per activate, a point for each run.

    Args:
        system: the memory that the runs were on: library name, YAML file, or from ``cw.load``.
        runs: results of ``cw.run``, or reports, by the names they are to have.
        overrides: ``KEY=VALUE`` texts as after ``--set``, the same as of the runs.

    Raises:
        InputError: ``system`` cannot be loaded or is no memory, or a run was on another system.
        TypeError: ``system`` is none of the above.
    """
    from cyclewise.api import _system
    from cyclewise.simulation import split_settings
    from plots import roofline
    from sim.dram.limits import limits
    from sim.report import Report

    loaded, _ = _system(system, split_settings(overrides, only_system=True).system)
    if loaded.kind != "memory":
        message = "row locality is of a memory by itself"
        raise InputError(message, field="kind", given=loaded.kind, accepted="memory")
    reports = {name: run if isinstance(run, Report) else run.report for name, run in runs.items()}
    for name, report in reports.items():
        if report.system["digest"] != loaded.digest():
            given, accepted = report.system["name"], f"{loaded.name} as given here, overrides included"
            raise InputError(f"run {name} was on another system", given=given, accepted=accepted)
    bounds = limits(loaded.spec.resolve())
    return roofline.draw_row_locality(roofline.row_locality_points(reports, bounds.activate), bounds)
