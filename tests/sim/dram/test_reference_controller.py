"""The reference controller itself: equal to what Ramulator 2.1 did, and to sequences worked out by hand.

``tests/data/dram/micro_*.csv``: 19 short request sequences on four devices, sent to Ramulator 2.1 (commit
c5b1c3a), with the cycle of acceptance and the latency of every request and every command it issued.
"""

import csv
import sys
from collections.abc import Sequence
from functools import cache
from importlib import util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings

import arch
from arch.device import Command, Memory, Rule
from tests.reference.dram_controller import ReferenceResult, simulate
from tests.strategies import DramCase, dram_cases, encode

MICRO = Path(__file__).parents[3] / "sim" / "published" / "dram"
READ, WRITE = 0, 1
PEER = ["controller.profile=ramulator21"]

EXCERPTS = {  # requests that cover at least the first thousand commands
    ("ddr4_2400", "burst_idle"): 1200,
    ("ddr4_2400", "poisson_half"): 600,
    ("ddr4_2400", "random_rw30"): 900,
    ("ddr4_2400", "stream_rw21"): 2500,
    ("ddr4_2400", "zipf_rw30"): 900,
    ("ddr4_3200", "random_rw30"): 900,
    ("gddr6_14000", "burst_idle"): 1200,
    ("gddr6_14000", "random_rw30"): 900,
    ("hbm2_2000", "random_rw30"): 900,
    ("hbm2_2000", "stream_ileave_c5"): 2500,
}


@cache
def memory(name: str, *overrides: str) -> Memory:
    resolved: Memory = arch.load(name, overrides).spec.resolve()
    return resolved


def named(m: Memory, result: ReferenceResult, channel: int = 0) -> list[tuple[int, str, int, int]]:
    names = {c.code: c.name for c in m.commands}
    return [(cycle, names[code], bank, arg) for cycle, code, bank, arg in result.commands[channel]]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------- the peer's answers


@cache
def micro() -> dict[tuple[str, str], tuple[list[dict[str, str]], list[tuple[int, str, int, int]]]]:
    sequences: dict[tuple[str, str], tuple[list[dict[str, str]], list[tuple[int, str, int, int]]]] = {}
    for row in rows_of(MICRO / "micro_requests.csv"):
        sequences.setdefault((row["device"], row["sequence"]), ([], []))[0].append(row)
    for row in rows_of(MICRO / "micro_commands.csv"):
        sequences[row["device"], row["sequence"]][1].append(command_of(row))
    return sequences


def command_of(row: dict[str, str]) -> tuple[int, str, int, int]:
    return int(row["clk"]), row["command"], int(row["bank"]), int(row["row_or_column"])


def test_all_micro_sequences_are_there() -> None:
    devices = {device for device, _ in micro()}
    assert devices == {"ddr4_2400", "ddr4_3200", "hbm2_2000", "gddr6_14000"}
    assert len(micro()) == 4 * 19


@pytest.mark.parametrize("device", ["ddr4_2400", "ddr4_3200", "hbm2_2000", "gddr6_14000"])
def test_micro_sequences_equal_the_peer(device: str) -> None:
    m = memory(device, *PEER)
    for (name, sequence), (requests, commands) in micro().items():
        if name != device:
            continue
        op = [WRITE if r["op"] == "W" else READ for r in requests]
        result = simulate(m, [int(r["arrival"]) for r in requests], [int(r["line"]) for r in requests], op)
        latency = [
            "" if o == WRITE else str(returned - accept)
            for o, returned, accept in zip(op, result.returned, result.accept, strict=True)
        ]
        assert named(m, result) == commands, sequence
        assert result.accept == [int(r["accept_cycle"]) for r in requests], sequence
        assert latency == [r["read_latency"] for r in requests], sequence


@cache
def trace_generator(folder: Path) -> ModuleType:
    spec = util.spec_from_file_location("make_traces", folder / "make_traces.py")
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes_bytecode
    return module


@cache
def trace(folder: Path, name: str) -> dict[str, np.ndarray]:
    generated: dict[str, np.ndarray] = trace_generator(folder).public_traces()[name]()
    return generated


