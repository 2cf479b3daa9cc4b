"""Are the timing rules that Ramulator 2.1 exports those of our family?  Compared pair by pair, in cycles.

Both sides are brought to one form: the wait between two commands that fall into one bank, into two banks of
a group, into two groups of a rank, or into two ranks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from arch import device

_PLACES = {
    "channel": ("one bank", "one group", "one rank", "two ranks"),
    "rank": ("one bank", "one group", "one rank"),
    "pseudochannel": ("one bank", "one group", "one rank"),
    "group": ("one bank", "one group"),
    "bankgroup": ("one bank", "one group"),
    "bank": ("one bank",),
    "other_ranks": ("two ranks",),
}

Waits = dict[tuple[str, str, str, int], int]  # (after, before, place, window): cycles


def differences(
    rows: Any, memory: device.Memory, levels: Sequence[str], commands: Sequence[str]
) -> list[str] | None:
    """Where the exported ``timing_constraints`` and the rules of ``memory`` differ, in words.

    ``levels`` and ``commands`` give names to the numbers in the rows; None if the rows are not of the form
    ``[level, [preceding], [following], latency, window, sibling]``.
    """
    theirs = _theirs(rows, levels, commands)
    if theirs is None:
        return None
    ours = _ours(memory)
    ranks = memory.organization.ranks > 1
    texts = []
    for key in sorted(theirs.keys() | ours.keys()):
        after, before, place, window = key
        # After a refresh all banks are closed, so that only an activate can follow.
        if after == "REFA" and before != "ACT" or place == "two ranks" and not ranks:
            continue
        one, other = theirs.get(key, 0), ours.get(key, 0)
        if one != other and max(one, other) > 1:  # one cycle is what the command bus takes
            window_text = f", the last but {window - 1}" if window > 1 else ""
            texts.append(f"{after} to {before}, {place}{window_text}: {one} there, {other} here")
    return texts


def _theirs(rows: Any, levels: Sequence[str], commands: Sequence[str]) -> Waits | None:
    waits: Waits = {}
    if not isinstance(rows, list):
        return None
    for row in rows:
        if not isinstance(row, list) or not 4 <= len(row) <= 6:
            return None
        level, after, before, wait = row[:4]
        window = row[4] if len(row) > 4 else 1
        sibling = row[5] if len(row) > 5 else False
        if not isinstance(wait, int) or not isinstance(window, int) or level not in range(len(levels)):
            return None
        if not all(_are_commands(side, commands) for side in (after, before)):
            return None
        scope = "other_ranks" if sibling else levels[level]
        _add(waits, [commands[i] for i in after], [commands[i] for i in before], scope, wait, window)
    return waits


def _are_commands(side: Any, commands: Sequence[str]) -> bool:
    return isinstance(side, list) and all(isinstance(i, int) and 0 <= i < len(commands) for i in side)


def _ours(memory: device.Memory) -> Waits:
    waits: Waits = {}
    for rule in memory.rules:
        if memory.controller.rule_set not in rule.not_in:
            _add(waits, rule.after, rule.before, rule.scope, rule.wait, rule.window)
    return waits


def _add(
    waits: Waits, after: Sequence[str], before: Sequence[str], scope: str, wait: int, window: int
) -> None:
    known: Mapping[str, int] = device.STANDARD_CODES
    for first in after:
        for second in before:
            if {first, second} <= {*known, "RDA", "WRA"}:
                for place in _PLACES.get(scope, ()):
                    key = (first, second, place, window)
                    waits[key] = max(waits.get(key, 0), wait)
