"""Proves a plan by carrying it out on labels instead of numbers, one instruction after the other.

Every cell of the banks gets the label of the weight or cache entry that :func:`mapping.pim.places.place` puts
there; every slot of the buffers the labels that the loads bring.  A result is right if each product in it is
of a weight with its own input, and if in the end every output has met each of its inputs once.  Nothing here
knows how the layout or the instructions were made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapping.pim.check_order import order
from mapping.pim.places import inputs, instructions, outputs, place, reads, writes
from mapping.pim.plan import PimPlan
from mapping.pim.program import Block, Instruction, Kind, Step, Unit

Ints = NDArray[np.int64]
_BLOCK = 1 << 22  # entries placed at a time
_MOST = 20  # findings


def check(plan: PimPlan, contexts: Sequence[int]) -> tuple[str, ...]:
    """What is wrong with a plan, a sentence each; nothing if it is right.

    Checked are where everything lies, and the programs of tokens at ``contexts``.  With an LM head its
    product is checked too, at the first context.
    """
    findings = Findings()
    cells = [_cells(plan, region, findings) for region in range(len(plan.regions))]
    _rows(plan, findings)
    for number, context in enumerate(contexts):
        head = plan.decoding.lm_head and number == 0
        program = plan.program(context, head=head)
        for block in (program.layer, program.epilogue):
            if block is not None:
                for text in order(plan, block):
                    findings.note(text)
                _Token(plan, block, context, cells, findings).run()
    return tuple(findings)


class Findings(list[str]):
    """At most so many sentences."""

    def note(self, text: str) -> None:
        if len(self) < _MOST and text not in self:
            self.append(text)


@dataclass(frozen=True)
class _Cells:
    """Labels of a region's cells, both -1 where there is nothing.

    ``outer``, ``inner``: int32 (channels, banks, addresses from ``start``, elements), as of ``place``.
    """

    start: int
    outer: NDArray[np.int32]
    inner: NDArray[np.int32]


def _cells(plan: PimPlan, number: int, findings: Findings) -> _Cells:
    region, model = plan.regions[number], plan.decoding.model
    o = plan.pim.memory.organization
    if region.holds == "matrix":
        wide = {"ffn_down": model.intermediate, "projection": model.heads * model.head_size}
        outer, inner = np.arange(region.outputs), np.arange(wide.get(region.name, model.hidden))
    else:
        held = [h for chunk in region.chunks for h in range(chunk.first, chunk.first + chunk.count)]
        heads = held if region.holds == "tokens" else range(model.kv_heads)
        outer = np.arange(plan.context)
        inner = (np.array(heads)[:, None] * model.head_size + np.arange(model.head_size)).ravel()
    shape = (plan.pim.memory.channels, plan.pim.banks, region.rows * o.columns, plan.pim.elements)
    start = region.row * o.columns
    cells = _Cells(start, np.full(shape, -1, np.int32), np.full(shape, -1, np.int32))
    step = max(1, _BLOCK // len(inner))
    for first in range(0, len(outer), step):
        some = outer[first : first + step, None]
        at = place(plan, number, some, inner)
        where = (at.channel, at.bank, at.address - start, at.lane)
        if any(int(x.min()) < 0 or int(x.max()) >= n for x, n in zip(where, shape, strict=True)):
            findings.note(f"{region.name}: something lies outside of its rows")
            return cells
        cells.outer[where] = some
        cells.inner[where] = inner
    stored = int((cells.outer >= 0).sum())
    if stored != len(outer) * len(inner):
        lost = len(outer) * len(inner) - stored
        findings.note(f"{region.name}: {lost} entries lie where others do")
    return cells


def _rows(plan: PimPlan, findings: Findings) -> None:
    """Regions have rows of their own, in all layers, and the banks have them."""
    taken = np.zeros(plan.capacity, bool)
    layers = plan.decoding.model.layers
    for region in plan.regions:
        for layer in range(1 if region.part == "lm_head" else layers):
            first = region.row + layer * plan.layout.layer_rows
            if first + region.rows > plan.capacity:
                findings.note(f"{region.name}: rows beyond the last")
            elif taken[first : first + region.rows].any():
                findings.note(f"{region.name}: rows that hold something else in layer {layer}")
            taken[first : first + region.rows] = True


class _Token:
    """One block carried out on labels."""

    def __init__(
        self, plan: PimPlan, block: Block, context: int, cells: list[_Cells], findings: Findings
    ) -> None:
        self._plan, self._block, self._context = plan, block, context
        self._cells, self._findings = cells, findings
        self._model = plan.decoding.model
        self._channels = plan.pim.memory.channels
        model = self._model
        query, key = model.heads * model.head_size, model.kv_heads * model.head_size
        wide = model.intermediate * (2 if model.gated else 1)
        # Of each operator: inputs that every output meets, outputs.
        self._sizes = {
            "qkv": (model.hidden, query + 2 * key),
            "scores": (model.head_size, model.heads * context),
            "context": (context, query),
            "projection": (query, model.hidden),
            "ffn_up": (model.hidden, wide),
            "ffn_down": (model.intermediate, model.hidden),
            "lm_head": (model.hidden, model.vocabulary),
        }
        # Words that no sum of other inputs is likely to give (one in 2^64).
        self._words = np.random.default_rng(1).integers(0, 1 << 63, 1 << 16, np.uint64)
        self._sums: dict[str, tuple[NDArray[np.uint64], Ints]] = {}
        self._written: dict[str, list[Ints]] = {}
        self._read: list[Ints] = []
        slots, elements = plan.pim.buffer_slots, plan.pim.elements
        self._buffers = np.full((self._channels, slots, elements), -1, np.int64)

    def run(self) -> None:
        names = set()
        for step, row in enumerate(self._block.steps):
            if row[Step.UNIT] == Unit.CHANNELS:
                operator = self._plan.operators[row[Step.OPERATOR]]
                names.add(operator)
                self._step(step, operator)
        for operator in names & set(self._sizes):
            self._covered(operator)
        key = self._model.kv_heads * self._model.head_size
        for operator, found in self._written.items():
            if not np.array_equal(np.sort(np.concatenate(found)), np.arange(key)):
                self._note(f"{operator}: not every element is written once")
        every = np.arange(self._context * key)
        if self._read and not np.array_equal(np.sort(np.concatenate(self._read)), every):
            self._note("context: not every value is read once")

    def _note(self, text: str) -> None:
        self._findings.note(f"context {self._context}: {text}")

    def _covered(self, operator: str) -> None:
        if operator == "context" and self._read:
            return
        length, size = self._sizes[operator]
        sums, counts = self._sums.get(operator, (np.zeros(size, np.uint64), np.zeros(size, np.int64)))
        whole = np.uint64(self._word(np.arange(length)).sum(dtype=np.uint64))
        bad = np.flatnonzero((sums != whole) | (counts != length))
        if len(bad):
            self._note(f"{operator}: {len(bad)} outputs do not meet each input once, such as {bad[0]}")

    def _word(self, at: Ints) -> NDArray[np.uint64]:
        """A word for each input; different inputs have words that no one would add up to by chance."""
        mixed = (at // len(self._words) + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return np.asarray(self._words[at % len(self._words)] * (mixed | np.uint64(1)), np.uint64)

    def _step(self, step: int, operator: str) -> None:
        given = outputs(self._plan, self._block, step, self._context)
        for channel in range(self._channels):
            args = (self._plan, self._block, step, channel)
            loads = iter(inputs(*args, self._context))
            stores, fetches = iter(writes(*args, self._context)), iter(reads(*args, self._context))
            kept: dict[int, list[tuple[Ints, Ints]]] = {}
            results = 0
            for i in instructions(*args):
                kind, command = int(i[Instruction.KIND]), self._name(i)
                if kind == Kind.BARE and command == self._plan.pim.roles.load:
                    self._load(channel, i, next(loads), operator)
                elif kind == Kind.BARE:
                    for accumulator in range(i[Instruction.N]):
                        products = kept.pop(accumulator, [])
                        self._result(step, operator, channel, products, given, results)
                        results += 1
                elif kind == Kind.SWEEP:
                    for s in range(i[Instruction.SEGMENTS]):
                        products = [self._segment(i, s)]
                        if i[Instruction.KEEP]:
                            kept.setdefault(s, []).append(self._products(step, channel, *products[0]))
                            if s >= self._plan.pim.accumulators:
                                self._note(f"{operator}: more sums than accumulators")
                            continue
                        one = [self._products(step, channel, *products[0])]
                        self._result(step, operator, channel, one, given, results)
                        results += 1
                elif command == self._plan.pim.roles.write:
                    self._write(operator, channel, i, next(stores))
                else:
                    self._fetch(channel, i, next(fetches))
            if kept:
                self._note(f"{operator}: sums that nobody reads")
            if (given[results:, channel] >= 0).any():
                self._note(f"{operator}: results that are not read on channel {channel}")

    def _name(self, i: Ints) -> str:
        return self._plan.pim.memory.commands[int(i[Instruction.COMMAND])].name

    def _load(self, channel: int, i: Ints, labels: Ints, operator: str) -> None:
        first, n = int(i[Instruction.SLOT]), int(i[Instruction.N])
        if first + n > self._buffers.shape[1] or len(labels) != n:
            self._note(f"{operator}: a load of {n} slots, {len(labels)} to be had")
            return
        self._buffers[channel] = -1  # what a step does not load itself it must not use
        self._buffers[channel, first : first + n] = labels

    @staticmethod
    def _segment(i: Ints, s: int) -> tuple[Ints, Ints]:
        """Column addresses and buffer slots."""
        k = np.arange(i[Instruction.N])
        begin = i[Instruction.START] + s // i[Instruction.REUSE] * i[Instruction.STRIDE]
        slot = i[Instruction.SLOT] + s % i[Instruction.PERIOD] * i[Instruction.N]
        return begin + k, slot + k

    def _products(self, step: int, channel: int, addresses: Ints, slots: Ints) -> tuple[Ints, Ints]:
        """Labels (outer, inner, loaded) of products as (banks, columns * elements, 2) and loaded."""
        cells = self._cells[int(self._block.steps[step, Step.REGION])]
        at = addresses - cells.start
        if at[0] < 0 or at[-1] >= cells.outer.shape[2]:
            self._note(f"{self._operator(step)}: columns outside of its rows")
            at = at.clip(0, cells.outer.shape[2] - 1)
        stored = np.stack([cells.outer[channel][:, at], cells.inner[channel][:, at]], axis=-1)
        banks = stored.shape[0]
        return stored.reshape(banks, -1, 2).astype(np.int64), self._buffers[channel, slots].ravel()

    def _operator(self, step: int) -> str:
        return self._plan.operators[int(self._block.steps[step, Step.OPERATOR])]

    def _result(
        self,
        step: int,
        operator: str,
        channel: int,
        products: list[tuple[Ints, Ints]],
        given: Ints,
        number: int,
    ) -> None:
        if number >= len(given):
            self._note(f"{operator}: more results than outputs on channel {channel}")
            return
        length, size = self._sizes[operator]
        of_bank = given[number, channel]
        banks = np.flatnonzero(of_bank >= 0)
        out = of_bank[banks, None]
        if operator not in self._sums:
            self._sums[operator] = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        sums, counts = self._sums[operator]
        for stored, loaded in products:
            outer, inner = stored[banks, :, 0], stored[banks, :, 1]
            wanted_outer, wanted_inner, index, idle = self._wanted(step, operator, out, loaded, outer)
            used = loaded >= 0
            if ((outer != wanted_outer) | (inner != wanted_inner))[:, used].any():
                self._note(f"{operator}: an input meets what is not its weight on channel {channel}")
            if ((outer >= 0) & ~used & ~idle).any():
                self._note(f"{operator}: a weight meets no input on channel {channel}")
            met = np.broadcast_to(index, outer.shape)[:, used]
            if (met < 0).any() or (met >= length).any():
                self._note(f"{operator}: an input that the output does not have")
                continue
            sums[of_bank[banks]] += self._word(met).sum(axis=1, dtype=np.uint64)
            counts[of_bank[banks]] += met.shape[1]

    def _wanted(
        self, step: int, operator: str, out: Ints, loaded: Ints, outer: Ints
    ) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
        """Labels that must be stored where ``loaded`` is used for output ``out``; the number of the input
        among the output's; and where stored cells may meet nothing."""
        model = self._model
        group, size = model.heads // model.kv_heads, model.head_size
        nowhere = np.zeros(outer.shape, bool)
        if operator == "scores":
            head, token = np.divmod(out, self._context)
            return token, head // group * size + loaded % size, loaded - head * size, nowhere
        if operator == "context":
            head, element = np.divmod(out, size)
            return loaded, head // group * size + element, loaded, outer >= self._context
        offset = self._plan.regions[int(self._block.steps[step, Step.REGION])].offset
        return out - offset, loaded, loaded, nowhere

    def _write(self, operator: str, channel: int, i: Ints, labels: Ints) -> None:
        """A token's elements go where they belong."""
        outer, inner, label = self._touched(channel, i, labels)
        if ((outer != self._context - 1) | (inner != label)).any():
            self._note(f"{operator}: an element is written to another's place")
        self._written.setdefault(operator, []).append(label)

    def _fetch(self, channel: int, i: Ints, labels: Ints) -> None:
        outer, inner, label = self._touched(channel, i, labels)
        if (label != outer * (self._model.kv_heads * self._model.head_size) + inner).any():
            self._note("context: a value is read from another's place")
        self._read.append(label)

    def _touched(self, channel: int, i: Ints, labels: Ints) -> tuple[Ints, Ints, Ints]:
        """Stored labels (outer, inner) of all elements that ``labels`` name, and those of ``labels``."""
        bank = int(i[Instruction.BANK])
        banks = np.arange(self._plan.pim.banks) if bank < 0 else np.array([bank])
        wanted = (int(i[Instruction.SEGMENTS]), len(banks), int(i[Instruction.N]), self._plan.pim.elements)
        none = np.zeros(0, np.int64)
        if labels.shape != wanted:
            self._note(f"an instruction of {wanted} elements has {labels.shape} of them")
            return none, none, none
        s, b, k, lane = np.nonzero(labels >= 0)
        address = i[Instruction.START] + s // i[Instruction.REUSE] * i[Instruction.STRIDE] + k
        outer, inner = np.full(len(s), -2, np.int64), np.full(len(s), -2, np.int64)
        for cells in self._cells:
            at = address - cells.start
            here = (at >= 0) & (at < cells.outer.shape[2])
            where = (channel, banks[b[here]], at[here], lane[here])
            outer[here], inner[here] = cells.outer[where], cells.inner[where]
        return outer, inner, labels[s, b, k, lane]
