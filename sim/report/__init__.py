"""The Report: one form for the results of all machines, as JSON and on a terminal.

Everything in it but ``host`` is a pure function of system, workload, options and version, so that
two runs give the same bytes.  Building one asserts its conservation laws.
"""

import json
import math
import platform
import resource
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from arch.errors import InputError, dotted

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA_VERSION = "1"

_STRICT = {"extra": "forbid", "allow_inf_nan": False, "strict": True}  # how from_json reads a record


class ConservationError(RuntimeError):
    """A conservation law does not hold.  Always a fault of the simulator, never of what it was given."""


@dataclass(frozen=True)
class MetricDeclaration:
    """A figure that a simulator reports: known before it runs, so that a study can be refused early.

    ``name`` may be a pattern (``commands.*``), which stands for any number of metrics of one unit.
    ``unit``: ``1`` for a ratio.  ``less_is_better``: None where neither direction is.
    """

    name: str
    unit: str
    less_is_better: bool | None
    meaning: str

    def covers(self, metric: str) -> bool:
        return fnmatchcase(metric, self.name)


@dataclass(frozen=True)
class Bound:
    """Cycles, summed over channels, that one cause took, and their share of all cycles."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    cycles: int
    share: float


@dataclass(frozen=True)
class Invariant:
    """A law of conservation; ``name`` states it in words that ``figures`` has numbers for."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    name: str
    holds: bool
    figures: Mapping[str, int | float]

    @classmethod
    def equal(cls, name: str, left: Mapping[str, int], right: Mapping[str, int]) -> "Invariant":
        """The sum of ``left`` is the sum of ``right``."""
        return cls(name, sum(left.values()) == sum(right.values()), {**left, **right})

    @classmethod
    def at_most(cls, name: str, left: Mapping[str, int], right: Mapping[str, int]) -> "Invariant":
        """The sum of ``left`` is at most the sum of ``right``."""
        return cls(name, sum(left.values()) <= sum(right.values()), {**left, **right})


@dataclass(frozen=True)
class Assumption:
    """What a reader has to grant.

    ``confidence``: that of the source (``recalled``, ``derived``, ``assumed``) for a figure of the system,
    ``exactness`` or ``definition`` for a statement about the model.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    subject: str
    confidence: str
    text: str


@dataclass(frozen=True)
class Host:
    """The computer's share: the only part of a Report that may differ between two runs."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kernel_cpu_seconds: float  # without compilation
    wall_seconds: float
    peak_memory_bytes: int  # of the whole process, so far
    python: str
    numpy: str
    numba: str
    machine: str

    @classmethod
    def measured(cls, kernel_cpu_seconds: float, started: float) -> "Host":
        """``started``: what ``time.perf_counter()`` said when the run began."""
        unit = 1 if sys.platform == "darwin" else 1024
        return cls(
            kernel_cpu_seconds=float(kernel_cpu_seconds),
            wall_seconds=time.perf_counter() - started,
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
            python=platform.python_version(),
            numpy=installed_version("numpy"),
            numba=installed_version("numba"),
            machine=f"{platform.system()} {platform.machine()}",
        )


