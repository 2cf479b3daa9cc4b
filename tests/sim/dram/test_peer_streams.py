"""Command for command what Ramulator 2.1 does, on short sequences and on the fourteen public traces.

Golden data, all measured with Ramulator 2.1 (commit c5b1c3a).  In ``sim/published/dram``: ``micro_*.csv``
(19 sequences on four devices: every command, acceptance and latency), ``command_stream_sha256.csv`` (hashes
of whole command streams), ``results.csv`` (cycles, latencies, counts; ``ram`` is FR-FCFS, ``ram_noref``
without refresh, ``ram_rowhit`` row hits first).  In ``tests/data/dram``: ``two_ranks.csv`` (hashes of the
streams of two ranks).
"""

import csv
import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import workloads
from arch.device import Memory
from sim.dram.batch import BatchResult, run_batch
from tests.sim.dram.driving import DATA, PUBLISHED, Ints, device, drive_channel

PEER_DEVICES = ("ddr4_2400", "ddr4_3200", "hbm2_2000", "gddr6_14000")
OVERRIDES = {
    "ram": ("controller.profile=ramulator21",),
    "ram_noref": ("controller.profile=ramulator21", "controller.refresh=none"),
    "ram_rowhit": ("controller.profile=ramulator21_rowhit",),
}
Row = dict[str, str]


def rows_of(name: str) -> list[Row]:
    folder = DATA if name == "two_ranks.csv" else PUBLISHED
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


STREAMS = rows_of("command_stream_sha256.csv")
RESULTS = rows_of("results.csv")
TWO_RANKS = rows_of("two_ranks.csv")


def labels(rows: list[Row], *columns: str) -> list[str]:
    return ["-".join(row[column] for column in columns) for row in rows]


def digest(commands: Ints) -> str:
    """Of the concatenated little-endian rows, as the golden hashes are taken."""
    return hashlib.sha256(commands.astype("<i8").tobytes()).hexdigest()


@dataclass(frozen=True)
class Run:
    """A finished run without its bulk."""

    result: BatchResult
    commands: int
    last_command_cycle: int
    sha256: str


@cache
def public_trace(name: str, transaction_bytes: int) -> workloads.Trace:
    return workloads.load(name, transaction_bytes)


def run(memory: Memory, trace: str) -> Run:
    requests = public_trace(trace, memory.organization.transaction_bytes)
    result = run_batch(memory, requests, commands=True, requests=True)
    assert result.commands is not None and result.request_table is not None
    (stream,) = result.commands
    assert_all_served(result, result.request_table)
    slim = BatchResult(**{**vars(result), "commands": None, "request_table": None})
    return Run(slim, len(stream), int(stream[-1, 0]), digest(stream))


def assert_all_served(result: BatchResult, table: dict[str, Ints]) -> None:
    """Every request was accepted and returned, and none waited for longer than the watchdog allows."""
    accept, issue, returned = (table[name] for name in ("accept", "issue", "return"))
    statistics = result.channels[0]
    assert accept.size == result.requests == statistics.reads + statistics.writes
    assert result.from_accept.count == result.requests_by_op["READ"]
    assert np.all(accept >= 0) and np.all(returned >= accept)
    assert np.all((issue > accept) | (issue == -1))
    assert np.count_nonzero(issue == -1) == statistics.forwarded + statistics.coalesced
    assert np.all(np.diff(accept) > 0), "in order, one a cycle"
    assert np.max(issue - accept) < 200_000


@cache
def public_run(name: str, controller: str, trace: str) -> Run:
    return run(device(name, *OVERRIDES[controller]), trace)


# ---------------------------------------------------------------- short sequences


