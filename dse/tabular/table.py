"""A table of all designs of a space under some workloads, in a file and as an evaluator.

The file is one xz stream: a line of JSON, then little-endian arrays.  Designs are rows, in the order in which
they were made, with the index of every parameter's value; metrics are kept once for each distinct outcome
of a workload, as the floats that the evaluator gave, so that nothing is lost.
"""

import hashlib
import json
import lzma
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch.errors import InputError
from dse.evaluation import FULL, Config, EvaluationError, Task, Value
from dse.objective import Objective
from sim.report import MetricDeclaration
from workloads.compression import replacing

FORMAT = 1
_ABSENT = 255
"""Index of a parameter that a design lacks."""


@dataclass(frozen=True)
class Optimum:
    """The best design of a table: its row, the design, the value of the objective."""

    row: int
    config: Mapping[str, Value]
    value: float


@dataclass(frozen=True, eq=False)
class Table:
    """Every design of a space with its metrics; an evaluator that looks them up.

    Args:
        name: of the study.
        model: version of the evaluator that made it.
        parameters: every parameter's values, by name in the space's order.
        chosen: shape (designs, parameters), uint8: index of each value, 255 where a design has none.
        digests: of the workloads, by name.
        declared: the metrics.
        outcome: shape (workloads, designs): the row of ``figures`` of each design.
        figures: for each workload an array of shape (distinct outcomes, metrics).
    """

    name: str
    model: str
    parameters: Mapping[str, tuple[Value, ...]]
    chosen: NDArray[np.uint8]
    digests: Mapping[str, str]
    declared: tuple[MetricDeclaration, ...]
    outcome: NDArray[np.uint32]
    figures: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(
        cls,
        name: str,
        model: str,
        designs: Sequence[Config],
        digests: Mapping[str, str],
        declared: tuple[MetricDeclaration, ...],
        values: NDArray[np.float64],
    ) -> "Table":
        """The table of designs in their order; ``values``: shape (workloads, designs, metrics).

        Raises:
            InputError: a design that stands twice, or a parameter of 255 values or more.
        """
        names = list(dict.fromkeys(key for design in designs for key in design))
        parameters: dict[str, tuple[Value, ...]] = {}
        chosen = np.full((len(designs), len(names)), _ABSENT, np.uint8)
        for at, key in enumerate(names):
            index: dict[tuple[type, Value], int] = {}
            for row, design in enumerate(designs):
                if key in design:
                    number = index.setdefault((type(design[key]), design[key]), len(index))
                    if number >= _ABSENT:
                        raise InputError(f"has {_ABSENT} values or more", field=f"space.{key}")
                    chosen[row, at] = number
            parameters[key] = tuple(value for _, value in index)
        outcome = np.zeros(values.shape[:2], np.uint32)
        figures = []
        for w, rows in enumerate(values):
            distinct, where = np.unique(rows, axis=0, return_inverse=True)
            figures.append(distinct)
            outcome[w] = where.reshape(-1)
        table = cls(name, model, parameters, chosen, dict(digests), declared, outcome, tuple(figures))
        if len(table._rows) != len(designs):
            raise InputError("a design stands in it twice", field="space")
        return table

    # Evaluator

    @cached_property
    def version(self) -> str:
        return f"table {hashlib.sha256(self._content).hexdigest()}"

    @property
    def workloads(self) -> Mapping[str, str]:
        return self.digests

    @property
    def metrics(self) -> tuple[MetricDeclaration, ...]:
        return self.declared

    def prepare(self) -> None:
        """Have the index of designs made."""
        _ = self._rows

    def __call__(self, task: Task) -> dict[str, float]:
        if task.fidelity != FULL:
            raise EvaluationError("refused", f"a table knows no fidelity {task.fidelity}")
        try:
            row = self.row(task.config)
        except InputError as error:
            raise EvaluationError("refused", str(error)) from None
        return self.at(row, task.workload)

    # Rows

    def __len__(self) -> int:
        return len(self.chosen)

    def row(self, config: Config) -> int:
        """The row of a canonical design.  Raises InputError if it is not in the table."""
        found = None
        if all(key in self.parameters for key in config):
            found = self._rows.get(tuple((type(v), v) for v in map(config.get, self.parameters)))
        if found is None:
            raise InputError("this design is not in the table", given=dict(config))
        return found

    def config(self, row: int) -> dict[str, Value]:
        """The design of a row."""
        return {
            key: values[index]
            for (key, values), index in zip(self.parameters.items(), self.chosen[row].tolist(), strict=True)
            if index != _ABSENT
        }

    def at(self, row: int, workload: str) -> dict[str, float]:
        """The metrics of a row under a workload."""
        w = self._places[workload]
        figures = self.figures[w][self.outcome[w, row]].tolist()
        return dict(zip(self._names, figures, strict=True))

    def over(self, workloads: Sequence[str]) -> "Table":
        """The table with some of its workloads."""
        places = [self._places[name] for name in workloads]
        return replace(
            self,
            digests={name: self.digests[name] for name in workloads},
            outcome=self.outcome[places],
            figures=tuple(self.figures[at] for at in places),
        )

    def column(self, metric: str, workload: str) -> NDArray[np.float64]:
        """One metric of all designs under a workload, shape (designs,)."""
        w = self._places[workload]
        found: NDArray[np.float64] = self.figures[w][self.outcome[w], self._names.index(metric)]
        return found

    def scores(self, objective: Objective) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of all designs: values of an objective, shape (designs, values), and violations, (designs,)."""
        groups, where = np.unique(self.outcome, axis=1, return_inverse=True)
        values, violations = [], []
        for column in groups.T:  # designs with the same outcomes are judged once
            found = {
                w: dict(zip(self._names, self.figures[at][column[at]].tolist(), strict=True))
                for w, at in self._places.items()
            }
            score = objective.score(found)
            values.append(score.values)
            violations.append(score.violation)
        index = where.reshape(-1)
        return np.array(values)[index], np.array(violations)[index]

    def optimum(self, objective: Objective) -> Optimum:
        """The best feasible design of a single objective; of equals the first.

        Raises:
            InputError: several objectives, or no design meets the constraints.
        """
        values, violations = self.scores(objective)
        if values.shape[1] != 1:
            raise InputError("several objectives have no single optimum", field="objectives")
        if not (violations == 0).any():
            raise InputError("no design meets the constraints", field="constraints")
        best = int(np.argmin(np.where(violations == 0, values[:, 0], np.inf)))
        return Optimum(best, self.config(best), float(values[best, 0]))

    def regret(self, value: float, optimum: Optimum) -> float:
        """By which share of it a value of the objective is above the optimum; 0.01 is one per cent."""
        return (value - optimum.value) / abs(optimum.value)

    def write(self, path: str | Path) -> None:
        """Write the file; equal tables give equal bytes."""
        with replacing(str(path)) as file:
            file.write(lzma.compress(self._content, preset=9 | lzma.PRESET_EXTREME))

    # Inside

    @cached_property
    def _names(self) -> list[str]:
        return [metric.name for metric in self.declared]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.digests)}

    @cached_property
    def _rows(self) -> dict[tuple[tuple[type, Value | None], ...], int]:
        """The row of every design by its values; 1 and true are two."""
        choices = [[(type(v), v) for v in values] for values in self.parameters.values()]
        for values in choices:
            values += [(type(None), None)] * (_ABSENT + 1 - len(values))  # type: ignore[list-item]
        rows = (
            tuple(values[i] for values, i in zip(choices, row, strict=True)) for row in self.chosen.tolist()
        )
        return {key: at for at, key in enumerate(rows)}

    @cached_property
    def _content(self) -> bytes:
        head = {
            "format": FORMAT,
            "name": self.name,
            "model": self.model,
            "designs": len(self.chosen),
            "parameters": {key: list(values) for key, values in self.parameters.items()},
            "workloads": dict(self.digests),
            "metrics": [[m.name, m.unit, m.less_is_better, m.meaning] for m in self.declared],
            "outcomes": [len(rows) for rows in self.figures],
        }
        arrays: list[NDArray[Any]] = [self.chosen.T, self.outcome.astype("<u4")]
        # Bytes of one weight together: floats that are close share the upper ones.
        arrays += [
            np.ascontiguousarray(rows.T.astype("<f8")).view(np.uint8).reshape(-1, 8).T
            for rows in self.figures
        ]
        return json.dumps(head).encode() + b"\n" + b"".join(a.tobytes() for a in arrays)


SHIPPED = Path(__file__).parent / "dram_controller.xz"
"""The DRAM controllers of ``examples/dram_controller.yaml`` under its four workloads."""


def load(path: str | Path | None = None) -> Table:
    """The table in a file; without one the DRAM-controller table that comes along.

    Raises:
        InputError: no such file, or no table of this format.
    """
    file = SHIPPED if path is None else Path(path)
    shown = file.name if path is None else str(path)
    try:
        content = lzma.decompress(file.read_bytes())
        line, rest = content.split(b"\n", 1)
        head = json.loads(line)
        if head["format"] != FORMAT:
            raise InputError("is a table of another version", file=shown, given=head["format"])
        return _table(head, _Reader(rest))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=shown) from None
    except (lzma.LZMAError, EOFError, ValueError, KeyError, TypeError):
        raise InputError("is damaged, or no table", file=shown) from None


class _Reader:
    """Arrays one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def array(self, dtype: str, *shape: int) -> NDArray[Any]:
        n = int(np.prod(shape, dtype=np.int64))
        found = np.frombuffer(self.content, dtype, n, self.position).reshape(shape)
        self.position += found.nbytes
        return found


def _table(head: Mapping[str, Any], arrays: _Reader) -> Table:
    designs, metrics = head["designs"], [MetricDeclaration(*entry) for entry in head["metrics"]]
    parameters = {key: tuple(values) for key, values in head["parameters"].items()}
    chosen = np.ascontiguousarray(arrays.array("u1", len(parameters), designs).T)
    outcome = arrays.array("<u4", len(head["workloads"]), designs).astype(np.uint32)
    return Table(
        head["name"],
        head["model"],
        parameters,
        chosen,
        head["workloads"],
        tuple(metrics),
        outcome,
        tuple(_figures(arrays, head["outcomes"], len(metrics))),
    )


def _figures(arrays: _Reader, outcomes: Sequence[int], metrics: int) -> Iterator[NDArray[np.float64]]:
    for n in outcomes:
        planes = np.ascontiguousarray(arrays.array("u1", 8, metrics * n).T)
        yield np.ascontiguousarray(planes.view("<f8").reshape(metrics, n).T.astype(np.float64))
