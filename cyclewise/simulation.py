"""How a run is made up and carried out, shared by the command line and the Python API."""

import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch.errors import InputError
from cyclewise import run_folder

if TYPE_CHECKING:
    from arch import System
    from sim.machine import Options, Workload
    from sim.report import Report


@dataclass(frozen=True)
class Settings:
    """``KEY=VALUE`` texts by what they change; ``workload`` and ``mapping`` hold the values, read as YAML."""

    system: tuple[str, ...] = ()
    workload: Mapping[str, Any] = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)


def split_settings(texts: Sequence[str], *, only_system: bool = False) -> Settings:
    """Sort ``system.KEY=VALUE`` (or ``KEY=VALUE``), ``workload.KEY=VALUE`` and ``mapping.KEY=VALUE``.

    Raises:
        InputError: a workload or a mapping where there is none (``only_system``), or a broken value.
    """
    system: list[str] = []
    found: dict[str, dict[str, Any]] = {"workload": {}, "mapping": {}}
    for text in texts:
        prefix, _, rest = text.partition(".")
        prefix = prefix.strip()
        if prefix not in found or "=" in prefix:
            system.append(text)
            continue
        shown = f"--set {text}"
        if only_system:
            raise InputError(f"there is no {prefix} here", file=shown, accepted="system.KEY=VALUE")
        key, equals, value = rest.partition("=")
        if not equals or not key.strip() or not value.strip():
            accepted = "KEY=VALUE, such as workload.requests=1000 or mapping.packing=row_aligned"
            raise InputError("", file=shown, given=text, accepted=accepted)
        found[prefix][key.strip()] = _plain(value, shown)
    return Settings(tuple(system), found["workload"], found["mapping"])


def _plain(text: str, shown: str) -> Any:
    from arch.yaml_source import parse

    value = parse(text, shown, lines=False).data
    return float(value) if isinstance(value, Decimal) else value


DEFAULT_WINDOW = (0, 20_000)
"""Cycles of a timeline unless others are asked for: what a viewer opens at once."""


