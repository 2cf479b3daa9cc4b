import gzip
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workloads
from arch.errors import InputError
from tests.workloads.strategies import content, traces
from workloads.trace import Trace

TEXT = "LD 0x40\nST 0x80\nLD 192\n"
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path, transaction_bytes: int = 64) -> Trace:
    trace = workloads.open_trace(str(path), transaction_bytes)
    trace.digest()
    return trace


def told(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read(path)
    message = str(error.value)
    assert message.startswith(str(path)), message
    assert "\n" not in message
    return message.removeprefix(str(path))


def save_npz(path: Path, **columns: Any) -> Path:
    np.savez_compressed(path, **columns)
    return path


# ------------------------------------------------------------------------------- round trips


@SAME_FOLDER
@given(traces())
def test_npz_round_trip(tmp_path: Path, trace: Trace) -> None:
    path = tmp_path / "t.npz"
    workloads.save(trace, str(path))
    again = read(path)
    assert content(again) == content(trace)
    assert again.digest() == trace.digest()
    first = path.read_bytes()
    workloads.save(again, str(path))
    assert path.read_bytes() == first


@SAME_FOLDER
@given(
    traces(text_only=True),
    st.sampled_from(["load_store", "read_write", "address_first"]),
    st.sampled_from(["", ".gz", ".zst"]),
    st.sampled_from([1, 32, 64]),
)
def test_text_round_trip(tmp_path: Path, trace: Trace, format: Any, suffix: str, size: int) -> None:
    path = tmp_path / f"t.trace{suffix}"
    workloads.save(trace, str(path), transaction_bytes=size, format=format)
    again = read(path, size)
    assert content(again) == content(trace)
    assert again.digest() == trace.digest()
    first = path.read_bytes()
    workloads.save(again, str(path), transaction_bytes=size, format=format)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


@SAME_FOLDER
@given(
    traces(timed_text=True),
    st.sampled_from(["dramsim3", "dramsys"]),
    st.sampled_from(["", ".gz", ".zst"]),
    st.sampled_from([1, 32, 64]),
)
def test_timed_text_round_trip(tmp_path: Path, trace: Trace, format: Any, suffix: str, size: int) -> None:
    path = tmp_path / f"t.trace{suffix}"
    workloads.save(trace, str(path), transaction_bytes=size, format=format)
    again = read(path, size)
    assert content(again) == content(trace)
    assert again.digest() == trace.digest()
    first = path.read_bytes()
    workloads.save(again, str(path), transaction_bytes=size, format=format)
    assert path.read_bytes() == first


@SAME_FOLDER
@given(traces(text_only=True))
def test_the_digest_is_the_same_in_every_format(tmp_path: Path, trace: Trace) -> None:
    for format in workloads.FORMATS:
        if format != "read_write_vector":
            workloads.save(trace, str(tmp_path / "t"), format=format)
            assert read(tmp_path / "t").digest() == trace.digest()


def test_what_timed_text_cannot_hold(tmp_path: Path) -> None:
    path = str(tmp_path / "t.stl")
    for columns, what in (
        ({"window": 1}, "window of 1"),
        ({"stream": [0, 1]}, "streams"),
        ({"op": [2, 1]}, "oper"),
    ):
        trace = Trace.from_arrays([1, 2], arrival=[3, 4], **columns)
        with pytest.raises(InputError, match=what):
            workloads.save(trace, path)
        workloads.save(trace, path, lossy=True)
        assert read(Path(path)).to_arrays().arrival.tolist() == ([4] if "op" in columns else [3, 4])
    late = Trace.from_arrays([1], arrival=[2**32])
    with pytest.raises(InputError, match="as DRAMSys reads"):
        workloads.save(late, path)
    workloads.save(late, path, format="dramsim3")
    assert read(Path(path)).digest() == late.digest()
    with pytest.raises(InputError, match="relative to each other"):
        workloads.save(late, str(tmp_path / "t.rstl.gz"), format="dramsys")


def test_blocks_span_members_and_pieces_of_long_files(tmp_path: Path) -> None:
    trace = workloads.generate("zipf", requests=200_001, seed=3)
    for name in ("t.npz", "t.trace", "t.rw.gz", "t.txt.zst", "t.parquet", "t.stl.zst"):
        workloads.save(trace, str(tmp_path / name))
        again = workloads.open_trace(str(tmp_path / name), 64)
        assert {b.requests for b in list(again.blocks(1000))[:-1]} == {1000}
        assert again.digest() == trace.digest()
        assert again.requests == 200_001


def test_reads_what_numpy_writes(tmp_path: Path) -> None:
    line = np.arange(10, dtype=np.uint64)
    path = save_npz(
        tmp_path / "t.npz", line=line, write=np.ones(10, np.uint8), arrival=line * 3, window=4, col_bits=7,
        note=np.array(["kept", "out"]),
    )  # fmt: skip
    assert content(read(path)) == (list(range(0, 30, 3)), list(range(10)), [1] * 10, [0] * 10, 4)
    np.savez(tmp_path / "plain.npz", line=line.astype(">u4"), op=np.full(10, 2))
    assert content(read(tmp_path / "plain.npz"))[2] == [2] * 10


def test_numpy_reads_what_we_write(tmp_path: Path) -> None:
    trace = Trace.from_arrays([7, 8], [0, 1], arrival=[5, 6], window=9)
    workloads.save(trace, str(tmp_path / "t.npz"))
    with np.load(tmp_path / "t.npz") as loaded:
        assert {key: loaded[key].tolist() for key in loaded} == {
            "arrival": [5, 6],
            "line": [7, 8],
            "write": [0, 1],
            "window": 9,
        }
        assert loaded["line"].dtype == np.uint64


def test_names_do_not_matter(tmp_path: Path) -> None:
    packed = tmp_path / "a.npz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert read(packed).to_arrays().line.tolist() == [1, 2, 3]
    plain = tmp_path / "b.gz"
    plain.write_text(TEXT)
    assert read(plain).digest() == read(packed).digest()
    columns = tmp_path / "c.trace"
    workloads.save(read(plain), str(columns), format="npz")
    assert read(columns).digest() == read(packed).digest()
    for pack, name in ((gzip.compress, "d"), (zstandard.compress, "e")):
        (tmp_path / name).write_bytes(pack(columns.read_bytes()))
        assert read(tmp_path / name).digest() == read(packed).digest()


def test_concatenated_frames(tmp_path: Path) -> None:
    for pack, name in ((gzip.compress, "a.gz"), (zstandard.compress, "b.zst")):
        (tmp_path / name).write_bytes(pack(b"LD 0x40\nST 0x") + pack(b"80\nLD 192"))
        assert read(tmp_path / name).to_arrays().line.tolist() == [1, 2, 3]


def test_name_is_the_stem() -> None:
    from workloads.files import stem

    assert stem("/x/a.b.trace.gz") == "a.b"
    assert stem("a.npz") == "a"
    assert stem("run.5") == "run.5"


# ------------------------------------------------------------------------------- bad files


def test_missing_directory_empty(tmp_path: Path) -> None:
    assert told(tmp_path / "none") == ": no such file"
    assert "is a directory" in told(tmp_path)
    (tmp_path / "empty").write_bytes(b"")
    assert "is empty" in told(tmp_path / "empty")
    for name, data in (
        ("e.gz", gzip.compress(b"")),
        ("e.zst", zstandard.compress(b"")),
        ("c", b"# only\n\n"),
    ):
        (tmp_path / name).write_bytes(data)
        assert told(tmp_path / name) == ": holds no requests"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_every_truncation_of_compressed_text_is_told(tmp_path: Path, pack: Any) -> None:
    data = pack("".join(f"LD {i * 7919 % 4096}\n" for i in range(400)).encode())
    path = tmp_path / "t"
    for length in [*range(4, len(data), 7), len(data) - 1]:
        path.write_bytes(data[:length])
        assert "cut short" in told(path)


@pytest.mark.parametrize(
    "pack", [gzip.compress, lambda d: zstandard.ZstdCompressor(write_checksum=True).compress(d)]
)
def test_damaged_compressed_text_is_told(tmp_path: Path, pack: Any) -> None:
    data = bytearray(pack("".join(f"LD {i * 7919 % 4096}\n" for i in range(400)).encode()))
    data[len(data) // 2] ^= 0x55
    (tmp_path / "t").write_bytes(data)
    assert told(tmp_path / "t")


def test_truncated_npz(tmp_path: Path) -> None:
    path = save_npz(tmp_path / "t.npz", line=np.arange(1000))
    data = path.read_bytes()
    for length in range(4, len(data), 97):
        path.write_bytes(data[:length])
        assert "cut short" in told(path)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"write": [1]}, 'no column "line", only write'),
        ({"line": [1, 2], "write": [1]}, "columns of unequal length: line 2, write 1"),
        ({"line": [1, 2], "op": [1, 1], "write": [1]}, "columns of unequal length"),
        ({"line": []}, "holds no requests"),
        ({"line": [[1]]}, "line: an array of shape (1, 1)"),
        ({"line": ["x"]}, "line: an array of dtype <U1"),
        ({"line": [0.5]}, "line: request 0; given 0.5, accepted integers from 0"),
        ({"line": [3, -2]}, "line: request 1; given -2"),
        ({"line": np.array([2**63], np.uint64)}, f"line: request 0; given {2**63}"),
        ({"line": [1], "write": [3]}, "write: request 0; given 3, accepted integers from 0 to 1"),
        ({"line": [1], "arrival": [-3]}, "arrival: request 0; given -3"),
        ({"line": [1], "window": -3}, "window: request 0; given -3"),
        ({"line": [1], "window": [1, 2]}, "window: an array of dtype int64 and shape (2,)"),
        ({"line": [1], "window": "x"}, "window: an array of dtype"),
        ({"line": np.array([{}], object)}, "line: an array of dtype object"),
    ],
)
def test_wrong_columns(tmp_path: Path, columns: dict[str, Any], expected: str) -> None:
    assert expected in told(save_npz(tmp_path / "t.npz", **columns))


