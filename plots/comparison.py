"""Runs of a batch side by side: bandwidth, read latency and energy of each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from plots.drawing import COLOURS, FAINT, INK, Drawing, axes
from plots.labels import plain, quantity, scale
from plots.recorded import NothingToDraw, Recorded
from sim.report import Report

HATCHES = ("", "///", "...", "xxx", "\\\\\\", "+++", "ooo")
MOST_SYSTEMS = len(COLOURS)
MOST_BARS = 120
WIDE = 100
"""Ratio of largest to smallest value from which on the axis is logarithmic and points replace bars."""


@dataclass(frozen=True)
class Quantity:
    """One figure of a run: how to take it from a report, None where there is none."""

    name: str
    title: str
    unit: str
    of: Callable[[Report], float | None]


@dataclass(frozen=True)
class Compared:
    """A run by its report and by what its system and workload are called."""

    report: Report
    system: str
    workload: str

    @staticmethod
    def of(report: Report, system: str = "", workload: str = "") -> "Compared":
        """With the report's own names where none are given."""
        names = (part.get("name", "?") for part in (report.system, report.workload))
        return Compared(
            report, *(given or str(own) for given, own in zip((system, workload), names, strict=True))
        )


def latency(report: Report, metric: str) -> float | None:
    """A latency metric in seconds."""
    value = report.metrics.get(metric)
    return None if value is None else value * Recorded(report, {}).cycle_seconds


QUANTITIES = (
    Quantity("bandwidth", "Bandwidth", "B/s", lambda r: r.metrics.get("bandwidth")),
    Quantity(
        "latency_p99",
        "Read latency, p99 from acceptance",
        "s",
        lambda r: latency(r, "latency_from_accept.p99"),
    ),
    Quantity("energy", "Energy", "J", lambda r: (r.energy_joules or {}).get("total")),
)

OF_KIND: Mapping[str, tuple[Quantity, ...]] = {
    "pim": (
        Quantity(
            "tokens_per_second", "Tokens per second", "tok/s", lambda r: r.metrics.get("tokens_per_second")
        ),
        Quantity("time_per_token", "Time per token", "s", lambda r: r.metrics.get("time_per_token.mean")),
        Quantity("joules_per_token", "Energy per token", "J", lambda r: r.metrics.get("joules_per_token")),
        Quantity(
            "internal_bandwidth", "Internal bandwidth", "B/s", lambda r: r.metrics.get("internal_bandwidth")
        ),
    ),
}
"""The figures of kinds of systems that have others than ``QUANTITIES``."""


def quantities(reports: Iterable[Report]) -> list[Quantity]:
    """Those that runs of these kinds are compared by, in order."""
    kinds = [OF_KIND.get(str(report.system.get("kind")), QUANTITIES) for report in reports] or [QUANTITIES]
    return [*dict.fromkeys(quantity for found in kinds for quantity in found)]


def draw(runs: Mapping[str, Compared], quantity: Quantity) -> Drawing:
    """A bar for each run, by name; grouped by workload where every system has run each at most once.

    Past 120 runs the first 120 are drawn; the data hold all.

    Raises:
        NothingToDraw: no run has this figure.
    """
    values = {name: quantity.of(run.report) for name, run in runs.items()}
    known = {name: float(value) for name, value in values.items() if value is not None}
    if not known:
        raise NothingToDraw(f"no run has this figure: {quantity.title.lower()}")
    positive = [value for value in known.values() if value > 0]
    log = len(positive) > 1 and max(positive) > WIDE * min(positive)
    divisor, unit = (1.0, quantity.unit) if log else scale(max(known.values()), quantity.unit)
    drawn = dict(list(known.items())[:MOST_BARS])
    rows = _rows({name: runs[name] for name in drawn})
    with axes(5.4, _height(rows)) as (figure, (panel,)):
        _bars(
            panel, rows, {name: value / divisor for name, value in drawn.items()}, drawn, quantity.unit, log
        )
        panel.set_xlabel(f"{quantity.title.lower()}{'' if log else f' [{unit}]'}")
    missing = len(runs) - len(known)
    caption = (
        f"{quantity.title} of {len(known):,} runs{', the first 120 drawn' if len(known) > MOST_BARS else ''}."
    )
    if log:
        caption += " The axis is logarithmic."
    if missing:
        caption += f" {missing:,} without this figure {'is' if missing == 1 else 'are'} left out."
    data: dict[str, Sequence[Any]] = {
        "run": [*known],
        "system": [runs[n].system for n in known],
        "workload": [runs[n].workload for n in known],
        f"{quantity.name} [{quantity.unit}]": [*known.values()],
    }
    return Drawing(f"comparison_{quantity.name}", quantity.title, caption, figure, data)


