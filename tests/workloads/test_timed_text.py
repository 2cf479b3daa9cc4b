from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import workloads
from arch.errors import InputError
from workloads.text_lines import find_words, words_of
from workloads.timed_text import LONGEST_REQUEST, TimedFormat, timed_formats
from workloads.trace import Trace
from workloads.trace_clock import TraceClock

FORMATS: dict[str, TimedFormat] = {f.name: f for f in timed_formats(relative=False)}
FOUR = TraceClock(Fraction(4))


def opened(
    folder: Path, text: str, clock: TraceClock | None = None, size: int = 64, name: str = "t"
) -> Trace:
    path = folder / name
    path.write_text(text)
    return workloads.open_trace(str(path), size, clock=clock)


def content(trace: Trace) -> tuple[list[int], list[int], list[int]]:
    block = trace.to_arrays()
    return block.arrival.tolist(), block.line.tolist(), block.op.tolist()


SAME = ([5, 9, 9], [1, 2, 64], [0, 1, 0])


@pytest.mark.parametrize(
    "text",
    [
        "0x40 READ 5\n0x80 WRITE 9\n0x1000 READ 9\n",
        "40 READ  5\n80\tWRITE   9\r\n1000 READ 9",
        "0x40 P_MEM_RD 5\n0x80 P_MEM_WR 9\n0x1000 P_FETCH 9\n",
        "# head\n\n0x7f IFETCH 5 # c\n0X80 BOFF 9\n0x1000 read 9\n",
        "5:\tread\t0x40\n9:\twrite\t0x80\n9:\tread\t0x1000\n",
        "# cycle\n5: read 40\n\n9: write 0x80 0x00ff00ff\r\n9: read 0x1000\n",
        "5: (64) read 0x40\n9: (1) write 0x80 0xff\n9: read 0x1000",
        "5 read 0x40\n9 write 0x80\n9 (8) read 0x1000\n",
    ],
)
def test_grammars_of_dramsim3_and_dramsys(tmp_path: Path, text: str) -> None:
    assert content(opened(tmp_path, text)) == SAME


def test_the_first_request_decides(tmp_path: Path) -> None:
    # Lower-case words are DRAMsim3's, too: without a colon or 0x, the first number is the address.
    assert content(opened(tmp_path, "31 write 64\n")) == ([64], [0], [1])
    assert content(opened(tmp_path, "31: write 64\n")) == ([31], [1], [1])
    assert content(opened(tmp_path, "31 write 0x64\n")) == ([31], [1], [1])
    assert content(opened(tmp_path, "64 R\n")) == ([0], [1], [0])


def test_a_request_becomes_the_transactions_that_it_covers(tmp_path: Path) -> None:
    text = "0: (128) read 0x0\n1: (128) write 0x20\n2: (65) read 0x100\n3: read 0x13f\n"
    trace = opened(tmp_path, text)
    assert content(trace) == (
        [0, 0, 1, 1, 1, 2, 2, 3],
        [0, 1, 0, 1, 2, 4, 5, 4],
        [0, 0, 1, 1, 1, 0, 0, 0],
    )
    assert [trace.locate(k) for k in range(9)] == [1, 1, 2, 2, 2, 3, 3, 4, None]


