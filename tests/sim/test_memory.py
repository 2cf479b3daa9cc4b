"""The machine ``memory``: small real runs, and hand-made results whose answers are known."""

import io
import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import arch
import workloads
from arch.errors import InputError
from sim import Options, Report, simulate
from sim.dram.accounts import conservation
from sim.dram.batch import BatchResult
from sim.dram.channel import ChannelStatistics
from sim.dram.command_file import read_command_file
from sim.dram.tally import Latency
from sim.memory import MACHINE, METRICS, report
from sim.report import ConservationError, MetricDeclaration
from workloads import Trace

ONE = [Latency(5, 40.5, 40, 45, 45, 45), Latency(5, 50.5, 50, 60, 60, 60)]
CHANNEL = ChannelStatistics(
    cycles=100,
    commands={"RD": 4, "WR": 2, "ACT": 5, "PRE": 1, "PREA": 1, "REFA": 1},
    row_hits=1,
    row_misses=3,
    row_conflicts=2,
    forwarded=1,
    coalesced=1,
    reads=5,
    writes=3,
    data_bus_cycles=20,
    idle_cycles={"tFAW": 50, "refresh": 30},
    open_banks=2,
    closed_together=2,
    last_command_cycle=90,
)
RESULT = BatchResult(
    cycles=100,
    channels=(CHANNEL,),
    requests=8,
    requests_by_op={"READ": 5, "WRITE": 3},
    bytes_read=320,
    bytes_written=192,
    from_accept=ONE[0],
    from_arrival=ONE[1],
    kernel_cpu_seconds=0.0,
    commands=None,
    request_table=None,
)


def made(result: BatchResult, name: str = "ddr3_1600", overrides: tuple[str, ...] = ()) -> Report:
    system = arch.load(name, list(overrides))
    trace = Trace.from_arrays(np.arange(8), name="eight")
    return report(system, MACHINE.plan(system, trace, {}), result, 0.0)


def mixed(n: int = 3000, seed: int = 1, name: str = "mixed") -> Trace:
    random = np.random.default_rng(seed)
    return Trace.from_arrays(random.integers(0, 4096, n), random.random(n) < 0.4, name=name)


def run(name: str, *overrides: str, trace: Trace | None = None, **options: Any) -> Report:
    return simulate(arch.load(name, overrides), trace or mixed(), Options(**options))


def test_figures_of_a_hand_made_result() -> None:
    got = made(RESULT)
    seconds = Fraction(100, 800_000_000)
    assert got.seconds == float(seconds)
    assert got.cycles == {"memory": 100}
    metrics = got.metrics
    assert metrics["bandwidth"] == float(512 / seconds)
    assert metrics["peak_bandwidth"] == 12.8e9  # 64 bits at 1600 MT/s
    assert metrics["data_bus_utilisation"] == 0.2
    assert (metrics["bytes_read"], metrics["bytes_written"]) == (320, 192)
    assert [metrics[f"row_{k}"] for k in ("hits", "misses", "conflicts")] == [1, 3, 2]
    assert [metrics[k] for k in ("forwarded", "coalesced")] == [1, 1]
    assert [metrics[f"latency_from_accept.{s}"] for s in ("mean", "p50", "p95", "p99", "max")] == [
        40.5, 40, 45, 45, 45,
    ]  # fmt: skip
    assert metrics["latency_from_arrival.mean"] == 50.5
    commands = {k.removeprefix("commands."): v for k, v in metrics.items() if k.startswith("commands.")}
    assert commands == CHANNEL.commands
    assert list(commands) == ["ACT", "PRE", "PREA", "RD", "WR", "REFA"]  # in code order
    bounds = [(label, bound.cycles, round(bound.share, 12)) for label, bound in got.bound_by.items()]
    assert bounds == [("tFAW", 50, 0.5), ("refresh", 30, 0.3), ("data bus", 20, 0.2), ("no request", 0, 0.0)]
    nano = 5 * 10.5 + (1 + 2) * 3.75 + 4 * 5.7 + 2 * 6.0 + 165 + 0.54 * 125
    assert got.energy_joules is not None
    assert got.energy_joules["total"] == pytest.approx(nano * 1e-9, rel=1e-12)


