"""Every key matters: each numeric leaf of each library system is changed, and the Report must change with it.

A leaf is changed under the witnesses below, one after the other, until the figures of the Report differ.
Where none shows it, the leaf has to stand in ``NOT_FELT`` with a reason and a proof of what it is for; a leaf
that stands there and is felt fails too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import pytest

import arch
from arch.errors import InputError, dotted
from arch.inactive import inactive_keys
from arch.provenance import leaves
from sim import Options, Report, simulate
from sim.dram.checker import check
from workloads import Trace, generate


def only_stores(system: str) -> bool:
    """Whether all its commands are of reads, writes and refresh; others only a PIM machine issues.

    The keys of those memories are changed inside their machines, in ``test_every_pim_key``.
    """
    commands = arch.load(system).spec.resolve().commands
    return not {command.does for command in commands} & {"compute", "load", "unload", "mode"}


SYSTEMS = [entry.name for entry in arch.library() if entry.kind == "memory" and only_stores(entry.name)]


# What is run.


@cache
def dense(streams: int = 1) -> Trace:
    """Requests that make all rules bite: few rows of few banks, runs through rows, write bursts, pauses.

    3,800 of them among the first 2**20 lines; arrivals in bursts, so that queues run empty
    and full.  Each is of one of the ``streams``, drawn at random.
    """
    random = np.random.default_rng(17)
    parts, writes, arrivals = [], [], []
    now = 0
    for _ in range(10):
        start = int(random.integers(0, 1 << 19))
        pieces = [
            (random.integers(0, 1 << 20, 120), 0.3),  # anywhere
            (random.integers(0, 64, 40) * 2048 + random.integers(0, 4, 40), 0.4),  # one bank, many rows
            (random.integers(0, 1024, 80) * 64 % 8192 + random.integers(0, 2, 80), 0.2),  # few rows of some
            (np.arange(start, start + 60), 0.0),  # through a row, reading
            (np.arange(start, start + 60), 0.9),  # and writing
            (start + random.integers(0, 8, 20), 0.5),  # the same few lines again
        ]
        for lines, share in pieces:
            parts.append(lines)
            writes.append(random.random(lines.size) < share)
            arrivals.append(now + np.sort(random.integers(0, 400, lines.size)))
            now += 400 + int(random.integers(0, 1200))
    line = np.concatenate(parts)
    stream = random.integers(0, streams, line.size) if streams > 1 else None
    return Trace.from_arrays(
        line, np.concatenate(writes), arrival=np.concatenate(arrivals), stream=stream, name="dense"
    )


@cache
def one_bank() -> Trace:
    """One request at a time, each to another row of one bank."""
    return generate("chase", requests=400, pattern="same_bank", row_lines=2048)


@cache
def pauses() -> Trace:
    """A few requests now and then, with time for refreshes in between."""
    random = np.random.default_rng(3)
    arrival = np.repeat(np.arange(20) * 5000, 8)
    return Trace.from_arrays(random.integers(0, 1 << 20, arrival.size), arrival=arrival, name="pauses")


class Witness(NamedTuple):
    """A workload, and what is set besides the leaf in question."""

    name: str
    overrides: tuple[str, ...] = ()
    trace: Callable[[], Trace] = dense


_COLUMN = "[RD, RDA, WR, WRA]"
_RANKS_APART = (
    f"constraints.ranks_apart={{after: {_COLUMN}, before: {_COLUMN}, scope: other_ranks, wait: 40}}"
)

_BANK_MACHINES = ("controller.profile=dramsys", "controller.refresh=all_bank", "timing.tREFI=1500 nCK")

WITNESSES = (
    Witness("as it comes"),
    Witness("closed page", ("controller.page_policy=closed",)),
    Witness("two ranks", ("organization.ranks=2",)),
    Witness("two ranks, rules of Ramulator", ("organization.ranks=2", "controller.rule_set=ramulator21")),
    Witness("a rule between ranks", (_RANKS_APART,)),  # for devices that come without one
    Witness("two channels", ("channels=2",)),
    Witness("three streams", ("front_end.streams=3",), lambda: dense(3)),
    Witness("one bank", (), one_bank),
    Witness("oldest ready", ("controller.scheduler=fr_fcfs",)),
    Witness("bank machines", _BANK_MACHINES),
    Witness("bank machines that pause", _BANK_MACHINES, pauses),
    Witness("few active", (*_BANK_MACHINES, "front_end.admission=reorder", "front_end.max_active=4")),
    Witness("odd clock", ("clock=null", "clock_period=997 ps")),
    Witness(
        "energies given",
        (
            "energy.io=true",
            "energy.io_energy_per_bit_read=4 pJ",
            "energy.io_energy_per_bit_write=6 pJ",
            "energy.commands.ACT=20 nJ",
        ),
    ),
)
"""Tried in this order; one that a device refuses (two ranks without a rule between them) is left out."""


@cache
def loaded(system: str, *overrides: str) -> arch.System | None:
    """The system with overrides; None if it refuses them."""
    try:
        return arch.load(system, overrides)
    except InputError:
        return None


@cache
def report(system: str, witness: Witness, *overrides: str) -> Report | None:
    """What the witness comes to with further overrides; None if system or workload refuse them."""
    changed = loaded(system, *witness.overrides, *overrides)
    if changed is None:
        return None
    try:
        return simulate(changed, witness.trace(), Options())
    except InputError:
        return None


def figures(result: Report) -> dict[str, Any]:
    """What the run came to; what only repeats the inputs is left out."""
    plain = result.to_dict(host=False)
    metrics = {name: value for name, value in plain["metrics"].items() if name != "peak_bandwidth"}
    kept = ("seconds", "cycles", "energy_joules", "bound_by")
    return {key: plain[key] for key in kept} | {"metrics": metrics}


# How a leaf is changed.

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_POWERS_OF_TWO = ("channels", "organization.")
_TOGETHER = {"energy.IDD2N": "energy.IDD3N", "energy.IDD3N": "energy.IDD2N"}  # refused where they differ

CHOICES: dict[str, tuple[str, ...]] = {
    "rounding": ("{guard: 0.2}",),
    "address_map": (
        "row column bank group rank channel",
        "row bank group rank column channel; bank ^= row[1:0]",
    ),
    "requests.WRITE.forward": ("false",),
    "requests.WRITE.coalesce": ("false",),
    "energy.io": ("false",),
    "controller.profile": ("ramulator21", "ramulator21_rowhit"),
    "controller.machines": ("bank",),
    "controller.buffer": ("read_write", "shared"),
    "controller.response_queue": ("reorder",),
    "controller.scheduler": ("fr_fcfs", "fifo", "fr_fcfs_grp"),
    "controller.page_policy": ("closed", "open_adaptive", "closed_adaptive"),
    "controller.refresh": ("none",),
    "controller.rule_set": ("ramulator21",),
    "controller.skip_idle": ("false",),
    "front_end.mode": ("per_channel",),
    "front_end.arbiter": ("oldest", "priority"),
    "front_end.admission": ("fifo", "simple"),
}
"""Other values of keys that are no numbers."""

NAMES_AND_TABLES = (
    "kind", "name", "title", "constraints.*.after", "constraints.*.before", "constraints.*.scope",
    "constraints.*.label", "constraints.*.not_in", "commands.*.scope", "commands.*.does", "commands.*.closes",
    "bus.*", "requests.*.command", "requests.*.closing", "requests.*.queue", "refresh.command",
    "refresh.close",
)  # fmt: skip
"""Leaves that are no numbers and whose other values make another device; the kernel's tests change them."""


