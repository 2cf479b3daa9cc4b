from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads
from arch.device import Controller, FrontEnd, Memory, Organization, Segment
from arch.errors import InputError
from workloads import AddressVectors

Field = Literal["channel", "rank", "group", "bank", "row", "column"]


def memory(ranks: int = 1, groups: int = 4, channels: int = 1, extra: tuple[Segment, ...] = ()) -> Memory:
    """16 rows of 8 transactions, mapped row bank group rank channel column, most significant first."""
    counts: tuple[tuple[Field, int], ...] = (
        ("column", 8), ("channel", channels), ("rank", ranks), ("group", groups), ("bank", 4), ("row", 16),
    )  # fmt: skip
    segments, source = [], 0
    for field, count in counts:
        width = count.bit_length() - 1
        if width:
            segments.append(Segment(field, source, width, 0))
        source += width
    controller = Controller(
        "p", "fr_fcfs", "open", "none", 32, 32, Fraction(4, 5), Fraction(1, 5), "jedec", skip_idle=True
    )
    return Memory(
        name="m",
        clock_period=Fraction(1, 10**9),
        channels=channels,
        organization=Organization(ranks, groups, 4, 16, 8, 64),
        timing={},
        commands=(),
        rules=(),
        slots=(),
        ops=(),
        refresh=None,
        energy=None,
        address_map=(*segments, *extra),
        controller=controller,
        front_end=FrontEnd("shared", 1, "round_robin"),
    )


HASHED = (Segment("bank", 7, 2, 0), Segment("group", 7, 1, 1), Segment("row", 8, 1, 0))
"""bank ^= row[1:0]; group[1] ^= row[0]; row[0] ^= row[1] (line bits 7 and 8 are the lowest of the row)."""


@given(
    st.sampled_from([(1, 4, 1), (2, 4, 2), (1, 1, 1), (4, 1, 2)]),
    st.booleans(),
    st.integers(1, 16),
    st.lists(st.integers(0, 2**9 - 1), min_size=1, max_size=20),
)
def test_lines_and_vectors_are_inverse(
    shape: tuple[int, int, int], hashed: bool, step: int, some: list[int]
) -> None:
    extra = HASHED if hashed and shape == (1, 4, 1) else ()
    m = memory(*shape, extra=extra)
    both = AddressVectors(m, step)
    lines = np.array(some) % m.total_lines
    vectors = both.vectors(lines)
    assert both.first_fault(vectors) is None
    assert both.lines(vectors).tolist() == lines.tolist()


def test_hashed_map_by_hand() -> None:
    # row 1 (line bit 7): bank 0 ^ 1, group 0 ^ (1 << 1); as HASHED says.
    m = memory(extra=HASHED)
    assert m.total_lines == 2**11
    row_bit = 3 + 2 + 2
    both = AddressVectors(m)
    assert both.vectors(np.array([1 << row_bit])).tolist() == [[0, 0, 2, 1, 1, 0]]
    assert both.lines(np.array([[0, 0, 2, 1, 1, 0]])).tolist() == [1 << row_bit]


def open_vectors(folder: Path, text: str, vectors: AddressVectors) -> list[int]:
    path = folder / "v.rw"
    path.write_text(text)
    lines: list[int] = workloads.open_trace(str(path), 64, vectors=vectors).to_arrays().line.tolist()
    return lines


def test_reading_five_and_six_numbers(tmp_path: Path) -> None:
    plain = AddressVectors(memory(), 8)
    line = ((5 * 4 + 3) * 4 + 2) * 8 + 6
    assert open_vectors(tmp_path, "R 0,0,2,3,5,48\nW 0,0,2,3,5,55\n", plain) == [line, line]
    assert open_vectors(tmp_path, "R 0,2,3,5,48\nW 0,0,0,0,0\n", plain) == [line, 0]
    no_groups = AddressVectors(memory(ranks=2, groups=1))
    assert open_vectors(tmp_path, "R 0,1,3,5,6\n", no_groups) == [((5 * 4 + 3) * 2 + 1) * 8 + 6]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# c\nR 0,0,0,0,0,0\nR 0,0,4,0,0,0\n", ":3: group 4 of m, accepted 0 to 3"),
        ("R 0,0,0,0,0,0\nR 0,0,0,0,16,0\nR 0,0,0,4,0,0", ":2: row 16 of m"),
        ("R 0,0,0\n", ":1: address vector of 3 numbers, accepted 5 or 6"),
        ("R 0,0,0,0,0,0\nR 0,0,0,0,0\n", ":2: address vector of 5 numbers after others of 6"),
        ("R 0,0,0,0,0,0\nR 0,0,0,0,x,0\n", ":2: bad request"),
        ("R 0,0,0,0,0,0\nR 0,0,0,-1,0,0\n", ":2: negative"),
        ("R 0,0,0,0,0,0\nR 0,0,0,,0,0\n", ":2: bad request"),
        ("R 0,0,0,0,0,0\nR 5\n", ":2: address vector of 1 numbers"),
    ],
)
def test_bad_vectors_are_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        open_vectors(tmp_path, text, AddressVectors(memory()))
    assert str(error.value).startswith(str(tmp_path / "v.rw") + told), str(error.value)


def test_both_rank_and_group_need_six_numbers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="accepted 6 for m"):
        open_vectors(tmp_path, "R 0,0,0,0,0\n", AddressVectors(memory(ranks=2)))


def test_map_that_is_no_bijection_is_refused() -> None:
    doubled = memory(extra=(Segment("column", 0, 1, 0),))  # column[0] ^= itself: lost
    with pytest.raises(InputError, match="two transactions share one address"):
        AddressVectors(doubled).lines(np.zeros((1, 6), np.int64))
    with pytest.raises(InputError, match="columns_per_transaction"):
        AddressVectors(doubled, 0)


def test_vector_file_round_trip(tmp_path: Path) -> None:
    vectors = AddressVectors(memory(extra=HASHED), 8)
    trace = workloads.generate("random", requests=70_000, footprint=2**11, write_share=0.4)
    path = str(tmp_path / "v.rw.gz")
    workloads.save(trace, path, format="read_write_vector", vectors=vectors)
    again = workloads.open_trace(path, 64, vectors=vectors)
    assert again.digest() == trace.digest()
