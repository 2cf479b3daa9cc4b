"""The address map: which bits of a transaction index ``line`` name channel, rank, group, bank, row, column.

A map is text, most significant bits first: ``"row bank group rank column channel"``.  A field may be
split, ``"row column[6:2] bank group rank column[1:0] channel"``, and hashed after a semicolon,
``"…; bank ^= row[1:0]; group[0] ^= row[5]"``: the right side is always the field *before* any hashing.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, cast

from arch.device import Segment
from arch.errors import InputError, unknown

FieldName = Literal["channel", "rank", "group", "bank", "row", "column"]
FIELDS: Final = ("channel", "rank", "group", "bank", "row", "column")
ACCEPTED: Final = (
    'fields from the most significant bit down, such as "row bank group rank column channel"; '
    'split as column[6:2] … column[1:0], hashed as "…; bank ^= row[1:0]"'
)

_PIECE = re.compile(r"([a-z]+)(?:\[([0-9]{1,2})(?::([0-9]{1,2}))?\])?")


def parse_address_map(text: str, counts: Mapping[str, int]) -> tuple[Segment, ...]:
    """Segments of a map, least significant first and then the hashes, in the order written.

    ``counts`` says how many of each of :data:`FIELDS` there are: powers of two, except that ``row`` may
    be any count where it stands topmost and whole.  Every bit of every field must be named exactly once;
    a field of which there is one may be left out.  A hash must keep the map one-to-one.
    Raises InputError, whose ``given`` is the text.
    """
    return _parsed(text, tuple(counts.items()))


@lru_cache(maxsize=64)  # designs of one memory share it
def _parsed(text: str, counted: tuple[tuple[str, int], ...]) -> tuple[Segment, ...]:
    counts = dict(counted)
    layout, *hashes = text.split(";")
    pieces = [_piece(word, text, counts) for word in layout.split()]
    if not pieces:
        raise InputError("no fields", given=text, accepted=ACCEPTED)
    widths = _widths(counts, pieces, text)
    bits: list[tuple[FieldName, int]] = []  # (field, bit of the field) of every line bit, from bit 0 up
    segments = []
    for name, high, low in reversed(pieces):
        top = widths[name] - 1 if high is None else high
        bottom = 0 if low is None else low
        if top >= widths[name] and widths[name] > 0 or high is not None and top < bottom:
            raise InputError(
                f"{_written(name, high, low)} is no range of bits of {name}, which has {widths[name]}",
                given=text,
                accepted=f"{name}[{max(widths[name] - 1, 0)}:0] or parts of it",
            )
        if widths[name] == 0:
            continue
        segments.append(Segment(name, len(bits), top - bottom + 1, bottom))
        bits += [(name, bit) for bit in range(bottom, top + 1)]
    _check_cover(bits, widths, text)
    hashed = [segment for part in hashes for segment in _hash(part, widths, bits, counts, text)]
    _check_one_to_one(bits, hashed, text)
    return (*segments, *hashed)


def _written(name: str, high: int | None, low: int | None) -> str:
    if high is None:
        return name
    return f"{name}[{high}]" if high == low else f"{name}[{high}:{low}]"


def _piece(word: str, text: str, counts: Mapping[str, int]) -> tuple[FieldName, int | None, int | None]:
    match = _PIECE.fullmatch(word)
    if match is None:
        raise InputError(f'cannot read "{word}"', given=text, accepted=ACCEPTED)
    name, high, low = match.groups()
    if name not in counts:
        raise InputError(unknown(f'field "{name}"', name, FIELDS), given=text, accepted=", ".join(FIELDS))
    top = None if high is None else int(high)
    return cast(FieldName, name), top, int(low) if low is not None else top


def _widths(
    counts: Mapping[str, int], pieces: list[tuple[FieldName, int | None, int | None]], text: str
) -> dict[str, int]:
    widths = {}
    whole_row_on_top = pieces[0][0] == "row" and sum(p[0] == "row" for p in pieces) == 1
    for name, count in counts.items():
        widths[name] = (count - 1).bit_length()
        if count & (count - 1) and not (name == "row" and whole_row_on_top and pieces[0][1] is None):
            what = "bank groups" if name == "group" else name + "s"
            message = f"{count} {what} cannot be addressed by bits"
            accepted = "a power of two (only rows may be any number, with row first and whole in the map)"
            raise InputError(message, given=text, accepted=accepted)
    return widths


def _check_cover(bits: list[tuple[FieldName, int]], widths: Mapping[str, int], text: str) -> None:
    for name in FIELDS:
        named = sorted(bit for field, bit in bits if field == name)
        missing = [bit for bit in range(widths[name]) if bit not in named]
        twice = sorted({bit for bit in named if named.count(bit) > 1})
        if missing and not named:
            raise InputError(f"{name} is missing ({widths[name]} bits)", given=text, accepted=ACCEPTED)
        if missing:
            message = f"bits {_listed(missing)} of {name} are missing"
            raise InputError(message, given=text, accepted=ACCEPTED)
        if twice:
            message = f"bits {_listed(twice)} of {name} are named twice"
            raise InputError(message, given=text, accepted=ACCEPTED)


def _listed(bits: list[int]) -> str:
    return ", ".join(map(str, bits))


def _hash(
    part: str,
    widths: Mapping[str, int],
    bits: list[tuple[FieldName, int]],
    counts: Mapping[str, int],
    text: str,
) -> list[Segment]:
    sides = part.split("^=")
    if len(sides) != 2 or len(sides[0].split()) != 1 or len(sides[1].split()) != 1:
        raise InputError(f'cannot read the hash "{part.strip()}"', given=text, accepted=ACCEPTED)
    (target, target_high, target_low), (source, high, low) = (_piece(s.strip(), text, counts) for s in sides)
    if target == "row" and counts["row"] & (counts["row"] - 1):
        raise InputError(
            f"row cannot be hashed with {counts['row']} rows", given=text, accepted="a power of two of rows"
        )
    ranges = {}
    for side, (name, top, bottom) in {
        "target": (target, target_high, target_low),
        "source": (source, high, low),
    }.items():
        top = widths[name] - 1 if top is None else top
        bottom = 0 if bottom is None else bottom
        if not 0 <= bottom <= top < widths[name]:
            message = f"{_written(name, top, bottom)} is no range of bits of {name}, which has {widths[name]}"
            raise InputError(message, given=text, accepted=ACCEPTED)
        ranges[side] = range(bottom, top + 1)
    if len(ranges["source"]) > len(ranges["target"]):
        message = f"{part.strip()}: {len(ranges['source'])} bits do not fit into {len(ranges['target'])}"
        raise InputError(message, given=text, accepted="as many bits on the right as on the left, or fewer")
    segments: list[Segment] = []
    for offset, bit in enumerate(ranges["source"]):
        place, aim = bits.index((source, bit)), ranges["target"][offset]
        last = segments[-1] if segments else None
        if last is not None and place == last.source + last.width:
            segments[-1] = Segment(target, last.source, last.width + 1, last.target)
        else:
            segments.append(Segment(target, place, 1, aim))
    return segments


def _check_one_to_one(bits: list[tuple[FieldName, int]], hashed: list[Segment], text: str) -> None:
    """The map is linear over GF(2); it is one-to-one if its matrix has full rank."""
    position = {bit: place for place, bit in enumerate(bits)}
    rows = [1 << place for place in range(len(bits))]
    for segment in hashed:
        for offset in range(segment.width):
            rows[position[segment.field, segment.target + offset]] ^= 1 << (segment.source + offset)
    reduced: list[int] = []
    for row in rows:
        for pivot in reduced:
            row = min(row, row ^ pivot)
        if row == 0:
            message = "two lines would share one place; a hash must not cancel the bits it hashes"
            raise InputError(message, given=text, accepted=ACCEPTED)
        reduced.append(row)
