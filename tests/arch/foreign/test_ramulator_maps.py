"""Ramulator's mappers as address maps: equal, address by address, to slicing bits off as Ramulator does."""

from hypothesis import given
from hypothesis import strategies as st

from arch.address_map import parse_address_map
from arch.foreign.ramulator_maps import MAPPERS, address_map

Levels = list[tuple[str, int]]
ORDER = ("channel", "pseudochannel", "rank", "bankgroup", "bank", "row", "column")


def sliced(mapper: str, levels: Levels, line: int) -> dict[str, int]:
    """Level by level off the low end of the address, as the mappers of Ramulator do."""
    bits = dict(levels)
    found: dict[str, int] = dict.fromkeys(bits, 0)

    def cut(name: str, width: int, shift: int = 0) -> None:
        nonlocal line
        found[name] += (line & ((1 << width) - 1)) << shift
        line >>= width

    names = [name for name, _ in levels]
    if mapper == "ChRaBaRoCo":
        for name in reversed(names):
            cut(name, bits[name])
    elif mapper == "RoBaRaCoCh":
        if "channel" in bits:
            cut("channel", bits["channel"])
        cut("column", bits["column"])
        for name in names:
            if name not in ("channel", "column"):
                cut(name, bits[name])
    else:
        cut("column", 2)
        for name in names:
            if name not in ("row", "column"):
                cut(name, bits[name])
        cut("column", bits["column"] - 2, 2)
        found["row"] = line
        used = 0
        for name in names[:-1]:
            if bits[name] > 0:
                found[name] ^= (found["column"] >> used) & ((1 << bits[name]) - 1)
                used += bits[name]
    return found


def placed(text: str, levels: Levels, channel_bits: int, line: int) -> dict[str, int]:
    bits = dict(levels)
    counts = {
        "channel": 1 << channel_bits,
        "rank": 1 << bits.get("rank", 0),
        "group": 1 << bits.get("bankgroup", 0),
        "bank": 1 << bits["bank"],
        "row": 1 << bits["row"],
        "column": 1 << bits["column"],
    }
    found = dict.fromkeys(counts, 0)
    for segment in parse_address_map(text, counts):
        found[segment.field] ^= ((line >> segment.source) & ((1 << segment.width) - 1)) << segment.target
    return found


widths = st.fixed_dictionaries(
    {
        "channel": st.integers(0, 3),
        "pseudochannel": st.integers(0, 1),
        "rank": st.integers(0, 2),
        "bankgroup": st.integers(0, 2),
        "bank": st.integers(1, 3),
        "row": st.integers(2, 16),
        "column": st.integers(2, 8),
    }
).map(lambda drawn: {name: drawn[name] for name in ORDER})


def renamed(found: dict[str, int], bits: dict[str, int]) -> dict[str, int]:
    low = bits.get("pseudochannel", 0)
    return {
        "channel": (found.get("channel", 0) << low) + found.get("pseudochannel", 0),
        "rank": found.get("rank", 0),
        "group": found.get("bankgroup", 0),
        "bank": found["bank"],
        "row": found["row"],
        "column": found["column"],
    }


@given(st.sampled_from(MAPPERS), widths, st.data())
def test_ramulator_20(mapper: str, given_bits: dict[str, int], data: st.DataObject) -> None:
    levels = list(given_bits.items())
    line = data.draw(st.integers(0, (1 << sum(given_bits.values())) - 1))
    text = address_map(mapper, levels)
    channel_bits = given_bits["channel"] + given_bits["pseudochannel"]
    assert placed(text, levels, channel_bits, line) == renamed(sliced(mapper, levels, line), given_bits)


@given(st.sampled_from(MAPPERS), widths, st.data())
def test_ramulator_21(mapper: str, given_bits: dict[str, int], data: st.DataObject) -> None:
    """The channel's bits are taken out of the address first, the mapper sees the rest."""
    channel_bits = given_bits["channel"]
    levels = [(name, width) for name, width in given_bits.items() if name != "channel"]
    total = sum(width for _, width in levels)
    place = data.draw(st.integers(0, total))
    line = data.draw(st.integers(0, (1 << total + channel_bits) - 1))
    text = address_map(mapper, levels, (place, channel_bits))
    inner = (line >> place + channel_bits) << place | line & ((1 << place) - 1)
    found = sliced(mapper, levels, inner) | {"channel": (line >> place) & ((1 << channel_bits) - 1)}
    every = channel_bits + given_bits["pseudochannel"]
    assert placed(text, levels, every, line) == renamed(found, given_bits)
