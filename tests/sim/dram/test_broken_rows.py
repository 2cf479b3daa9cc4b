"""The checker and the kernel hold each other to the constraint table.

Each row in turn is made a cycle shorter, or left out, in the kernel's copy of the memory only; under traffic
that presses on every row the checker, told the true memory, must then name that row.  The rows for which this
cannot be are listed, each with its reason, and broken by hand.
"""

import dataclasses
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

import arch
import workloads
from arch.device import Memory
from sim.dram.batch import run_batch
from sim.dram.checker import CheckResult, RequestArrays, check, implied_rows
from tests.sim.dram.driving import DEVICES, device, random_requests
from tests.sim.dram.hand_streams import streams_at
from tests.strategies import DramCase, dram_cases, encode
from workloads.trace import Trace

POLICIES: dict[str, tuple[str, ...]] = {
    "open": ("controller.page_policy=open",),
    "closed": ("controller.page_policy=closed",),
    # Reads and writes in quick turns.
    "closed, short queues": (
        "controller.page_policy=closed",
        "controller.read_queue=8",
        "controller.write_queue=4",
        "controller.write_high=0.5",
        "controller.write_low=0.3",
    ),
}

# Rows that bind in a legal stream, but in none of this controller: device or "all", row, what follows; why.
HIDDEN: dict[tuple[str, str, str], str] = {
    ("all", "tRP_all", "ACT"): "PREA is sent only ahead of a REFA, and nothing comes between the two",
    ("hbm2_2000", "tRFC", "PRE"): (
        "the row of ACT after REFA stands by itself; a bank is opened, for longer, before it is closed, and "
        "refreshes are due further apart than tRFC"
    ),
    ("gddr6_14000", "tRP_read_auto_refresh", "REFA"): (
        "RDA would have to come tRC - tRTP - tRP = 48 cycles after its ACT, nearly twice tRCDRD; turning "
        "around from writes does not hold it up that long (seven cycles are missing here)"
    ),
}


@cache
def pressed(name: str, policy: str) -> Memory:
    """The memory with as many ranks as its rows provide for, and refreshes many times as often."""
    plain = device(name)
    return device(
        name,
        *POLICIES[policy],
        f"timing.tREFI={2 * plain.timing['tRFC'] + 400} nCK",
        *(["organization.ranks=2"] if name.startswith("ddr") else []),
    )


