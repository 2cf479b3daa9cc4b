"""A window of a run as slices on tracks: what the ASIC works on, what each channel's rows, bus and pins do.

==============  ===========================================================================================
track           its slices
==============  ===========================================================================================
steps           an operator's step, from the first command of a channel to the last, or on the ASIC
refresh         a channel while it refreshes
rows            a row while it is open
commands        equal commands one behind the other as one slice
data bus        bursts, those that touch as one slice
==============  ===========================================================================================

All times are memory clock cycles; what reaches beyond the window is cut at its edges.  A window longer than
``DETAILED`` cycles shows steps and refreshes alone: no viewer opens the others of a large model's token.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch.device import Memory
from mapping.pim.plan import PimPlan
from mapping.pim.program import Routine, Step, Unit
from sim.pim.engine import Commands, Token
from sim.pim.running import Position

Ints = NDArray[np.int64]
Slice = tuple[str, str, int, int, str, dict[str, int]]
DETAILED = 200_000
COLUMNS = ("component", "track", "start", "end", "name", "detail")


def tables(
    plan: PimPlan, windows: Sequence[tuple[Position, Token]], begin: int, end: int
) -> dict[str, dict[str, list[Any]]]:
    """Tables ``slices`` and ``counters``, in the form of :mod:`sim.dram.timeline`."""
    slices: list[Slice] = []
    for position, token in windows:
        slices += _asic(plan, position, token)
    for channel in range(plan.pim.memory.channels):
        name = f"ch{channel}"
        logs = [
            (position, token.commands[channel]) for position, token in windows if token.commands is not None
        ]
        for position, log in logs:
            slices += _steps(plan, name, position, log)
        if logs:
            commands = np.concatenate([log.commands for _, log in logs])
            slices += _refreshes(plan.pim.memory, name, commands)
            if end - begin <= DETAILED:
                slices += _rows(plan.pim.memory, name, commands)
                slices += _bus(plan.pim.memory, name, commands)
                slices += _pins(plan.pim.memory, name, commands)
    tracks = {key: index for index, key in enumerate(dict.fromkeys((s[0], s[1]) for s in slices))}
    cut = [
        (component, track, max(start, begin), min(stop, end), what, detail)
        for component, track, start, stop, what, detail in slices
        if start < end and stop > begin
    ]
    cut.sort(key=lambda s: (tracks[s[0], s[1]], s[2], -s[3]))
    columns = dict(zip(COLUMNS, map(list, zip(*cut, strict=True)), strict=True)) if cut else {}
    return {
        "slices": columns or {name: [] for name in COLUMNS},
        "counters": {name: [] for name in ("component", "counter", "unit", "time", "value")},
    }


def _numbered(plan: PimPlan, position: Position) -> tuple[Ints, int]:
    """The steps of a layer below one another for all layers and the epilogue, and the size of a layer."""
    head = plan.decoding.lm_head and position.generates
    program = plan.program(position.context, head=head)
    parts = [np.tile(program.layer.steps, (program.layers, 1))]
    if program.epilogue is not None:
        parts.append(program.epilogue.steps)
    return np.concatenate(parts), len(program.layer.steps)


def _asic(plan: PimPlan, position: Position, token: Token) -> Iterator[Slice]:
    steps, size = _numbered(plan, position)
    for number in np.flatnonzero(steps[:, Step.UNIT] == Unit.ASIC).tolist():
        start, stop = int(token.begins[number]), int(token.ends[number])
        if stop > start:
            step = steps[number]
            operator = plan.operators[int(step[Step.OPERATOR])]
            what = Routine(int(step[Step.ROUTINE])).name.lower()
            detail = {"layer": number // size, "elements": int(step[Step.N]), "token": position.context}
            name = operator if operator == what else f"{operator}: {what}"
            yield "asic", "steps", start, stop, name, detail


def _steps(plan: PimPlan, component: str, position: Position, log: Commands) -> Iterator[Slice]:
    steps, size = _numbered(plan, position)
    if len(log.step) == 0:
        return
    change = np.flatnonzero(np.diff(log.step)) + 1
    for first, last in zip([0, *change.tolist()], [*change.tolist(), len(log.step)], strict=True):
        number = int(log.step[first])
        operator = plan.operators[int(steps[number, Step.OPERATOR])]
        start, stop = int(log.commands[first, 0]), int(log.commands[last - 1, 0]) + 1
        detail = {"layer": number // size, "token": position.context}
        yield component, "steps", start, stop, operator, detail


def _rows(memory: Memory, component: str, commands: Ints) -> Iterator[Slice]:
    does = {c.code: c for c in memory.commands}
    opened: dict[int, tuple[int, int]] = {}
    for cycle, code, bank, arg in commands.tolist():
        command = does[code]
        if command.does == "open":
            opened.setdefault(-1 if command.scope != "bank" else bank, (cycle, arg))
        elif command.does == "close" or command.closes:
            for place, (since, row) in opened.items():
                where = {"row": row} if place < 0 else {"row": row, "bank": place}
                yield component, "rows", since, cycle, f"row {row}", where
            opened.clear()


def _refreshes(memory: Memory, component: str, commands: Ints) -> Iterator[Slice]:
    for command in memory.commands:
        if command.does == "refresh":
            lasts = memory.timing.get("tRFC", 1)
            for cycle in commands[commands[:, 1] == command.code, 0].tolist():
                yield component, "refresh", cycle, cycle + lasts, command.name, {}


def _bus(memory: Memory, component: str, commands: Ints) -> Iterator[Slice]:
    names = {c.code: c.name for c in memory.commands}
    if len(commands) == 0:
        return
    code = commands[:, 1]
    change = np.flatnonzero(np.diff(code)) + 1
    for first, last in zip([0, *change.tolist()], [*change.tolist(), len(code)], strict=True):
        start, stop = int(commands[first, 0]), int(commands[last - 1, 0]) + 1
        n = last - first
        name = names[int(code[first])]
        yield component, "commands", start, stop, f"{name} × {n}" if n > 1 else name, {"commands": n}


def _pins(memory: Memory, component: str, commands: Ints) -> Iterator[Slice]:
    for command in memory.commands:
        if not command.burst:
            continue
        starts = commands[commands[:, 1] == command.code, 0] + command.latency
        if len(starts) == 0:
            continue
        change = np.flatnonzero(np.diff(starts) > command.burst) + 1
        for first, last in zip([0, *change.tolist()], [*change.tolist(), len(starts)], strict=True):
            start, stop = int(starts[first]), int(starts[last - 1]) + command.burst
            detail = {"bursts": last - first}
            yield component, "data bus", start, stop, f"data of {command.name}", detail