@pytest.mark.parametrize(("device", "name"), EXCERPTS)
def test_excerpts_of_the_traces_equal_the_peer(shared_data: Path, device: str, name: str) -> None:
    size = EXCERPTS[device, name]
    m = memory(device, *PEER)
    t = trace(shared_data / "dram", name)
    result = simulate(m, t["arrival"][:size], t["line"][:size], t["write"][:size], drain=False)
    excerpt = shared_data / "dram" / "expected" / f"commands_{device}_{name}.csv"
    expected = [command_of(row) for row in rows_of(excerpt)]
    # Once the last request of the prefix is in, the peer goes on with requests that we were not given.
    last = result.accept[-1]
    ours = [c for c in named(m, result) if c[0] <= last][:3000]
    assert len(ours) >= 1000
    assert ours == expected[: len(ours)]


# ---------------------------------------------------------------- worked out by hand, DDR4-2400


def run(
    m: Memory,
    requests: Sequence[tuple[int, int, int]],
    *,
    stream: Sequence[int] | None = None,
    window: int | Sequence[int] = 0,
) -> ReferenceResult:
    """``requests``: (arrival, line, op)."""
    arrival, line, op = zip(*requests, strict=True)
    return simulate(m, arrival, line, op, window, stream)


def ddr4(*overrides: str) -> Memory:
    return memory("ddr4_2400", *PEER, "controller.refresh=none", *overrides)


def test_closed_page_precharges_with_the_column_command() -> None:
    m = ddr4("controller.page_policy=closed")
    result = run(m, [(0, encode(m, row=5), READ), (0, encode(m, row=6), READ)])
    # The row is free after tRTP + tRP = 25 from RDA, the bank after tRC = 55 from ACT.
    assert named(m, result) == [(1, "ACT", 0, 5), (17, "RDA", 0, 0), (56, "ACT", 0, 6), (72, "RDA", 0, 0)]
    assert (result.hits, result.misses, result.conflicts) == (0, 2, 0)


@pytest.mark.parametrize(
    ("scheduler", "order"),
    [
        # The conflict's PRE passes the older hit, which then has to open its row again.
        ("fr_fcfs", [(103, "PRE", -1), (119, "ACT", 5), (135, "RD", 1), (158, "PRE", -1)]),
        ("row_hit_first", [(120, "RD", 1), (129, "PRE", -1), (145, "ACT", 6), (161, "RD", 0)]),
    ],
)
def test_precharge_waits_for_an_older_hit_only_under_row_hit_first(
    scheduler: str, order: list[tuple[int, str, int]]
) -> None:
    m = ddr4(f"controller.scheduler={scheduler}")
    requests = [
        (0, encode(m, row=5), READ),
        (0, encode(m, row=5, group=1), READ),
        # WR in 101 keeps reads of other groups off until 101 + tCWL + tBL + tWTR_S = 120.
        (100, encode(m, row=5, group=1), WRITE),
        (101, encode(m, row=5, column=1), READ),
        (102, encode(m, row=6), READ),
    ]
    result = run(m, requests)
    late = [(cycle, name, arg) for cycle, name, bank, arg in named(m, result) if cycle > 101 and bank == 0]
    assert late[:4] == order


def test_fifo_looks_at_the_head_alone() -> None:
    requests = [(0, 0), (0, 1), (100, 2), (100, 1)]
    issued = {}
    for scheduler in ("fr_fcfs", "fifo"):
        m = ddr4(f"controller.scheduler={scheduler}")
        where = [encode(m, row=5), encode(m, row=5, group=1), encode(m, row=6)]
        result = run(m, [(at, where[k], READ) for at, k in requests])
        issued[scheduler] = result.issue
    # PRE in 101, so the conflict's ACT in 117 and RD in 133; the younger hit passes only under fr_fcfs.
    assert issued["fr_fcfs"][2:] == [133, 102]
    assert issued["fifo"][2:] == [133, 118]


def test_another_rank_waits_for_the_data_bus() -> None:
    m = ddr4("organization.ranks=2")
    result = run(m, [(0, encode(m, rank=0, row=5), READ), (0, encode(m, rank=1, row=5), READ)])
    # No tRRD between ranks; RD to RD of another rank: tBL + tCS = 6.
    assert named(m, result) == [(1, "ACT", 0, 5), (2, "ACT", 16, 5), (17, "RD", 0, 0), (23, "RD", 16, 0)]


def test_every_rank_is_refreshed_in_turn() -> None:
    m = memory("ddr4_2400", *PEER, "organization.ranks=2", "timing.tREFI=1000 nCK")
    result = run(m, [(0, encode(m, rank=1, row=5), READ), (1500, encode(m, rank=1, row=5), READ)])
    assert named(m, result) == [
        (1, "ACT", 16, 5),
        (17, "RD", 16, 0),
        (1000, "REFA", 0, -1),
        (1001, "PREA", 16, -1),
        (1017, "REFA", 16, -1),
        (1501, "ACT", 16, 5),
        (1517, "RD", 16, 0),
    ]
    assert result.cycles == 1517 + 16 + 4


