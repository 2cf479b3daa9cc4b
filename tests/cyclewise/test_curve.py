"""Latency–throughput curves: the limits are met, saturated points say so, folders hold what they say."""

import csv
import dataclasses
import json
import shlex
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

import cyclewise as cw
from cyclewise.cli import main
from cyclewise.curve_sweep import Sweep, marked, shares_of_capacity
from cyclewise.curves import labels
from tests.cyclewise.program import Program, refused

SMALL = ("--points", "5", "--requests", "5000")
RAMULATOR = ("controller.profile=ramulator21",)
FILES = {
    "curve.csv", "curve.json", "system.yaml",
    "latency_throughput.csv", "latency_throughput.png", "latency_throughput.svg",
    "row_locality.csv", "row_locality.png", "row_locality.svg",
}  # fmt: skip


@cache
def small(pattern: str = "interleaved", *overrides: str) -> cw.Curve:
    return cw.curve("ddr4_2400", overrides=overrides, pattern=pattern, points=8, requests=30_000)


# The limits, as measured peers meet them: deviations of 0.2 % and 1.2 % are those of the peers' tables.


@pytest.mark.parametrize("device", ["ddr4_2400", "ddr4_3200", "hbm2_2000", "gddr6_14000"])
def test_interleaved_saturates_at_the_refresh_limited_peak(device: str) -> None:
    curve = cw.curve(device, overrides=RAMULATOR, points=4, requests=2_000_000)
    assert curve.limits.refresh_limited is not None
    for point in curve.points[-2:]:  # paced beyond the capacity, and all at once
        assert point.saturated
        assert point.achieved == pytest.approx(float(curve.limits.refresh_limited), rel=0.002)


@pytest.mark.parametrize("device", ["ddr4_2400", "hbm2_2000", "gddr6_14000"])
def test_random_saturates_at_the_activate_limit(device: str) -> None:
    curve = cw.curve(device, overrides=RAMULATOR, pattern="random", points=4, requests=300_000)
    for point in curve.points[-2:]:
        assert point.achieved == pytest.approx(float(curve.limits.activate_limited), rel=0.012)


def test_random_stays_below_where_reads_and_activates_meet_on_the_command_bus() -> None:
    """ddr4_3200: 3 tRRD_S + tRCD = tFAW, so that four activates take tFAW + 1 (the peers: 2.8 % below)."""

    def share(*overrides: str) -> float:
        curve = cw.curve(
            "ddr4_3200", overrides=[*RAMULATOR, *overrides], pattern="random", points=4, requests=300_000
        )
        return curve.capacity / float(curve.limits.activate_limited)

    assert share() == pytest.approx(34 / 35, abs=0.002)
    assert share("timing.tRCD=23 nCK") == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(
    ("system", "overrides"),
    [
        ("hbm2_2000", ("channels=8", "front_end.mode=per_channel")),
        ("ddr4_2400", ("organization.ranks=2", "channels=2")),
        ("ddr3_1600", ()),
        (
            "ddr4_2400",
            ("address_map=row column[6:2] bank group rank column[1:0] channel; group ^= column[3:2]",),
        ),
    ],
)
def test_interleaved_reaches_the_peak_of_any_memory(system: str, overrides: tuple[str, ...]) -> None:
    curve = cw.curve(system, overrides=overrides, points=4, requests=200_000)
    assert curve.capacity == pytest.approx(float(curve.limits.refresh_limited or 0), rel=0.005)


def test_one_front_end_for_many_channels_is_the_limit() -> None:
    curve = cw.curve("hbm2_2000", overrides=["channels=4"], points=4, requests=20_000)
    assert [*curve.ceilings()][-1] == "front end"
    assert curve.capacity == pytest.approx(float(curve.limits.front_end), rel=0.01)


# The points


def test_latency_rises_from_the_unloaded_one_to_saturation() -> None:
    curve = small()
    stable = [p for p in curve.points if not p.saturated]
    assert [p.saturated for p in curve.points] == [False] * 6 + [True] * 2
    means = [p.from_arrival.mean for p in stable if p.from_arrival]
    assert len(means) == len(stable) and means == sorted(means)
    first = stable[0].from_arrival
    assert first is not None and first.p50 == curve.limits.row_hit
    assert [p.achieved for p in stable] == sorted(p.achieved for p in stable)


def test_random_begins_at_a_row_conflict_and_closed_pages_at_a_closed_bank() -> None:
    for curve, cycles in (
        (small("random"), small("random").limits.row_conflict),
        (small("random", "controller.page_policy=closed"), small("random").limits.closed_row),
    ):
        latency = curve.points[0].from_arrival
        assert latency is not None and latency.p50 == cycles


