import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch.errors import InputError
from tests.workloads.strategies import content, traces
from workloads.trace import Block, Trace, check_lines


@given(traces(), st.lists(st.integers(1, 50), min_size=1, max_size=4))
def test_block_size_changes_neither_content_nor_digest(trace: Trace, sizes: list[int]) -> None:
    whole = trace.to_arrays()
    for size in sizes:
        again = Trace("again", lambda size=size: trace.blocks(size), window=trace.window)  # type: ignore[misc]
        blocks = list(again.blocks(7))
        assert all(b.requests == 7 for b in blocks[:-1])
        assert 1 <= blocks[-1].requests <= 7
        assert np.concatenate([b.line for b in blocks]).tolist() == whole.line.tolist()
        assert again.digest() == trace.digest()
        assert again.requests == whole.requests


@given(traces(), traces())
def test_digest_differs_exactly_where_content_does(a: Trace, b: Trace) -> None:
    assert (a.digest() == b.digest()) == (content(a) == content(b))


@pytest.mark.parametrize("column", ["line", "op", "arrival", "stream", "window"])
def test_digest_covers_every_column(column: str) -> None:
    columns = {"line": [0, 0, 0], "op": [0, 0, 0], "arrival": [0, 0, 0], "stream": [0, 0, 0]}
    base = Trace.from_arrays(**columns).digest()  # type: ignore[arg-type]
    if column == "window":
        assert Trace.from_arrays(**columns, window=1).digest() != base  # type: ignore[arg-type]
        return
    seen = {base}
    for at in range(3):
        changed = {**columns, column: [int(i == at) for i in range(3)]}
        seen.add(Trace.from_arrays(**changed).digest())  # type: ignore[arg-type]
    assert len(seen) == 4


def test_digest_is_what_its_description_says() -> None:
    trace = Trace.from_arrays([5, 6], [0, 1], window=3)
    column = hashlib.sha256(np.array([5, 6], "<i8").tobytes()).hexdigest()
    op = hashlib.sha256(bytes([0, 1])).hexdigest()
    text = f"trace 1\nrequests 2\nwindow 3\narrival zero\nline {column}\nop {op}\nstream zero\n"
    assert trace.digest() == hashlib.sha256(text.encode()).hexdigest()


def test_digest_reads_nothing_again_after_a_full_pass() -> None:
    passes = []

    def source() -> list[Block]:
        passes.append(1)
        return [Block(np.zeros(2, np.int64), np.arange(2), np.zeros(2, np.int8), None)]

    trace = Trace("counted", source)
    assert sum(b.requests for b in trace.blocks(1)) == 2
    trace.digest()
    assert len(passes) == 1
    next(iter(Trace("cut", source).blocks(1)))  # a pass cut short leaves no digest
    assert Trace("cut", source).digest() == trace.digest()


def test_arrays_are_copied_and_have_the_promised_types() -> None:
    line = np.arange(5)
    trace = Trace.from_arrays(line, write=np.array([0, 1, 0, 1, 1], bool), stream=[0, 0, 1, 1, 1])
    line[:] = 9
    block = trace.to_arrays()
    assert block.line.tolist() == [0, 1, 2, 3, 4]
    assert block.stream is not None
    assert [a.dtype for a in (block.arrival, block.line, block.op, block.stream)] == [
        np.int64,
        np.int64,
        np.int8,
        np.int16,
    ]
    assert all(a.flags.c_contiguous and a.flags.writeable for a in block if a is not None)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"line": []}, "no requests"),
        ({"line": [1, 2], "write": [1]}, "unequal length"),
        ({"line": [1, 2], "arrival": [1, 2, 3]}, "unequal length"),
        ({"line": [[1, 2]]}, "line: an array of shape (1, 2)"),
        ({"line": 4}, "one dimension"),
        ({"line": [1, -1]}, "line: request 1; given -1"),
        ({"line": [1, 1.5]}, "line: request 1; given 1.5"),
        ({"line": [1, float("nan")]}, "line: request 1; given nan"),
        ({"line": [0.0, 2.0**63]}, "line: request 1"),
        ({"line": np.array([0, 2**63], np.uint64)}, f"given {2**63}"),
        ({"line": ["a"]}, "dtype"),
        ({"line": [1 + 2j]}, "dtype"),
        ({"line": [1], "write": [2]}, "write: request 0; given 2, accepted integers from 0 to 1"),
        ({"line": [1], "op": [128]}, "op: request 0"),
        ({"line": [1], "op": [-1]}, "op: request 0"),
        ({"line": [1], "stream": [2**15]}, "stream: request 0"),
        ({"line": [1], "arrival": [-7]}, "arrival: request 0; given -7"),
        ({"line": [1], "write": [1], "op": [1]}, "either write or op"),
        ({"line": [1], "window": -1}, "window"),
    ],
)
def test_wrong_arrays_are_refused(columns: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as error:
        Trace.from_arrays(**columns)  # type: ignore[arg-type]
    assert told in str(error.value)


def test_whole_floats_pass() -> None:
    assert Trace.from_arrays(np.array([3.0, 4.0], np.float16)).to_arrays().line.tolist() == [3, 4]


def test_block_size_must_be_positive() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Trace.from_arrays([1]).blocks(0)


def test_source_without_requests_and_changing_source() -> None:
    with pytest.raises(InputError, match="no requests"):
        list(Trace("none", lambda: ()).blocks())
    lengths = iter([3, 4])

    def source() -> list[Block]:
        n = next(lengths)
        return [Block(np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int8), None)]

    trace = Trace("changing", source)
    trace.digest()
    with pytest.raises(InputError, match="3 requests before, 4 now"):
        list(trace.blocks())


def test_lines_outside_the_memory_are_named() -> None:
    trace = Trace.from_arrays([0, 99, 100, 200], name="t")
    block = trace.to_arrays()
    check_lines(block, 201, 0)
    with pytest.raises(InputError) as error:
        check_lines(block, 100, 1000, trace, transaction_bytes=64)
    assert str(error.value) == (
        "t: request 1002 lies outside the memory: transaction 100, byte address 0x1900 "
        "(accepted: transactions 0 to 99, bytes up to 0x18ff)"
    )
    low = Block(block.arrival, block.line - 5, block.op, None)
    with pytest.raises(InputError, match=r"request 0 .*transaction -5"):
        check_lines(low, 1000, 0)


def test_importing_workloads_is_cheap() -> None:
    code = "import sys, workloads; print({'numba', 'matplotlib', 'pint', 'pydantic'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