def test_many_long_requests_come_in_bounded_pieces(tmp_path: Path) -> None:
    trace = opened(tmp_path, f"0: ({LONGEST_REQUEST}) read 0x0\n" * 700, size=32)
    assert sum(b.requests for b in trace.blocks()) == 700 * LONGEST_REQUEST // 32
    line = trace.to_arrays().line
    assert (line == np.tile(np.arange(LONGEST_REQUEST // 32), 700)).all()


def test_relative_stamps_add_up(tmp_path: Path) -> None:
    text = "31: read 0x0\n2: read 0x0\n23: write 0x0\n0: read 0x0\n"
    assert content(opened(tmp_path, text, name="a.rstl"))[0] == [31, 33, 56, 56]
    assert content(opened(tmp_path, text, name="a.stl"))[0] == [31, 2, 23, 0]
    assert content(opened(tmp_path, text, TraceClock(relative=True), name="a.stl"))[0] == [31, 33, 56, 56]
    assert content(opened(tmp_path, text, TraceClock(relative=False), name="a.rstl"))[0] == [31, 2, 23, 0]
    # Rounded after adding up: three ticks a cycle.
    clock = TraceClock(Fraction(3), relative=True)
    assert content(opened(tmp_path, text, clock))[0] == [11, 11, 19, 19]
    packed = tmp_path / "b.rstl.gz"
    workloads.save(opened(tmp_path, text), str(packed), format="dramsim3")
    assert workloads.open_trace(str(packed), 64).to_arrays().arrival.tolist() == [31, 2, 23, 0]


def test_relative_stamps_add_up_across_chunks(tmp_path: Path) -> None:
    trace = opened(tmp_path, "3: read 0x40\n" * 200_000, TraceClock(relative=True))
    assert (trace.to_arrays().arrival == 3 * np.arange(1, 200_001)).all()


def test_instruction_traces_need_a_clock(tmp_path: Path) -> None:
    text = "3 128\n8 0x40 192\n0 64\n"
    with pytest.raises(InputError, match=r"instruction trace.*give a trace clock"):
        opened(tmp_path, text)
    # By hand: loads follow 3, 3+1+8 and 3+1+8+1+0 instructions; four run in a cycle.
    trace = opened(tmp_path, text, FOUR)
    assert content(trace) == ([1, 3, 3, 4], [2, 1, 3, 1], [0, 0, 1, 0])
    assert [trace.locate(k) for k in range(5)] == [1, 2, 2, 3, None]
    trace = opened(tmp_path, "3 64\n" * 200_000, FOUR)
    assert (trace.to_arrays().arrival == -(-(4 * np.arange(200_000) + 3) // 4)).all()


def test_untimed_text_has_no_clock(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no time stamps"):
        opened(tmp_path, "LD 64\n", FOUR)
    workloads.save(Trace.from_arrays([1]), str(tmp_path / "t.npz"))
    with pytest.raises(InputError, match="no trace clock"):
        workloads.open_trace(str(tmp_path / "t.npz"), 64, clock=FOUR)
    for name in ("spmv", "random_rw30"):
        with pytest.raises(InputError, match="no trace clock"):
            workloads.load(name, 64, clock=FOUR)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0x40 READ 5\n0x40 READ\n", ':2: bad request; given "0x40 READ", accepted "<hexadecimal address>'),
        ("0x40 READ 5\n0x40 FETCH 5\n", ":2: bad request"),
        ("0x40 READ 5\n0x40 READ 0x5\n", ":2: bad request"),
        ("0x40 READ 5\n0x40 READ 5 6\n", ":2: bad request"),
        ("0x40 READ 5\n0x4g READ 5\n", ":2: bad request"),
        ("0x40 READ 5\n-40 READ 5\n", ":2: negative address"),
        ("0x40 READ 5\n0x40 READ -5\n", ":2: negative cycle"),
        ("0x40 READ -5\n", ":1: negative cycle"),
        ("0x40 READ\n", ":1: bad request"),
        ("0x40 READ 5\n0x8000000000000000 READ 5\n", ":2: address beyond 63 bits"),
        ("0x40 READ 5\n0x40 READ 9223372036854775808\n", ":2: cycle beyond 63 bits"),
        ("5: read 0x40\n6: READ 0x40\n", ":2: bad request"),
        ("5: read 0x40\n6: read\n", ":2: bad request"),
        ("5: read 0x40\n6: (64 read 0x40\n", ":2: bad request"),
        ("5: read 0x40\n6: () read 0x40\n", ":2: bad request"),
        ("5: read 0x40\n6: (0x10) read 0x40\n", ":2: bad request"),
        ("5: read 0x40\n6: (0) read 0x40\n", ":2: a request of 0 bytes"),
        ("5: read 0x40\n6: (65537) read 0x40\n", ":2: a request of 65537 bytes"),
        ("5: read 0x40\n6: (-1) read 0x40\n", ":2: negative length"),
        ("5: read 0x40\n6: write 0x40 ff\n", ":2: bad request"),
        ("5: read 0x40\n6: write 0x40 0xff 0xff\n", ":2: bad request"),
        ("5: read 0x40\n6: (8) (8) read 0x40\n", ":2: bad request"),
        ("5: read 0x40\n6:: read 0x40\n", ":2: bad request"),
        ("5: read 0x40\n-6: read 0x40\n", ":2: negative cycle"),
        ("-6: read 0x40\n", ":1: negative cycle"),
        ("6: go 0x40\n", ":1: bad request"),
        ("5: read 0x40\n6: read 0x8000000000000000\n", ":2: address beyond 63 bits"),
        ("5: read 0x40\n6: (64) read 0x7fffffffffffffff\n", ":2: address beyond 63 bits"),
        ("3 64\n3 64 64 64\n", ":2: bad request"),
        ("3 64\n3\n", ":2: bad request"),
        ("3 64\n0x3 64\n", ":2: bad request"),
        ("3 64\n-3 64\n", ":2: negative instruction count"),
        ("3 64\n3 -64\n", ":2: negative address"),
        ("3 64\n9223372036854775807 64\n", ":2: instruction count beyond 63 bits"),
        ("9000000000000000000 64\n# c\n9000000000000000000 64\n", ":3: time stamp beyond 63 bits"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, text: str, told: str) -> None:
    clock = FOUR if text.split()[1].isdigit() else None
    with pytest.raises(InputError) as error:
        opened(tmp_path, text, clock).digest()
    assert str(error.value).startswith(f"{tmp_path / 't'}{told}"), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("at", [0, 77_777, 199_999])
def test_bad_line_anywhere_in_a_long_file(tmp_path: Path, at: int) -> None:
    lines = [f"{i}:\tread\t0x{i:x}" for i in range(200_000)]
    lines[at] = f"{at}:\tread\t0x{at:x}y"
    with pytest.raises(InputError, match=rf"t:{at + 1}: "):
        opened(tmp_path, "\n".join(lines)).digest()


def test_stamps_too_late_for_the_memory_clock_are_named(tmp_path: Path) -> None:
    quarter = TraceClock(Fraction(1, 4))
    text = f"0x0 READ 1\n\n0x0 READ {2**61 - 1}\n"
    assert content(opened(tmp_path, text, quarter))[0] == [4, 2**63 - 4]
    with pytest.raises(InputError, match=":3: time stamp beyond 63 bits"):
        opened(tmp_path, text.replace(str(2**61 - 1), str(2**61)), quarter).digest()
    relative = TraceClock(relative=True)
    with pytest.raises(InputError, match=":3: time stamp beyond 63 bits"):
        opened(tmp_path, f"1: read 0x0\n{2**63 - 2}: read 0x0\n1: read 0x0\n", relative).digest()


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, bytes]:
    """Text in one of the formats, with and without small irregularities and mistakes."""
    name = draw(st.sampled_from(sorted(FORMATS)))
    number = st.integers(0, 2**64).map(str) | st.integers(0, 999).map(str)
    address = st.integers(0, 2**64).map(hex) | number
    if name == "dramsim3":
        parts = [address, st.sampled_from(["READ", "WRITE", "P_MEM_WR", "BOFF", "read", "X"]), number]
    elif name == "dramsys":
        length = st.sampled_from(["", "", "(64) ", "(0) ", "(5000) ", "(x) ", "(0x1) ", "("])
        word = st.tuples(length, st.sampled_from(["read", "write"])).map("".join)
        data = st.sampled_from(["", "", " 0xff", " ff", " 0xff 0"])
        parts = [number.map(lambda n: f"{n}:") | number, word, st.tuples(address, data).map("".join)]
    else:
        parts = [number, address, address | st.just("")]
    request = st.tuples(*parts).map(" ".join)
    odd = st.sampled_from(["", "#", " ", "# 5: read 0", "5", "5:", "LD 5", "0x5 READ", "-1: read 0", "1 -2"])
    lines = draw(st.lists(request | odd if draw(st.booleans()) else request, min_size=1, max_size=6))
    return name, ("\n".join(lines) + "\n").encode()


@given(texts())
@example(("dramsim3", b"ff READ 7\n0xFF WRITE 9\n"))
@example(("dramsys", b"1: read 0x1\n2: (8) write ff 0x1\n"))
@example(("dramsys", b"x: read 0x1\n"))
@example(("simple_o3", b"1 2\n3 4 5\n"))
@example(("simple_o3", b"1 0x\n"))
def test_parsing_at_once_equals_parsing_line_by_line(case: tuple[str, bytes]) -> None:
    name, text = case
    format = FORMATS[name]
    try:
        lines = [words for words in map(words_of, text.split(b"\n")) if words]
        slow = [(n, *row) for n, words in enumerate(lines) for row in format.parse_line(words)]
    except ValueError:
        slow = None
    words = find_words(text)
    if words.first.size == 0:
        assert slow == []
        return
    fast = format.parse_words(words)
    if slow is None:
        assert fast is None
    elif fast is not None:
        assert list(zip(*(column.tolist() for column in fast), strict=True)) == slow


def test_usual_text_is_parsed_at_once() -> None:
    for name, text in (
        ("dramsim3", b"0x2000D5C0 READ  30\n1FF96FC0 WRITE   160 # c\n"),
        ("dramsys", b"# c\n0:\t(16) write\t0x0\t0xffff\n31: read 0x400140\n\n33: read 0x40 \r\n"),
        ("simple_o3", b"3 20734016\n8 0x10 20841280\n"),
    ):
        assert FORMATS[name].parse_words(find_words(text)) is not None, name
