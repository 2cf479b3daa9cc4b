"""Does a timeline show what happened: every command once, in order, slices nested, cut at the window?"""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import arch
import plots.timeline
import workloads
from cyclewise.cli import main
from sim.machine import TIMELINE, Options, simulate
from sim.report import Report

SYSTEMS = {
    "ddr4_2400": ["organization.ranks=2"],
    "hbm2_2000": ["channels=2"],
    "gddr6_14000": ["channels=2", "front_end.mode=per_channel"],
    "ddr3_1600": ["controller.page_policy=closed", "front_end.streams=2"],
}


def run(name: str, window: tuple[int, int], requests: int = 600, gap: float = 9.0) -> Report:
    system = arch.load(name, SYSTEMS[name])
    trace = workloads.generate("poisson", requests=requests, mean_gap=gap, footprint=1 << 14)
    return simulate(system, trace, Options(tables=TIMELINE, window=window))


def events(report: Report, path: Path) -> list[dict[str, Any]]:
    tables = report.tables
    plots.timeline.write(path, tables["slices"], tables["counters"], title="t", clock="1 ns")
    content = json.loads(gzip.decompress(path.read_bytes()))
    found: list[dict[str, Any]] = content["traceEvents"]
    return found


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_window_over_the_whole_run_shows_what_the_report_counts(name: str, tmp_path: Path) -> None:
    whole = (0, 1 << 20)
    report = run(name, whole, gap=40.0)
    found = events(report, tmp_path / "t.json.gz")
    tracks = {e["tid"]: e["args"]["name"] for e in found if e["name"] == "thread_name"}
    slices = [e for e in found if e["ph"] == "X"]
    metrics = {name: int(value or 0) for name, value in report.metrics.items()}
    issued = {k.removeprefix("commands."): n for k, n in metrics.items() if k.startswith("commands.")}

    def named(kind: str) -> Counter[str]:
        return Counter(e["name"] for e in slices if tracks[e["tid"]].partition(" ")[0] in kind.split("|"))

    buses = Counter(
        e["name"] for e in slices if tracks[e["tid"]].endswith("bus") and tracks[e["tid"]] != "data bus"
    )
    assert buses == +Counter(issued)
    assert sum(named("data").values()) == sum(n for k, n in issued.items() if k in ("RD", "RDA", "WR", "WRA"))
    refreshes = named("refresh")
    assert refreshes == {"REFA": issued["REFA"]} and issued["REFA"] > 0
    banks = named("bank")
    rows = sum(n for label, n in banks.items() if label.startswith("row "))
    assert rows == issued["ACT"] == banks["ACT"]
    assert sum(named("stream").values()) == report.workload["requests"]
    queued = named("read|write")
    assert queued["READ"] == report.workload["requests_by_op"]["READ"] - metrics["forwarded"]
    assert queued["WRITE"] == report.workload["requests_by_op"]["WRITE"] - metrics["coalesced"]


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("window", [(0, 5_000), (1_234, 4_321), (100_000_000, 100_000_010)])
def test_slices_nest_in_order_inside_the_window(name: str, window: tuple[int, int], tmp_path: Path) -> None:
    report = run(name, window)
    found = events(report, tmp_path / "t.json.gz")
    begin, end = window
    open_until: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    for event in found:
        if event["ph"] == "X":
            start, stop = event["ts"], event["ts"] + event["dur"]
            assert begin <= start < stop <= end
            assert start >= last.get(event["tid"], begin), "starts of a track are in order"
            last[event["tid"]] = start
            around = open_until.setdefault(event["tid"], [])
            while around and around[-1] <= start:
                around.pop()
            assert not around or stop <= around[-1], "a slice ends before the one around it"
            around.append(stop)
        elif event["ph"] == "C":
            assert begin <= event["ts"] < end
            assert all(value >= 0 for value in event["args"].values())
    tracks = {e["tid"]: e["args"]["name"] for e in found if e["name"] == "thread_name"}
    for tid, name_ in tracks.items():
        nested = name_.startswith("bank")
        deepest = 2 if nested else 1
        assert depth(found, tid) <= deepest, name_


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("gap", [2.0, 30.0])
def test_a_window_shows_what_the_whole_run_shows_there(name: str, gap: float) -> None:
    whole = shown(run(name, (0, 1 << 20), gap=gap), (0, 1 << 20))
    refreshes = [(start, end) for _, track, start, end, *_ in whole if track.startswith("refresh")]
    starts = [500, 508, 1_234]
    # Also within a refresh, and as its last cycles pass.
    starts += [cycle for start, end in refreshes[:1] for cycle in (start + 1, end - 2)]
    for begin in starts:
        window = (begin, begin + 300)
        expected = [
            (component, track, max(start, begin), min(end, window[1]), *rest)
            for component, track, start, end, *rest in whole
            if start < window[1] and end > begin
        ]
        assert shown(run(name, window, gap=gap), window) == sorted(expected, key=str)


