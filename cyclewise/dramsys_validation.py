"""``cyclewise validate dramsys``: what DRAMSys measured for DRAMGym's controller, and ours from runs.

Every row of ``sim/published/dramsys.yaml`` has a function here that finds our figure for one of its cases.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from cyclewise.published import Answer, Case, cases, judged, published

if TYPE_CHECKING:
    from sim.report import Report

PAPER = "dramsys"
SYSTEM = "ddr3_1600"


def compared(
    *, quick: bool = False, progress: Callable[[int, int | None], None] | None = None
) -> Iterator[Answer]:
    """Every published figure beside ours; ``quick`` leaves most settings out."""
    found = published(PAPER)
    wanted = [*cases(found, quick=quick)]
    for done, case in enumerate(wanted):
        if progress is not None:
            progress(done, len(wanted))
        overrides = ("controller.profile=dramsys", *found.settings.get(case.case, ()))
        yield judged(found.rows[case.row], case, MEASURES[case.row](case, overrides))


@cache
def _report(workload: str, overrides: tuple[str, ...]) -> "Report":
    from cyclewise.api import run

    return run(SYSTEM, workload, overrides=overrides).report


def _seconds(workload: str) -> "Callable[[Case, tuple[str, ...]], float]":
    return lambda case, overrides: _report(workload, overrides).seconds


def _power(workload: str) -> "Callable[[Case, tuple[str, ...]], float]":
    def measure(case: Case, overrides: tuple[str, ...]) -> float:
        report = _report(workload, overrides)
        assert report.energy_joules is not None
        return report.energy_joules["total"] / report.seconds

    return measure


def _command_energy(case: Case, overrides: tuple[str, ...]) -> float:
    from arch import load

    return float(load(SYSTEM, overrides).spec.resolve().energy.command_joules[case.case])


def _background(case: Case, overrides: tuple[str, ...]) -> float:
    from arch import load

    return float(load(SYSTEM, overrides).spec.resolve().energy.background_watts)


MEASURES: "dict[str, Callable[[Case, tuple[str, ...]], float]]" = {
    "time_stream": _seconds("dramsys_stream"),
    "power_stream": _power("dramsys_stream"),
    "time_random": _seconds("dramsys_random"),
    "power_random": _power("dramsys_random"),
    "command_energy": _command_energy,
    "background_power": _background,
}
