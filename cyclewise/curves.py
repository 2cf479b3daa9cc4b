"""Latency–throughput curves: :func:`curve` does what ``cyclewise curve`` does.

How the injection rates are chosen, and when a point counts as saturated: :mod:`cyclewise.curve_sweep`.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from arch import System
    from plots.drawing import Drawing
    from plots.latency_throughput import Series
    from sim.dram.limits import Limits

FORMAT = "cyclewise curve 1"
STATISTICS: Final = ("mean", "p50", "p95", "p99", "max")


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
            for statistic in STATISTICS:
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

    def drawing(self, *others: "Curve", names: Sequence[str] = ()) -> "Drawing":
        """Latency from arrival against achieved bandwidth, with the limits; with others in the same picture.

        Args:
            names: of all curves, this one first; otherwise made of what differs between them.

        Raises:
            ValueError: another number of names than of curves, or a name twice.
        """
        from plots import latency_throughput

        curves = (self, *others)
        chosen = [*names] or labels(curves)
        if len(chosen) != len(curves) or len(set(chosen)) != len(chosen):
            raise ValueError(f"{len(curves)} curves need as many different names, not {chosen}")
        return latency_throughput.draw([_series(*pair) for pair in zip(chosen, curves, strict=True)])

    def row_locality(self) -> "Drawing":
        """Bandwidth with all requests there, against column accesses per activate, under its ceilings."""
        from plots import roofline

        fastest = self.points[-1]
        locality = fastest.columns_per_activate
        name = labels([self])[0]
        points = [] if locality is None else [roofline.Point(name, locality, fastest.achieved)]
        return roofline.draw_row_locality(points, self.limits)


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
    from cyclewise.curve_sweep import Sweep
    from cyclewise.simulation import split_settings

    loaded, given = _system(system, split_settings(overrides, only_system=True).system)
    sweep = Sweep(
        loaded, given, tuple(overrides), pattern, read_share, points, requests, arrivals, seed
    )  # fmt: skip
    return sweep.carried_out(output)


def labels(curves: Sequence[Curve]) -> list[str]:
    """Different names for a legend: of one curve what it shows, of several what differs between them."""
    told = [
        (c.system, c.pattern, f"{100 * c.read_share:g} % reads", f"profile {c.profile}", c.arrivals)
        for c in curves
    ]
    if len(curves) == 1:
        return [", ".join(told[0][:3])]
    differ = [k for k in range(len(told[0])) if len({words[k] for words in told}) > 1]
    found: list[str] = []
    for words in told:
        name = ", ".join(words[k] for k in differ) or words[0]
        same = sum(earlier == name or earlier.startswith(f"{name} (") for earlier in found)
        found.append(f"{name} ({same + 1})" if same else name)
    return found


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