@dataclass(frozen=True)
class Report:
    """The result of one run.

    ``seconds``: simulated time.  ``cycles``: by clock domain.  ``energy_joules``: by component, and
    ``total``; None without sourced currents.  ``metrics``: dotted names, None where there is nothing to
    measure (the read latency of a trace without reads); ``units`` has the same keys.  ``bound_by``: largest
    share first, the shares sum to exactly 1.  ``warnings``: a sentence for each key that the user set and
    that has no effect in this run.  ``tables``: columns that were asked for, shape (n,) or (n, 4); they are
    no part of the JSON.

    Raises :class:`ConservationError` if an invariant does not hold.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    schema_version: str
    system: Mapping[str, Any]
    workload: Mapping[str, Any]
    seconds: float
    cycles: Mapping[str, int]
    energy_joules: Mapping[str, float] | None
    metrics: Mapping[str, int | float | None]
    units: Mapping[str, str]
    bound_by: Mapping[str, Bound]
    invariants: tuple[Invariant, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[Assumption, ...]
    provenance: Mapping[str, Any]
    host: Host
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        broken = [law for law in self.invariants if not law.holds]
        if broken:
            texts = [f"{law.name} ({_figures(law.figures)})" for law in broken]
            raise ConservationError("violated: " + "; ".join(texts))

    def to_dict(self, *, host: bool = True) -> dict[str, Any]:
        """The JSON object as plain values, keys in the order of the fields; without ``host`` if so asked."""
        left_out = {"tables"} if host else {"tables", "host"}
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name not in left_out}

    def to_json(self, *, host: bool = True) -> str:
        """The Report as JSON text.  Raises ValueError for numbers that JSON does not have (NaN, infinity)."""
        return json.dumps(self.to_dict(host=host), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str, *, file: str | None = None) -> "Report":
        """The Report that :meth:`to_json` wrote.

        Raises:
            InputError: not JSON, or not a Report of this version; ``file`` is named as its place.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError("is not JSON", file=file, accepted="a report as `--json` prints it") from None
        declared = given.get("schema_version") if isinstance(given, dict) else None
        if declared != SCHEMA_VERSION:
            message = "is a report of another version" if declared else "is not a report"
            raise InputError(message, file=file, field="schema_version", accepted=f'"{SCHEMA_VERSION}"')
        if "tables" in given:
            raise InputError("unknown key", file=file, field="tables")
        try:
            return TypeAdapter(Report).validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(first["msg"], file=file, field=dotted(first["loc"])) from None
        except ConservationError as error:
            raise InputError(str(error), file=file, field="invariants") from None

    def render(self, console: "Console", *, files: Mapping[str, str | Path] | None = None) -> None:
        """Print the Report for a reader; ``files``: what else was written, by what it is."""
        from sim.report.terminal import render

        render(self, console, files or {})


def units_of(metrics: Iterable[str], declarations: Sequence[MetricDeclaration]) -> dict[str, str]:
    """The unit of every metric.

    Raises:
        ValueError: a metric that is not declared, or a declared one (patterns aside) that is missing.
    """
    units = {}
    for metric in metrics:
        declared = next((d for d in declarations if d.covers(metric)), None)
        if declared is None:
            raise ValueError(f"metric {metric} is not declared")
        units[metric] = declared.unit
    missing = [d.name for d in declarations if "*" not in d.name and d.name not in units]
    if missing:
        raise ValueError(f"declared but not reported: {', '.join(missing)}")
    return units


def bounds(cycles: Mapping[str, int]) -> dict[str, Bound]:
    """What took how many cycles, with shares of their sum, the largest first."""
    total = sum(cycles.values())
    order = sorted(cycles, key=lambda label: (-cycles[label], label))
    shares, _ = summing_floats({label: Fraction(cycles[label], total or 1) for label in order})
    return {label: Bound(cycles[label], shares[label]) for label in order}


def summing_floats(parts: Mapping[str, Fraction]) -> tuple[dict[str, float], float]:
    """Non-negative parts and their total as floats that, added in any order, give exactly that total.

    Each part is rounded, up or down, to a multiple of the total's last binary place, so that every partial
    sum is a float; of equal parts the first are rounded up.  The total is the exact sum, rounded once.
    """
    exact = sum(parts.values(), Fraction(0))
    total = float(exact)
    if total == 0.0:
        return dict.fromkeys(parts, 0.0), 0.0
    # The places just below the total, which may be a power of two with coarser ones above it.
    place = Fraction(math.ulp(math.nextafter(total, 0.0)))
    scale = Fraction(total) / exact / place  # the parts then sum to a whole number of places
    places = {key: math.floor(part * scale) for key, part in parts.items()}
    short = int(Fraction(total) / place) - sum(places.values())
    by_remainder = sorted(parts, key=lambda key: places[key] - parts[key] * scale)
    for key in by_remainder[:short]:
        places[key] += 1
    return {key: float(n * place) for key, n in places.items()}, total


def installed_version(package: str) -> str:
    """Version of an installed distribution; ``not installed`` for one that is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _plain(value: Any) -> Any:
    if isinstance(value, Bound | Invariant | Assumption | Host):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _figures(figures: Mapping[str, int | float]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in figures.items())
