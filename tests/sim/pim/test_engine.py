"""The engine against a model that looks every rule up cycle by cycle, and its strides against one another."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
from arch.pim_device import Pim
from mapping.pim.program import Block, Instruction, Kind, Program, Step, Unit
from sim.pim.engine import Engine
from sim.pim.tables import Events, X
from tests.reference import pim_timing

STEPS = st.sampled_from([Unit.CHANNELS, Unit.CHANNELS, Unit.CHANNELS, Unit.ASIC])

machines = st.fixed_dictionaries(
    {},
    optional={
        "all_bank_act": st.just("ganged4"),
        "pin_rate": st.sampled_from(["16 Gbit/s", "8 Gbit/s", "3 Gbit/s"]),
        "units.lanes": st.sampled_from([4, 8, 16]),
        "units.accumulators": st.integers(1, 3),
        "units.readout": st.sampled_from(["bf16", "fp32"]),
        "asic.clock": st.sampled_from(["1 GHz", "300 MHz", "1700 MHz"]),
        "dram.clock": st.sampled_from(["1 GHz", "700 MHz"]),
        "dram.controller.refresh": st.just("none"),
        "dram.timing.tREFI": st.sampled_from(["600 ns", "1000 ns", "1733 ns"]),
        "dram.timing.tRFC": st.sampled_from(["100 ns", "455 ns"]),
        "dram.timing.tCCD": st.sampled_from(["1 ns", "3 ns"]),
        "dram.timing.tRTP": st.sampled_from(["1 ns", "9 ns"]),
        "dram.timing.tFAW": st.sampled_from(["24.5 ns", "60 ns"]),
        "dram.timing.tCLREG": st.sampled_from(["0.1 ns", "14 ns"]),
        "dram.constraints.tRRD_S.window": st.just(2),
    },
)
"""Keys to set, besides fewer channels and short rows."""

SMALL = ("dram.channels=2", "dram.organization.columns=8", "dram.organization.rows=256")


@cache
def machine(*overrides: str) -> Pim:
    pim: Pim = arch.load("pim_gpt", [*SMALL, *overrides]).spec.resolve()
    return pim


def cost(routine: int, n: int) -> int:
    return 7 * routine + n


@st.composite
def instructions(draw: st.DrawFn, pim: Pim, long: bool) -> list[int]:
    codes = {c.name: c.code for c in pim.memory.commands}
    kind = draw(st.sampled_from(Kind))
    segments = draw(st.integers(1, 60 if long and kind is Kind.SWEEP else 4))
    reuse = draw(st.integers(1, 2))
    i = dict.fromkeys(Instruction, 0)
    i |= {
        Instruction.KIND: int(kind),
        Instruction.BANK: -1,
        Instruction.START: draw(st.integers(0, 40)),
        Instruction.N: draw(st.integers(1, 11)),
        Instruction.SEGMENTS: segments,
        Instruction.STRIDE: draw(st.integers(1, 20)),
        Instruction.REUSE: reuse,
        Instruction.PERIOD: draw(st.integers(1, 3)),
    }
    if kind is Kind.BARE:
        i[Instruction.COMMAND] = codes[draw(st.sampled_from([pim.roles.load, pim.roles.result]))]
    elif kind is Kind.SWEEP:
        i[Instruction.COMMAND] = codes[pim.roles.mac]
        i[Instruction.KEEP] = draw(st.integers(0, 1))
    elif kind is Kind.COLUMNS:
        i[Instruction.BANK] = draw(st.integers(-1, pim.banks - 1))
        names = [pim.roles.mac] if i[Instruction.BANK] < 0 else ["WR", "RD"]
        i[Instruction.COMMAND] = codes[draw(st.sampled_from(names))]
    else:
        i[Instruction.COMMAND] = codes[draw(st.sampled_from(["WR", "RD"]))]
        i[Instruction.N] = min(i[Instruction.N], 2)
        i[Instruction.SEGMENTS] = min(segments, 2)
    return [i[column] for column in Instruction]


@st.composite
def blocks(draw: st.DrawFn, pim: Pim, long: bool) -> Block:
    steps, rows, first = [], [], [0]
    for s in range(draw(st.integers(1, 4))):
        unit = draw(STEPS)
        step: dict[Step, int] = dict.fromkeys(Step, -1)
        step |= {Step.UNIT: int(unit), Step.AFTER: draw(st.integers(-1, s - 1)), Step.OPERATOR: s % 2}
        if unit is Unit.ASIC:
            step |= {
                Step.ROUTINE: draw(st.integers(0, 3)),
                Step.N: draw(st.integers(1, 300)),
                Step.CALLS: draw(st.integers(1, 2)),
            }
        steps.append([step[column] for column in Step])
        for _ in range(pim.memory.channels):
            n = draw(st.integers(0, 2)) if unit is Unit.CHANNELS else 0
            rows += [draw(instructions(pim, long)) for _ in range(n)]
            first.append(len(rows))
    return Block(
        np.array(steps, np.int64),
        np.array(rows, np.int64).reshape(-1, len(Instruction)),
        np.array(first, np.int64),
    )


@st.composite
def cases(draw: st.DrawFn, long: bool = False) -> tuple[Pim, list[Program]]:
    given = draw(machines)
    pim = machine(*(f"{key}={value}" for key, value in given.items()))
    programs = [
        Program(
            draw(st.integers(1, 2)),
            8 * draw(st.integers(0, 3)),
            draw(blocks(pim, long)),
            draw(st.none() | blocks(pim, long)),
        )
        for _ in range(draw(st.integers(1, 2)))
    ]
    return pim, programs


def engine(pim: Pim, events: Events) -> Engine:
    return Engine(pim, 2, 2, cost, events)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_every_command_in_the_cycle_of_the_reference(case: tuple[Pim, list[Program]]) -> None:
    pim, programs = case
    streams, ends = pim_timing.time(pim, programs, cost)
    names = {c.code: c.name for c in pim.memory.commands}
    for events in (Events.COMMANDS, Events.RUNS):
        ours = engine(pim, events)
        found: list[list[tuple[Any, ...]]] = [[] for _ in streams]
        for program, end in zip(programs, ends, strict=True):
            token = ours.run(program, commands=True)
            assert token.end == end
            assert token.commands is not None
            for rows, log in zip(found, token.commands, strict=True):
                rows += [(cycle, names[code], bank, arg) for cycle, code, bank, arg in log.commands.tolist()]
        for rows, stream in zip(found, streams, strict=True):
            assert rows == [tuple(one) for one in stream]


@settings(max_examples=150, deadline=None)
@given(cases(long=True))
def test_strides_change_nothing(case: tuple[Pim, list[Program]]) -> None:
    """Runs and repeats leave channels, ASIC and all counts in the very state that single commands do."""
    pim, programs = case
    engines = [engine(pim, events) for events in Events]
    for program in programs:
        tokens = [one.run(program) for one in engines]
        for token in tokens[1:]:
            assert (token.start, token.end) == (tokens[0].start, tokens[0].end)
            assert np.array_equal(token.begins, tokens[0].begins) and np.array_equal(
                token.ends, tokens[0].ends
            )
    for one in engines[1:]:
        for attribute in ("states", "shared", "critical", "by_layer", "asic_by_operator"):
            assert np.array_equal(getattr(one, attribute), getattr(engines[0], attribute)), attribute


def sweep(pim: Pim, segments: int, n: int) -> Program:
    i = dict.fromkeys(Instruction, 0)
    i |= {Instruction.KIND: int(Kind.SWEEP), Instruction.COMMAND: pim.memory.command(pim.roles.mac).code}
    i |= {Instruction.BANK: -1, Instruction.N: n, Instruction.STRIDE: n, Instruction.SEGMENTS: segments}
    i |= {Instruction.REUSE: 1, Instruction.PERIOD: 1}
    step = dict.fromkeys(Step, -1) | {Step.UNIT: 0, Step.OPERATOR: 0}
    block = Block(
        np.array([[step[c] for c in Step]], np.int64),
        np.array([[i[c] for c in Instruction]], np.int64),
        np.array([0] + [1] * pim.memory.channels, np.int64),
    )
    return Program(1, 0, block, None)


@pytest.mark.parametrize("act", ["act16", "ganged4"])
@pytest.mark.parametrize(("segments", "n"), [(5000, 64), (6000, 48), (40_000, 4), (900, 100)])
def test_repeats_over_many_refreshes(act: str, segments: int, n: int) -> None:
    """Long sweeps, where nearly everything is skipped over, end as they do command by command."""
    pim: Pim = arch.load("pim_gpt", ["dram.channels=1", f"all_bank_act={act}"]).spec.resolve()
    program = sweep(pim, segments, n)
    ends = []
    states = []
    for events in Events:
        one = engine(pim, events)
        ends.append(one.run(program).end)
        states.append(one.states)
    assert ends[0] == ends[1] == ends[2]
    assert np.array_equal(states[0], states[1]) and np.array_equal(states[0], states[2])
    assert states[0][0, X.due] > 10 * 6825  # many refreshes went by


def test_a_log_changes_nothing() -> None:
    pim = machine()
    program = sweep(pim, 40, 5)
    plain, logged = engine(pim, Events.REPEATS), engine(pim, Events.REPEATS)
    assert plain.run(program).end == logged.run(program, commands=True).end
    assert np.array_equal(plain.states[:, X.now], logged.states[:, X.now])
    assert np.array_equal(plain.counts(), logged.counts())
