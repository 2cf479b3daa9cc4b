"""Address maps against a model that moves single bits by hand."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.address_map import FIELDS, parse_address_map
from arch.device import Segment
from arch.errors import InputError

DDR4 = {"channel": 2, "rank": 1, "group": 4, "bank": 4, "row": 256, "column": 128}


def decode(segments: tuple[Segment, ...], line: int) -> dict[str, int]:
    fields = dict.fromkeys(FIELDS, 0)
    for s in segments:
        fields[s.field] ^= ((line >> s.source) & (2**s.width - 1)) << s.target
    return fields


def decode_by_bits(
    layout: list[tuple[str, int]], hashes: list[tuple[str, int, str, int]], line: int
) -> dict[str, int]:
    """``layout``: (field, bit) of every line bit from the top; ``hashes``: (target, bit, source, bit)."""
    text = format(line, f"0{len(layout)}b") if layout else ""
    bits = dict(zip(layout, text, strict=True))
    hashed = dict(bits)
    for target, target_bit, source, source_bit in hashes:
        if bits[source, source_bit] == "1":
            hashed[target, target_bit] = "1" if hashed[target, target_bit] == "0" else "0"
    fields = dict.fromkeys(FIELDS, 0)
    for (field, bit), value in hashed.items():
        fields[field] += int(value) << bit
    return fields


@st.composite
def maps(draw: st.DrawFn) -> Any:
    widths = {name: draw(st.integers(0, 5)) for name in FIELDS}
    pieces = []
    for name, width in widths.items():
        cuts = sorted({0, width, *draw(st.lists(st.integers(0, width), max_size=2))})
        pieces += [(name, high - 1, low) for low, high in pairwise(cuts)]
    pieces = draw(st.permutations(pieces))
    layout = [(name, bit) for name, high, low in pieces for bit in range(high, low - 1, -1)]
    words = []
    for name, high, low in pieces:
        whole = low == 0 and high == widths[name] - 1
        words.append(name if whole and draw(st.booleans()) else f"{name}[{high}:{low}]")
    text = " ".join(words)
    hashes = []
    present = [name for name in FIELDS if widths[name]]
    if len(present) > 1 and draw(st.booleans()):
        target, source = draw(st.permutations(present))[:2]
        width = draw(st.integers(1, min(widths[target], widths[source])))
        at = draw(st.integers(0, widths[target] - width))
        low = draw(st.integers(0, widths[source] - width))
        text += f"; {target}[{at + width - 1}:{at}] ^= {source}[{low + width - 1}:{low}]"
        hashes = [(target, at + i, source, low + i) for i in range(width)]
    return widths, layout, hashes, text


@settings(max_examples=150)
@given(maps(), st.data())
def test_maps_equal_the_bit_model(case: Any, data: st.DataObject) -> None:
    widths, layout, hashes, text = case
    if not layout:
        return
    segments = parse_address_map(text, {name: 2**width for name, width in widths.items()})
    for _ in range(5):
        line = data.draw(st.integers(0, 2 ** len(layout) - 1))
        assert decode(segments, line) == decode_by_bits(layout, hashes, line)


def test_documented_examples() -> None:
    segments = parse_address_map("row column[6:2] bank group rank column[1:0] channel", DDR4)
    line = 0b10110111_10101_11_01_10_1
    fields = {"row": 0b10110111, "column": 0b1010110, "bank": 3, "group": 1, "channel": 1, "rank": 0}
    assert decode(segments, line) == fields
    hashed = parse_address_map("row bank group column channel; bank ^= row[1:0]; group ^= row[3:2]", DDR4)
    assert len({tuple(decode(hashed, line).items()) for line in range(2**12)}) == 2**12


def test_a_hash_of_a_split_field_is_split() -> None:
    segments = parse_address_map("row bank column[6:1] group column[0] channel; bank ^= column[1:0]", DDR4)
    assert [(s.source, s.width, s.target) for s in segments[-2:]] == [(1, 1, 0), (4, 1, 1)]


def test_rows_may_be_any_number_on_top() -> None:
    counts = {**DDR4, "row": 200}
    segments = parse_address_map("row bank group column channel", counts)
    assert max(decode(segments, line)["row"] for line in range(200 << 12, (200 << 12) + 1)) == 200
    assert segments[-1].width == 8
    for text in ("bank row group column channel", "row[7:4] row[3:0] bank group column channel"):
        with pytest.raises(InputError, match="200 rows cannot be addressed by bits"):
            parse_address_map(text, counts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no fields"),
        ("rwo bank group column channel", 'unknown field "rwo"; did you mean "row"'),
        ("row bank group channel", "column is missing"),
        ("row bank group column[6:2] channel", "bits 0, 1 of column are missing"),
        ("row bank bank group column channel", "named twice"),
        ("row bank group column[6:2] column[2:0] channel", "bits 2 of column are named twice"),
        ("row bank group column[7:0] channel", "no range of bits of column"),
        ("row bank group column[0:6] channel", "no range of bits of column"),
        ("row bank group column[6-0] channel", "cannot read"),
        ("row bank group column channel; bank = row", "cannot read the hash"),
        ("row bank group column channel; bank ^= row", "do not fit"),
        ("row bank group column channel; bank ^= bank", "hash must not cancel"),
        ("row bank group column channel; bank ^= group; group ^= bank", "hash must not cancel"),
        ("row bank group column channel; rank ^= row[0]", "no range of bits of rank"),
    ],
)
def test_bad_maps(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_address_map(text, DDR4)
    assert message in str(error.value)
    assert error.value.given == text
