"""A study as a PettingZoo environment: one agent for each parameter, all with the same reward."""

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from arch.errors import InputError
from dse.environments.judging import FLOOR, Features, Judge, Reward, Source, details
from dse.environments.single import Actions
from dse.space.encoding import Indices, UnitCube

try:
    from pettingzoo import ParallelEnv
except ImportError:
    message = 'PettingZoo is not installed: pip install "cyclewise[rl]"'
    raise InputError(message, field="dse.environments.parallel") from None


class ParallelStudyEnv(ParallelEnv[str, Features, Any]):  # type: ignore[misc]  # it has no types
    """Each agent chooses the parameter that it is called by; the episode is one step.

    Args:
        study, reward, floor: see :class:`dse.environments.judging.Judge`.
        actions: ``discrete``, an index, or ``continuous``, from -1 to 1, cut into uniform bins.

    Every agent sees the same, float32 (2 d + 1,), as of :class:`dse.environments.single.StudyEnv`: zeros at
    first, at the end the design and the reward.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "cyclewise_study_v0",
        "render_modes": [],
        "is_parallelizable": True,
    }
    render_mode = None

    def __init__(
        self,
        study: Source,
        actions: Actions = "discrete",
        reward: Reward | None = None,
        floor: float = FLOOR,
    ) -> None:
        if actions not in ("discrete", "continuous"):
            raise InputError("", field="actions", given=actions, accepted="discrete, continuous")
        self.judge = Judge(study, reward, floor)
        self.discrete = actions == "discrete"
        space = self.judge.study.space
        self.indices, self.cube = Indices(space), UnitCube(space)
        self.possible_agents = [p.name for p in space.free]
        self.agents: list[str] = []
        self._seen = spaces.Box(-np.inf, np.inf, (self.judge.width,), np.float32)
        self._actions: dict[str, spaces.Space[Any]] = {
            name: spaces.Discrete(size) if self.discrete else spaces.Box(-1.0, 1.0, (1,), np.float32)
            for name, size in zip(self.possible_agents, self.indices.sizes, strict=True)
        }

    def observation_space(self, agent: str) -> spaces.Box:
        return self._seen

    def action_space(self, agent: str) -> "spaces.Space[Any]":
        return self._actions[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Features], dict[str, dict[str, Any]]]:
        self.agents = list(self.possible_agents)
        seen = self.judge.features({}, None)
        return {agent: seen.copy() for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, Features], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]
    ]:
        given = [np.asarray(actions[agent]).reshape(-1)[0] for agent in self.possible_agents]
        if self.discrete:
            config = self.indices.decode([int(index) for index in given])
        else:
            config = self.cube.decode([(float(x) + 1) / 2 for x in given])
        verdict = self.judge(config)
        seen, info = self.judge.features(config, verdict), details(self.judge, config, verdict)
        agents, self.agents = self.agents, []
        return (
            {agent: seen.copy() for agent in agents},
            dict.fromkeys(agents, verdict.reward),
            dict.fromkeys(agents, True),
            dict.fromkeys(agents, False),
            {agent: dict(info) for agent in agents},
        )

    def render(self) -> None:
        """There is nothing to draw."""


parallel_env = ParallelStudyEnv
