"""A client that waits for answers, driven inside numba, through SimPy and cycle by cycle: one command stream.

The client has ``k`` requests under way.  Each answer (a read's data, a write's acceptance) brings the next
request, whose address and kind follow from the answered request's tag.  Answers of one cycle are taken in
order of their tags.
"""

import heapq
from collections.abc import Callable, Generator
from fractions import Fraction

import numpy as np
import pytest
import simpy

from arch.device import Memory
from sim.dram.channel import Channel
from sim.dram.checker import RequestCounts, check
from sim.dram.kernel import push, run
from sim.dram.layout import S, Stop
from sim.dram.simpy_port import ChannelPort
from sim.jit import njit
from tests.sim.dram.driving import Ints, device

ROUNDS = 1500
Loop = Callable[[Memory, int, int], Ints]

_EVENTS = int(Stop.ACCEPT | Stop.COMPLETION)
_FOREVER = 1 << 61


@njit
def following(tag: int, seed: int, lines: int) -> tuple[int, int]:
    """(line, op) of the request that the answer to ``tag`` brings: a third writes, lines in short runs."""
    x = (tag * 1103515245 + seed * 12345 + 97) & 0x7FFFFFFF
    x ^= x >> 11
    x = (x * 69069 + 5) & 0x7FFFFFFF
    x ^= x >> 15
    base = (x >> 8) % 61 * 4096 + (x & 7)
    return base % lines, int(x % 3 == 0)


def finished_stream(channel: Channel) -> Ints:
    channel.close()
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    return channel.commands()


def new_channel(memory: Memory) -> Channel:
    return Channel(memory, log=True, records=8 * ROUNDS)


# ---------------------------------------------------------------- inside numba


@njit
def closed_loop(
    state: np.ndarray,
    params: np.ndarray,
    inputs: np.ndarray,
    done: np.ndarray,
    log: np.ndarray,
    k: int,
    rounds: int,
    seed: int,
    lines: int,
    due: np.ndarray,
    ops: np.ndarray,
) -> int:
    """Run the client; ``due[tag]``: cycle of the answer, 0 if unknown; returns requests sent or -reason."""
    sent = 0
    answered = 0
    accepted = 0
    while sent < k:
        line, op = following(sent, seed, lines)
        ops[sent] = op
        push(state, params, inputs, 0, 0, line, op, sent)
        sent += 1
    while answered < rounds:
        soonest = _FOREVER
        for tag in range(sent):
            if due[tag] > 0:
                soonest = min(soonest, due[tag])
        reason = run(state, params, inputs, done, log, soonest, _EVENTS)
        if reason > _EVENTS:
            return -reason
        if state[S.accepted] > accepted:
            # The only stream hands over in order, so the n-th acceptance is that of tag n.
            if ops[accepted] == 1:
                due[accepted] = state[S.last_accept] + 1
            accepted += 1
        for i in range(state[S.done]):
            if ops[done[i, 0]] == 0:
                due[done[i, 0]] = done[i, 6]
        state[S.done] = 0
        now = state[S.now]
        for tag in range(sent):
            if due[tag] == now:
                due[tag] = -1
                answered += 1
                if sent < rounds:
                    line, op = following(sent + tag, seed, lines)
                    ops[sent] = op
                    push(state, params, inputs, 0, now, line, op, sent)
                    sent += 1
            elif 0 < due[tag] < now:
                return -1000  # the channel ran past an answer
    return sent


def in_numba(memory: Memory, k: int, seed: int) -> Ints:
    channel = new_channel(memory)
    due, ops = np.zeros(ROUNDS, np.int64), np.zeros(ROUNDS, np.int64)
    sent = closed_loop(
        channel.state,
        channel.params,
        channel.inputs,
        channel.done,
        channel.log,
        k,
        ROUNDS,
        seed,
        memory.total_lines,
        due,
        ops,
    )
    assert sent == ROUNDS
    return finished_stream(channel)


# ---------------------------------------------------------------- through SimPy


def in_simpy(memory: Memory, k: int, seed: int) -> Ints:
    env = simpy.Environment()
    port = ChannelPort(env, new_channel(memory))
    sent = k

    def chain(tag: int) -> Generator[simpy.Event, int, None]:
        nonlocal sent
        line, op = following(tag, seed, memory.total_lines)
        while True:
            back = yield port.request(line, op)
            assert env.now == port.edge(back)
            if sent == ROUNDS:
                return
            line, op = following(sent + tag, seed, memory.total_lines)
            tag = sent
            sent += 1

    for tag in range(k):
        env.process(chain(tag))
    env.run()
    port.finish()
    return port.commands()


# ---------------------------------------------------------------- cycle by cycle


def in_python(memory: Memory, k: int, seed: int) -> Ints:
    channel = new_channel(memory)
    ops: list[int] = []
    due: list[tuple[int, int]] = []
    accepted = answered = 0

    def send(which: int, cycle: int) -> None:
        line, op = following(which, seed, memory.total_lines)
        assert channel.push(line, op, arrival=cycle, tag=len(ops))
        ops.append(op)

    for tag in range(k):
        send(tag, 0)
    while answered < ROUNDS:
        now = channel.now
        while due and due[0][0] <= now:
            when, tag = heapq.heappop(due)
            assert when == now
            answered += 1
            if len(ops) < ROUNDS:
                send(len(ops) + tag, now)
        assert channel.run(now + 1) == Stop.UNTIL
        assert channel.now == now + 1
        if channel.state[S.accepted] > accepted:
            assert channel.state[S.accepted] == accepted + 1 and channel.state[S.last_accept] == now
            if ops[accepted] == 1:
                heapq.heappush(due, (now + 1, accepted))
            accepted += 1
        for row in channel.completions():
            if ops[row[0]] == 0:
                heapq.heappush(due, (int(row[6]), int(row[0])))
    return finished_stream(channel)


