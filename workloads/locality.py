"""Where a memory's address map puts the requests of a trace: rows, banks and channels.

This is about the trace and the map alone.  A request counts as a row hit if it goes to the same row as the
request before it to the same bank: what a memory that serves every bank in order and leaves rows open would
see.  A scheduler can do better, refresh and a closed page policy worse.
"""

from typing import NamedTuple

import numpy as np

from arch.device import Memory
from workloads.address_vectors import FIELDS, AddressVectors
from workloads.distinct import DistinctLines
from workloads.trace import Block, Trace, check_lines


class Locality(NamedTuple):
    """Requests by bank; banks are numbered through: ((channel*ranks + rank)*groups + group)*banks + bank."""

    memory: str
    channels: int
    row_hit_share: float
    distinct_rows: int
    distinct_rows_exact: bool  # else an estimate, standard error 0.07 %
    banks_used: int
    busiest_bank: float  # its requests over the mean of all banks; 1: perfectly even
    busiest_channel: float
    requests_per_bank: tuple[int, ...]
    row_hits_per_bank: tuple[int, ...]


class RowLocality:
    """Takes the blocks of a trace in order."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._vectors = AddressVectors(memory)
        banks = memory.channels * memory.organization.banks_per_channel
        self._last_row = np.full(banks, -1, np.int64)
        self._requests = np.zeros(banks, np.int64)
        self._hits = np.zeros(banks, np.int64)
        self._rows = DistinctLines()
        self._seen = 0

    def add(self, block: Block, trace: Trace | None = None) -> None:
        """The next requests; InputError, naming ``trace``, if one lies outside the memory."""
        o = self._memory.organization
        check_lines(block, self._memory.total_lines, self._seen, trace, o.transaction_bytes)
        self._seen += block.requests
        fields = dict(zip(FIELDS, self._vectors.vectors(block.line).T, strict=True))
        bank = ((fields["channel"] * o.ranks + fields["rank"]) * o.groups + fields["group"]) * o.banks
        bank += fields["bank"]
        order = np.argsort(bank, kind="stable")
        bank, row = bank[order], fields["row"][order]
        first = np.diff(bank, prepend=-1) != 0
        before = np.concatenate([[-1], row[:-1]])
        before[first] = self._last_row[bank[first]]
        banks = self._requests.size
        self._requests += np.bincount(bank, minlength=banks)
        self._hits += np.bincount(bank[row == before], minlength=banks)
        last = np.flatnonzero(np.diff(bank, append=-1))
        self._last_row[bank[last]] = row[last]
        self._rows.add(bank * o.rows + row)

    def result(self) -> Locality:
        """Figures of all requests so far; at least one must have been added."""
        rows, exact = self._rows.count()
        channels = self._requests.reshape(self._memory.channels, -1).sum(axis=1)
        total = int(self._requests.sum())
        return Locality(
            memory=self._memory.name,
            channels=self._memory.channels,
            row_hit_share=int(self._hits.sum()) / total,
            distinct_rows=rows,
            distinct_rows_exact=exact,
            banks_used=int((self._requests > 0).sum()),
            busiest_bank=float(self._requests.max() * self._requests.size / total),
            busiest_channel=float(channels.max() * channels.size / total),
            requests_per_bank=tuple(self._requests.tolist()),
            row_hits_per_bank=tuple(self._hits.tolist()),
        )
