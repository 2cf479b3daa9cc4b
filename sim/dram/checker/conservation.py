"""Requests against column commands: each one served exactly once, by a command of its kind, where it belongs.

Requests that need no command, reads forwarded from a queued write and writes absorbed by one, are left out
by the caller: of :class:`RequestCounts` by not being counted, of :class:`RequestArrays` by ``issue`` -1 or
``needs_command`` False.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arch.device import Memory, RequestOp
from sim.dram.checker.result import LISTED_PER_RULE, RuleCheck, Violation
from sim.dram.checker.stream import Bools, Ints, Places, Stream

Found = tuple[RuleCheck, list[Violation]]


@dataclass(frozen=True)
class RequestCounts:
    """How many requests of each kind needed a command on this channel: op name (``READ``, …) to count."""

    by_op: Mapping[str, int]


@dataclass(frozen=True)
class RequestArrays:
    """One element per request, all arrays 1-d and equally long.

    Args:
        line: transaction index in the whole memory, as in a trace.
        op: request codes (``arch.device.RequestOp.code``).
        issue: cycle of the column command that served it, -1 if it needed none.  None: not known, then
            requests and commands are matched by place alone.
        accept: cycle in which the front end handed it over; its command comes later.  None: not known.
        needs_command: False for forwarded and coalesced ones.  Default: where ``issue`` is not -1, or all.
        channel: look at requests of this channel only; None: all are of the channel being checked.
    """

    line: ArrayLike
    op: ArrayLike
    issue: ArrayLike | None = None
    accept: ArrayLike | None = None
    needs_command: ArrayLike | None = None
    channel: int | None = None


def served_by_counts(stream: Stream, requests: RequestCounts, drained: bool) -> Found:
    """As many column commands of each kind as requests of that kind.

    Raises:
        ValueError: a request kind that the device does not know.
    """
    memory = stream.device.memory
    unknown = set(requests.by_op) - {op.name for op in memory.ops}
    if unknown:
        raise ValueError(f"{memory.name} has no request {', '.join(sorted(unknown))}")
    issued = np.bincount(stream.code, minlength=stream.device.codes)
    violations, broken, total = [], 0, 0
    for ops, commands in _kinds(memory):
        wanted = sum(requests.by_op.get(op.name, 0) for op in ops)
        found = sum(int(issued[memory.command(name).code]) for name in commands)
        total += wanted
        if found > wanted or (found < wanted and drained):
            broken += abs(found - wanted)
            text = f"{wanted:,} {'/'.join(op.name for op in ops)} requests needed a command, {found:,} "
            text += f"{'/'.join(commands)} were issued"
            violations.append(Violation("conservation", _end(stream), commands[0], -1, -1, text))
    meaning = "as many column commands as requests of their kind"
    return RuleCheck("conservation", meaning, total, broken), violations


def served_one_by_one(stream: Stream, requests: RequestArrays, opened_row: Places, drained: bool) -> Found:
    """Every request has one column command of its kind in its bank, row and column (and cycle, if told).

    ``opened_row``: for each command of the stream the row it reads or writes.

    Raises:
        ValueError: arrays of unequal length, a request code that the device does not know, or a request
            served by a command that addresses more than one bank.
    """
    memory, organization = stream.device.memory, stream.device.memory.organization
    line, op, issue, accept, wanted = _request_columns(requests)
    places = _places_of_lines(memory, line)
    if requests.channel is not None:
        wanted &= places["channel"] == requests.channel
    codes = [request.code for request in memory.ops]
    if not np.isin(op[wanted], codes).all():
        raise ValueError(
            f"request codes {sorted(set(op.tolist()) - set(codes))} are not known to {memory.name}"
        )

    # One number per (bank, row, column); a column of no known row is like no request's.
    request_key = (places["bank"] * organization.rows + places["row"]) * organization.columns + places[
        "column"
    ]
    command_key = (stream.bank.astype(np.int64) * organization.rows + opened_row) * organization.columns
    command_key = np.where(opened_row >= 0, command_key + stream.arg, -1)

    violations: list[Violation] = []
    broken = total = 0
    for ops, commands in _kinds(memory):
        if any(memory.command(name).scope != "bank" for name in commands):
            raise ValueError(f"{memory.name}: {'/'.join(commands)} do not address one bank each")
        mine = np.flatnonzero(wanted & np.isin(op, [request.code for request in ops]))
        served = np.flatnonzero(stream.device.named(commands)[stream.code])
        total += len(mine)
        unserved, spare = _unmatched(
            request_key[mine],
            command_key[served],
            None if issue is None else issue[mine],
            stream.cycle[served],
        )
        if not drained:
            # What an excerpt no longer shows is no fault; what it does show must be right.
            end = _end(stream)
            unserved = unserved[issue[mine[unserved]] < end] if issue is not None else unserved[:0]
        broken += len(unserved) + len(spare)
        kind = "/".join(request.name for request in ops)
        for k in mine[unserved[:LISTED_PER_RULE]].tolist():
            when = "" if issue is None else f" in cycle {issue[k]}"
            where = f"bank {places['bank'][k]} row {places['row'][k]} column {places['column'][k]}"
            text = (
                f"{kind} request {k} (line {line[k]}) has no {'/'.join(commands)} of its own at {where}{when}"
            )
            cycle = -1 if issue is None else int(issue[k])
            violations.append(Violation("conservation", cycle, commands[0], int(places["bank"][k]), -1, text))
        for j in served[spare[:LISTED_PER_RULE]].tolist():
            place = f"row {opened_row[j]}" if opened_row[j] >= 0 else "no open row"
            place += f", column {stream.arg[j]}"
            text = f"{stream.label(j)} at cycle {stream.cycle[j]} serves no {kind} ({place})"
            at = int(stream.cycle[j]), stream.name(j), stream.bank_field(j), int(stream.place[j])
            violations.append(Violation("conservation", *at, text))
    if issue is not None and accept is not None:
        early = np.flatnonzero(wanted & (issue <= accept))
        broken += len(early)
        for k in early[:LISTED_PER_RULE].tolist():
            text = f"request {k} was accepted in cycle {accept[k]} and served in cycle {issue[k]}, not later"
            violations.append(Violation("conservation", int(issue[k]), "", int(places["bank"][k]), -1, text))
    meaning = "each request has one column command of its kind at its place"
    return RuleCheck("conservation", meaning, total, broken), violations[:LISTED_PER_RULE]


def _end(stream: Stream) -> int:
    return int(stream.cycle[-1]) if len(stream) else 0


def _kinds(memory: Memory) -> list[tuple[list[RequestOp], list[str]]]:
    """Requests with the column commands that may serve them; kinds that share a command are one."""
    kinds: list[tuple[list[RequestOp], list[str]]] = []
    for op in memory.ops:
        ops, commands = [op], [name for name in (op.command, op.closing_command) if name is not None]
        for kind in [kind for kind in kinds if set(kind[1]) & set(commands)]:
            kinds.remove(kind)
            ops, commands = kind[0] + ops, kind[1] + commands
        kinds.append((ops, list(dict.fromkeys(commands))))
    return kinds


def _request_columns(requests: RequestArrays) -> tuple[Ints, Ints, Ints | None, Ints | None, Bools]:
    line = np.asarray(requests.line, np.int64)
    op = np.asarray(requests.op, np.int64)
    issue = None if requests.issue is None else np.asarray(requests.issue, np.int64)
    accept = None if requests.accept is None else np.asarray(requests.accept, np.int64)
    if requests.needs_command is not None:
        wanted = np.array(requests.needs_command, bool)
    else:
        wanted = np.ones(len(line), bool) if issue is None else issue != -1
    for name, column in {"op": op, "issue": issue, "accept": accept, "needs_command": wanted}.items():
        if column is not None and column.shape != line.shape:
            raise ValueError(f"{name}: given shape {column.shape}, accepted that of line, {line.shape}")
    return line, op, issue, accept, wanted


def _places_of_lines(memory: Memory, line: Ints) -> dict[str, Ints]:
    """Channel, bank (of the channel), row and column of transaction indices, by the address map."""
    places = {
        name: np.zeros(len(line), np.int64) for name in ("channel", "rank", "group", "bank", "row", "column")
    }
    for segment in memory.address_map:
        places[segment.field] ^= ((line >> segment.source) & ((1 << segment.width) - 1)) << segment.target
    organization = memory.organization
    group = places.pop("rank") * organization.groups + places.pop("group")
    places["bank"] += group * organization.banks
    return places


def _unmatched(
    request: Ints, command: Ints, request_cycle: Ints | None, command_cycle: Ints
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Match equal keys (and cycles) one to one; positions of the requests and commands left over."""
    keys, key = np.unique(np.concatenate([request, command]), return_inverse=True)
    ids: Ints = key.astype(np.int64)
    if request_cycle is not None:
        # The places were numbered first because a place times a cycle could exceed 64 bits.
        cycle = np.concatenate([request_cycle, command_cycle])
        low = int(cycle.min()) if len(cycle) else 0
        ids = (cycle - low) * max(1, len(keys)) + ids
    mine, theirs = ids[: len(request)], ids[len(request) :]
    # Equal ids are numbered within each side, so that the k-th of one meets the k-th of the other.
    return _beyond(mine, theirs), _beyond(theirs, mine)


def _beyond(these: Ints, others: Ints) -> NDArray[np.int64]:
    """Positions of those of ``these`` that outnumber their equals among ``others``; the latest ones."""
    order = np.argsort(these, kind="stable")
    ranked = these[order]
    nth = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
    pool = np.sort(others)
    available = np.searchsorted(pool, ranked, side="right") - np.searchsorted(pool, ranked)
    left: NDArray[np.int64] = np.sort(order[nth >= available])
    return left
