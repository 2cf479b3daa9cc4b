"""Simulated annealing: chains that take worse designs less and less often."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from arch.fields import Spec
from dse.evaluation import Config
from dse.optimisers.interface import Trial
from dse.optimisers.setting import Genes, Setting, cost, rng_state, set_rng, trial_of, trial_state


class AnnealingOptions(Spec):
    """Of the chains."""

    hot: Annotated[float, Field(gt=0, le=100)] = 0.3
    """Temperature at the beginning: a design worse by this share is taken with probability 1/e."""
    cold: Annotated[float, Field(gt=0, le=100)] = 0.003
    """Temperature when the budget is spent; it falls by equal factors."""
    chains: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Designs that walk side by side."""
    patience: Annotated[int, Field(ge=1)] = 30
    """Steps without a better design after which a chain starts anew elsewhere."""


class Annealing:
    """Simulated annealing with restarts (Kirkpatrick et al., Science 220, 1983)."""

    Options = AnnealingOptions
    several = False
    independent = False

    def __init__(self, setting: Setting, options: AnnealingOptions) -> None:
        self.setting, self.options = setting, options
        self.rng = setting.rng()
        self.rate = 1 / max(setting.cube.width, 1)
        self.chains: list[tuple[Genes, Trial] | None] = [None] * options.chains
        self.stale = [0] * options.chains
        self.told = 0
        self.turn = 0
        self.waiting: list[tuple[int, Genes]] = []

    def ask(self, n: int) -> list[Config]:
        self.waiting = []
        found: list[Config] = []
        for _ in range(n):
            chain = self.turn % self.options.chains
            self.turn += 1
            current = self.chains[chain]
            genes = (
                self.setting.drawn(self.rng)
                if current is None
                else self.setting.neighbour(current[0], self.rng, self.rate)
            )
            config = self.setting.design(genes)
            assert config is not None
            self.waiting.append((chain, genes))
            found.append(config)
        return found

    def tell(self, trials: Sequence[Trial]) -> None:
        for (chain, genes), trial in zip(self.waiting, trials, strict=True):
            self.told += 1
            current = self.chains[chain]
            better = current is None or cost(trial) < cost(current[1])
            self.stale[chain] = 0 if better else self.stale[chain] + 1
            if better or (current is not None and self._taken(current[1], trial)):
                self.chains[chain] = genes, trial
            if self.stale[chain] >= self.options.patience:
                self.chains[chain], self.stale[chain] = None, 0
        self.waiting = []

    def _taken(self, old: Trial, new: Trial) -> bool:
        chance = float(self.rng.random())
        (kind, before), (other, after) = cost(old), cost(new)
        if kind != other:
            return False
        worse = (after - before) / (abs(before) or 1.0)
        return chance < math.exp(-worse / self._temperature)

    @property
    def _temperature(self) -> float:
        spent = min(1.0, self.told / (self.setting.budget or 1000))
        return float(self.options.hot * (self.options.cold / self.options.hot) ** spent)

    def state(self) -> dict[str, Any]:
        chains = [None if c is None else {"genes": c[0].tolist(), **trial_state(c[1])} for c in self.chains]
        waiting = [[chain, genes.tolist()] for chain, genes in self.waiting]
        numbers = {"told": self.told, "turn": self.turn, "stale": self.stale}
        return {"rng": rng_state(self.rng), "chains": chains, "waiting": waiting, **numbers}

    def restore(self, state: dict[str, Any]) -> None:
        set_rng(self.rng, state["rng"])
        self.chains = [None if c is None else (np.array(c["genes"]), trial_of(c)) for c in state["chains"]]
        self.waiting = [(chain, np.array(genes)) for chain, genes in state["waiting"]]
        self.told, self.turn, self.stale = state["told"], state["turn"], [*state["stale"]]
