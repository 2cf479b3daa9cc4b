"""Command streams to files and back, files of other simulators, and files that are broken."""

import contextlib
import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest

import arch
from arch.device import Command, Memory
from arch.errors import InputError
from sim.dram.command_file import read_command_file, write_command_file

STREAM = np.array([[1, 0, 3, 5], [17, 3, 3, 2], [21, 6, 3, 4], [60, 2, -1, -1]], np.int64)


@pytest.fixture(scope="module")
def memory() -> Memory:
    resolved = arch.load("ddr4_2400").spec.resolve()
    assert isinstance(resolved, Memory)
    return resolved


def test_one_channel_and_back(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    write_command_file(path, [STREAM], memory)
    with np.load(path) as file:
        assert set(file.files) == {"commands", "command_codes", "command_names"}
        assert file["commands"].dtype == np.int64
        assert dict(zip(file["command_codes"].tolist(), file["command_names"].tolist(), strict=True)) == {
            command.code: command.name for command in memory.commands if command.code > 5
        }
    streams = read_command_file(path, memory)
    assert list(streams) == ["commands"]
    np.testing.assert_array_equal(streams["commands"], STREAM)


def test_several_channels_in_order(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "many.npz"
    write_command_file(path, [STREAM[:k] for k in range(12)], memory)
    streams = read_command_file(path, memory)
    assert list(streams) == [f"commands_ch{k}" for k in range(12)]
    assert [len(stream) for stream in streams.values()] == [min(k, 4) for k in range(12)]


def test_the_same_streams_make_the_same_bytes_and_leave_nothing_else(memory: Memory, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_command_file(tmp_path / name, [STREAM], memory)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_codes_go_by_name(memory: Memory, tmp_path: Path) -> None:
    """The file's 6 is RDA; a device that numbers RDA 9 reads it as that."""
    path = tmp_path / "one.npz"
    write_command_file(path, [STREAM], memory)
    others = tuple(command for command in memory.commands if command.name != "RDA")
    renumbered = dataclasses.replace(
        memory, commands=(*others, Command("RDA", 9, "bank", "read", closes=True))
    )
    assert read_command_file(path, renumbered)["commands"][:, 1].tolist() == [0, 3, 9, 2]
    with pytest.raises(
        InputError, match=r"command_names: ddr4_2400 has no such command.*given .?RDA.*accepted ACT"
    ):
        read_command_file(path, dataclasses.replace(memory, commands=others))


def _npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"commands": STREAM.astype(np.float64)},
            r"commands: wrong array.*given .?float64 \(4, 4\).*accepted int64",
        ),
        ({"commands": STREAM[:, :3]}, r"commands: wrong array.*given .?int64 \(4, 3\)"),
        ({"commands": STREAM}, "commands: unnamed command code.*given 6"),
        ({"rows": STREAM}, "holds rows, but no command stream.*accepted.*commands"),
        ({}, "is empty, but no command stream"),
        ({"commands": np.array([[1 << 63, 0, 0, 0]], np.uint64)}, "numbers too large"),
        (
            {"commands": STREAM, "command_codes": [6], "command_names": [6]},
            "command_codes, command_names: wrong",
        ),
        ({"commands": STREAM, "command_codes": [6], "command_names": ["RDA", "WRA"]}, "wrong arrays"),
        ({"commands": STREAM, "command_codes": [6], "command_names": ["RDDA"]}, 'did you mean "RDA"'),
        ({"commands": np.array([[None] * 4])}, r"is not a whole \.npz archive"),
    ],
)
def test_wrong_archives(memory: Memory, tmp_path: Path, arrays: dict[str, object], words: str) -> None:
    path = _npz(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(InputError, match=words) as error:
        read_command_file(path, memory)
    assert str(error.value).startswith(str(path))


def test_archives_that_are_not_whole(memory: Memory, tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    write_command_file(whole, [np.tile(STREAM, (500, 1))], memory)
    data = whole.read_bytes()
    path = tmp_path / "part.npz"
    middle = len(data) // 4
    for part in (
        data[:-30],
        data[: len(data) // 2],
        data[:3],
        b"",
        b"text",
        data[:middle] + bytes(200) + data[middle + 200 :],
    ):
        path.write_bytes(part)
        with pytest.raises(InputError, match=r"is not a whole \.npz archive"):
            read_command_file(path, memory)


def test_overwritten_bytes_never_surface_as_anything_else(memory: Memory, tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    write_command_file(whole, [np.tile(STREAM, (20, 1))], memory)
    data = np.frombuffer(whole.read_bytes(), np.uint8)
    random = np.random.default_rng(7)
    path = tmp_path / "mutated.npz"
    for _ in range(300):
        mutated = data.copy()
        mutated[random.integers(0, len(data), 3)] = random.integers(0, 256, 3, np.uint8)
        path.write_bytes(mutated.tobytes())
        with contextlib.suppress(InputError):
            assert all(stream.shape[1] == 4 for stream in read_command_file(path, memory).values())


def test_a_bare_array_is_no_archive(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "bare.npz"
    buffer = io.BytesIO()
    np.save(buffer, STREAM)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match=r"is not a whole \.npz archive"):
        read_command_file(path, memory)


def test_files_that_cannot_be_opened(memory: Memory, tmp_path: Path) -> None:
    for name in ("none.npz", "none.csv"):
        with pytest.raises(InputError, match="cannot be read: No such file"):
            read_command_file(tmp_path / name, memory)
    with pytest.raises(InputError, match="is a folder"):
        read_command_file(tmp_path, memory)


def test_streams_of_the_wrong_shape_are_not_written(memory: Memory, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stream 0"):
        write_command_file(tmp_path / "x.npz", [STREAM[:, :2]], memory)
    with pytest.raises(ValueError, match="no command stream"):
        write_command_file(tmp_path / "x.npz", [], memory)
    with pytest.raises(InputError, match=r"x\.npz: cannot be written"):
        write_command_file(tmp_path / "no" / "x.npz", [STREAM], memory)
    assert list(tmp_path.iterdir()) == []


def _csv(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_csv_of_another_simulator(memory: Memory, tmp_path: Path) -> None:
    text = "clk,command,bank,row_or_column\n1,ACT,3,5\n17,RD,3,2\n60,PREab,-1,-1\n80,REFab,-1,-1\n"
    streams = read_command_file(_csv(tmp_path / "c.csv", text), memory)
    assert list(streams) == ["commands"]
    assert streams["commands"].tolist() == [[1, 0, 3, 5], [17, 3, 3, 2], [60, 2, -1, -1], [80, 5, -1, -1]]
    assert streams["commands"].dtype == np.int64


def test_csv_of_many_devices_and_sequences(memory: Memory, tmp_path: Path) -> None:
    text = (
        "device,sequence,clk,command,bank,row_or_column\n"
        "ddr4_2400,one,1,ACT,0,5\nddr4_2400,two,1,ACT,1,5\nother,one,1,UNHEARD,0,5\nddr4_2400,one,17,RD,0,3\n"
    )
    path = _csv(tmp_path / "c.csv", text)
    streams = read_command_file(path, memory)
    assert {name: stream.tolist() for name, stream in streams.items()} == {
        "one": [[1, 0, 0, 5], [17, 3, 0, 3]],
        "two": [[1, 0, 1, 5]],
    }
    mine = dataclasses.replace(memory, name="mine")
    assert read_command_file(path, mine, device="ddr4_2400").keys() == {"one", "two"}
    with pytest.raises(
        InputError, match=r"device: no commands of this device.*given .?ddr4_2400, other.*accepted mine"
    ):
        read_command_file(path, mine)


def test_csv_without_commands(memory: Memory, tmp_path: Path) -> None:
    streams = read_command_file(_csv(tmp_path / "c.csv", "clk,command,bank,row_or_column\n"), memory)
    assert streams["commands"].shape == (0, 4)


HEAD = "clk,command,bank,row_or_column\n1,ACT,3,5\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "c.csv:1: wrong header.*given .?an empty file.*accepted .*clk,command,bank,row_or_column"),
        ("cycle,command,bank,row\n", "c.csv:1: wrong header.*given .?cycle,command,bank,row"),
        ("device,clk,command,bank\n", "wrong header"),
        (HEAD + "17,RD,3", "c.csv:3: cut short or broken.*given .?3 fields.*accepted 4"),
        (
            HEAD + "17,RDX,3,2\n",
            'c.csv:3: command: ddr4_2400 has no such command, did you mean "RDA?".*given .?RDX.*accepted ACT',
        ),
        (HEAD + "17,RD,3,\n", "c.csv:3: row_or_column: given .*accepted an integer"),
        (HEAD + "1e3,RD,3,2\n", "c.csv:3: clk: .*given .?1e3"),
        (HEAD + "17,RD,99999999999999999999,2\n", "c.csv:3: bank: .*given"),
        (HEAD + '17,"RD,3,2\n', "is not a CSV of commands"),
    ],
)
def test_wrong_csv(memory: Memory, tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_command_file(_csv(tmp_path / "c.csv", text), memory)


def test_bytes_that_are_no_text(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"\xff\xfe\x00\x80" * 10)
    with pytest.raises(InputError, match="is not a CSV of commands"):
        read_command_file(path, memory)
