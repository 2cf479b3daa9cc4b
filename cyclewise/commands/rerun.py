"""``cyclewise rerun DIR``: the same run again, and is it the same?"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cyclewise.terminal import note, print_json, printable, progress, say, table

if TYPE_CHECKING:
    from cyclewise.simulation import Run

EXAMPLE = "Example: cyclewise rerun out"

SUFFIXES = {"commands": ".npz", "requests": ".npz", "timeline": ".json"}
"""Of the files that a run may write beside its folder."""

LISTED = 40
"""Differing keys that are told; all are counted."""


def command(
    folder: Annotated[str, typer.Argument(help="A folder that run -o has written.", metavar="DIR")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Keep the new results here.", metavar="DIR")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Repeat the run in a folder from the system and workload kept there, and compare: exit 1 if it differs.

    Everything must be the same but "host", which tells of the computer.
    """
    from cyclewise import run_folder
    from cyclewise.simulation import report_digest, without_host

    path = Path(folder)
    record = run_folder.record(path)
    before = without_host(run_folder.report(path))
    if report_digest(before) != record.get("report"):
        from arch import InputError

        raise InputError("is not the report that this run wrote", file=str(path / run_folder.REPORT))
    with tempfile.TemporaryDirectory() as aside:
        files = {what: os.path.join(aside, name) for what, name in _written(path, record).items()}
        run = _again(path, record, files)
        with progress(f"{run.system.name} {run.trace.name}") as update:
            report = run.carried_out(output, progress=update, message=note)
        differing = list(_differences(before, without_host(report.to_dict())))
        for what, file in files.items():
            now = run_folder.fingerprint(Path(file))
            if now != record["files"][what].get("sha256"):
                differing.append((f"--{what} file", record["files"][what].get("sha256"), now))
    _tell(folder, record, differing, [*files], json)
    if differing:
        raise typer.Exit(1)


def _written(path: Path, record: Mapping[str, Any]) -> dict[str, str]:
    """Names for the files that the run wrote, by what they hold; compressed ones are compressed again."""
    from arch import InputError
    from cyclewise import run_folder

    files = record["files"]
    if not set(files) <= set(SUFFIXES):
        raise InputError("unknown files", file=str(path / run_folder.RECORD), given=sorted(files))
    packed = {what: ".gz" if str(file.get("path")).endswith(".gz") else "" for what, file in files.items()}
    return {what: what + SUFFIXES[what] + packed[what] for what in files}


def _again(path: Path, record: Mapping[str, Any], files: Mapping[str, str]) -> "Run":
    """The run of the record, from what the folder holds; InputError if that has been changed since."""
    import arch
    from cyclewise import run_folder
    from cyclewise.simulation import Run
    from sim.workload_names import workload_named
    from workloads import Trace

    system = arch.load(str(path / run_folder.SYSTEM))
    if system.digest() != record["system"].get("digest"):
        raise arch.InputError("was changed after the run", file=str(path / run_folder.SYSTEM))
    known = record["workload"]
    parameters = known.get("parameters") or {}
    name = _workload(path, known)
    trace = workload_named(name, system, parameters)
    if trace.digest() != known.get("digest"):
        raise arch.InputError("is not the workload of that run any more: its requests differ", file=name)
    name_then = str(known.get("name", trace.name))
    if isinstance(trace, Trace):
        trace.name = name_then
    else:
        trace = replace(trace, name=name_then)
    return Run(
        system=system,
        trace=trace,
        system_given=str(path / run_folder.SYSTEM),
        overrides=[
            *(f"workload.{key}={value}" for key, value in parameters.items()),
            *(f"mapping.{key}={value}" for key, value in (known.get("mapping") or {}).items()),
        ],
        workload_given=name,
        parameters=parameters,
        commands=files.get("commands"),
        requests=files.get("requests"),
        timeline=files.get("timeline"),
        window=None if record.get("window") is None else tuple(record["window"]),
        mapping=known.get("mapping") or {},
        steps=None if record.get("steps") is None else tuple(record["steps"]),
        recorded={what: str(record["files"][what].get("path", files[what])) for what in files},
    )


def _workload(path: Path, known: Mapping[str, Any]) -> str:
    """Name or path of the recorded workload: beside the folder as it was then, or where it was then."""
    from arch import InputError

    places = [known.get("beside"), known.get("path")]
    if not any(places):
        return str(known.get("given"))
    candidates = [os.path.join(path, place) for place in places if place]
    for candidate in candidates:
        if os.path.exists(candidate):
            return candidate
    raise InputError("the workload of that run is gone", given=str(known.get("given")), accepted=candidates)


def _differences(before: Any, now: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, value before, value now) of every leaf that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            inner = f"{key}.{name}" if key else name
            yield from _differences(before.get(name), now.get(name), inner)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for at, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _differences(old, new, f"{key}[{at}]")
    elif before != now or type(before) is not type(now):
        yield key, before, now


def _tell(
    folder: str,
    record: Mapping[str, Any],
    differing: list[tuple[str, Any, Any]],
    files: list[str],
    json: bool,
) -> None:
    from cyclewise import __version__

    if json:
        rows = [{"key": key, "before": before, "now": now} for key, before, now in differing]
        print_json(
            {"equal": not differing, "folder": folder, "compared": ["report", *files], "differences": rows}
        )
        return
    what = " and ".join(["report", *(f"{name} file" for name in files)])
    if not differing:
        say(f"{printable(folder)}: {what} reproduced, byte for byte (host apart)")
        return
    say(f"{printable(folder)}: {len(differing):,} values differ")
    shown = [(key, _short(before), _short(now)) for key, before, now in differing[:LISTED]]
    table(["key", "before", "now"], shown)
    if len(differing) > LISTED:
        say(f"… and {len(differing) - LISTED:,} more")
    wrote = (record.get("versions") or {}).get("cyclewise")
    if wrote != __version__:
        say(f"the run was made by cyclewise {wrote}, this is {__version__}")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