def test_refresh_comes_after_the_requests_already_activated() -> None:
    m = memory("ddr4_2400", *PEER, "timing.tREFI=1000 nCK")
    result = run(m, [(998, encode(m, row=5), READ), (999, encode(m, row=5, column=1), READ)])
    # The first is active (ACT 999, RD 1015), so PREA waits for it and tRAS = 39; the second, merely queued,
    # waits for the refresh.
    assert [c[:2] for c in named(m, result)] == [
        (999, "ACT"),
        (1015, "RD"),
        (1038, "PREA"),
        (1054, "REFA"),
        (1054 + 433, "ACT"),
        (1054 + 433 + 16, "RD"),
    ]


def test_refresh_never_closes_the_row_of_an_active_request() -> None:
    m = memory("ddr4_2400", *PEER, "timing.tREFI=1000 nCK")
    requests = [(0, encode(m, row=5), READ), (900, encode(m, row=5, group=1), WRITE)]
    requests += [(901, encode(m, row=5, column=k), READ) for k in range(20)]
    result = run(m, requests)
    # The write opens its row in 901, then reads keep it off the bus: RD 902, 908 … 998.  WR may follow in
    # 1008; PREA would have been ready in 1007 (tRTP), but now waits for tWR.
    assert [c[:2] for c in named(m, result) if 992 < c[0] < 1100] == [
        (998, "RD"),
        (1008, "WR"),
        (1008 + 12 + 4 + 18, "PREA"),
        (1042 + 16, "REFA"),
    ]


@pytest.mark.parametrize(("rule_set", "refresh"), [("ramulator21", 3333), ("jedec", 3332 + 27)])
def test_rules_that_the_rule_set_leaves_out(rule_set: str, refresh: int) -> None:
    m = memory("gddr6_14000", *PEER, f"controller.rule_set={rule_set}")
    result = run(m, [(0, encode(m, row=5), READ), (3331, encode(m, row=6), READ)])
    assert (3332, "PRE", 0, -1) in named(m, result)
    assert [c[0] for c in named(m, result) if c[1] == "REFA"] == [refresh]


def test_write_watermarks_are_exact_shares_of_the_queue() -> None:
    # Enter above 18, leave below 7, though 0.28 * 25 is more than 7 in floating point.
    m = ddr4("controller.write_queue=25", "controller.write_high=0.72", "controller.write_low=0.28")
    early = []
    for count in (18, 19):
        requests = [(0, encode(m, row=10 + k), READ) for k in range(13)]  # each conflicts with the one before
        requests += [(20, encode(m, row=5, group=1, column=k), WRITE) for k in range(count)]
        result = run(m, requests)
        last_activation_of_reads = max(c[0] for c in named(m, result) if c[1] == "ACT" and c[2] == 0)
        early.append(sum(cycle < last_activation_of_reads for cycle in result.issue[-count:]))
    # 19 writes are one too many: 13 leave, until 6 remain; these wait until no read does.
    assert early == [0, 13]


def test_forwarding_and_coalescing_pass_a_full_queue() -> None:
    m = ddr4("controller.write_queue=1")
    busy, line = encode(m, row=1, bank=1), encode(m, row=5)
    result = run(m, [(0, busy, READ), (0, line, WRITE), (0, line, WRITE), (0, line, READ)])
    assert result.accept == [0, 1, 2, 3]
    assert result.returned[2:] == [2, 4]
    assert result.issue[2:] == [-1, -1]
    assert (result.forwarded, result.coalesced) == (1, 1)


def test_window_counts_outstanding_reads() -> None:
    m = ddr4()
    where = [encode(m, row=5), encode(m, row=1, bank=1), encode(m, row=5, column=1)]
    result = run(m, [(0, where[0], READ), (0, where[1], WRITE), (0, where[2], READ)], window=1)
    # Closed bank: 1 + tRCD + tCL + tBL = 37.  Until then nothing is offered; a write leaves the window open.
    assert result.accept == [0, 37, 38]
    assert result.cycles == result.returned[2] > result.issue[1]


