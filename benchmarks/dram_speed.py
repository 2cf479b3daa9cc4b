"""How fast the DRAM channel is, beside Ramulator 2.1 on the same traces.

    python -m benchmarks.dram_speed                        # against the peer's CPU seconds measured earlier
    python -m benchmarks.dram_speed --peer 'CMD {device} {trace}'   # side by side, the peer built elsewhere

CPU seconds of one thread, kernel compiled, median of three.  ``CMD`` is any command that replays the flat
binary trace file ``{trace}`` (see :func:`write_flat`) on ``{device}`` and prints JSON with ``cpu_s``, the CPU
seconds of its simulation loop.  Without it the ratio is taken against figures from another machine, scaled
by a Python ``heapq`` score measured on both (6.5 M pop+push/s there).

The table in the documentation is made from ``benchmarks/measured/dram_speed.json``, which was written by
``--json`` of a side-by-side run; ``--machine`` gives the words for the computer.
"""

import argparse
import csv
import heapq
import json
import platform
import resource
import shlex
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import arch
import workloads
from sim.dram.batch import run_batch, warm_up
from sim.dram.channel import Channel

DEVICES = {"ddr4_2400": "c7", "ddr4_3200": "c7", "hbm2_2000": "c5", "gddr6_14000": "c6"}
TRACES = (
    "stream_read",
    "stream_rw21",
    "stream_ileave",
    "random_read",
    "random_rw30",
    "stride_33",
    "zipf_rw30",
    "chase_bank",
    "conflict_bank",
    "burst_idle",
    "poisson_half",
    "sparse_idle",
)
PEER_HEAPQ = 6.5e6
RECORDED = Path(__file__).with_name("ramulator21_cpu_seconds.csv")


@dataclass(frozen=True)
class Row:
    """One trace on one device: CPU seconds of both, requests per CPU second of ours, theirs / ours."""

    trace: str
    cpu_s: float
    peer_cpu_s: float
    requests_per_s: float
    ratio: float


def main() -> None:
    """Print the tables; ``--json FILE`` keeps the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="command that runs Ramulator 2.1, with {device} and {trace}")
    parser.add_argument("--devices", default=",".join(DEVICES), help="comma-separated (default: all four)")
    parser.add_argument("--profile", default="ramulator21")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="also peak memory with 2 M and 20 M requests")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--machine", default=platform.platform(), help="its name in that file")
    arguments = parser.parse_args()
    warm_up()
    call = resumed_call()
    print(f"one resumed call from Python: {call:.2f} µs")
    scale = 1.0 if arguments.peer else heapq_score() / PEER_HEAPQ
    devices: dict[str, list[Row]] = {}
    for device in arguments.devices.split(","):
        rows = devices[device] = []
        for row in measure(device, arguments.profile, arguments.repeat, arguments.peer, scale):
            rows.append(row)
            speed = f"{row.requests_per_s / 1e6:7.2f} M requests/s"
            print(f"{device:12} {row.trace:18} {speed} {row.ratio:7.1f}x", flush=True)
        ratios = [row.ratio for row in rows]
        mean = statistics.geometric_mean(ratios)
        print(f"{device:12} geometric mean {mean:.1f}x, least {min(ratios):.1f}x\n", flush=True)
    memory = peak_memory() if arguments.memory else {}
    for what, peak in memory.items():
        print(f"peak resident memory, {what}: {peak:.0f} MiB")
    if arguments.json:
        rows_by_device = {device: [asdict(row) for row in rows] for device, rows in devices.items()}
        figures = {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "machine": arguments.machine,
            "profile": arguments.profile,
            "repeat": arguments.repeat,
            "side_by_side": bool(arguments.peer),
            "resumed_call_us": call,
            "devices": rows_by_device,
            "peak_mib": memory,
        }
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(device: str, profile: str, repeat: int, peer: str | None, scale: float) -> Iterator[Row]:
    """One row per public trace."""
    memory = arch.load(device, [f"controller.profile={profile}"]).spec.resolve()
    recorded = {(r["device"], r["trace"]): float(r["cpu_s"]) for r in csv.DictReader(RECORDED.open())}
    for name in TRACES:
        trace_name = f"{name}_{DEVICES[device]}" if name == "stream_ileave" else name
        trace = workloads.load(trace_name, memory.organization.transaction_bytes)
        ours = statistics.median(run_batch(memory, trace).kernel_cpu_seconds for _ in range(repeat))
        if peer:
            theirs = statistics.median(run_peer(peer, device, trace) for _ in range(repeat))
        else:
            theirs = recorded[device, trace_name] / scale
        yield Row(trace_name, ours, theirs, (trace.requests or 0) / ours, theirs / ours)


def run_peer(command: str, device: str, trace: workloads.Trace) -> float:
    """CPU seconds that the peer reports for its simulation loop."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        write_flat(trace, Path(file.name))
        words = [word.format(device=device, trace=file.name) for word in shlex.split(command)]
        output = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return float(json.loads(output.strip().splitlines()[-1])["cpu_s"])


def write_flat(trace: workloads.Trace, path: Path) -> None:
    """Flat binary: magic, count, window, then (arrival, line << 1 | write) as little-endian uint64."""
    block = trace.to_arrays()
    records = np.empty((block.requests, 2), dtype="<u8")
    records[:, 0] = block.arrival
    records[:, 1] = (block.line << 1) | (block.op != workloads.READ)
    path.write_bytes(struct.pack("<8sQQ", b"DRTRACE1", block.requests, trace.window) + records.tobytes())


def resumed_call(calls: int = 100_000) -> float:
    """Microseconds of CPU per ``Channel.run`` that advances by one cycle."""
    channel = Channel(arch.load("ddr4_2400").spec.resolve())
    channel.run(1)
    started = time.process_time()
    for cycle in range(1, calls):
        channel.run(cycle + 1)
    return (time.process_time() - started) / calls * 1e6


def heapq_score() -> float:
    """Pop+push per second of a 64-entry heap, the yardstick between machines."""
    heap = list(range(64))
    n = 500_000
    started = time.process_time()
    for i in range(n):
        heapq.heapreplace(heap, heap[0] + i)
    return n / (time.process_time() - started)


def peak_memory() -> dict[str, float]:
    """Peak resident MiB of ``cyclewise run --json`` on long traces of several formats."""
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for requests in (2_000_000, 20_000_000):
            for suffix in (".npz", ".trace.gz"):
                path = Path(folder) / f"random{suffix}"
                workloads.save(workloads.generate("random", requests=requests, seed=1), str(path))
                code = "import resource,sys;from cyclewise.cli import main;\ntry: main()\nfinally: " + (
                    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
                )
                words = [sys.executable, "-c", code, "run", "ddr4_2400", str(path), "--json"]
                result = subprocess.run(words, capture_output=True, text=True)
                peaks[f"{requests // 1_000_000} M {suffix}"] = int(result.stderr.split()[-1]) / 1024
                path.unlink()
    return peaks


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
