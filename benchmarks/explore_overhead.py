"""What exploring costs beside the model: milliseconds a point, CPU of two workers over one, and resuming.

``python -m benchmarks.explore_overhead`` searches with a model that takes no time, so that all there is to
measure is asking, storing and telling; then with one that takes some ms of CPU, by one worker and by two;
then it goes on with a study of 20,000 points.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from dse.evaluation import Task, task_key
from dse.executors import Inline, Local
from dse.exploring import explore
from dse.store import Record, Store
from dse.study import Study, study_of

STUDY: Mapping[str, Any] = {
    "study": "overhead",
    "model": {"python": "benchmarks.explore_overhead:model", "metrics": {"time": "s"}, "set": {"work": 0}},
    "workloads": ["none"],
    "space": {name: {"integer": [0, 99]} for name in ("a", "b", "c")},
    "objectives": {"minimize": "time"},
    "optimizer": "random",
    "batch": 64,
}


def model(a: int, b: int, c: int, work: int, workload: str) -> dict[str, float]:
    """A sum, after ``work`` rounds of nothing."""
    for _ in range(work):
        pass
    return {"time": 1.0 + a + b * 100 + c * 10_000}


def study(evaluations: int, work: int = 0) -> Study:
    model = {**STUDY["model"], "set": {"work": work}}
    return study_of({**STUDY, "model": model, "budget": {"evaluations": evaluations}})


def cpu_seconds() -> float:
    """Of this process and of the workers that have ended."""
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime


def overhead(points: int) -> float:
    """Milliseconds of wall time a point beside the model."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = study(points)
        began = time.perf_counter()
        with Inline(wanted.evaluator) as executor:
            explore(wanted, folder, executor=executor)
        return (time.perf_counter() - began) / points * 1e3


def cpu(points: int, workers: int, work: int) -> float:
    """CPU seconds of a search."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = study(points, work)
        began = cpu_seconds()
        with Local(wanted.evaluator, workers) as executor:
            explore(wanted, folder, executor=executor)
        return cpu_seconds() - began


def resuming(points: int) -> float:
    """Seconds of going on with a study whose points have all been evaluated."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = study(points)
        with Inline(wanted.evaluator) as executor:
            explore(wanted, folder, executor=executor)
        began = time.perf_counter()
        with Inline(wanted.evaluator) as executor:
            outcome = explore(wanted, folder, executor=executor)
        assert outcome.evaluated == 0 and outcome.reused == points
        return time.perf_counter() - began


def storing(points: int) -> float:
    """Milliseconds for a record: made, written, synced every 0.2 s."""
    evaluator = study(1).evaluator
    digest = evaluator.workloads["none"]
    tasks = [Task({"a": i % 100, "b": i // 100 % 100, "c": i // 10_000}, "none") for i in range(points)]
    with tempfile.TemporaryDirectory() as folder, Store(folder).writer() as writer:
        began = time.perf_counter()
        for task in tasks:
            key = task_key(task, evaluator)
            writer.append(Record(key, task, digest, evaluator.version, {"time": 1.0}))
        writer.sync()
        return (time.perf_counter() - began) / points * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=20_000, help="of the study that is resumed")
    given = parser.parse_args()
    few = max(given.points // 10, 10)
    print(f"storing a record           {storing(given.points):.3f} ms")
    print(f"a point beside the model   {overhead(few):.3f} ms")
    work = 80_000
    one, two = cpu(few // 2, 1, work), cpu(few // 2, 2, work)
    print(f"CPU of 2 workers / of 1    {two:.2f} s / {one:.2f} s = {two / one:.3f}")
    print(f"resuming {given.points:,} points     {resuming(given.points):.2f} s")


if __name__ == "__main__":
    main()
