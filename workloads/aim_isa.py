"""AiM instruction traces: the text that drives GDDR6-AiM devices, read, checked and written.

One instruction a line, in the form that the README of aim_simulator lists:
``AiM OPCODE fields…``, ``R|W MEM channel bank row``, ``R|W GPR register`` or ``R|W CFR register value``.
Numbers are decimal or 0x….  Everything after ``#`` is a comment.  ``AiM EOC`` is the last instruction.
"""

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError, unknown
from arch.pim_device import Pim
from workloads.compression import check_file, compressing, compression_for, replacing
from workloads.text_lines import excerpt, numbered_lines, words_of


class Op(IntEnum):
    """What a line does; values are those of column ``Field.OP`` and part of the digest."""

    WR_SBK = 0
    WR_ABK = 1
    WR_GB = 2
    WR_BIAS = 3
    RD_MAC = 4
    RD_AF = 5
    RD_SBK = 6
    COPY_BKGB = 7
    COPY_GBBK = 8
    MAC_SBK = 9
    MAC_ABK = 10
    AF = 11
    EWMUL = 12
    EWADD = 13
    SYNC = 14
    EOC = 15
    W_MEM = 16
    R_MEM = 17
    W_GPR = 18
    R_GPR = 19
    W_CFR = 20
    R_CFR = 21


class Field(IntEnum):
    """Columns of an :class:`AimProgram`; -1 where an instruction has no such field."""

    OP = 0
    OPSIZE = 1
    """Columns, buffer slots or registers in a row that the instruction takes one after the other."""
    GPR_0 = 2
    GPR_1 = 3
    CHANNEL_MASK = 4
    """Bit c: channel c."""
    BANK = 5
    ROW = 6
    CHANNEL = 7
    CFR = 8
    VALUE = 9


_F = Field
_SINGLE = (_F.GPR_0, _F.CHANNEL_MASK, _F.BANK, _F.ROW)
_REGISTER = (_F.GPR_0, _F.CHANNEL_MASK)
_ONE_BANK = (_F.OPSIZE, _F.CHANNEL_MASK, _F.BANK, _F.ROW)
_ALL_BANKS = (_F.OPSIZE, _F.CHANNEL_MASK, _F.ROW)
FIELDS: Final[Mapping[Op, tuple[Field, ...]]] = MappingProxyType(
    {
        Op.WR_SBK: _SINGLE,
        Op.WR_ABK: (_F.GPR_0, _F.CHANNEL_MASK, _F.ROW),
        Op.WR_GB: (_F.OPSIZE, _F.GPR_0, _F.CHANNEL_MASK),
        Op.WR_BIAS: _REGISTER,
        Op.RD_MAC: _REGISTER,
        Op.RD_AF: _REGISTER,
        Op.RD_SBK: _SINGLE,
        Op.COPY_BKGB: _ONE_BANK,
        Op.COPY_GBBK: _ONE_BANK,
        Op.MAC_SBK: _ONE_BANK,
        Op.MAC_ABK: _ALL_BANKS,
        Op.AF: (_F.CHANNEL_MASK,),
        Op.EWMUL: _ALL_BANKS,
        Op.EWADD: (_F.OPSIZE, _F.GPR_0, _F.GPR_1),
        Op.SYNC: (),
        Op.EOC: (),
        Op.W_MEM: (_F.CHANNEL, _F.BANK, _F.ROW),
        Op.R_MEM: (_F.CHANNEL, _F.BANK, _F.ROW),
        Op.W_GPR: (_F.GPR_0,),
        Op.R_GPR: (_F.GPR_0,),
        Op.W_CFR: (_F.CFR, _F.VALUE),
        Op.R_CFR: (_F.CFR, _F.VALUE),
    }
)
"""Fields of each instruction in the order in which they are written."""

BLOCKING: Final = (Op.RD_MAC, Op.RD_AF, Op.SYNC, Op.EOC)
"""Instructions behind which the host waits for its answer before it sends the next."""

CFR_VALUES: Final = (2, 2, 8)
"""Values of the configuration registers: 0 broadcast, 1 EWMUL bank group, 2 activation function."""

MOST = (1 << 31) - 1
MOST_MASK = (1 << 62) - 1

_HEADS: Final[dict[tuple[str, str], Op]] = {
    **{("AiM", op.name): op for op in Op if op < Op.W_MEM},
    **{("AiM", f"ISR_{op.name}"): op for op in Op if op < Op.W_MEM},
    **{(op.name[0], op.name[2:]): op for op in Op if op >= Op.W_MEM},
}
_BY_WORDS: Final = {(a.encode(), b.encode()): (op, FIELDS[op]) for (a, b), op in _HEADS.items()}
_TEXT: Final = {op: f"AiM {op.name}" if op < Op.W_MEM else op.name.replace("_", " ") for op in Op}


