"""The store: what is written is found again, damage costs the damaged records alone."""

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch.errors import InputError
from dse.evaluation import Task
from dse.store import Aside, Failure, Record, Store
from dse.store.record import line_of, record_of

CONFIG = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    max_size=4,
)


def record(n: int, *, passing: bool | None = None, value: float = 1.0) -> Record:
    failure = None if passing is None else Failure("timeout", "too long", passing=passing)
    metrics = {"time": value} if failure is None else None
    return Record(f"key{n:05}", Task({"size": n}, "w"), "digest", "version", metrics, failure)


def filled(folder: Path, *numbers: int) -> Path:
    with Store(folder).writer() as writer:
        for n in numbers:
            writer.append(record(n))
    return writer.path


@given(CONFIG, st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_a_record_is_read_as_it_was_written(config: dict[str, bool], value: float, text: str) -> None:
    written = Record(
        "k", Task(config, text, "full", 7), "d", "v", {text: value}, None, Aside("host", 3, 0.5, "now")
    )
    assert record_of(line_of(written)) == written
    failed = replace(written, metrics=None, failure=Failure("failed", text, "log", True))
    assert record_of(line_of(failed)) == failed


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    line = bytearray(line_of(record(3)))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError):
        record_of(bytes(line))


def test_files_of_several_writers_are_one_store(tmp_path: Path) -> None:
    filled(tmp_path, 3, 1)
    filled(tmp_path, 2)
    store = Store(tmp_path)
    assert [r.key for r in store] == ["key00001", "key00002", "key00003"]
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_a_line_cut_short_costs_itself_alone(tmp_path: Path) -> None:
    path = filled(tmp_path, *range(20))
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    store = Store(tmp_path)
    assert len(store) == 19 and [(d.path, d.line) for d in store.damaged] == [(path, 20)]
    filled(tmp_path, 19)  # a new file, not behind the torn line
    assert len(Store(tmp_path)) == 20


@pytest.mark.parametrize("seed", range(5))
def test_garbage_is_named_and_the_rest_kept(tmp_path: Path, seed: int) -> None:
    path = filled(tmp_path, *range(30))
    lines = path.read_bytes().splitlines(keepends=True)
    rng = random.Random(seed)
    bad = sorted(rng.sample(range(30), 4))
    lines[bad[0]] = rng.randbytes(40).replace(b"\n", b"") + b"\n"
    lines[bad[1]] = b"\n"
    lines[bad[2]] = lines[bad[2]].replace(b'"time":1.0', b'"time":2.0')
    lines[bad[3]] = b"{}\n"
    path.write_bytes(b"".join(lines))
    store = Store(tmp_path)
    assert {r.key for r in store} == {record(n).key for n in range(30) if n not in bad}
    assert [d.line for d in store.damaged] == [n + 1 for n in bad]
    assert str(store.damaged[0]).startswith(f"{path}:{bad[0] + 1}: ")


def test_a_final_record_goes_before_a_passing_failure(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for written in (record(1, passing=True), record(1), record(1, passing=True), record(1, value=5.0)):
        store.add(written)
    found = store.get("key00001")
    assert found is not None and found.metrics == {"time": 1.0}


def test_what_is_counted_as_synced_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress counts what was synced; a record waits for its sync no longer than 200 ms of pulses."""
    clock, synced = [0.0], []
    monkeypatch.setattr("dse.store.store.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("dse.store.store.os.fsync", lambda descriptor: synced.append(os.fstat(descriptor)))
    with Store(tmp_path).writer() as writer:
        writer.append(record(1))
        clock[0] = 0.19
        writer.append(record(2))
        assert (writer.written, writer.synced, synced) == (2, 0, [])
        clock[0] = 0.2
        writer.pulse()
        assert writer.synced == 2 and len(synced) == 1
        assert synced[0].st_size == sum(len(line_of(record(n))) for n in (1, 2))
        writer.append(record(3))
        assert writer.synced == 2
    assert writer.synced == 3 and len(synced) == 2


def test_nothing_is_made_before_there_is_something_to_keep(tmp_path: Path) -> None:
    with Store(tmp_path / "new").writer():
        pass
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot be written"),
        Store(tmp_path / "file" / "x").writer() as writer,
    ):
        writer.append(record(1))
