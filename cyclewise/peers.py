"""Other simulators' answers beside ours: the figures behind ``cyclewise validate dram``.

What peers answered lies in CSV tables, those carried in ``sim/published`` or a folder of the same tables.
Rows of a simulator whose scheduling we have a profile for must be equal; those of another are shown with
their difference, which tells of policy and not of right or wrong.
"""

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import arch
import sim
import workloads
from arch.device import Memory
from arch.errors import InputError
from arch.yaml_source import read_file
from sim.dram.batch import BatchResult, run_batch
from sim.dram.command_file import read_command_file
from workloads.public_traces import flat_digest

PUBLISHED = Path(sim.__file__).parent / "published"

EQUAL, DIFFERS, OTHER = "equal", "differs", "another policy"

# Columns of the peers' tables and where ours are.
_COMMANDS = {
    "act": ("ACT",),
    "pre": ("PRE",),
    "pre_all": ("PREA",),
    "rd": ("RD",),
    "wr": ("WR",),
    "ref": ("REFA",),
}
_LATENCY = ("p50", "p95", "p99", "max")
_TIMING = {"nCCDS": "tCCD_S", "nCCDL": "tCCD_L", "nRRDS": "tRRD_S", "nRRDL": "tRRD_L", "nWTRS": "tWTR_S"}
_TIMING |= {"nWTRL": "tWTR_L", "nRTPL": "tRTP", "nRFCab": "tRFC"}


class Answer(NamedTuple):
    """One figure: a peer's, ours, and the verdict; ``difference`` only where both are numbers."""

    table: str
    device: str
    peer: str
    case: str  # trace or sequence
    figure: str
    theirs: Any
    ours: Any
    difference: float | None
    verdict: str


@dataclass(frozen=True)
class _Tables:
    """The peers' tables as rows, by what they hold; a table that is not there is empty."""

    streams: Sequence[Mapping[str, str]]
    results: Sequence[Mapping[str, str]]
    micro_requests: Sequence[Mapping[str, str]]
    micro_commands: Sequence[Mapping[str, str]]
    traces: Sequence[Mapping[str, str]] = ()
    excerpts: Sequence[Path] = ()
    settings: Path | None = None
    where: str = "the tables in the package"


def carried() -> _Tables:
    """The tables in the package."""
    folder = PUBLISHED / "dram"
    return _Tables(
        streams=_rows(folder / "command_stream_sha256.csv"),
        results=_rows(folder / "results.csv"),
        micro_requests=_rows(folder / "micro_requests.csv"),
        micro_commands=_rows(folder / "micro_commands.csv"),
    )


def found_in(data: str) -> _Tables:
    """The tables in a folder of measured data: in ``expected/`` or directly.

    Raises:
        InputError: no such folder, no table in it, or one that is damaged.
    """
    root = Path(data)
    if not root.is_dir():
        raise InputError("is no folder of measured data", file=data)
    folder = root / "expected" if (root / "expected").is_dir() else root
    results = [row for file in sorted(folder.glob("results*.csv")) for row in _rows(file)]
    settings = root / "configs.yaml"
    tables = _Tables(
        streams=_rows(folder / "command_stream_sha256.csv"),
        results=results,
        micro_requests=_rows(folder / "micro_requests.csv"),
        micro_commands=_rows(folder / "micro_commands.csv"),
        traces=_rows(root / "trace_index.csv"),
        excerpts=sorted(folder.glob("commands_*.csv")),
        settings=settings if settings.is_file() else None,
        where=data,
    )
    if not any(value for key, value in vars(tables).items() if key != "where"):
        raise InputError("holds no tables of measured data", file=data, accepted="expected/results_*.csv, …")
    return tables


def compared(
    tables: _Tables, *, quick: bool = False, progress: Callable[[int, int | None], None] | None = None
) -> Iterator[Answer]:
    """Every figure of ``tables`` beside ours; ``quick`` leaves most of the runs out.

    Raises:
        InputError: a table names a memory or a trace that the library does not have, or is damaged.
    """
    published = read_file(PUBLISHED / "ramulator21.yaml", "ramulator21.yaml").data
    profiles: dict[str, list[str]] = published["profiles"]
    tolerance = {figure: float(value) for figure, value in published["tolerance"].items()}
    try:
        if tables.settings is not None:
            yield from _settings(tables.settings)
        yield from _traces(tables.traces, quick)
        yield from _micro(tables, profiles["ram"])
        runs = _runs(tables)
        if quick:
            runs = [run for run in runs if run.trace in published["quick"] and run.peer in profiles]
        for done, run in enumerate(runs):
            if progress is not None:
                progress(done, len(runs))
            yield from _answers_of(run, profiles, tolerance)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"a table of measured data is damaged ({error!r})", file=tables.where) from error


