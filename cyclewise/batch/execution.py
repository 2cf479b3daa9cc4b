"""Carries out the runs of a batch that are not finished, on several cores, and keeps what becomes of them."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from arch.errors import InputError
from cyclewise.batch import folder as on_disk
from cyclewise.batch import table
from cyclewise.batch.folder import Failed, Standing
from cyclewise.batch.planning import BatchPlan, Loader, PlannedRun, plan
from cyclewise.batch.results import BatchResults, read_batch
from dse.processes import outcomes, usable_cores

if TYPE_CHECKING:
    from sim.machine import Workload


class Listener(Protocol):
    """Told of a batch as it goes on; every method may be called many times."""

    def begins(self, total: int, done: int, failed: int, workers: int) -> None:
        """How many runs there are, and how many of them ended before."""

    def started(self, run: PlannedRun) -> None: ...

    def ended(self, run: PlannedRun, failed: Failed | None) -> None: ...

    def pulse(self) -> None:
        """A moment has passed."""

    def says(self, text: str) -> None:
        """Something that a person should know."""


class Silent:
    """A listener that says nothing."""

    def begins(self, total: int, done: int, failed: int, workers: int) -> None: ...

    def started(self, run: PlannedRun) -> None: ...

    def ended(self, run: PlannedRun, failed: Failed | None) -> None: ...

    def pulse(self) -> None: ...

    def says(self, text: str) -> None: ...


@dataclass(frozen=True)
class Tally:
    """How a batch ended.  ``kept``: runs that had been finished before."""

    done: int
    kept: int
    failed: int


def run_batch(
    source: str | Path | Mapping[str, Any],
    *,
    jobs: int | None = None,
    output: str | Path | None = None,
    retry_failed: bool = False,
    overrides: Sequence[str] = (),
) -> BatchResults:
    """Carry out the batch in a YAML file, or in a map of the same form, and read back what came of it.

    Finished runs of an earlier call are kept; a failed run is told in its row and ends nothing.

    Args:
        source: path of the file, or its content; paths in a map start from the working folder.
        jobs: worker processes; by default as many as there are usable cores.
        output: folder for the results; else ``output`` of the batch, else NAME-results beside the caller.
        retry_failed: run again what failed before.
        overrides: ``KEY=VALUE`` texts as after ``--set``, for every run.

    Raises:
        InputError: the batch or the folder is wrong; nothing has been run then.
    """
    loader = Loader()
    planned = plan(source, loader, overrides)
    into = destination(planned, output)
    carry_out(planned, loader, into, jobs=jobs, retry_failed=retry_failed)
    return read_batch(into)


def destination(planned: BatchPlan, output: str | Path | None) -> Path:
    """The folder for the results."""
    if output is not None:
        if not str(output):
            raise InputError("is not the path of a folder", field="-o", given="")
        return Path(output)
    if planned.output is not None:
        return planned.output
    stem = "batch" if planned.source is None else Path(planned.source).stem
    return Path(f"{stem}-results")


def carry_out(
    planned: BatchPlan,
    loader: Loader,
    into: Path,
    *,
    jobs: int | None = None,
    retry_failed: bool = False,
    listener: Listener | None = None,
) -> Tally:
    """Carry out what is not finished in folder ``into``, then write the table of all.

    Raises:
        InputError: the folder cannot be used; nothing has been run then.
        KeyboardInterrupt: everything that had ended by then is kept.
    """
    heard = listener or Silent()
    if jobs is not None and jobs < 1:
        raise InputError("", field="--jobs", given=jobs, accepted="1 or more")
    with on_disk.occupied(into):
        standings = {run.name: _standing(into, run, loader, retry_failed) for run in planned.runs}
        for found in standings.values():
            if found.note:
                heard.says(found.note)
        todo = [run for run in planned.runs if standings[run.name].state == "open"]
        kept = sum(found.state == "done" for found in standings.values())
        failed = len(planned.runs) - len(todo) - kept
        # Before anything is removed: a batch that is stopped here is still known as one.
        on_disk.write_record(into, planned)
        if todo:
            table.discard(into)
        for run in todo:
            on_disk.discard(into, run.name)
        workers = max(1, min(jobs or usable_cores(), len(todo)))
        heard.begins(len(planned.runs), kept, failed, workers)
        if todo:
            _warm_up(todo, loader, heard.says)
            failed += _run(todo, loader, into, workers, heard)
        table.write(into, planned)
    return Tally(len(planned.runs) - failed, kept, failed)


def _standing(into: Path, run: PlannedRun, loader: Loader, retry_failed: bool) -> Standing:
    found = on_disk.standing(into, run, loader)
    return found._replace(state="open") if found.state == "failed" and retry_failed else found


def _run(todo: list[PlannedRun], loader: Loader, into: Path, workers: int, heard: Listener) -> int:
    """Carry out the runs; how many failed."""
    failures = 0
    work = _Work(into, loader)
    for outcome in outcomes(
        work, todo, workers=workers, prepare=work.prepare, started=heard.started, pulse=heard.pulse
    ):
        table.load()  # now, while the workers are at work
        run, failed = outcome.task, outcome.result
        if outcome.failure is not None:
            # The last thing that a worker did may have been to finish the run.
            if on_disk.standing(into, run, loader).state == "done":
                failed = None
            else:
                on_disk.discard(into, run.name)
                told = outcome.failure
                failed = Failed(told.kind, told.message, told.trace, passing=True)
        if failed is not None:
            failures += 1
            on_disk.write_failure(into, run, failed)
        heard.ended(run, failed)
    return failures


class _Work:
    """What a worker does; it keeps systems and traces for the runs to come."""

    def __init__(self, into: Path, loader: Loader) -> None:
        self.into, self.loader = into, loader

    def prepare(self) -> None:
        """Load what every run needs; a forked worker has it already."""
        import sim.machine

        sim.machine.machine("memory")

    def __call__(self, run: PlannedRun) -> Failed | None:
        try:
            return self.carry_out(run)
        except InputError as error:
            return Failed("InputError", str(error), passing=isinstance(error.__cause__, OSError))
        except (OSError, MemoryError) as error:
            return Failed(type(error).__name__, str(error), passing=True)
        except Exception as error:
            import traceback

            return Failed(type(error).__name__, str(error), traceback.format_exc())

    def carry_out(self, run: PlannedRun) -> Failed | None:
        from cyclewise.simulation import Run

        system = self.loader.system_of(run)
        if system.digest() != run.system_digest:
            return _changed(run.system_given)
        if not _unchanged(run):
            return _changed(run.workload_given)
        path = on_disk.run_path(self.into, run.name)
        Run(
            system=system,
            trace=self.loader.trace_of(run),
            system_given=run.system_given,
            overrides=run.overrides,
            workload_given=run.workload_given,
            parameters=run.parameters,
            mapping=run.mapping,
        ).carried_out(path)
        if not _unchanged(run):
            shutil.rmtree(path)
            return _changed(run.workload_given)
        return None


def _unchanged(run: PlannedRun) -> bool:
    from cyclewise.run_folder import file_state

    return run.file is None or file_state(run.file) == run.file_state


def _changed(file: str) -> Failed:
    message = f"{file}: changed while the batch was at work; the same command runs it as it is now"
    return Failed("InputError", message, passing=True)


def _warm_up(todo: list[PlannedRun], loader: Loader, says: Callable[[str], None]) -> None:
    """Compile or load here, once, what the workers will use: they are forked from this process."""
    from sim.machine import Options, machine, simulate

    shapes: set[tuple[Any, ...]] = set()
    for run in todo:
        system = loader.system_of(run)
        # What decides which kernels run: a tiny simulation of each shape goes all the way that a run goes.
        memory = system.spec.resolve() if system.kind == "memory" else None
        shape = (system.kind, memory and (memory.channels > 1, memory.front_end.mode))
        if shape in shapes:
            continue
        shapes.add(shape)
        with suppress(InputError):  # the run itself will tell
            tables = [*machine(system.kind).observations]
            options = Options(tables=tables, message=says)
            simulate(system, _tiny(loader.trace_of(run)), options, run.mapping)


def _tiny(workload: "Workload") -> "Workload":
    """Something of the same kind that takes next to no time."""
    from workloads import Trace
    from workloads.aim_isa import Op, instruction, program
    from workloads.transformer import Decoding, Request

    if isinstance(workload, Decoding):
        return replace(workload, requests=(Request(Fraction(0), 1, 1),), name="warm-up")
    if isinstance(workload, Trace):
        return Trace.from_arrays([0, 0], [1, 0], name="warm-up")
    return program("warm-up", [instruction(Op.MAC_ABK, 1, 1, 0), instruction(Op.EOC)])
