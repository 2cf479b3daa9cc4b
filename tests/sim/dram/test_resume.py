"""However often a channel is stopped and resumed, it does the same; and it stops where it is told."""

from collections import deque
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.device import Memory
from sim.dram import kernel
from sim.dram.channel import FOREVER, Channel, SimulationStuckError
from sim.dram.layout import MAX_BANKS, MAX_COMMANDS, NEVER, NEXT_OK, RULE_BITS, P, S, Stop
from sim.dram.state import new_state
from sim.dram.tables import build
from tests.sim.dram.driving import Ints, device, outcome, random_requests
from tests.strategies import DramCase, Requests, dram_cases

EVENTS = (Stop.ACCEPT, Stop.COMPLETION, Stop.SLOT)
STEPS = (1, 1, 2, 3, 10, 100, 5_000, None)  # cycles to the next stop; None: until something happens


class Driver:
    """A channel fed as its streams run dry, by calls of any pattern; checks each of them."""

    def __init__(self, memory: Memory, requests: Requests, *, input_capacity: int, records: int) -> None:
        self.channel = Channel(
            memory, windows=requests.windows, log=True, input_capacity=input_capacity, records=records
        )
        self.streams = memory.front_end.streams
        columns = zip(requests.arrival, requests.line, requests.op, requests.stream, strict=True)
        self.waiting: list[deque[tuple[int, int, int, int]]] = [deque() for _ in range(self.streams)]
        for tag, (arrival, line, op, stream) in enumerate(columns):
            self.waiting[stream].append((tag, arrival, line, op))
        self.open = set(range(self.streams))
        self.done: list[Ints] = []
        self.commands: list[Ints] = []

    def feed(self, close_late: bool) -> None:
        """Fill the rings.  A stream is closed with its last request, or only when it is asked for more."""
        for stream in sorted(self.open):
            queue = self.waiting[stream]
            had_none = not queue
            while queue:
                tag, arrival, line, op = queue[0]
                if not self.channel.push(line, op, arrival=arrival, stream=stream, tag=tag):
                    break
                queue.popleft()
            if not queue and (had_none or not close_late):
                self.channel.close(stream)
                self.open.discard(stream)

    def run(self, until: int, stop_on: Stop) -> Stop:
        channel, state = self.channel, self.channel.state
        before, accepted, now = channel.next_event(), int(state[S.accepted]), channel.now
        assert before >= now
        reason = Stop(channel.run(until, stop_on | Stop.NEED_INPUT | Stop.FINISHED))
        done, commands = channel.completions(), channel.commands()
        self.done.append(done)
        self.commands.append(commands)
        new = int(state[S.accepted]) - accepted
        cycles = [commands[:, 0] - 1, done[done[:, 5] < 0, 4]]
        cycles += [np.array([state[S.last_accept]])] if new else []
        happened = np.concatenate(cycles)

        assert now <= channel.now <= max(now, until)
        assert reason != Stop.UNTIL or channel.now == until or until < now
        assert np.all(happened >= now) and np.all(happened < max(now, until))
        # Nothing came before the cycle that was announced.
        assert np.all(happened >= before)
        opened = np.any(commands[:, 1] == channel.memory.command("ACT").code)
        certain = {Stop.ACCEPT: new > 0, Stop.COMPLETION: len(done) > 0, Stop.SLOT: opened}
        if any(stop_on & kind and certain[kind] for kind in EVENTS):
            # It ended with the first such event, at the end of its cycle.
            assert reason in EVENTS and stop_on & reason
            assert np.max(happened) == channel.now - 1
        if reason in EVENTS:
            # A queue's place comes free by an ACT, and by a column command for a request in the queue.
            assert certain[reason] or (reason == Stop.SLOT and len(done) > 0)
        if stop_on & Stop.ACCEPT:
            assert new <= 1
        if stop_on & Stop.COMPLETION:
            assert len(np.unique(np.where(done[:, 5] < 0, done[:, 4], done[:, 5] - 1))) <= 1
        return reason


def whole(memory: Memory, requests: Requests) -> tuple[Channel, Ints, Ints]:
    """The channel, completions and commands of a run in one piece."""
    channel = Channel(memory, windows=requests.windows, log=True, input_capacity=256)
    columns = zip(requests.arrival, requests.line, requests.op, requests.stream, strict=True)
    for tag, (arrival, line, op, stream) in enumerate(columns):
        assert channel.push(line, op, arrival=arrival, stream=stream, tag=tag)
    channel.close()
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    return channel, channel.completions(), channel.commands()