@dataclass(frozen=True)
class Run:
    """A run to be carried out, and how it was asked for."""

    system: "System"
    trace: "Workload"
    system_given: str | None
    """Name or path; None for a system loaded in Python."""
    overrides: Sequence[str]
    workload_given: str | None
    """Name or path; None for a trace made in Python."""
    parameters: Mapping[str, Any]
    commands: str | None = None
    """File to write the command streams into."""
    requests: str | None = None
    """File to write the cycles of each request into."""
    timeline: str | None = None
    """File to write the timeline of ``window`` into."""
    window: tuple[int, int] | None = None
    """Cycles that the timeline shows, from the first to before the last; None: DEFAULT_WINDOW, of a
    transformer the tokens ``steps``."""
    tables: Sequence[str] = ()
    """Which of ``commands`` and ``requests`` to hand over as arrays."""
    observe: bool = False
    """Hand over what figures are drawn from, too; a run folder holds it in any case."""
    words: Sequence[str] | None = None
    """The command line as it was given, without the program's name; None if there was none."""
    mapping: Mapping[str, Any] = field(default_factory=dict)
    """Choices of how the workload is laid on the system."""
    steps: tuple[int, int] | None = None
    """Tokens whose commands and timeline are written, from the first to before the last; None: the last."""
    recorded: Mapping[str, str] = field(default_factory=dict)
    """What the run folder calls the files of ``commands`` and ``requests``; else where they are written."""

    def carried_out(
        self,
        output: str | os.PathLike[str] | None = None,
        *,
        progress: Callable[[int, int | None], None] | None = None,
        message: Callable[[str], None] | None = None,
    ) -> "Report":
        """Simulate, write the files asked for, and, last, the run folder ``output``.

        ``progress`` and ``message`` are called as :class:`sim.machine.Options` says.

        Raises:
            InputError: something cannot be written (found before simulating), or the workload is bad.
            SimulationStuckError: the simulation made no more progress.
        """
        from sim.machine import TIMELINE, Options, machine

        known = machine(self.system.kind)
        tables = [*self.tables]
        if output is not None or self.observe:
            tables += known.observations
        if self.timeline is not None:
            self._check_timeline(known.tables)
            tables += TIMELINE
        options = Options(
            self.commands, self.requests, tables, self._shown_cycles, progress, message, self.steps
        )
        if output is None:
            return self._simulated(options, self.timeline)
        with run_folder.prepared(output) as folder:
            if self.workload_given is None:
                self._save_workload(folder.aside(self._kept_workload))
            timeline = self.timeline
            if timeline is None and self._of_tokens:
                timeline = str(folder.aside(run_folder.TIMELINE))
                options = replace(options, tables=[*tables, *TIMELINE])
            report = self._simulated(options, timeline)
            observed = {name: table for name, table in report.tables.items() if name in known.observations}
            written = {f"{name}.csv": run_folder.table(table) for name, table in observed.items()}
            record = self._record(folder.folder, report, written)
            folder.finish(
                {
                    **written,
                    run_folder.REPORT: report.to_json(),
                    run_folder.SYSTEM: self.system.to_yaml(),
                    run_folder.COMMAND: self.command_line(output) + "\n",
                    run_folder.RECORD: json.dumps(record, indent=2) + "\n",
                }
            )
        return report

    @property
    def _of_tokens(self) -> bool:
        """Is this a run of a transformer, whose folder holds a timeline of a token in any case?"""
        from workloads.transformer import Decoding

        return isinstance(self.trace, Decoding)

    @property
    def _shown_cycles(self) -> tuple[int, int] | None:
        """Cycles of the timeline; None where tokens say it, or where there is none."""
        if self.window is not None or self.timeline is None or self._of_tokens:
            return self.window
        return DEFAULT_WINDOW

    @property
    def _kept_workload(self) -> str:
        """File of the run folder that a workload made in Python is kept in."""
        from workloads.aim_isa import AimProgram
        from workloads.transformer import Decoding

        if isinstance(self.trace, AimProgram):
            return run_folder.AIM
        return run_folder.DECODING if isinstance(self.trace, Decoding) else run_folder.WORKLOAD

    def _save_workload(self, path: Path) -> None:
        from workloads import Trace, save
        from workloads.aim_isa import AimProgram

        if isinstance(self.trace, Trace):
            save(self.trace, str(path))
        elif isinstance(self.trace, AimProgram):
            self.trace.write(str(path))
        else:
            path.write_text(self.trace.to_yaml(), encoding="utf-8")

    def _check_timeline(self, known: Sequence[str]) -> None:
        from plots.timeline import check_name
        from sim.machine import TIMELINE
        from sim.output import check_writable

        assert self.timeline is not None
        if not set(TIMELINE) <= set(known):
            raise InputError("has no timeline", field="kind", given=self.system.kind)
        check_name(self.timeline)
        check_writable([self.timeline], suffix="")

    def _simulated(self, options: "Options", timeline_file: str | None) -> "Report":
        """The report; the timeline, if one is asked for, is on disk."""
        from sim.machine import simulate

        report = simulate(self.system, self.trace, options, self.mapping)
        if timeline_file is not None:
            from plots import timeline

            if options.message is not None and options.window and not report.tables["slices"]["start"]:
                begin, end = options.window
                ended = max(report.cycles.values(), default=0)
                options.message(f"the timeline is empty: a run of {ended:,} cycles has none in {begin}:{end}")
            timeline.write(
                timeline_file,
                report.tables["slices"],
                report.tables["counters"],
                title=f"{self.system.name} {self.trace.name}",
                clock=f"{report.seconds / report.cycles['memory'] * 1e12:.6g} ps",
            )
        return report

    def arguments(self, output: str | os.PathLike[str]) -> list[str]:
        """The command line that asks for this run, without the program's name."""
        if self.words is not None:
            return [*self.words]
        system = self.system_given or os.path.join(output, run_folder.SYSTEM)
        words = ["run", system, self.workload_given or os.path.join(output, self._kept_workload)]
        words += ["-o", os.fspath(output)]
        for text in self.overrides:
            words += ["--set", text]
        for what, file in self._files().items():
            words += [f"--{what}", self.recorded.get(what, file)]
        if self._shown_cycles is not None:
            words += ["--window", "{}:{}".format(*self._shown_cycles)]
        if self.steps is not None:
            words += ["--steps", "{}:{}".format(*self.steps)]
        return words

    def _files(self) -> dict[str, str]:
        """What is written besides the folder, by option."""
        files = {"commands": self.commands, "requests": self.requests, "timeline": self.timeline}
        return {what: file for what, file in files.items() if file is not None}

    def command_line(self, output: str | os.PathLike[str]) -> str:
        return shlex.join(["cyclewise", *self.arguments(output)])

    def _record(self, folder: Path, report: "Report", tables: Mapping[str, str]) -> dict[str, Any]:
        """What ``run.json`` holds; ``tables``: contents of the CSV files by name."""
        import platform

        from cyclewise import __version__

        path = self._kept_workload if self.workload_given is None else getattr(self.trace, "path", None)
        library = path is not None and Path(path).is_relative_to(Path(__file__).parent.parent / "workloads")
        if path is None or library:
            places: dict[str, str | int | None] = {"path": None, "beside": None}
        elif self.workload_given is None:
            places = {"path": None, "beside": path}
        else:
            absolute = os.path.abspath(path)
            # Size and time tell cheaply that a file is still the same, where its hash would take long.
            places = {
                "path": absolute,
                "beside": os.path.relpath(absolute, folder),
                **run_folder.file_state(absolute),
            }
        return {
            "format": run_folder.FORMAT,
            "arguments": self.arguments(folder),
            "working_folder": os.getcwd(),
            "system": {"given": self.system_given, "digest": self.system.digest()},
            "workload": {
                "given": self.workload_given,
                "name": self.trace.name,
                **places,
                "parameters": dict(self.parameters),
                **({"mapping": dict(self.mapping)} if self.mapping else {}),
                "digest": self.trace.digest(),
            },
            "report": report_digest(report.to_dict()),
            "tables": {name: sha256(content.encode()).hexdigest() for name, content in tables.items()},
            "files": {
                what: {
                    "path": os.path.abspath(self.recorded.get(what, file)),
                    "sha256": run_folder.fingerprint(Path(file)),
                }
                for what, file in self._files().items()
            },
            **({} if self._shown_cycles is None else {"window": list(self._shown_cycles)}),
            **({} if self.steps is None else {"steps": list(self.steps)}),
            "versions": {
                "cyclewise": __version__,
                "python": platform.python_version(),
                "numpy": _version("numpy"),
                "numba": _version("numba"),
            },
        }


