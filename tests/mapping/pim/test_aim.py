"""AiM traces as programs of the channels, and programs as AiM traces."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
from arch.errors import InputError
from arch.pim import PimSpec
from arch.pim_device import Pim
from mapping.pim.aim import BANKS, BARRIER, EWADD, RESULTS, programs
from mapping.pim.aim_text import to_aim
from mapping.pim.options import PimMapping
from mapping.pim.plan import plan
from mapping.pim.program import Instruction, Kind, Program, Step, Unit
from workloads.aim_isa import AimProgram, Field, Op, check, instruction, program
from workloads.transformer.model import Transformer
from workloads.transformer.requests import Decoding, Request

I = Instruction  # noqa: E741


def machine(name: str = "gddr6_aim", *overrides: str) -> Pim:
    spec = arch.load(name, overrides).spec
    assert isinstance(spec, PimSpec)
    return spec.resolve()


AIM = machine()
FOUR = machine("gddr6_aim", "dram.channels=4")
EOC = instruction(Op.EOC)


def trace(*rows: list[int]) -> AimProgram:
    return program("t", [*rows, EOC])


def only(made: AimProgram, pim: Pim = AIM) -> Program:
    (found,) = programs(made, pim)
    return found


def of_channel(part: Program, channel: int, channels: int) -> list[list[int]]:
    """A channel's instructions in order."""
    first = part.layer.first
    steps = range(len(part.layer.steps))
    places = [s * channels + channel for s in steps]
    return [row for p in places for row in part.layer.instructions[first[p] : first[p + 1]].tolist()]


def test_a_matrix_vector_product() -> None:
    rows = [instruction(Op.MAC_ABK, 64, 1, 5 + r) for r in range(16)]
    made = trace(instruction(Op.WR_GB, 64, 0, 1), *rows, instruction(Op.RD_MAC, 0, 1))
    part = only(made)
    code = {c.name: c.code for c in AIM.memory.commands}
    found = of_channel(part, 0, 32)
    assert [row[I.COMMAND] for row in found] == [
        code[n] for n in ("TMOD", "WR_GB", "TMOD", "MAC16", "TMOD", "RD_MAC")
    ]
    mac = found[3]
    assert (mac[I.KIND], mac[I.BANK], mac[I.START], mac[I.N]) == (Kind.COLUMNS, -1, 5 * 64, 64)
    assert (mac[I.SEGMENTS], mac[I.STRIDE]) == (16, 64)
    assert found[1][I.N] == 64
    assert all(not of_channel(part, channel, 32) for channel in range(1, 32))
    assert part.layer.steps[:, Step.OPERATOR].tolist() == [BANKS, RESULTS]


def test_the_host_waits_for_answers_only() -> None:
    mac0, mac1 = instruction(Op.MAC_ABK, 8, 1, 0), instruction(Op.MAC_ABK, 8, 2, 0)
    sync, answer = instruction(Op.SYNC), instruction(Op.RD_MAC, 0, 1)
    steps = only(
        trace(mac0, mac1, answer, mac1, sync, mac0, instruction(Op.EWADD, 4, 0, 4), mac0)
    ).layer.steps
    found = steps[:, [Step.OPERATOR, Step.AFTER]].tolist()
    # banks, answer; banks behind the answer; the barrier joins both banks' steps; banks, sum, banks
    assert found == [
        [BANKS, -1], [RESULTS, -1], [BANKS, 1], [BARRIER, 0], [BARRIER, 2], [BANKS, 4], [EWADD, 4],
        [BANKS, 6],
    ]  # fmt: skip
    assert steps[6, Step.N] == 64
    assert steps[3, Step.UNIT] == Unit.ASIC and steps[3, Step.ROUTINE] == -1