def compare(case: DramCase, pattern: st.DataObject) -> None:
    draw = pattern.draw
    driver = Driver(
        case.memory,
        case.requests,
        input_capacity=draw(st.sampled_from([1, 2, 8, 128])),
        records=draw(st.sampled_from([8, 9, 20, 1000])),
    )
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
    stops = draw(st.lists(st.integers(0, 7), min_size=1, max_size=4))
    close_late = draw(st.booleans())
    calls = 0
    while True:
        driver.feed(close_late)
        step, stop = steps[calls % len(steps)], stops[calls % len(stops)]
        stop_on = Stop(sum(int(kind) for bit, kind in enumerate(EVENTS) if stop >> bit & 1))
        until = FOREVER if step is None else driver.channel.now + step
        # Steps of one cycle through a long pause prove little.
        until = max(until, driver.channel.next_event()) if calls > 150 else until
        if driver.run(until, stop_on) == Stop.FINISHED:
            break
        calls += 1
    channel, done, commands = whole(case.memory, case.requests)
    np.testing.assert_array_equal(np.concatenate(driver.done), done)
    np.testing.assert_array_equal(np.concatenate(driver.commands), commands)
    assert driver.channel.statistics() == channel.statistics()


@pytest.mark.parametrize("name", ["ddr4_2400", "hbm2_2000", "gddr6_14000"])
def test_any_pattern_of_calls_does_what_one_call_does(name: str) -> None:
    @settings(max_examples=60)
    @given(dram_cases(name, max_size=50, max_ranks=2 if name == "ddr4_2400" else 1), st.data())
    def check(case: DramCase, pattern: st.DataObject) -> None:
        compare(case, pattern)

    check()


@pytest.mark.parametrize("name", ["ddr4_2400", "hbm2_2000"])
def test_any_pattern_of_calls_with_several_streams(name: str) -> None:
    @settings(max_examples=40)
    @given(dram_cases(name, max_size=50, max_streams=3), st.data())
    def check(case: DramCase, pattern: st.DataObject) -> None:
        compare(case, pattern)

    check()


# ---------------------------------------------------------------- single calls


def loaded(memory: Memory, size: int = 60, **options: bool) -> Channel:
    channel = Channel(memory, **options)
    arrival, line, op = random_requests(memory, 5, size)
    for i in range(size):
        assert channel.push(line[i], op[i], arrival=arrival[i], tag=i)
    return channel


def test_until_in_the_past_changes_nothing() -> None:
    channel = loaded(device("ddr4_2400"))
    channel.run(100)
    before = channel.state.copy()
    assert channel.run(100) == channel.run(50) == channel.run(0) == Stop.UNTIL
    np.testing.assert_array_equal(channel.state, before)


def test_need_input_comes_before_the_cycle_that_needs_it() -> None:
    channel = Channel(device("ddr4_2400"))
    assert channel.run(stop_on=Stop.NEED_INPUT) == Stop.NEED_INPUT
    assert channel.now == 0
    channel.push(5, arrival=70)
    assert channel.run(stop_on=Stop.NEED_INPUT) == Stop.NEED_INPUT
    assert channel.now == 71
    channel.push(5, arrival=3, tag=1)
    channel.close()
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    assert channel.completions()[:, 4].tolist() == [70, 71]


def test_a_channel_closed_late_ends_as_one_closed_early() -> None:
    late = loaded(device("ddr4_2400"), log=True)
    late.run(50_000)
    assert late.end is None
    with pytest.raises(ValueError, match="has not ended"):
        late.statistics()
    late.close()
    assert late.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    early = loaded(device("ddr4_2400"), log=True)
    early.close()
    assert early.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    assert late.end == early.end and late.end is not None and late.end < 5000
    ours = outcome(early, 60)
    commands = late.commands()
    assert commands[:, 0].max() > 5000  # refreshes went on
    kept = [tuple(row) for row in commands.tolist()][: len(ours.commands[0])]
    assert kept == ours.commands[0]
    counted, expected = late.statistics(), early.statistics()
    assert (counted.row_hits, counted.reads, counted.writes) == (
        expected.row_hits,
        expected.reads,
        expected.writes,
    )
    # Writes that trail were accounted for, since nobody knew yet that they would be the last.
    assert expected.cycles == early.end < counted.cycles == kept[-1][0]


def test_cycles_are_accounted_for_in_a_channel_closed_late() -> None:
    channel = loaded(device("ddr4_2400"))
    channel.run(50_000)
    channel.close()
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    counted = channel.statistics()
    assert counted.data_bus_cycles + sum(counted.idle_cycles.values()) == counted.cycles


def test_a_finished_channel_stays_finished() -> None:
    channel = loaded(device("gddr6_14000"))
    channel.close()
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    now, done = channel.now, len(channel.completions())
    assert done == 60
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    assert channel.now == now and len(channel.completions()) == 0


def test_an_empty_run_has_no_cycles() -> None:
    channel = Channel(device("ddr4_2400"))
    channel.close()
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    assert channel.end == 0