@cache
def traffic(name: str, kind: str) -> Trace:
    """Requests that press on some of the rows."""
    memory = pressed(name, "open")
    o = memory.organization
    rng = np.random.default_rng(17)
    n = 1500
    if kind == "everywhere":
        arrival, line, op = random_requests(memory, 3, n, rows=2, columns=4, gap=2)
    elif kind == "spread":
        arrival, line, op = random_requests(memory, 4, n, rows=1000, columns=4, gap=60)
    elif kind == "reads everywhere":
        arrival, line, op = random_requests(memory, 5, n, rows=1000, columns=4, gap=2, ops=1)
    elif kind == "row hits":
        line, op = list(range(n)), [0] * n
        arrival = np.cumsum(rng.integers(0, 8, n)).tolist()
    elif kind == "bursts":
        _, line, op = random_requests(memory, 6, 3 * n, rows=1000, columns=4)
        arrival = np.repeat(np.cumsum(rng.integers(0, 200, 3 * n // 30)), 30).tolist()
    else:
        n = 3 * n
        choice = {"one bank": (1, 1, 1), "one group": (1, 1, o.banks), "one bank a rank": (o.ranks, 1, 1)}[
            kind
        ]
        arrival = np.cumsum(rng.integers(0, 8, n)).tolist()
        op = rng.integers(0, 2, n).tolist()
        rank, group, bank = (rng.integers(0, limit, n).tolist() for limit in choice)
        row, column = rng.integers(0, 3, n).tolist(), rng.integers(0, 4, n).tolist()
        line = [
            encode(memory, rank=rank[i], group=group[i], bank=bank[i], row=row[i], column=column[i])
            for i in range(n)
        ]
    return Trace.from_arrays(line, op=op, arrival=arrival)


KINDS = (
    "everywhere",
    "one bank",
    "one group",
    "spread",
    "one bank a rank",
    "reads everywhere",
    "row hits",
    "bursts",
)


def checked(true: Memory, kernels: Memory, requests: Trace) -> CheckResult:
    """The checker's verdict, by ``true``, on what the kernel does with ``kernels``."""
    result = run_batch(kernels, requests, commands=True, requests=True)
    assert result.commands is not None and result.request_table is not None
    (block,) = requests.blocks(1 << 20)
    table = result.request_table
    served = RequestArrays(block.line, block.op, issue=table["issue"], accept=table["accept"])
    return check(true, result.commands[0], rules=true.controller.rule_set, requests=served)


def broken_copies(memory: Memory, k: int) -> Iterator[Memory]:
    """With row k a cycle shorter, and without it."""
    row = memory.rules[k]
    shorter = dataclasses.replace(row, wait=row.wait - 1)
    for instead in ((shorter,), ()):
        yield dataclasses.replace(memory, rules=memory.rules[:k] + instead + memory.rules[k + 1 :])


def shows(name: str, k: int, how: int) -> bool:
    """Does the checker see row k violated under some traffic?"""
    for policy in POLICIES:
        memory = pressed(name, policy)
        kernels = list(broken_copies(memory, k))[how]
        for kind in KINDS:
            if checked(memory, kernels, traffic(name, kind)).rows[k].violations:
                return True
    return False


@cache
def exempt(name: str) -> dict[int, str]:
    """Rows that no stream of this controller can show, with the reason."""
    memory = pressed(name, "open")
    implied = [implied_rows(pressed(name, policy)) for policy in POLICIES]
    reasons = {k: implied[1][k] for k in implied[0] if all(k in rows for rows in implied)}
    for k, rule in enumerate(memory.rules):
        for key, reason in HIDDEN.items():
            if key in (("all", rule.name, rule.before[0]), (name, rule.name, rule.before[0])):
                reasons[k] = reason
    return reasons


ROWS = [(name, k) for name in DEVICES for k in range(len(pressed(name, "open").rules))]
SHOWN = [(name, k) for name, k in ROWS if k not in exempt(name)]
EXEMPT = [(name, k) for name, k in ROWS if k in exempt(name)]


def labels(rows: list[tuple[str, int]]) -> list[str]:
    return [f"{name}-{k}-{pressed(name, 'open').rules[k].name}" for name, k in rows]


# ---------------------------------------------------------------- row by row


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", DEVICES)
def test_unbroken_the_same_traffic_keeps_every_row(name: str, policy: str) -> None:
    memory = pressed(name, policy)
    for kind in KINDS:
        result = checked(memory, memory, traffic(name, kind))
        assert result.ok, f"{kind}: {result}"


@pytest.mark.parametrize("name", DEVICES)
def test_all_but_the_exempt_rows_are_shown_tight(name: str) -> None:
    tight: set[int] = set()
    for policy in POLICIES:
        memory = pressed(name, policy)
        for kind in KINDS:
            rows = checked(memory, memory, traffic(name, kind)).rows
            tight |= {k for k, row in enumerate(rows) if row.least_slack == 0}
    assert {k for k in range(len(memory.rules)) if k not in tight} <= set(exempt(name))


@pytest.mark.parametrize("how", [0, 1], ids=["one_less", "left_out"])
@pytest.mark.parametrize(("name", "k"), SHOWN, ids=labels(SHOWN))
def test_a_row_broken_in_the_kernels_copy_is_named(name: str, k: int, how: int) -> None:
    assert shows(name, k, how)


@pytest.mark.parametrize(("name", "k"), EXEMPT, ids=labels(EXEMPT))
def test_an_exempt_row_broken_by_hand_is_named(name: str, k: int) -> None:
    memory = pressed(name, "open")
    rule = memory.rules[k]
    early = [check(memory, stream) for stream in streams_at(memory, rule, rule.wait - 1)]
    assert any(result.rows[k].violations and rule.name in result.violation_counts for result in early)
    exact = [check(memory, stream) for stream in streams_at(memory, rule, rule.wait)]
    assert all(result.rows[k].violations == 0 for result in exact)


def test_what_is_exempt() -> None:
    names = {name: {pressed(name, "open").rules[k].name for k in exempt(name)} for name in DEVICES}
    two_ranks = {"rank_switch_read_write_ramulator", "tRP_all"}
    assert names == {
        "ddr4_2400": two_ranks,
        "ddr4_3200": two_ranks,
        "ddr3_1600": two_ranks,
        "hbm2_2000": {"tRRD_L", "tFAW", "tRP_all", "tRFC"},
        "gddr6_14000": {"tRRD_L", "tFAW", "tPPD", "tRP_all", "tRP_read_auto_refresh"},
    }
    assert all(reason for name in DEVICES for reason in exempt(name).values())


# ---------------------------------------------------------------- unbroken


@pytest.mark.parametrize("name", DEVICES)
def test_random_traffic_keeps_every_rule(name: str) -> None:
    """Any profile, policy, queues, ranks and streams; each request is served once, where it belongs."""

    @settings(max_examples=60)
    @given(dram_cases(name, max_ranks=2 if name.startswith("ddr") else 1, max_streams=3))
    def keeps(case: DramCase) -> None:
        memory, r = case.memory, case.requests
        trace = Trace.from_arrays(r.line, op=r.op, arrival=r.arrival, stream=r.stream, window=r.windows[0])
        counts = checked(memory, memory, trace).violation_counts
        # With several ranks Ramulator 2.1 lets bursts of different ranks meet, and so does its rule set.
        lenient = memory.controller.rule_set == "ramulator21" and memory.organization.ranks > 1
        assert set(counts) <= ({"data_bus"} if lenient else set())

    keeps()


@pytest.mark.parametrize("name", ["ddr4_2400", "ddr4_3200", "hbm2_2000", "gddr6_14000"])
def test_whole_streams_that_equal_the_peers(name: str) -> None:
    """Profile ramulator21, whose streams are the peer's to the last command, by all rules of the standard."""
    memory = device(name, "controller.profile=ramulator21")
    for trace in ("random_rw30", "chase_bank", "conflict_bank"):
        requests = workloads.load(trace, memory.organization.transaction_bytes)
        result = run_batch(memory, requests, commands=True)
        assert result.commands is not None
        verdict = check(memory, result.commands[0])
        if name == "gddr6_14000" and trace != "random_rw30":
            # Ramulator 2.1 lets REFA follow a PRE sooner than tRP.
            assert set(verdict.violation_counts) == {"tRP_refresh"}
            assert check(memory, result.commands[0], rules="ramulator21").ok
        else:
            assert verdict.ok, verdict
        assert {"tRP", "tRFC"} <= set(verdict.tight)


def test_two_ranks_under_the_peers_rules_collide_on_the_data_bus() -> None:
    """Why rule set ramulator21 leaves out rank_switch_read_write, and ours does not."""
    memory = pressed("ddr4_2400", "open")
    controller = arch.load("ddr4_2400", ["controller.profile=ramulator21"]).spec.resolve().controller
    peer = dataclasses.replace(memory, controller=controller)
    counts = checked(memory, peer, traffic("ddr4_2400", "everywhere")).violation_counts
    assert set(counts) == {"rank_switch_read_write", "data_bus"}
