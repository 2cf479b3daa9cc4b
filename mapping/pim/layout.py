"""Which rows of the banks hold what: the regions of a layer, and of the LM head.

A region has the same column addresses in every bank of every channel (address ``row * columns + column``).
It is cut into chunks, one after the other.  A chunk has ``slots`` places, ``stride`` addresses apart; in each
bank a place holds one segment of ``width`` columns, ``elements`` numbers a column, the last column filled up
with zeros.  What a segment is depends on what the region holds:

- ``matrix``: the weights of one output.  Outputs are dealt a slot at a time over all banks, a channel after
  the other: output n is in slot n // (channels * banks); of the rest r, channel r // banks, bank r % banks.
  Chunks are the parts of the input vector that fit the global buffer.
- ``tokens``: the keys (or values) of one token.  Token i is on channel i % channels, bank
  i // channels % banks, slot i // (channels * banks).  Chunks are whole key heads, as many as have their
  query heads in the global buffer together; every head begins a column.
- ``columns``: one element of the values along the tokens.  As many value elements of one head as there are
  banks are a group, which takes one slot of one channel, an element a bank; a head's last group may be
  incomplete.  Channels get equally long runs of groups (within one).  Chunks are the tokens whose
  probabilities fit the global buffer.

All layers are alike: layer k lies ``rows`` * k further down.
Norms, biases and embeddings are not in the banks; the ASIC is taken to have them at hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from arch.errors import InputError
from arch.pim_device import Pim
from mapping.pim.options import PimMapping
from workloads.transformer.model import Transformer
from workloads.transformer.requests import Decoding


@dataclass(frozen=True)
class Chunk:
    """A part of a region.

    It is elements ``first`` to before ``first + count`` of the input vector, of the key heads, or of the
    tokens, as the region holds matrix, tokens or columns.

    ``start``: column address of slot 0, in layer 0; ``width``: columns of a segment; ``stride``: addresses
    from slot to slot.
    """

    first: int
    count: int
    start: int
    width: int
    stride: int


@dataclass(frozen=True)
class Region:
    """Rows of all banks that hold one matrix or one cache (or one head's).

    Attributes:
        name: such as ``ffn_up``, ``key``, ``key 3``.
        holds: what a segment is; see the module.
        part: what the rows are for.
        row: first row, in layer 0.
        rows: how many.
        slots: places of a chunk.
        offset: number of the first output in the operator's output vector (matrix), or the first key head.
        outputs: of a matrix; tokens reserved (tokens); value elements (columns).
        chunks: in order of their addresses.
    """

    name: str
    holds: Literal["matrix", "tokens", "columns"]
    part: Literal["weights", "keys", "values", "lm_head"]
    row: int
    rows: int
    slots: int
    offset: int
    outputs: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class Layout:
    """Regions of a layer, then of the LM head if there is one.

    Attributes:
        regions: in order of their rows.
        layers: how many layers there are.
        layer_rows: rows of a layer; the LM head's region begins below the last layer.
        context: tokens that rows are reserved for.
        group_first: where channels' value groups begin, and the number of groups (channels + 1,).
    """

    regions: tuple[Region, ...]
    layers: int
    layer_rows: int
    context: int
    group_first: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows of every bank that are used."""
        return self.layers * self.layer_rows + sum(r.rows for r in self.regions if r.part == "lm_head")

    def rows_of(self, part: str) -> int:
        """Rows of every bank, in all layers, that are for ``part``."""
        times = 1 if part == "lm_head" else self.layers
        return times * sum(r.rows for r in self.regions if r.part == part)

    def index(self, name: str) -> int:
        """Number of the region called ``name``; KeyError if there is none."""
        for k, region in enumerate(self.regions):
            if region.name == name:
                return k
        raise KeyError(name)


def lay_out(pim: Pim, decoding: Decoding, mapping: PimMapping) -> Layout:
    """Rows for every matrix and cache of the model, whether or not the banks have that many.

    Raises:
        InputError: a head does not fit the global buffer.
    """
    model = decoding.model
    if head_columns(pim, model) > pim.buffer_slots:
        size = pim.buffer_slots * pim.elements
        raise InputError(
            f"the global buffer holds {size} elements, less than a head of {model.name}",
            field="units.global_buffer",
            given=f"{pim.buffer_slots * pim.memory.organization.transaction_bytes} B",
            accepted=f"at least {head_columns(pim, model) * pim.memory.organization.transaction_bytes} B",
        )
    builder = _Rows(pim, mapping)
    regions = list(_layer(builder, pim, model, mapping))
    layer_rows = builder.row
    if decoding.lm_head:
        builder.row = layer_rows * model.layers
        regions.append(builder.matrix("lm_head", model.hidden, model.vocabulary, part="lm_head"))
    channels, groups = pim.memory.channels, model.kv_heads * groups_per_head(pim, model)
    return Layout(
        tuple(regions),
        model.layers,
        layer_rows,
        reserved(model, mapping),
        tuple(c * groups // channels for c in range(channels + 1)),
    )


def reserved(model: Transformer, mapping: PimMapping) -> int:
    """Tokens that rows are reserved for."""
    return model.context if mapping.context is None else mapping.context


def head_columns(pim: Pim, model: Transformer) -> int:
    """Columns of one head."""
    return -(-model.head_size // pim.elements)


def groups_per_head(pim: Pim, model: Transformer) -> int:
    """Groups of a head's value elements."""
    return -(-model.head_size // pim.banks)


def heads_at_once(pim: Pim, model: Transformer) -> int:
    """Key heads in a chunk of the keys; 1 also if not even its own query heads fit the buffer together."""
    queries = model.heads // model.kv_heads
    return max(1, min(model.kv_heads, pim.buffer_slots // (queries * head_columns(pim, model))))


def _layer(rows: "_Rows", pim: Pim, model: Transformer, mapping: PimMapping) -> Iterator[Region]:
    queries, keys, size = model.heads * model.head_size, model.kv_heads * model.head_size, model.head_size
    if mapping.concat_heads:
        yield rows.matrix("qkv", model.hidden, queries + 2 * keys)
    else:
        for name, heads, offset in (
            ("query", model.heads, 0),
            ("key", model.kv_heads, queries),
            ("value", model.kv_heads, queries + keys),
        ):
            for head in range(heads):
                yield rows.matrix(f"{name} weights {head}", model.hidden, size, offset + head * size)
    yield rows.matrix("projection", queries, model.hidden)
    yield rows.matrix("ffn_up", model.hidden, model.intermediate * (2 if model.gated else 1))
    yield rows.matrix("ffn_down", model.intermediate, model.hidden)
    yield from rows.tokens("key", "keys", model)
    if mapping.value_layout == "row_major":
        yield from rows.tokens("value", "values", model)
    else:
        yield rows.columns(model)


class _Rows:
    """Hands out rows from ``row`` on."""

    def __init__(self, pim: Pim, mapping: PimMapping) -> None:
        self.row = 0
        self._pim = pim
        self._mapping = mapping
        self._columns = pim.memory.organization.columns

    def matrix(
        self,
        name: str,
        inputs: int,
        outputs: int,
        offset: int = 0,
        part: Literal["weights", "lm_head"] = "weights",
    ) -> Region:
        slots = -(-outputs // (self._pim.memory.channels * self._pim.banks))
        elements = self._pim.elements
        parts = self._cut(inputs, self._pim.buffer_slots * elements)
        row, chunks = self._place([(first, n, -(-n // elements)) for first, n in parts], slots)
        return Region(name, "matrix", part, row, self.row - row, slots, offset, outputs, chunks)

    def tokens(self, name: str, part: Literal["keys", "values"], model: Transformer) -> Iterator[Region]:
        tokens = reserved(model, self._mapping)
        slots = -(-tokens // (self._pim.memory.channels * self._pim.banks))
        width = head_columns(self._pim, model)
        heads = self._cut(model.kv_heads, heads_at_once(self._pim, model))
        if self._mapping.concat_heads:
            row, chunks = self._place([(first, n, n * width) for first, n in heads], slots)
            yield Region(name, "tokens", part, row, self.row - row, slots, 0, tokens, chunks)
            return
        for head in range(model.kv_heads):
            row, chunks = self._place([(head, 1, width)], slots)
            yield Region(f"{name} {head}", "tokens", part, row, self.row - row, slots, head, tokens, chunks)

    def columns(self, model: Transformer) -> Region:
        elements = self._pim.elements
        groups = model.kv_heads * groups_per_head(self._pim, model)
        slots = -(-groups // self._pim.memory.channels)
        parts = self._cut(reserved(model, self._mapping), self._pim.buffer_slots * elements)
        row, chunks = self._place([(first, n, -(-n // elements)) for first, n in parts], slots)
        outputs = model.kv_heads * model.head_size
        return Region("value", "columns", "values", row, self.row - row, slots, 0, outputs, chunks)

    @staticmethod
    def _cut(whole: int, size: int) -> list[tuple[int, int]]:
        return [(first, min(size, whole - first)) for first in range(0, whole, size)]

    def _place(self, parts: list[tuple[int, int, int]], slots: int) -> tuple[int, tuple[Chunk, ...]]:
        """Chunks for (first, count, width) from a new row on; that row."""
        row = self.row
        at = row * self._columns
        chunks = []
        for first, count, width in parts:
            aligned = self._mapping.packing == "row_aligned"
            stride = -(-width // self._columns) * self._columns if aligned else width
            chunks.append(Chunk(first, count, at, width, stride))
            at += slots * stride
        self.row = -(-at // self._columns)
        return row, tuple(chunks)