@cache
def _version(package: str) -> str:
    """Version of an installed distribution; looking it up takes a millisecond."""
    from importlib.metadata import version

    return version(package)


def window_of(text: str, field: str = "--window", example: str = "0:20000") -> tuple[int, int]:
    """The cycles (or tokens) that ``A:B`` names; InputError if it does not."""
    begin, colon, end = text.replace("_", "").replace(",", "").partition(":")
    if colon and begin.strip().isdecimal() and end.strip().isdecimal() and int(begin) < int(end):
        return int(begin), int(end)
    raise InputError("", field=field, given=text, accepted=f"two numbers A:B, A before B, such as {example}")


def run_of(
    system: str,
    workload: str,
    overrides: Sequence[str],
    commands: str | None,
    requests: str | None,
    timeline: str | None,
    window: str | None,
    steps: str | None,
    asked: Mapping[str, Any],
    words: Sequence[str] | None,
) -> Run:
    """The run that the command line ``words`` asks for; ``asked`` are workload parameters with options.

    Raises:
        InputError: whatever is wrong with system, workload or overrides.
    """
    import arch
    from sim.workload_names import workload_named

    settings = split_settings(overrides)
    if window is not None and timeline is None:
        raise InputError(
            "there is no timeline to cut; name its file", field="--window", accepted="--timeline FILE"
        )
    cycles = None if window is None else window_of(window)
    if steps is not None and commands is None and timeline is None:
        message = "neither commands nor a timeline are written; name their file"
        raise InputError(message, field="--steps", accepted="--commands FILE, --timeline FILE")
    loaded = arch.load(system, settings.system)
    parameters = {**settings.workload, **asked}
    trace = workload_named(workload, loaded, parameters)
    return Run(
        loaded,
        trace,
        system,
        overrides,
        workload,
        parameters,
        commands,
        requests,
        timeline,
        cycles,
        words=words,
        mapping=settings.mapping,
        steps=None if steps is None else window_of(steps, "--steps", "0:1"),
    )


def without_host(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report as plain JSON values, less the part that may differ between runs."""
    plain: dict[str, Any] = json.loads(json.dumps({k: v for k, v in report.items() if k != "host"}))
    return plain


def report_digest(report: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the report without ``host``."""
    content = {key: value for key, value in report.items() if key != "host"}
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