@dataclass(frozen=True, eq=False)
class AimProgram:
    """Instructions in program order.

    Attributes:
        name: what reports call it.
        rows: int64 (n, len(Field)).
        lines: int64 (n,), the line of each in its file; instructions made otherwise count from 1.
        file: where it was read from, for error messages.
    """

    name: str
    rows: NDArray[np.int64]
    lines: NDArray[np.int64]
    file: str | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def text(self) -> str:
        """The trace as text, without comments; :func:`read` of it gives the same rows."""
        out = []
        for row in self.rows.tolist():
            op = Op(row[0])
            out.append(" ".join([_TEXT[op], *(str(row[field]) for field in FIELDS[op])]))
        return "\n".join(out) + "\n"

    def write(self, path: str) -> None:
        """Write :meth:`text` to ``path``, whole or not at all; compressed if it ends in .gz or .zst.

        Raises:
            InputError: the file cannot be written.
        """
        with replacing(path) as file, compressing(file, compression_for(path)) as sink:
            sink.write(self.text().encode())

    @property
    def path(self) -> str | None:
        """The file that it was read from, as other workloads call it."""
        return self.file

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the instructions; file, lines and comments do not matter."""
        content = np.ascontiguousarray(self.rows, dtype="<i8").tobytes()
        return hashlib.sha256(b"aim 1\n" + content).hexdigest()

    def counts(self) -> dict[str, int]:
        """How often each instruction comes, by its text without fields."""
        found = np.bincount(self.rows[:, Field.OP], minlength=len(Op))
        return {_TEXT[op]: int(found[op]) for op in Op if found[op]}


def instruction(op: Op, *values: int) -> list[int]:
    """A row of :class:`AimProgram` from the fields in the order of the text."""
    row = [-1] * len(Field)
    row[0] = op
    for field, value in zip(FIELDS[op], values, strict=True):
        row[field] = value
    return row


def program(name: str, rows: Sequence[Sequence[int]]) -> AimProgram:
    """A program from rows made by :func:`instruction`."""
    table = np.array(rows, np.int64).reshape(-1, len(Field))
    return AimProgram(name, table, np.arange(1, len(table) + 1))


def looks_like_aim(path: str) -> bool:
    """Is the first line with words in it that of an AiM trace?  InputError if the file cannot be read."""
    for _, line in numbered_lines(path):
        words = words_of(line)
        if words:
            return words[0] == b"AiM" or tuple(words[:2]) in _BY_WORDS
    return False


def read(path: str, name: str | None = None) -> AimProgram:
    """The AiM trace in a text file, plain or compressed.

    Args:
        path: of the file.
        name: what reports call it; by default the file's name up to its first dot.

    Raises:
        InputError: the file cannot be read, or a line is no instruction (naming line and field), or the last
            instruction is not ``AiM EOC``.
    """
    check_file(path)
    rows = array("q")
    lines = array("q")
    blank = [-1] * len(Field)
    ended = 0
    for number, line in numbered_lines(path):
        words = words_of(line)
        if not words:
            continue
        if ended:
            message = f"an instruction behind AiM EOC in line {ended}"
            raise InputError(message, file=path, line=number, given=excerpt(line))
        form = _BY_WORDS.get((words[0], words[1])) if len(words) > 1 else None
        if form is None:
            raise _no_instruction(path, number, words)
        op, fields = form
        if len(words) != len(fields) + 2:
            raise _wrong_count(path, number, op, words)
        row = blank.copy()
        row[0] = op
        for field, word in zip(fields, words[2:], strict=True):
            row[field] = (
                int(word) if word.isdigit() and len(word) < 19 else _number(path, number, field, word)
            )
        if row[_F.CHANNEL_MASK] > MOST_MASK or max(row[1:4]) > MOST or max(row[5:]) > MOST:
            raise _too_large(path, number, row)
        rows.extend(row)
        lines.append(number)
        if op == Op.EOC:
            ended = number
    if not rows:
        raise InputError("holds no instructions", file=path)
    if not ended:
        raise InputError("ends without AiM EOC", file=path, line=lines[-1], accepted="AiM EOC as last line")
    stem = path.replace("\\", "/").rsplit("/", 1)[-1].split(".")[0]
    table = np.array(rows, np.int64).reshape(-1, len(Field))
    return AimProgram(name or stem, table, np.array(lines, np.int64), path)


def _no_instruction(path: str, line: int, words: Sequence[bytes]) -> InputError:
    texts = [w.decode("utf-8", "backslashreplace") for w in words]
    kinds = ("AiM", "R", "W")
    if texts[0] not in kinds:
        message = unknown("kind of line", texts[0], kinds)
        return InputError(message, file=path, line=line, given=texts[0], accepted=kinds)
    known = [op.name for op in Op if op < Op.W_MEM] if texts[0] == "AiM" else ["MEM", "GPR", "CFR"]
    field = "opcode" if texts[0] == "AiM" else "region"
    if len(texts) < 2:
        return InputError("missing", file=path, line=line, field=field, accepted=known)
    message = unknown(field, texts[1].removeprefix("ISR_"), known)
    return InputError(message, file=path, line=line, field=field, given=texts[1], accepted=known)


def _wrong_count(path: str, line: int, op: Op, words: Sequence[bytes]) -> InputError:
    names = [field.name.lower() for field in FIELDS[op]]
    given = " ".join(w.decode("utf-8", "backslashreplace") for w in words)
    message = f"{_TEXT[op]} has {len(names)} field{'s' * (len(names) != 1)}, here are {len(words) - 2}"
    missing = names[len(words) - 2] if len(words) - 2 < len(names) else None
    accepted = " ".join([_TEXT[op], *names])
    return InputError(message, file=path, line=line, field=missing, given=given, accepted=accepted)


def _number(path: str, line: int, field: Field, word: bytes) -> int:
    text = word.decode("utf-8", "backslashreplace")
    try:
        if not text.isascii() or text[:1] in "+-_" or "_" in text:
            raise ValueError
        return int(text[2:], 16) if text[:2] in ("0x", "0X") else int(text)
    except ValueError:
        accepted = "a whole number, such as 12 or 0xc"
        raise InputError(
            "", file=path, line=line, field=field.name.lower(), given=text, accepted=accepted
        ) from None


def _too_large(path: str, line: int, row: Sequence[int]) -> InputError:
    for field in Field:
        most = MOST_MASK if field == Field.CHANNEL_MASK else MOST
        if field and row[field] > most:
            name = field.name.lower()
            return InputError(
                "too large", file=path, line=line, field=name, given=row[field], accepted=f"at most {most}"
            )
    raise AssertionError("called for no reason")


def check(trace: AimProgram, pim: Pim) -> None:
    """Do all instructions address what the machine has?

    Raises:
        InputError: a channel, bank, row, column count, buffer slot or configuration value out of range, with
            the line of the first such instruction.
    """
    o = pim.memory.organization
    channels = pim.memory.channels
    rows = trace.rows
    op = rows[:, Field.OP]
    bad: list[tuple[int, Field, str]] = []

    def demand(good: NDArray[np.bool_], field: Field, accepted: str) -> None:
        wrong = np.flatnonzero(~good)
        if wrong.size:
            bad.append((int(wrong[0]), field, accepted))

    def has(field: Field) -> NDArray[np.bool_]:
        return np.isin(op, [int(o) for o in Op if field in FIELDS[o]])

    masked = has(Field.CHANNEL_MASK)
    mask = rows[:, Field.CHANNEL_MASK]
    all_channels = (1 << channels) - 1
    accepted = f"1 to {all_channels} ({all_channels:#x}), a bit for each of {channels} channels"
    demand(~masked | ((mask > 0) & (mask <= all_channels)), Field.CHANNEL_MASK, accepted)
    alone = (mask & (mask - 1)) == 0
    demand((op != Op.WR_ABK) | alone, Field.CHANNEL_MASK, "a single bit: WR_ABK writes one channel")
    for field, count in (
        (Field.CHANNEL, channels),
        (Field.BANK, o.banks_per_channel),
        (Field.ROW, o.rows),
        (Field.CFR, len(CFR_VALUES)),
    ):
        demand(~has(field) | (rows[:, field] < count), field, f"0 to {count - 1}")
    size = rows[:, Field.OPSIZE]
    demand(~has(Field.OPSIZE) | (size > 0), Field.OPSIZE, "at least 1")
    buffered = np.isin(op, [Op.WR_GB, Op.COPY_BKGB, Op.COPY_GBBK])
    slots = f"1 to {pim.buffer_slots}, the slots of the global buffer"
    demand(~buffered | (size <= pim.buffer_slots), Field.OPSIZE, slots)
    in_row = has(Field.OPSIZE) & has(Field.ROW)
    demand(~in_row | (size <= o.columns), Field.OPSIZE, f"1 to {o.columns}, the columns of a row")
    for register, values in enumerate(CFR_VALUES):
        chosen = (op == Op.W_CFR) & (rows[:, Field.CFR] == register)
        demand(~chosen | (rows[:, Field.VALUE] < values), Field.VALUE, f"0 to {values - 1}")
    if bad:
        where, field, accepted = min(bad, key=lambda found: found[0])
        raise InputError(
            f"{_TEXT[Op(int(op[where]))]} on {pim.name}",
            file=trace.file,
            line=int(trace.lines[where]),
            field=field.name.lower(),
            given=int(rows[where, field]),
            accepted=accepted,
        )