@cache
def micro() -> dict[tuple[str, str], tuple[list[Row], list[tuple[int, str, int, int]]]]:
    sequences: dict[tuple[str, str], tuple[list[Row], list[tuple[int, str, int, int]]]] = {}
    for row in rows_of("micro_requests.csv"):
        sequences.setdefault((row["device"], row["sequence"]), ([], []))[0].append(row)
    for row in rows_of("micro_commands.csv"):
        command = int(row["clk"]), row["command"], int(row["bank"]), int(row["row_or_column"])
        sequences[row["device"], row["sequence"]][1].append(command)
    return sequences


def test_all_short_sequences_are_there() -> None:
    assert len(micro()) == 76
    assert {name for name, _ in micro()} == set(PEER_DEVICES)


@pytest.mark.parametrize(("name", "sequence"), micro(), ids=["-".join(key) for key in micro()])
def test_short_sequences(name: str, sequence: str) -> None:
    memory = device(name, *OVERRIDES["ram"])
    requests, commands = micro()[name, sequence]
    op = [int(row["op"] == "W") for row in requests]
    ours = drive_channel(
        memory, [int(row["arrival"]) for row in requests], [int(row["line"]) for row in requests], op
    )
    names = {command.code: command.name for command in memory.commands}
    assert [(cycle, names[code], bank, arg) for cycle, code, bank, arg in ours.commands[0]] == commands
    assert ours.accept == [int(row["accept_cycle"]) for row in requests]
    latency = [
        "" if code else str(back - accept)
        for code, accept, back in zip(op, ours.accept, ours.returned, strict=True)
    ]
    assert latency == [row["read_latency"] for row in requests]


# ---------------------------------------------------------------- whole command streams


def test_all_streams_are_there() -> None:
    assert len(STREAMS) == 48 and {row["device"] for row in STREAMS} == set(PEER_DEVICES)
    assert len(RESULTS) == 72 and {row["sim"] for row in RESULTS} == set(OVERRIDES)
    assert len(TWO_RANKS) == 12


@pytest.mark.parametrize("row", STREAMS, ids=labels(STREAMS, "device", "trace"))
def test_command_stream(row: Row) -> None:
    ours = public_run(row["device"], "ram", row["trace"])
    assert ours.commands == int(row["commands"])
    assert ours.last_command_cycle == int(row["last_command_cycle"])
    assert ours.sha256 == row["sha256"]


@pytest.mark.parametrize("row", STREAMS, ids=labels(STREAMS, "device", "trace"))
def test_skipping_changes_nothing(row: Row) -> None:
    """Every cycle visited: the very stream that the peer, and skipping, give."""
    memory = device(row["device"], *OVERRIDES["ram"], "controller.skip_idle=false")
    ours = run(memory, row["trace"])
    assert ours.sha256 == row["sha256"]
    skipping = public_run(row["device"], "ram", row["trace"]).result
    assert ours.result.cycles == skipping.cycles
    assert ours.result.from_arrival == skipping.from_arrival
    assert ours.result.channels == skipping.channels


@pytest.mark.parametrize("row", TWO_RANKS, ids=labels(TWO_RANKS, "trace", "scheduler", "refresh"))
def test_command_stream_of_two_ranks(row: Row) -> None:
    profile = {"fr_fcfs": "ramulator21", "row_hit_first": "ramulator21_rowhit"}[row["scheduler"]]
    memory = device(
        row["device"],
        f"controller.profile={profile}",
        f"controller.refresh={row['refresh']}",
        f"organization.ranks={row['ranks']}",
    )
    ours = run(memory, row["trace"])
    assert ours.commands == int(row["commands"])
    assert ours.last_command_cycle == int(row["last_command_cycle"])
    assert ours.result.cycles == int(row["cycles"])
    assert ours.sha256 == row["sha256"]


# ---------------------------------------------------------------- result rows


