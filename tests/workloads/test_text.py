from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import workloads
from arch.errors import InputError
from workloads.text import STYLES, parse_chunk, parse_line
from workloads.trace import check_lines

STYLE_NAMES = ["load_store", "read_write", "address_first", "read_write_vector"]


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "t.trace"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lines_and_ops(folder: Path, text: str | bytes) -> tuple[list[int], list[int]]:
    block = workloads.open_trace(str(write(folder, text)), 64).to_arrays()
    return block.line.tolist(), block.op.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "LD 0x40\nST 0x80\nLD 4096\n",
        "LD 0x40\nST 0x80\nLD 4096",  # no last line end
        "LD 0x7f\nST 0xBF\nLD 0X0000000000001000\n",
        "# by hand\n\nLD 64 # first\n  ST\t128\r\n\r\nLD   4096   \n# end",
        b"\xef\xbb\xbfLD 64\nST 128\nLD 4096\n",
        "R 0x40\nW 128\nR 0x1000\n",
        "0x40 R\n128 W\n0x1000 R\n",
        "0x40 R # one\n\n128 W\n4096\tR\n",
        "LD 00000000000000000000000000000064\nST 128\nLD 4096\n",
        "LD\x0b64\nST 128\nLD 4096\n",
    ],
)
def test_formats(tmp_path: Path, text: str | bytes) -> None:
    assert lines_and_ops(tmp_path, text) == ([1, 2, 64], [0, 1, 0])


def test_line_is_the_address_over_the_transaction(tmp_path: Path) -> None:
    path = str(write(tmp_path, "LD 0x7fffffffffffffff\nLD 95\n"))
    assert workloads.open_trace(path, 32).to_arrays().line.tolist() == [(2**63 - 1) // 32, 2]
    assert workloads.open_trace(path, 1).to_arrays().line.tolist() == [2**63 - 1, 95]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("LD 64\nLX 64\n", ':2: bad request; given "LX 64", accepted "LD <address>" or "ST <address>"'),
        ("LD 64\n# c\n\nLD\n", ":4: bad request"),
        ("LD 64\nLD 64 64\n", ":2: bad request"),
        ("LD 64\nld 64\n", ":2: bad request"),
        ("LD 64\nR 64\n", ":2: bad request"),
        ("LD 64\nLD 0x\n", ":2: bad request"),
        ("LD 64\nLD 6g\n", ":2: bad request"),
        ("LD 64\nLD 1e3\n", ":2: bad request"),
        ("LD 64\nLD 1_0\n", ":2: bad request"),
        ("LD 64\nLD +1\n", ":2: bad request"),
        ("LD 64\nLD \xb2\n", ":2: bad request"),
        ("LD 64\nLD -64\n", ':2: negative address; given "LD -64"'),
        ("LD 64\nLD 0x8000000000000000\n", ":2: address beyond 63 bits"),
        ("LD 64\nLD 9223372036854775808\n", ":2: address beyond 63 bits"),
        ("LD 64\nLD " + "9" * 5000 + "\n", ":2: address beyond 63 bits"),
        ("R 64\nLD 64\n", ':2: bad request; given "LD 64", accepted "R <address>" or "W <address>"'),
        ("64 R\n64 X\n", ':2: bad request; given "64 X", accepted "<address> R" or "<address> W"'),
        ("LD -64\n", ":1: negative address"),
        ("hello\n", ":1: no request"),
        ("# c\nlorem ipsum\n", ":2: no request"),
        ("R 1,2,3,4,5\n", ": holds address vectors"),
        ("\0\0\0\n", ": is in no known trace format"),
        ("LD 64\n" + "x" * 70_000, ":2: no line end within"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as error:
        workloads.open_trace(str(path), 64).digest()
    assert str(error.value).startswith(str(path) + told), str(error.value)


@pytest.mark.parametrize("at", [0, 77_777, 150_000, 199_999])
@pytest.mark.parametrize("bad", ["LD 0xg", "ST", "LD -1"])
def test_bad_line_anywhere_in_a_long_file(tmp_path: Path, at: int, bad: str) -> None:
    lines = [f"LD 0x{i:x}" for i in range(200_000)]
    lines[at] = bad
    path = write(tmp_path, "\n".join(lines))
    with pytest.raises(InputError, match=rf"\.trace:{at + 1}: "):
        workloads.open_trace(str(path), 64).digest()


def test_line_outside_the_memory_is_named_by_its_line_number(tmp_path: Path) -> None:
    path = write(tmp_path, "# header\nLD 0\n\nLD 64\nST 6400\n")
    trace = workloads.open_trace(str(path), 64)
    with pytest.raises(InputError) as error:
        check_lines(trace.to_arrays(), 100, 0, trace)
    assert str(error.value).startswith(f"{path}:5: request 2 lies outside the memory: transaction 100")
    assert trace.locate(7) is None


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, bytes]:
    """Text in one of the formats, with and without small irregularities and mistakes."""
    style = draw(st.sampled_from(STYLE_NAMES))
    word = st.sampled_from(["LD", "ST"] if style == "load_store" else ["R", "W"])
    number = st.integers(0, 2**64).map(hex) | st.integers(0, 2**64).map(str) | st.integers(0, 999).map(str)
    if style == "read_write_vector":
        number = st.lists(number, min_size=2, max_size=2).map(",".join)
    pair = st.tuples(word, number)
    request = pair.map(lambda p: f"{p[0]} {p[1]}" if style != "address_first" else f"{p[1]} {p[0]}")
    odd = st.sampled_from(
        ["", "#", " ", "# LD 5", "LD", "R 5", "5", "R 1,,2", "R ,1", "R 1,2,3", "LD  5 ", "R -1"]
    )
    lines = draw(st.lists(request | odd if draw(st.booleans()) else request, min_size=1, max_size=6))
    return style, ("\n".join(lines) + "\n").encode()


@given(texts())
@example(("load_store", b"LD 0x10\nST 5\n"))
@example(("read_write_vector", b"R 1,2\nW 3,4\n"))
@example(("read_write_vector", b"R 1\nW 3,4\n"))
@example(("load_store", b"LD 0x8000000000000000\n"))
@example(("load_store", b"LD 0xfffffffffffffff\n"))
@example(("address_first", b"0x R\n"))
def test_parsing_at_once_equals_parsing_line_by_line(case: tuple[str, bytes]) -> None:
    name, text = case
    style = STYLES[name]
    try:
        slow = [r for r in (parse_line(line, style) for line in text.split(b"\n")) if r is not None]
    except ValueError:
        slow = None
    fast = parse_chunk(text, style)
    if fast is not None and slow is not None:
        assert fast.write.tolist() == [w for w, _ in slow]
        assert fast.numbers.tolist() == [n for _, n in slow]
    if slow is None:
        assert fast is None


def test_usual_text_is_parsed_at_once() -> None:
    for name, text in (
        ("load_store", b"LD 0x7fffffffffffffff\nST 123456789012345678\n"),
        ("load_store", b"LD 0x10 # a\n\n\tST   16\r\n"),
        ("read_write", b"R 0x10\nW 0X20\n"),
        ("address_first", b"0x10 R\n16 W\n"),
        ("read_write_vector", b"R 0,1,2,3,4,5\nW 0,1,2,3,4,0x6\n"),
    ):
        parsed = parse_chunk(text, STYLES[name])
        assert parsed is not None, name
        assert parsed.write.tolist() == [False, True]
        assert parsed.numbers.dtype == np.int64
