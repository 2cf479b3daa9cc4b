"""What the channels do in one step, as instructions: products with matrices and caches, and cache writes."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arch.pim_device import Pim
from mapping.pim.layout import Chunk, Layout, Region, groups_per_head, head_columns, heads_at_once
from mapping.pim.program import Instruction, Kind
from workloads.transformer.model import Transformer

Ints = NDArray[np.int64]
Row = tuple[int, ...]
"""An instruction: as many numbers as :class:`mapping.pim.program.Instruction` has columns."""


class Work(NamedTuple):
    """``instructions``: int64 (n, len(Instruction)), by channel, in order; ``counts``: int64 (channels,)."""

    instructions: Ints
    counts: Ints


class Fill(NamedTuple):
    """One fill of the global buffers with query heads, and the keys that they meet.

    ``region`` and ``chunk`` say where the keys of key heads ``key_head`` to before ``key_head + key_heads``
    are; ``head``: the first query head; each key head meets ``queries`` of them.
    """

    region: int
    chunk: int
    key_head: int
    key_heads: int
    head: int
    queries: int

    @property
    def heads(self) -> range:
        """The query heads."""
        return range(self.head, self.head + self.key_heads * self.queries)


def fills(pim: Pim, model: Transformer, layout: Layout) -> tuple[Fill, ...]:
    """How the query heads come into the buffers, in order; ``Step.CHUNK`` of the scores numbers them.

    A fill holds whole groups of query heads that share a key head; a group too big for the buffer is split.
    """
    group = model.heads // model.kv_heads
    together = heads_at_once(pim, model)
    most = pim.buffer_slots // head_columns(pim, model)
    found = []
    for index, region in enumerate(layout.regions):
        if region.part != "keys":
            continue
        for number, chunk in enumerate(region.chunks):
            if together > 1 or group <= most:
                found.append(Fill(index, number, chunk.first, chunk.count, chunk.first * group, group))
                continue
            for head in range(0, group, most):
                queries = min(most, group - head)
                found.append(Fill(index, number, chunk.first, 1, chunk.first * group + head, queries))
    return tuple(found)


class Writer:
    """Makes :class:`Work` for one machine, model and layout."""

    def __init__(self, pim: Pim, model: Transformer, layout: Layout) -> None:
        def code(name: str) -> int:
            return pim.memory.command(name).code

        self._channels, self._banks = pim.memory.channels, pim.banks
        self._accumulators, self._elements = pim.accumulators, pim.elements
        self._mac, self._load, self._result = (
            code(pim.roles.mac),
            code(pim.roles.load),
            code(pim.roles.result),
        )
        self._read, self._write = code(pim.roles.read), code(pim.roles.write)
        self._layout = layout
        self._model = model
        self._head_columns = head_columns(pim, model)
        self._groups = groups_per_head(pim, model)

    def matrix(self, region: Region, chunk: Chunk, *, load: bool = True) -> Work:
        """The part ``chunk`` of a matrix's product; ``load``: the input comes into the buffers first."""
        by_channel = []
        for segments in self._segments(region):
            rows = [self._loading(chunk.width)] if load else []
            rows.append(self._sweep(chunk.start, chunk.width, segments, chunk.stride))
            by_channel.append(rows if segments else [])
        return _work(by_channel)

    def whole_matrix(self, region: Region) -> Work:
        """A matrix's product by a few outputs at a time, whose sums stay in the accumulators."""
        widths = [chunk.width for chunk in region.chunks]
        return _work(self._blocks(region.chunks, widths, 0, n) for n in self._segments(region))

    def _segments(self, region: Region) -> list[int]:
        """Slots of the region that have an output, by channel."""
        full, rest = divmod(region.outputs, self._channels * self._banks)
        return [full + (rest > channel * self._banks) for channel in range(self._channels)]

    def _blocks(self, chunks: Sequence[Chunk], widths: Sequence[int], first: int, segments: int) -> list[Row]:
        rows = []
        for begin in range(first, first + segments, self._accumulators):
            n = min(self._accumulators, first + segments - begin)
            for chunk, width in zip(chunks, widths, strict=False):
                start = chunk.start + begin * chunk.stride
                rows += [self._loading(width), self._sweep(start, width, n, chunk.stride, keep=1)]
            rows.append(self._bare(self._result, n))
        return rows

    def token_write(self, regions: Iterable[Region], token: int) -> Work:
        """A token's keys (or values) written to its place, whole heads to every chunk."""
        channel, bank, slot = self.place(token)
        rows = [
            _row(Kind.COLUMNS, self._write, bank=bank, start=chunk.start + slot * chunk.stride, n=chunk.width)
            for region in regions
            for chunk in region.chunks
        ]
        return _work(rows if c == channel else [] for c in range(self._channels))

    def place(self, token: int) -> tuple[int, int, int]:
        """Channel, bank and slot of a token's keys."""
        rest, channel = divmod(token, self._channels)
        slot, bank = divmod(rest, self._banks)
        return channel, bank, slot

    def token_slots(self, context: int) -> tuple[int, ...]:
        """Slots that hold any of the first ``context`` tokens, by channel."""
        each = self._channels * self._banks
        return tuple(-(-max(context - c, 0) // each) for c in range(self._channels))

    def scores(self, fill: Fill, slots: tuple[int, ...]) -> Work:
        """Products of the fill's query heads with the keys in so many slots of each channel."""
        chunk = self._layout.regions[fill.region].chunks[fill.chunk]
        width, heads = self._head_columns, len(fill.heads)
        begin = chunk.start + (fill.key_head - chunk.first) * width
        close = chunk.stride == fill.key_heads * width  # the next slot's keys follow at once
        by_channel = []
        for n in slots:
            rows = [self._loading(heads * width)] if n else []
            for slot in range(0, n, max(n, 1) if close else 1):
                rows.append(
                    _row(
                        Kind.SWEEP,
                        self._mac,
                        start=begin + slot * chunk.stride,
                        n=width,
                        segments=heads * (n if close else 1),
                        stride=width,
                        reuse=fill.queries,
                        period=heads,
                    )
                )
            by_channel.append(rows)
        return _work(by_channel)

    def column_write(self, region: Region, token: int) -> Work:
        """A token's values, each written to the end of its own column."""
        position = token // self._elements
        for chunk in region.chunks:
            if token < chunk.first + chunk.count:
                start = chunk.start + position - chunk.first // self._elements
                break
        first = self._layout.group_first
        return _work(
            [_row(Kind.EACH_BANK, self._write, start=start, n=1, segments=n, stride=chunk.stride)]
            if n
            else []
            for n in (first[c + 1] - first[c] for c in range(self._channels))
        )

    def head_groups(self, key_head: int) -> list[tuple[int, int]]:
        """First slot and number of the groups of a head's values, by channel."""
        first = self._layout.group_first
        begin, end = key_head * self._groups, (key_head + 1) * self._groups
        found = []
        for channel in range(self._channels):
            low, high = max(begin, first[channel]), min(end, first[channel + 1])
            found.append((low - first[channel], high - low) if high > low else (0, 0))
        return found

    def weighing(self, region: Region, key_head: int, number: int, columns: int) -> Work:
        """Values of a head times the probabilities of chunk ``number``, which take ``columns``."""
        chunk = region.chunks[number]
        return _work(
            [
                self._loading(columns),
                self._sweep(chunk.start + slot * chunk.stride, columns, n, chunk.stride),
            ]
            if n
            else []
            for slot, n in self.head_groups(key_head)
        )

    def whole_weighing(self, region: Region, key_head: int, widths: Sequence[int]) -> Work:
        """The same for all chunks, whose probabilities take ``widths``, sums staying in accumulators."""
        return _work(
            self._blocks(region.chunks, widths, slot, n) if n else []
            for slot, n in self.head_groups(key_head)
        )

    def token_read(self, chunk: Chunk, slots: tuple[int, ...]) -> Work:
        """A chunk's values of all tokens in so many slots read through the pins, slots with all banks."""
        return _work(
            [
                _row(
                    Kind.EACH_BANK,
                    self._read,
                    start=chunk.start,
                    n=chunk.width,
                    segments=n,
                    stride=chunk.stride,
                )
            ]
            if n
            else []
            for n in slots
        )

    def _loading(self, columns: int) -> Row:
        return self._bare(self._load, columns)

    @staticmethod
    def _bare(command: int, n: int) -> Row:
        return _row(Kind.BARE, command, start=0, n=n)

    def _sweep(self, start: int, columns: int, segments: int, stride: int, keep: int = 0) -> Row:
        return _row(
            Kind.SWEEP, self._mac, start=start, n=columns, segments=segments, stride=stride, keep=keep
        )


def _row(
    kind: Kind,
    command: int,
    *,
    start: int,
    n: int,
    bank: int = -1,
    segments: int = 1,
    stride: int = 0,
    reuse: int = 1,
    period: int = 1,
    keep: int = 0,
) -> Row:
    return (int(kind), command, bank, start, n, segments, stride, reuse, period, 0, keep)


def _work(by_channel: Iterable[Sequence[Row]]) -> Work:
    kept = [list(rows) for rows in by_channel]
    rows = [row for channel in kept for row in channel]
    instructions = np.array(rows, dtype=np.int64).reshape(len(rows), len(Instruction))
    return Work(instructions, np.array([len(channel) for channel in kept], dtype=np.int64))
