"""Proves that every step of a block waits for what it needs."""

from collections.abc import Iterator

import numpy as np

from mapping.pim.places import outputs, reads
from mapping.pim.plan import PimPlan
from mapping.pim.program import Block, Routine, Step, Unit

_NEEDS = {
    "qkv": ("norm1",), "k_write": ("qkv",), "scores": ("qkv",), "v_write": ("qkv",),
    "projection": ("context",), "ffn_up": ("norm2",), "activation": ("ffn_up",),
    "ffn_down": ("activation",), "lm_head": ("final_norm",), "argmax": ("lm_head",),
    "norm2": ("projection", "residual"),
}  # fmt: skip
"""Operators whose earlier steps must all have ended before a step of the operator begins."""


def order(plan: PimPlan, block: Block) -> Iterator[str]:
    """What steps of a block begin too early, a sentence each.

    The ASIC and every channel work in order, but a step of some channels says nothing of the others.
    """
    names = [plan.operators[number] for number in block.steps[:, Step.OPERATOR]]
    channels = plan.pim.memory.channels
    busy = np.diff(block.first).reshape(-1, channels) > 0
    # What a step does on each unit has a number: step * (channels + 1) + channel, the ASIC last.
    units = [
        [channels] if row[Step.UNIT] == Unit.ASIC else np.flatnonzero(of_step).tolist()
        for row, of_step in zip(block.steps, busy, strict=True)
    ]
    parts = [{step * (channels + 1) + unit for unit in of} for step, of in enumerate(units)]
    ended: list[set[int]] = []  # by step: what has ended when it has
    by_unit: list[set[int]] = [set() for _ in range(channels + 1)]
    heads = _heads_of_scores(plan, block, names)
    fetched = _heads_of_reads(plan, block, names)
    for step, row in enumerate(block.steps):
        after = int(row[Step.AFTER])
        if after >= step:
            yield f"step {step} waits for step {after}, which is not before it"
            return
        before = set(ended[after]) if after >= 0 else set()
        if row[Step.UNIT] == Unit.ASIC:
            before |= by_unit[channels]
        for needed in sorted(_needed(block, names, heads, fetched, step)):
            if not parts[needed] <= before:
                yield f"step {step} ({names[step]}) does not wait for step {needed} ({names[needed]})"
                break
        for unit in units[step]:
            by_unit[unit] |= before | {step * (channels + 1) + unit}
        ended.append(before.union(*(by_unit[unit] for unit in units[step])))
    for step, name in enumerate(names):
        if name not in ("k_write", "v_write") and not parts[step] <= ended[-1]:
            yield f"the block's last step does not wait for step {step} ({name})"


def _needed(
    block: Block, names: list[str], heads: dict[int, int], fetched: dict[int, set[int]], step: int
) -> set[int]:
    row, name = block.steps[step], names[step]
    on_asic = row[Step.UNIT] == Unit.ASIC
    own = {s for s in range(step) if names[s] == name}
    if name == "softmax":
        return {heads[int(row[Step.HEAD])]}
    if name == "context":
        if on_asic and row[Step.ROUTINE] == Routine.WEIGHTED_SUM:
            return {s for s in own & set(fetched) if int(row[Step.HEAD]) in fetched[s]}
        if on_asic:  # partial sums: the head's products up to this chunk; or a join, which needs none itself
            of_head = {s for s in own if block.steps[s, Step.HEAD] == row[Step.HEAD] >= 0}
            return {s for s in of_head if block.steps[s, Step.CHUNK] <= row[Step.CHUNK]}
        return {
            s
            for s in range(step)
            if names[s] == "softmax" and (row[Step.HEAD] < 0 or block.steps[s, Step.HEAD] == row[Step.HEAD])
        }
    if name == "residual":
        return {s for s in range(step) if names[s] in ("projection", "ffn_down")}
    needs = {s for s in range(step) if names[s] in _NEEDS.get(name, ())}
    if name == "ffn_down" and not on_asic and row[Step.CHUNK] >= 0:  # the part of its input that it loads
        needs = {s for s in needs if block.steps[s, Step.CHUNK] in (-1, row[Step.CHUNK])}
    return (
        needs | own if on_asic and name in ("qkv", "projection", "ffn_up", "ffn_down", "lm_head") else needs
    )


def _heads_of_scores(plan: PimPlan, block: Block, names: list[str]) -> dict[int, int]:
    """By query head: the step that gives its scores, read off the results for a context of one token."""
    found = {}
    for step, name in enumerate(names):
        if name == "scores":
            for head in np.unique(outputs(plan, block, step, 1)):
                if head >= 0:
                    found[int(head)] = step
    return found


def _heads_of_reads(plan: PimPlan, block: Block, names: list[str]) -> dict[int, set[int]]:
    """By step that reads values through the pins: the query heads that need them.

    Read off the reads for a context of one token, which is on channel 0.
    """
    found: dict[int, set[int]] = {}
    model = plan.decoding.model
    group = model.heads // model.kv_heads
    for step, name in enumerate(names):
        for read in reads(plan, block, step, 0, 1) if name == "context" else []:
            keys = np.unique(read[read >= 0] // model.head_size).tolist()
            found.setdefault(step, set()).update(k * group + q for k in keys for q in range(group))
    return found