def shown(report: Report, window: tuple[int, int]) -> list[tuple[Any, ...]]:
    """The slices without their places in a queue, which are counted anew in every window."""
    slices = report.tables["slices"]
    fields = ("component", "track", "start", "end", "name", "detail")
    rows = zip(*(slices[field] for field in fields), strict=True)
    plain = [
        (c, track[:10] if "queue" in track else track, start, end, name, tuple(detail.items()))
        for c, track, start, end, name, detail in rows
    ]
    return sorted(plain, key=str)


def test_nothing_is_shown_after_the_end_of_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = run("ddr4_2400", (0, 10**40), requests=50)
    ends = zip(report.tables["slices"]["track"], report.tables["slices"]["end"], strict=True)
    last = max(report.cycles["memory"], *(end for track, end in ends if track.endswith("bus")))
    assert max(report.tables["slices"]["end"]) == last
    assert max(report.tables["counters"]["time"]) < last
    late = run("ddr4_2400", (last, 1 << 30), requests=50)
    assert not late.tables["slices"]["start"] and not late.tables["counters"]["time"]
    file = tmp_path / "t.json"
    arguments = ["ddr4_2400", "random", "--set", "workload.requests=10", "--window", "90000:90010"]
    assert main(["run", *arguments, "--timeline", str(file)]) == 0
    assert "timeline is empty" in capsys.readouterr().err
    assert json.loads(file.read_text())["traceEvents"] == []


def depth(found: list[dict[str, Any]], tid: int) -> int:
    around: list[int] = []
    deepest = 0
    for event in found:
        if event["ph"] == "X" and event["tid"] == tid:
            around = [stop for stop in around if stop > event["ts"]] + [event["ts"] + event["dur"]]
            deepest = max(deepest, len(around))
    return deepest


def test_counters_are_the_depth_of_the_queues_and_the_bytes_on_the_bus() -> None:
    window = (500, 3_500)
    report = run("ddr4_2400", window)
    slices, counters = report.tables["slices"], report.tables["counters"]
    samples: dict[str, list[tuple[int, float]]] = {}
    for counter, time, value in zip(counters["counter"], counters["time"], counters["value"], strict=True):
        samples.setdefault(counter, []).append((time, value))
    for queue in ("read", "write"):
        spans = [
            (start, end)
            for track, start, end in zip(slices["track"], slices["start"], slices["end"], strict=True)
            if track.startswith(f"{queue} queue")
        ]
        for time, value in samples[f"{queue} queue depth"]:
            assert value == sum(start <= time < end for start, end in spans)
    seconds = report.seconds / report.cycles["memory"]
    for does, command in (("read", "RD"), ("write", "WR")):
        busy = sum(
            end - start
            for track, start, end, name in zip(
                slices["track"], slices["start"], slices["end"], slices["name"], strict=True
            )
            if track == "data bus" and name == command
        )
        points = samples[f"{does} bandwidth"]
        edges = [time for time, _ in points] + [window[1]]
        moved = sum(v * (b - a) for (_, v), a, b in zip(points, edges, edges[1:], strict=False))
        assert moved * 1e9 * seconds == pytest.approx(busy * 64 / 4)


def test_the_command_line_writes_it_and_the_same_run_the_same_bytes(tmp_path: Path) -> None:
    arguments = ["run", "ddr4_2400", "random", "--set", "workload.requests=500", "--window", "10:900"]
    for file in ("a.json.gz", "b.json.gz"):
        assert main([*arguments, "--timeline", str(tmp_path / file)]) == 0
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    assert main([*arguments, "--timeline", str(tmp_path / "a.json")]) == 0
    plain = json.loads((tmp_path / "a.json").read_text())
    assert plain == json.loads(gzip.decompress((tmp_path / "a.json.gz").read_bytes()))
    assert "833 ps" in plain["otherData"]["clock"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--timeline", "t.txt"], ".json.gz"),
        (["--timeline", "t.json", "--window", "9:9"], "A before B"),
        (["--timeline", "t.json", "--window", "x"], "--window"),
        (["--window", "0:10"], "--timeline"),
        (["--timeline", "none/t.json"], "none/t.json"),
    ],
)
def test_what_cannot_be_a_timeline_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "ddr4_2400", "random", "--set", "workload.requests=10", *arguments]) == 2
    message = capsys.readouterr().err
    assert told in message and message.count("\n") == 1
