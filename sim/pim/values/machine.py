"""Tokens through banks and ASIC with numbers: replays the commands of a simulation, step by step."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mapping.pim.places import inputs, instructions, outputs, reads, writes
from mapping.pim.plan import PimPlan
from mapping.pim.program import Block, Instruction, Kind, Program, Routine, Step, Unit
from sim.pim.arithmetic import bf16, run_routine
from sim.pim.values import exact
from sim.pim.values.channel import LayoutError, Replayed, Write
from sim.pim.values.weights import Weights, filled_channels, fused_bias

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

PRODUCTS: Mapping[str, tuple[str, str]] = {
    "qkv": ("normed", "qkv"),
    "projection": ("context", "projection"),
    "ffn_up": ("normed", "ffn_up"),
    "ffn_down": ("active", "ffn_down"),
    "lm_head": ("normed", "logits"),
}
"""Vectors that matrix operators take and give."""


class ChannelCommands(Protocol):
    """What one channel issued, as :class:`sim.pim.engine.Commands` has it."""

    @property
    def commands(self) -> Ints: ...
    @property
    def operands(self) -> Ints: ...
    @property
    def step(self) -> NDArray[np.int32]: ...


class Observed(Protocol):
    """Is told each operator's result, and what it should be in float64 from the same inputs."""

    def __call__(self, operator: str, got: Floats, wanted: NDArray[np.float64]) -> None: ...


class _At(NamedTuple):
    """A step of the token that is under way."""

    block: Block
    step: int
    layer: int
    operator: str
    chunk: int
    head: int
    last: bool  # of the steps of this operator in the block


