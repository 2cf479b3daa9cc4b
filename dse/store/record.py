"""One result as a line of text that shows whether it is whole."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dse.evaluation import Task

_HEAD = '{"crc":"%08x","record":'
_HEAD_LENGTH = len(_HEAD % 0)


@dataclass(frozen=True)
class Failure:
    """Why a task has no metrics.

    Attributes:
        kind: one word: ``refused``, ``failed``, ``timeout``, ``died`` …
        message: one sentence.
        log: where the full output lies, or its end.
        passing: the surroundings were to blame; the task is tried again.
    """

    kind: str
    message: str
    log: str = ""
    passing: bool = False


@dataclass(frozen=True)
class Aside:
    """Where and when a task was evaluated: no part of the result.  ``seconds`` it took; ``finished``: UTC."""

    host: str = ""
    pid: int = 0
    seconds: float = 0.0
    finished: str = ""


@dataclass(frozen=True)
class Record:
    """What became of a task.  ``key``: :func:`dse.evaluation.task_key` of it; either metrics or a failure."""

    key: str
    task: Task
    workload_digest: str
    version: str
    metrics: Mapping[str, float] | None
    failure: Failure | None = None
    aside: Aside = Aside()

    @property
    def final(self) -> bool:
        """Is there no reason to try again?"""
        return self.failure is None or not self.failure.passing


def line_of(record: Record) -> bytes:
    """The record as one line, its checksum (CRC-32 of the record's own text) first."""
    content = {
        "key": record.key,
        "config": dict(record.task.config),
        "workload": record.task.workload,
        "fidelity": record.task.fidelity,
        "seed": record.task.seed,
        "workload_digest": record.workload_digest,
        "version": record.version,
        "metrics": None if record.metrics is None else dict(record.metrics),
        "failure": None if record.failure is None else asdict(record.failure),
        "aside": asdict(record.aside),
    }
    text = json.dumps(content, separators=(",", ":"))
    return (_HEAD % zlib.crc32(text.encode()) + text + "}\n").encode()


def record_of(line: bytes) -> Record:
    """The record of a line.  Raises ValueError if it is damaged."""
    text = line[_HEAD_LENGTH:-2]
    if not line.endswith(b"}\n") or line[:_HEAD_LENGTH] != (_HEAD % zlib.crc32(text)).encode():
        raise ValueError("damaged")
    found: dict[str, Any] = json.loads(text)
    failure, aside = found["failure"], found["aside"]
    return Record(
        found["key"],
        Task(found["config"], found["workload"], found["fidelity"], found["seed"]),
        found["workload_digest"],
        found["version"],
        found["metrics"],
        None if failure is None else Failure(**failure),
        Aside(**aside),
    )
