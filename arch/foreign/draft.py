"""A memory in the making: values with their sources here, the fate of every foreign setting there.

An importer takes each setting of the foreign file, as translated or as left behind with a reason;
:meth:`Draft.finished` lists what nobody took, writes the YAML and loads it, so that what is handed out is
known to run.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from arch.errors import MISSING, InputError, dotted, shown
from arch.yaml_source import read_file
from arch.yaml_text import dump

if TYPE_CHECKING:
    from arch import device

_ORDER = ("clock_period", "channels", "organization", "address_map", "timing")
STANDARDS = {"DDR3": "ddr3", "DDR4": "ddr4", "GDDR6": "gddr6", "HBM2": "hbm2"}
"""Standards that can be imported, and the family of the library that each becomes."""


@cache
def carried(name: str) -> Any:
    """The facts in a YAML file of this package."""
    return read_file(Path(__file__).parent / name, name).data


_NOBODY = "not known to this importer; what it does is not modelled here"


class Setting(NamedTuple):
    """A key of the foreign file: its value as a plain value, its text as written, and its line (from 1)."""

    value: Any
    text: str
    line: int | None


class Translated(NamedTuple):
    """A setting that became something; ``into`` is the key or keys of our YAML."""

    setting: str
    value: str
    into: str


class Untranslated(NamedTuple):
    """A setting that has no effect on what was written, and the reason."""

    setting: str
    value: str
    why: str


@dataclass(frozen=True)
class Imported:
    """A foreign configuration as our YAML.

    ``yaml_text`` is a whole file.  ``translated`` and ``untranslated`` together name every setting of the
    input, in its order; ``assumptions`` are sentences about what was filled in or differs in kind.
    """

    format: str
    standard: str
    family: str
    yaml_text: str
    translated: tuple[Translated, ...]
    untranslated: tuple[Untranslated, ...]
    assumptions: tuple[str, ...]


@dataclass
class Draft:
    """What an importer fills in.  ``settings`` are all keys of the file ``shown``, in their order."""

    shown: str
    settings: Mapping[str, Setting]
    taken: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    assumptions: list[str] = field(default_factory=list)
    _tree: dict[str, Any] = field(default_factory=dict)
    _sources: dict[str, dict[str, str]] = field(default_factory=dict)
    _origin: dict[str, str] = field(default_factory=dict)

    def take(self, setting: str, into: str) -> None:
        """Marks a setting as translated; a setting that the file lacks is passed over."""
        if setting and setting in self.settings:
            self.taken[setting] = f"{self.taken[setting]}, {into}" if setting in self.taken else into

    def leave(self, setting: str, why: str) -> None:
        """Marks a setting as left behind; a setting that the file lacks is passed over."""
        if setting and setting in self.settings:
            self.left.setdefault(setting, why)

    def assume(self, sentence: str) -> None:
        if sentence not in self.assumptions:
            self.assumptions.append(sentence)

    def put(
        self,
        path: tuple[str, ...],
        value: Any,
        source: str,
        confidence: str = "read",
        *,
        setting: str | None = None,
    ) -> None:
        """Writes a value of our YAML with its source; loading blames a fault in it on ``setting``."""
        around = self._tree
        for part in path[:-1]:
            around = around.setdefault(part, {})
        around[path[-1]] = value
        name = dotted(path)
        if value is not None:
            pattern = f"{name}.*" if isinstance(value, dict) else name
            self._sources[pattern] = {"source": source, "confidence": confidence}
        if setting is not None:
            self._origin[name] = setting

    def carry(self, setting: str, path: tuple[str, ...], value: Any, confidence: str = "read") -> None:
        """The common case: one setting of the file becomes one value of ours."""
        self.take(setting, dotted(path))
        self.put(path, value, self.where(setting), confidence, setting=setting)

    def where(self, setting: str) -> str:
        """The place of a setting, for ``sources:``; the file's name without its folder."""
        line = self.settings[setting].line
        return f"{PurePath(self.shown).name} line {line}: {setting}"

    def refuse(
        self, setting: str | None, message: str, *, given: object = MISSING, accepted: str | None = None
    ) -> NoReturn:
        """One message with file, line and key."""
        line = self.settings[setting].line if setting is not None and setting in self.settings else None
        raise InputError(
            message, file=self.shown, line=line, field=setting, given=given, accepted=accepted
        ) from None

    def finished(self, format: str, standard: str, family: str) -> Imported:
        """The YAML and the lists.  Raises InputError, at the foreign key, if the memory could not run."""
        for setting in self.settings:
            if setting not in self.taken and setting not in self.left:
                self.left[setting] = _NOBODY
        name = PurePath(self.shown).name
        self.resolved(family)
        translated = tuple(
            Translated(key, self.settings[key].text, self.taken[key])
            for key in self.settings
            if key in self.taken
        )
        untranslated = tuple(
            Untranslated(key, self.settings[key].text, self.left[key])
            for key in self.settings
            if key in self.left and key not in self.taken
        )
        title = f"{standard} of the {format} configuration {name}"
        text = (
            f"# Imported by cyclewise from the {format} configuration {_comment(name)}.\n"
            + self._yaml(family, title)
            + _listed("Not translated:", [f"{u.setting} = {u.value}: {u.why}" for u in untranslated])
            + _listed("Assumed:", self.assumptions)
        )
        return Imported(format, standard, family, text, translated, untranslated, tuple(self.assumptions))

    def resolved(self, family: str) -> "device.Memory":
        """The memory as it stands.  Raises InputError, at the foreign key, if it could not run."""
        from arch.system import load

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "imported.yaml"
            file.write_text(self._yaml(family, ""), encoding="utf-8")
            try:
                memory: device.Memory = load(str(file)).spec.resolve()
                return memory
            except InputError as error:
                found = error.field or ""
                parts = found.split(".")
                tries = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
                # A rule, command or refresh is written in terms of timings; the first it names is to blame.
                tries += [f"timing.{name}" for name in re.findall(r"\bt[A-Z]\w*", str(error.given))]
                setting = next((self._origin[key] for key in tries if key in self._origin), None)
                what = f"cannot be a memory here, {found}" if found else "cannot be a memory here"
                self.refuse(
                    setting,
                    f"{what}: {error.message}" if error.message else what,
                    given=error.given,
                    accepted=error.accepted if isinstance(error.accepted, str) else None,
                )

    def _yaml(self, family: str, title: str) -> str:
        head = {"kind": "memory", "extends": family, "title": title}
        ordered = {key: self._tree[key] for key in _ORDER if key in self._tree} | self._tree
        return dump({**head, **ordered, "sources": self._sources})


def as_text(value: Any) -> str:
    """A plain value as it is shown in the lists: on one line, long ones cut."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 80 else shown(value)


def _listed(title: str, lines: list[str]) -> str:
    return f"\n# {title}\n" + "".join(f"#   {_comment(line)}\n" for line in lines) if lines else ""


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
