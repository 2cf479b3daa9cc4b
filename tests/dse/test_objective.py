"""Scores: against values computed by hand."""

from typing import Any

import pytest

from arch.errors import InputError
from dse.objective import archgym_reward, read_objective
from dse.space import Constraint
from dse.space.expression import parse_expression
from sim.report import MetricDeclaration

METRICS = (
    MetricDeclaration("time", "s", True, "t"),
    MetricDeclaration("energy", "J", True, "e"),
    MetricDeclaration("power", "W", True, "p"),
    MetricDeclaration("bandwidth", "B/s", False, "b"),
)
ONE = {"a": {"time": 2.0, "energy": 8.0, "power": 4.0, "bandwidth": 10.0}}
TWO = {**ONE, "b": {"time": 8.0, "energy": 2.0, "power": 0.25, "bandwidth": 1.0}}


def test_archgyms_reward_peaks_at_its_target() -> None:
    assert archgym_reward(1, 1.00289) == pytest.approx(346.02, abs=0.01)
    assert archgym_reward(1, 0.99) == pytest.approx(100)
    assert archgym_reward(1, 1) == 1000 == archgym_reward(1, 1.0000001)


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        ({"minimize": "time"}, (2.0,)),
        ({"maximize": "bandwidth"}, (-10.0,)),
        ({"minimize": ["time", "energy"]}, (2.0, 8.0)),
        ({"minimize": "edp"}, (16.0,)),
        ({"minimize": "ed2p"}, (32.0,)),
        ({"target": {"power": {"at_most": "2 W"}}}, (1.0,)),
        ({"target": {"power": {"at_most": "5 W"}, "time": {"at_least": "4 s"}}}, (0.5,)),
        ({"weighted": {"time": 0.5, "bandwidth": 0.1}}, (0.0,)),
        ({"weighted": {"time": {"weight": 3, "scale": "500 ms", "ideal": "1 s"}}}, (6.0,)),
        ({"chebyshev": {"time": 1, "energy": 0.5}}, (4.0 + 0.05 * 6.0,)),
        ({"archgym_target": {"power": "2 W"}}, (-1.0,)),
    ],
)
def test_forms_of_objectives(wanted: Any, values: tuple[float, ...]) -> None:
    assert read_objective(wanted, METRICS).score(ONE).values == pytest.approx(values)


@pytest.mark.parametrize(
    ("aggregate", "time"),
    [
        ("geometric_mean", 4.0),
        ("mean", 5.0),
        ("sum", 10.0),
        ("max", 8.0),
        ({"weighted": {"a": 3, "b": 1}}, 3.5),
    ],
)
def test_workloads_are_brought_together_as_stated(aggregate: Any, time: float) -> None:
    found = read_objective({"minimize": "time"}, METRICS, aggregate=aggregate, workloads=("a", "b"))
    assert found.score(TWO).values == pytest.approx((time,))


def test_a_constraint_must_hold_on_every_workload() -> None:
    holds = parse_expression("power <= 2000 mW", ["power"], [])
    found = read_objective({"minimize": "time"}, METRICS, constraints=[Constraint("cool", holds)])
    assert found.score(TWO).violation == pytest.approx(1.0)  # 4 W on the first, though 1 W together


def test_minimising_power_alone_is_warned_of() -> None:
    assert "slow" in read_objective({"minimize": "power"}, METRICS).warnings[0]
    assert not read_objective({"minimize": ["power", "time"]}, METRICS).warnings


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "no objectives"),
        ({"minimise": "time"}, "minimize"),
        ({"minimize": "enrgy"}, 'did you mean "energy"'),
        ({"target": {"power": 1}}, "at_most"),
        ({"target": {"power": {"at_most": 1}}}, "with a unit"),
        ({"target": {"power": {"at_most": "1 ms"}}}, "with a unit"),
        ({"archgym_target": {"power": "fast"}}, "with a unit"),
        ({"weighted": {"time": -1}}, "above 0"),
        ({"minimize": ["time", "time"]}, "twice"),
    ],
)
def test_bad_objectives_are_refused(wanted: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_objective(wanted, METRICS)