@pytest.mark.parametrize(
    ("arbiter", "order"),
    [("round_robin", [3, 0, 4, 1, 5, 2]), ("priority", [3, 0, 1, 2, 4, 5]), ("oldest", [3, 0, 1, 4, 5, 2])],
)
def test_arbiters(arbiter: str, order: list[int]) -> None:
    m = ddr4("front_end.streams=2", f"front_end.arbiter={arbiter}")
    arrival, stream = [5, 5, 7, 4, 6, 6], [0, 0, 0, 1, 1, 1]
    result = run(m, [(at, encode(m, row=5, column=i), READ) for i, at in enumerate(arrival)], stream=stream)
    assert [result.accept.index(cycle) for cycle in range(4, 10)] == order


def test_a_stream_that_is_blocked_lets_others_pass() -> None:
    m = ddr4("front_end.streams=2", "front_end.arbiter=priority")
    requests = [(0, encode(m, row=5, column=c), READ) for c in range(4)]
    result = run(m, requests, stream=[0, 0, 1, 1], window=[1, 0])
    assert result.accept == [0, 37, 1, 2]


def test_the_head_of_line_blocks_the_other_channel_in_shared_mode() -> None:
    accept = {}
    for mode in ("shared", "per_channel"):
        m = ddr4("channels=2", f"front_end.mode={mode}", "controller.read_queue=1")
        rows = [encode(m, channel=0, row=r) for r in (5, 6, 7)] + [encode(m, channel=1, row=5)]
        result = run(m, [(0, line, READ) for line in rows])
        accept[mode] = result.accept
        assert named(m, result, channel=1)[0] == (result.accept[3] + 1, "ACT", 0, 5)
    # ACT 1, RD 17, PRE 40, ACT 56: only then does the second leave its queue slot to the third.
    assert accept["shared"] == [0, 1, 56, 57]
    assert accept["per_channel"] == [0, 1, 56, 0]


# ---------------------------------------------------------------- properties


@pytest.mark.parametrize("name", ["ddr4_2400", "hbm2_2000"])
def test_random_requests_are_conserved_and_obey_the_rules(name: str) -> None:
    @settings(max_examples=30)
    @given(dram_cases(name, max_size=40, max_ranks=2 if name == "ddr4_2400" else 1, max_streams=3))
    def check(case: DramCase) -> None:
        m, r = case.memory, case.requests
        result = simulate(m, r.arrival, r.line, r.op, r.windows, r.stream, max_cycles=2_000_000)
        assert len(set(result.accept)) == len(r.line)  # one per cycle
        assert all(a <= b for a, b in zip(r.arrival, result.accept, strict=True))
        for s in set(r.stream):
            mine = [a for a, which in zip(result.accept, r.stream, strict=True) if which == s]
            assert mine == sorted(mine)
        columns = sorted(c[0] for c in result.commands[0] if m.commands[c[1]].does in ("read", "write"))
        assert columns == sorted(i for i in result.issue if i >= 0)
        assert result.forwarded + result.coalesced + len(columns) == len(r.line)
        assert result.hits + result.misses + result.conflicts == len(columns)
        served, rest = result.commands[0][: result.served[0]], result.commands[0][result.served[0] :]
        assert not served or m.commands[served[-1][1]].does in ("read", "write")
        assert all(m.commands[c[1]].does in ("close", "refresh") for c in rest)
        for rule in m.rules:
            if m.controller.rule_set not in rule.not_in:
                assert_obeyed(m, rule, result.commands[0])

    check()


def assert_obeyed(m: Memory, rule: Rule, commands: Sequence[tuple[int, int, int, int]]) -> None:
    """The rule once more, from the finished stream: no state, no order of updates."""
    reach = [places(m, rule, m.commands[code], bank) for _, code, bank, _ in commands]
    for i, (cycle, code, _, _) in enumerate(commands):
        if m.commands[code].name not in rule.before:
            continue
        bound = reach[i] if rule.scope != "other_ranks" else set(range(m.organization.ranks)) - reach[i]
        for place in bound:
            earlier = [
                c[0]
                for c, there in zip(commands[:i], reach, strict=False)
                if m.commands[c[1]].name in rule.after and place in there
            ]
            if len(earlier) >= rule.window:
                assert cycle - earlier[-rule.window] >= rule.wait, rule


def places(m: Memory, rule: Rule, command: Command, bank: int) -> set[int]:
    """Instances of the rule's scope that a command of a stream reaches; its bank is -1 if it reaches all."""
    o = m.organization
    banks = {"bank": 1, "group": o.banks, "rank": o.groups * o.banks, "channel": o.banks_per_channel}
    size = banks["rank" if rule.scope == "other_ranks" else rule.scope]
    first = max(bank, 0)
    return {b // size for b in range(first, first + banks[command.scope])}
