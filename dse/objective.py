"""What a study wants: metrics of several workloads brought together, scored, and held against constraints.

Every score is to be minimised.  Metrics of a design on several workloads are aggregated first; ``edp`` and
``ed2p`` are metrics of one workload each, energy × time and energy × time², where a model has both.
Constraints must hold on every workload.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from arch.errors import InputError, unknown
from dse.space import Constraint
from dse.space.expression import PLAIN, number_of, quantity, unit_factor, unit_powers
from sim.report import MetricDeclaration

FORMS = ("minimize", "maximize", "target", "weighted", "chebyshev", "archgym_target")
AGGREGATES = ("geometric_mean", "mean", "sum", "max", "weighted")

REWARD_CAP = 1000.0
"""``archgym_target`` gives no more; the public ArchGym environment caps at the same."""
_AUGMENTATION = 0.05
"""Share of the sum in an augmented Chebyshev value: Steuer and Choo, Mathematical Programming 26 (1983)."""

_DERIVED = (
    MetricDeclaration("edp", "J s", True, "energy times time"),
    MetricDeclaration("ed2p", "J s2", True, "energy times time squared"),
)


@dataclass(frozen=True)
class Score:
    """What a design came to.

    Attributes:
        values: of the objectives, to be minimised.
        violation: by how much it misses the constraints, summed as shares of their bounds; 0 if it meets all.
        metrics: aggregated over the workloads.
    """

    values: tuple[float, ...]
    violation: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Goal:
    """One value of a score.

    Attributes:
        name: for tables: a metric, or the form.
        unit: of the value; ``1`` where it is no metric.
        value: from aggregated metrics to what is minimised.
        sign: -1 if what is shown to people is the negative of the value.
    """

    name: str
    unit: str
    value: Callable[[Mapping[str, float]], float]
    sign: int = 1


@dataclass(frozen=True)
class Objective:
    """How metrics are scored.  Made by :func:`read_objective`."""

    goals: tuple[Goal, ...]
    constraints: tuple[Constraint, ...] = ()
    aggregate: str = "geometric_mean"
    weights: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(goal.name for goal in self.goals)

    def score(
        self, by_workload: Mapping[str, Mapping[str, float]], config: Mapping[str, Any] | None = None
    ) -> Score:
        """The score of a design's metrics.

        Args:
            by_workload: metrics by workload.
            config: the design, for constraints that mention parameters, too.

        Raises:
            InputError: a metric is missing, or cannot be aggregated as asked.
        """
        full = {name: with_derived(metrics) for name, metrics in by_workload.items()}
        shared = [m for m in next(iter(full.values())) if all(m in metrics for metrics in full.values())]
        metrics = {m: self._together({w: found[m] for w, found in full.items()}) for m in shared}
        for goal in self.goals:
            if goal.name in self.units and goal.name not in metrics:
                raise InputError(f"the model gave no {goal.name}", field="objectives")
        violation = sum(
            max(self._missed(constraint, found, config or {}) for found in full.values())
            for constraint in self.constraints
        )
        return Score(tuple(goal.value(metrics) for goal in self.goals), violation, metrics)

    def _missed(
        self, constraint: Constraint, metrics: Mapping[str, float], config: Mapping[str, Any]
    ) -> float:
        values = {name: number_of(value) for name, value in config.items()}
        values |= {name: value * unit_factor(self.units.get(name, "1")) for name, value in metrics.items()}
        if any(name not in values for name in constraint.holds.names):
            return 0.0
        try:
            return constraint.holds.excess(values)
        except ArithmeticError:
            return 1.0

    def _together(self, by_workload: Mapping[str, float]) -> float:
        given = [*by_workload.values()]
        match self.aggregate:
            case "sum":
                return math.fsum(given)
            case "mean":
                return statistics.fmean(given)
            case "max":
                return max(given)
            case "weighted":
                total = math.fsum(self.weights.values())
                return math.fsum(self.weights[w] * v for w, v in by_workload.items()) / total
        if min(given) < 0:
            return math.nan  # a geometric mean has no meaning; such a metric cannot be a goal
        return 0.0 if min(given) == 0 else math.exp(math.fsum(math.log(v) for v in given) / len(given))


def with_derived(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics of one workload with ``edp`` and ``ed2p`` where there are time and energy."""
    found = dict(metrics)
    if "time" in found and "energy" in found:
        found.setdefault("edp", found["energy"] * found["time"])
        found.setdefault("ed2p", found["energy"] * found["time"] ** 2)
    return found


