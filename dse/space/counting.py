"""Counting, walking and drawing the allowed designs of parameters that hang together.

Designs are rows of indices into each parameter's own values, -1 where it is inactive.  They are grown
parameter by parameter, in blocks of NumPy arrays, and forbidden ones are cut as soon as a constraint can
be told; nothing holds all designs at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from dse.evaluation import Value
from dse.space.meaning import Expression

_BLOCK: Final = 1 << 18
_PREFIXES: Final = 1 << 18

Block = dict[str, Any]
"""Index arrays of one length by parameter."""


@dataclass(frozen=True)
class Column:
    """A parameter as it is counted: its own values, measured, and when it is active.

    A float is one column of one value, which stands for all of it.
    """

    name: str
    values: Sequence[Value] | None
    measures: Any
    size: int
    when: Expression | None


class Component:
    """Parameters that conditions and constraints tie together, the designs of which are counted as one.

    Args:
        columns: in the order of declaration; a condition mentions earlier ones only.
        constraints: over these columns.
        tied: order the columns that nothing depends on last and count them without growing them.
    """

    def __init__(self, columns: Sequence[Column], constraints: Sequence[Expression], *, tied: bool = True) -> None:
        needed = {n for c in columns if c.when for n in c.when.names} | {n for c in constraints for n in c.names}
        self.columns = {c.name: c for c in columns}
        self.core = [c for c in columns if c.name in needed or not tied]
        self.leaves = [c for c in columns if c.name not in needed and tied]
        self.constraints = list(constraints)
        order = [c.name for c in self.core]
        self._due = [
            [c for c in constraints if max(order.index(n) for n in c.names) == i] for i in range(len(order))
        ]
        most = 1
        for column in columns:
            most *= column.size
        self._number: Any = np.int64 if most < 1 << 62 else object

    @cached_property
    def count(self) -> int:
        """Number of designs."""
        return int(sum(self._weights))

    def blocks(self, rows: int = _BLOCK) -> Iterator[Block]:
        """All designs in lexicographic order of the core columns, leaves left out."""
        yield from self._grown(_origin(1), 0, len(self.core), rows)

    def draw(self, rng: np.random.Generator, n: int) -> Block:
        """``n`` designs, each of all with the same chance, with replacement; at least one must exist."""
        ends = self._ends
        ranks = [below(rng, self.count) for _ in range(n)]
        chosen = np.array([_first_above(ends, rank) for rank in ranks], dtype=np.int64)
        picked = {name: column[chosen] for name, column in self._prefixes.items()}
        if self._depth < len(self.core):
            picked = self._completed(picked, chosen, rng)
        for leaf in self.leaves:
            drawn = rng.integers(0, leaf.size, size=n)
            picked[leaf.name] = np.where(self.active(leaf, picked, n), drawn, -1)
        return picked

    def active(self, column: Column, block: Block, rows: int) -> Any:
        """Where a column is active; ``block`` holds what its condition mentions."""
        if column.when is None:
            return np.ones(rows, dtype=bool)
        there = np.ones(rows, dtype=bool)
        for name in column.when.names:
            there &= block[name] >= 0
        return there & self._truth(column.when, block)

    def kept(self, constraint: Expression, block: Block) -> Any:
        """Where a constraint holds; it does wherever one of its parameters is inactive."""
        free: Any = False
        for name in constraint.names:
            free = free | (block[name] < 0)
        return free | self._truth(constraint, block)

    def _truth(self, expression: Expression, block: Block) -> Any:
        found = expression.holds({n: self.columns[n].measures[block[n]] for n in expression.names})
        return np.asarray(found, dtype=bool)

    @cached_property
    def _depth(self) -> int:
        """How many core columns are held as prefixes: as many as stay few."""
        rows = 1
        for depth, column in enumerate(self.core):
            rows *= column.size
            if rows > _PREFIXES:
                return self._deepest(depth)
        return len(self.core)

    def _deepest(self, depth: int) -> int:
        """Conditions and constraints may leave so few that more columns can be held."""
        block = _joined(self._grown(_origin(1), 0, depth, _BLOCK))
        while depth < len(self.core) and len(block["origin"]) * self.core[depth].size <= 4 * _PREFIXES:
            block = _joined(self._grown(block, depth, depth + 1, _BLOCK))
            if len(block["origin"]) > _PREFIXES:
                break
            depth += 1
        return depth

    @cached_property
    def _prefixes(self) -> Block:
        block = _joined(self._grown(_origin(1), 0, self._depth, _BLOCK))
        block.pop("origin")
        return block

    @cached_property
    def _weights(self) -> Any:
        """Number of designs that begin with each prefix."""
        rows = len(next(iter(self._prefixes.values()))) if self._prefixes else 1
        weights = np.zeros(rows, dtype=self._number)
        start = {**self._prefixes, "origin": np.arange(rows)}
        for block in self._grown(start, self._depth, len(self.core), _BLOCK):
            np.add.at(weights, block["origin"], self._leaf_counts(block))
        return weights

    @cached_property
    def _ends(self) -> Any:
        return np.cumsum(self._weights)

    def _leaf_counts(self, block: Block) -> Any:
        rows = len(block["origin"])
        counts = np.ones(rows, dtype=self._number)
        for leaf in self.leaves:
            counts *= np.where(self.active(leaf, block, rows), leaf.size, 1).astype(self._number)
        return counts

    def _completed(self, prefixes: Block, chosen: Any, rng: np.random.Generator) -> Block:
        """A design for each prefix, drawn from all that begin with it."""
        n = len(chosen)
        result = {c.name: np.full(n, -1, dtype=np.int64) for c in self.core}
        for prefix in np.unique(chosen):
            places = np.flatnonzero(chosen == prefix)
            first = {name: column[places[:1]] for name, column in prefixes.items()}
            block = _joined(self._grown({**first, **_origin(1)}, self._depth, len(self.core), _BLOCK))
            ends = np.cumsum(self._leaf_counts(block))
            rows = [_first_above(ends, below(rng, int(ends[-1]))) for _ in places]
            for column in self.core:
                result[column.name][places] = block[column.name][rows]
        return result

    def _grown(self, block: Block, start: int, stop: int, rows: int) -> Iterator[Block]:
        """The block with core columns ``start`` to ``stop`` added, forbidden rows cut, in small pieces."""
        held = len(block["origin"])
        if held == 0:
            return
        if start == stop:
            yield block
            return
        column = self.core[start]
        step = max(1, rows // column.size)
        for first in range(0, held, step):
            piece = {name: part[first : first + step] for name, part in block.items()}
            yield from self._grown(self._cut(self._with(piece, column), start), start + 1, stop, rows)

    def _with(self, block: Block, column: Column) -> Block:
        rows = len(block["origin"])
        active = self.active(column, block, rows)
        counts = np.where(active, column.size, 1)
        source = np.repeat(np.arange(rows), counts)
        ends = np.cumsum(counts)
        within = np.arange(len(source)) - np.repeat(ends - counts, counts)
        grown = {name: part[source] for name, part in block.items()}
        grown[column.name] = np.where(active[source], within, -1).astype(np.int32)
        return grown

    def _cut(self, block: Block, position: int) -> Block:
        for constraint in self._due[position]:
            kept = self.kept(constraint, block)
            if not kept.all():
                block = {name: part[kept] for name, part in block.items()}
        return block


def below(rng: np.random.Generator, bound: int) -> int:
    """A whole number from 0 to ``bound`` - 1, each with the same chance, however large the bound."""
    if bound <= 1 << 62:
        return int(rng.integers(0, bound))
    length = (bound.bit_length() + 7) // 8
    spare = 8 * length - bound.bit_length()
    while (number := int.from_bytes(rng.bytes(length), "little") >> spare) >= bound:
        pass
    return number


def _origin(rows: int) -> Block:
    return {"origin": np.arange(rows)}


def _first_above(ends: Any, rank: int) -> int:
    return int(np.searchsorted(ends, rank, side="right"))


def _joined(blocks: Iterator[Block]) -> Block:
    listed = list(blocks)
    if not listed:
        return _origin(0)
    return {name: np.concatenate([block[name] for block in listed]) for name in listed[0]}
