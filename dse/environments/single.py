"""A study as a Gymnasium environment: one agent chooses all parameters."""

from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces

from arch.errors import InputError
from dse.environments.judging import FLOOR, Features, Judge, Reward, Source, details
from dse.space.encoding import Indices, UnitCube

Form = Literal["one_step", "sequential"]
Actions = Literal["discrete", "continuous"]


class StudyEnv(gymnasium.Env[Features, Any]):
    """Chooses a design of a study; the episode ends with its reward.

    Args:
        study: a study, its file, or its content.
        form: ``one_step``, all parameters in one action (a contextual bandit), or ``sequential``, one
            parameter a step in the order of the space, with the reward at the last.
        actions: ``discrete``, an index for each parameter, or ``continuous``, from -1 to 1, cut into uniform
            bins.  A sequential discrete action counts modulo the parameter's values; ``info["action_mask"]``
            says which actions stand for themselves.
        reward, floor: see :class:`dse.environments.judging.Judge`.

    Observations, float32 (2 d + 1,) for d free parameters: whether each is chosen, where (0 to 1), reward;
    zeros for what is not known yet.  ``info`` of the last step: ``config``, ``feasible``, ``value``,
    ``metrics``, ``evaluations`` (designs evaluated so far; a design is evaluated once).

    Raises:
        InputError: a wrong study, form or kind of actions.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  (as Env declares it)

    def __init__(
        self,
        study: Source,
        form: Form = "one_step",
        actions: Actions = "discrete",
        reward: Reward | None = None,
        floor: float = FLOOR,
    ) -> None:
        if form not in ("one_step", "sequential"):
            raise InputError("", field="form", given=form, accepted="one_step, sequential")
        if actions not in ("discrete", "continuous"):
            raise InputError("", field="actions", given=actions, accepted="discrete, continuous")
        self.judge = Judge(study, reward, floor)
        self.form, self.discrete = form, actions == "discrete"
        space = self.judge.study.space
        self.indices, self.cube = Indices(space), UnitCube(space)
        sizes = self.indices.sizes
        self.observation_space = spaces.Box(-np.inf, np.inf, (self.judge.width,), np.float32)
        if form == "sequential":
            self.action_space = (
                spaces.Discrete(max(sizes)) if self.discrete else spaces.Box(-1.0, 1.0, (1,), np.float32)
            )
        else:
            self.action_space = (
                spaces.MultiDiscrete([*sizes])
                if self.discrete
                else spaces.Box(-1.0, 1.0, (len(sizes),), np.float32)
            )
        self.chosen: list[float] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Features, dict[str, Any]]:
        super().reset(seed=seed)
        self.chosen = []
        return self.judge.features({}, None), self._masked()

    def step(self, action: Any) -> tuple[Features, float, bool, bool, dict[str, Any]]:
        given = np.atleast_1d(np.asarray(action)).tolist()
        sizes = self.indices.sizes
        for value in given:
            at = len(self.chosen)
            self.chosen.append(int(value) % sizes[at] if self.discrete else (float(value) + 1) / 2)
        if len(self.chosen) < len(sizes):
            return self._so_far(), 0.0, False, False, self._masked()
        config = self._config()
        verdict = self.judge(config)
        info = details(self.judge, config, verdict)
        return self.judge.features(config, verdict), verdict.reward, True, False, info

    def _config(self) -> dict[str, Any]:
        if self.discrete:
            return self.indices.decode([int(index) for index in self.chosen])
        return self.cube.decode(self.chosen)

    def _so_far(self) -> Features:
        found = self.judge.features({}, None)
        d = len(self.indices.sizes)
        for at, value in enumerate(self.chosen):
            found[at] = 1.0
            found[d + at] = (value + 0.5) / self.indices.sizes[at] if self.discrete else value
        return found

    def _masked(self) -> dict[str, Any]:
        if self.form != "sequential" or not self.discrete:
            return {}
        size = self.indices.sizes[len(self.chosen)]
        return {"action_mask": (np.arange(max(self.indices.sizes)) < size).astype(np.int8)}
