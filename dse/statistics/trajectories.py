"""What searches asked for and were told, as arrays: read from the files that exploring writes."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError
from dse.evaluation import Config
from dse.statistics.dominance import Floats

FOLDER = "trajectories"


@dataclass(frozen=True)
class Run:
    """One optimiser under one seed.

    Attributes:
        label: the optimiser's in the study.
        asked: how many designs it asked for, repetitions included.
        designs: rows of the table of designs in the order of evaluation, each once; shape (evaluations,).
    """

    label: str
    seed: int
    asked: int
    designs: NDArray[np.int64]


@dataclass(frozen=True)
class Trajectories:
    """All runs of a study over one table of the designs that any of them evaluated.

    Attributes:
        runs: by label in the order given, then by seed.
        designs: each once, in the order of the runs.
        values: of the objectives, to be minimised, shape (designs, objectives); infinite without
            metrics.
        violation: shape (designs,); infinite for designs without metrics.
        metrics: aggregated over workloads; empty for designs without.
    """

    runs: tuple[Run, ...]
    designs: tuple[Config, ...]
    values: Floats
    violation: Floats
    metrics: tuple[Mapping[str, float], ...]

    @property
    def evaluated(self) -> NDArray[np.bool_]:
        """Mask of the designs that have metrics."""
        return np.isfinite(self.violation)

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Mask of the designs that have metrics and meet the constraints on them."""
        return np.asarray(self.violation == 0)


@dataclass
class _Gathered:
    objectives: int
    rows: dict[str, int] = field(default_factory=dict)
    designs: list[Config] = field(default_factory=list)
    values: list[Sequence[float]] = field(default_factory=list)
    violation: list[float] = field(default_factory=list)
    metrics: list[Mapping[str, float]] = field(default_factory=list)

    def add(self, line: Mapping[str, Any]) -> int:
        config = line["config"]
        values = line["values"]
        text = json.dumps(config, sort_keys=True)
        row = self.rows.setdefault(text, len(self.rows))
        if row == len(self.designs):
            if values is not None and len(values) != self.objectives:
                raise ValueError
            self.designs.append(config)
            self.values.append([np.inf] * self.objectives if values is None else [float(v) for v in values])
            self.violation.append(np.inf if values is None else float(line.get("violation") or 0.0))
            self.metrics.append(line.get("metrics") or {})
        return row


def read_trajectories(
    folder: str | os.PathLike[str], objectives: int, *, labels: Iterable[str] | None = None
) -> Trajectories:
    """Those of a study's folder.

    Args:
        folder: of the study; the files are ``trajectories/<label>-<seed>.jsonl`` in it.
        objectives: how many the study has.
        labels: of its optimisers, in their order; files of others are left out.  Default: all, by name.

    Raises:
        InputError: there are none, or a line in the middle of one is damaged.  A last line that was not
            written whole is left out.
    """
    place = Path(folder) / FOLDER
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(place.glob("*.jsonl")):
        label, _, number = path.stem.rpartition("-")
        if label and number.isdecimal():
            found.setdefault(label, []).append((int(number), path))
    order = [*found] if labels is None else [label for label in labels if label in found]
    if not order:
        raise InputError("holds no trajectories of this study", file=str(place), accepted="a study's folder")
    gathered = _Gathered(objectives)
    runs = []
    for label in order:
        for seed, path in sorted(found[label]):
            rows = []
            for at, line in _lines(path):
                try:
                    rows.append(gathered.add(line))
                except (KeyError, TypeError, ValueError):
                    raise InputError("is not a step of this study", file=str(path), line=at) from None
            once = np.array([*dict.fromkeys(rows)], dtype=np.int64)
            runs.append(Run(label, seed, len(rows), once))
    values = np.array(gathered.values, dtype=np.float64).reshape(len(gathered.values), objectives)
    values[np.isnan(values)] = np.inf
    return Trajectories(
        tuple(runs), tuple(gathered.designs), values, np.array(gathered.violation), tuple(gathered.metrics)
    )


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.endswith(b"\n"):
                return  # the process that wrote it was killed
            try:
                line = json.loads(raw)
            except ValueError:
                raise InputError("is no JSON", file=str(path), line=number) from None
            yield number, line