@pytest.mark.parametrize("pattern", ["interleaved", "stream", "random"])
def test_what_cannot_be_kept_up_with_is_marked(pattern: str) -> None:
    curve = small(pattern)
    for point in curve.points:
        assert point.saturated == (point.from_arrival is None)
        assert point.from_accept.mean > 0
        if point.offered is not None:
            assert point.achieved <= point.offered
            assert point.saturated == (point.offered >= curve.capacity)
    last = curve.points[-1]
    assert last.rate is None and last.offered is None and last.saturated


def test_latency_of_stable_points_does_not_grow_with_the_trace() -> None:
    """Four times the requests: the same latency below the capacity, four times the wait beyond it."""

    def latency(requests: int, share: float) -> float:
        system = cw.load("ddr4_2400")
        capacity = Fraction(64, 270)  # about 95 % of one request in four cycles
        sweep = Sweep(system, None, (), "interleaved", 1.0, 4, requests, "poisson", 0)
        memory = system.spec.resolve()
        point = sweep._point(memory, "ACT", capacity * Fraction(share), lambda done, total: None, None)
        assert point.from_arrival is not None
        return point.from_arrival.mean

    assert latency(200_000, 0.93) == pytest.approx(latency(50_000, 0.93), rel=0.2)
    assert latency(200_000, 1.15) > 3 * latency(50_000, 1.15)


def test_marking_compares_what_was_offered_with_the_capacity() -> None:
    point = small().points[0]
    assert point.offered is not None
    assert marked(point, point.offered * 1.01) == point
    beyond = marked(point, point.offered)
    assert beyond.saturated and beyond.from_arrival is None and beyond.from_accept == point.from_accept


@pytest.mark.parametrize("count", [3, 4, 5, 19, 200])
def test_shares_rise_to_the_knee_and_beyond(count: int) -> None:
    shares = shares_of_capacity(count)
    assert len(shares) == count and shares == sorted(shares)
    assert (shares[0], shares[-2], shares[-1]) == (Fraction("0.05"), Fraction("0.98"), Fraction("1.15"))
    if count > 5:
        assert shares[1] - shares[0] > 3 * (shares[-2] - shares[-3])