def test_channels_add_up() -> None:
    double = replace(
        RESULT, channels=(CHANNEL, CHANNEL), requests=16, bytes_read=640, bytes_written=384,
        from_accept=replace(ONE[0], count=10),
    )  # fmt: skip
    one, two = made(RESULT), made(double, overrides=("channels=2",))
    for metric in ("commands.ACT", "row_hits", "forwarded", "bandwidth", "peak_bandwidth"):
        assert two.metrics[metric] == 2 * (one.metrics[metric] or 0)
    assert two.metrics["data_bus_utilisation"] == one.metrics["data_bus_utilisation"]
    assert {k: b.share for k, b in two.bound_by.items()} == {k: b.share for k, b in one.bound_by.items()}


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"commands": CHANNEL.commands | {"RD": 5}}, "reads accepted"),
        ({"commands": CHANNEL.commands | {"WR": 1}}, "writes accepted"),
        ({"commands": CHANNEL.commands | {"ACT": 6}}, "rows opened"),
        ({"commands": CHANNEL.commands | {"PRE": 0}}, "rows opened"),
        ({"closed_together": 3}, "rows opened"),
        ({"open_banks": 1}, "rows opened"),
        ({"row_hits": 2}, "hits + misses"),
        ({"row_conflicts": 0}, "hits + misses"),
        ({"forwarded": 0}, "reads accepted"),
        ({"coalesced": 2}, "writes accepted"),
        ({"reads": 4}, "every request"),
        ({"writes": 4}, "every request"),
        ({"data_bus_cycles": 21}, "busy + idle"),
        ({"idle_cycles": {"tFAW": 50}}, "busy + idle"),
        ({"data_bus_cycles": 25, "idle_cycles": {"tFAW": 75}}, "data bus cycles of the run"),
    ],
)
def test_every_law_is_asserted_with_its_figures(change: dict[str, Any], law: str) -> None:
    broken = replace(RESULT, channels=(replace(CHANNEL, **change),))
    with pytest.raises(ConservationError, match=re.escape(law)) as caught:
        made(broken)
    assert re.search(r"\(.* \d+", str(caught.value))


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"requests": 9}, "every request"),
        ({"cycles": 101}, "busy + idle"),
        ({"from_accept": replace(ONE[0], count=4)}, "every read returned"),
    ],
)
def test_laws_of_the_whole(change: dict[str, Any], law: str) -> None:
    with pytest.raises(ConservationError, match=re.escape(law)):
        made(replace(RESULT, **change))


def test_requests_that_share_a_command_are_judged_together() -> None:
    memory = arch.load("ddr3_1600").spec.resolve()
    shared = replace(memory, ops=(memory.ops[0], replace(memory.ops[1], command="RD")))
    commands = {"RD": 6, "ACT": 5, "PRE": 1, "PREA": 1, "REFA": 1}
    laws = conservation(shared, replace(RESULT, channels=(replace(CHANNEL, commands=commands),)))
    assert all(law.holds for law in laws)
    assert any(law.name.startswith("requests accepted") for law in laws)
    laws = conservation(shared, replace(RESULT, channels=(replace(CHANNEL, commands=commands | {"RD": 7}),)))
    assert not all(law.holds for law in laws)


@pytest.mark.parametrize("name", [entry.name for entry in arch.library() if entry.kind == "memory"])
def test_library_memories_report_what_is_declared(name: str) -> None:
    got = run(name)
    assert list(got.metrics) == list(got.units)
    for metric in got.metrics:
        assert sum(d.covers(metric) for d in METRICS) == 1
    fixed = [d.name for d in METRICS if "*" not in d.name]
    assert [m for m in got.metrics if not m.startswith("commands.")] == fixed
    memory = arch.load(name).spec.resolve()
    assert {m for m in got.metrics if m.startswith("commands.")} <= {
        f"commands.{c.name}" for c in memory.commands
    }
    assert all(law.holds for law in got.invariants) and len(got.invariants) >= 8
    assert sum(b.share for b in got.bound_by.values()) == 1.0
    assert (got.energy_joules is not None) == (memory.energy is not None)
    if got.energy_joules is not None:
        parts = [v for k, v in got.energy_joules.items() if k != "total"]
        assert sum(parts) == got.energy_joules["total"]
    assert Report.from_json(got.to_json()) == got


def test_metrics_are_declared_completely() -> None:
    assert len({d.name for d in METRICS}) == len(METRICS)
    assert all(isinstance(d, MetricDeclaration) and d.unit and d.meaning for d in METRICS)
    better = {d.name: d.less_is_better for d in METRICS}
    assert better["bandwidth"] is False and better["latency_from_arrival.p99"] is True
    assert MACHINE.metrics is METRICS