def known_metrics(declared: Sequence[MetricDeclaration]) -> tuple[MetricDeclaration, ...]:
    """What a model declares, with the derived metrics."""
    names = {m.name for m in declared}
    derived = _DERIVED if {"time", "energy"} <= names else ()
    return (*declared, *(m for m in derived if m.name not in names))


def read_objective(
    given: Mapping[str, Any],
    declared: Sequence[MetricDeclaration],
    *,
    constraints: Sequence[Constraint] = (),
    aggregate: str | Mapping[str, Any] = "geometric_mean",
    workloads: Sequence[str] = (),
) -> Objective:
    """The objective of ``objectives:`` and ``aggregate:`` of a study.

    Raises:
        InputError: an unknown form, or a metric that the model does not declare; ``field`` says where.
    """
    metrics = {m.name: m for m in known_metrics(declared)}
    if not given:
        raise InputError("no objectives", field="objectives", accepted=FORMS)
    goals: list[Goal] = []
    for form, wanted in given.items():
        if form not in FORMS:
            raise InputError(unknown("form of objective", form, FORMS), field=f"objectives.{form}")
        goals += _GOALS[form](form, wanted, metrics)
    names = [goal.name for goal in goals]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is an objective twice", field="objectives")
    warnings: tuple[str, ...] = ()
    judged = {name for c in constraints for name in c.holds.names}
    if names == ["power"] and not judged & {"time", "bandwidth", "energy", "edp", "ed2p"}:
        warnings = (
            "power is minimised alone, which favours slow designs: minimise energy or edp, or bound time",
        )
    way, weights = _aggregate(aggregate, workloads)
    units = {name: m.unit for name, m in metrics.items()}
    return Objective(tuple(goals), tuple(constraints), way, weights, units, warnings)


def _aggregate(given: str | Mapping[str, Any], workloads: Sequence[str]) -> tuple[str, dict[str, float]]:
    if isinstance(given, str):
        if given not in AGGREGATES or given == "weighted":
            raise InputError(unknown("aggregate", given, AGGREGATES), field="aggregate", accepted=AGGREGATES)
        return given, {}
    if list(given) != ["weighted"] or not isinstance(given["weighted"], Mapping):
        raise InputError("", field="aggregate", given=dict(given), accepted="{weighted: {WORKLOAD: 2}}")
    weights = {}
    for name, weight in given["weighted"].items():
        if name not in workloads:
            raise InputError(unknown("workload", name, workloads), field=f"aggregate.weighted.{name}")
        weights[name] = _number(weight, f"aggregate.weighted.{name}")
    missing = [name for name in workloads if name not in weights]
    if missing or min(weights.values()) < 0 or not sum(weights.values()):
        what = f"no weight for {missing[0]}" if missing else "weights must be above 0"
        raise InputError(what, field="aggregate.weighted")
    return "weighted", weights


def _metric(name: Any, metrics: Mapping[str, MetricDeclaration], at: str) -> MetricDeclaration:
    if not isinstance(name, str) or name not in metrics:
        raise InputError(unknown("metric", str(name), metrics), field=at, accepted=sorted(metrics))
    return metrics[name]


def _in_unit(given: Any, metric: MetricDeclaration, at: str) -> float:
    """A quantity in the metric's own unit; a bare number only where the metric has no unit."""
    factor, powers = unit_powers(metric.unit)
    if isinstance(given, str):
        read = quantity(given)
        if read is not None and read[1] == powers != PLAIN:
            return read[0] / float(factor)
    elif metric.unit not in _WITH_QUANTITIES and type(given) in (int, float, Decimal):
        return float(given)
    example = f"a value with a unit, such as 1 {metric.unit}" if powers != PLAIN else "a number"
    raise InputError("", field=at, given=given, accepted=example)


_WITH_QUANTITIES = ("s", "J", "W", "B", "B/s", "Hz", "A", "V")


def _number(given: Any, at: str) -> float:
    try:
        if isinstance(given, bool | str):
            raise TypeError
        return float(given)
    except (TypeError, ValueError):
        raise InputError("", field=at, given=given, accepted="a number") from None


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _minimize(form: str, wanted: Any, metrics: Mapping[str, MetricDeclaration]) -> Iterable[Goal]:
    for name in _listed(wanted):
        metric = _metric(name, metrics, f"objectives.{form}")
        sign = -1 if form == "maximize" else 1
        yield Goal(metric.name, metric.unit, lambda m, name=metric.name, sign=sign: sign * m[name], sign)  # type: ignore[misc]