@dataclass(frozen=True)
class _Rows:
    """Where each run's bar lies, from the top; ``style``: index of its system, ``ticks``: of the axis."""

    place: Mapping[str, float]
    style: Mapping[str, int]
    ticks: Mapping[str, float]
    systems: Sequence[str]
    length: float


def _rows(runs: Mapping[str, Compared]) -> _Rows:
    pairs = {name: (run.system, run.workload) for name, run in runs.items()}
    systems = list(dict.fromkeys(system for system, _ in pairs.values()))
    workloads = list(dict.fromkeys(workload for _, workload in pairs.values()))
    grouped = len(set(pairs.values())) == len(pairs) and 1 < len(systems) <= MOST_SYSTEMS
    if not grouped:
        place = {name: float(at) for at, name in enumerate(runs)}
        return _Rows(place, dict.fromkeys(runs, 0), place, (), float(len(runs)))
    place, ticks, at = {}, {}, 0.0
    for workload in workloads:
        mine = sorted((n for n in pairs if pairs[n][1] == workload), key=lambda n: systems.index(pairs[n][0]))
        place |= {name: at + k for k, name in enumerate(mine)}
        ticks[workload] = at + (len(mine) - 1) / 2
        at += len(mine) + 0.7
    style = {name: systems.index(system) for name, (system, _) in pairs.items()}
    return _Rows(place, style, ticks, systems, at - 0.7)


def _height(rows: _Rows) -> float:
    return 1.0 + (0.22 if rows.length <= 40 else 0.17) * max(rows.length, 3) + 0.1 * len(rows.systems)


def _bars(
    panel: Axes, rows: _Rows, lengths: Mapping[str, float], values: Mapping[str, float], unit: str, log: bool
) -> None:
    small = 8.5 if rows.length <= 40 else 7.0
    longest = max(lengths.values()) or 1.0
    for style in sorted(set(rows.style.values())):
        # Nothing has no place on a logarithmic axis.
        mine = [name for name in lengths if rows.style[name] == style and (lengths[name] > 0 or not log)]
        at, ends = [rows.place[name] for name in mine], np.array([lengths[name] for name in mine])
        label = plain(rows.systems[style], 28) if rows.systems else None
        if log:
            panel.hlines(at, 0, 1, color=FAINT, linewidth=0.6, transform=panel.get_yaxis_transform())
            marker = "osD^vPX"[style % 7]
            panel.plot(ends, at, marker, color=COLOURS[style], markeredgecolor=INK, markersize=6, label=label)
        else:
            hatch = HATCHES[style] if rows.systems else ""
            # The edge gives the hatch its ink; without one it would be invisible in grey.
            edge: dict[str, Any] = {"edgecolor": INK, "linewidth": 0.4}
            panel.barh(at, ends, height=0.86, color=COLOURS[style], hatch=hatch, label=label, **edge)
        for name, row, end in zip(mine, at, ends, strict=True):
            panel.annotate(
                quantity(values[name], unit), (end, row), xytext=(6, 0), textcoords="offset points",
                va="center", fontsize=small,
            )  # fmt: skip
    panel.set_yticks([*rows.ticks.values()], [plain(name, 26) for name in rows.ticks], fontsize=small + 0.5)
    panel.set_ylim(rows.length - 0.3, -0.7)
    panel.tick_params(axis="y", length=0)
    panel.grid(False, axis="y")
    if log:
        shortest = min(length for length in lengths.values() if length > 0)
        panel.set_xscale("log")
        panel.set_xlim(shortest / 2, longest * (longest / shortest) ** 0.25)
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, unit)))
    else:
        panel.set_xlim(0, longest * 1.3)
    if rows.systems:
        panel.legend(
            loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=8.5, ncols=min(2, len(rows.systems))
        )
