"""Where every number lies, and which numbers each step loads, writes, reads and gives.

Vectors are numbered as follows.  Query, key and value vectors: head * head_size + element.  The output of
``qkv`` is queries, keys and values, one behind the other; that of a gated ``ffn_up`` is up, then gate.
Scores and probabilities: token within a head's; all heads' scores: head * context + token.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapping.pim.layout import Chunk, Region, groups_per_head, head_columns
from mapping.pim.plan import PimPlan
from mapping.pim.program import Block, Instruction, Kind, Step

Ints = NDArray[np.int64]


class Place(NamedTuple):
    """Arrays of one shape.  ``address`` is row * columns + column, ``lane`` the element of the column."""

    channel: Ints
    bank: Ints
    address: Ints
    lane: Ints


def place(plan: PimPlan, region: int, outer: object, inner: object, layer: int = 0) -> Place:
    """Where elements of a region lie.

    Args:
        plan: with the region as number ``region``.
        region: number.
        outer: integers that broadcast with ``inner``.  Of a matrix: the output, counted in this region; of
            a cache: the token.
        inner: of a matrix: the input; of a cache: the element of the token's key or value vector of all key
            heads, which must be one of the heads that the region holds.
        layer: which layer's; 0 for the LM head.
    """
    r = plan.regions[region]
    out, at = np.broadcast_arrays(np.asarray(outer, np.int64), np.asarray(inner, np.int64))
    channels, banks, elements = plan.pim.memory.channels, plan.pim.banks, plan.pim.elements
    size = plan.decoding.model.head_size
    moved = layer * plan.layout.layer_rows * plan.pim.memory.organization.columns
    if r.holds == "matrix":
        slot, rest = np.divmod(out, channels * banks)
        channel, bank = np.divmod(rest, banks)
        start, stride, first = _of_chunk(r, at)
        column, lane = np.divmod(at - first, elements)
    elif r.holds == "tokens":
        rest, channel = np.divmod(out, channels)
        slot, bank = np.divmod(rest, banks)
        head, element = np.divmod(at, size)
        start, stride, first = _of_chunk(r, head)
        column, lane = np.divmod(element, elements)
        column = column + (head - first) * head_columns(plan.pim, plan.decoding.model)
    else:
        head, element = np.divmod(at, size)
        in_head, bank = np.divmod(element, banks)
        group = head * groups_per_head(plan.pim, plan.decoding.model) + in_head
        begins = np.array(plan.layout.group_first)
        channel = np.asarray(np.searchsorted(begins, group, side="right") - 1, np.int64)
        slot = group - begins[channel]
        start, stride, first = _of_chunk(r, out)
        column, lane = np.divmod(out - first, elements)
    return Place(channel, bank, np.asarray(start + slot * stride + column + moved, np.int64), lane)


def inputs(plan: PimPlan, block: Block, step: int, channel: int, context: int) -> list[Ints]:
    """What the buffer loads of a step put into a channel's slots.

    Returns an array for each load instruction of the channel, in order: int64 (columns, elements), indices
    into the step's input vector (-1: zero); column k goes to slot ``SLOT`` + k.  The input vector is that
    of the operator: queries for ``scores``, the head's probabilities for ``context``.
    """
    row = block.steps[step]
    elements = plan.pim.elements
    loads = [i for i in instructions(plan, block, step, channel) if _is(plan, i, plan.pim.roles.load)]
    if row[Step.REGION] < 0:
        return []
    region = plan.regions[row[Step.REGION]]
    if region.holds == "tokens":
        return [_heads(plan, plan.token_writer.fills[row[Step.CHUNK]].heads) for _ in loads]
    found = []
    chunks = list(region.chunks)
    if region.holds == "columns":
        chunks = [chunk for chunk in chunks if chunk.first < context]
    for k, load in enumerate(loads):
        chunk = chunks[row[Step.CHUNK]] if row[Step.CHUNK] >= 0 else chunks[k % len(chunks)]
        end = chunk.first + chunk.count
        if region.holds == "columns":
            end = min(end, context)
        at = chunk.first + np.arange(load[Instruction.N] * elements)
        found.append(np.where(at < end, at, -1).reshape(-1, elements))
    return found


def outputs(plan: PimPlan, block: Block, step: int, context: int) -> Ints:
    """Which element each result of a step is: int64 (results, channels, banks), -1 for nothing of use.

    Results of a channel are counted in the order in which they are read; channels with fewer have -1 at the
    end.  Indices are into the operator's output vector: for ``scores`` head * context + token, for
    ``context`` the vector of all query heads, for matrices their own (see the module).  A step with a chunk
    gives the chunk's share of the sums.
    """
    row = block.steps[step]
    channels, banks = plan.pim.memory.channels, plan.pim.banks
    if row[Step.REGION] < 0:
        return np.full((0, channels, banks), -1, np.int64)
    region = plan.regions[row[Step.REGION]]
    c, b = np.arange(channels)[:, None], np.arange(banks)
    if region.holds == "matrix":
        k = np.arange(region.slots)[:, None, None]
        n = k * channels * banks + c * banks + b
        return np.where(n < region.outputs, n + region.offset, -1)
    if region.holds == "tokens":
        if not _scores(plan, block, step):
            return np.full((0, channels, banks), -1, np.int64)
        fill = plan.token_writer.fills[row[Step.CHUNK]]
        slots = -(-context // (channels * banks))
        k = np.arange(slots)[:, None, None, None]
        token = k * channels * banks + b * channels + c
        n = np.array(fill.heads)[:, None, None] * context + token
        return np.where(token < context, n, -1).reshape(-1, channels, banks)
    if not _is_operator(plan, block, step, "context"):
        return np.full((0, channels, banks), -1, np.int64)
    model = plan.decoding.model
    head = int(row[Step.HEAD])
    per_head = groups_per_head(plan.pim, model)
    begins = np.array(plan.layout.group_first)
    first_group = head // (model.heads // model.kv_heads) * per_head
    low = np.maximum(begins[:-1], first_group)
    high = np.minimum(begins[1:], first_group + per_head)
    k = np.arange(max(int((high - low).max()), 0))[:, None, None]
    group = (low[:, None] - first_group) + k
    element = group * banks + b
    valid = (group < (high[:, None] - first_group)) & (element < model.head_size)
    return np.where(valid, head * model.head_size + element, -1)


def writes(plan: PimPlan, block: Block, step: int, channel: int, context: int) -> list[Ints]:
    """What the writes of a step put into a channel's banks.

    Returns an array for each write instruction of the channel, in order: int64 (segments, banks, columns,
    elements), indices into the token's key or value vector; -1: the element stays as it is (writes are
    masked; rows hold zeros before).  ``banks`` is 1 if the instruction names its bank.
    """
    elements = plan.pim.elements
    found: list[Ints] = []
    if _is_operator(plan, block, step, "k_write"):
        regions = [r for r in plan.regions if r.part == "keys"]
    elif _is_operator(plan, block, step, "v_write"):
        regions = [r for r in plan.regions if r.part == "values"]
    else:
        return found
    chunks = [chunk for region in regions for chunk in region.chunks]
    for k, row in enumerate(instructions(plan, block, step, channel)):
        if regions[0].holds == "tokens":
            heads = range(chunks[k].first, chunks[k].first + chunks[k].count)
            found.append(_heads(plan, heads)[None, None])
            continue
        model, banks = plan.decoding.model, plan.pim.banks
        per_head = groups_per_head(plan.pim, model)
        group = plan.layout.group_first[channel] + np.arange(row[Instruction.SEGMENTS])[:, None]
        element = group % per_head * banks + np.arange(banks)
        of_vector = np.where(element < model.head_size, group // per_head * model.head_size + element, -1)
        written = np.full((*of_vector.shape, 1, elements), -1, np.int64)
        chunk = [c for c in chunks if c.first < context][-1]
        written[:, :, 0, (context - 1 - chunk.first) % elements] = of_vector
        found.append(written)
    return found


def reads(plan: PimPlan, block: Block, step: int, channel: int, context: int) -> list[Ints]:
    """What the reads of a step (values that lie by token) bring to the ASIC.

    Returns an array for each read instruction of the channel: int64 (segments, banks, columns, elements),
    token * elements of a value vector + element of it; -1: nothing of use.
    """
    row = block.steps[step]
    if row[Step.REGION] < 0 or not _is_operator(plan, block, step, "context"):
        return []
    region = plan.regions[row[Step.REGION]]
    if region.holds != "tokens":
        return []
    model, channels, banks = plan.decoding.model, plan.pim.memory.channels, plan.pim.banks
    chunk = region.chunks[row[Step.CHUNK]]
    of_token = _heads(plan, range(chunk.first, chunk.first + chunk.count))
    found = []
    for i in instructions(plan, block, step, channel):
        slot = np.arange(i[Instruction.SEGMENTS])[:, None]
        token = (slot * channels * banks + np.arange(banks) * channels + channel)[:, :, None, None]
        n = token * model.kv_heads * model.head_size + of_token
        found.append(np.where((token < context) & (of_token >= 0), n, -1))
    return found


def instructions(plan: PimPlan, block: Block, step: int, channel: int) -> Ints:
    """The instructions of a step on a channel, in order: int64 (n, len(Instruction))."""
    at = step * plan.pim.memory.channels + channel
    return block.instructions[block.first[at] : block.first[at + 1]]


def _of_chunk(region: Region, at: Ints) -> tuple[Ints, Ints, Ints]:
    """Start, stride and first element of the chunks that hold elements ``at`` of the cut axis."""
    chunks: tuple[Chunk, ...] = region.chunks
    number = np.searchsorted([chunk.first for chunk in chunks], at, side="right") - 1
    table = np.array([(chunk.start, chunk.stride, chunk.first) for chunk in chunks], np.int64)
    start, stride, first = np.moveaxis(table[number], -1, 0)
    return start, stride, first


def _heads(plan: PimPlan, heads: range) -> Ints:
    """Elements of heads as they lie in columns, each head from a new column on: (columns, elements)."""
    size, elements = plan.decoding.model.head_size, plan.pim.elements
    at = np.arange(head_columns(plan.pim, plan.decoding.model) * elements)
    padded = np.where(at < size, np.array(heads)[:, None] * size + at, -1)
    return padded.reshape(-1, elements)


def _is_operator(plan: PimPlan, block: Block, step: int, operator: str) -> bool:
    return plan.operators[int(block.steps[step, Step.OPERATOR])] == operator


def _scores(plan: PimPlan, block: Block, step: int) -> bool:
    return _is_operator(plan, block, step, "scores")


def _is(plan: PimPlan, instruction: Ints, command: str) -> bool:
    code = plan.pim.memory.command(command).code
    return bool(instruction[Instruction.KIND] == Kind.BARE and instruction[Instruction.COMMAND] == code)
