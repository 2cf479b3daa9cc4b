"""AiM traces on the channel kernel, against ticks that aim_simulator, built and run, gave for the same lines.

It counts from the host's first line to its notice of EOC, a few ticks more than the commands take.  It has no
refresh (its refresh never starts), so it is off here.
"""

from collections.abc import Sequence

import pytest

import arch
from arch.pim import PimSpec
from arch.pim_device import Pim
from mapping.pim.aim import OPERATORS, programs
from sim.pim.engine import Engine
from workloads.aim_isa import AimProgram, Op, instruction, program
from workloads.aim_library import open_aim

HOST_TICKS = 10


@pytest.fixture(scope="module")
def aim() -> Pim:
    spec = arch.load("gddr6_aim", ["dram.controller.refresh=none"]).spec
    assert isinstance(spec, PimSpec)
    return spec.resolve()


def ticks(pim: Pim, trace: AimProgram, lines: int = 1 << 14) -> int:
    engine = Engine(pim, len(OPERATORS), 1, lambda routine, n: -(-n // 256))
    for part in programs(trace, pim, lines):
        engine.run(part)
    return engine.cycle


def trace(*rows: Sequence[int]) -> AimProgram:
    return program("t", [*rows, instruction(Op.EOC)])


def gemv(rows: int) -> AimProgram:
    macs = [instruction(Op.MAC_ABK, 64, 1, row) for row in range(rows)]
    return trace(
        instruction(Op.W_CFR, 0, 1), instruction(Op.WR_GB, 64, 0, 1), *macs, instruction(Op.RD_MAC, 0, 1)
    )


@pytest.mark.parametrize(("rows", "peer"), [(1, 413), (2, 639), (16, 3803), (64, 14651)])
def test_rows_of_a_matrix(aim: Pim, rows: int, peer: int) -> None:
    assert ticks(aim, gemv(rows)) - ticks(aim, gemv(1)) == 226 * (rows - 1)
    assert abs(ticks(aim, gemv(rows)) - peer) <= HOST_TICKS


ROWS = {
    "one bank at a time": ([instruction(Op.MAC_SBK, 16, 1, 0, row) for row in range(2)], 219),
    "writes of all banks": ([instruction(Op.WR_ABK, 0, 1, row) for row in range(4)], 373),
    "four channels": (
        [
            instruction(Op.WR_GB, 32, 0, 15),
            *(instruction(Op.MAC_ABK, 32, 15, row) for row in range(3)),
            instruction(Op.RD_MAC, 0, 15),
        ],
        609,
    ),
    "bias first": (
        [instruction(Op.WR_BIAS, 0, 1), instruction(Op.MAC_ABK, 64, 1, 0), instruction(Op.RD_MAC, 0, 1)],
        286,
    ),
    "activation function": (
        [instruction(Op.MAC_ABK, 64, 1, 0), instruction(Op.AF, 1), instruction(Op.RD_AF, 0, 1)],
        350,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_few_instructions(aim: Pim, name: str) -> None:
    rows, peer = ROWS[name]
    assert abs(ticks(aim, trace(*rows)) - peer) <= HOST_TICKS


def test_products_of_elements_differ_by_whole_rows(aim: Pim) -> None:
    def of(rows: int) -> int:
        return ticks(aim, trace(*(instruction(Op.EWMUL, 32, 1, row) for row in range(rows))))

    # 25 to the first column, 31 steps of 2, 39 to the precharge, 32: 158, as aim_simulator's 4 rows tell
    assert of(4) - of(1) == 3 * (25 + 62 + 39 + 32)


def test_the_library_product_is_the_one_above(aim: Pim) -> None:
    assert ticks(aim, open_aim("aim_gemv16")) == ticks(aim, gemv(16))


@pytest.mark.parametrize("lines", [1, 5])
def test_where_programs_are_cut_makes_no_difference(aim: Pim, lines: int) -> None:
    rows: list[list[int]] = []
    for k in range(6):
        rows += [
            instruction(Op.WR_GB, 8, 0, 3),
            instruction(Op.MAC_ABK, 64, 1, k),
            instruction(Op.MAC_ABK, 9, 2, k),
        ]
        rows += [instruction(Op.RD_MAC, 0, 3 if k % 2 else 1)]
        rows += [instruction(Op.SYNC)] if k == 3 else []
    assert ticks(aim, trace(*rows), lines) == ticks(aim, trace(*rows))


def test_a_barrier_waits_for_all_channels(aim: Pim) -> None:
    """The second channel begins when the first has ended, and at once without the barrier."""
    one, two = instruction(Op.MAC_ABK, 64, 1, 0), instruction(Op.MAC_ABK, 64, 2, 0)
    alone = ticks(aim, trace(one))
    assert ticks(aim, trace(one, two)) == alone
    assert 0 <= ticks(aim, trace(one, instruction(Op.SYNC), two)) - 2 * alone <= 2