# ---------------------------------------------------------------- the three agree


@pytest.mark.parametrize(
    ("name", "k", "seed"),
    [
        ("ddr4_2400", 1, 1),
        ("ddr4_2400", 7, 2),
        ("ddr4_2400", 60, 3),
        ("ddr4_3200", 12, 4),
        ("hbm2_2000", 1, 5),
        ("hbm2_2000", 20, 6),
        ("gddr6_14000", 5, 7),
        ("gddr6_14000", 40, 8),
        ("ddr3_1600", 9, 9),
    ],
)
def test_three_ways_to_close_the_loop(name: str, k: int, seed: int) -> None:
    memory = device(name, "controller.write_queue=8", "controller.read_queue=6")
    streams = {drive.__name__: drive(memory, k, seed) for drive in (in_numba, in_simpy, in_python)}
    np.testing.assert_array_equal(streams["in_simpy"], streams["in_numba"])
    np.testing.assert_array_equal(streams["in_python"], streams["in_numba"])
    columns = np.isin(streams["in_numba"][:, 1], [memory.command("RD").code, memory.command("WR").code])
    # Some reads are forwarded and some writes absorbed.
    assert 0.8 * ROUNDS < np.count_nonzero(columns) <= ROUNDS
    assert check(memory, streams["in_numba"]).ok


def test_the_loop_depends_on_its_answers() -> None:
    """Were the client not waiting, or waiting differently, the stream would be another one."""
    memory = device("ddr4_2400")
    stream = in_numba(memory, 7, 2)
    assert not np.array_equal(stream, in_numba(memory, 8, 2))
    assert not np.array_equal(stream, in_numba(memory, 7, 3))


# ---------------------------------------------------------------- the port


def test_edges_are_rounded_up_to_femtoseconds() -> None:
    env = simpy.Environment()
    port = ChannelPort(env, Channel(device("gddr6_14000")))
    assert port.period == device("gddr6_14000").clock_period * 10**15
    port.period = Fraction(10, 3)
    assert [port.edge(k) for k in range(5)] == [0, 4, 7, 10, 14]
    expected = {0: 0, 1: 1, 4: 1, 5: 2, 7: 2, 8: 3, 10: 3, 11: 4}
    seen = {}

    def clock() -> Generator[simpy.Event, None, None]:
        for _ in range(12):
            seen[env.now] = port.cycle
            yield env.timeout(1)

    env.process(clock())
    env.run()
    assert {now: cycle for now, cycle in seen.items() if now in expected} == expected


def test_answers_come_at_the_edge_of_their_cycle() -> None:
    """DDR4-2400, closed bank: 1 + tRCD + tCL + tBL = 37 cycles of 833 ps; a write is accepted at once."""
    env = simpy.Environment()
    port = ChannelPort(env, Channel(device("ddr4_2400")))
    answers: list[tuple[str, int, int]] = []

    def client(name: str, line: int, op: int, start: int) -> Generator[simpy.Event, int, None]:
        yield env.timeout(start)
        cycle = yield port.request(line, op)
        answers.append((name, cycle, int(env.now)))

    env.process(client("read", 0, 0, 0))
    env.process(client("write", 1 << 20, 1, 10 * 833_000))
    env.process(client("between edges", 1 << 30 >> 6, 1, 500 * 833_000 + 1))
    env.run()
    assert answers == [
        ("write", 11, 11 * 833_000),
        ("read", 37, 37 * 833_000),
        ("between edges", 502, 502 * 833_000),
    ]
    assert port.finish() == 502


def test_more_requests_than_the_channel_takes_in_wait_outside() -> None:
    env = simpy.Environment()
    memory = device("ddr4_2400", "controller.read_queue=1")
    port = ChannelPort(env, Channel(memory, input_capacity=2, log=True, records=8))
    events = [port.request(line << 7) for line in range(40)]
    env.run()
    assert all(event.processed for event in events)
    port.finish()
    assert check(memory, port.commands(), requests=RequestCounts({"READ": 40})).ok


def test_time_in_floats_is_refused() -> None:
    env = simpy.Environment(initial_time=0.5)
    with pytest.raises(TypeError, match="whole femtoseconds"):
        ChannelPort(env, Channel(device("ddr4_2400"))).request(0)


@pytest.mark.parametrize("spoil", ["advance", "no completions"])
def test_a_used_channel_is_refused(spoil: str) -> None:
    channel = Channel(device("ddr4_2400"), completions=spoil != "no completions")
    if spoil == "advance":
        channel.run(5)
    with pytest.raises(ValueError, match="fresh channel"):
        ChannelPort(simpy.Environment(), channel)


@pytest.mark.parametrize("arbiter", ["round_robin", "oldest", "priority"])
def test_a_stream_may_stay_silent(arbiter: str) -> None:
    """A client of one stream is not kept waiting by another that has nothing to send."""
    env = simpy.Environment()
    port = ChannelPort(
        env, Channel(device("ddr4_2400", "front_end.streams=3", f"front_end.arbiter={arbiter}"))
    )
    answers: list[int] = []

    def client(stream: int) -> Generator[simpy.Event, int, None]:
        for row in range(3):
            answers.append((yield port.request(row << 20, stream=stream)))

    env.process(client(1))
    env.run(until=10_000 * 833_000)
    assert answers[0] == 37 and len(answers) == 3
