"""What optimisers share: what they are made with, genes, and an order of trials."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.evaluation import Config, Value
from dse.optimisers.interface import Trial
from dse.space import Space
from dse.space.encoding import UnitCube

Genes = NDArray[np.float64]
"""Coordinates in the unit cube, one for each free parameter, those without effect included: shape (d,)."""

_ATTEMPTS = 50


@dataclass(frozen=True)
class Setting:
    """What every optimiser is made with; see :func:`dse.optimisers.make`."""

    space: Space
    seed: int
    objectives: int
    batch: int
    budget: int | None

    def rng(self) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(self.seed))

    @cached_property
    def cube(self) -> UnitCube:
        return UnitCube(self.space)

    def design(self, genes: Genes) -> dict[str, Value] | None:
        """The design of genes; None if it is not allowed."""
        config = self.cube.decode(genes.tolist())
        return config if self.space.allowed(config) else None

    def drawn(self, rng: np.random.Generator) -> Genes:
        """Genes of a design drawn uniformly; those without effect are random."""
        (config,) = self.space.sample(rng, 1)
        return self.genes(config, rng.random(self.cube.width))

    def genes(self, config: Config, others: Genes) -> Genes:
        """Genes of a design; those without effect from ``others``."""
        active = np.array([p.name in config for p in self.space.free])
        return np.where(active, self.cube.encode(config), others)

    def mutated(self, genes: Genes, rng: np.random.Generator, rate: float) -> Genes:
        """Each gene changed with probability ``rate``, at least one of them.

        Ordered values move to a near one (a distance of 1, 2, 3 … with halving probability), or anywhere one
        time in four; choices take any other value.
        """
        found = genes.copy()
        chosen = rng.random(len(genes)) < rate
        chosen[rng.integers(len(genes))] |= not chosen.any()
        for at in np.flatnonzero(chosen):
            p = self.space.free[at]
            if p.values is None:
                step = rng.normal(0.0, 0.1) if rng.random() < 0.75 else rng.random() - found[at]
                found[at] = np.clip(found[at] + step, 0.0, 1.0)
                continue
            size = len(p.values)
            if size == 1:
                continue
            index = min(int(found[at] * size), size - 1)
            if p.ordered and rng.random() < 0.75:
                distance = int(rng.geometric(0.5)) * (1 if rng.random() < 0.5 else -1)
                other = index + distance
                if not 0 <= other < size:
                    other = index - distance
                other = min(max(other, 0), size - 1)
            else:
                other = int(rng.integers(size - 1))
                other += other >= index
            found[at] = (other + 0.5) / size
        return found

    def neighbour(self, genes: Genes, rng: np.random.Generator, rate: float) -> Genes:
        """Mutated genes of an allowed design; drawn anew if 50 attempts give none."""
        for _ in range(_ATTEMPTS):
            found = self.mutated(genes, rng, rate)
            if self.design(found) is not None:
                return found
        return self.drawn(rng)


def text_of(config: Config) -> str:
    """A design as text, to know it again."""
    return json.dumps(dict(config), sort_keys=True)


def cost(trial: Trial) -> tuple[int, float]:
    """Order of trials with one value: feasible ones by it, then by violation, then those without metrics."""
    if trial.values is None:
        return 2, 0.0
    return (1, trial.violation) if trial.violation else (0, trial.values[0])


def rng_state(rng: np.random.Generator) -> dict[str, Any]:
    """As plain JSON values."""
    return dict(rng.bit_generator.state)


def set_rng(rng: np.random.Generator, state: Mapping[str, Any]) -> None:
    rng.bit_generator.state = dict(state)


def trial_of(content: Mapping[str, Any]) -> Trial:
    """A trial from :func:`trial_state`."""
    values = content["values"]
    return Trial(content["config"], None if values is None else tuple(values), content["violation"])


def trial_state(trial: Trial) -> dict[str, Any]:
    """A trial as plain JSON values."""
    values = None if trial.values is None else list(trial.values)
    return {"config": dict(trial.config), "values": values, "violation": trial.violation}
