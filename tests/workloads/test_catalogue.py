import csv
from pathlib import Path

import numpy as np
import pytest

import workloads
from arch.errors import InputError
from workloads.dramsys_traces import DRAMSYS_TRACES
from workloads.public_traces import PUBLIC_TRACES, flat_digest
from workloads.sparse_matvec import sparse_matvec

INDEX = Path(__file__).parents[1] / "data" / "dram" / "trace_index.csv"
GOLDEN = {row["trace"]: row for row in csv.DictReader(INDEX.open())}


@pytest.mark.parametrize("name", GOLDEN)
def test_public_traces_are_the_published_bytes(name: str) -> None:
    trace, golden = workloads.load(name, 64), GOLDEN[name]
    assert flat_digest(trace) == golden["sha256"]
    found = workloads.info(trace)
    assert (found.requests, found.reads, found.writes) == tuple(
        int(golden[key]) for key in ("requests", "reads", "writes")
    )
    assert (found.window, found.last_arrival) == (int(golden["window"]), int(golden["last_arrival"]))
    assert found.timed == (golden["timed"] == "1")
    assert (found.footprint_lines, found.footprint_exact) == (int(golden["distinct_lines"]), True)


def test_flat_digest_of_a_trace_of_unknown_length(tmp_path: Path) -> None:
    path = tmp_path / "t.trace"
    path.write_text("LD 64\nST 128\n")
    text, arrays = workloads.open_trace(str(path), 64), workloads.Trace.from_arrays([1, 2], [0, 1])
    assert text.requests is None
    assert flat_digest(text) == flat_digest(arrays)


def test_every_library_workload_loads() -> None:
    entries = workloads.library()
    assert {entry.name for entry in entries} == {"spmv", *PUBLIC_TRACES, *DRAMSYS_TRACES}
    assert set(PUBLIC_TRACES) == set(GOLDEN)
    for entry in entries:
        assert entry.kind == "trace"
        assert entry.title
        assert entry.path is None or entry.path.is_file()
        trace = workloads.load(entry.name, 32)
        assert trace.name == entry.name
        block = next(iter(trace.blocks(100)))
        assert block.requests == 100
        assert block.line.max() < 2**24  # fits 512 MiB of 32-byte transactions


def test_carried_trace_is_what_its_script_makes() -> None:
    made, carried = sparse_matvec(), workloads.load("spmv", 64)
    assert carried.digest() == made.digest()
    assert 50_000 <= (carried.requests or 0) <= 100_000
    entry = next(entry for entry in workloads.library() if entry.name == "spmv")
    assert entry.path is not None
    assert entry.path.stat().st_size < 300_000
    # Every row of y is written once, and the matrix is read once: 8 entries or 16 indices per line.
    block = made.to_arrays()
    assert int((block.op == 1).sum()) == 24_000 // 8
    values = block.line[(block.line >= 0x0400_0000 // 64) & (block.line < 0x0800_0000 // 64)]
    assert np.array_equal(values, 0x0400_0000 // 64 + np.arange(24_000 * 6 // 8))


def test_unknown_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match='did you mean "random_read"'):
        workloads.load("radom_read", 64)
    for name in ("", "\0", "x" * 5000, "no/such.trace"):
        with pytest.raises(InputError, match="no such file or library workload"):
            workloads.load(name, 64)
    with pytest.raises(InputError, match="transaction_bytes"):
        workloads.load("spmv", 0)
    monkeypatch.chdir(tmp_path)
    Path("spmv").write_text("LD 0\n")
    assert workloads.load("./spmv", 64).to_arrays().requests == 1
    assert workloads.load("spmv", 64).path != "spmv"
