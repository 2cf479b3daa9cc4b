"""The folder of a batch: what is done, what failed, and the lock that keeps a second batch out.

===================  =========================================================================
file                 content
===================  =========================================================================
batch.json           the record: format, version, and the runs in their order
runs/NAME/           a run folder for each finished run (see :mod:`cyclewise.run_folder`)
failures/NAME.json   why a run failed
results.csv          one row a run; results.parquet holds the same
.lock                locked as long as a batch is at work here
===================  =========================================================================

A run counts as finished if its folder is whole and was made by this version from the same system and
workload.  Nothing else is believed, so a batch may be killed at any moment.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from arch.errors import InputError
from cyclewise import __version__, run_folder
from cyclewise.batch.planning import BatchPlan, Loader, PlannedRun
from cyclewise.staging import STAGE

FORMAT = "cyclewise batch 1"
FAILURE_FORMAT = "cyclewise failure 1"
RECORD, RUNS, FAILURES, LOCK = "batch.json", "runs", "failures", ".lock"
CSV, PARQUET = "results.csv", "results.parquet"

LOCK_SECONDS = 2.0
"""How long the workers of a batch that was killed may take to go, too."""

_OURS = {RECORD, RUNS, FAILURES, LOCK, CSV, PARQUET, "report.html", "figures"}
_DAMAGED = "the record of a batch; remove this file to go on, the finished runs are kept"
_OF_A_RUN = {
    run_folder.REPORT,
    run_folder.SYSTEM,
    run_folder.COMMAND,
    run_folder.RECORD,
    "report.html",
    "figures",
}


class Failed(NamedTuple):
    """Why a run failed."""

    kind: str
    """``InputError``, ``SimulationStuckError``, another exception's name, or ``worker died``."""
    message: str
    trace: str = ""
    passing: bool = False
    """The surroundings were to blame (a killed worker, a full disk): the next batch tries again."""


class Standing(NamedTuple):
    """How far a run is: ``done``, ``failed`` or ``open``; ``note``: what a person should know of it."""

    state: str
    failed: Failed | None = None
    note: str | None = None


def run_path(folder: Path, name: str) -> Path:
    return folder / RUNS / name


def failure_path(folder: Path, name: str) -> Path:
    return folder / FAILURES / f"{name}.json"


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Have the folder to ourselves, made if need be and cleared of what a killed batch left unfinished.

    Raises:
        InputError: it holds other things, comes from another version, cannot be written, or another
            batch is at work in it.
    """
    check(folder)
    try:
        (folder / RUNS).mkdir(parents=True, exist_ok=True)
        (folder / FAILURES).mkdir(exist_ok=True)
        lock = open(folder / LOCK, "a+")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise _unwritable(folder, error) from error
    with lock:
        # Forked workers hold the lock with us.  So it stays until the last of them has gone.
        _locked(folder, lock)
        _clear(folder)
        try:
            yield
        finally:
            _clear(folder)


def check(folder: Path) -> None:
    """InputError unless ``folder`` is new, empty, or that of a batch of this version."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError("is a file, not a folder for results", file=str(folder))
    if (folder / RECORD).exists():
        made_by = record(folder).get("cyclewise")
        if made_by != __version__:
            message = f"made by cyclewise {made_by}, and this is {__version__}"
            raise InputError(message, file=str(folder), accepted="a new folder: -o DIR")
        return
    foreign = [name for name in os.listdir(folder) if name not in _OURS and not name.endswith(".part")]
    runs = folder / RUNS
    if runs.is_dir():  # a batch that has lost its record still shows by its runs
        foreign += [f"{RUNS}/{name}" for name in os.listdir(runs) if not _like_a_run(runs / name)]
    if foreign:
        told = ", ".join(sorted(foreign)[:3])
        message = f"holds other things ({told}) and no earlier batch; they are left alone"
        raise InputError(message, file=str(folder), accepted="an empty or new folder, or one of a batch")


