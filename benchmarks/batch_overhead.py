"""How much of a batch is not simulation: 100 small runs on 2 workers, from the command line.

The share is ``1 - simulated / (jobs x wall)``: ``simulated`` sums the wall seconds that the workers spend in
``sim.machine.simulate``, and ``wall`` is the whole command, Python's start included.  ``cold`` also compiles
the kernels, which happens once for each version; ``resumed`` finds everything finished.  What is outside
hardly depends on how long the runs are, so its share does: two lengths are measured.

    python -m benchmarks.batch_overhead [--runs 100] [--requests 500000 1000000] [--jobs 2] [--no-cold]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--requests", type=int, nargs="+", default=[500_000, 1_000_000], help="of each run")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-cold", action="store_true", help="leave out the batch that compiles first")
    parser.add_argument("--inside", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        _inside(*asked.inside)
    for requests in asked.requests:
        _batch(asked.runs, requests, asked.jobs, cold=not asked.no_cold and requests == asked.requests[0])
    return 0


def _batch(runs: int, requests: int, jobs: int, *, cold: bool) -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        spec = folder / "study.yaml"
        spec.write_text(json.dumps(_spec(runs, requests)))
        caches = {"cold": str(folder / "kernels")} if cold else {}
        for name, cache in {**caches, "warm": None}.items():
            wall, simulated = _measured(spec, folder / name, jobs, cache)
            assert len(simulated) == runs
            outside = 1 - sum(simulated) / (jobs * wall)
            each = 1000 * sum(simulated) / runs
            print(
                f"{name:8} {wall:7.2f} s for {runs} runs of {each:.0f} ms on {jobs} workers:"
                f" {outside:.1%} outside the simulators"
            )
        wall, simulated = _measured(spec, folder / "warm", jobs, None)
        print(f"resumed  {wall:7.2f} s, {runs - len(simulated)} runs kept")


def _spec(runs: int, requests: int) -> dict[str, object]:
    """Five systems, and as many seeds as it takes."""
    policies = ["open", "closed"]
    systems: list[object] = [
        {"name": f"{name}-{policy}", "system": name, "set": {"controller.page_policy": policy}}
        for name in ("ddr4_2400", "ddr3_1600")
        for policy in policies
    ] + ["ddr4_3200"]
    assert runs % len(systems) == 0, "a multiple of five"
    seeds = range(runs // len(systems))
    return {
        "systems": systems,
        "workloads": [
            {
                "name": f"r{s}",
                "workload": "random",
                "set": {"requests": requests, "seed": s, "write_share": 0.3},
            }
            for s in seeds
        ],
    }


def _measured(spec: Path, into: Path, jobs: int, cache: str | None) -> tuple[float, list[float]]:
    """Wall seconds of the command, and of each simulation in its workers."""
    environment = os.environ | ({} if cache is None else {"CYCLEWISE_CACHE": cache})
    log = into.with_suffix(".log")
    log.write_text("")
    command = [sys.executable, "-m", "benchmarks.batch_overhead", "--inside", str(log)]
    command += ["batch", str(spec), "-o", str(into), "-j", str(jobs)]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - began, [float(line) for line in log.read_text().splitlines()]


def _inside(log: str, *arguments: str) -> None:
    """The command, with every simulation in a worker timed."""
    import sim.machine
    from cyclewise.cli import program

    simulate, here = sim.machine.simulate, os.getpid()

    def timed(*given: Any) -> Any:
        began = time.perf_counter()
        report = simulate(*given)
        if os.getpid() != here:
            with open(log, "a") as file:
                file.write(f"{time.perf_counter() - began}\n")
        return report

    sim.machine.simulate = timed  # type: ignore[assignment]
    sys.argv = ["cyclewise", *arguments]
    program()


if __name__ == "__main__":
    sys.exit(main())
