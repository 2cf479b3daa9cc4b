"""The constraint table: for each command the earlier one that binds it, and the gap between the two."""

import numpy as np

from arch.device import Rule
from sim.dram.checker.findings import Findings
from sim.dram.checker.stream import CHANNEL, LEVELS, RANK, Places, Stream, nth_last


def check_rule(stream: Stream, findings: Findings, rule: Rule) -> None:
    """One row of the table."""
    earlier = _constraining(stream, rule)
    at = np.flatnonzero(earlier >= 0)
    earlier = earlier[at]
    slack = stream.cycle[at] - stream.cycle[earlier] - rule.wait
    bad = np.flatnonzero(slack < 0)
    nth = f", window {rule.window}" if rule.window > 1 else ""
    findings.report(
        rule.name,
        f"{'/'.join(rule.after)} to {'/'.join(rule.before)}, {rule.scope}{nth}",
        pairs=len(at),
        at=at[bad],
        earlier=earlier[bad],
        needed=np.full(len(bad), rule.wait),
        least=int(slack.min()) if len(slack) else None,
        wait=rule.wait,
    )


def _constraining(stream: Stream, rule: Rule) -> Places:
    """For each command of the stream the place of the one that constrains it under ``rule``, or -1."""
    device = stream.device
    after, before = device.named(rule.after), device.named(rule.before)
    earlier = np.full(len(stream), -1, np.int32)

    def merge(at: Places, ahead: Places) -> None:
        earlier[at] = np.maximum(earlier[at], ahead)

    if rule.scope == "other_ranks":
        ranks = device.memory.organization.ranks
        for rank in range(ranks):
            here = stream.touches(RANK, rank)
            # A command to the whole channel addresses this rank and others as well.
            elsewhere = ~here | ((stream.level == CHANNEL) & (ranks > 1))
            merge(*nth_last(after[stream.code] & elsewhere, before[stream.code] & here, None, rule.window))
        return earlier

    scope = LEVELS.index(rule.scope)
    coarse = device.level > scope
    if rule.window > 1 and bool((coarse & (after | before)).any()):
        # A coarse command counts in each instance, so the n-th last is found in each by itself.
        for instance in range(device.span[CHANNEL] // device.span[scope]):
            here = stream.touches(scope, instance)
            merge(*nth_last(after[stream.code] & here, before[stream.code] & here, None, rule.window))
        return earlier

    # Of two commands the coarser one decides at which level they meet: inside its node.
    for level in range(scope, len(LEVELS)):
        finer, same = device.level < level, device.level == level
        if level == scope:
            passes = [(after & ~coarse, before & ~coarse)]
        else:
            passes = [(after & same, before & (finer | same)), (after & finer, before & same)]
        for first, second in passes:
            if not (first.any() and second.any()):
                continue
            order, code, node = stream.by_node(level)
            flag = (first + 2 * second).astype(np.int8)[code]
            chosen = np.flatnonzero(flag).astype(np.int32)
            flag = flag[chosen]
            at, ahead = nth_last((flag & 1) > 0, flag >= 2, node[chosen], rule.window)
            merge(order[chosen[at]], order[chosen[ahead]])
    return earlier
