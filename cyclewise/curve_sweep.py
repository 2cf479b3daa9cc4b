"""The runs of a latency–throughput curve.

The injection rate is swept over requests of one pattern.  First comes a run in which all requests are there
from the beginning: what it achieves is the pattern's capacity.  The paced runs then take shares of it, from
5 % to 98 %, denser towards the knee, and one of 115 %, which nothing can keep up with.
"""

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from arch.errors import InputError
from cyclewise import curve_folder
from cyclewise.curves import STATISTICS, Curve, CurvePoint, ReadLatency

if TYPE_CHECKING:
    from arch import System
    from arch.device import Memory
    from sim.report import Report

LEAST_POINTS, MOST_POINTS = 4, 1000
LEAST_REQUESTS, MOST_REQUESTS = 1_000, 100_000_000
LOWEST, HIGHEST, BEYOND = 0.05, 0.98, 1.15
"""Injection rates as shares of the capacity: the first, the last that can be kept up with, one beyond."""


@dataclass(frozen=True)
class Sweep:
    """A curve to be made, and how it was asked for."""

    system: "System"
    system_given: str | None
    """Name or path; None for a system loaded in Python."""
    overrides: Sequence[str]
    pattern: str
    read_share: float
    points: int
    requests: int
    arrivals: str
    seed: int
    words: Sequence[str] | None = None
    """The command line as it was given, without the program's name; None if there was none."""

    def carried_out(
        self,
        output: str | os.PathLike[str] | None = None,
        *,
        progress: Callable[[int, int | None], None] | None = None,
        message: Callable[[str], None] | None = None,
    ) -> Curve:
        """Simulate all points and, last, write the folder ``output``.

        ``progress`` and ``message`` are called as :class:`sim.machine.Options` says, with the requests of
        all points together.

        Raises:
            InputError: a parameter out of range, a system that is no memory or cannot take the requests, a
                folder that cannot be written, all found before the first run; no read among the requests.
            SimulationStuckError: the simulation made no more progress.
        """
        self._check()
        if output is None:
            return self._curve(None, progress, message)
        with curve_folder.prepared(output) as stage:
            found = self._curve(output, progress, message)
            curve_folder.write(stage, found, self.system)
        return found

    def _check(self) -> None:
        if self.system.kind != "memory":
            message = "a latency-throughput curve is of a memory by itself"
            raise InputError(message, field="kind", given=self.system.kind, accepted="memory")
        counts = {
            "points": (self.points, LEAST_POINTS, MOST_POINTS),
            "requests": (self.requests, LEAST_REQUESTS, MOST_REQUESTS),
        }
        for name, (value, low, high) in counts.items():
            if not low <= value <= high:
                raise InputError("", field=name, given=value, accepted=f"{low} to {high}")
        if not 0 < self.read_share <= 1:
            message = "" if self.read_share else "writes are done when accepted, only reads have a latency"
            given = self.read_share
            raise InputError(message, field="read_share", given=given, accepted="above 0, at most 1")

    def _curve(
        self,
        output: str | os.PathLike[str] | None,
        progress: Callable[[int, int | None], None] | None,
        message: Callable[[str], None] | None,
    ) -> Curve:
        from sim.dram.limits import limits

        memory: Memory = self.system.spec.resolve()
        bounds = limits(memory, self.read_share)
        done = 0

        def point(rate: Fraction | None) -> CurvePoint:
            nonlocal done
            before = done

            def told(requests: int, _: int | None) -> None:
                if progress is not None:
                    progress(before + requests, self.points * self.requests)

            found = self._point(memory, bounds.activate, rate, told, message)
            done += self.requests
            return found

        fastest = point(None)
        capacity = Fraction(self.requests, fastest.cycles)
        paced = [point(share * capacity) for share in shares_of_capacity(self.points - 1)]
        return Curve(
            system=self.system.name,
            title=self.system.title,
            digest=self.system.digest(),
            profile=memory.controller.profile,
            page_policy=memory.controller.page_policy,
            pattern=self.pattern,
            read_share=self.read_share,
            arrivals=self.arrivals,
            requests=self.requests,
            seed=self.seed,
            points=(*(marked(p, fastest.achieved) for p in paced), fastest),
            limits=bounds,
            command=self._command(output),
        )

    def _point(
        self,
        memory: "Memory",
        activate: str,
        rate: Fraction | None,
        progress: Callable[[int, int | None], None],
        message: Callable[[str], None] | None,
    ) -> CurvePoint:
        from sim.machine import Options, simulate
        from workloads.paced import paced

        trace = paced(
            memory,
            pattern=self.pattern,
            rate=rate,
            requests=self.requests,
            arrivals=self.arrivals,
            read_share=self.read_share,
            seed=self.seed,
        )
        report = simulate(self.system, trace, Options(progress=progress, message=message))
        offered = None
        if rate is not None:
            for block in trace.blocks():
                last = int(block.arrival[-1])
            moved = self.requests * memory.organization.transaction_bytes
            offered = float(moved / ((last + 1) * memory.clock_period))
        return _measured(report, None if rate is None else float(rate), offered, activate)

    def _command(self, output: str | os.PathLike[str] | None) -> str | None:
        if self.words is not None:
            return shlex.join(["cyclewise", *self.words])
        system = self.system_given
        if system is None:
            if output is None:
                return None
            system = os.path.join(output, curve_folder.SYSTEM)
        words = ["cyclewise", "curve", system]
        for text in self.overrides:
            words += ["--set", text]
        for name in ("pattern", "read_share", "points", "requests", "arrivals", "seed"):
            words += [f"--{name.replace('_', '-')}", str(getattr(self, name))]
        return shlex.join(words if output is None else [*words, "-o", os.fspath(output)])


def shares_of_capacity(count: int) -> list[Fraction]:
    """``count`` shares, rising: from LOWEST to HIGHEST, closer and closer, and BEYOND; in thousandths."""
    paced = count - 1
    span = HIGHEST - LOWEST
    distances = [(1 - k / (paced - 1)) ** 1.5 for k in range(paced)] if paced > 1 else [0.0]
    shares = [HIGHEST - span * distance for distance in distances]
    return [Fraction(round(1000 * share), 1000) for share in (*shares, BEYOND)]


def marked(point: CurvePoint, capacity: float) -> CurvePoint:
    """The point, saturated if at least ``capacity`` (bytes per second) was offered.

    Above it the queue before the memory, and with it the latency from arrival, grows as long as the trace.
    """
    if point.offered is None or point.offered < capacity:
        return point
    return replace(point, saturated=True, from_arrival=None)


def _measured(report: "Report", rate: float | None, offered: float | None, activate: str) -> CurvePoint:
    from sim.dram.limits import columns_per_activate

    metrics = report.metrics
    if metrics["latency_from_accept.mean"] is None:
        message = "none of the requests came out as a read"
        raise InputError(message, field="read_share", accepted="more reads, or more requests")

    def latency(since: str) -> ReadLatency:
        return ReadLatency(*(metrics[f"latency_from_{since}.{name}"] for name in STATISTICS))  # type: ignore[arg-type]

    return CurvePoint(
        rate=rate,
        offered=offered,
        achieved=float(metrics["bandwidth"] or 0),
        saturated=rate is None,
        from_arrival=None if rate is None else latency("arrival"),
        from_accept=latency("accept"),
        data_bus_utilisation=float(metrics["data_bus_utilisation"] or 0),
        columns_per_activate=columns_per_activate(metrics, activate),
        cycles=report.cycles["memory"],
    )
