"""The loop of a search: the same bytes for any number of workers, budgets, failures, shares."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

import cyclewise as cw
from arch.errors import InputError
from cyclewise.exploration import collect, explore_share
from dse.evaluation import Task, task_key
from dse.study import read_study
from tests.dse.counted import evaluations, results, write_study

NAMES = ["random", "sobol", "lhs", "one_at_a_time", "annealing", "ga", "aco", "gp", "exhaustive"]


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    study = write_study(tmp_path, optimizers=["ga", "random", "annealing"])
    found = []
    for jobs in (1, 2, 3):
        cw.explore(study, output=tmp_path / f"out{jobs}", jobs=jobs)
        found.append(results(tmp_path / f"out{jobs}"))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 4


@pytest.mark.parametrize("name", NAMES)
def test_the_budget_counts_unique_designs(tmp_path: Path, name: str) -> None:
    study = write_study(tmp_path, optimizer={"name": name})
    outcome = cw.explore(study, output=tmp_path / "out", jobs=1).outcome
    (run,) = outcome.runs
    lines = [json.loads(line) for line in (tmp_path / f"out/trajectories/{name}-3.jsonl").open()]
    designs = {json.dumps(line["config"], sort_keys=True) for line in lines}
    assert run.unique == len(designs) == sum(line["fresh"] for line in lines) <= 40
    if name != "one_at_a_time":
        assert (run.unique, run.ended) == (40, "budget")
    assert max(evaluations(tmp_path).values()) == 1


def test_a_second_run_evaluates_nothing(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    first = cw.explore(study, output=tmp_path / "out", jobs=1)
    before = results(tmp_path / "out")
    second = cw.explore(study, output=tmp_path / "out", jobs=2)
    assert second.outcome.evaluated == 0
    assert second.outcome.reused == first.outcome.evaluated == evaluations(tmp_path).total()
    assert results(tmp_path / "out") == before


def test_a_larger_budget_goes_on_from_a_smaller_one(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    cw.explore(study, output=tmp_path / "out", jobs=1, evaluations=16)
    cw.explore(study, output=tmp_path / "out", jobs=1)
    cw.explore(write_study(tmp_path), output=tmp_path / "fresh", jobs=1)
    assert results(tmp_path / "out")["ga-3.jsonl"]
    assert results(tmp_path / "out") == results(tmp_path / "fresh")


def test_failures_are_records_with_their_message(tmp_path: Path) -> None:
    study = write_study(tmp_path, optimizer={"name": "exhaustive"}, budget={"evaluations": 192})
    outcome = cw.explore(study, output=tmp_path / "out", jobs=2).outcome
    assert outcome.failures == {"failed: ValueError: no such cache": 8}  # four of them under two workloads
    assert outcome.runs[0].failed == 4
    again = cw.explore(study, output=tmp_path / "out", jobs=1).outcome
    assert again.evaluated == 0
    table = (tmp_path / "out/results.csv").read_text()
    assert table.count("no such cache") == 8


def test_wall_time_ends_a_search_that_can_go_on(tmp_path: Path) -> None:
    study = write_study(tmp_path, nap=0.01, budget={"evaluations": 192}, optimizer={"name": "random"})
    first = cw.explore(study, output=tmp_path / "out", jobs=1, wall="0.3 s").outcome
    assert first.runs[0].ended == "wall" and 0 < first.runs[0].unique < 192
    last = cw.explore(study, output=tmp_path / "out", jobs=1).outcome
    assert last.runs[0].unique == 192 and max(evaluations(tmp_path).values()) == 1


def test_an_interrupt_keeps_what_was_evaluated(tmp_path: Path) -> None:
    study = write_study(tmp_path, nap=0.02)
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        cw.explore(study, output=tmp_path / "out", jobs=1)
    done = evaluations(tmp_path).total()
    assert done > 0
    outcome = cw.explore(study, output=tmp_path / "out", jobs=1).outcome
    assert evaluations(tmp_path).total() - len(evaluations(tmp_path)) <= 1  # the one in flight
    assert outcome.reused >= done - 1


def test_keys_tell_apart_all_that_matters(tmp_path: Path) -> None:
    evaluator = read_study(write_study(tmp_path)).evaluator
    task = Task({"size": 1, "ways": 2, "kind": "flat"}, "a")
    key = task_key(task, evaluator)
    assert task_key(Task({"kind": "flat", "ways": 2, "size": 1}, "a"), evaluator) == key
    others = [
        Task({"size": 2, "ways": 2, "kind": "flat"}, "a"),
        Task({"size": 1.0, "ways": 2, "kind": "flat"}, "a"),
        Task(task.config, "b"),
        Task(task.config, "a", "coarse"),
        Task(task.config, "a", "full", 1),
    ]
    assert len({key, *(task_key(other, evaluator) for other in others)}) == len(others) + 1
    changed = (tmp_path / "model.py").read_text().replace("- 11", "- 12")
    (tmp_path / "model.py").write_text(changed)
    assert task_key(task, read_study(tmp_path / "study.yaml").evaluator) != key


def test_shares_come_together(tmp_path: Path) -> None:
    """Every design is evaluated in one share; the collected study is that of one computer."""
    study = write_study(tmp_path, optimizers=["random", "sobol"])
    cw.explore(study, output=tmp_path / "alone", jobs=1)
    (tmp_path / "log").unlink()
    shares = [tmp_path / f"share{i}" for i in (1, 2, 3)]
    for i, folder in enumerate(shares, start=1):
        explore_share(study, f"{i}/3", output=folder, jobs=1)
    assert max(evaluations(tmp_path).values()) == 1
    found = collect(study, shares, output=tmp_path / "together", jobs=1)
    assert found.outcome.evaluated == 0
    assert results(tmp_path / "together") == results(tmp_path / "alone")
    assert not (shares[0] / "index.html").exists()


def test_a_share_that_was_lost_is_made_up_for(tmp_path: Path) -> None:
    study = write_study(tmp_path, optimizer={"name": "random"})
    explore_share(study, "2/2", output=tmp_path / "two", jobs=1)
    found = collect(study, [tmp_path / "two"], output=tmp_path / "together", jobs=1)
    assert found.outcome.evaluated > 0 and found.outcome.runs[0].unique == 40
    assert max(evaluations(tmp_path).values()) == 1


@pytest.mark.parametrize("share", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", ""])
def test_shares_that_there_are_not(tmp_path: Path, share: str) -> None:
    with pytest.raises(InputError, match="I/N"):
        explore_share(write_study(tmp_path, optimizer={"name": "random"}), share, output=tmp_path / "out")


def test_who_learns_is_not_shared_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ga learns"):
        explore_share(write_study(tmp_path), "1/2", output=tmp_path / "out")
