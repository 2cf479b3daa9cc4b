"""Designs that do not depend on what others came to: random, low-discrepancy, all of them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from arch.fields import Spec
from dse.evaluation import Config, Value
from dse.optimisers.interface import Trial
from dse.optimisers.setting import Setting, rng_state, set_rng, text_of

_ATTEMPTS = 20
_LISTED = 1 << 16  # designs of a space that is listed to find the last ones


class NoOptions(Spec):
    """None."""


class _Sampling:
    several = True
    independent = True

    def __init__(self, setting: Setting, options: Spec) -> None:
        self.setting = setting
        self.rng = setting.rng()
        self.asked: dict[str, None] = {}

    def tell(self, trials: Sequence[Trial]) -> None: ...

    def state(self) -> dict[str, Any]:
        return {"rng": rng_state(self.rng), "asked": [*self.asked]}

    def restore(self, state: dict[str, Any]) -> None:
        set_rng(self.rng, state["rng"])
        self.asked = dict.fromkeys(state["asked"])

    def fresh(self, config: Config) -> bool:
        """Is the design a new one?  It is remembered."""
        text = text_of(config)
        if text in self.asked:
            return False
        self.asked[text] = None
        return True


class Random(_Sampling):
    """Uniform over canonical allowed designs, none of them twice."""

    Options = NoOptions

    def ask(self, n: int) -> list[Config]:
        found: list[Config] = []
        for _ in range(_ATTEMPTS):
            drawn = self.setting.space.sample(self.rng, n - len(found))
            found += [config for config in drawn if self.fresh(config)]
            if len(found) == n:
                return found
        size = self.setting.space.size()
        if size is not None and size <= _LISTED:  # few are left
            rest = [dict(config) for config in self.setting.space if text_of(config) not in self.asked]
            chosen = [rest[i] for i in self.rng.permutation(len(rest))[: n - len(found)]]
            found += [config for config in chosen if self.fresh(config)]
        return found


class Exhaustive(_Sampling):
    """Every design once, the last parameter changing fastest."""

    Options = NoOptions

    def __init__(self, setting: Setting, options: Spec) -> None:
        super().__init__(setting, options)
        self.done = 0
        self.rest: Iterator[dict[str, Value]] = iter(setting.space)

    def ask(self, n: int) -> list[Config]:
        found: list[Config] = [dict(config) for config in islice(self.rest, n)]
        self.done += len(found)
        return found

    def state(self) -> dict[str, Any]:
        return {"done": self.done}

    def restore(self, state: dict[str, Any]) -> None:
        self.done = state["done"]
        self.rest = islice(self.setting.space, self.done, None)


class Sobol(_Sampling):
    """Points of a scrambled Sobol sequence, made canonical (scipy.stats.qmc; Owen scrambling).

    Points whose design is not allowed, or was asked before, are passed over.
    """

    Options = NoOptions
    _most = 1 << 20  # points; the sequence is good for more, but a search that needs them is lost
    _in_vain = 1 << 12  # points in a row without a new design, which end it

    def __init__(self, setting: Setting, options: Spec) -> None:
        super().__init__(setting, options)
        self.drawn = self.vain = 0
        self.engine = self._engine()

    def _engine(self) -> Any:
        from scipy.stats import qmc

        return qmc.Sobol(self.setting.cube.width, scramble=True, seed=self.setting.seed)

    def ask(self, n: int) -> list[Config]:
        found: list[Config] = []
        while len(found) < n and self.drawn < self._most and self.vain < self._in_vain:
            (point,) = self.engine.random(1)
            self.drawn += 1
            self.vain += 1
            config = self.setting.design(point)
            if config is not None and self.fresh(config):
                found.append(config)
                self.vain = 0
        return found

    def state(self) -> dict[str, Any]:
        return {**super().state(), "drawn": self.drawn, "vain": self.vain}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.engine, self.drawn, self.vain = self._engine(), state["drawn"], state["vain"]
        if self.drawn:
            self.engine.fast_forward(self.drawn)


class LatinHypercube(_Sampling):
    """Latin hypercube samples of the size of the budget (or 1,024), made canonical (scipy.stats.qmc)."""

    Options = NoOptions

    def __init__(self, setting: Setting, options: Spec) -> None:
        super().__init__(setting, options)
        self.cubes = 0
        self.points: list[Any] = []

    def ask(self, n: int) -> list[Config]:
        found: list[Config] = []
        while len(found) < n and self.cubes < _ATTEMPTS + 1:
            if not self.points:
                if self.cubes == _ATTEMPTS:
                    break
                self.points = self._cube(self.cubes)
                self.cubes += 1
            config = self.setting.design(self.points.pop(0))
            if config is not None and self.fresh(config):
                found.append(config)
        return found

    def _cube(self, number: int) -> list[Any]:
        from scipy.stats import qmc

        size = self.setting.budget or 1024
        return [
            *qmc.LatinHypercube(self.setting.cube.width, seed=self.setting.seed + 7919 * number).random(size)
        ]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "cubes": self.cubes, "left": len(self.points)}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.cubes = state["cubes"]
        points = self._cube(self.cubes - 1) if self.cubes else []
        self.points = points[len(points) - state["left"] :]
