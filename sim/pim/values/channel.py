"""A channel with contents: what each command does to rows, buffer and accumulators.

The order of additions is declared here: a MAC multiplies the elements of a column with those of a buffer
slot, lane by lane, each product rounded to the accumulator's width; a tree adds the products of one step,
neighbours first (:func:`sim.pim.arithmetic.tree_sum`); the sum is added to the accumulator.  A column of more
elements than lanes takes several steps, in order.  Everything rounds to the accumulator's width.  Reading an
accumulator rounds it to ``readout`` and clears it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arch.pim_device import Pim
from sim.pim.arithmetic import bf16, rounded, tree_sum

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

CLOSED = -1


class LayoutError(ValueError):
    """Commands and contents do not fit: a closed row, a number never stored, a result of nothing."""


class Result(NamedTuple):
    """One accumulator of every bank, as it was read.

    ``start``: column address (row * columns + column) in each bank of the first column that went in, and
    ``slot`` the buffer slot that met it: together they say what was computed.
    """

    start: Ints  # (banks,)
    slot: int
    values: Floats  # (banks,)


class Write(NamedTuple):
    """A write of a column: numbers, and which of them are written (the others stay)."""

    values: Floats  # (elements,)
    mask: NDArray[np.bool_]  # (elements,)


class Read(NamedTuple):
    """A column read through the pins."""

    bank: int
    address: int  # row * columns + column
    values: Floats  # (elements,)


class Replayed(NamedTuple):
    """What came over the pins, in the order in which it was asked for."""

    results: list[Result]
    reads: list[Read]


class Channel:
    """Rows, global buffer and accumulators of one channel.

    Rows never written are NaN; the first write to a column sets the rest of the column to 0 (the machine
    clears rows before it fills them, not timed).

    Attributes:
        rows: by row, float32 (banks, columns, elements), all bf16 numbers.
        buffer: float32 (slots, elements).
    """

    def __init__(self, pim: Pim) -> None:
        o = pim.memory.organization
        self.pim = pim
        self.rows: dict[int, Floats] = {}
        self.buffer = np.full((pim.buffer_slots, pim.elements), np.nan, np.float32)
        self._shape = (pim.banks, o.columns, pim.elements)
        self._open = np.full(pim.banks, CLOSED, np.int64)
        self._sums: dict[int, Floats] = {}  # by accumulator, (banks,)
        self._begun: dict[int, tuple[Ints, int]] = {}  # by accumulator: start and slot of its first column
        self._bursts: dict[int, int] = {}  # by accumulator, how many of its result bursts have been read
        does = {c.code: c for c in pim.memory.commands}
        self._code = {name: code for code, name in ((c.code, c.name) for c in pim.memory.commands)}
        self._covers = {
            code: {"bank": 1, "group": o.banks, "rank": pim.banks, "channel": pim.banks}[c.scope]
            for code, c in does.items()
        }
        self._does = {code: c.does for code, c in does.items()}

    def fill(self, banks: Ints, addresses: Ints, lanes: Ints, values: Floats) -> None:
        """Put bf16 numbers where they belong before anything runs; all arrays of one length."""
        rows, columns = np.divmod(addresses, self._shape[1])
        for row in np.unique(rows).tolist():
            here = rows == row
            cells = self.rows.setdefault(row, np.full(self._shape, np.nan, np.float32))
            of_column = banks[here], columns[here]
            cells[of_column] = np.where(np.isnan(cells[of_column]), np.float32(0), cells[of_column])
            cells[(*of_column, lanes[here])] = values[here]

    def replay(
        self,
        commands: Ints,
        operands: Ints,
        load: Callable[[int], Floats],
        write: Callable[[int, int], Write],
    ) -> Replayed:
        """Carry out commands as a command log has them.

        Args:
            commands: (n, 4), rows (cycle, code, bank, row or column).
            operands: (n, 2), rows (buffer slot, accumulator).
            load: what is loaded into a slot, (elements,).
            write: what is written to (bank, column address).

        Raises:
            LayoutError: the commands make no sense with the state or contents of the channel.
        """
        results: list[Result] = []
        reads: list[Read] = []
        roles, code = self.pim.roles, self._code
        mac, unload, loads = code[roles.mac], code[roles.result], code[roles.load]
        rows = np.concatenate([commands[:, 1:], operands], axis=1).tolist()
        at = 0
        while at < len(rows):
            command, bank, arg, slot, accumulator = rows[at]
            end = at + 1
            if command == mac:
                while end < len(rows) and rows[end][0] == mac and rows[end][4] == accumulator:
                    end += 1
                self._mac(bank, [r[2] for r in rows[at:end]], [r[3] for r in rows[at:end]], accumulator)
            elif command == loads:
                self._require_slot(slot)
                self.buffer[slot] = bf16(load(slot))
            elif command == unload:
                self._result(accumulator, results)
            else:
                self._row_command(command, bank, arg, write, reads)
            at = end
        return Replayed(results, reads)

    def _row_command(
        self, command: int, bank: int, arg: int, write: Callable[[int, int], Write], reads: list[Read]
    ) -> None:
        does = self._does[command]
        first = max(bank, 0)
        banks = slice(first, first + self._covers[command])
        if does == "open":
            if np.any(self._open[banks] != CLOSED):
                raise LayoutError(f"row {arg} is opened while another one is open")
            self._open[banks] = arg
        elif does == "close":
            self._open[banks] = CLOSED
        elif does == "write":
            row = self._row(bank)
            address = row * self._shape[1] + arg
            values, mask = write(bank, address)
            lanes = np.flatnonzero(mask)
            same = np.ones_like(lanes)
            self.fill(bank * same, address * same, lanes, bf16(values[mask]))
        elif does == "read":
            row = self._row(bank)
            cells = self.rows[row][bank, arg] if row in self.rows else np.full(self._shape[2], np.nan)
            reads.append(Read(bank, row * self._shape[1] + arg, cells.astype(np.float32)))
        elif does == "refresh" and np.any(self._open != CLOSED):
            raise LayoutError("refresh while rows are open")

    def _row(self, bank: int) -> int:
        if self._open[bank] == CLOSED:
            raise LayoutError(f"bank {bank} is accessed while its row is closed")
        return int(self._open[bank])

    def _require_slot(self, slot: int) -> None:
        if not 0 <= slot < len(self.buffer):
            raise LayoutError(f"slot {slot} of a global buffer of {len(self.buffer)}")

    def _mac(self, bank: int, columns: list[int], slots: list[int], accumulator: int) -> None:
        """A run of MAC commands to one accumulator, of all banks (-1) or of one."""
        banks = np.arange(self.pim.banks) if bank < 0 else np.array([bank])
        self._require_slot(max(slots))
        starts = np.full(self.pim.banks, -1, np.int64)
        never = np.full(self._shape[1:], np.nan, np.float32)
        weights = []
        for b in banks.tolist():
            row = self._row(b)
            starts[b] = row * self._shape[1] + columns[0]
            weights.append((self.rows[row][b] if row in self.rows else never)[columns])
        width, lanes = self.pim.accumulator, self.pim.lanes
        inputs = self.buffer[slots]
        with np.errstate(invalid="ignore"):
            products = rounded(np.stack(weights) * inputs, width)  # (banks, columns, elements)
            steps = [products[..., e : e + lanes] for e in range(0, products.shape[-1], lanes)]
            sums = np.stack([tree_sum(s, width) for s in steps], axis=-1)
            if accumulator not in self._sums:
                self._sums[accumulator] = np.zeros(self.pim.banks, np.float32)
                self._begun[accumulator] = starts, slots[0]
            total = self._sums[accumulator]
            for column in range(len(columns)):
                for step in range(len(steps)):
                    total[banks] = rounded(total[banks] + sums[:, column, step], width)

    def _result(self, accumulator: int, results: list[Result]) -> None:
        """One burst; an accumulator of all banks may take several, the last of which hands it over."""
        if accumulator not in self._sums:
            raise LayoutError(f"accumulator {accumulator} is read, but nothing was added to it")
        read = self._bursts.get(accumulator, 0) + 1
        self._bursts[accumulator] = read
        if read < self.pim.result_bursts:
            return
        start, slot = self._begun.pop(accumulator)
        values = rounded(self._sums.pop(accumulator), self.pim.readout).astype(np.float32)
        del self._bursts[accumulator]
        results.append(Result(start, slot, values))
