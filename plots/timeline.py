"""Timelines in the trace event format, which ui.perfetto.dev and chrome://tracing open.

The format has no clock but microseconds, so a cycle is shown as a microsecond; the file says so in its
first process's name and in ``otherData``.  See "Trace Event Format" (Google, 2016).
"""

import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arch.errors import InputError
from workloads.compression import replacing

SUFFIXES = (".json", ".json.gz")


def write(
    path: str | os.PathLike[str],
    slices: Mapping[str, Sequence[Any]],
    counters: Mapping[str, Sequence[Any]],
    *,
    title: str,
    clock: str,
) -> None:
    """Write a timeline, compressed if ``path`` ends in ``.gz``; the same tables give the same bytes.

    Args:
        slices: columns ``component``, ``track``, ``start``, ``end`` (cycles), ``name`` and ``detail`` (a
            mapping); tracks are shown in the order in which they come, slices of a track must nest.
        counters: columns ``component``, ``counter``, ``unit``, ``time`` (cycles) and ``value``.
        title: of the whole.
        clock: what a cycle is, such as ``833 ps``.

    Raises:
        InputError: the file cannot be written; an earlier one of its name is then still there.
    """
    name = os.fspath(path)
    with replacing(name) as file:
        lines = _lines(slices, counters, title, clock)
        if name.endswith(".gz"):
            # No name and no time in the header: they would change the bytes.
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                packed.writelines(line.encode() for line in lines)
        else:
            file.writelines(line.encode() for line in lines)


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise InputError unless ``path`` ends in one of ``SUFFIXES``."""
    name = os.fspath(path)
    if not name.endswith(SUFFIXES):
        raise InputError(
            "", field="timeline", given=name, accepted="a file name that ends in .json.gz or .json"
        )


def _lines(
    slices: Mapping[str, Sequence[Any]], counters: Mapping[str, Sequence[Any]], title: str, clock: str
) -> Iterator[str]:
    about = {"title": title, "clock": f"1 us shown = 1 cycle of {clock}"}
    yield f'{{"displayTimeUnit": "ns", "otherData": {json.dumps(about)}, "traceEvents": [\n'
    separator = ""
    for event in _events(slices, counters, clock):
        yield separator + json.dumps(event, separators=(",", ":"))
        separator = ",\n"
    yield "\n]}\n"


def _events(
    slices: Mapping[str, Sequence[Any]], counters: Mapping[str, Sequence[Any]], clock: str
) -> Iterator[dict[str, Any]]:
    processes: dict[str, int] = {}
    threads: dict[tuple[str, str], int] = {}

    def process(component: str) -> Iterator[dict[str, Any]]:
        if component not in processes:
            pid = processes[component] = len(processes) + 1
            name = f"{component} (1 us = 1 cycle of {clock})"
            yield {"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}}
            yield {"ph": "M", "pid": pid, "name": "process_sort_index", "args": {"sort_index": pid}}

    for component, counter, unit, time, value in _rows(
        counters, "component", "counter", "unit", "time", "value"
    ):
        yield from process(component)
        args = {unit: value}
        yield {"ph": "C", "pid": processes[component], "name": counter, "ts": time, "args": args}
    for component, track, start, end, name, detail in _rows(
        slices, "component", "track", "start", "end", "name", "detail"
    ):
        yield from process(component)
        pid = processes[component]
        if (component, track) not in threads:
            tid = threads[component, track] = len(threads) + 1
            yield {"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": {"name": track}}
            yield {
                "ph": "M",
                "pid": pid,
                "tid": tid,
                "name": "thread_sort_index",
                "args": {"sort_index": tid},
            }
        event = {"ph": "X", "pid": pid, "tid": threads[component, track], "ts": start, "dur": end - start}
        yield event | {"name": name} | ({"args": detail} if detail else {})


def _rows(columns: Mapping[str, Sequence[Any]], *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(columns[name] for name in names), strict=True)
