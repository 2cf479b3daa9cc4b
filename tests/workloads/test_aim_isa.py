"""AiM traces: every instruction there and back, and what is no instruction refused by line and field."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
from arch.errors import InputError
from arch.pim import PimSpec
from arch.pim_device import Pim
from workloads.aim_isa import (
    FIELDS,
    MOST,
    MOST_MASK,
    AimProgram,
    Field,
    Op,
    check,
    instruction,
    looks_like_aim,
    program,
    read,
)
from workloads.aim_library import aim_library, open_aim


@pytest.fixture(scope="module")
def pim() -> Pim:
    spec = arch.load("gddr6_aim").spec
    assert isinstance(spec, PimSpec)
    return spec.resolve()


def written(folder: Path, text: str) -> str:
    path = folder / "t.aim"
    path.write_text(text)
    return str(path)


@st.composite
def rows(draw: st.DrawFn) -> list[int]:
    op = draw(st.sampled_from([op for op in Op if op != Op.EOC]))
    most = {Field.CHANNEL_MASK: MOST_MASK}
    return instruction(op, *(draw(st.integers(0, most.get(field, MOST))) for field in FIELDS[op]))


@settings(max_examples=60, deadline=None)
@given(st.lists(rows(), max_size=40))
def test_a_written_trace_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, made: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("aim")
    trace = program("t", [*made, instruction(Op.EOC)])
    for name in ("t.aim", "t.aim.gz"):
        trace.write(str(folder / name))
        back = read(str(folder / name))
        assert np.array_equal(back.rows, trace.rows)
        assert (back.text(), back.digest()) == (trace.text(), trace.digest())


TEXT = """# a comment
W CFR 0 1   # the buffer
AiM WR_GB 0x40 0 0xffffffff

\tAiM  ISR_MAC_ABK 64 1 16383\r
W MEM 31 15 7
AiM EOC
"""


def test_comments_prefixes_hex_and_blanks(tmp_path: Path) -> None:
    trace = read(written(tmp_path, TEXT))
    assert trace.text() == (
        "W CFR 0 1\nAiM WR_GB 64 0 4294967295\nAiM MAC_ABK 64 1 16383\nW MEM 31 15 7\nAiM EOC\n"
    )
    assert trace.lines.tolist() == [2, 3, 5, 6, 7]
    assert trace.counts()["AiM MAC_ABK"] == 1
    assert trace.name == "t"


def test_the_digest_tells_instructions_apart_and_not_comments(tmp_path: Path) -> None:
    one = read(written(tmp_path, "AiM AF 1\nAiM EOC\n")).digest()
    assert read(written(tmp_path, "# no\nAiM ISR_AF 0x1\n\nAiM EOC")).digest() == one
    assert read(written(tmp_path, "AiM AF 2\nAiM EOC\n")).digest() != one


BAD_LINES = [
    ("AiM MAC_ABC 64 1 0", "opcode", 'did you mean "MAC_ABK"?'),
    ("AiM", "opcode", "missing"),
    ("AIM MAC_ABK 64 1 0", None, 'did you mean "AiM"?'),
    ("W MEMO 0 0 0", "region", 'did you mean "MEM"?'),
    ("AiM MAC_ABK 64 1", "row", "AiM MAC_ABK has 3 fields, here are 2"),
    ("AiM SYNC 1", None, "has 0 fields, here are 1"),
    ("AiM MAC_ABK 64 1 -2", "row", "a whole number"),
    ("AiM MAC_ABK 64 0xzz 2", "channel_mask", "a whole number"),
    ("AiM MAC_ABK 6_4 1 2", "opsize", "a whole number"),
    ("AiM MAC_ABK 64 1 99999999999999999999", "row", "too large"),
    ("AiM MAC_ABK 64 0x4000000000000000 0", "channel_mask", "too large"),
    ("R CFR 1", "value", "R CFR has 2 fields"),
]


@pytest.mark.parametrize(("line", "field", "text"), BAD_LINES)
def test_a_line_that_is_no_instruction(tmp_path: Path, line: str, field: str | None, text: str) -> None:
    with pytest.raises(InputError) as caught:
        read(written(tmp_path, f"# first\nAiM SYNC\n{line}\nAiM EOC\n"))
    assert (caught.value.line, caught.value.field) == (3, field)
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 't.aim'}:3: ")


@pytest.mark.parametrize(
    ("content", "line", "text"),
    [
        ("AiM SYNC\n", 1, "ends without AiM EOC"),
        ("AiM EOC\nAiM SYNC\n", 2, "behind AiM EOC in line 1"),
        ("# nothing\n", None, "holds no instructions"),
        ("", None, "is empty"),
    ],
)
def test_a_trace_that_does_not_end_as_it_should(
    tmp_path: Path, content: str, line: int | None, text: str
) -> None:
    with pytest.raises(InputError, match=text) as caught:
        read(written(tmp_path, content))
    assert caught.value.line == line


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_trace_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("aim") / "t.aim"
    path.write_bytes(b"AiM " + content)
    try:
        read(str(path))
    except InputError as error:
        assert "\n" not in str(error)


OUT_OF_RANGE = [
    ("AiM MAC_ABK 64 0 0", "channel_mask"),
    ("AiM MAC_ABK 64 0x100000000 0", "channel_mask"),
    ("AiM WR_ABK 0 3 0", "channel_mask"),
    ("AiM MAC_ABK 65 1 0", "opsize"),
    ("AiM MAC_ABK 0 1 0", "opsize"),
    ("AiM WR_GB 65 0 1", "opsize"),
    ("AiM MAC_ABK 64 1 16384", "row"),
    ("AiM MAC_SBK 64 1 16 0", "bank"),
    ("R MEM 32 0 0", "channel"),
    ("W CFR 3 0", "cfr"),
    ("W CFR 0 2", "value"),
    ("W CFR 2 8", "value"),
]


@pytest.mark.parametrize(("line", "field"), OUT_OF_RANGE)
def test_what_the_machine_does_not_have(tmp_path: Path, pim: Pim, line: str, field: str) -> None:
    trace = read(written(tmp_path, f"AiM SYNC\n\n{line}\nAiM MAC_ABK 99 1 99999\nAiM EOC\n"))
    with pytest.raises(InputError) as caught:
        check(trace, pim)
    assert (caught.value.line, caught.value.field) == (3, field)


def test_the_last_of_everything_is_in_range(tmp_path: Path, pim: Pim) -> None:
    lines = "AiM MAC_SBK 64 0xffffffff 15 16383\nW CFR 2 7\nR MEM 31 15 16383\nAiM WR_ABK 9 0x80000000 0\n"
    check(read(written(tmp_path, lines + "AiM EOC\n")), pim)


def test_an_aim_trace_is_known_by_its_first_line(tmp_path: Path) -> None:
    assert looks_like_aim(written(tmp_path, "# x\nW CFR 0 1\nAiM EOC\n"))
    assert looks_like_aim(written(tmp_path, "AiM nonsense\n"))
    assert not looks_like_aim(written(tmp_path, "R 0x40\n"))
    assert not looks_like_aim(written(tmp_path, "W 64\n"))


def ops_of(trace: AimProgram) -> set[Op]:
    return {Op(int(op)) for op in trace.rows[:, Field.OP]}


def test_the_library_traces_fit_the_library_machine(pim: Pim) -> None:
    for entry in aim_library():
        trace = open_aim(entry.name)
        check(trace, pim)
        assert trace.name == entry.name
    assert ops_of(open_aim("aim_every_instruction")) == set(Op)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match='did you mean "aim_gemv16"'):
        open_aim("aim_gemv61")