def _mapped(form: str, wanted: Any, example: str) -> Mapping[str, Any]:
    if not isinstance(wanted, Mapping) or not wanted:
        raise InputError("", field=f"objectives.{form}", given=wanted, accepted=example)
    return wanted


def _target(form: str, wanted: Any, metrics: Mapping[str, MetricDeclaration]) -> Iterable[Goal]:
    bounds = []
    for name, bound in _mapped(form, wanted, "{power: {at_most: 1 W}}").items():
        at = f"objectives.{form}.{name}"
        metric = _metric(name, metrics, at)
        if (
            not isinstance(bound, Mapping)
            or len(bound) != 1
            or next(iter(bound)) not in ("at_most", "at_least")
        ):
            raise InputError("", field=at, given=bound, accepted="{at_most: VALUE} or {at_least: VALUE}")
        ((side, value),) = bound.items()
        target = _in_unit(value, metric, f"{at}.{side}")
        if target == 0:
            raise InputError("", field=f"{at}.{side}", given=value, accepted="a value other than 0")
        bounds.append((name, target, 1 if side == "at_most" else -1))

    def missed(found: Mapping[str, float]) -> float:
        return math.fsum(max(0.0, side * (found[name] - t) / abs(t)) for name, t, side in bounds)

    yield Goal("missed_targets", "1", missed)


def _weights(
    form: str, wanted: Any, metrics: Mapping[str, MetricDeclaration]
) -> list[tuple[str, float, float, float]]:
    """Name, weight (negative for metrics of which more is better), scale and ideal, in the metrics' units."""
    found = []
    for name, given in _mapped(form, wanted, "{time: {weight: 0.7, scale: 1 ms}}").items():
        at = f"objectives.{form}.{name}"
        metric = _metric(name, metrics, at)
        parts = given if isinstance(given, Mapping) else {"weight": given}
        for key in parts:
            if key not in ("weight", "scale", "ideal"):
                raise InputError(unknown("key", key, ("weight", "scale", "ideal")), field=f"{at}.{key}")
        weight = _number(parts.get("weight", 1), f"{at}.weight")
        if weight <= 0:
            raise InputError("", field=f"{at}.weight", given=weight, accepted="a number above 0")
        scale = _in_unit(parts["scale"], metric, f"{at}.scale") if "scale" in parts else 1.0
        if scale <= 0:
            raise InputError("", field=f"{at}.scale", given=parts["scale"], accepted="a value above 0")
        ideal = _in_unit(parts["ideal"], metric, f"{at}.ideal") if "ideal" in parts else 0.0
        found.append((name, -weight if metric.less_is_better is False else weight, scale, ideal))
    return found


def _weighted(form: str, wanted: Any, metrics: Mapping[str, MetricDeclaration]) -> Iterable[Goal]:
    parts = _weights(form, wanted, metrics)
    yield Goal("weighted", "1", lambda m: math.fsum(w * (m[n] - i) / s for n, w, s, i in parts))


def _chebyshev(form: str, wanted: Any, metrics: Mapping[str, MetricDeclaration]) -> Iterable[Goal]:
    parts = _weights(form, wanted, metrics)

    def worst(found: Mapping[str, float]) -> float:
        each = [w * (found[n] - i) / s for n, w, s, i in parts]
        return max(each) + _AUGMENTATION * math.fsum(each)

    yield Goal("chebyshev", "1", worst)


def archgym_reward(target: float, value: float) -> float:
    """ArchGym's reward ``T / |T - x|``, at most 1000: it peaks at the target and falls for better designs."""
    distance = abs(target - value)
    return REWARD_CAP if distance * REWARD_CAP <= abs(target) else abs(target) / distance


def _archgym(form: str, wanted: Any, metrics: Mapping[str, MetricDeclaration]) -> Iterable[Goal]:
    targets = []
    for name, value in _mapped(form, wanted, "{power: 1 W}").items():
        at = f"objectives.{form}.{name}"
        targets.append((name, _in_unit(value, _metric(name, metrics, at), at)))
    yield Goal(
        form, "1", lambda found: -math.prod(archgym_reward(t, found[name]) for name, t in targets), sign=-1
    )


_GOALS: Mapping[str, Callable[[str, Any, Mapping[str, MetricDeclaration]], Iterable[Goal]]] = {
    "minimize": _minimize,
    "maximize": _minimize,
    "target": _target,
    "weighted": _weighted,
    "chebyshev": _chebyshev,
    "archgym_target": _archgym,
}
