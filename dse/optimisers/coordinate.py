"""One parameter at a time: what each of its values does while the others stay."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from arch.fields import Spec
from dse.evaluation import Config
from dse.optimisers.interface import Trial
from dse.optimisers.setting import Genes, Setting, cost, rng_state, set_rng, text_of, trial_of, trial_state


class OneAtATimeOptions(Spec):
    """Of the walk."""

    start: dict[str, Any] = Field(default_factory=dict)
    """Values to start from; by default the middle one of each parameter."""


class OneAtATime:
    """All values of each parameter around a design, then around the best of them, then around a random one.

    A round is a one-at-a-time sensitivity analysis; rounds after it are coordinate descent.
    """

    Options = OneAtATimeOptions
    several = False
    independent = False

    def __init__(self, setting: Setting, options: OneAtATimeOptions) -> None:
        self.setting = setting
        self.rng = setting.rng()
        self.asked: dict[str, None] = {}
        self.centre: Genes | None = self._start(options.start)
        self.best: tuple[Genes, Trial] | None = None
        self.queue: list[Genes] = [self.centre]
        self.waiting: list[Genes] = []

    def _start(self, given: Mapping[str, Any]) -> Genes:
        genes = np.full(self.setting.cube.width, 0.5)
        for at, p in enumerate(self.setting.space.free):
            if p.name in given:
                genes[at] = self.setting.cube.encode({p.name: p.check(given[p.name])})[at]
        return genes if self.setting.design(genes) is not None else self.setting.drawn(self.rng)

    def ask(self, n: int) -> list[Config]:
        self.waiting = []
        found: list[Config] = []
        while len(found) < n:
            if not self.queue:
                if found:
                    break  # what is asked next depends on these
                if not self._round():
                    return []
                continue
            genes = self.queue.pop(0)
            config = self.setting.design(genes)
            if config is None or text_of(config) in self.asked:
                continue
            self.asked[text_of(config)] = None
            self.waiting.append(genes)
            found.append(config)
        return found

    def _round(self) -> bool:
        """Queue the designs around the best one; around a random one if the best was the centre already."""
        if self.best is not None and not (
            self.centre is not None and np.array_equal(self.best[0], self.centre)
        ):
            self.centre = self.best[0]
            self.queue = self._around(self.centre)
            return True
        for _ in range(100):
            genes = self.setting.drawn(self.rng)
            config = self.setting.design(genes)
            if config is not None and text_of(config) not in self.asked:
                self.centre, self.best = None, None
                self.queue = [genes]
                return True
        return False

    def _around(self, genes: Genes) -> list[Genes]:
        found = []
        for at, p in enumerate(self.setting.space.free):
            size = 8 if p.values is None else len(p.values)
            for index in range(size):
                other = genes.copy()
                other[at] = (index + 0.5) / size
                found.append(other)
        return found

    def tell(self, trials: Sequence[Trial]) -> None:
        for genes, trial in zip(self.waiting, trials, strict=True):
            if self.best is None or cost(trial) < cost(self.best[1]):
                self.best = genes, trial
        self.waiting = []

    def state(self) -> dict[str, Any]:
        best = None if self.best is None else {"genes": self.best[0].tolist(), **trial_state(self.best[1])}
        return {
            "rng": rng_state(self.rng),
            "asked": [*self.asked],
            "centre": None if self.centre is None else self.centre.tolist(),
            "best": best,
            "queue": [genes.tolist() for genes in self.queue],
            "waiting": [genes.tolist() for genes in self.waiting],
        }

    def restore(self, state: dict[str, Any]) -> None:
        set_rng(self.rng, state["rng"])
        self.asked = dict.fromkeys(state["asked"])
        self.centre = None if state["centre"] is None else np.array(state["centre"])
        best = state["best"]
        self.best = None if best is None else (np.array(best["genes"]), trial_of(best))
        self.queue = [np.array(genes) for genes in state["queue"]]
        self.waiting = [np.array(genes) for genes in state["waiting"]]
