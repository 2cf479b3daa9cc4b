"""The model of a study that is a program: ``model: {command: [prog, "--size={size}"], metrics: {…}}``."""

import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from arch.errors import InputError
from arch.units import parse_quantity
from dse.evaluation import FULL, Config, EvaluationError, Task, Value
from dse.models.foreign import (
    check_known,
    design_of,
    file_digest,
    given_workload,
    plain_map,
    workload_digest,
)
from dse.models.interface import WorkloadEntry, sole_setters
from dse.models.metric_text import Metric, read_metrics
from sim.report import MetricDeclaration

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.]*)\}")
_OTHERS = ("workload", "seed", "folder", "study")
"""Places that the study fills: the workload's file or text, the seed, the run's own folder, the study's."""
_LOG_KEPT = 20_000  # characters of a failure's log
_LOG_READ = 64 << 20  # bytes in which metrics are looked for
_PATIENCE = 2.0  # seconds from asking a program to end to ending it
_TIMEOUT = 3600.0
_END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


@dataclass(frozen=True)
class CommandModel:
    """A program that is run once for every design, in an empty folder of its own.

    Words of the command hold ``{KEY}`` where values go; no shell is involved.  Metrics are looked for in
    what it prints, to both outputs, or in files that it writes to its folder.  It fails by another exit code
    than 0, by a metric that is not there, or by taking too long; then all processes that it started are
    ended.  The end of what it printed goes along with the failure.

    Args:
        words: the command.
        declared: the metrics.
        fixed: keys that hold in every design which does not set them.
        seconds: the longest that a run may take.
        entries: the workloads.
        code: SHA-256 of the program and of the files beside the study that the command names.
        folder: of the study, absolute.
        paths: by parameter, the keys that it sets.
    """

    words: tuple[str, ...]
    declared: tuple[Metric, ...]
    fixed: Mapping[str, Value]
    seconds: float
    entries: tuple[WorkloadEntry, ...]
    code: str
    folder: str
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        metrics = [(m.name, m.printed, m.unit, m.pattern, m.file) for m in self.declared]
        keys = {name: list(keys) for name, keys in sorted(self.paths.items())}
        content = ["command 1", self.words, self.code, metrics, sorted(self.fixed.items()), keys]
        return hashlib.sha256(json.dumps([*content, self.seconds]).encode()).hexdigest()

    @cached_property
    def workloads(self) -> Mapping[str, str]:
        return {entry.name: workload_digest(entry, self.folder) for entry in self.entries}

    @property
    def metrics(self) -> tuple[MetricDeclaration, ...]:
        return tuple(metric.declaration for metric in self.declared)

    def prepare(self) -> None:
        """Nothing: every run starts anew."""

    def __call__(self, task: Task) -> dict[str, float]:
        if task.fidelity != FULL:
            raise EvaluationError("refused", f"a command knows no fidelity {task.fidelity}")
        entry = next(entry for entry in self.entries if entry.name == task.workload)
        with tempfile.TemporaryDirectory(prefix="design-", ignore_cleanup_errors=True) as own:
            command = self._command(task, entry, own)
            log = Path(own, ".log")
            code = _run(command, own, log, self.seconds)
            text = _read(log)
            end = text[-_LOG_KEPT:]
            if code is None:
                message = f"{command[0]} took longer than {self.seconds:g} s and was ended"
                raise EvaluationError("timeout", message, end)
            if code:
                last = next((line.strip() for line in reversed(end.splitlines()) if line.strip()), "")
                how = f"exit code {code}" if code > 0 else f"signal {-code}"
                raise EvaluationError("failed", f"{command[0]} ended with {how}: {last[:200]}", end)
            try:
                return {
                    m.name: m.found_in(text if m.file is None else _read(Path(own, m.file)))
                    for m in self.declared
                }
            except (ValueError, OSError) as error:
                raise EvaluationError("failed", str(error), end) from None

    def bind(self, path: str) -> None:
        check_known(path, self._keys)

    def check(self, path: str, value: Value) -> None:
        self.bind(path)

    def with_paths(self, paths: Mapping[str, Sequence[str]]) -> Self:
        known = sole_setters(paths)
        for keys in known.values():
            for key in keys:
                self.bind(key)
        given = {*self.fixed, *(key for keys in known.values() for key in keys)}
        for entry in self.entries:
            for key in self._keys:
                if key not in given and key not in entry.set:
                    message = f"nothing gives {{{key}}} a value"
                    accepted = f"a parameter of this name, or set: {{{key}: …}}"
                    raise InputError(message, field="model.command", accepted=accepted)
        return replace(self, paths=known)

    def facts(self, workload: str) -> Mapping[str, bool]:
        return {}

    def overrides(self, config: Config) -> tuple[str, ...]:
        design = {**self.fixed, **{k: config[n] for n, ks in self.paths.items() if n in config for k in ks}}
        return tuple(f"{key}={_word(value)}" for key, value in design.items())

    def system_yaml(self, config: Config) -> None:
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key in self.__dataclass_fields__}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        """The keys that the command has places for."""
        found = dict.fromkeys(key for word in self.words for key in _PLACE.findall(word))
        return tuple(key for key in found if key not in _OTHERS)

    def _command(self, task: Task, entry: WorkloadEntry, own: str) -> list[str]:
        try:
            design = design_of(self.fixed, entry, self.paths, task.config)
        except InputError as error:
            raise EvaluationError("refused", str(error)) from None
        values: dict[str, Value] = {
            **design,
            "workload": given_workload(entry, self.folder),
            "seed": task.seed,
            "folder": own,
            "study": self.folder,
        }

        def filled(found: "re.Match[str]") -> str:
            if found[1] not in values:
                raise EvaluationError("refused", f"the design gives {found[0]} no value; name one under set")
            return _word(values[found[1]])

        return [_PLACE.sub(filled, word) for word in self.words]


