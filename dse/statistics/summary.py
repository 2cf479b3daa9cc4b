"""What a study came to: everything that its figures, tables and page are made from, out of its folder."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from dse.evaluation import Config
from dse.objective import Objective
from dse.space import Space
from dse.statistics import seeds
from dse.statistics.distance import igd_plus
from dse.statistics.dominance import Floats, knee, non_dominated, pareto_front
from dse.statistics.efficiency import Efficiency, efficiency, limit, random_search, samples_to_within
from dse.statistics.hypervolume import (
    MOST_EXACT,
    Bounds,
    Volume,
    growth,
    growth_estimate,
    hypervolume,
)
from dse.statistics.importance import Effect, interactions, main_effects
from dse.statistics.lottery import Lottery, lottery
from dse.statistics.trajectories import Trajectories, read_trajectories

UNGUIDED = ("random", "exhaustive", "sobol", "lhs")
"""Optimisers whose designs cover the space evenly, so that importance may be judged by them."""

FEWEST_UNGUIDED = 50
TOLERANCE = 0.01
SHORT = 0.9
"""Runs below this share of the longest one's evaluations are warned of."""
REFERENCE = 1.1
"""Of hypervolumes, in normalised coordinates, for every objective."""


class Chosen(Protocol):
    """An optimiser of a study, as :class:`dse.study.OptimizerChoice`."""

    @property
    def label(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def options(self) -> Mapping[str, Any]: ...


class Studied(Protocol):
    """What is needed to know of a study, as :class:`dse.study.Study`."""

    @property
    def name(self) -> str: ...
    @property
    def space(self) -> Space: ...
    @property
    def objective(self) -> Objective: ...
    @property
    def optimizers(self) -> Sequence[Chosen]: ...
    @property
    def workloads(self) -> Sequence[str]: ...
    @property
    def seeds(self) -> Sequence[int]: ...
    @property
    def evaluations(self) -> int | None: ...
    @property
    def baseline(self) -> Config | None: ...


@dataclass(frozen=True)
class Failed:
    """A task without metrics, as the store has it."""

    config: Config
    workload: str
    kind: str
    message: str


@dataclass(frozen=True)
class Indicators:
    """What the front of each run of an optimiser is worth; bounds and reference are the summary's."""

    label: str
    volume: seeds.Interval
    distance: seeds.Interval


@dataclass(frozen=True)
class Summary:
    """A study's results.  One *quality* ranks runs: the objective if there is one, else the hypervolume.

    Attributes:
        study: what was searched.
        found: the runs and all designs.
        failures: of the store.
        given_bounds: for normalising several objectives; None: the ideal and nadir of the front of all runs
            together, the same for every run of the study but not for other studies.
        given_baseline: values of the baseline design's objectives, if it was evaluated apart.
        given_optimum: the true optimum of the quality, to be minimised (a hypervolume negated), if known.
    """

    study: Studied
    found: Trajectories
    failures: tuple[Failed, ...] = ()
    given_bounds: Bounds | None = None
    given_optimum: float | None = None
    given_baseline: tuple[float, ...] | None = None

    @property
    def single(self) -> bool:
        return len(self.study.objective.goals) == 1

    @cached_property
    def labels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run.label for run in self.found.runs))

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Name of the optimiser of each label."""
        known = {chosen.label: chosen.name for chosen in self.study.optimizers}
        return {label: known.get(label, label) for label in self.labels}

    @cached_property
    def front(self) -> tuple[int, ...]:
        """Rows of the feasible designs that no other dominates, by their values; equal ones once."""
        rows = np.flatnonzero(self.found.feasible)
        rows = rows[non_dominated(self.found.values[rows])]
        values = self.found.values[rows]
        _, first = np.unique(values, axis=0, return_index=True)
        return tuple(rows[first].tolist())

    @cached_property
    def best(self) -> int | None:
        """Row of the design to be shown: of several objectives the knee of the front."""
        if not self.front:
            return None
        return self.front[knee(self.found.values[list(self.front)])]

    @cached_property
    def baseline(self) -> tuple[float, ...] | None:
        """What the study's baseline comes to: as given, or as a run evaluated it."""
        if self.given_baseline is not None or self.study.baseline is None:
            return self.given_baseline
        want = dict(self.study.baseline)
        rows = (row for row, design in enumerate(self.found.designs) if dict(design) == want)
        row = next(rows, None)
        if row is None or not self.found.evaluated[row]:
            return None
        return tuple(self.found.values[row].tolist())

    @cached_property
    def bounds(self) -> Bounds | None:
        """Of the normalisation; None with a single objective or without a feasible design."""
        if self.given_bounds is not None:
            return self.given_bounds
        if self.single or not self.front:
            return None
        front = self.found.values[list(self.front)]
        low, high = front.min(axis=0), front.max(axis=0)
        # A front that is flat in an objective leaves it without a scale: a tenth of its value is taken.
        high = np.where(high > low, high, low + np.maximum(np.abs(low) * 0.1, 1e-30))
        return Bounds(tuple(low.tolist()), tuple(high.tolist()))

    @cached_property
    def qualities(self) -> Mapping[str, tuple[Floats, ...]]:
        """By label, of each run the best quality so far after 1, 2, … unique evaluations, to be minimised."""
        return {
            label: tuple(self._quality(run.designs) for run in self.found.runs if run.label == label)
            for label in self.labels
        }

    def _quality(self, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Floats:
        values, counts = self.found.values[rows], self.found.feasible[rows]
        if self.single:
            return seeds.running_best(values[:, 0], counts)
        if self.bounds is None:
            return np.full(len(rows), np.inf)
        scaled = self.bounds.normalised(values)
        scaled[~counts] = np.inf
        point = [REFERENCE] * scaled.shape[1]
        if len(point) <= MOST_EXACT:
            return -growth(scaled, point)
        return -growth_estimate(scaled, point, [0.0] * len(point), rng=np.random.default_rng(0))

    @cached_property
    def optimum(self) -> float | None:
        """The best quality known: the true one if it was given, else that of all runs together."""
        if self.given_optimum is not None:
            return self.given_optimum
        if self.best is None:
            return None
        if self.single:
            return float(self.found.values[self.best, 0])
        everything = self._quality(np.array(self.front, dtype=np.int64))
        return float(everything[-1])

    @cached_property
    def volume(self) -> Volume | None:
        """Hypervolume of the front of all runs together, with bounds and reference."""
        if self.bounds is None or not self.front:
            return None
        values = self.found.values[list(self.front)]
        return hypervolume(values, [REFERENCE] * values.shape[1], bounds=self.bounds)

    def efficiency(self, tolerance: float = TOLERANCE) -> list[Efficiency]:
        """The sample-efficiency table."""
        if self.optimum is None:
            return []
        return efficiency(self.qualities, self.optimum, tolerance=tolerance)

    def samples(self, label: str, tolerance: float) -> tuple[float, float]:
        """Median over runs of the evaluations to within a share of the optimum, and how many got there."""
        if self.optimum is None:
            return float("inf"), 0.0
        each = np.array([samples_to_within(c, self.optimum, tolerance) for c in self.qualities[label]])
        return float(seeds.quantile(each, 0.5)), float(np.isfinite(each).mean())

    def successes(self, label: str, tolerance: float = TOLERANCE) -> seeds.Interval:
        """Share of runs that ended within a share of the optimum, with its Wilson interval."""
        finals = [curve[-1] for curve in self.qualities[label] if len(curve)]
        hits = 0 if self.optimum is None else sum(f <= limit(self.optimum, tolerance) for f in finals)
        return seeds.wilson(int(hits), max(len(finals), 1))

    def indicators(self) -> list[Indicators]:
        """Hypervolume and IGD+ of the fronts of each optimiser's runs, normalised; none of one objective."""
        if self.bounds is None or self.single:
            return []
        front = pareto_front(self.bounds.normalised(self.found.values[list(self.front)]))
        out = []
        for label in self.labels:
            volumes, distances = [], []
            for run, quality in zip(
                (run for run in self.found.runs if run.label == label), self.qualities[label], strict=True
            ):
                rows = run.designs[self.found.feasible[run.designs]]
                own = self.bounds.normalised(self.found.values[rows])
                distances.append(igd_plus(own, front))
                volumes.append(-float(quality[-1]) if len(quality) else 0.0)
            out.append(
                Indicators(
                    label, seeds.interquartile_interval(volumes), seeds.interquartile_interval(distances)
                )
            )
        return out

    def effects(self, figures: ArrayLike) -> tuple[list[Effect], list[Effect], int, bool]:
        """Main effects and interactions for a figure of every design.

        Args:
            figures: shape (designs,); what is not finite is left out.

        Returns:
            The effects, from how many designs they are, and whether those cover the space evenly.
        """
        array = np.asarray(figures, dtype=np.float64)
        even = np.zeros(len(array), dtype=np.bool_)
        for run in self.found.runs:
            if self.names[run.label] in UNGUIDED:
                even[run.designs] = True
        known = np.isfinite(array) & self.found.evaluated
        unguided = int((even & known).sum()) >= FEWEST_UNGUIDED
        rows = np.flatnonzero(known & even if unguided else known).tolist()
        names = [p.name for p in self.study.space.parameters]
        configs = [self.found.designs[row] for row in rows]
        mains = main_effects(names, configs, array[rows])
        return mains, interactions(names, configs, array[rows]), len(rows), unguided

    @cached_property
    def lottery_budget(self) -> int:
        """Evaluations that every run has made: option sets are compared at the same cost."""
        return min((len(run.designs) for run in self.found.runs), default=0)

    def lottery(self) -> list[Lottery]:
        """Final quality over the option sets of each optimiser that stands in the study."""
        finals: dict[str, dict[str, list[float]]] = {}
        at = self.lottery_budget
        for label in self.labels if at else ():
            of = finals.setdefault(self.names[label], {})
            of[label] = [float(curve[at - 1]) for curve in self.qualities[label]]
        return lottery(finals)

    def calculated_random(self) -> seeds.Band | None:
        """Exact quartiles of random search, if no run was random but an exhaustive one covered the space."""
        names = self.names
        done = [run for run in self.found.runs if names[run.label] == "exhaustive"]
        if "random" in names.values() or not self.single or not done:
            return None
        if self.study.space.size() != len(done[0].designs):
            return None
        rows = done[0].designs
        values = np.where(self.found.feasible[rows], self.found.values[rows, 0], np.inf)
        budget = max(len(run.designs) for run in self.found.runs)
        low, middle, high = (random_search(values, budget, share) for share in (0.25, 0.5, 0.75))
        return seeds.Band(low, middle, high)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should beware of."""
        found = [*self.study.objective.warnings]
        failed = int((~self.found.evaluated).sum())
        if failed:
            found.append(
                f"{failed:,} of {len(self.found.designs):,} designs have no metrics; see the failures"
            )
        if self.best is None:
            found.append("no design meets the constraints")
        short = [
            label
            for label in self.labels
            if (lengths := [len(run.designs) for run in self.found.runs if run.label == label])
            and min(lengths) < SHORT * max(lengths)
        ]
        if short:
            found.append(
                f"not all runs of {', '.join(short)} are of one length: short ones keep their last value"
            )
        few = max((len(curves) for curves in self.qualities.values()), default=0)
        if 1 < few < 10:
            found.append(f"{few} seeds are few: medians of optimisers want at least 10")
        if self.bounds is not None and self.given_bounds is None and not self.single:
            found.append(
                "hypervolumes are normalised by the front of all runs of this study: values of other studies"
                " cannot be compared with them"
            )
        return tuple(found)


def summarise(
    folder: str | os.PathLike[str],
    study: Studied,
    *,
    failures: Sequence[Failed] = (),
    bounds: Bounds | None = None,
    optimum: float | None = None,
    baseline: tuple[float, ...] | None = None,
) -> Summary:
    """What the trajectories in a study's folder came to.

    Args:
        failures: of the store, for the page.
        bounds: fixed ideal and nadir of several objectives, minimised.
        optimum: the true best quality, if it is known.
        baseline: what the baseline's objectives come to, minimised; default: as a run evaluated it.

    Raises:
        InputError: there are no trajectories, or damaged ones.
    """
    labels = [chosen.label for chosen in study.optimizers]
    found = read_trajectories(folder, len(study.objective.goals), labels=labels)
    return Summary(study, found, tuple(failures), bounds, optimum, baseline)
