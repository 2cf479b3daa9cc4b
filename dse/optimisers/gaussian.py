"""Bayesian optimisation with a Gaussian process."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from arch.fields import Spec
from dse.evaluation import Config
from dse.optimisers.interface import Trial
from dse.optimisers.setting import Setting, rng_state, set_rng, text_of, trial_of, trial_state
from dse.space.encoding import OneHot

Floats = NDArray[np.float64]

_LENGTHS = (0.3, 0.6, 1.0, 1.8, 3.0)
_NOISES = (1e-6, 1e-3)
_AUGMENTATION = 0.05


class GaussianOptions(Spec):
    """Of the model and of how it is asked."""

    initial: Annotated[int, Field(ge=2)] = 20
    """Random designs before the model is asked."""
    candidates: Annotated[int, Field(ge=16, le=100_000)] = 512
    """Random designs among which the most promising is looked for, besides neighbours of the best."""
    points: Annotated[int, Field(ge=20, le=5_000)] = 300
    """Most designs that the model is fitted to: half of them the best, the others the latest."""


class GaussianProcess:
    """Gaussian process, Matérn 5/2 on one-hot features, and expected improvement.

    Jones et al., Journal of Global Optimization 13 (1998).  Further designs of a batch are chosen as if those
    before had come to what the model expects of them (kriging believer: Ginsbourger et al., 2010).  Several
    values: ParEGO (Knowles, IEEE TEC 10(1), 2006), new random weights for each design.  Length scale and
    noise are those of a small grid with the greatest likelihood.
    """

    Options = GaussianOptions
    several = True
    independent = False

    def __init__(self, setting: Setting, options: GaussianOptions) -> None:
        self.setting, self.options = setting, options
        self.rng = setting.rng()
        self.features = OneHot(setting.space)
        self.trials: list[Trial] = []
        self.rows: list[Floats] = []
        self.asked: dict[str, None] = {}

    def ask(self, n: int) -> list[Config]:
        ready = sum(trial.feasible for trial in self.trials)
        if len(self.trials) < self.options.initial or ready < 2:
            return self._random(n)
        found: list[Config] = []
        rows = np.array(self.rows)
        targets, kept = self._targets(self._weights())
        points = rows[kept]
        length, noise = _fitted(points, targets)
        for number in range(n):
            if number and self.setting.objectives > 1:  # what is believed under other weights does not fit
                targets, kept = self._targets(self._weights())
                points = rows[kept]
            candidates = self._candidates()
            if not candidates:
                break
            place = np.array([self.features.encode(c) for c in candidates])
            mean, deviation = _posterior(points, targets, place, length, noise)
            best = int(_expected_improvement(mean, deviation, float(targets.min())).argmax())
            config = candidates[best]
            found.append(config)
            self.asked[text_of(config)] = None
            points = np.vstack([points, place[best]])
            targets = np.append(targets, mean[best])
        return found

    def _random(self, n: int) -> list[Config]:
        found: list[Config] = []
        for _ in range(20):
            for config in self.setting.space.sample(self.rng, n - len(found)):
                if text_of(config) not in self.asked:
                    self.asked[text_of(config)] = None
                    found.append(config)
            if len(found) == n:
                break
        return found

    def _weights(self) -> Floats:
        return np.asarray(self.rng.dirichlet(np.ones(self.setting.objectives)))

    def _targets(self, weights: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Standardised values of the designs that the model is fitted to, and which these are."""
        feasible = np.array([trial.feasible for trial in self.trials])
        values = np.array([t.values for t in self.trials if t.feasible], dtype=float)
        if (values > 0).all():
            values = np.log(values)  # times and energies differ by factors
        if self.setting.objectives > 1:
            span = np.ptp(values, axis=0)
            scaled = (values - values.min(axis=0)) / np.where(span > 0, span, 1.0) * weights
            single = scaled.max(axis=1) + _AUGMENTATION * scaled.sum(axis=1)
        else:
            single = values[:, 0]
        every = np.full(len(self.trials), single.max())  # what has no value is as bad as the worst
        every[feasible] = single
        kept = np.arange(len(every))
        if len(every) > self.options.points:
            half = self.options.points // 2
            kept = np.union1d(np.argsort(every, kind="stable")[:half], kept[-half:])
        chosen = every[kept]
        return (chosen - chosen.mean()) / (chosen.std() or 1.0), kept

    def _candidates(self) -> list[Config]:
        drawn: list[Config] = [*self.setting.space.sample(self.rng, self.options.candidates)]
        rate = 1.5 / max(self.setting.cube.width, 1)
        order = sorted((t for t in self.trials if t.feasible), key=lambda t: t.values or ())
        for trial in order[:8]:
            genes = self.setting.genes(trial.config, self.rng.random(self.setting.cube.width))
            for _ in range(16):
                config = self.setting.design(self.setting.mutated(genes, self.rng, rate))
                if config is not None:
                    drawn.append(config)
        fresh = {text_of(config): config for config in drawn}
        return [config for text, config in fresh.items() if text not in self.asked]

    def tell(self, trials: Sequence[Trial]) -> None:
        self.trials += trials
        self.rows += [self.features.encode(trial.config) for trial in trials]

    def state(self) -> dict[str, Any]:
        trials = [trial_state(trial) for trial in self.trials]
        return {"rng": rng_state(self.rng), "trials": trials, "asked": [*self.asked]}

    def restore(self, state: dict[str, Any]) -> None:
        set_rng(self.rng, state["rng"])
        self.trials = [trial_of(trial) for trial in state["trials"]]
        self.rows = [self.features.encode(trial.config) for trial in self.trials]
        self.asked = dict.fromkeys(state["asked"])


def matern(first: Floats, second: Floats, length: float) -> Floats:
    """Matérn 5/2 covariance of two sets of points, (n, d) and (m, d): (n, m)."""
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1)[None, :] - 2 * first @ second.T
    scaled = np.sqrt(5 * np.maximum(squares, 0.0)) / length
    return np.asarray((1 + scaled + scaled**2 / 3) * np.exp(-scaled))


def _fitted(points: Floats, targets: Floats) -> tuple[float, float]:
    """Length scale and noise of the greatest likelihood."""
    from scipy.linalg import cho_solve, cholesky

    best, chosen = -math.inf, (1.0, 1e-3)
    for length in _LENGTHS:
        covariance = matern(points, points, length)
        for noise in _NOISES:
            factor = cholesky(covariance + (noise + 1e-9) * np.eye(len(points)), lower=True)
            weights = cho_solve((factor, True), targets)
            likelihood = -0.5 * float(targets @ weights) - float(np.log(np.diag(factor)).sum())
            if likelihood > best:
                best, chosen = likelihood, (length, noise)
    return chosen


def _posterior(
    points: Floats, targets: Floats, place: Floats, length: float, noise: float
) -> tuple[Floats, Floats]:
    """Mean and standard deviation at ``place``, (m,) each."""
    from scipy.linalg import cho_solve, cholesky, solve_triangular

    covariance = matern(points, points, length) + (noise + 1e-9) * np.eye(len(points))
    factor = cholesky(covariance, lower=True)
    across = matern(points, place, length)
    mean = across.T @ cho_solve((factor, True), targets)
    solved = solve_triangular(factor, across, lower=True)
    variance = np.maximum(1.0 - (solved**2).sum(axis=0), 1e-12)
    return np.asarray(mean), np.sqrt(variance)


def _expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    from scipy.special import ndtr

    gain = (best - mean) / deviation
    density = np.exp(-0.5 * gain**2) / math.sqrt(2 * math.pi)
    return np.asarray(deviation * (gain * ndtr(gain) + density))
