"""Tables of a run, made the slow way from its command stream and its requests."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import cyclewise as cw
from sim.report import Report

TRANSACTION = 64
Tables = dict[str, dict[str, Any]]


def recorded(
    system: str,
    *,
    requests: int = 2000,
    write_share: float = 0.3,
    gap: float = 0.0,
    settings: tuple[str, ...] = (),
) -> tuple[Report, Tables]:
    """A run of random requests, ``gap`` cycles apart on average, and its tables."""
    loaded = cw.load(system, list(settings))
    rng = np.random.default_rng(1)
    arrival = np.floor(np.cumsum(rng.exponential(gap, requests))).astype(np.int64) if gap else None
    write = rng.random(requests) < write_share
    trace = cw.Trace.from_arrays(rng.integers(0, 1 << 18, requests), write, arrival=arrival, name="random")
    result = cw.run(loaded, trace, commands=True, requests=True)
    assert result.commands is not None and result.requests is not None
    at = np.zeros(requests, np.int64) if arrival is None else arrival
    memory: Any = loaded.spec.resolve()
    organization = memory.organization
    tables: Tables = {
        "over_time": _over_time(result.commands, result.requests, write, organization.transaction_bytes),
        "latency": _latency(result.requests, write, at),
        "bank_activity": _banks(result.commands, organization.groups * organization.banks),
    }
    return result.report, tables


def _over_time(
    commands: tuple[NDArray[np.int64], ...],
    requests: dict[str, NDArray[np.int64]],
    write: NDArray[Any],
    size: int,
) -> dict[str, Any]:
    end = max(int(stream[-1, 0]) + 1 for stream in commands if len(stream))
    width = _power_of_two(end, 1024)
    edges = np.minimum(np.arange(-(-end // width) + 1) * width, end)
    rows: dict[str, list[Any]] = {
        name: []
        for name in (
            "component", "start", "cycles", "read_bytes", "written_bytes",
            "read_queue_depth", "write_queue_depth", "refreshes", "activates",
        )
    }  # fmt: skip
    accept, issue = requests["accept"], requests["issue"]
    for k, stream in enumerate(commands):
        counts = {code: np.histogram(stream[stream[:, 1] == code, 0], edges)[0] for code in range(6)}
        rows["component"] += [f"ch{k}"] * (len(edges) - 1)
        rows["start"] += edges[:-1].tolist()
        rows["cycles"] += np.diff(edges).tolist()
        rows["read_bytes"] += (counts[3] * float(size)).tolist()
        rows["written_bytes"] += (counts[4] * float(size)).tolist()
        for name, mine in (("read_queue_depth", ~write), ("write_queue_depth", write)):
            chosen = mine & (issue >= 0)
            held = np.maximum(
                np.minimum(issue[chosen], edges[1:, None]) - np.maximum(accept[chosen], edges[:-1, None]),
                0,
            ).sum(axis=1)
            rows[name] += (held / np.diff(edges) / len(commands)).tolist()
        rows["refreshes"] += counts[5].tolist()
        rows["activates"] += counts[0].tolist()
    return rows


def _latency(
    requests: dict[str, NDArray[np.int64]], write: NDArray[Any], arrival: NDArray[Any]
) -> dict[str, Any]:
    rows: dict[str, list[Any]] = {"since": [], "from_cycles": [], "to_cycles": [], "reads": []}
    for since, began in (("arrival", arrival), ("accept", requests["accept"])):
        waits = (requests["return"] - began)[~write]
        octave = np.maximum(np.floor(np.log2(np.maximum(waits, 1))).astype(np.int64), 7)
        width = 1 << (octave - 7)
        starts, first, reads = np.unique(waits // width * width, return_index=True, return_counts=True)
        rows["since"] += [since] * len(starts)
        rows["from_cycles"] += starts.tolist()
        rows["to_cycles"] += (starts + width[first]).tolist()
        rows["reads"] += reads.tolist()
    return rows


def _banks(commands: tuple[NDArray[np.int64], ...], _: int) -> dict[str, Any]:
    end = max(int(stream[-1, 0]) + 1 for stream in commands if len(stream))
    width = _power_of_two(end, 128)
    rows: dict[str, list[Any]] = {
        name: [] for name in ("component", "bank", "start", "cycles", "activates", "column_commands")
    }
    for k, stream in enumerate(commands):
        kept = stream[np.isin(stream[:, 1], (0, 3, 4))]
        cells, where = np.unique(
            np.stack([kept[:, 2], kept[:, 0] // width], axis=1), axis=0, return_inverse=True
        )
        where = where.ravel()
        activates = np.bincount(where, kept[:, 1] == 0, len(cells)).astype(int)
        columns = np.bincount(where, kept[:, 1] != 0, len(cells)).astype(int)
        rows["component"] += [f"ch{k}"] * len(cells)
        rows["bank"] += cells[:, 0].tolist()
        rows["start"] += (cells[:, 1] * width).tolist()
        rows["cycles"] += np.minimum(width, end - cells[:, 1] * width).tolist()
        rows["activates"] += activates.tolist()
        rows["column_commands"] += columns.tolist()
    return rows


def _power_of_two(end: int, bins: int) -> int:
    width = 1
    while -(-end // width) > bins:
        width *= 2
    return width