def test_next_event_is_exact_where_only_time_must_pass() -> None:
    memory = device("ddr4_2400", "controller.profile=ramulator21")
    channel = Channel(memory)
    channel.push(0, arrival=40)
    assert channel.next_event() <= 40
    channel.run(10)
    assert channel.next_event() == 40
    channel.run(41)  # ACT in cycle 40, carrying 41
    channel.run(42)
    assert channel.next_event() == 40 + memory.timing["tRCD"]
    quiet = Channel(device("ddr4_2400", "controller.refresh=none"))
    quiet.run(10)
    assert quiet.next_event() >= NEVER - 1


def test_completions_are_known_when_the_command_issues() -> None:
    memory = device("ddr4_2400", "controller.profile=ramulator21")
    channel = Channel(memory)
    channel.push(0, tag=77)
    assert channel.run(stop_on=Stop.COMPLETION) == Stop.COMPLETION
    assert channel.now == 17
    assert channel.completions().tolist() == [[77, 0, 0, 0, 0, 17, 37]]


# ---------------------------------------------------------------- states that do not fit


@pytest.mark.parametrize(
    "spoil",
    [
        "state magic",
        "params magic",
        "params version",
        "params size",
        "state size",
        "inputs size",
        "done too small",
        "log too small",
        "state of another memory",
    ],
)
def test_a_state_that_does_not_fit_is_refused_untouched(spoil: str) -> None:
    channel = loaded(device("ddr4_2400"))
    channel.run(20)
    params = channel.params.copy()
    if spoil == "state magic":
        channel.state[S.magic] += 1
    elif spoil == "params magic":
        params[P.magic] += 1
    elif spoil == "params version":
        params[P.version] += 1
    elif spoil == "params size":
        params = params[:-1].copy()
    elif spoil == "state size":
        channel.state = np.concatenate([channel.state, np.zeros(1, np.int64)])
    elif spoil == "inputs size":
        channel.inputs = channel.inputs[:, :-1].copy()
    elif spoil == "done too small":
        channel.done = channel.done[:7].copy()
    elif spoil == "log too small":
        channel.log = channel.log[:7].copy()
    else:
        other = build(device("ddr4_2400", "organization.ranks=2", "front_end.streams=2"))
        channel.state = new_state(other.params, [0, 0], log=False, completions=True)
    channel.params = params
    before = channel.state.copy(), channel.inputs.copy(), channel.done.copy()
    with pytest.raises(ValueError, match="does not belong"):
        channel.run(1000)
    assert kernel.run(channel.state, params, channel.inputs, channel.done, channel.log, 1000, 0) == int(
        Stop.BAD_STATE
    )
    after = channel.state, channel.inputs, channel.done
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


# ---------------------------------------------------------------- nothing moves


@pytest.mark.parametrize("skip", [True, False])
def test_the_watchdog_ends_a_run_in_which_nothing_is_ever_ready(skip: bool) -> None:
    memory = device("ddr4_2400", f"controller.skip_idle={'true' if skip else 'false'}")
    channel = Channel(memory)
    channel.push(3 << 11, tag=1)
    channel.run(5)
    # The bank is open and its request active; no command is ready within the watchdog's patience.
    channel.state[NEXT_OK : NEXT_OK + MAX_COMMANDS * MAX_BANKS] = 250_000 << RULE_BITS
    with pytest.raises(SimulationStuckError) as stuck:
        channel.run()
    message = str(stuck.value)
    assert "ddr4_2400: no request has moved since cycle 1 " in message
    assert "1 behind an ACT (banks [0])" in message and "open rows [(0, 3)]" in message
    assert channel.now < 300_000


@pytest.mark.parametrize("skip", [True, False])
def test_the_watchdog_ends_a_run_whose_watermarks_starve_the_reads(skip: bool) -> None:
    """With a low watermark of 0 writes, once chosen, are never left for reads."""
    memory = device("ddr4_2400", f"controller.skip_idle={'true' if skip else 'false'}")
    memory = replace(memory, controller=replace(memory.controller, write_low=Fraction(0)))
    channel = Channel(memory)
    channel.push(0, 1, arrival=0)
    channel.push(1 << 12, 0, arrival=100)
    channel.close()
    with pytest.raises(SimulationStuckError, match="1 reads and 0 writes wait in the queues") as stuck:
        channel.run(stop_on=Stop.FINISHED)
    assert "controller.write_low" in str(stuck.value)


def test_long_idle_times_are_no_standstill() -> None:
    channel = Channel(device("ddr4_2400"))
    channel.push(0, arrival=10_000_000)
    channel.push(1 << 12, 1, arrival=20_000_000, tag=1)
    channel.close()
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    assert channel.end == 20_000_001