def other_values(key: str, value: Any) -> list[str]:
    """Values for a numeric leaf, a small step first; none for other leaves."""
    if isinstance(value, bool) or any(fnmatchcase(key, pattern) for pattern in NAMES_AND_TABLES):
        return []
    if key.endswith(".wait"):
        return [f"{value} + 7", f"{value} + 2000"]  # the large one for rules that others hide
    if key.endswith((".latency", ".burst", ".interval")):
        return [f"{value} + 7", f"{value} - 1"]  # later or longer bursts may overlap and be refused
    double = key.startswith(_POWERS_OF_TWO)
    if isinstance(value, int):
        return [str(value * 2)] if double else [str(value + 1), str(value // 2)]
    if isinstance(value, float):
        return [str(value / 2)]
    if not re.match(r"[0-9]|max *\(", value):
        return []

    def more(match: re.Match[str]) -> str:
        number = Fraction(match.group()) * (2 if double else Fraction(13, 10))
        return str(ceil(number)) if "." not in match.group() else f"{float(number):.4f}"

    return [_NUMBER.sub(more, value)]


@cache
def every_leaf(system: str) -> Mapping[str, Any]:
    """All leaves of the resolved tree by dotted path, with those that witnesses and the profile add."""
    found: dict[str, Any] = {}
    for witness in WITNESSES:
        under = loaded(system, *witness.overrides)
        for path, value in leaves(under.tree, ()) if under is not None else ():
            found.setdefault(dotted(path), value)
    plain = arch.load(system)
    for name, value in vars(plain.spec.resolve().controller).items():
        found[f"controller.{name}"] = float(value) if isinstance(value, Fraction) else value
    return {k: v for k, v in found.items() if not k.startswith(("sources.", "constraints.ranks_apart."))}


def overrides_of(key: str, value: str) -> list[str]:
    return [f"{name}={value}" for name in (key, _TOGETHER.get(key)) if name is not None]


def felt_under(system: str, key: str, value: str) -> str | None:
    """Name of the first witness whose figures change with the leaf; None if all stay as they are."""
    for witness in WITNESSES:
        before, after = report(system, witness), report(system, witness, *overrides_of(key, value))
        if before is None or after is None or figures(before) == figures(after):
            continue
        warned = [text for text in after.warnings if text.startswith(f"{key}: ")]
        assert not warned, f"{system}, {witness.name}: {warned[0]}, and yet the figures change"
        return witness.name
    return None


# Leaves whose change no Report shows, why, and what shows that they are read all the same.


def rows_bound_addresses(system: str) -> None:
    memory = arch.load(system).spec.resolve()
    beyond = Trace.from_arrays([memory.total_lines])
    with pytest.raises(InputError):
        simulate(arch.load(system), beyond)
    simulate(arch.load(system, [f"organization.rows={2 * memory.organization.rows}"]), beyond)


def bus_is_checked(system: str) -> None:
    with pytest.raises(InputError, match="whole number of transfers"):
        arch.load(system, ["organization.bus=48 bit"])


def streams_bound_traces(system: str) -> None:
    second = Trace.from_arrays([0, 1], stream=[0, 1])
    with pytest.raises(InputError, match="stream"):
        simulate(arch.load(system), second)
    simulate(arch.load(system, ["front_end.streams=2"]), second)


def checker_counts_postponed(system: str) -> None:
    result = simulate(arch.load(system), dense(), Options(tables=("commands",)))
    stream = result.tables["commands"]["commands"]
    for postpone, legal in ((8, True), (0, False)):
        memory = arch.load(system, [f"refresh.postpone={postpone}"]).spec.resolve()
        assert check(memory, stream).ok is legal


def no_rule_depends_on_it(system: str) -> None:
    assert not any(rule.not_in for rule in arch.load(system).spec.resolve().rules)


def two_buses(system: str) -> None:
    with pytest.raises(InputError, match="share one command bus"):
        arch.load(system, ["controller.profile=dramsys"])


def nothing_to_show(system: str) -> None:
    """The equality itself is the proof."""


@dataclass(frozen=True)
class NotFelt:
    leaf: str
    reason: str
    proof: Callable[[str], None]
    systems: tuple[str, ...] = tuple(SYSTEMS)


TWO_BUSES = ("hbm2_2000",)
OF_BANK_MACHINES = ("fr_fcfs_grp", "open_adaptive", "closed_adaptive")

NOT_FELT = (
    *(
        NotFelt(key, "bank machines alone read it, and two command buses exclude them", two_buses, TWO_BUSES)
        for key in (
            "front_end.max_active",
            "front_end.admission",
            "controller.machines",
            "controller.buffer",
            "controller.buffer_size",
            "controller.response_queue",
            "controller.refresh_postponed",
            "controller.refresh_pulled_in",
        )
    ),
    NotFelt(
        "organization.rows", "only bounds the addresses: rows are topmost in the map", rows_bound_addresses
    ),
    NotFelt("organization.bus", "a transaction has to be whole transfers; tBL says how long", bus_is_checked),
    NotFelt("front_end.streams", "only bounds the stream numbers of the trace", streams_bound_traces),
    NotFelt(
        "refresh.postpone", "the checker's deadline; the controller never postpones", checker_counts_postponed
    ),
    NotFelt("controller.skip_idle", "gives the same results by definition, sooner", nothing_to_show),
    NotFelt("controller.rule_set", "no rule is in one set only", no_rule_depends_on_it, ("hbm2_2000",)),
)


def excused(system: str, key: str) -> NotFelt | None:
    return next((row for row in NOT_FELT if row.leaf == key and system in row.systems), None)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_number_changes_the_report(system: str) -> None:
    unfelt, wrongly_excused = [], []
    for key, value in every_leaf(system).items():
        values = other_values(key, value)
        where = next((name for v in values if (name := felt_under(system, key, v))), None)
        if values and where is None and excused(system, key) is None:
            unfelt.append(f"{key}: {value}, changed to {' and '.join(values)}")
        elif where is not None and excused(system, key) is not None:
            wrongly_excused.append(f"{key}: felt under {where}")
    assert not unfelt
    assert not wrongly_excused


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_choice_changes_the_report(system: str) -> None:
    for key, values in CHOICES.items():
        if key not in every_leaf(system) or isinstance(every_leaf(system)[key], float):
            continue
        for value in values:
            if system in TWO_BUSES and value in OF_BANK_MACHINES:
                continue
            where = felt_under(system, key, value)
            assert (where is None) == (excused(system, key) is not None), f"{key}={value}: {where}"


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_leaf_is_a_number_a_choice_or_part_of_a_table(system: str) -> None:
    for key, value in every_leaf(system).items():
        kinds = [
            bool(other_values(key, value)),
            key in CHOICES,
            any(fnmatchcase(key, pattern) for pattern in NAMES_AND_TABLES),
        ]
        assert sum(kinds) == 1, f"{key}: {value}"


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("row", NOT_FELT, ids=lambda row: row.leaf)
def test_what_is_not_felt_is_read_all_the_same(row: NotFelt, system: str) -> None:
    if system in row.systems:
        assert row.leaf in every_leaf(system) and row.reason
        row.proof(system)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("overrides", "write"),
    [
        ((), 0),
        ((), 1),
        (("controller.refresh=none",), None),
        (("controller.page_policy=closed",), None),
        (("controller.profile=ramulator21",), None),
    ],
)
def test_what_is_warned_about_is_not_felt(system: str, overrides: tuple[str, ...], write: int | None) -> None:
    """Every leaf that would be warned about under these settings, changed by the largest step."""
    block = next(iter(dense().blocks(1 << 16)))
    op = block.op if write is None else np.full(block.line.size, write)
    only = Trace.from_arrays(block.line, op, arrival=block.arrival)
    requests = {"READ": int((op == 0).sum()), "WRITE": int((op == 1).sum())}
    plain = figures(simulate(arch.load(system, overrides), only))
    seen = 0
    for key, value in every_leaf(system).items():
        for other in [*other_values(key, value), *CHOICES.get(key, ())][-1:]:
            changed = loaded(system, *overrides, *overrides_of(key, other))
            if changed is None or not any(
                text.startswith(f"{key}: ") for text in inactive_keys(changed, requests)
            ):
                continue
            seen += 1
            assert figures(simulate(changed, only)) == plain, f"{key}={other}"
    assert seen >= 8
