"""An ant colony: values that good designs have become more probable."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from arch.fields import Spec
from dse.evaluation import Config
from dse.optimisers.interface import Trial
from dse.optimisers.setting import Setting, cost, rng_state, set_rng, text_of, trial_of, trial_state
from dse.space.encoding import Indices

_ATTEMPTS = 30


class AntOptions(Spec):
    """Of the colony."""

    evaporation: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of all pheromone that is gone after each batch."""
    greediness: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Probability that an ant takes the value with the most pheromone instead of drawing."""
    elite: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Share of a batch that lays pheromone, besides the best design so far."""
    floor: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Least probability of a value, shared among the values: none is ever lost."""


class AntColony:
    """A max-min ant colony over the values of each parameter; floats are cut into 32.

    Dorigo and Stützle, Ant Colony Optimization (2004); the greedy choice is that of their ant colony system.
    """

    Options = AntOptions
    several = False
    independent = False

    def __init__(self, setting: Setting, options: AntOptions) -> None:
        self.setting, self.options = setting, options
        self.rng = setting.rng()
        self.indices = Indices(setting.space)
        self.trails = [np.full(size, 1.0 / size) for size in self.indices.sizes]
        self.best: Trial | None = None
        self.asked: dict[str, None] = {}

    def ask(self, n: int) -> list[Config]:
        found: list[Config] = []
        for _ in range(n * _ATTEMPTS):
            if len(found) == n:
                return found
            config = self.indices.decode([self._value(trail) for trail in self.trails])
            if self.setting.space.allowed(config) and text_of(config) not in self.asked:
                self.asked[text_of(config)] = None
                found.append(config)
        for config in self.setting.space.sample(self.rng, n - len(found)):  # all ants walk where others were
            self.asked[text_of(config)] = None
            found.append(config)
        return found

    def _value(self, trail: Any) -> int:
        if self.rng.random() < self.options.greediness:
            return int(trail.argmax())
        share = self.options.floor
        chances = (1 - share) * trail / trail.sum() + share / len(trail)
        return int(self.rng.choice(len(trail), p=chances / chances.sum()))

    def tell(self, trials: Sequence[Trial]) -> None:
        ranked = sorted(trials, key=cost)
        if ranked and (self.best is None or cost(ranked[0]) < cost(self.best)):
            self.best = ranked[0]
        layers = [t for t in ranked[: max(1, round(self.options.elite * len(ranked)))] if t.feasible]
        if self.best is not None and self.best.feasible:
            layers.append(self.best)
        if not layers:
            return
        for at, (p, trail) in enumerate(zip(self.setting.space.free, self.trails, strict=True)):
            trail *= 1 - self.options.evaporation
            for trial in layers:
                if p.name in trial.config:
                    index = int(self.indices.encode(trial.config)[at])
                    trail[index] += self.options.evaporation / len(layers)

    def state(self) -> dict[str, Any]:
        return {
            "rng": rng_state(self.rng),
            "trails": [trail.tolist() for trail in self.trails],
            "best": None if self.best is None else trial_state(self.best),
            "asked": [*self.asked],
        }

    def restore(self, state: dict[str, Any]) -> None:
        set_rng(self.rng, state["rng"])
        self.trails = [np.array(trail) for trail in state["trails"]]
        self.best = None if state["best"] is None else trial_of(state["best"])
        self.asked = dict.fromkeys(state["asked"])
