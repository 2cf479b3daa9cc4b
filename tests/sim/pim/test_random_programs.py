"""Random programs on random machines: whatever is asked of the channels, the checker finds no rule broken."""

from functools import cache

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import arch
from arch.device import Command
from arch.errors import InputError
from arch.pim_device import Pim
from mapping.pim.program import Block, Instruction, Kind, Program, Step, Unit
from sim.dram.checker import check
from sim.pim.engine import Engine
from sim.pim.tables import Events

ROWS = ("dram.organization.rows=256", "dram.organization.columns=8")

machines = st.fixed_dictionaries(
    {"dram.channels": st.sampled_from([1, 2]), "dram.organization.groups": st.sampled_from([1, 2, 4])},
    optional={
        "dram.organization.banks": st.sampled_from([1, 2, 8]),
        "all_bank_act": st.just("ganged4"),
        "pin_rate": st.sampled_from(["32 Gbit/s", "8 Gbit/s", "2 Gbit/s"]),
        "units.lanes": st.sampled_from([1, 4, 16]),
        "units.accumulators": st.integers(1, 4),
        "units.readout": st.just("fp32"),
        "ideal": st.sampled_from(["[io]", "[asic]"]),
        "dram.controller.refresh": st.just("none"),
        "dram.timing.tREFI": st.sampled_from(["1200 ns", "2001 ns"]),
        "dram.timing.tCCD": st.sampled_from(["1 ns", "3 ns"]),
        "dram.timing.tCCD_L": st.sampled_from(["1 ns", "4 ns"]),
        "dram.timing.tRTP": st.sampled_from(["1 ns", "9 ns"]),
        "dram.timing.tRP": st.sampled_from(["5 ns", "20 ns"]),
        "dram.timing.tRRD_S": st.sampled_from(["1 ns", "10 ns"]),
        "dram.timing.tFAW": st.sampled_from(["5 ns", "60 ns"]),
        "dram.timing.tCLREG": st.sampled_from(["0.1 ns", "40 ns"]),
        "dram.timing.tCWL": st.sampled_from(["3 ns", "15 ns"]),
        "dram.timing.tCWLGB": st.sampled_from(["1 ns", "20 ns"]),
        "dram.timing.tWTR_S": st.sampled_from(["1 ns", "12 ns"]),
    },
)


@cache
def machine(system: str, overrides: tuple[str, ...]) -> Pim | None:
    """None where the device refuses these settings: bursts that could collide."""
    try:
        found: Pim = arch.load(system, [*ROWS, *overrides]).spec.resolve()
    except InputError as error:
        assert "collide" in str(error)
        return None
    return found


def of(pim: Pim, does: tuple[str, ...], whole: bool) -> list[Command]:
    return [c for c in pim.memory.commands if c.does in does and (c.scope != "bank") == whole]


@st.composite
def instructions(draw: st.DrawFn, pim: Pim) -> list[int]:
    kind = draw(st.sampled_from(Kind))
    segments = draw(st.integers(1, 12))
    n = draw(st.integers(1, 11))
    bank, keep = -1, draw(st.integers(0, 1))
    if kind is Kind.SWEEP:
        command = pim.memory.command(pim.roles.mac)
    elif kind is Kind.BARE:
        command = draw(st.sampled_from(of(pim, ("load", "unload", "mode"), True)))
    elif kind is Kind.COLUMNS:
        whole = draw(st.booleans())
        command = draw(st.sampled_from(of(pim, ("compute", "read", "write"), whole)))
        bank = -1 if whole else draw(st.integers(0, pim.banks - 1))
    else:
        command = draw(st.sampled_from([c for c in of(pim, ("read", "write"), False) if not c.closes]))
        n, segments = min(n, 2), min(segments, 3)
    row = dict.fromkeys(Instruction, 0) | {
        Instruction.KIND: int(kind),
        Instruction.COMMAND: command.code,
        Instruction.BANK: bank,
        Instruction.START: draw(st.integers(0, 40)),
        Instruction.N: n,
        Instruction.SEGMENTS: segments,
        Instruction.STRIDE: draw(st.integers(1, 20)),
        Instruction.REUSE: draw(st.integers(1, 3)),
        Instruction.PERIOD: draw(st.integers(1, 3)),
        Instruction.KEEP: keep,
    }
    return [row[column] for column in Instruction]


@st.composite
def programs(draw: st.DrawFn, pim: Pim) -> Program:
    steps, rows, first = [], [], [0]
    for s in range(draw(st.integers(1, 5))):
        unit = draw(st.sampled_from([Unit.CHANNELS, Unit.CHANNELS, Unit.ASIC]))
        step = dict.fromkeys(Step, -1) | {Step.UNIT: int(unit), Step.OPERATOR: 0}
        step[Step.AFTER] = draw(st.integers(-1, s - 1))
        if unit is Unit.ASIC:
            step |= {Step.ROUTINE: 0, Step.N: draw(st.integers(1, 900)), Step.CALLS: 1}
        steps.append([step[column] for column in Step])
        for _ in range(pim.memory.channels):
            n = draw(st.integers(0, 3)) if unit is Unit.CHANNELS else 0
            rows += [draw(instructions(pim)) for _ in range(n)]
            first.append(len(rows))
    layer = Block(
        np.array(steps, np.int64),
        np.array(rows, np.int64).reshape(-1, len(Instruction)),
        np.array(first, np.int64),
    )
    return Program(draw(st.integers(1, 3)), 8, layer, None)


@pytest.mark.parametrize("system", ["pim_gpt", "gddr6_aim"])
@settings(max_examples=40, deadline=None, phases=[Phase.generate, Phase.shrink])
@given(data=st.data())
def test_no_rule_is_ever_broken(system: str, data: st.DataObject) -> None:
    given_keys = data.draw(machines)
    pim = machine(system, tuple(f"{key}={value}" for key, value in given_keys.items()))
    if pim is None:
        return
    engine = Engine(pim, 1, 3, lambda routine, n: n, data.draw(st.sampled_from(Events)))
    streams: list[list[np.ndarray]] = [[] for _ in range(pim.memory.channels)]
    for _ in range(data.draw(st.integers(1, 3))):
        done = engine.run(data.draw(programs(pim)), commands=True)
        assert done.commands is not None
        for parts, kept in zip(streams, done.commands, strict=True):
            parts.append(kept.commands)
    for parts in streams:
        stream = np.concatenate(parts)
        stream[:, 0] += 1
        result = check(pim.memory, stream, end_cycle=engine.cycle)
        assert result.ok, [str(violation) for violation in result.violations[:3]]