def test_an_activation_function_opens_its_table() -> None:
    made = trace(instruction(Op.AF, 1), instruction(Op.W_CFR, 2, 5), instruction(Op.AF, 1))
    assert [row[I.START] // 64 for row in of_channel(only(made), 0, 32)] == [16376, 16381]


def test_a_channel_gets_what_its_bit_says() -> None:
    made = trace(instruction(Op.MAC_ABK, 8, 0b1010, 3), instruction(Op.W_MEM, 2, 7, 9))
    part = only(made, FOUR)
    assert [len(of_channel(part, c, 4)) for c in range(4)] == [0, 1, 1, 1]
    assert of_channel(part, 2, 4)[0][I.BANK] == 7


def test_host_lines_alone_are_no_program() -> None:
    assert list(programs(trace(instruction(Op.W_GPR, 0), instruction(Op.R_CFR, 0, 0)), AIM)) == []


def test_a_machine_without_the_command_is_named() -> None:
    with pytest.raises(InputError, match="pim_gpt has no command AF16") as caught:
        list(programs(trace(instruction(Op.SYNC), instruction(Op.AF, 1)), machine("pim_gpt")))
    assert caught.value.line == 2
    found = of_channel(only(trace(instruction(Op.WR_GB, 4, 0, 1)), machine("pim_gpt")), 0, 8)
    assert len(found) == 1  # and no change of mode


masks = st.integers(1, 15)
banked = st.one_of(
    st.builds(lambda m, r: instruction(Op.MAC_ABK, 64, m, r), masks, st.integers(0, 3)),
    st.builds(lambda n, m: instruction(Op.WR_GB, n, 0, m), st.integers(1, 64), masks),
    st.builds(lambda m, b: instruction(Op.MAC_SBK, 3, m, b, 1), masks, st.integers(0, 15)),
    st.builds(lambda m, b: instruction(Op.COPY_BKGB, 3, m, b, 1), masks, st.integers(0, 15)),
    st.builds(lambda m: instruction(Op.EWMUL, 7, m, 4), masks),
    st.builds(lambda m: instruction(Op.RD_MAC, 0, m), masks),
    st.builds(lambda m: instruction(Op.RD_AF, 0, m), masks),
    st.builds(lambda m: instruction(Op.WR_BIAS, 0, m), masks),
)  # fmt: skip
mixed = st.lists(
    st.one_of(banked, st.just(instruction(Op.SYNC)), st.just(instruction(Op.EWADD, 2, 0, 2))), max_size=60
)


@settings(max_examples=60, deadline=None)
@given(mixed, st.integers(1, 20))
def test_shorter_programs_give_each_channel_the_same(rows: list[list[int]], lines: int) -> None:
    made = trace(*rows)
    whole, parts = list(programs(made, FOUR)), list(programs(made, FOUR, lines))
    for channel in range(4):

        def unrolled(found: list[Program], channel: int = channel) -> list[tuple[int, ...]]:
            return [
                (row[I.COMMAND], row[I.BANK], row[I.START] + s * row[I.STRIDE], row[I.N])
                for part in found
                for row in of_channel(part, channel, 4)
                for s in range(row[I.SEGMENTS])
            ]

        assert unrolled(parts) == unrolled(whole)
    for part in parts:
        after = part.layer.steps[:, Step.AFTER]
        assert (after < np.arange(len(after))).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(banked, max_size=30))
def test_there_and_back_each_channel_does_the_same(rows: list[list[int]]) -> None:
    """Lines of several channels may be dealt out anew, but no channel sees a difference."""
    made = trace(*rows)
    back = to_aim(programs(made, FOUR), FOUR, "t")
    check(back, FOUR)

    def seen(of: AimProgram, channel: int) -> list[list[int]]:
        table = of.rows[of.rows[:, Field.OP] < Op.EWADD]
        mine = table[table[:, Field.CHANNEL_MASK] >> channel & 1 == 1]
        found: list[list[int]] = mine[:, [Field.OP, Field.OPSIZE, Field.BANK, Field.ROW]].tolist()
        return found

    for channel in range(4):
        assert seen(back, channel) == seen(made, channel)


TINY = Transformer(
    "tiny", 2, 1024, 8, 8, 128, 1024, False, "gelu", "layer_norm", "learned", True, 512, 64
)  # fmt: skip
DECODING = Decoding("tiny", TINY, (Request(Fraction(0), 4, 4),))


def test_a_plan_of_aligned_rows_is_a_trace() -> None:
    found = plan(AIM, DECODING, PimMapping(packing="row_aligned", concat_heads=False))
    made = to_aim([found.program(1), found.program(2)], AIM, "tiny")
    check(made, AIM)
    assert made.rows[-1].tolist() == EOC
    weights = [found.program(c).layer for c in (1, 2)]
    mac = AIM.memory.command("MAC16").code
    for channel in (0, 31):
        planned = 0
        for block in weights:
            part = Program(1, 0, block, None)
            planned += sum(r[I.SEGMENTS] for r in of_channel(part, channel, 32) if r[I.COMMAND] == mac)
        rows = made.rows[made.rows[:, Field.OP] == Op.MAC_ABK]
        assert (rows[:, Field.CHANNEL_MASK] >> channel & 1).sum() == planned * TINY.layers
    # every sum is read, and the trace can be carried out
    counts = made.counts()
    assert counts["AiM RD_MAC"] == counts["AiM MAC_ABK"]
    assert list(programs(made, AIM))


def test_packed_outputs_are_refused_with_the_way_out() -> None:
    found = plan(AIM, DECODING, PimMapping())
    with pytest.raises(InputError, match=r"column 0 of a row; mapping\.packing=row_aligned"):
        to_aim([found.program(1)], AIM, "tiny")
