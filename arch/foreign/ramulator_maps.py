"""Ramulator's address mappers as our address maps, bit by bit from the least significant up."""

from collections.abc import Mapping, Sequence

MAPPERS = ("RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR")

_FIELDS = {"rank": "rank", "bankgroup": "group", "bank": "bank", "row": "row", "column": "column"}
_LOW_COLUMN_BITS = 2  # of MOP4CLXOR: four lines side by side

_NONE = -1  # stands for the bits of a field of which there is one: named in the map all the same

Bit = tuple[str, int]  # field of ours and bit of it


def address_map(
    mapper: str, levels: Sequence[tuple[str, int]], interleave: tuple[int, int] | None = None
) -> str:
    """The map of one of :data:`MAPPERS`.

    Args:
        levels: name and bits of every level the mapper sees, from the channel (Ramulator 2.0) or from
            below it (2.1) down to the column, whose bits count transactions.
        interleave: for Ramulator 2.1, at which bit of a line index the channel's bits stand, and how many.

    A pseudo channel is a channel of ours: its bits are the low ones of ``channel``.
    """
    bits = dict(levels)
    inner = [name for name, _ in levels if name not in ("channel", "row", "column")]
    top = ["channel"] if "channel" in bits else []
    column = _bits("column", bits)
    # Ramulator cuts fields off the low end of an address in this order.
    if mapper == "ChRaBaRoCo":
        order = [bit for name, _ in reversed(levels) for bit in _bits(name, bits)]
    elif mapper == "RoBaRaCoCh":
        parts = [*(_bits(name, bits) for name in top), column]
        order = [bit for part in [*parts, *(_bits(n, bits) for n in [*inner, "row"])] for bit in part]
    else:
        middle = [bit for name in [*top, *inner] for bit in _bits(name, bits)]
        order = column[:_LOW_COLUMN_BITS] + middle + column[_LOW_COLUMN_BITS:] + _bits("row", bits)
    if interleave is not None:
        place, width = interleave
        low = bits.get("pseudochannel", 0)
        at = [index for index, (_, bit) in enumerate(order) if bit != _NONE][place : place + 1]
        where = at[0] if at and place else 0 if not place else len(order)
        order[where:where] = [("channel", low + bit) for bit in range(width)] or [("channel", _NONE)]
    whole: dict[str, int] = {}
    for field, bit in order:
        whole[field] = max(whole.get(field, 0), bit + 1)
    order = [(f, bit) for f, bit in order if bit != _NONE or whole[f] == 0]
    text = " ".join(dict.fromkeys(_run(*run, whole) for run in reversed(_runs(order))))
    return text + (_hashes(levels, bits, whole) if mapper == "MOP4CLXOR" else "")


def _bits(level: str, bits: Mapping[str, int]) -> list[Bit]:
    first = bits.get("pseudochannel", 0) if level == "channel" else 0
    field = _FIELDS.get(level, "channel")
    return [(field, first + bit) for bit in range(bits[level])] or [(field, _NONE)]


def _runs(order: Sequence[Bit]) -> list[tuple[str, int, int]]:
    """Neighbouring bits of one field together: (field, highest, lowest), from the low end up."""
    runs: list[tuple[str, int, int]] = []
    for field, bit in order:
        if runs and bit > 0 and runs[-1][0] == field and runs[-1][1] + 1 == bit:
            runs[-1] = (field, bit, runs[-1][2])
        else:
            runs.append((field, bit, bit))
    return runs


def _run(field: str, high: int, low: int, whole: Mapping[str, int]) -> str:
    if whole[field] == 0 or low == 0 and high == whole[field] - 1:
        return field
    return f"{field}[{high}]" if high == low else f"{field}[{high}:{low}]"


def _hashes(levels: Sequence[tuple[str, int]], bits: Mapping[str, int], whole: Mapping[str, int]) -> str:
    """Column bits, counted off from the lowest, are folded into the levels in turn, the row included."""
    text, used = "", 0
    for name, count in levels:
        width = min(count, bits["column"] - used)
        if name == "column" or count == 0 or width <= 0:
            continue
        targets = _bits(name, bits)[:width]
        target = _run(targets[0][0], targets[-1][1], targets[0][1], whole)
        text += f"; {target} ^= {_run('column', used + width - 1, used, whole)}"
        used += count
    return text