def record(folder: Path) -> dict[str, Any]:
    """The record of a batch.

    Raises:
        InputError: the folder holds none, or one that is damaged or in another format.
    """
    path = folder / RECORD
    try:
        content = run_folder.json_object(path, "is missing: this is not the folder of a batch")
    except InputError as error:
        error.accepted = _DAMAGED if error.message.startswith("damaged") else None
        raise
    if not isinstance(content.get("format"), str) or not isinstance(content.get("runs"), list):
        raise InputError("damaged: something is missing", file=str(path), accepted=_DAMAGED)
    if content["format"] != FORMAT:
        given = content["format"]
        raise InputError("another version", file=str(path), field="format", given=given, accepted=FORMAT)
    texts = ("name", "system", "workload", "system_digest")
    for at, run in enumerate(content["runs"]):
        if not isinstance(run, dict) or not all(isinstance(run.get(key), str) for key in texts):
            message = "damaged: not a run of a batch"
            raise InputError(message, file=str(path), field=f"runs[{at}]", accepted=_DAMAGED)
    return content


def write_record(folder: Path, plan: BatchPlan) -> None:
    """Write ``batch.json``; InputError if it cannot be written."""
    runs = [
        {
            "name": run.name,
            "system": run.system,
            "workload": run.workload,
            "variant": run.variant,
            "settings": dict(run.settings),
            "system_digest": run.system_digest,
        }
        for run in plan.runs
    ]
    head: dict[str, Any] = {"format": FORMAT, "cyclewise": __version__}
    head |= {"title": plan.title, "source": plan.source}
    if plan.overrides:
        head["overrides"] = list(plan.overrides)
    write_whole(folder / RECORD, json.dumps({**head, "runs": runs}, indent=1) + "\n")


def standing(folder: Path, run: PlannedRun, loader: Loader) -> Standing:
    """How far ``run`` is.

    Raises:
        InputError: a folder of its name holds other things.
    """
    path = run_path(folder, run.name)
    note = None
    if path.exists():
        _refuse_foreign(path)
        try:
            if _finished(path, run, loader):
                return Standing("done")
        except InputError as error:
            note = f"{error}; runs again"
    try:
        failed = _failure(folder, run)
    except InputError as error:
        return Standing("open", note=note or f"{error}; runs again")
    return Standing("failed", failed, note) if failed else Standing("open", note=note)


def whole_report(path: Path) -> dict[str, Any]:
    """The report in a run folder as plain values.

    Raises:
        InputError: it is missing or not what the run wrote.
    """
    from cyclewise.simulation import report_digest

    return _whole(path, run_folder.record(path), report_digest)


def discard(folder: Path, name: str) -> None:
    """Remove whatever there is of a run."""
    try:
        if run_path(folder, name).exists():
            shutil.rmtree(run_path(folder, name))
        failure_path(folder, name).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def clear_stage(path: Path) -> None:
    """Remove what a run that was cut short has left in its folder."""
    for stage in path.glob(f"{STAGE}*"):
        shutil.rmtree(stage, ignore_errors=True)
    with suppress(OSError):
        path.rmdir()  # where there was nothing else


def write_failure(folder: Path, run: PlannedRun, failed: Failed) -> None:
    """Record a failure; InputError if it cannot be written."""
    told = {"kind": failed.kind, "message": failed.message, "trace": failed.trace, "passing": failed.passing}
    content = {"format": FAILURE_FORMAT, "run": run.name, **told, "of": _identity(run)}
    write_whole(failure_path(folder, run.name), json.dumps(content, indent=1) + "\n")


def read_failure(folder: Path, name: str) -> tuple[Failed, Mapping[str, Any]] | None:
    """The recorded failure of a run and what it was a run of; None if there is none.

    Raises:
        InputError: the file is damaged.
    """
    path = failure_path(folder, name)
    if not path.exists():
        return None
    content = run_folder.json_object(path, "is missing")
    told = tuple(content.get(key) for key in ("kind", "message", "trace"))
    if not all(isinstance(text, str) for text in told) or not isinstance(content.get("of"), dict):
        raise InputError("damaged: not the record of a failure", file=str(path))
    kind, message, trace = map(str, told)
    return Failed(kind, message, trace, bool(content.get("passing"))), content["of"]


def write_whole(path: Path, text: str) -> None:
    """Put ``text`` in the place of the file, in one step."""
    from workloads.compression import replacing

    with replacing(str(path)) as file:
        file.write(text.encode())