@pytest.mark.parametrize(
    "overrides",
    [
        ("controller.page_policy=closed",),
        ("channels=2", "front_end.mode=per_channel"),
        ("controller.refresh=none",),
        ("organization.ranks=2",),
    ],
)
def test_laws_hold_on_other_shapes(overrides: tuple[str, ...]) -> None:
    got = run("ddr3_1600", *overrides)
    channels = arch.load("ddr3_1600", overrides).spec.resolve().channels
    assert sum(b.cycles for b in got.bound_by.values()) == got.cycles["memory"] * channels


def test_same_inputs_same_bytes(tmp_path: Path) -> None:
    reports, files = [], []
    for attempt in ("a", "b"):
        paths: dict[str, Any] = {key: tmp_path / f"{attempt}_{key}.npz" for key in ("commands", "requests")}
        reports.append(run("hbm2_2000", **paths).to_json(host=False))
        files.append([path.read_bytes() for path in paths.values()])
    assert reports[0] == reports[1]
    assert files[0] == files[1]
    assert reports[0] == run("hbm2_2000").to_json(host=False)  # recording changes nothing


def test_files_and_tables_hold_the_same(tmp_path: Path) -> None:
    commands, requests = tmp_path / "c.npz", tmp_path / "r.npz"
    got = run("ddr4_2400", commands=commands, requests=str(requests), tables=("requests", "commands"))
    streams = read_command_file(commands, arch.load("ddr4_2400").spec.resolve())
    assert list(streams) == list(got.tables["commands"]) == ["commands"]
    assert np.array_equal(streams["commands"], got.tables["commands"]["commands"])
    with np.load(requests) as archive:
        assert archive.files == ["accept", "issue", "return"] == list(got.tables["requests"])
        for name in archive.files:
            assert np.array_equal(archive[name], got.tables["requests"][name])
            assert archive[name].dtype == np.int64 and archive[name].shape == (3000,)
    assert not run("ddr4_2400", commands=commands).tables
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.npz", "r.npz"]


