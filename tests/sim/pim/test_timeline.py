"""Does a PIM timeline show what happened: every command once, slices nested, in order, cut at the window?"""

from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pytest

import arch
from mapping.pim.plan import PimPlan, plan
from sim.pim import timeline
from sim.pim.running import Recorded, run
from workloads.transformer import decoding


@cache
def recorded() -> tuple[PimPlan, Recorded]:
    laid = plan(arch.load("pim_gpt").spec.resolve(), decoding("gpt_tiny", {"tokens": 3, "lm_head": True}))
    return laid, run(laid, tokens=range(3))


def slices(begin: int, end: int) -> list[tuple[Any, ...]]:
    laid, done = recorded()
    tables = timeline.tables(laid, done.windows, begin, end)
    return list(zip(*(tables["slices"][name] for name in timeline.COLUMNS), strict=True))


def test_every_command_once() -> None:
    laid, done = recorded()
    shown: Counter[str] = Counter()
    for _, track, _, _, name, detail in slices(0, done.engine.cycle):
        if track == "commands":
            shown[name.partition(" ")[0]] += detail["commands"]
    counts = done.engine.counts().sum(axis=(0, 1))
    assert shown == {c.name: counts[c.code] for c in laid.pim.memory.commands if counts[c.code]}


def test_rows_bursts_and_refreshes_are_all_there() -> None:
    laid, done = recorded()
    everything = slices(0, done.engine.cycle)
    logs = [log.commands for _, token in done.windows for log in token.commands or ()]
    opened = sum(
        int((log[:, 1] == c.code).sum()) for log in logs for c in laid.pim.memory.commands if c.does == "open"
    )
    assert sum(track == "rows" for _, track, *_ in everything) == opened
    bursts = sum(detail["bursts"] for _, track, _, _, _, detail in everything if track == "data bus")
    assert bursts == sum(
        int((log[:, 1] == c.code).sum()) for log in logs for c in laid.pim.memory.commands if c.burst
    )


@pytest.mark.parametrize("window", [(0, 10**6), (500, 4000), (3001, 3002)])
def test_slices_are_in_order_nested_and_inside(window: tuple[int, int]) -> None:
    tracks: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for component, track, start, end, _, _ in slices(*window):
        assert window[0] <= start < end <= window[1]
        tracks[component, track].append((start, end))
    for spans in tracks.values():
        assert spans == sorted(spans, key=lambda span: (span[0], -span[1]))
        open_until: list[int] = []
        for start, end in spans:
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1]
            open_until.append(end)


def test_a_window_is_the_whole_cut_to_it() -> None:
    _, done = recorded()
    begin, end = 1000, 9000
    whole = [
        (component, track, max(start, begin), min(stop, end), name)
        for component, track, start, stop, name, _ in slices(0, done.engine.cycle)
        if start < end and stop > begin
    ]
    assert sorted(whole) == sorted(row[:5] for row in slices(begin, end))


def test_a_long_window_shows_steps_and_refreshes() -> None:
    tracks = {track for _, track, *_ in slices(0, timeline.DETAILED + 1)}
    assert "steps" in tracks and tracks <= {"steps", "refresh"}
