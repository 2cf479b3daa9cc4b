"""Failures and the baseline come out of the store; records of other models and workloads do not."""

import dataclasses
import types
from pathlib import Path
from typing import Any

from dse.evaluation import Task, task_key
from dse.objective import read_objective
from dse.statistics.stored import baseline_of, failures_of
from dse.store import Failure, Record, Store
from sim.report import MetricDeclaration

MODEL: Any = types.SimpleNamespace(version="m1", workloads={"a": "d1", "b": "d2"})
STUDY: Any = types.SimpleNamespace(
    evaluator=MODEL,
    workloads=("a", "b"),
    fidelity="full",
    baseline={"size": 2},
    objective=read_objective(
        {"minimize": "time"}, [MetricDeclaration("time", "s", True, "")], aggregate="sum"
    ),
)


def record(workload: str, time: float | None, **config: int) -> Record:
    task = Task(config, workload)
    failure = Failure("timeout", f"{config} took too long") if time is None else None
    metrics = None if time is None else {"time": time}
    return Record(task_key(task, MODEL), task, MODEL.workloads[workload], "m1", metrics, failure)


def test_the_baseline_is_scored_over_all_workloads(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(record("a", 3.0, size=2))
    assert baseline_of(store, STUDY) is None
    store.add(record("b", 4.0, size=2))
    assert baseline_of(store, STUDY) == (7.0,)


def test_failures_of_this_model_and_its_workloads(tmp_path: Path) -> None:
    store = Store(tmp_path)
    mine = record("a", None, size=4)
    store.add(mine)
    store.add(record("b", 1.0, size=4))
    store.add(dataclasses.replace(mine, key="0", version="m0"))
    store.add(dataclasses.replace(mine, key="1", workload_digest="old"))
    (failed,) = failures_of(store, STUDY)
    assert (failed.config, failed.workload, failed.kind) == ({"size": 4}, "a", "timeout")
    assert "took too long" in failed.message
