"""A study over a Python function that writes down every evaluation, for tests of what is evaluated when."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

MODEL = """
import os, time
from pathlib import Path


def value(size, ways, kind, workload, log, nap):
    with open(log, "ab", buffering=0) as file:
        file.write(f"{workload} {size} {ways} {kind}\\n".encode())
    time.sleep(nap)
    if kind == "broken" and size == 8:
        raise ValueError("no such cache")
    return {"time": (size - 11) ** 2 + ways + (workload == "b") + (kind == "deep") / 7, "energy": size + 0.1}
"""


def toy(kind: str, size: int, workload: str, order: int = 2) -> dict[str, float]:
    """A model that is never called, for tests that need a space alone."""
    raise NotImplementedError


def write_study(folder: Path, *, nap: float = 0.0, **changes: Any) -> Path:
    """``study.yaml`` and its model in ``folder``; 192 designs, two workloads; evaluations go to ``log``."""
    (folder / "model.py").write_text(MODEL)
    content: dict[str, Any] = {
        "study": "counted",
        "model": {
            "python": "model:value",
            "metrics": {"time": "s", "energy": "J"},
            "set": {"log": str(folder / "log"), "nap": nap},
        },
        "workloads": ["a", "b"],
        "space": {
            "size": {"integer": [1, 16]},
            "ways": {"log2": [1, 8]},
            "kind": {"choice": ["flat", "deep", "broken"]},
        },
        "objectives": {"minimize": "time"},
        "optimizer": {"name": "ga", "population": 8},
        "batch": 8,
        "budget": {"evaluations": 40},
        "seeds": [3],
    }
    if "optimizers" in changes:
        del content["optimizer"]
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({**content, **changes}, sort_keys=False))
    return path


def evaluations(folder: Path) -> Counter[str]:
    """How often each (workload, design) has been evaluated."""
    log = folder / "log"
    return Counter(log.read_text().splitlines()) if log.exists() else Counter()


def results(folder: Path) -> dict[str, bytes]:
    """The files of a study that must be the same bytes however it was carried out."""
    files = [folder / "results.csv", *sorted((folder / "trajectories").glob("*.jsonl"))]
    return {file.name: file.read_bytes() for file in files}
