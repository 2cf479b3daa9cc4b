"""Address vectors: requests that name channel, rank, bank, row and column instead of a byte address.

Ramulator's read/write traces hold these.  Turning one into a transaction index takes the memory's address
map, backwards.  The map sets bits of the fields to XORs of bits of the index, so it is inverted once as a
matrix of bits, and an index is then the XOR of one constant for every bit that is set in the fields.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from arch.device import Memory
from arch.errors import InputError
from workloads.trace import Int64Array

FIELDS = ("channel", "rank", "group", "bank", "row", "column")


class VectorFault(NamedTuple):
    """Why a request's address vector is not one of the memory's; ``request`` counts in the array given."""

    request: int
    message: str


@dataclass(frozen=True)
class AddressVectors:
    """How a memory's address vectors read.

    A vector is (channel, rank, group, bank, row, column), the rank being the pseudo channel in HBM files; in
    vectors of five the rank or the group is left out, whichever the memory has only one of.

    Args:
        memory: the memory that the vectors address.
        columns_per_transaction: what the column counts: device columns (Ramulator's files: its prefetch
            length, e.g. 8 for DDR4, 4 for an HBM2 pseudo channel, 16 for GDDR6), or whole transactions if 1.

    Raises:
        InputError: ``columns_per_transaction`` below 1; when first used, two transactions of the memory that
            share one address.
    """

    memory: Memory
    columns_per_transaction: int = 1

    def __post_init__(self) -> None:
        n = self.columns_per_transaction
        if n < 1:
            raise InputError("", field="columns_per_transaction", given=n, accepted="1 or more")

    def lines(self, vectors: Int64Array) -> Int64Array:
        """Transaction indices, shape (n,), of vectors without fault, shape (n, 5) or (n, 6)."""
        fields = self._fields(vectors)
        lines = np.zeros(len(vectors), np.int64)
        for field, contributions in self._inverse.items():
            values = fields[field]
            used = int(values.max(initial=0)).bit_length()  # higher bits are all 0
            for bit, contribution in enumerate(contributions[:used]):
                lines ^= (values >> bit & 1) * contribution
        return lines

    def vectors(self, lines: Int64Array) -> Int64Array:
        """Address vectors, shape (n, 6), of transaction indices, shape (n,)."""
        fields = {field: np.zeros(lines.size, np.int64) for field in FIELDS}
        for s in self.memory.address_map:
            fields[s.field] ^= (lines >> s.source & (1 << s.width) - 1) << s.target
        fields["column"] *= self.columns_per_transaction
        return np.stack([fields[field] for field in FIELDS], axis=1)

    def first_fault(self, vectors: Int64Array) -> VectorFault | None:
        """The first vector that the memory does not have, or None; shape (n, k), any k."""
        if vectors.shape[1] not in self._lengths:
            accepted = " or ".join(map(str, self._lengths))
            given = vectors.shape[1]
            return VectorFault(
                0, f"address vector of {given} numbers, accepted {accepted} for {self.memory.name}"
            )
        faults = []
        for field, values in self._fields(vectors).items():
            bad = np.flatnonzero(values >= self.sizes[field])
            if bad.size:
                at = int(bad[0])
                last = self.sizes[field] - 1
                message = f"{field} {int(values[at])} of {self.memory.name}, accepted 0 to {last}"
                faults.append(VectorFault(at, message))
        return min(faults, default=None)

    def _fields(self, vectors: Int64Array) -> dict[str, Int64Array]:
        columns = [vectors[:, k] for k in range(vectors.shape[1])]
        if len(columns) == 5:
            columns.insert(1 if self.sizes["rank"] == 1 else 2, np.zeros(len(vectors), np.int64))
        fields = dict(zip(FIELDS, columns, strict=True))
        fields["column"] = fields["column"] // self.columns_per_transaction
        return fields

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How many values each field of a transaction has, by the names in FIELDS; all powers of two."""
        o = self.memory.organization
        counts = (self.memory.channels, o.ranks, o.groups, o.banks, o.rows, o.columns)
        return dict(zip(FIELDS, counts, strict=True))

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return (5, 6) if 1 in (self.sizes["rank"], self.sizes["group"]) else (6,)

    @cached_property
    def _inverse(self) -> dict[str, list[int]]:
        """Per field, the bits of the transaction index that each of its bits contributes (by XOR)."""
        widths = {field: (size - 1).bit_length() for field, size in self.sizes.items()}
        offsets, total = {}, 0
        for field, width in widths.items():
            offsets[field] = total
            total += width
        # Row r of the matrix: the fields (low bits, packed at their offsets) that index bit r sets.
        forward = [0] * total
        for s in self.memory.address_map:
            for k in range(s.width):
                if s.source + k < total:
                    forward[s.source + k] ^= 1 << (offsets[s.field] + s.target + k)
        index_bits = _invert_bit_matrix(forward)
        if index_bits is None:
            message = "two transactions share one address under its address map"
            raise InputError(message, field="address_map", given=self.memory.name)
        return {field: index_bits[offsets[field] : offsets[field] + width] for field, width in widths.items()}


def _invert_bit_matrix(rows: list[int]) -> list[int] | None:
    """Inverse of a square matrix over GF(2); row r is an integer whose bit c is the entry (r, c)."""
    n = len(rows)
    rows = list(rows)
    inverse = [1 << r for r in range(n)]
    for c in range(n):
        pivot = next((r for r in range(c, n) if rows[r] >> c & 1), None)
        if pivot is None:
            return None
        rows[c], rows[pivot] = rows[pivot], rows[c]
        inverse[c], inverse[pivot] = inverse[pivot], inverse[c]
        for r in range(n):
            if r != c and rows[r] >> c & 1:
                rows[r] ^= rows[c]
                inverse[r] ^= inverse[c]
    return inverse
