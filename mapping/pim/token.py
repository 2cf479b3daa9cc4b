"""The steps of one token: a decoder layer, and the LM head after the last."""

from collections.abc import Sequence
from functools import lru_cache

from arch.pim_device import Pim
from mapping.pim.layout import Layout
from mapping.pim.options import PimMapping
from mapping.pim.program import Block, Routine
from mapping.pim.steps import StepWriter
from mapping.pim.work import Work, Writer, fills
from workloads.transformer.model import Transformer

_NORMS = {"layer_norm": Routine.LAYER_NORM, "rms_norm": Routine.RMS_NORM}
_ACTIVATIONS = {"gelu": Routine.GELU, "relu": Routine.RELU, "silu": Routine.SILU}


class TokenWriter:
    """Writes blocks for one machine, model and layout.

    Order of a layer: norm, product with the matrices of queries, keys and values, keys written, scores,
    values written (which hides behind the softmax), softmax and context by head, projection, feed-forward
    network.  Of partial sums, the first are as they come; each further part costs an ADD.
    """

    def __init__(self, pim: Pim, model: Transformer, mapping: PimMapping, layout: Layout) -> None:
        self._channels = pim.memory.channels
        self._elements = pim.elements
        self._model = model
        self._mapping = mapping
        self._layout = layout
        self._work = Writer(pim, model, layout)
        self.fills = fills(pim, model, layout)
        self._keys = [r for r in layout.regions if r.part == "keys"]
        self._values = [k for k, r in enumerate(layout.regions) if r.part == "values"]
        self._head_order = self._softmax_order()
        # Instructions that are the same for all or many contexts; tokens come in order, so few are enough.
        self._product = lru_cache(maxsize=None)(self._product_work)
        self._scores = lru_cache(maxsize=4)(self._score_work)
        self._weighing = lru_cache(maxsize=4)(self._weighing_work)

    def layer(self, context: int) -> Block:
        """One layer for a token that attends to ``context`` tokens, itself included."""
        model, w = self._model, StepWriter(self._channels)
        normed = w.asic("norm1", _NORMS[model.norm], model.hidden, -1)
        qkv = (model.heads + 2 * model.kv_heads) * model.head_size
        names = [r.name for r in self._layout.regions if r.name == "qkv" or " weights " in r.name]
        ready = self._matrices(w, "qkv", names, qkv, normed)
        if model.positions == "rotary":
            ready = w.asic("qkv", Routine.ROPE, (model.heads + model.kv_heads) * model.head_size, ready)
        attended = self._attention(w, context, ready)
        done = self._matrices(w, "projection", ["projection"], model.hidden, attended)
        done = w.asic("residual", Routine.ADD, model.hidden, done)
        normed = w.asic("norm2", _NORMS[model.norm], model.hidden, done)
        wide = model.intermediate * (2 if model.gated else 1)
        done = self._matrices(w, "ffn_up", ["ffn_up"], wide, normed)
        active = self._activations(w, done)
        done = self._matrices(w, "ffn_down", ["ffn_down"], model.hidden, *active)
        w.asic("residual", Routine.ADD, model.hidden, done)
        return w.block()

    def head(self) -> Block:
        """The last norm, the product with the output embedding, and the choice of a token."""
        model, w = self._model, StepWriter(self._channels)
        normed = w.asic("final_norm", _NORMS[model.norm], model.hidden, -1)
        done = self._matrices(w, "lm_head", ["lm_head"], model.vocabulary, normed, bias=False)
        w.asic("argmax", Routine.ARGMAX, model.vocabulary, done)
        return w.block()

    def _matrices(
        self,
        w: StepWriter,
        operator: str,
        names: Sequence[str],
        outputs: int,
        *after: int,
        bias: bool = True,
    ) -> int:
        """One input times matrices with ``outputs`` outputs in all; the step after which they are there.

        ``after``: the steps that give the input, one or one for each of its chunks.
        """
        numbers = [self._layout.index(name) for name in names]
        regions = [self._layout.regions[number] for number in numbers]
        done = after[-1]
        if len(regions[0].chunks) > 1 and self._mapping.chunk_order == "neuron_outer":
            for number in numbers:
                done = w.channels(operator, self._product(number, -1, True), after[-1], region=number)
        else:
            for chunk in range(len(regions[0].chunks)):
                for number in numbers:
                    work = self._product(number, chunk, number == numbers[0])
                    ready = after[min(chunk, len(after) - 1)]
                    done = w.channels(operator, work, ready, region=number, chunk=chunk)
                if chunk:
                    done = w.asic(operator, Routine.ADD, outputs, done, chunk=chunk)
        if bias and self._model.bias:
            done = w.asic(operator, Routine.ADD, outputs, done)
        return done

    def _activations(self, w: StepWriter, done: int) -> list[int]:
        """The activation by chunks of the next input, so that banks begin when the first is there."""
        model = self._model
        chunks = self._layout.regions[self._layout.index("ffn_down")].chunks
        steps = []
        for number, chunk in enumerate(chunks):
            k = number if len(chunks) > 1 else -1
            step = w.asic("activation", _ACTIVATIONS[model.activation], chunk.count, done, chunk=k)
            if model.gated:
                step = w.asic("activation", Routine.MULTIPLY, chunk.count, step, chunk=k)
            steps.append(step)
        return steps

    def _product_work(self, number: int, chunk: int, load: bool) -> Work:
        region = self._layout.regions[number]
        if chunk < 0:
            return self._work.whole_matrix(region)
        return self._work.matrix(region, region.chunks[chunk], load=load)

    def _attention(self, w: StepWriter, context: int, ready: int) -> int:
        """From queries, keys and values to the weighted values of all heads."""
        keys = self._layout.regions.index(self._keys[0])
        w.channels("k_write", self._work.token_write(self._keys, context - 1), ready, region=keys)
        slots = self._work.token_slots(context)
        scored: dict[int, int] = {}
        for number, (fill, work) in enumerate(zip(self.fills, self._scores(slots), strict=True)):
            step = w.channels("scores", work, ready, region=fill.region, chunk=number)
            scored |= dict.fromkeys(fill.heads, step)
        values = [self._layout.regions[k] for k in self._values]
        if values[0].holds == "tokens":
            w.channels("v_write", self._work.token_write(values, context - 1), ready, region=self._values[0])
            return self._sums_on_the_asic(w, context, slots, scored)
        write = self._work.column_write(values[0], context - 1)
        w.channels("v_write", write, ready, region=self._values[0])
        return self._sums_in_banks(w, context, scored)

    def _sums_in_banks(self, w: StepWriter, context: int, scored: dict[int, int]) -> int:
        number = self._values[0]
        columns = -(-context // self._elements)
        work = self._weighing(columns)
        sums: list[tuple[int, int, int]] = []  # step, head, chunk
        last: dict[int, int] = {}  # by channel
        for head in self._head_order:
            weights = w.asic("softmax", Routine.SOFTMAX, context, scored[head], head=head)
            for chunk, part in work[head // (self._model.heads // self._model.kv_heads)]:
                step = w.channels("context", part, weights, region=number, chunk=chunk, head=head)
                last |= dict.fromkeys(part.counts.nonzero()[0].tolist(), step)
                if chunk > 0:
                    sums.append((step, head, chunk))
        done = -1
        # Additions come last, or the ASIC would wait for one head's sums with the next head's softmax.
        for step, head, chunk in sums:
            done = w.asic("context", Routine.ADD, self._model.head_size, step, chunk=chunk, head=head)
        if done < 0:
            for step in sorted(set(last.values())):
                done = w.join("context", step)
        return done

    def _weighing_work(self, columns: int) -> list[list[tuple[int, Work]]]:
        """By key head: the parts of its product with probabilities that take ``columns``, by chunk."""
        region = self._layout.regions[self._values[0]]
        widths: list[int] = []
        for chunk in region.chunks:
            width = min(chunk.width, columns - sum(widths))
            if width > 0:
                widths.append(width)
        if len(widths) > 1 and self._mapping.chunk_order == "neuron_outer":
            return [[(-1, self._work.whole_weighing(region, h, widths))] for h in range(self._model.kv_heads)]
        return [
            [(k, self._work.weighing(region, head, k, width)) for k, width in enumerate(widths)]
            for head in range(self._model.kv_heads)
        ]

    def _score_work(self, slots: tuple[int, ...]) -> list[Work]:
        return [self._work.scores(fill, slots) for fill in self.fills]

    def _sums_on_the_asic(
        self, w: StepWriter, context: int, slots: tuple[int, ...], scored: dict[int, int]
    ) -> int:
        """Values come through the pins, a chunk of heads at a time, and are added up as they come."""
        group = self._model.heads // self._model.kv_heads
        sums: list[tuple[int, int, int]] = []
        for number in self._values:
            for index, chunk in enumerate(self._layout.regions[number].chunks):
                weights = -1
                for head in range(chunk.first * group, (chunk.first + chunk.count) * group):
                    weights = w.asic("softmax", Routine.SOFTMAX, context, scored[head], head=head)
                work = self._work.token_read(chunk, slots)
                step = w.channels("context", work, weights, region=number, chunk=index)
                sums += [
                    (step, head, index)
                    for head in range(chunk.first * group, (chunk.first + chunk.count) * group)
                ]
        done = -1
        for step, head, index in sums:
            n = context * self._model.head_size
            done = w.asic("context", Routine.WEIGHTED_SUM, n, step, chunk=index, head=head)
        return done

    def _softmax_order(self) -> list[int]:
        """Query heads in the order of their softmax.

        Heads whose scores come first are first; among them those that are the first of some channel's, so
        that all channels soon have something to do.
        """
        fill_of = {head: number for number, fill in enumerate(self.fills) for head in fill.heads}
        if self._layout.regions[self._values[0]].holds == "tokens":
            return sorted(fill_of)
        group = self._model.heads // self._model.kv_heads
        turn: dict[int, int] = {}
        for channel in range(self._channels):
            on_channel = [
                head for head in range(self._model.heads) if self._work.head_groups(head // group)[channel][1]
            ]
            for k, head in enumerate(on_channel):
                turn[head] = min(turn.get(head, k), k)
        return sorted(fill_of, key=lambda head: (fill_of[head], turn[head], head))