class _Run(NamedTuple):
    device: str
    peer: str
    trace: str
    stream: Mapping[str, str] | None
    result: Mapping[str, str] | None
    excerpt: Path | None


def _runs(tables: _Tables) -> list[_Run]:
    """What is to be run, each once, in the order of the tables."""
    streams = {(row["device"], row["sim"], row["trace"]): row for row in tables.streams}
    results = {(row["device"], row["sim"], row["trace"]): row for row in tables.results}
    excerpts = {path.stem.removeprefix("commands_"): path for path in tables.excerpts}
    keys = dict.fromkeys([*results, *streams])
    runs = []
    for device, peer, trace in keys:
        key = device, peer, trace
        excerpt = excerpts.get(f"{device}_{trace}") if peer == "ram" else None
        runs.append(_Run(device, peer, trace, streams.get(key), results.get(key), excerpt))
    return sorted(runs, key=lambda run: (run.trace, run.device))  # a trace is made once, then used by all


@cache
def _memory(device: str, settings: tuple[str, ...]) -> Memory:
    memory: Memory = arch.load(device, settings).spec.resolve()
    return memory


def _answers_of(
    run: _Run, profiles: Mapping[str, list[str]], tolerance: Mapping[str, float]
) -> Iterator[Answer]:
    ours = run.peer in profiles
    memory = _memory(run.device, tuple(profiles[run.peer if ours else "ram"]))
    if run.result is not None and run.result.get("status", "ok") != "ok":
        yield Answer(
            "results", run.device, run.peer, run.trace, "status", run.result["status"], "ok", None, OTHER
        )
        return
    keep = run.stream is not None or run.excerpt is not None
    trace = workloads.load(run.trace, memory.organization.transaction_bytes)
    result = run_batch(memory, trace, commands=keep, requests=run.result is not None)

    def answer(table: str, figure: str, theirs: Any, mine: Any) -> Answer:
        numbers = isinstance(theirs, (int, float)) and isinstance(mine, (int, float))
        difference = mine - theirs if numbers else None
        equal = theirs == mine if difference is None else abs(difference) <= tolerance.get(figure, 0)
        verdict = OTHER if not ours else EQUAL if equal else DIFFERS
        return Answer(table, run.device, run.peer, run.trace, figure, theirs, mine, difference, verdict)

    if run.stream is not None:
        assert result.commands is not None
        (stream,) = result.commands
        yield answer("streams", "commands", int(run.stream["commands"]), len(stream))
        yield answer("streams", "last command", int(run.stream["last_command_cycle"]), int(stream[-1, 0]))
        digest = hashlib.sha256(np.ascontiguousarray(stream, "<i8").data).hexdigest()
        yield answer("streams", "sha256", run.stream["sha256"], digest)
    if run.excerpt is not None:
        assert result.commands is not None
        yield _first_difference(run, memory, result.commands[0])
    if run.result is not None:
        mine = _figures(memory, trace, result)
        for figure, value in run.result.items():
            if figure in mine and value != "":
                exact = "." not in value
                yield answer("results", figure, int(value) if exact else float(value), mine[figure])


def _figures(memory: Memory, trace: workloads.Trace, result: BatchResult) -> dict[str, Any]:
    """Our figures under the names of the peers' columns."""
    (channel,) = result.channels
    assert result.request_table is not None
    reads = np.concatenate([block.op == workloads.READ for block in trace.blocks()])
    back = result.request_table["return"][reads]
    seconds = float(result.cycles * memory.clock_period)
    figures: dict[str, Any] = {
        "requests": result.requests,
        "reads": result.from_accept.count,
        "writes": result.requests - result.from_accept.count,
        "cycles": result.cycles,
        "last_accept_cycle": int(result.request_table["accept"].max()) + 1,
        "last_read_cycle": int(back.max()) if back.size else 0,
        "drained_cycle": max(result.cycles, channel.last_command_cycle),
        "avg_read_latency": result.from_accept.mean,
        "avg_latency_from_arrival": result.from_arrival.mean,
        "bandwidth_GBps": result.requests * memory.organization.transaction_bytes / seconds / 1e9,
        # Theirs counts every request as a burst, forwarded and coalesced ones too.
        "data_bus_utilisation": result.requests * memory.command("RD").burst / result.cycles,
        "row_hits": channel.row_hits,
        "row_misses": channel.row_misses,
        "row_conflicts": channel.row_conflicts,
        "reads_forwarded": channel.forwarded,
        "writes_coalesced": channel.coalesced,
    }
    figures |= {name: getattr(result.from_accept, name) for name in _LATENCY}
    figures |= {
        column: sum(channel.commands.get(name, 0) for name in names) for column, names in _COMMANDS.items()
    }
    return figures


