"""Command streams in files: our ``.npz`` and the CSV of commands that other simulators' logs come in.

A ``.npz`` holds ``commands`` (one channel) or ``commands_ch0``, ``commands_ch1``, …: int64 (n, 4), rows
(cycle, code, bank, arg) in issue order.  Codes 0 to 5 are ACT, PRE, PREA, RD, WR, REFA; ``command_codes``
and ``command_names`` name those from 6 up.

A CSV has the columns ``clk, command, bank, row_or_column``, and ahead of them optionally ``device`` and
``sequence``; each sequence is a stream of its own.
"""

import csv
import os
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from arch.device import STANDARD_CODES, Memory
from arch.errors import InputError, nearest
from sim.output import write_arrays

PEER_SPELLINGS: Mapping[str, str] = {"PREab": "PREA", "REFab": "REFA", "PREpb": "PRE"}
"""Names in other simulators' logs for commands that a device of ours calls differently."""

CSV_COLUMNS = ("clk", "command", "bank", "row_or_column")

_STREAM = re.compile(r"commands(_ch\d+)?")
_NAMING = ("command_codes", "command_names")

# What numpy, zipfile and their decompressors raise on archives cut short or overwritten.
_BROKEN = (ValueError, EOFError, KeyError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def write_command_file(
    path: str | os.PathLike[str], streams: Sequence[NDArray[np.int64]], memory: Memory
) -> None:
    """Write one stream per channel, each int64 (n, 4), as ``.npz``.

    The same streams give the same bytes.  The file appears whole or not at all.

    Raises:
        ValueError: no stream, or one that is not (n, 4).
        InputError: the file cannot be written.
    """
    arrays: dict[str, NDArray[np.int64] | NDArray[np.str_]] = {}
    for channel, stream in enumerate(streams):
        if stream.ndim != 2 or stream.shape[1] != 4:
            raise ValueError(f"stream {channel}: given shape {stream.shape}, accepted (n, 4)")
        name = "commands" if len(streams) == 1 else f"commands_ch{channel}"
        arrays[name] = np.ascontiguousarray(stream, dtype=np.int64)
    if not arrays:
        raise ValueError("no command stream to write")
    further = [command for command in memory.commands if command.code not in STANDARD_CODES.values()]
    arrays["command_codes"] = np.array([command.code for command in further], np.int64)
    arrays["command_names"] = np.array([command.name for command in further], np.str_)
    write_arrays(path, arrays)


def read_command_file(
    path: str | os.PathLike[str], memory: Memory, *, device: str | None = None
) -> dict[str, NDArray[np.int64]]:
    """Read the streams of a command file, in the codes of ``memory``.

    Args:
        path: a ``.npz``, or a CSV under any other ending.
        memory: the device whose command names the file uses.
        device: which rows of a CSV with a ``device`` column to take; default: the memory's name.

    Returns:
        Streams by name, each int64 (n, 4): the arrays' names of a ``.npz``, the sequences' of a CSV that has
        them, else ``commands``.

    Raises:
        InputError: the file cannot be read, is cut short, or names a command that the device does not have.
    """
    name = os.fspath(path)
    if os.path.isdir(name):
        raise InputError("is a folder", file=name, accepted="a command file, .npz or .csv")
    if name.endswith(".npz"):
        return _read_npz(name, memory)
    return _read_csv(name, memory, device or memory.name)


def _read_npz(name: str, memory: Memory) -> dict[str, NDArray[np.int64]]:
    whole = InputError("is not a whole .npz archive of arrays", file=name)
    try:
        with open(name, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise whole
            found = archive.files
            wanted = [key for key in found if _STREAM.fullmatch(key)]
            arrays = {key: archive[key] for key in found if key in (*wanted, *_NAMING)}
    except OSError as error:
        if error.strerror is None:
            raise whole from error
        raise InputError(f"cannot be read: {error.strerror}", file=name) from error
    except _BROKEN as error:
        raise whole from error
    if not wanted:
        holding = f"holds {', '.join(found)}" if found else "is empty"
        raise InputError(
            f"{holding}, but no command stream", file=name, accepted="commands, or commands_ch0, …"
        )
    streams = {}
    for key in sorted(wanted, key=lambda key: (len(key), key)):
        stream = arrays[key]
        if stream.ndim != 2 or stream.shape[1] != 4 or not np.issubdtype(stream.dtype, np.integer):
            given = f"{stream.dtype} {stream.shape}"
            raise InputError("wrong array", file=name, field=key, given=given, accepted="int64 (n, 4)")
        if stream.dtype == np.uint64 and stream.size and int(stream.max()) > np.iinfo(np.int64).max:
            raise InputError("numbers too large", file=name, field=key, accepted="int64 (n, 4)")
        streams[key] = stream.astype(np.int64)
    translation = _translation(name, arrays, memory)
    for key, stream in streams.items():
        codes = stream[:, 1]
        named = np.array([code for code in translation if code != translation[code]], np.int64)
        further = np.setdiff1d(codes[codes >= len(STANDARD_CODES)], list(translation))
        if len(further):
            accepted = "codes 0 to 5, and those in command_codes with their command_names"
            raise InputError(
                "unnamed command code", file=name, field=key, given=int(further[0]), accepted=accepted
            )
        original = codes.copy()
        for code in named:
            codes[original == code] = translation[int(code)]
    return streams


def _translation(name: str, arrays: Mapping[str, NDArray[np.generic]], memory: Memory) -> dict[int, int]:
    """From the file's codes (6 and up) to the memory's, by way of the names in the file."""
    codes = arrays.get("command_codes", np.zeros(0, np.int64))
    names = arrays.get("command_names", np.zeros(0, np.str_))
    integers = np.issubdtype(codes.dtype, np.integer) and np.issubdtype(names.dtype, np.str_)
    # An empty list of names has no type worth insisting on.
    if codes.shape != names.shape or codes.ndim != 1 or (len(codes) and not integers):
        given = f"{codes.dtype} {codes.shape} and {names.dtype} {names.shape}"
        accepted = "integers and text, 1-d and equally long"
        raise InputError(
            "wrong arrays", file=name, field="command_codes, command_names", given=given, accepted=accepted
        )
    return {
        int(code): _code_of(str(word), memory, name, None, "command_names")
        for code, word in zip(codes.tolist(), names.tolist(), strict=True)
    }


def _code_of(word: str, memory: Memory, file: str, line: int | None, field: str) -> int:
    codes = {command.name: command.code for command in memory.commands}
    if word in codes:
        return codes[word]
    alias = PEER_SPELLINGS.get(word)
    if alias in codes:
        return codes[alias]
    near = nearest(word, codes)
    guess = f', did you mean "{near}"?' if near else ""
    raise InputError(
        f"{memory.name} has no such command{guess}",
        file=file,
        line=line,
        field=field,
        given=word,
        accepted=list(codes),
    )


def _read_csv(name: str, memory: Memory, device: str) -> dict[str, NDArray[np.int64]]:
    rows: dict[str, list[tuple[int, int, int, int]]] = {}
    others: dict[str, None] = {}
    codes: dict[str, int] = {}
    try:
        with open(name, newline="", encoding="utf-8") as file:
            reader = csv.reader(file, strict=True)
            header = [column.strip() for column in next(reader, [])]
            accepted = f"[device,] [sequence,] {','.join(CSV_COLUMNS)}"
            leading = header[: -len(CSV_COLUMNS)]
            if tuple(header[-len(CSV_COLUMNS) :]) != CSV_COLUMNS or leading not in (
                [],
                ["device"],
                ["sequence"],
                ["device", "sequence"],
            ):
                given = ",".join(header)[:80] or "an empty file"
                raise InputError("wrong header", file=name, line=1, given=given, accepted=accepted)
            for fields in reader:
                line = reader.line_num
                if not fields:
                    continue
                if len(fields) != len(header):
                    given = f"{len(fields)} fields"
                    raise InputError(
                        "cut short or broken", file=name, line=line, given=given, accepted=str(len(header))
                    )
                if leading[:1] == ["device"] and fields[0] != device:
                    others[fields[0]] = None
                    continue
                clk, word, bank, arg = fields[-len(CSV_COLUMNS) :]
                if word not in codes:
                    codes[word] = _code_of(word, memory, name, line, "command")
                stream = rows.setdefault(
                    fields[len(leading) - 1] if "sequence" in leading else "commands", []
                )
                numbers = zip(("clk", "bank", "row_or_column"), (clk, bank, arg), strict=True)
                cycle, at_bank, value = (_integer(text, name, line, column) for column, text in numbers)
                stream.append((cycle, codes[word], at_bank, value))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=name) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is not a CSV of commands ({error})", file=name) from error
    if not rows and others:
        raise InputError(
            "no commands of this device", file=name, field="device", given=", ".join(others), accepted=device
        )
    if not rows and "sequence" not in leading:
        rows["commands"] = []
    return {key: np.array(stream, np.int64).reshape(-1, 4) for key, stream in rows.items()}


def _integer(text: str, file: str, line: int, column: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 1 << 63
    if not -(1 << 63) <= number < 1 << 63:
        raise InputError("", file=file, line=line, field=column, given=text, accepted="an integer")
    return number
