"""What an environment says of a design: reward, observation and what is behind them."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError
from dse.evaluation import Config, EvaluationError, Task
from dse.objective import Score
from dse.space.encoding import UnitCube
from dse.study import Study, read_study, study_of

Source = Study | str | os.PathLike[str] | Mapping[str, Any]
Reward = Literal["gain", "negative"]
Features = NDArray[np.float32]

FLOOR = -10.0
"""Reward of a design that breaks a constraint or has no metrics, unless another is given."""


@dataclass(frozen=True)
class Verdict:
    """What became of a design: its score, None without one, and the reward."""

    score: Score | None
    reward: float
    feasible: bool


class Judge:
    """Evaluates designs of a study, each once, and turns scores into rewards.

    Args:
        source: a study, its file, or its content.
        reward: ``gain`` is ln(baseline / value), positive for designs better than the baseline; ``negative``
            is minus the value.  By default gain where the study has a baseline of a positive value.
        floor: reward of a design that breaks a constraint or has no metrics.

    Raises:
        InputError: a wrong study, one with several objectives, or gain without a baseline.
    """

    def __init__(self, source: Source, reward: Reward | None = None, floor: float = FLOOR) -> None:
        self.study = _study(source)
        if len(self.study.objective.goals) > 1:
            names = ", ".join(self.study.objective.names)
            accepted = "one value: weighted or chebyshev bring several together"
            raise InputError("an agent has one reward", field="objectives", given=names, accepted=accepted)
        if reward not in (None, "gain", "negative"):
            raise InputError("", field="reward", given=reward, accepted="gain, negative")
        self.floor = floor
        self.evaluations = 0
        self._known: dict[tuple[tuple[str, Any], ...], Verdict] = {}
        self.study.evaluator.prepare()
        found = None if reward == "negative" else self._baseline()
        if found is None and reward == "gain":
            message = "there is no baseline with a positive value to gain on"
            raise InputError(message, field="reward", given=reward, accepted="negative")
        self.baseline = found
        self.reward: Reward = "negative" if found is None else "gain"

    def __call__(self, config: Config) -> Verdict:
        """The verdict on a canonical design."""
        key = tuple(config.items())
        if key not in self._known:
            self._known[key] = self._verdict(config)
        return self._known[key]

    def features(self, chosen: Config, verdict: Verdict | None) -> Features:
        """Of each free parameter whether it is chosen, then where (0 to 1), then the reward; 0: unknown."""
        free = self.study.space.free
        cube = UnitCube(self.study.space).encode(chosen)
        set_ = np.array([p.name in chosen for p in free])
        reward = 0.0 if verdict is None else verdict.reward
        return np.concatenate([set_, np.where(set_, cube, 0.0), [reward]]).astype(np.float32)

    @property
    def width(self) -> int:
        """How many features there are."""
        return 2 * len(self.study.space.free) + 1

    def _verdict(self, config: Config) -> Verdict:
        if not self.study.space.allowed(config):
            return Verdict(None, self.floor, False)
        self.evaluations += 1
        score = self._score(config)
        if score is None:
            return Verdict(None, self.floor, False)
        value = score.values[0]
        if self.baseline is None:
            reward = -value
        else:
            reward = math.log(self.baseline / value) if value > 0 else math.inf
        if score.violation or not math.isfinite(reward):
            return Verdict(score, self.floor, False)
        return Verdict(score, reward, True)

    def _baseline(self) -> float | None:
        study = self.study
        if not study.baseline and study.evaluator.system_yaml({}) is None:
            return None
        score = self._score(dict(study.baseline))
        return score.values[0] if score is not None and 0 < score.values[0] < math.inf else None

    def _score(self, config: Config) -> Score | None:
        study = self.study
        try:
            found = {w: study.evaluator(Task(config, w, study.fidelity)) for w in study.workloads}
        except EvaluationError:
            return None
        score = study.objective.score(found, config)
        return score if all(map(math.isfinite, score.values)) else None


def _study(source: Source) -> Study:
    if isinstance(source, Study):
        return source
    return study_of(source) if isinstance(source, Mapping) else read_study(Path(source))


def details(judge: Judge, config: Config, verdict: Verdict) -> dict[str, Any]:
    """What goes into ``info`` beside the reward."""
    score = verdict.score
    return {
        "config": dict(config),
        "feasible": verdict.feasible,
        "value": None if score is None else score.values[0],
        "metrics": {} if score is None else dict(score.metrics),
        "evaluations": judge.evaluations,
    }
