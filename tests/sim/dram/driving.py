"""Channels driven in tests: a request list in, everything that can be compared out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

import arch
from arch.device import Memory
from sim.dram.batch import run_batch
from sim.dram.channel import Channel
from sim.dram.layout import Stop
from tests.reference.dram_controller import CommandRow, ReferenceResult
from tests.strategies import encode
from workloads.trace import Trace

Ints = npt.NDArray[np.int64]

DATA = Path(__file__).parents[2] / "data" / "dram"
PUBLISHED = Path(__file__).parents[3] / "sim" / "published" / "dram"
DEVICES = ("ddr4_2400", "ddr4_3200", "hbm2_2000", "gddr6_14000", "ddr3_1600")


@cache
def device(name: str, *overrides: str) -> Memory:
    """A library memory, or a file of ``tests/data/dram``."""
    resolved: Memory = arch.load(
        str(DATA / name) if name.endswith(".yaml") else name, overrides
    ).spec.resolve()
    return resolved


@dataclass(frozen=True)
class Outcome:
    """What the channels did, in the terms of :class:`tests.reference.dram_controller.ReferenceResult`."""

    accept: list[int]
    issue: list[int]
    returned: list[int]
    commands: list[list[CommandRow]]
    hits: int
    misses: int
    conflicts: int
    forwarded: int
    coalesced: int
    cycles: int


def drive_channel(
    memory: Memory,
    arrival: Sequence[int],
    line: Sequence[int],
    op: Sequence[int],
    windows: int | Sequence[int] = 0,
    stream: Sequence[int] | None = None,
) -> Outcome:
    """All requests pushed at once, one channel run to its end."""
    n = len(line)
    capacity = 1 << max(3, n.bit_length())
    channel = Channel(memory, windows=windows, log=True, input_capacity=capacity)
    of = [0] * n if stream is None else list(stream)
    for i in range(n):
        assert channel.push(line[i], op[i], arrival=arrival[i], stream=of[i], tag=i)
    channel.close()
    assert channel.run(stop_on=Stop.FINISHED) == Stop.FINISHED
    return outcome(channel, n)


def outcome(channel: Channel, requests: int) -> Outcome:
    """Of a finished channel whose records hold the whole run, tags being request numbers."""
    done = channel.completions()
    table = np.full((requests, 3), -2)
    table[done[:, 0]] = done[:, 4:7]
    accept, issue, returned = table.T.tolist()
    counted = channel.statistics()
    return Outcome(
        accept,
        issue,
        returned,
        commands=[rows_of(channel.commands())],
        hits=counted.row_hits,
        misses=counted.row_misses,
        conflicts=counted.row_conflicts,
        forwarded=counted.forwarded,
        coalesced=counted.coalesced,
        cycles=counted.cycles,
    )


def drive_batch(
    memory: Memory,
    arrival: Sequence[int],
    line: Sequence[int],
    op: Sequence[int],
    window: int = 0,
    stream: Sequence[int] | None = None,
) -> Outcome:
    """A batch run over any number of channels."""
    trace = Trace.from_arrays(line, op=op, arrival=arrival, stream=stream, window=window)
    result = run_batch(memory, trace, commands=True, requests=True)
    assert result.request_table is not None and result.commands is not None
    each = result.channels
    return Outcome(
        result.request_table["accept"].tolist(),
        result.request_table["issue"].tolist(),
        result.request_table["return"].tolist(),
        commands=[rows_of(commands) for commands in result.commands],
        hits=sum(c.row_hits for c in each),
        misses=sum(c.row_misses for c in each),
        conflicts=sum(c.row_conflicts for c in each),
        forwarded=sum(c.forwarded for c in each),
        coalesced=sum(c.coalesced for c in each),
        cycles=result.cycles,
    )


def rows_of(commands: Ints) -> list[CommandRow]:
    """A command array as plain tuples."""
    return [(row[0], row[1], row[2], row[3]) for row in commands.tolist()]


def assert_same(ours: Outcome, reference: ReferenceResult) -> None:
    """Equal to the cycle.  Refreshes after a channel's last request are a matter of when one stops looking:
    there one stream must begin like the other."""
    for mine, theirs, served in zip(ours.commands, reference.commands, reference.served, strict=True):
        assert mine[:served] == theirs[:served]
        common = min(len(mine), len(theirs))
        assert len(mine) >= served
        assert mine[served:common] == theirs[served:common]
    for field in dataclasses.fields(Outcome):
        if field.name != "commands":
            assert getattr(ours, field.name) == getattr(reference, field.name), field.name


def random_requests(
    memory: Memory, seed: int, size: int, *, rows: int = 3, columns: int = 8, gap: int = 6, ops: int = 2
) -> tuple[list[int], list[int], list[int]]:
    """(arrival, line, op): dense random traffic over all banks, to ``rows`` rows and ``columns`` columns."""
    rng = np.random.default_rng(seed)
    o = memory.organization

    def draw(limit: int) -> list[int]:
        drawn: list[int] = rng.integers(0, limit, size).tolist()
        return drawn

    place = zip(
        draw(memory.channels),
        draw(o.ranks),
        draw(o.groups),
        draw(o.banks),
        draw(rows),
        draw(columns),
        strict=True,
    )
    line = [
        encode(memory, channel=channel, rank=rank, group=group, bank=bank, row=row, column=column)
        for channel, rank, group, bank, row, column in place
    ]
    arrival: list[int] = np.cumsum(rng.integers(0, gap + 1, size)).tolist()
    return arrival, line, draw(ops)
