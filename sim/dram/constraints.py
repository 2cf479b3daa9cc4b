"""Constraint rows as what an issue raises: dense blocks per group, single places, windows with rings."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arch.device import Command, Organization, Rule
from arch.errors import InputError
from sim.dram.block import Block
from sim.dram.layout import BANK_BITS, COMMAND_STRIDE, COMMANDS, NEXT_OK, RULE_BITS, C

Ints = NDArray[np.int64]
SCOPES = ("bank", "group", "rank", "channel")


class Places:
    """Which places (instances of a scope) there are, and which banks each covers."""

    def __init__(self, o: Organization) -> None:
        self.organization = o
        bank = np.arange(o.banks_per_channel)
        self.of = {
            "bank": bank,
            "group": bank // o.banks,
            "rank": bank // (o.banks * o.groups),
            "channel": bank * 0,
        }
        self.count = {scope: int(index[-1]) + 1 for scope, index in self.of.items()}
        # bank >> shift is the place that a bank lies in
        group = (o.banks - 1).bit_length()
        rank = group + (o.groups - 1).bit_length()
        self.shift = {"bank": 0, "group": group, "rank": rank, "channel": BANK_BITS}

    def related(self, rule_scope: str, first: str, second: str) -> NDArray[np.bool_]:
        """(places of ``first``, places of ``second``): does a rule of ``rule_scope`` relate them?"""
        level = "rank" if rule_scope == "other_ranks" else rule_scope
        common = (self._touch(first, level) @ self._touch(second, level).T) > 0
        return ~common if rule_scope == "other_ranks" else common

    def _touch(self, scope: str, level: str) -> Ints:
        matrix = np.zeros((self.count[scope], self.count[level]), dtype=np.int64)
        matrix[self.of[scope], self.of[level]] = 1
        return matrix


class _Raised(NamedTuple):
    """What one command raises."""

    first: int  # of the commands in the table
    table: Ints  # (groups or places, commands, banks)
    singles: list[tuple[int, int, int]]


@lru_cache(maxsize=16)
def places_of(organization: Organization) -> Places:
    """The places of an organization."""
    return Places(organization)


def constraints(
    block: Block,
    places: Places,
    commands: Sequence[Command],
    rules: Sequence[Rule],
    rule_ids: dict[str, int],
    slots: int,
) -> None:
    """Dense blocks and single places from the rows without a window."""
    banks = places.count["bank"]
    numbered = tuple((rule, rule_ids[rule.name]) for rule in rules)
    rows = _raised(places.organization, tuple(commands), numbered, slots == 1)
    for i, (first, table, singles) in enumerate(rows):
        row = {
            C.dense_at: NEXT_OK + first * banks,
            C.dense_n: table.shape[1] * banks,
            C.dense: block.add(table),
            C.sparse: block.add(singles),
            C.sparse_n: len(singles),
        }
        block.row(COMMANDS, COMMAND_STRIDE, i, row)


# Designs that differ in their controllers alone have these in common.
@lru_cache(maxsize=16)
def _raised(
    organization: Organization,
    commands: tuple[Command, ...],
    rules: tuple[tuple[Rule, int], ...],
    one_slot: bool,
) -> tuple[_Raised, ...]:
    """What each command raises; ``rules`` with their numbers."""
    places = places_of(organization)
    banks = places.count["bank"]
    found = []
    for command in commands:
        dense: dict[int, Ints] = {}
        singles: list[tuple[int, int, int]] = []
        for d, target in enumerate(commands):
            matrix = np.zeros((places.count[command.scope], places.count[target.scope]), dtype=np.int64)
            for rule, number in rules:
                # With one slot, "not in the same cycle" holds without a rule.
                if rule.window != 1 or (rule.wait <= 1 and one_slot):
                    continue
                if command.name in rule.after and target.name in rule.before:
                    related = places.related(rule.scope, command.scope, target.scope)
                    value = (rule.wait << RULE_BITS) | number
                    matrix = np.maximum(matrix, np.where(related, value, 0))
            rows, single = _split(places, command, target, matrix)
            if rows is not None:
                dense[d] = rows
            if single:
                singles.append((NEXT_OK + d * banks, places.shift[target.scope], single))
        lo, hi = (min(dense), max(dense) + 1) if dense else (0, 0)
        n_rows = places.count["group" if command.scope == "bank" else command.scope]
        table = np.zeros((n_rows, hi - lo, banks), dtype=np.int64)
        for d, rows in dense.items():
            table[:, d - lo, : rows.shape[1]] = rows
        found.append(_Raised(lo, table, singles))
    return tuple(found)


def _split(places: Places, command: Command, target: Command, matrix: Ints) -> tuple[Ints | None, int]:
    """Rows per group (or per place, above banks) plus the larger value at the command's own place.

    The own place of a bank command at a coarser target is the group, rank or channel it lies in.
    """
    single = 0
    rest = matrix.copy()
    if command.scope == "bank":
        source = np.arange(places.count["bank"])
        own = places.of[target.scope][source]
    elif command.scope == target.scope:
        source = np.arange(places.count[command.scope])
        own = source
    else:
        return (matrix, 0) if matrix.any() else (None, 0)
    diagonal = matrix[source, own]
    rest[source, own] = 0
    if command.scope == "bank" and target.scope == "bank":
        # What a neighbour in the group gets, the own bank gets too; only the excess is single.
        group = places.of["group"]
        rows = np.zeros((places.count["group"], matrix.shape[1]), dtype=np.int64)
        np.maximum.at(rows, group, rest)
        excess = diagonal > rows[group, own]
    else:
        rows = np.zeros(
            (places.count["group"] if command.scope == "bank" else len(source), matrix.shape[1]), np.int64
        )
        np.maximum.at(rows, places.of["group"] if command.scope == "bank" else source, rest)
        excess = diagonal > 0
    values = np.unique(diagonal[excess])
    if values.size > 1 or (values.size == 1 and not excess.all()):
        raise AssertionError(f"{command.name} → {target.name}: rules are not alike in every place")
    single = int(values[0]) if values.size else 0
    index = places.of["group"][source] if command.scope == "bank" else source
    rebuilt = rows[index].copy()
    rebuilt[source, own] = np.maximum(rebuilt[source, own], single)
    if not np.array_equal(rebuilt, matrix):
        raise AssertionError(f"{command.name} → {target.name}: rules are not alike inside a group")
    return (rows if rows.any() else None), single


def windows(
    block: Block,
    places: Places,
    commands: Sequence[Command],
    rules: Sequence[Rule],
    rule_ids: dict[str, int],
    at: int,
) -> int:
    """Rows with a window: the last ``window`` issues are kept per scope instance in a ring of the state.

    ``at``: where the first ring stands; returns the end of the last.
    """
    rows: list[list[tuple[int, ...]]] = [[] for _ in commands]
    index = {c.name: i for i, c in enumerate(commands)}
    for rule in rules:
        after = [index[a] for a in rule.after if a in index]
        before = [index[b] for b in rule.before if b in index]
        if rule.window == 1 or not after or not before:
            continue
        if rule.scope == "other_ranks" or any(commands[a].scope != "bank" for a in after):
            raise InputError(
                "a window counts bank commands in one bank, group, rank or channel",
                field=f"constraints.{rule.name}",
            )
        value = (rule.wait << RULE_BITS) | rule_ids[rule.name]
        for a in after:
            for d in before:
                shifts = places.shift[rule.scope], places.shift[commands[d].scope]
                next_ok = NEXT_OK + d * places.count["bank"]
                rows[a].append((next_ok, *shifts, value, at, rule.window, int(d == before[0])))
        at += places.count[rule.scope] * (rule.window + 1)
    for i, group in enumerate(rows):
        block.row(COMMANDS, COMMAND_STRIDE, i, {C.window: block.add(group), C.window_n: len(group)})
    return at
