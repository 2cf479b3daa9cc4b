"""Latency–throughput curves: :func:`curve` does what ``cyclewise curve`` does.

The injection rate is swept over requests of one pattern.  First comes a run in which all requests are there
from the beginning: what it achieves is the pattern's capacity.  The paced runs then take shares of it, from
5 % to 98 %, denser towards the knee, and one of 115 %, which nothing can keep up with.
"""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from arch.errors import InputError
from cyclewise import curve_folder

if TYPE_CHECKING:
    from arch import System
    from arch.device import Memory
    from plots.drawing import Drawing
    from plots.latency_throughput import Series
    from sim.dram.limits import Limits
    from sim.report import Report

FORMAT = "cyclewise curve 1"
LEAST_POINTS, MOST_POINTS = 4, 1000
LEAST_REQUESTS, MOST_REQUESTS = 1_000, 100_000_000
LOWEST, HIGHEST, BEYOND = 0.05, 0.98, 1.15
"""Injection rates as shares of the capacity: the first, the last that can be kept up with, one beyond."""

_STATISTICS: Final = ("mean", "p50", "p95", "p99", "max")


@dataclass(frozen=True)
class ReadLatency:
    """Of the reads, in memory clock cycles; percentiles are nearest-rank."""

    mean: float
    p50: int
    p95: int
    p99: int
    max: int


@dataclass(frozen=True)
class CurvePoint:
    """One run.  Bandwidths are in bytes per second, of all channels together.

    Attributes:
        rate: requests per memory clock cycle that were asked for; None: all in cycle 0.
        offered: bytes of the requests over the time in which they arrived; None: all in cycle 0.
        achieved: bytes of the requests over the simulated time.
        saturated: requests came as fast as the memory takes them, or faster.  Their latency from arrival
            then grows with the length of the trace and is not given.
        from_arrival: from the arrival in the trace to the return of the data; None if saturated.
        from_accept: from acceptance by the controller, without the wait for it.
        data_bus_utilisation: share of cycles with data on the bus.
        columns_per_activate: column commands for each activate; None without activates.
        cycles: of the memory clock.
    """

    rate: float | None
    offered: float | None
    achieved: float
    saturated: bool
    from_arrival: ReadLatency | None
    from_accept: ReadLatency
    data_bus_utilisation: float
    columns_per_activate: float | None
    cycles: int