def test_where_nothing_can_be_written_is_said_before_the_run(tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    kept.write_bytes(b"earlier")
    never = Trace("never", lambda: pytest.fail("the run has started"))
    for options, message in (
        ({"commands": tmp_path / "missing" / "c.npz"}, "No such file"),
        ({"requests": kept / "r.npz"}, "Not a directory"),
        ({"commands": tmp_path / "c.csv"}, ".npz"),
        ({"commands": kept, "requests": kept}, "two different outputs"),
        ({"requests": tmp_path / "nul\0.npz"}, "null"),
        ({"tables": ("colours",)}, "accepted commands, requests"),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            run("ddr3_1600", trace=never, **options)
    folder = tmp_path / "folder.npz"
    folder.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        run("ddr3_1600", trace=never, commands=folder)
    assert kept.read_bytes() == b"earlier"


def test_a_bad_request_keeps_earlier_files(tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    kept.write_bytes(b"earlier")
    with pytest.raises(InputError):
        run("ddr3_1600", trace=Trace.from_arrays([0, 1 << 40]), commands=kept)
    assert kept.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.npz"]


def test_no_reads_no_latency() -> None:
    got = run("ddr3_1600", trace=Trace.from_arrays(np.arange(50), np.ones(50)))
    assert got.metrics["latency_from_accept.mean"] is None
    assert got.metrics["latency_from_arrival.p99"] is None
    assert json.loads(got.to_json())["metrics"]["latency_from_accept.max"] is None


def texts(got: Report) -> dict[str, str]:
    return {entry.subject: f"{entry.confidence}: {entry.text}" for entry in got.assumptions}


def test_exactness_is_claimed_only_where_it_was_shown() -> None:
    few = Trace.from_arrays(np.arange(4))
    for name, overrides, exact in (
        ("ddr4_2400", ["controller.profile=ramulator21"], True),
        ("ddr4_2400", ["controller.profile=ramulator21_rowhit"], True),
        ("ddr4_2400", ["controller.profile=ramulator21", "controller.read_queue=16"], False),
        ("ddr4_2400", ["controller.profile=ramulator21", "channels=2", "front_end.mode=per_channel"], False),
        ("ddr4_2400", ["controller.profile=ramulator21", "controller.refresh=all_bank"], True),
        # Without refresh, figures were compared and no streams.
        ("ddr4_2400", ["controller.profile=ramulator21", "controller.refresh=none"], False),
        ("gddr6_14000", ["controller.profile=ramulator21"], True),
        ("ddr4_2400", ["controller.profile=ramulator21", "constraints.tFAW=null"], False),
        ("ddr4_2400", ["controller.profile=ramulator21", "timing.tRCD=20 nCK"], False),
        ("ddr3_1600", ["controller.profile=ramulator21"], False),
        ("ddr4_2400", [], False),
    ):
        text = texts(run(name, *overrides, trace=few))["commands"]
        assert ("command-exact with Ramulator 2.1" in text) == exact, (name, overrides)
    text = texts(run("hbm2_2000", "controller.profile=ramulator21", trace=few))["commands"]
    assert "of ddr4_2400, ddr4_3200, hbm2_2000 and gddr6_14000" in text


def test_no_percentage_above_the_peak() -> None:
    def shown(bandwidth: float) -> str:
        got = made(RESULT)
        page = Console(file=io.StringIO(), width=200)
        replace(got, metrics={**got.metrics, "bandwidth": bandwidth}).render(page)
        text: str = page.file.getvalue()  # type: ignore[attr-defined]
        return next(line for line in text.splitlines() if "bandwidth" in line)

    assert "100.0% of the peak of 12.8 GB/s" in shown(12.8e9)
    above = shown(12.9e9)
    assert "of the peak" not in above and "the peak is 12.8 GB/s" in above


def test_assumed_figures_of_the_run_are_listed() -> None:
    few = Trace.from_arrays(np.arange(4))
    one = texts(run("ddr4_2400", "timing.tFAW=30 nCK", trace=few))
    assert one["timing.tFAW"] == "assumed: --set timing.tFAW=30 nCK"
    assert not any("rank_switch" in subject for subject in one)
    assert any(
        "rank_switch" in subject for subject in texts(run("ddr4_2400", "organization.ranks=2", trace=few))
    )
    assert "refresh.postpone" in one
    assert "refresh.postpone" not in texts(run("ddr4_2400", "controller.refresh=none", trace=few))
    assert "no sourced set of currents" in one["energy_joules"]
    assert "without the data pins" in texts(run("ddr3_1600", trace=few))["energy_joules"]


def test_keys_without_effect_are_warned_about() -> None:
    assert run("ddr4_2400").warnings == ()
    got = run("ddr4_2400", "timing.tCS=3 nCK", "timing.tWR=20 ns", trace=Trace.from_arrays(np.arange(4)))
    assert got.warnings == (
        "timing.tCS: 3 nCK has no effect: there is one rank",
        "timing.tWR: 20 ns has no effect: what uses it never comes into play here",
    )
    assert json.loads(got.to_json())["warnings"] == list(got.warnings)
    assert Report.from_json(got.to_json()) == got


def test_provenance_tells_profiles_and_timings_apart() -> None:
    few = Trace.from_arrays(np.arange(4))
    seen = {
        run("ddr4_2400", *overrides, trace=few).provenance["timing_profile_sha256"]
        for overrides in ([], ["timing.tRTP=20 nCK"], ["controller.profile=ramulator21"],
                          ["controller.profile=ramulator21", "controller.read_queue=16"],
                          ["controller.profile=ramulator21", "controller.read_queue=17"])
    }  # fmt: skip
    assert len(seen) == 5
    got = run("ddr4_2400", "controller.profile=ramulator21", "controller.read_queue=16", trace=few)
    assert got.provenance["profile"] == got.system["profile"] == "custom(ramulator21)"
    assert got.provenance["timing_cycles"]["tRCD"] == 16
    assert got.provenance["workload_digest"] == few.digest()
    assert got.provenance["system_digest"] == got.system["digest"]
    assert got.provenance["clock_period"] == "833/1000000000000 s"


def test_progress_and_host() -> None:
    seen: list[tuple[int, int | None]] = []
    got = run("ddr3_1600", trace=mixed(60_000), progress=lambda done, total: seen.append((done, total)))
    assert seen and all(total == 60_000 and 0 <= done <= 60_000 for done, total in seen)
    assert got.host.peak_memory_bytes > 1 << 20
    assert got.host.kernel_cpu_seconds > 0 and got.host.wall_seconds > 0


def test_a_first_compilation_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    run("ddr3_1600", message=said.append)
    assert said == []
    monkeypatch.setattr("sim.dram.batch.warm_up", lambda memory, observe: None)
    monkeypatch.setattr("sim.jit.is_cached", lambda function: False)
    monkeypatch.setattr("sim.dram.batch.run_batch", lambda *args, **options: RESULT)
    run("ddr3_1600", message=said.append, trace=workloads.generate("stream"))
    assert len(said) == 1 and said[0].startswith("Compiling")
