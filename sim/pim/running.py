"""All tokens of a plan through the engine, one request after the other, and what is kept of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arch.pim_device import Pim
from mapping.pim.plan import PimPlan
from mapping.pim.program import Routine
from sim.pim import asic
from sim.pim.engine import Engine, Token
from sim.pim.tables import Events, X

Progress = Callable[[int, int | None], None]


class Position(NamedTuple):
    """One token to be taken in: whose it is, how many tokens it attends to, whether it gives a new one."""

    number: int  # of all tokens, from 0
    request: int
    context: int
    generates: bool


@dataclass
class Recorded:
    """What is kept of a run.

    ``tokens``: int64 (tokens, 7): request, context, start, cycles, MAC columns, activates, generated.
    ``windows``: the commands of the tokens that were asked for.  Cycles are of the memory clock.
    """

    engine: Engine
    tokens: NDArray[np.int64]
    windows: list[tuple[Position, Token]] = field(default_factory=list)
    cpu_seconds: float = 0.0


def positions(plan: PimPlan) -> Iterator[Position]:
    """The tokens of all requests, in order."""
    number = 0
    for index, request in enumerate(plan.decoding.requests):
        for step in range(request.steps):
            yield Position(number, index, step + 1, step + 1 >= request.prompt)
            number += 1


def engine_of(plan: PimPlan, events: Events = Events.REPEATS) -> Engine:
    """A fresh engine for the plan's machine."""
    pim = plan.pim
    return Engine(
        pim,
        len(plan.operators),
        plan.decoding.model.layers,
        lambda routine, n: asic.cycles(Routine(routine), n, pim.asic),
        events,
    )


def run(
    plan: PimPlan,
    *,
    events: Events = Events.REPEATS,
    tokens: range = range(0),
    cycles: tuple[int, int] = (0, 0),
    progress: Progress | None = None,
) -> Recorded:
    """Simulate every token.

    Args:
        plan: what lies where, and what is asked.
        events: how much the kernel takes in one stride.
        tokens: numbers of those whose commands are kept.
        cycles: those that overlap these memory cycles are kept as well.
        progress: called with tokens done and their total now and then.
    """
    engine = engine_of(plan, events)
    total = plan.decoding.steps
    rows = np.zeros((total, 7), np.int64)
    kept = Recorded(engine, rows)
    codes = _codes(plan.pim)
    macs, opens = engine.issued(codes["compute"]), engine.issued(codes["open"])
    request = -1
    for position in positions(plan):
        if position.request != request:
            request = position.request
            arrival = plan.decoding.requests[request].arrival
            engine.wait_until(ceil(arrival / plan.pim.memory.clock_period))
        head = plan.decoding.lm_head and position.generates
        program = plan.program(position.context, head=head)
        began = time.process_time()
        wanted = position.number in tokens or (engine.cycle < cycles[1] and cycles[0] < cycles[1])
        done = engine.run(program, commands=wanted)
        kept.cpu_seconds += time.process_time() - began
        if wanted and (position.number in tokens or done.end > cycles[0]):
            kept.windows.append((position, done))
        macs_now, opens_now = engine.issued(codes["compute"]), engine.issued(codes["open"])
        rows[position.number] = (
            request,
            position.context,
            done.start,
            done.end - done.start,
            macs_now - macs,
            opens_now - opens,
            position.generates,
        )
        macs, opens = macs_now, opens_now
        if progress is not None and position.number % 16 == 15:
            progress(position.number + 1, total)
    return kept


def _codes(pim: Pim) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for command in pim.memory.commands:
        found.setdefault(command.does, []).append(command.code)
    return found


def rebased(windows: list[tuple[Position, Token]], channels: int) -> list[NDArray[np.int64]]:
    """The kept commands of each channel as one stream; the first token begins in cycle 1."""
    start = windows[0][1].start - 1 if windows else 0
    streams = []
    for channel in range(channels):
        parts = [found.commands[channel].commands for _, found in windows if found.commands is not None]
        stream = np.concatenate(parts) if parts else np.zeros((0, 4), np.int64)
        stream[:, 0] -= start
        streams.append(stream)
    return streams


def open_cycles(engine: Engine) -> int:
    """Cycles with a bank open, summed over channels."""
    return int(engine.states[:, X.open_cycles].sum())
