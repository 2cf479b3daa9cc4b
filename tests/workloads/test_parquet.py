import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings

import workloads
from arch.errors import InputError
from tests.workloads.strategies import content, traces
from workloads.trace import Trace

SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


def table(path: Path, columns: dict[str, Any], window: str | None = None, **options: Any) -> Path:
    made = pa.table(columns)
    if window is not None:
        made = made.replace_schema_metadata({"window": window})
    pq.write_table(made, path, **options)
    return path


def read(path: Path, size: int = 64) -> Trace:
    trace = workloads.open_trace(str(path), size)
    trace.digest()
    return trace


def told(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read(path)
    message = str(error.value)
    assert message.startswith(str(path)), message
    assert "\n" not in message
    return message.removeprefix(str(path))


@SAME_FOLDER
@given(traces())
def test_round_trip(tmp_path: Path, trace: Trace) -> None:
    path = tmp_path / "t.parquet"
    workloads.save(trace, str(path))
    again = read(path)
    assert content(again) == content(trace)
    assert again.digest() == trace.digest()
    first = path.read_bytes()
    workloads.save(again, str(path))
    assert path.read_bytes() == first


def test_row_groups_do_not_matter(tmp_path: Path) -> None:
    trace = workloads.generate("poisson", requests=150_000, seed=3)
    block = trace.to_arrays()
    columns = {"line": block.line, "op": block.op, "arrival": block.arrival}
    for name, options in (("a", {"row_group_size": 7_001}), ("b", {"compression": "gzip"}), ("c", {})):
        again = read(table(tmp_path / name, columns, **options))
        assert again.digest() == trace.digest()
        assert again.requests == 150_000
        assert {b.requests for b in list(again.blocks(1000))} == {1000}


@pytest.mark.parametrize(
    "columns",
    [
        {"line": [1, 2, 9], "write": [False, True, True]},
        {"line": pa.array([1, 2, 9], pa.uint32()), "op": ["READ", "WRITE", "write"]},
        {"address": [64, 128, 600], "op": pa.array(["Read", "WRITE", "WRITE"]).dictionary_encode()},
        {"address": [64.0, 191.0, 576.0], "op": pa.array(["READ", "WRITE", "WRITE"], pa.large_string())},
        {"line": [1, 2, 9], "op": [0, 1, 1], "write": ["?", "?", "?"], "note": ["a", "b", None]},
    ],
)
def test_columns_as_data_frames_have_them(tmp_path: Path, columns: dict[str, Any]) -> None:
    trace = read(table(tmp_path / "t", {**columns, "arrival": [3, 4, 4]}, window="5"))
    assert content(trace) == ([3, 4, 4], [1, 2, 9], [0, 1, 1], [0, 0, 0], 5)


def test_packed_and_misnamed_files_are_read(tmp_path: Path) -> None:
    plain = table(tmp_path / "t.npz", {"line": [1, 2]})
    for pack, name in ((gzip.compress, "a"), (zstandard.compress, "b.trace")):
        (tmp_path / name).write_bytes(pack(plain.read_bytes()))
        assert read(tmp_path / name).digest() == read(plain).digest()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"write": [1]}, 'no column "line" or "address", only write'),
        ({"line": [1], "address": [64]}, 'both "line" and "address"'),
        ({"line": ["1"]}, "line: a column of type string (accepted: integers)"),
        ({"line": [[1]]}, "line: a column of type list"),
        ({"line": [None, 1]}, "line: request 0 has no value"),
        ({"line": [1, None]}, "line: request 1 has no value"),
        ({"line": [0.5]}, "line: request 0; given 0.5"),
        ({"line": [3, -2]}, "line: request 1; given -2"),
        ({"address": [3, -2]}, "address: request 1; given -2"),
        ({"line": pa.array([2**63], pa.uint64())}, f"line: request 0; given {2**63}"),
        ({"line": pa.array([], pa.int64())}, "holds no requests"),
        ({"line": [1], "write": [3]}, "write: request 0; given 3"),
        ({"line": [1, 2], "op": ["READ", "FETCH"]}, 'op: request 1; given "FETCH", accepted READ, WRITE'),
        ({"line": [1], "op": [128]}, "op: request 0; given 128"),
        ({"line": [1], "arrival": [-3]}, "arrival: request 0; given -3"),
        ({"line": [1], "arrival": pa.array([3], pa.timestamp("ns"))}, "arrival: a column of type timestamp"),
        ({"line": [1], "stream": [40_000]}, "stream: request 0; given 40000"),
    ],
)
def test_wrong_columns(tmp_path: Path, columns: dict[str, Any], expected: str) -> None:
    assert expected in told(table(tmp_path / "t.parquet", columns))


@pytest.mark.parametrize("window", ["-1", "", "x", "1.5", str(2**63), "9" * 40])
def test_wrong_windows(tmp_path: Path, window: str) -> None:
    assert "metadata window" in told(table(tmp_path / "t.parquet", {"line": [1]}, window=window))


def test_bad_value_far_back_is_named_by_its_request(tmp_path: Path) -> None:
    line = np.zeros(150_000, np.int64)
    line[140_000] = -1
    assert "line: request 140000; given -1" in told(table(tmp_path / "t", {"line": line}))
    names = np.full(150_000, "READ")
    names[140_001] = "LOAD"
    assert "op: request 140001" in told(table(tmp_path / "t", {"line": line * 0, "op": names}))


def test_truncated_and_damaged(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    workloads.save(Trace.from_arrays(np.arange(3000) * 7919 % 4096), str(path))
    data = path.read_bytes()
    for length in range(4, len(data), 311):
        path.write_bytes(data[:length])
        assert "damaged, cut short or unsupported .parquet file" in told(path)
    for at in range(40, 2000, 177):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        assert told(path)
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    assert "damaged" in told(path)


def test_is_compressed_by_itself(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="compressed by itself"):
        workloads.save(Trace.from_arrays([1]), str(tmp_path / "t.parquet.gz"))