@pytest.mark.parametrize("row", RESULTS, ids=labels(RESULTS, "device", "sim", "trace"))
def test_result_row(row: Row) -> None:
    result = public_run(row["device"], row["sim"], row["trace"]).result
    (channel,) = result.channels
    issued = channel.commands
    counts = {
        "requests": result.requests,
        "reads": result.requests_by_op["READ"],
        "writes": result.requests_by_op["WRITE"],
        "cycles": result.cycles,
        "p50": result.from_accept.p50,
        "p95": result.from_accept.p95,
        "p99": result.from_accept.p99,
        "max": result.from_accept.max,
        "act": issued["ACT"],
        "pre": issued["PRE"],
        "pre_all": issued.get("PREA", 0),
        "rd": issued["RD"],
        "wr": issued["WR"],
        "ref": issued.get("REFA", 0),
        "row_hits": channel.row_hits,
        "row_misses": channel.row_misses,
        "row_conflicts": channel.row_conflicts,
        "reads_forwarded": channel.forwarded,
        "writes_coalesced": channel.coalesced,
    }
    assert counts == {name: int(row[name]) for name in counts}
    assert result.from_accept.mean == pytest.approx(float(row["avg_read_latency"]), abs=1e-3)
    if row["avg_latency_from_arrival"]:  # measured where arrivals are spread over time
        assert result.from_arrival.mean == pytest.approx(float(row["avg_latency_from_arrival"]), abs=1e-3)
    assert channel.data_bus_cycles + sum(channel.idle_cycles.values()) == result.cycles


# ---------------------------------------------------------------- closed forms


def refresh_penalty(memory: Memory) -> int:
    """Cycles a refresh takes from a busy channel: from the last RD over PREA and REFA to the next RD."""
    t = memory.timing
    return t["tRTP"] + t["tRP"] + t["tRFC"] + t.get("tRCD", t.get("tRCDRD", 0))


@pytest.mark.parametrize("name", PEER_DEVICES)
def test_interleaved_stream_keeps_the_data_bus_busy_but_for_refreshes(name: str) -> None:
    memory = device(name, *OVERRIDES["ram"])
    column_bits = {"hbm2_2000": 5, "gddr6_14000": 6}.get(name, 7)
    result = public_run(name, "ram", f"stream_ileave_c{column_bits}").result
    refreshes = result.channels[0].commands["REFA"]
    expected = result.requests * memory.timing["tBL"] + refreshes * refresh_penalty(memory)
    assert refreshes > 600
    assert result.cycles == pytest.approx(expected, rel=0.002)


@pytest.mark.parametrize("name", ["ddr4_2400", "hbm2_2000", "gddr6_14000"])
def test_random_reads_are_bound_by_activations(name: str) -> None:
    """Not on ddr4_3200, where tRRD_L binds as well."""
    memory = device(name, *OVERRIDES["ram"])
    result = public_run(name, "ram", "random_read").result
    per_read = max(memory.timing["tFAW"] / 4, memory.timing["tRRD_S"])
    refreshes = result.channels[0].commands["REFA"]
    expected = result.requests * per_read + refreshes * refresh_penalty(memory)
    assert result.cycles == pytest.approx(expected, rel=0.012)


def test_dependent_conflicts_take_a_row_cycle_each() -> None:
    memory = device("ddr4_2400", *OVERRIDES["ram"])
    result = public_run("ddr4_2400", "ram", "chase_bank").result
    refreshes = result.channels[0].commands["REFA"]
    # The refresh comes between a precharge and an activation that are due anyway.
    expected = result.requests * memory.timing["tRC"] + refreshes * memory.timing["tRFC"]
    assert refreshes == 615
    assert result.cycles == pytest.approx(expected, rel=0.0005)


# ---------------------------------------------------------------- no run gets stuck


@pytest.mark.parametrize("row", STREAMS, ids=labels(STREAMS, "device", "trace"))
def test_every_request_is_served_under_our_own_profile(row: Row) -> None:
    """``run`` looks at every request; a channel in which nothing moves for 200,000 cycles would raise."""
    memory = device(row["device"])
    assert memory.controller.profile == "cyclewise"
    assert run(memory, row["trace"]).commands > 0
