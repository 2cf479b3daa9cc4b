"""Every optimiser, through the one interface: the same seed the same asks, also after a break."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.errors import InputError
from dse.evaluation import Config
from dse.optimisers import make, names
from dse.optimisers.catalogue import described
from dse.optimisers.interface import Optimizer, Trial
from dse.space import Space
from dse.study import study_of

SINGLE = ("one_at_a_time", "annealing", "ga", "aco", "gp")
CHECKOUT = Path(__file__).resolve().parents[3]


def space(**changes: Any) -> Space:
    """54 designs out of 4 * 3 * 8, one parameter with a condition, one constraint."""
    tree: dict[str, Any] = {
        "kind": {"choice": ["flat", "deep", "wide", "none"]},
        "order": {"ordinal": [1, 2, 4], "when": "kind != none"},
        "size": {"integer": [1, 8]},
    }
    study: dict[str, Any] = {
        "study": "toy",
        "model": {"python": "tests.dse.counted:toy", "metrics": {"time": "s"}},
        "workloads": ["a"],
        "space": {**tree, **changes},
        "constraints": {"fits": "size != 5 or kind == none"},
        "objectives": {"minimize": "time"},
        "optimizer": "random",
        "budget": {"evaluations": 9},
    }
    return study_of(study).space


def judged(config: Config) -> Trial:
    """Least, 0, for deep, 2 and 6; some designs have no metrics, some miss a constraint."""
    size = config["size"]
    assert isinstance(size, int)
    if size == 8:
        return Trial(config, None)
    value = (size - 6) ** 2 + {"deep": 0, "flat": 1, "wide": 2, "none": 3}[str(config["kind"])]
    value += abs(int(config.get("order", 2)) - 2)
    return Trial(config, (float(value),), 0.25 if size == 1 else 0.0)


def made(name: str, where: Space, seed: int = 1, batch: int = 8, **options: Any) -> Optimizer:
    if name == "optuna":
        pytest.importorskip("optuna", reason='needs "cyclewise[optuna]"')
    return make(name, where, seed=seed, objectives=1, batch=batch, budget=40, options=options)


def asked(optimizer: Optimizer, batches: list[int]) -> list[list[Config]]:
    found = []
    for n in batches:
        designs = optimizer.ask(n)
        optimizer.tell([judged(config) for config in designs])
        found.append(designs)
    return found


@pytest.mark.parametrize("name", names())
def test_the_same_seed_gives_the_same_asks(name: str) -> None:
    first = asked(made(name, space()), [8] * 5)
    assert asked(made(name, space()), [8] * 5) == first
    if name not in ("exhaustive", "one_at_a_time"):
        assert asked(made(name, space(), seed=2), [8] * 5) != first


@pytest.mark.parametrize("name", names())
def test_a_state_goes_on_where_it_was_taken(name: str) -> None:
    for cut in (0, 1, 3):
        optimizer = made(name, space())
        asked(optimizer, [7] * cut)
        state = json.loads(json.dumps(optimizer.state()))
        other = made(name, space())
        other.restore(state)
        assert asked(other, [7] * 3) == asked(optimizer, [7] * 3), f"after {cut} batches"


@pytest.mark.parametrize("name", names())
@settings(max_examples=8)
@given(batches=st.lists(st.integers(1, 20), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_every_ask_is_a_design(name: str, batches: list[int], seed: int) -> None:
    where = space()
    for n, designs in zip(batches, asked(made(name, where, seed), batches), strict=True):
        assert len(designs) <= n
        for config in designs:
            assert where.canonical(config) == config and where.allowed(config)


@pytest.mark.parametrize("name", ["random", "exhaustive", "sobol"])
def test_all_designs_come_once_and_then_no_more(name: str) -> None:
    where = space()
    designs = [c for batch in asked(made(name, where), [10] * 12) for c in batch]
    texts = [json.dumps(c, sort_keys=True) for c in designs]
    assert len(set(texts)) == len(texts)
    if name != "sobol":
        assert set(texts) == {json.dumps(c, sort_keys=True) for c in where}
        assert made(name, where).ask(0) == [] and asked(made(name, where), [10] * 12)[-1] == []


@pytest.mark.parametrize("name", [*SINGLE, "optuna"])
def test_who_learns_finds_the_best_more_often_than_chance(name: str) -> None:
    """80 of some 300 designs: chance alone finds the best in about a quarter of the runs."""
    where = space(size={"integer": [1, 32]})
    found = dict.fromkeys((name, "random"), 0)
    for who in found:
        for seed in range(10):
            batches = asked(made(who, where, seed, batch=4), [4] * 20)
            found[who] += any(c == {"kind": "deep", "order": 2, "size": 6} for b in batches for c in b)
    assert found[name] > found["random"], found


def test_several_values(tmp_path: Path) -> None:
    where = space()
    optimizer = make("nsga2", where, seed=0, objectives=2, batch=8, budget=64, options={"population": 8})
    seen: dict[str, tuple[float, float]] = {}
    for _ in range(8):
        designs = optimizer.ask(8)
        values = [(float(c["size"]), 9.0 - float(c["size"]) + (c["kind"] != "deep")) for c in designs]
        seen |= {json.dumps(c): v for c, v in zip(designs, values, strict=True)}
        optimizer.tell([Trial(c, v) for c, v in zip(designs, values, strict=True)])
    front = {v for v in seen.values() if v[0] + v[1] == 9.0}
    assert len(front) >= 6
    single = [name for name in names() if not described(name)[1]]
    assert single == ["one_at_a_time", "annealing", "ga", "aco"]
    for name in single:
        with pytest.raises(InputError, match="minimises one value"):
            make(name, where, seed=0, objectives=2, batch=8, budget=64, options={})


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("gaa", {}, 'did you mean "ga"'),
        ("ga", {"populatoin": 3}, "population"),
        ("ga", {"population": 0}, "population"),
        ("annealing", {"hot": "x"}, "hot"),
    ],
)
def test_wrong_names_and_options(name: str, options: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(name, space(), seed=0, objectives=1, batch=8, budget=9, options=options)


@pytest.mark.parametrize("name", ["ga", "aco", "gp", "annealing"])
def test_another_process_asks_the_same(name: str) -> None:
    program = (
        "import json; from tests.dse.optimisers.test_optimisers import *;"
        f"print(json.dumps(asked(made({name!r}, space()), [8] * 4)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout) == asked(made(name, space()), [8] * 4)