def command_model(given: Mapping[str, Any], entries: tuple[WorkloadEntry, ...], folder: Path) -> CommandModel:
    """The model of ``{command: [PROGRAM, WORD, …], metrics: {…}, set: {…}, timeout: 60 s}``.

    Raises:
        InputError: no such program, metrics without units, keys that the command has no place for.
    """
    words = given["command"]
    if not isinstance(words, list | tuple) or not words:
        raise InputError("", field="model.command", given=words, accepted="a list: the program and its words")
    for word in words:
        if isinstance(word, Mapping | list | tuple) or word is None:
            message = "a word of the command is no text; quote what holds a {KEY}"
            raise InputError(message, field="model.command", given=word, accepted='such as "--size={size}"')
    texts = tuple(word if isinstance(word, str) else _word(word) for word in words)
    metrics = read_metrics(given.get("metrics"), patterns=True)
    fixed = plain_map(given.get("set", {}), "model.set")
    seconds = _TIMEOUT
    if "timeout" in given:
        try:
            seconds = float(parse_quantity(given["timeout"], "time").value)
        except InputError as error:
            error.field = "model.timeout"
            raise
        if seconds <= 0:
            accepted = "a time above zero"
            raise InputError("", field="model.timeout", given=given["timeout"], accepted=accepted)
    home = folder.resolve()
    program = _program(texts[0], home)
    named = [home / word for word in texts[1:] if word and "{" not in word and (home / word).is_file()]
    code = hashlib.sha256("".join(map(file_digest, [program, *named])).encode()).hexdigest()
    # The runs have folders of their own, so files beside the study are named in full.
    whole = tuple(
        str(home / word) if at and word and "{" not in word and (home / word).is_file() else word
        for at, word in enumerate(texts)
    )
    first = str(program) if "/" in texts[0] or (home / texts[0]).is_file() else texts[0]
    model = CommandModel((first, *whole[1:]), metrics, fixed, seconds, entries, code, str(home))
    for key in fixed:
        model.bind(key)
    return model


def _program(word: str, home: Path) -> Path:
    """The program's file: beside the study, or where the shell would find it."""
    beside = home / word
    if "/" in word or beside.is_file():
        if beside.is_file() and os.access(beside, os.X_OK):
            return beside
    elif (found := shutil.which(word)) is not None:
        return Path(found)
    message = "no such program, or not one that may be run"
    raise InputError(message, field="model.command", given=word, accepted="a program on the PATH, or a file")


def _word(value: Value) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _run(command: Sequence[str], folder: str, log: Path, seconds: float) -> int | None:
    """The exit code; None if the time limit ended the program and all that it started."""
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=_with_worker(),
            )  # fmt: skip
        except OSError as error:
            passing = not isinstance(error, FileNotFoundError | PermissionError)
            raise EvaluationError("failed", f"{command[0]}: {error.strerror}", passing=passing) from None
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _with_worker() -> Callable[[], object] | None:
    """Called in the program's process: it shall end when this one does, even if that is killed."""
    if sys.platform != "linux" or threading.active_count() > 1:  # only safe without threads
        return None
    library = ctypes.CDLL(None)
    return lambda: library.prctl(_END_WITH_PARENT, signal.SIGKILL)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End what is left of the process group."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    with suppress(ProcessLookupError, PermissionError):  # children may outlive the program
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(path: Path) -> str:
    """The end of a text file that may be very long."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LOG_READ))
        return file.read().decode(errors="replace")
