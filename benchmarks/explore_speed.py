"""CPU milliseconds of a DRAM-controller design under each trace, and what a second worker costs.

``python -m benchmarks.explore_speed`` draws designs of ``examples/dram_controller.yaml`` and evaluates each
under all traces, in this order, as a study does.  The kernel's share is measured in the same runs.  The
figure to keep is the ratio of CPU times of two workers and of one, over the same designs.
"""

import argparse
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dse.evaluation import Config, Evaluator, Task
from dse.processes import outcomes
from dse.tabular.listing import listing
from sim.dram.channel import Channel

STUDY = Path(__file__).parent.parent / "examples" / "dram_controller.yaml"


class _Kernel:
    """Counts the CPU seconds spent inside the channel."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.run = Channel.run

    def __enter__(self) -> "_Kernel":
        def timed(channel: Channel, until: int, stop_on: int = 0) -> int:
            began = time.process_time()
            reason = self.run(channel, until, stop_on)
            self.seconds += time.process_time() - began
            return reason

        Channel.run = timed  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        Channel.run = self.run  # type: ignore[method-assign]


def per_trace(evaluator: Evaluator, designs: Sequence[Config]) -> Mapping[str, tuple[float, float]]:
    """CPU milliseconds of a design by workload, and those of the kernel."""
    spent = {workload: [0.0, 0.0] for workload in evaluator.workloads}
    for design in designs:
        for workload, sums in spent.items():
            with _Kernel() as kernel:
                began = time.process_time()
                evaluator(Task(design, workload))
                sums[0] += time.process_time() - began
            sums[1] += kernel.seconds
    return {
        w: (1e3 * all_ / len(designs), 1e3 * inside / len(designs)) for w, (all_, inside) in spent.items()
    }


def cpu_of(evaluator: Evaluator, designs: Sequence[Config], workers: int) -> float:
    """CPU seconds, of this process and its workers, for all designs under all workloads."""
    before = _cpu()
    tasks = [Task(design, workload) for design in designs for workload in evaluator.workloads]
    for outcome in outcomes(evaluator, tasks, workers=workers, prepare=evaluator.prepare):
        assert outcome.failure is None, outcome.failure
    return _cpu() - before


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.explore_speed", description=__doc__.split("\n")[0])
    parser.add_argument("--study", type=Path, default=STUDY)
    parser.add_argument("--designs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    _, evaluator, space = listing(given.study)
    designs = space.sample(np.random.default_rng(given.seed), given.designs)
    evaluator.prepare()
    per_trace(evaluator, designs[:3])
    found = per_trace(evaluator, designs)
    print(f"{'workload':20} {'ms a design':>12} {'kernel':>8}")
    for workload, (whole, kernel) in found.items():
        print(f"{workload:20} {whole:12.2f} {kernel / whole:8.0%}")
    print(f"{'mean':20} {sum(whole for whole, _ in found.values()) / len(found):12.2f}")
    one, two = (cpu_of(evaluator, designs, workers) for workers in (1, 2))
    print(f"CPU of 2 workers / of 1: {two:.2f} s / {one:.2f} s = {two / one:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