@dataclass(frozen=True)
class Curve:
    """A latency–throughput curve.

    ``points``: by rising rate, then the one with all requests in cycle 0, which gives the capacity.
    ``limits``: what the specification allows, see :class:`sim.dram.limits.Limits`.
    ``command``: the command line that makes it again; None if the system was loaded in Python and not
    written into a folder.
    """

    system: str
    title: str
    digest: str
    profile: str
    page_policy: str
    pattern: str
    read_share: float
    arrivals: str
    requests: int
    seed: int
    points: tuple[CurvePoint, ...]
    limits: "Limits"
    command: str | None

    @property
    def capacity(self) -> float:
        """Bytes per second achieved with all requests there from the beginning."""
        return self.points[-1].achieved

    def ceilings(self) -> dict[str, float]:
        """Bandwidth limits that this pattern can meet, in bytes per second, by name, the highest first."""
        found: dict[str, Fraction] = {"theoretical peak": self.limits.peak}
        if self.limits.refresh_limited is not None:
            found["refresh-limited peak"] = self.limits.refresh_limited
        if self.pattern == "random":
            found["activate-limited"] = self.limits.activate_limited
        if self.limits.front_end < self.limits.peak:
            found["front end"] = self.limits.front_end
        return {name: float(value) for name, value in sorted(found.items(), key=lambda kv: -kv[1])}

    def columns(self) -> dict[str, list[Any]]:
        """The points as columns of equal length; names carry the units, absent figures are None."""
        ns = self.limits.nanoseconds
        table: dict[str, list[Any]] = {
            "rate [requests/cycle]": [p.rate for p in self.points],
            "offered [GB/s]": [None if p.offered is None else p.offered / 1e9 for p in self.points],
            "achieved [GB/s]": [p.achieved / 1e9 for p in self.points],
            "saturated": [int(p.saturated) for p in self.points],
        }
        for since in ("from_arrival", "from_accept"):
            latencies: list[ReadLatency | None] = [getattr(p, since) for p in self.points]
            for statistic in _STATISTICS:
                table[f"latency_{since}.{statistic} [ns]"] = [
                    None if latency is None else ns(getattr(latency, statistic)) for latency in latencies
                ]
        table["data_bus_utilisation"] = [p.data_bus_utilisation for p in self.points]
        table["columns_per_activate"] = [p.columns_per_activate for p in self.points]
        table["cycles"] = [p.cycles for p in self.points]
        return table

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; bandwidths in bytes per second, latencies in memory clock cycles."""
        limits = self.limits
        return {
            "format": FORMAT,
            "command": self.command,
            "system": {
                "name": self.system,
                "title": self.title,
                "digest": self.digest,
                "profile": self.profile,
                "page_policy": self.page_policy,
                "clock_period_seconds": float(limits.clock_period),
            },
            "pattern": self.pattern,
            "read_share": self.read_share,
            "arrivals": self.arrivals,
            "requests": self.requests,
            "seed": self.seed,
            "limits": {
                "bandwidth": {
                    name: None if value is None else float(value)
                    for name in (
                        "peak", "refresh_limited", "activate_limited", "row_cycle_limited", "one_bank",
                        "front_end",
                    )
                    for value in (getattr(limits, name),)
                },
                "read_latency_cycles": {
                    name: getattr(limits, name) for name in ("closed_row", "row_hit", "row_conflict")
                },
                "channel_cycles": {
                    key: float(value) if isinstance(value, Fraction) else value
                    for key, value in asdict(limits.channel).items()
                },
            },
            "points": [asdict(point) for point in self.points],
        }  # fmt: skip

    def drawing(self) -> "Drawing":
        """Latency from arrival against achieved bandwidth, with the limits."""
        return drawing_of({self.label: self})

    def row_locality(self) -> "Drawing":
        """Bandwidth with all requests there, against column accesses per activate, under its ceilings."""
        from plots import roofline

        fastest = self.points[-1]
        locality = fastest.columns_per_activate
        points = [] if locality is None else [roofline.Point(self.label, locality, fastest.achieved)]
        return roofline.draw_row_locality(points, self.limits)

    @property
    def label(self) -> str:
        """A few words for a legend."""
        return f"{self.system}, {self.pattern}, {_percent(self.read_share)} reads"


def curve(
    system: "str | os.PathLike[str] | System",
    *,
    overrides: Sequence[str] = (),
    pattern: str = "interleaved",
    read_share: float = 1.0,
    points: int = 20,
    requests: int = 200_000,
    arrivals: str = "poisson",
    seed: int = 0,
    output: str | os.PathLike[str] | None = None,
) -> Curve:
    """Sweep the injection rate of a request stream on a memory.

    Args:
        system: library name, YAML file, or a system from ``cw.load``; of kind ``memory``.
        overrides: ``KEY=VALUE`` texts as after ``--set``.
        pattern: ``interleaved`` (over channels and bank groups, so that the memory reaches its peak),
            ``stream`` (consecutive lines) or ``random`` (see :mod:`workloads.paced`).
        read_share: of the requests, above 0, at most 1.  Only reads have a latency.
        points: runs, 4 or more; the last with all requests there from the beginning.
        requests: of each run.
        arrivals: ``poisson`` or ``constant``.
        seed: of all random numbers.
        output: folder for table, JSON and drawings, as ``-o`` writes it.

    Raises:
        InputError: whatever the caller got wrong; the text is what the command line prints.
        TypeError: ``system`` is none of the above.
        SimulationStuckError: the simulation made no more progress.
    """
    from cyclewise.api import _system
    from cyclewise.simulation import split_settings

    loaded, given = _system(system, split_settings(overrides, only_system=True).system)
    sweep = Sweep(
        loaded, given, tuple(overrides), pattern, read_share, points, requests, arrivals, seed
    )  # fmt: skip
    return sweep.carried_out(output)


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
                folder that cannot be written; all found before the first run.
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


def drawing_of(curves: Mapping[str, Curve]) -> "Drawing":
    """Several curves by name in one picture; see :meth:`Curve.drawing` for one."""
    from plots import latency_throughput

    return latency_throughput.draw([_series(name, each) for name, each in curves.items()])


def _series(name: str, curve: Curve) -> "Series":
    from plots.latency_throughput import Point, Series

    limits, points = curve.limits, []
    ns = limits.nanoseconds
    for p in curve.points:
        latency = p.from_arrival
        mean, p50, p99 = (None,) * 3 if latency is None else map(ns, (latency.mean, latency.p50, latency.p99))
        points.append(Point(p.offered, p.achieved, mean, p50, p99, p.saturated))
    unloaded = {"bank closed": limits.closed_row}
    if curve.pattern == "random" and limits.row_conflict is not None:
        unloaded["row conflict"] = limits.row_conflict
    elif limits.row_hit is not None:
        unloaded["row hit"] = limits.row_hit
    return Series(name, points, curve.ceilings(), {name: ns(cycles) for name, cycles in unloaded.items()})


def _measured(report: "Report", rate: float | None, offered: float | None, activate: str) -> CurvePoint:
    from sim.dram.limits import columns_per_activate

    metrics = report.metrics
    if metrics["latency_from_accept.mean"] is None:
        message = "none of the requests came out as a read"
        raise InputError(message, field="read_share", accepted="more reads, or more requests")

    def latency(since: str) -> ReadLatency:
        return ReadLatency(*(metrics[f"latency_from_{since}.{name}"] for name in _STATISTICS))  # type: ignore[arg-type]

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


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
