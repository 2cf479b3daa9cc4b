"""From the batch file to its runs; whatever can be wrong with them is found here, before anything runs."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch.errors import MISSING, InputError, Location, dotted, unknown
from arch.yaml_source import Tree
from cyclewise.batch.changes import NOTHING, OTHERS, PARTS, Changes, given_changes, part_of, yaml_text
from cyclewise.batch.spec import BatchSpec, RunEntry, SystemEntry, WorkloadEntry, read

if TYPE_CHECKING:
    from arch import System
    from sim.machine import Workload

MOST_RUNS = 100_000

_NOT_IN_NAMES = re.compile(r"^[^A-Za-z0-9_]|[^A-Za-z0-9_.+-]")


@dataclass(frozen=True)
class PlannedRun:
    """One run, ready to be carried out."""

    name: str
    """Unique in its batch, and the name of its folder."""
    system: str
    workload: str
    """What the batch file calls them."""
    variant: str | None
    system_given: str
    workload_given: str
    """What ``cyclewise run`` would be given."""
    settings: Mapping[str, str]
    """Changed keys; those of the workload begin with ``workload.``, choices of the mapping with ``mapping.``.
    Values are YAML.
    """
    system_digest: str
    parameters: Mapping[str, Any]
    """Of the workload's generator, or of a transformer."""
    file: str | None
    """Absolute path of the workload's file; None for a library workload or a generator."""
    file_state: Mapping[str, int]
    """That file's size and time of change when the batch began; empty without one."""
    mapping: Mapping[str, Any] = field(default_factory=dict)
    """Choices of how the workload is laid on the system."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """As after ``--set``."""
        return tuple(f"{key}={value}" for key, value in self.settings.items())


@dataclass(frozen=True)
class BatchPlan:
    """All runs of a batch, in its order."""

    title: str
    source: str | None
    """The batch file; None for a map."""
    runs: tuple[PlannedRun, ...]
    output: Path | None
    overrides: tuple[str, ...] = ()
    """Changes of all runs beside those in the file, as after ``--set``."""


@dataclass
class Loader:
    """Systems and workloads, each loaded once for as long as this lives."""

    systems: "dict[tuple[str, ...], System]" = field(default_factory=dict)
    traces: "dict[tuple[Any, ...], Workload]" = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        return Loader, ()  # another process loads for itself

    def system(self, given: str, overrides: Sequence[str]) -> "System":
        """Raises InputError as :func:`arch.load` does."""
        import arch

        key = (given, *overrides)
        if key not in self.systems:
            self.systems[key] = arch.load(given, overrides)
        return self.systems[key]

    def trace(self, given: str, parameters: Mapping[str, Any], system: "System") -> "Workload":
        """Raises InputError as :func:`sim.workload_names.workload_named` does."""
        from sim.workload_names import workload_named

        # How a file reads depends on the system; what a generator makes does not.
        key = (given, *parameters.items()) if parameters else (given, system.digest())
        if key not in self.traces:
            self.traces[key] = workload_named(given, system, parameters)
        return self.traces[key]

    def system_of(self, run: PlannedRun) -> "System":
        """The system of a run, with its changes."""
        others = tuple(f"{part}." for part in OTHERS)
        return self.system(run.system_given, [t for t in run.overrides if not t.startswith(others)])

    def trace_of(self, run: PlannedRun) -> "Workload":
        """The workload of a run."""
        return self.trace(run.workload_given, run.parameters, self.system_of(run))


def plan(source: str | Path | Mapping[str, Any], loader: Loader, overrides: Sequence[str] = ()) -> BatchPlan:
    """The runs that a batch file, or a map of the same form, asks for.

    Args:
        source: the file or map.
        loader: of systems and workloads.
        overrides: ``KEY=VALUE`` texts as after ``--set``, for every run.

    Raises:
        InputError: the first thing that is wrong, with file and line: a misspelt key, a missing file, an
            unknown name, a change that a system refuses, two runs of one name.
    """
    spec, tree, folder = read(source)
    shown = None if isinstance(source, Mapping) else str(source)
    planner = _Planner(spec, tree, folder, loader, given_changes(overrides))
    runs: dict[str, tuple[PlannedRun, Location]] = {}
    for run, location in planner.runs():
        first = runs.setdefault(run.name.casefold(), (run, location))
        if first[0] is not run:
            message = f'two runs are called "{run.name}"{_first(tree, first[1])}; give one of them a name'
            raise _error(tree, location, message)
        if len(runs) > MOST_RUNS:
            raise _error(tree, (), f"more than {MOST_RUNS:,} runs")
    if not runs:
        message = "no runs" if not (spec.systems or spec.workloads) else "systems and workloads make runs"
        raise _error(tree, (), message, accepted="systems and workloads, or runs")
    output = None if spec.output is None else folder / spec.output
    return BatchPlan(spec.title, shown, tuple(run for run, _ in runs.values()), output, tuple(overrides))


@dataclass(frozen=True)
class _Used:
    """A system or workload as the runs use it."""

    name: str
    given: str
    file: str | None
    changes: Changes
    location: Location


class _Planner:
    def __init__(self, spec: BatchSpec, tree: Tree, folder: Path, loader: Loader, extra: Changes) -> None:
        import workloads
        from arch.layers import library_names
        from workloads.aim_library import TITLES
        from workloads.transformer.catalogue import names

        self.spec, self.tree, self.folder, self.loader, self.extra = spec, tree, folder, loader, extra
        self.generators = [entry.kind for entry in workloads.generators()]
        self.known = [entry.name for entry in workloads.library()] + self.generators + names() + [*TITLES]
        self.library = library_names()

    def runs(self) -> Iterator[tuple[PlannedRun, Location]]:
        spec, tree = self.spec, self.tree
        systems = [self.system(entry, ("systems", i)) for i, entry in enumerate(spec.systems)]
        workloads = [self.workload(entry, ("workloads", i)) for i, entry in enumerate(spec.workloads)]
        variants: list[tuple[str | None, Changes, Location]] = [
            (
                entry.name,
                self.changes(entry.set, ("variants", i, "set"), PARTS),
                ("variants", i),
            )
            for i, entry in enumerate(spec.variants)
        ]
        places = [(s.name, s.location) for s in systems], [(w.name, w.location) for w in workloads]
        for what, named in zip(
            ("systems", "workloads", "variants"),
            (*places, [(str(name), location) for name, _, location in variants]),
            strict=True,
        ):
            _refuse_twice(tree, what, named)
        for system in systems:
            for workload in workloads:
                for variant, changes, place in variants or [(None, NOTHING, ())]:
                    name = "-".join(filter(None, (system.name, workload.name, variant)))
                    yield self.run(name, system, workload, variant, changes, place), system.location
        by_name = {s.name: s for s in systems}, {w.name: w for w in workloads}
        for i, entry in enumerate(spec.runs):
            yield self.further(entry, ("runs", i), *by_name), ("runs", i)

    def further(
        self,
        entry: RunEntry,
        location: Location,
        systems: Mapping[str, _Used],
        workloads: Mapping[str, _Used],
    ) -> PlannedRun:
        system = systems.get(entry.system) or self.system(
            SystemEntry(system=entry.system), location, others=systems
        )
        workload = workloads.get(entry.workload) or self.workload(
            WorkloadEntry(workload=entry.workload), location, others=workloads
        )
        changes = self.changes(entry.set, (*location, "set"), PARTS)
        name = entry.name or f"{system.name}-{workload.name}"
        return self.run(name, system, workload, None, changes, location)

    def system(
        self, entry: SystemEntry, location: Location, others: Mapping[str, _Used] | None = None
    ) -> _Used:
        from arch import library
        from arch.layers import LIBRARY, locate

        given, mark = entry.system, self.tree.mark((*location, "system"))
        if (
            others
            and given not in self.library
            and not _is_path(given)
            and not (self.folder / given).exists()
        ):
            names = [*others, *(entry.name for entry in library())]
            raise self.wrong(location, "system", unknown("system", given, names), given, names)
        path, _ = locate(given, self.folder, mark, dotted((*location, "system")))
        name = entry.name or _name(path.stem)
        if _is_path(given) or path.parent != LIBRARY:
            given = _as_path(path)
        changes = self.changes(entry.set, (*location, "set"), ("system",))
        return _Used(name, given, None, changes, location)

    def workload(
        self, entry: WorkloadEntry, location: Location, others: Mapping[str, _Used] | None = None
    ) -> _Used:
        from workloads.files import stem
        from workloads.transformer.catalogue import name_of

        given = entry.workload
        changes = self.changes(entry.set, (*location, "set"), ("workload",))
        if given in self.known:
            return _Used(entry.name or given, given, None, changes, location)
        path = self.folder / given
        if "\0" in given or not os.path.lexists(path):
            names = [*(others or ()), *self.known]
            message = "no such file" if _is_path(given) else unknown("workload", given, names)
            raise self.wrong(location, "workload", message, given, [] if _is_path(given) else names)
        if (path / "config.json").is_file():
            path /= "config.json"
        of_model = path.name == "config.json"
        name = entry.name or _name(name_of(str(path)) if of_model else stem(str(path)))
        return _Used(name, _as_path(path), os.path.abspath(path), changes, location)

    def changes(self, given: Mapping[str, Any], location: Location, allowed: Sequence[str]) -> Changes:
        """The keys of a ``set``; the first of ``allowed`` is what a key without a prefix belongs to."""
        texts: dict[str, str] = {}
        places: dict[str, Location] = {}
        for key, value in given.items():
            place = (*location, key)
            prefix, dot, rest = key.partition(".")
            if prefix not in PARTS or not dot:
                prefix, rest = allowed[0], key
            if prefix not in allowed:
                accepted = " or ".join(f"keys of the {what}" for what in allowed)
                raise _error(self.tree, place, "cannot be set here", accepted=accepted, key=True)
            full = rest if prefix == "system" else f"{prefix}.{rest}"
            if full in texts:
                raise _error(self.tree, place, "is set twice", key=True)
            texts[full], places[full] = yaml_text(value), place
        return Changes(texts, places)

    def run(
        self,
        name: str,
        system: _Used,
        workload: _Used,
        variant: str | None,
        changes: Changes,
        place: Location,
    ) -> PlannedRun:
        """The run, checked; ``place`` is that of the changes, as far as there are any."""
        from cyclewise.run_folder import file_state
        from cyclewise.simulation import split_settings

        all_changes = self.extra.over(changes.over(workload.changes.over(system.changes)))
        of_system, of_workload, of_mapping = (all_changes.part(name) for name in PARTS)
        settings = split_settings(of_workload.overrides + of_mapping.overrides)
        blamed = place if changes.texts else ()
        try:
            loaded = self.loader.system(system.given, of_system.overrides)
        except InputError as error:
            raise self.located(error, of_system, blamed or system.location) from None
        try:
            trace = self.loader.trace(workload.given, settings.workload, loaded)
        except InputError as error:
            raise self.located(error, of_workload, workload.location) from None
        try:
            _lay_out(loaded, trace, settings.mapping)
        except InputError as error:
            raise self.located(error, of_mapping, blamed or workload.location) from None
        return PlannedRun(
            name=name,
            system=system.name,
            workload=workload.name,
            variant=variant,
            system_given=system.given,
            workload_given=workload.given,
            settings={**of_system.texts, **of_workload.texts, **of_mapping.texts},
            system_digest=loaded.digest(),
            parameters=settings.workload,
            mapping=settings.mapping,
            file=workload.file,
            file_state=file_state(workload.file) if workload.file else {},
        )

    def located(self, error: InputError, changes: Changes, otherwise: Location) -> InputError:
        """The same complaint at the line of the change that it is about, or else at ``otherwise``."""
        for key, text in changes.texts.items():
            of_workload = part_of(key) != "system"
            same = of_workload and (error.field or "").partition(".")[2] == key.partition(".")[2]
            if error.file in (f"--set {key}={text}", f"--set {key}") or same:
                if self.extra.texts.get(key) == text:
                    return error  # what the command line says stands in no line of the file
                place = changes.places[key]
                inner = error.field or ""
                ours = of_workload or inner in ("", key)
                message = error.message if ours else f"{inner}: {error.message}"
                return _error(self.tree, place, message, given=error.given, accepted=error.accepted, key=True)
        if error.file is None and error.field is None:
            return _error(self.tree, otherwise, error.message, given=error.given, accepted=error.accepted)
        return _error(self.tree, otherwise, str(error))

    def wrong(
        self, location: Location, key: str, message: str, given: str, accepted: Sequence[str]
    ) -> InputError:
        where = (*location, key)
        more = [*accepted, "or the path of a file"] if accepted else None
        return _error(self.tree, where, message, given=given, accepted=more)


def _lay_out(system: "System", workload: "Workload", mapping: Mapping[str, Any]) -> None:
    """InputError if the workload does not fit the system, or for choices that its mapping does not have."""
    from sim.machine import machine

    runs = machine(system.kind)
    if mapping or runs.workload != "trace":
        runs.plan(system, workload, mapping)


def _is_path(given: str) -> bool:
    return "/" in given or given.endswith((".yaml", ".yml"))


def _as_path(path: Path) -> str:
    """The path, so written that it cannot be taken for the name of something in the library."""
    text = str(path)
    return text if "/" in text else f"./{text}"


def _name(text: str) -> str:
    return _NOT_IN_NAMES.sub("_", text)[:64] or "_"


def _refuse_twice(tree: Tree, what: str, named: Sequence[tuple[str, Location]]) -> None:
    seen: dict[str, Location] = {}
    for name, location in named:
        if name.casefold() in seen:
            first = _first(tree, seen[name.casefold()])
            message = (
                f'two {what} are called "{name}"{first}; two runs would have one name: give this one another'
            )
            raise _error(tree, location, message)
        seen[name.casefold()] = location


def _first(tree: Tree, location: Location) -> str:
    mark = tree.mark(location)
    return f", the first in line {mark.line}" if mark and mark.line else ""


def _error(
    tree: Tree,
    location: Location,
    message: str,
    *,
    given: object = MISSING,
    accepted: str | Sequence[str] | None = None,
    key: bool = False,
) -> InputError:
    mark = tree.mark(location, key=key)
    return InputError(
        message,
        file=mark.file if mark else None,
        line=mark.line if mark else None,
        field=dotted(location) or None,
        given=given,
        accepted=accepted,
    )