def _finished(path: Path, run: PlannedRun, loader: Loader) -> bool:
    """Is the folder that of ``run``?  InputError if it should be and is damaged."""
    from cyclewise.simulation import report_digest

    if not (path / run_folder.RECORD).exists():
        return False  # cut short: the record comes last
    known = run_folder.record(path)
    versions = known.get("versions")
    if not isinstance(versions, dict) or versions.get("cyclewise") != __version__:
        return False
    if known["system"].get("digest") != run.system_digest or not _same_workload(
        known["workload"], run, loader
    ):
        return False
    _whole(path, known, report_digest)
    system = path / run_folder.SYSTEM
    try:
        same = system.read_bytes() == loader.system_of(run).to_yaml().encode()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=str(system)) from error
    if not same and loader.system(str(system), ()).digest() != run.system_digest:
        raise InputError("damaged: not the system of the run", file=str(system))
    _check_tables(path, known, loader.system_of(run).kind)
    return True


def _check_tables(path: Path, known: Mapping[str, Any], kind: str) -> None:
    from sim.machine import machine

    # A machine need not have all of its tables for every workload: the record names those of this run.
    named = known.get("tables")
    for name in named if isinstance(named, dict) else [f"{n}.csv" for n in machine(kind).observations]:
        file = path / name
        if not file.exists():
            raise InputError("is missing", file=str(file))
    run_folder.check_tables(path, known)


def _same_workload(known: Mapping[str, Any], run: PlannedRun, loader: Loader) -> bool:
    from workloads import Trace

    workload = loader.trace_of(run)
    if known.get("parameters") != run.parameters or known.get("name") != workload.name:
        return False
    if (known.get("mapping") or {}) != run.mapping:
        return False
    # A model's file may name others; what is asked of it is quickly hashed, unlike a trace.
    if not isinstance(workload, Trace) and known.get("digest") != workload.digest():
        return False
    if run.file is None:
        return known.get("path") is None and known.get("given") == run.workload_given
    if known.get("path") == run.file and run.file_state.items() <= known.items():
        return True
    return bool(known.get("digest") == workload.digest())


def _whole(path: Path, known: Mapping[str, Any], digest_of: Any) -> dict[str, Any]:
    content = run_folder.report(path)
    if digest_of(content) != known.get("report"):
        raise InputError("damaged: not the report that this run wrote", file=str(path / run_folder.REPORT))
    return content


def _failure(folder: Path, run: PlannedRun) -> Failed | None:
    found = read_failure(folder, run.name)
    if found is None or found[0].passing or found[1] != _identity(run):
        return None
    return found[0]


def _identity(run: PlannedRun) -> dict[str, Any]:
    """What a failure is a failure of, in values that JSON keeps."""
    identity = {
        "cyclewise": __version__,
        "system_digest": run.system_digest,
        "workload": run.workload_given,
        "parameters": dict(run.parameters),
        **({"mapping": dict(run.mapping)} if run.mapping else {}),
        "file": dict(run.file_state),
    }
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


def _refuse_foreign(path: Path) -> None:
    if not _like_a_run(path):
        message = "holds other things than a run; they are left alone" if path.is_dir() else "is no folder"
        raise InputError(message, file=str(path), accepted="the folder of a run, or nothing of this name")


def _like_a_run(path: Path) -> bool:
    """Is this the folder of a run?  One that was cut short has no record, and only what runs write."""
    if not path.is_dir():
        return False
    names = os.listdir(path)
    known = (name in _OF_A_RUN or name.startswith(STAGE) or name.endswith(".csv") for name in names)
    return run_folder.RECORD in names or all(known)


def _locked(folder: Path, lock: Any) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                lock.seek(0)
                holder = lock.read(20).strip()
                message = f"another batch is at work here (process {holder or 'unknown'})"
                raise InputError(message, file=str(folder), accepted="another folder: -o DIR") from None
            time.sleep(0.02)
        except OSError as error:
            raise InputError(f"cannot be locked ({error.strerror})", file=str(folder / LOCK)) from error
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _clear(folder: Path) -> None:
    """Nobody else is at work: stages and partial files are those of the dead."""
    for path in (folder / RUNS).iterdir():
        if path.is_dir():
            clear_stage(path)
    for place in (folder, folder / FAILURES):
        for partial in place.glob("*.part"):
            partial.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot be written ({error.strerror or error})", file=str(error.filename or path))
