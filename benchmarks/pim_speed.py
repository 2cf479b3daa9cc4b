"""Tokens and commands per second of the PIM machine, with and without events that take in many commands.

``python -m benchmarks.pim_speed`` simulates 1,024 tokens of each of the eight models of the PIM-GPT paper on
one core; ``--models`` and ``--tokens`` choose others.  The figure to keep is the ratio of CPU times between
two ways of simulating the same commands in the same process.  Compilation is not counted.
"""

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import arch
from mapping.pim.plan import PimPlan, plan
from sim.pim.running import run
from sim.pim.tables import Events
from workloads.transformer import decoding

MODELS = (
    "gpt2_small",
    "gpt2_medium",
    "gpt2_large",
    "gpt2_xl",
    "gpt3_small",
    "gpt3_medium",
    "gpt3_large",
    "gpt3_xl",
)


class Measured(NamedTuple):
    """One model: simulated tokens and commands, memory cycles, and CPU seconds, planning included."""

    tokens: int
    commands: int
    cycles: int
    cpu: float


def measured(laid: PimPlan, events: Events) -> Measured:
    """Simulate every token of the plan."""
    began = time.process_time()
    done = run(laid, events=events)
    spent = time.process_time() - began
    return Measured(len(done.tokens), int(done.engine.counts().sum()), done.engine.cycle, spent)


def laid_out(system: str, model: str, tokens: int) -> PimPlan:
    """The model on the machine."""
    return plan(arch.load(system).spec.resolve(), decoding(model, {"tokens": tokens}))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.pim_speed", description=__doc__.split("\n")[0])
    parser.add_argument("--system", default="pim_gpt")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--tokens", type=int, default=1024, help="to generate")
    parser.add_argument("--single", type=int, default=8, help="tokens simulated command by command, too")
    asked = parser.parse_args(arguments)
    run(laid_out(asked.system, asked.models[0], 1))  # compiled, or loaded from the cache
    total = Measured(0, 0, 0, 0.0)
    print(f"{'model':12} {'tokens':>6} {'commands':>14} {'CPU s':>7} {'Mcommands/s':>12} {'single':>7}")
    for model in asked.models:
        found = measured(laid_out(asked.system, model, asked.tokens), Events.REPEATS)
        few = laid_out(asked.system, model, min(asked.single, asked.tokens))
        fast = measured(few, Events.REPEATS)
        slow = measured(few, Events.COMMANDS)
        if (fast.cycles, fast.commands) != (slow.cycles, slow.commands):
            print(f"{model}: the two ways differ", file=sys.stderr)
            return 1
        total = Measured(
            total.tokens + found.tokens,
            total.commands + found.commands,
            total.cycles + found.cycles,
            total.cpu + found.cpu,
        )
        rate = found.commands / found.cpu / 1e6
        print(
            f"{model:12} {found.tokens:6} {found.commands:14,} {found.cpu:7.2f} {rate:12.1f}"
            f" {slow.cpu / fast.cpu:6.1f}×"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = total.commands / total.cpu / 1e6
    print(f"{'all':12} {total.tokens:6} {total.commands:14,} {total.cpu:7.2f} {rate:12.1f}")
    print(f"single: CPU time command by command over that with runs and repeats; peak memory {peak:.0f} MiB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