def test_writes_take_part_and_seeds_matter() -> None:
    arguments = {"read_share": 0.6, "points": 4, "requests": 4000}
    one, again, other = (cw.curve("ddr4_2400", seed=seed, **arguments) for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert one == again != other
    assert one.capacity < small().capacity


# The command line


def test_the_command_prints_points_and_limits(program: Program) -> None:
    code, out, _ = program("curve", "ddr4_2400", *SMALL, "--pattern", "random")
    assert code == 0
    for text in (
        "saturated",
        "all at once",
        "theoretical peak",
        "19.208 GB/s",
        "activate-limited",
        "37 cycles",
    ):
        assert text in out


def test_json_is_the_curve_and_nothing_else(program: Program) -> None:
    code, out, _ = program("curve", "ddr4_2400", *SMALL, "--arrivals", "constant", "--json")
    content = json.loads(out)
    assert code == 0 and content["format"] == "cyclewise curve 1"
    assert len(content["points"]) == 5 and content["points"][-1]["from_arrival"] is None
    assert content["limits"]["read_latency_cycles"]["closed_row"] == 37


def test_the_folder_holds_table_record_drawings_and_the_command(program: Program, tmp_path: Path) -> None:
    words = ["curve", "ddr4_2400", *SMALL, "--set", "controller.read_queue=16", "-o", "a/out"]
    assert program(*words)[0] == 0
    folder = tmp_path / "a" / "out"
    assert {file.name for file in folder.iterdir()} == FILES
    record = json.loads((folder / "curve.json").read_text())
    assert shlex.split(record["command"]) == ["cyclewise", *words]
    rows = [*csv.DictReader((folder / "curve.csv").open())]
    assert [float(row["achieved [GB/s]"]) * 1e9 for row in rows] == pytest.approx(
        [point["achieved"] for point in record["points"]]
    )
    saturated = [point["saturated"] for point in record["points"]]
    assert [row["latency_from_arrival.mean [ns]"] == "" for row in rows] == saturated
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert main(shlex.split(record["command"])[1:]) == 0
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_python_writes_the_same_and_names_its_own_system(tmp_path: Path, program: Program) -> None:
    system = cw.load("hbm2_2000", ["controller.read_queue=16"])
    curve = cw.curve(system, points=4, requests=2000, output=tmp_path / "out")
    assert curve.command is not None and shlex.split(curve.command)[2] == str(
        tmp_path / "out" / "system.yaml"
    )
    assert cw.load(str(tmp_path / "out" / "system.yaml")).digest() == curve.digest
    record = json.loads((tmp_path / "out" / "curve.json").read_text())
    assert main(shlex.split(curve.command)[1:]) == 0
    assert json.loads((tmp_path / "out" / "curve.json").read_text())["points"] == record["points"]
    assert cw.curve(system, points=4, requests=2000).command is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--pattern", "strem"), ("pattern", "stream")),
        (("--arrivals", "never"), ("arrivals", "poisson, constant")),
        (("--read-share", "1.2"), ("read_share", "1.2", "at most 1")),
        (("--read-share", "nan"), ("read_share",)),
        (("--read-share", "0"), ("read_share", "only reads have a latency")),
        (("--read-share", "0.000000001"), ("read_share", "none of the requests")),
        (("--points", "3"), ("points", "4 to 1000")),
        (("--requests", "10"), ("requests", "1000 to")),
        (("--seed", "-1"), ("seed",)),
        (("--set", "workload.requests=5"), ("workload.requests=5",)),
        (("--set", "channels=2", "--set", "front_end.streams=2"), ("front_end.mode", "per_channel")),
    ],
)
def test_bad_input_is_one_message(
    program: Program, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(program("curve", "ddr4_2400", *SMALL, *arguments), *words)


def test_a_system_that_does_not_exist(program: Program) -> None:
    refused(program("curve", "ddr4_2401"), "ddr4_2401", "ddr4_2400")


def test_a_foreign_folder_is_left_alone_and_a_failure_leaves_nothing(
    program: Program, tmp_path: Path
) -> None:
    refused(program("curve", "ddr4_2400", *SMALL, "-o", ""), "is not the path of a folder")
    assert not any(tmp_path.iterdir())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    refused(program("curve", "ddr4_2400", *SMALL, "-o", "mine"), "mine", "thesis.txt")
    (tmp_path / "file").write_text("")
    refused(program("curve", "ddr4_2400", *SMALL, "-o", "file"), "file", "not a folder")
    refused(program("curve", "ddr4_2400", "--points", "5", "--requests", "10", "-o", "new/out"), "requests")
    refused(program("curve", "ddr4_2400", *SMALL, "--read-share", "0.000000001", "-o", "new/out"), "none of")
    assert not (tmp_path / "new").exists()
    assert {file.name for file in (tmp_path / "mine").iterdir()} == {"thesis.txt"}


# Drawings


def test_names_of_several_curves_say_what_differs() -> None:
    curves = [small(), small("random"), small("random", "controller.page_policy=closed")]
    assert labels(curves[:1]) == ["ddr4_2400, interleaved, 100 % reads"]
    assert labels(curves[:2]) == ["interleaved", "random"]
    assert labels([curves[0], curves[0]]) == ["ddr4_2400", "ddr4_2400 (2)"]
    drawing = curves[0].drawing(curves[1])
    assert dict.fromkeys(drawing.data["curve"]) == {"interleaved": None, "random": None}
    with pytest.raises(ValueError, match="2 curves"):
        curves[0].drawing(curves[1], names=["one"])


def test_row_locality_of_runs() -> None:
    trace = cw.generate("random", requests=20_000)
    result = cw.run("ddr4_2400", trace)
    drawing = cw.row_locality("ddr4_2400", {"random": result, "again": result.report})
    assert drawing.data["column accesses per activate"] == pytest.approx([1.0, 1.0], rel=0.01)
    (performance,) = set(drawing.data["bandwidth [GB/s]"])
    assert performance == result.metrics["bandwidth"] / 1e9  # type: ignore[operator]
    with pytest.raises(cw.InputError, match="another system"):
        cw.row_locality("ddr4_2400", {"random": result}, overrides=["controller.refresh=none"])


def test_only_memories_have_one() -> None:
    other = dataclasses.replace(cw.load("ddr4_2400"), kind="pim")
    with pytest.raises(cw.InputError, match="kind: a latency-throughput curve"):
        cw.curve(other)
    with pytest.raises(cw.InputError, match="kind: row locality"):
        cw.row_locality(other, {})


def test_progress_counts_the_requests_of_all_points() -> None:
    told: list[tuple[int, int | None]] = []
    sweep = Sweep(cw.load("ddr4_2400"), "ddr4_2400", (), "stream", 1.0, 4, 20_000, "constant", 0)
    sweep.carried_out(progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (80_000, 80_000)
