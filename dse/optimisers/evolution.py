"""Populations that improve by selection, crossover and mutation."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from arch.fields import Spec
from dse.evaluation import Config
from dse.optimisers.interface import Trial
from dse.optimisers.setting import (
    Genes,
    Setting,
    cost,
    rng_state,
    set_rng,
    text_of,
    trial_of,
    trial_state,
)

_ATTEMPTS = 30


class EvolutionOptions(Spec):
    """Of populations."""

    population: Annotated[int, Field(ge=2, le=10_000)] = 32
    """Designs that parents are chosen from."""
    tournament: Annotated[int, Field(ge=1, le=100)] = 2
    """How many are drawn for a parent; the best of them becomes it."""
    crossover: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Probability that a child has two parents, each gene from either."""
    mutation: Annotated[float, Field(gt=0, le=1)] | None = None
    """Probability that a gene changes; by default 1 over the number of parameters."""


class _Evolution:
    """(µ + λ): the best of parents and children are the next parents; designs are never asked twice."""

    Options = EvolutionOptions
    independent = False

    def __init__(self, setting: Setting, options: EvolutionOptions) -> None:
        self.setting, self.options = setting, options
        self.rng = setting.rng()
        self.rate = options.mutation or 1 / max(setting.cube.width, 1)
        self.parents: list[tuple[Genes, Trial]] = []  # best first
        self.waiting: list[Genes] = []
        self.asked: dict[str, None] = {}

    def ask(self, n: int) -> list[Config]:
        self.waiting = []
        found: list[Config] = []
        for _ in range(n * _ATTEMPTS):
            if len(found) == n:
                break
            early = not self.parents or len(self.parents) + len(found) < self.options.population
            genes = self.setting.drawn(self.rng) if early else self._child()
            config = self.setting.design(genes)
            if config is None or text_of(config) in self.asked:
                genes = self.setting.neighbour(genes, self.rng, self.rate)
                config = self.setting.design(genes)
            if config is None or text_of(config) in self.asked:
                continue
            self.asked[text_of(config)] = None
            self.waiting.append(genes)
            found.append(config)
        return found

    def _child(self) -> Genes:
        first = self._parent()
        if self.rng.random() < self.options.crossover:
            first = np.where(self.rng.random(len(first)) < 0.5, first, self._parent())
        return self.setting.mutated(first, self.rng, self.rate)

    def _parent(self) -> Genes:
        # Parents are sorted: the least place is the best.
        place = int(self.rng.integers(len(self.parents), size=self.options.tournament).min())
        return self.parents[place][0]

    def tell(self, trials: Sequence[Trial]) -> None:
        everyone = self.parents + [*zip(self.waiting, trials, strict=True)]
        order = self._order([trial for _, trial in everyone])
        self.parents = [everyone[at] for at in order[: self.options.population]]
        self.waiting = []

    def _order(self, trials: list[Trial]) -> list[int]:
        """Positions, best first."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        return {
            "rng": rng_state(self.rng),
            "parents": [{"genes": genes.tolist(), **trial_state(trial)} for genes, trial in self.parents],
            "waiting": [genes.tolist() for genes in self.waiting],
            "asked": [*self.asked],
        }

    def restore(self, state: dict[str, Any]) -> None:
        set_rng(self.rng, state["rng"])
        self.parents = [(np.array(entry["genes"]), trial_of(entry)) for entry in state["parents"]]
        self.waiting = [np.array(genes) for genes in state["waiting"]]
        self.asked = dict.fromkeys(state["asked"])


class Genetic(_Evolution):
    """A genetic algorithm for one value, with operators for mixed parameters and elitism (µ + λ).

    Holland, Adaptation in Natural and Artificial Systems (1975).
    """

    several = False

    def _order(self, trials: list[Trial]) -> list[int]:
        return sorted(range(len(trials)), key=lambda at: (cost(trials[at]), at))


class Nsga2(_Evolution):
    """NSGA-II: fronts and crowding, constraints by domination.

    Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm, IEEE TEC 6(2), 2002.
    """

    several = True

    def _order(self, trials: list[Trial]) -> list[int]:
        feasible = [at for at, trial in enumerate(trials) if trial.feasible]
        others = [at for at, trial in enumerate(trials) if not trial.feasible]
        found: list[int] = []
        if feasible:
            values = np.array([trials[at].values for at in feasible], dtype=float)
            for front in fronts(values):
                distance = crowding(values[front])
                found += [feasible[front[at]] for at in np.argsort(-distance, kind="stable")]
        return found + sorted(others, key=lambda at: (cost(trials[at]), at))


def fronts(values: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Positions of ``values`` (n, objectives) by front: none of a front dominates another of it."""
    less_equal = (values[:, None, :] <= values[None, :, :]).all(axis=2)
    less = (values[:, None, :] < values[None, :, :]).any(axis=2)
    dominates = np.asarray(less_equal & less)
    dominated_by = np.asarray(dominates.sum(axis=0))
    left = np.ones(len(values), dtype=bool)
    found = []
    while left.any():
        front = np.flatnonzero(left & (dominated_by == 0))
        found.append(front)
        left[front] = False
        dominated_by = dominated_by - dominates[front].sum(axis=0)
    return found


def crowding(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Crowding distance of each row of a front, infinite at its ends."""
    distance = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0 and len(values) > 2:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance
