"""Studies as environments: the libraries' own checkers, rewards by hand, every value within reach."""

import math
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from scipy.stats import chisquare

from arch.errors import InputError
from dse.environments import STUDY
from dse.environments.single import Actions, Form, StudyEnv
from tests.dse.counted import evaluations, write_study

BASELINE = {"size": 1, "ways": 1, "kind": "flat"}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(
        tmp_path, baseline=BASELINE, workloads=["a"], constraints={"fits": "size * ways <= 64"}
    )


FORMS = [(form, actions) for form in ("one_step", "sequential") for actions in ("discrete", "continuous")]


@pytest.mark.parametrize(("form", "actions"), FORMS)
def test_gymnasium_accepts_it(study: Path, form: Form, actions: Actions) -> None:
    env = gymnasium.make(STUDY, study=study, form=form, actions=actions)
    check_env(env.unwrapped, skip_render_check=True)


@pytest.mark.parametrize("actions", ["discrete", "continuous"])
def test_pettingzoo_accepts_it(study: Path, actions: Actions) -> None:
    pytest.importorskip("pettingzoo")
    from pettingzoo.test import parallel_api_test

    from dse.environments.parallel import parallel_env

    parallel_api_test(parallel_env(study, actions=actions), num_cycles=20)


def test_the_reward_is_the_gain_over_the_baseline(study: Path, tmp_path: Path) -> None:
    env = StudyEnv(study)
    env.reset(seed=0)
    seen, reward, terminated, truncated, info = env.step(np.array([11, 1, 0]))  # size 12, 2 ways, flat
    assert info["config"] == {"size": 12, "ways": 2, "kind": "flat"} and info["feasible"]
    assert info["value"] == pytest.approx(3.0)
    assert reward == pytest.approx(math.log(101 / 3))
    assert (terminated, truncated) == (True, False)
    assert seen.tolist() == pytest.approx([1, 1, 1, 11.5 / 16, 1.5 / 4, 0.5 / 3, reward])
    env.reset()
    env.step(np.array([11, 1, 0]))
    assert evaluations(tmp_path)["a 12 2 flat"] == 1  # a design is evaluated once


def test_what_cannot_be_has_the_floor(study: Path) -> None:
    env = StudyEnv(study, floor=-3.0)
    for action in ([15, 3, 0], [7, 0, 2]):  # 16 * 8 is forbidden; the model raises
        env.reset()
        _, reward, _, _, info = env.step(np.array(action))
        assert (reward, info["feasible"], info["value"]) == (-3.0, False, None)
    assert env.judge.evaluations == 1


def test_without_a_baseline_the_reward_is_minus_the_value(tmp_path: Path) -> None:
    env = StudyEnv(write_study(tmp_path, workloads=["a"]))
    env.reset()
    assert env.step(np.array([11, 1, 0]))[1] == pytest.approx(-3.0)


def test_one_parameter_after_the_other(study: Path) -> None:
    env = StudyEnv(study, form="sequential")
    seen, info = env.reset()
    assert not seen.any() and info["action_mask"].tolist() == [1] * 16
    seen, reward, terminated, _, info = env.step(11)
    assert seen.tolist() == pytest.approx([1, 0, 0, 11.5 / 16, 0, 0, 0]) and (reward, terminated) == (
        0,
        False,
    )
    assert info["action_mask"].sum() == 4
    env.step(1)
    *_, info = env.step(0)
    assert info["config"] == {"size": 12, "ways": 2, "kind": "flat"}


@pytest.mark.parametrize("actions", ["discrete", "continuous"])
def test_uniform_actions_give_uniform_values(study: Path, actions: Actions) -> None:
    """Every value of every parameter, each as often as the others."""
    env = StudyEnv(study, actions=actions)
    env.action_space.seed(1)
    counts: dict[str, dict[Any, int]] = {}
    for _ in range(20_000):
        env.reset()
        *_, info = env.step(env.action_space.sample())
        for name, value in info["config"].items():
            counts.setdefault(name, {})[value] = counts.setdefault(name, {}).get(value, 0) + 1
    for p in env.judge.study.space.free:
        assert p.values is not None and counts[p.name].keys() == set(p.values)
        assert chisquare([*counts[p.name].values()]).pvalue > 1e-4


def test_all_agents_get_the_reward_of_one(study: Path) -> None:
    pytest.importorskip("pettingzoo")
    from dse.environments.parallel import parallel_env

    env, single = parallel_env(study), StudyEnv(study)
    env.reset()
    single.reset()
    actions = dict(zip(env.possible_agents, (11, 1, 0), strict=True))
    seen, rewards, ended, _, infos = env.step(actions)
    expected = single.step(np.array([11, 1, 0]))
    assert set(rewards.values()) == {expected[1]} and all(ended.values()) and env.agents == []
    assert all(np.array_equal(each, expected[0]) for each in seen.values())
    assert infos["size"]["config"] == expected[4]["config"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"form": "whole"}, "one_step, sequential"),
        ({"actions": "any"}, "discrete, continuous"),
        ({"reward": "x"}, "gain, negative"),
        ({"study": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_wrong_arguments(study: Path, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        StudyEnv(**{"study": study, **arguments})


def test_several_objectives_and_no_baseline_are_refused(tmp_path: Path) -> None:
    several = write_study(tmp_path, objectives={"minimize": ["time", "energy"]}, optimizer="random")
    with pytest.raises(InputError, match="weighted or chebyshev"):
        StudyEnv(several)
    with pytest.raises(InputError, match="no baseline"):
        StudyEnv(write_study(tmp_path), reward="gain")