def test_bad_value_far_back_is_named_by_its_request(tmp_path: Path) -> None:
    line = np.zeros(150_000, np.int64)
    line[140_000] = -1
    assert "line: request 140000; given -1" in told(save_npz(tmp_path / "t.npz", line=line))


def test_npz_with_pickles_and_nonsense_headers_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    for member in (b"", b"\x93NUMPY", b"\x93NUMPY\x09\x00", b"\x93NUMPY\x01\x00\x04\x00{(((", b"no array"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("line.npy", member)
        assert "line: not a NumPy array" in told(path)


def test_npz_with_more_or_less_data_than_its_header_says(tmp_path: Path) -> None:
    path = save_npz(tmp_path / "t.npz", line=np.arange(10))
    with zipfile.ZipFile(path) as archive:
        member = archive.read("line.npy")
    for data, expected in ((member + b"x", "more than its header says"), (member[:-1], "cut short")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("line.npy", data)
        assert expected in told(path)


# ------------------------------------------------------------------------------- saving


def test_what_text_cannot_hold_is_refused_unless_lossy(tmp_path: Path) -> None:
    path = str(tmp_path / "t.trace")
    for columns, what in (
        ({"window": 1}, "window of 1"),
        ({"arrival": [0, 5]}, "arrival times"),
        ({"stream": [0, 1]}, "streams"),
        ({"op": [2, 1]}, "operations"),
    ):
        trace = Trace.from_arrays([1, 2], **columns)
        with pytest.raises(InputError, match=what):
            workloads.save(trace, path)
        assert list(tmp_path.iterdir()) == []
        workloads.save(trace, path, lossy=True)
        assert read(Path(path)).to_arrays().line.tolist() == ([2] if "op" in columns else [1, 2])
        (tmp_path / "t.trace").unlink()


def test_save_refuses_bad_targets(tmp_path: Path) -> None:
    trace = Trace.from_arrays([1])
    for name, expected in (
        ("t.doc", "no trace format for this name"),
        ("t", "no trace format"),
        ("t.npz.gz", "compressed by itself"),
        ("none/t.npz", "cannot be written"),
        ("\0.npz", "is not the path"),
    ):
        with pytest.raises(InputError, match=expected):
            workloads.save(trace, str(tmp_path / name))
    with pytest.raises(InputError, match="unknown trace format"):
        workloads.save(trace, str(tmp_path / "t"), format="csv")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="only for a given memory"):
        workloads.save(trace, str(tmp_path / "t"), format="read_write_vector")
    with pytest.raises(InputError, match="transaction_bytes"):
        workloads.save(trace, str(tmp_path / "t.npz"), transaction_bytes=0)
    with pytest.raises(InputError, match="63 bits"):
        workloads.save(Trace.from_arrays([2**60]), str(tmp_path / "t.trace"))
    assert list(tmp_path.iterdir()) == []


def test_failed_save_keeps_the_earlier_file(tmp_path: Path) -> None:
    target = tmp_path / "t.npz"
    workloads.save(Trace.from_arrays([1]), str(target))
    before = target.read_bytes()
    bad = tmp_path / "bad.trace"
    bad.write_text("LD 1\nLD x\n")
    with pytest.raises(InputError, match=r"bad\.trace:2"):
        workloads.save(read(bad), str(target))
    assert target.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.trace", "t.npz"]


# ------------------------------------------------------------------------------- mutation


@pytest.fixture(scope="module")
def valid_files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The bytes of one valid file of each kind."""
    folder = tmp_path_factory.mktemp("valid")
    trace = Trace.from_arrays([1, 2, 300, 4000], [0, 1, 1, 0], arrival=[0, 1, 1, 5], window=2)
    plain = Trace.from_arrays(np.arange(30) * 77, np.arange(30) % 2)
    workloads.save(trace, str(folder / "a.npz"))
    np.savez(folder / "b.npz", line=np.arange(5), write=np.zeros(5, bool), window=1)
    for name in ("c.trace", "d.rw.gz", "e.trace.zst"):
        workloads.save(plain, str(folder / name))
    workloads.save(plain, str(folder / "f.txt"), format="address_first")
    (folder / "g.txt").write_text("# head\nR 0,0,1,2\n\nW 0,0,1,3\n")
    workloads.save(trace, str(folder / "h.parquet"))
    workloads.save(plain, str(folder / "i.txt"), format="dramsim3")
    (folder / "j.stl").write_text("0:\tread\t0x40\n31: (128) write 0x80 0x00ff\n# c\n40: read 0x1000\n")
    (folder / "k.txt").write_text("3 20734016\n8 20841280 20841280\n")
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[float, int, bytes]]:
    """(where, how many bytes to take out, what to put in), a few of them."""
    piece = st.binary(max_size=3) | st.sampled_from([b"\n", b" ", b"#", b"-", b"\xff" * 8, b"0x", b"\0" * 4])
    return draw(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), piece), min_size=1, max_size=3))


@settings(SAME_FOLDER, max_examples=500)
@given(which=st.integers(0, 10), changes=edits())
def test_mutated_files_raise_input_errors_only(
    valid_files: list[bytes], tmp_path: Path, which: int, changes: list[tuple[float, int, bytes]]
) -> None:
    data = valid_files[which]
    for where, out, put in changes:
        at = int(where * len(data))
        data = data[:at] + put + data[at + out :]
    path = tmp_path / "mutated"
    path.write_bytes(data)
    try:
        clock = workloads.TraceClock(Fraction(4, 3)) if which == 10 else None
        trace = workloads.open_trace(str(path), 64, clock=clock)
        for block in trace.blocks():
            assert block.line.min() >= 0
            assert block.arrival.min() >= 0
    except InputError as error:
        assert "\n" not in str(error)


@settings(SAME_FOLDER, max_examples=200)
@given(
    data=st.binary(max_size=80),
    head=st.sampled_from(
        [b"", b"PK\x03\x04", b"PAR1", b"1: ", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"LD "]
    ),
)
def test_random_files_raise_input_errors_only(tmp_path: Path, data: bytes, head: bytes) -> None:
    path = tmp_path / "random"
    path.write_bytes(head + data)
    try:
        workloads.open_trace(str(path), 64).digest()
    except InputError as error:
        assert "\n" not in str(error)