def _first_difference(run: _Run, memory: Memory, stream: NDArray[np.int64]) -> Answer:
    """The peer's first commands against ours."""
    assert run.excerpt is not None
    theirs = read_command_file(run.excerpt, memory, device=run.device)["commands"]
    mine = stream[: len(theirs)]
    same = len(mine) == len(theirs) and bool((mine == theirs).all())
    at = len(theirs) if same else int(np.flatnonzero((mine != theirs[: len(mine)]).any(axis=1))[0])
    figure, verdict = "first commands equal", EQUAL if same else DIFFERS
    return Answer(
        "excerpts", run.device, run.peer, run.trace, figure, len(theirs), at, at - len(theirs), verdict
    )


def _micro(tables: _Tables, settings: Iterable[str]) -> Iterator[Answer]:
    """Hand-written sequences: accept cycle and latency of every request, and every command."""
    requests: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in tables.micro_requests:
        requests.setdefault((row["device"], row["sequence"]), []).append(row)
    commands: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in tables.micro_commands:
        commands.setdefault((row["device"], row["sequence"]), []).append(row)
    for (device, sequence), rows in requests.items():
        memory = _memory(device, tuple(settings))
        trace = workloads.Trace.from_arrays(
            [int(row["line"]) for row in rows],
            [row["op"] == "W" for row in rows],
            arrival=[int(row["arrival"]) for row in rows],
            name=sequence,
        )
        result = run_batch(memory, trace, commands=True, requests=True)
        assert result.commands is not None and result.request_table is not None
        accept, back = result.request_table["accept"].tolist(), result.request_table["return"].tolist()
        ours = [
            (a, b - a if row["op"] == "R" else None) for a, b, row in zip(accept, back, rows, strict=True)
        ]
        theirs = [
            (int(row["accept_cycle"]), int(row["read_latency"]) if row["read_latency"] else None)
            for row in rows
        ]
        yield _same("requests equal", device, sequence, theirs, ours)
        names = {command.code: command.name for command in memory.commands}
        stream = [(c, names[code], bank, arg) for c, code, bank, arg in result.commands[0].tolist()]
        told = [
            (int(row["clk"]), row["command"], int(row["bank"]), int(row["row_or_column"]))
            for row in commands.get((device, sequence), [])
        ]
        yield _same("commands equal", device, sequence, told, stream)


def _same(figure: str, device: str, case: str, theirs: Sequence[Any], ours: Sequence[Any]) -> Answer:
    equal = next((i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b), None)
    count = min(len(theirs), len(ours)) if equal is None else equal
    verdict = EQUAL if equal is None and len(theirs) == len(ours) else DIFFERS
    return Answer("sequences", device, "ram", case, figure, len(theirs), count, count - len(theirs), verdict)


def _traces(rows: Sequence[Mapping[str, str]], quick: bool) -> Iterator[Answer]:
    """Are the traces in our library the ones that were measured?"""
    for row in rows:
        name = row["trace"]
        if quick and int(row["requests"]) > 500_000:
            continue
        ours = flat_digest(workloads.load(name, 64))
        verdict = EQUAL if ours == row["sha256"] else DIFFERS
        yield Answer("traces", "", "trace", name, "sha256", row["sha256"], ours, None, verdict)


def _settings(path: Path) -> Iterator[Answer]:
    """Do our timings come to the cycles that the peers were given?"""
    devices = read_file(path, str(path)).data["devices"]
    for device, given in devices.items():
        memory = _memory(device, ())
        for name, cycles in given["ramulator"].items():
            if isinstance(cycles, int):
                timing = _TIMING.get(name, f"t{name[1:]}")
                ours = memory.timing.get(timing)
                verdict = EQUAL if ours == cycles else DIFFERS
                difference = None if ours is None else float(ours - cycles)
                yield Answer("settings", device, "ram", timing, "cycles", cycles, ours, difference, verdict)


def _rows(path: Path) -> list[dict[str, str]]:
    """A table; empty if there is no such file."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, strict=True))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=str(path)) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"is not a table ({error})", file=str(path)) from error
