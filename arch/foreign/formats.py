"""Which simulator a configuration file belongs to, told from its content."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from arch.errors import InputError, unknown
from arch.yaml_source import read_text

if TYPE_CHECKING:
    from arch.foreign.draft import Imported

FORMATS = ("ramulator2", "dramsim3")

_SECTION = re.compile(r"^\s*\[\s*[A-Za-z_]\w*\s*\]\s*(?:[;#].*)?$", re.MULTILINE)
_PYTHON = re.compile(r"^\s*(?:import ramulator|from ramulator\b)", re.MULTILINE)
_NEITHER = "neither a DRAMsim3 configuration (ini) nor one of Ramulator (YAML)"
_ACCEPTED = (
    "an ini file with [dram_structure] and [timing], YAML with MemorySystem: (Ramulator 2.0), "
    "or YAML with memory_system: (exported by Ramulator 2.1)"
)


def import_configuration(path: str | Path, format: str | None = None) -> "Imported":
    """The memory that a configuration file of another simulator describes.

    ``format`` is one of :data:`FORMATS`, or None to tell by the content.  Raises
    :class:`arch.errors.InputError`, with file, line and key, for a file that cannot be read, for values that
    cannot be meant, and for standards that no family of the library covers.
    """
    if format is not None and format not in FORMATS:
        message = unknown("format", format, FORMATS)
        raise InputError(message, field="--from", given=format, accepted=", ".join(FORMATS))
    shown = str(path)
    text = _text(Path(path), shown)
    if not text.strip():
        raise InputError("the file is empty", file=shown, accepted=_ACCEPTED)
    if _PYTHON.search(text) or shown.endswith(".py"):
        raise InputError(
            "a Python script, which is never run here; let Ramulator 2.1 write its configuration as YAML: "
            "python -m ramulator export SCRIPT.py -o config.yaml",
            file=shown,
            accepted=_ACCEPTED,
        )
    return _READERS[format or _told(text)](text, shown)


def _text(path: Path, shown: str) -> str:
    text = read_text(path, shown, "configuration file")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError("not text: it holds a null character", file=shown, line=line)
    return text


def _told(text: str) -> str:
    # A line that is a bracketed word alone opens a section; YAML has such lines only in odd places.
    return "dramsim3" if _SECTION.search(text) else "ramulator2"


def _dramsim3(text: str, shown: str) -> "Imported":
    from arch.foreign.dramsim3 import imported

    return imported(text, shown)


def _ramulator2(text: str, shown: str) -> "Imported":
    from arch.foreign import ramulator2, ramulator21
    from arch.yaml_source import parse

    try:
        tree = parse(text, shown)
    except InputError as error:
        if "not valid YAML" not in error.message:
            raise
        raise InputError(
            f"{_NEITHER}: {error.message}", file=shown, line=error.line, accepted=_ACCEPTED
        ) from None
    data = tree.data
    if isinstance(data, dict) and "MemorySystem" in data:
        return ramulator2.imported(tree, shown)
    if isinstance(data, dict) and "memory_system" in data:
        return ramulator21.imported(tree, shown)
    if isinstance(data, dict) and "kind" in data:
        raise InputError("a cyclewise system already; use it as it is", file=shown)
    raise InputError(_NEITHER, file=shown, accepted=_ACCEPTED)


_READERS: Mapping[str, Callable[[str, str], "Imported"]] = {
    "ramulator2": _ramulator2,
    "dramsim3": _dramsim3,
}