class Machine:
    """Banks, buffers, accumulators and ASIC vectors of a machine with a model in it.

    Attributes:
        context: tokens taken in so far.
        vectors: of the ASIC by name, float32; bf16 numbers but for results read in fp32.
    """

    def __init__(self, plan: PimPlan, weights: Weights, observe: Observed | None = None) -> None:
        if "io" in plan.pim.ideal:
            raise ValueError(
                "values cannot flow through pins that take no time: their commands are not issued"
            )
        self.plan, self.weights = plan, weights
        self.model = plan.decoding.model
        self.channels = filled_channels(plan, weights)
        self.context = 0
        self.vectors: dict[str, Floats] = {}
        self._observe = observe
        self._partial: dict[tuple[str, int], Floats] = {}
        self._keys: list[list[Floats]] = [[] for _ in range(self.model.layers)]
        self._values: list[list[Floats]] = [[] for _ in range(self.model.layers)]

    def token(self, token: int, program: Program, issued: Sequence[ChannelCommands]) -> int | None:
        """Take in a token; the next one, if the program has an LM head.

        Args:
            program: of this token: the plan's for ``self.context + 1``.
            issued: the program's commands by channel.

        Raises:
            LayoutError: commands and contents do not fit.
        """
        self.context += 1
        x = self.weights["embedding"][token]
        if self.model.positions == "learned":
            x = bf16(x + self.weights["position"][self.context - 1])
        self.vectors = {"x": x}
        number = 0
        blocks = [(program.layer, layer, layer * program.layer_stride) for layer in range(program.layers)]
        if program.epilogue is not None:
            blocks.append((program.epilogue, 0, 0))
        for block, layer, move in blocks:
            self.vectors = {"x": self.vectors["x"]}
            self._partial = {}
            names = [self.plan.operators[o] for o in block.steps[:, Step.OPERATOR].tolist()]
            for step, name in enumerate(names):
                row = block.steps[step]
                last = name not in names[step + 1 :]
                at = _At(block, step, layer, name, int(row[Step.CHUNK]), int(row[Step.HEAD]), last)
                if row[Step.UNIT] == Unit.CHANNELS:
                    self._on_channels(at, move, number, issued)
                elif row[Step.ROUTINE] >= 0:
                    self._on_asic(at, Routine(row[Step.ROUTINE]), int(row[Step.N]))
                if last:
                    self._compare(at)
                number += 1
        return int(self.vectors["token"]) if program.epilogue is not None else None

    # The channels

    def _on_channels(self, at: _At, move: int, number: int, issued: Sequence[ChannelCommands]) -> None:
        given = self._given(at)
        found = []
        for c, (channel, log) in enumerate(zip(self.channels, issued, strict=True)):
            here = slice(*np.searchsorted(log.step, [number, number + 1]).tolist())
            loads = self._loads(at, c, given)
            stores = self._stores(at, c, move)
            found.append(channel.replay(log.commands[here], log.operands[here], loads, stores))
        self._take_results(at, found)
        self._take_reads(at, move, found)

    def _given(self, at: _At) -> Floats:
        """The vector that the buffers are loaded with."""
        m = self.model
        if at.operator in PRODUCTS:
            return self._whole(PRODUCTS[at.operator][0])
        if at.operator == "scores":
            return self._whole("qkv")[: m.heads * m.head_size]
        if at.operator == "context" and at.head >= 0:
            return self._whole("probabilities")[at.head * self.context : (at.head + 1) * self.context]
        return np.zeros(0, np.float32)

    def _loads(self, at: _At, channel: int, given: Floats) -> Callable[[int], Floats]:
        at_slots: list[tuple[int, Ints]] = []
        rows = instructions(self.plan, at.block, at.step, channel)
        load = self.plan.pim.memory.command(self.plan.pim.roles.load).code
        begins = [int(r[Instruction.SLOT]) for r in rows if r[Instruction.COMMAND] == load]
        parts = inputs(self.plan, at.block, at.step, channel, self.context)
        for begin, part in zip(begins, parts, strict=True):
            at_slots += [(begin + k, column) for k, column in enumerate(part)]
        order = iter(at_slots)

        def loaded(slot: int) -> Floats:
            wanted, elements = next(order, (-1, np.zeros(0, np.int64)))
            if wanted != slot:
                raise LayoutError(f"{at.operator}: slot {slot} is loaded where {wanted} should be")
            return np.where(elements >= 0, given[np.maximum(elements, 0)], np.float32(0))

        return loaded

    def _stores(self, at: _At, channel: int, move: int) -> Callable[[int, int], Write]:
        m = self.model
        if at.operator not in ("k_write", "v_write"):
            return _no_write
        queries, keys = m.heads * m.head_size, m.kv_heads * m.head_size
        begin = queries if at.operator == "k_write" else queries + keys
        vector = self._whole("qkv")[begin : begin + keys]
        cells: dict[tuple[int, int], Ints] = {}
        parts = writes(self.plan, at.block, at.step, channel, self.context)
        for row, part in zip(instructions(self.plan, at.block, at.step, channel), parts, strict=True):
            cells |= _by_column(row, part, move)

        def written(bank: int, address: int) -> Write:
            if (bank, address) not in cells:
                raise LayoutError(f"{at.operator}: bank {bank}, column address {address} holds nothing of it")
            elements = cells[bank, address]
            return Write(vector[np.maximum(elements, 0)], elements >= 0)

        return written

    def _take_results(self, at: _At, found: Sequence[Replayed]) -> None:
        belong = outputs(self.plan, at.block, at.step, self.context)
        vector = self._vector_of(at)
        for c, replayed in enumerate(found):
            if len(replayed.results) > len(belong) or np.any(belong[len(replayed.results) :, c] >= 0):
                raise LayoutError(
                    f"{at.operator}: channel {c} gave {len(replayed.results)} results, of {len(belong)}"
                )
            for result, elements in zip(replayed.results, belong[:, c], strict=False):
                vector[elements[elements >= 0]] = result.values[elements >= 0]

    def _take_reads(self, at: _At, move: int, found: Sequence[Replayed]) -> None:
        """Values that the ASIC weighs itself come into ``read``, (context * kv heads * head size,)."""
        for c, replayed in enumerate(found):
            if not replayed.reads:
                continue
            size = self.context * self.model.kv_heads * self.model.head_size
            values = self.vectors.setdefault("read", np.full(size, np.nan, np.float32))
            cells: dict[tuple[int, int], Ints] = {}
            parts = reads(self.plan, at.block, at.step, c, self.context)
            for row, part in zip(instructions(self.plan, at.block, at.step, c), parts, strict=True):
                cells |= _by_column(row, part, move)
            for read in replayed.reads:
                if (read.bank, read.address) not in cells:
                    raise LayoutError(
                        f"bank {read.bank}, column address {read.address} is read, but not wanted"
                    )
                elements = cells[read.bank, read.address]
                values[elements[elements >= 0]] = read.values[elements >= 0]

    def _vector_of(self, at: _At) -> Floats:
        """Where results of the step go: the operator's vector, or partial sums of a later chunk."""
        m = self.model
        name, size = at.operator, 0
        if name in PRODUCTS:
            name = PRODUCTS[name][1]
            size = {
                "qkv": (m.heads + 2 * m.kv_heads) * m.head_size,
                "ffn_up": m.intermediate * (2 if m.gated else 1),
                "logits": m.vocabulary,
            }.get(name, m.hidden)
        elif name == "scores":
            size = m.heads * self.context
        elif name == "context":
            size = m.heads * m.head_size
        if at.chunk > 0 and at.operator != "scores":
            return self._partial.setdefault((at.operator, at.chunk), np.full(size, np.nan, np.float32))
        return self.vectors.setdefault(name, np.full(size, np.nan, np.float32))

    # The ASIC

    def _on_asic(self, at: _At, routine: Routine, n: int) -> None:
        m, v = self.model, self.vectors
        name = at.operator
        if name in ("norm1", "norm2", "final_norm"):
            norm = name if name == "final_norm" else f"{at.layer}.{name}"
            parameters = {"gamma": self.weights[f"{norm}.gamma"]}
            if m.norm == "layer_norm":
                parameters["beta"] = self.weights[f"{norm}.beta"]
            v["normed"] = self._run(routine, n, x=v["x"], **parameters)
            self._tell(name, v["normed"], exact.norm(m, self.weights, norm, v["x"]))
        elif routine is Routine.ROPE:
            self._compare(at._replace(last=False))
            v["qkv"][:n] = self._rotated(n)
        elif name == "softmax":
            here = slice(at.head * self.context, (at.head + 1) * self.context)
            whole = v.setdefault("probabilities", np.full(m.heads * self.context, np.nan, np.float32))
            scale = np.array(math.log2(math.e) / math.sqrt(m.head_size), np.float32)
            # Other heads' scores may still be missing.
            whole[here] = self._run(routine, n, x=v["scores"][here], scale=scale)
            self._tell(name, whole[here], exact.softmax(m, v["scores"][here]))
        elif name == "context":
            here = slice(at.head * m.head_size, (at.head + 1) * m.head_size)
            if routine is Routine.WEIGHTED_SUM:
                self._vector_of(at._replace(chunk=-1))[here] = self._weighted_sum(at.head)
            else:
                part = self._partial["context", at.chunk]
                v["context"][here] = self._run(routine, n, x=v["context"][here], y=part[here])
        elif name in PRODUCTS:
            vector = PRODUCTS[name][1]
            bias = at.chunk < 0
            y = fused_bias(self.weights, name, at.layer) if bias else self._partial[name, at.chunk]
            v[vector] = self._run(routine, n, x=v[vector], y=y)
        elif name == "activation":
            self._activate(routine, n)
        elif name == "residual":
            added = v["ffn_down"] if "ffn_down" in v else v["projection"]
            x = self._run(routine, n, x=v["x"], y=added)
            self._tell(name, x, v["x"].astype(np.float64) + added)
            v["x"] = x
        elif name == "argmax":
            v["token"] = self._run(routine, n, x=self._whole("logits"))
        else:
            raise ValueError(f"no such operator on the ASIC: {name}")

    def _activate(self, routine: Routine, n: int) -> None:
        m, v = self.model, self.vectors
        up, gate = self._whole("ffn_up")[:n], v["ffn_up"][-n:]  # without gate, they are the same
        if routine is Routine.MULTIPLY:
            product = self._run(routine, n, x=v["active"], y=up)
            self._tell("gate", product, v["active"].astype(np.float64) * up)
            v["active"] = product
        else:
            v["active"] = self._run(routine, n, x=gate)
            self._tell("activation", v["active"], exact.activation(m, gate))

    def _rotated(self, n: int) -> Floats:
        m = self.model
        x = self._whole("qkv")[:n]
        heads = n // m.head_size
        turn = exact.angles(m, self.context - 1)
        cosine, sine = bf16(np.cos(turn)), bf16(np.sin(turn))
        halves = np.split(x.reshape(heads, m.head_size), 2, axis=1)
        y = self._run(
            Routine.ROPE,
            n,
            x=x,
            exchanged=np.concatenate(halves[::-1], axis=1).ravel(),
            cosine=np.tile(cosine, 2 * heads),
            sine=np.tile(np.concatenate([-sine, sine]), heads),
        )
        self._tell("rope", y, exact.rotated(m, x, self.context - 1))
        return y

    def _weighted_sum(self, head: int) -> Floats:
        """The running sum stays in bf16 from token to token, as everything between routines does."""
        m = self.model
        group = head // (m.heads // m.kv_heads)
        values = self.vectors["read"].reshape(self.context, m.kv_heads, m.head_size)[:, group]
        probabilities = self._whole("probabilities").reshape(m.heads, self.context)[head]
        total = np.zeros(m.head_size, np.float32)
        for value, weight in zip(values, probabilities, strict=True):
            total = self._run(Routine.WEIGHTED_SUM, m.head_size, x=value, weight=weight, y=total)
        return total

    def _run(self, routine: Routine, n: int, **registers: Floats) -> Floats:
        for name, value in registers.items():
            if np.isnan(value).any():
                raise LayoutError(f"{routine.name}: {name} has elements never given")
        return run_routine(routine, n, self.plan.pim.asic, registers)

    # What should be

    def _compare(self, at: _At) -> None:
        """The operators that several steps share, after the last of them."""
        m, v = self.model, self.vectors
        rotary_done = at.operator == "qkv" and at.last and m.positions == "rotary"
        if at.operator in PRODUCTS and not rotary_done:
            given, gives = PRODUCTS[at.operator]
            wanted = exact.product(m, self.weights, at.operator, at.layer, v[given])
            self._tell(at.operator, self._whole(gives), wanted)
        queries, keys = m.heads * m.head_size, m.kv_heads * m.head_size
        if at.operator == "k_write":
            self._keys[at.layer].append(v["qkv"][queries : queries + keys].copy())
        elif at.operator == "v_write":
            self._values[at.layer].append(v["qkv"][queries + keys :].copy())
        elif at.operator == "scores":
            wanted = exact.scores(m, v["qkv"][:queries], np.array(self._keys[at.layer]))
            self._tell("scores", self._whole("scores"), wanted)
        elif at.operator == "context":
            wanted = exact.weighted(m, v["probabilities"], np.array(self._values[at.layer]))
            self._tell("context", self._whole("context"), wanted)

    def _tell(self, operator: str, got: Floats, wanted: NDArray[np.float64]) -> None:
        if self._observe is not None:
            self._observe(operator, got, wanted)

    def _whole(self, name: str) -> Floats:
        """A vector of which every element has been given; others' softmax may be under way."""
        vector = self.vectors[name]
        if name != "probabilities" and np.isnan(vector).any():
            raise LayoutError(
                f"{name}: elements {np.flatnonzero(np.isnan(vector))[:8].tolist()} were never given"
            )
        return vector


def _by_column(row: Ints, part: Ints, move: int) -> dict[tuple[int, int], Ints]:
    """Elements of an instruction's columns by (bank, column address).

    Args:
        part: (segments, banks, columns, elements).
    """
    found = {}
    single = row[Instruction.KIND] == Kind.COLUMNS
    for s, b, k in np.ndindex(part.shape[:3]):
        address = int(
            row[Instruction.START] + move + s // row[Instruction.REUSE] * row[Instruction.STRIDE] + k
        )
        found[int(row[Instruction.BANK]) if single else b, address] = part[s, b, k]
    return found


def _no_write(bank: int, address: int) -> Write:
    raise LayoutError(f"bank {bank}, column address {address} is written by an operator that stores nothing")
