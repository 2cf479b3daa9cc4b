"""A model whose designs were all simulated before: ``model: {system: …, table: dram_controller}``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from arch.errors import InputError
from dse.evaluation import Config, Task, Value
from dse.models.interface import Model
from dse.objective import Objective
from dse.tabular.table import SHIPPED, Table, load
from sim.report import MetricDeclaration


@dataclass(frozen=True)
class TabulatedModel:
    """Looks results up in a table that the same model made; simulates what is not in it.

    Raises:
        InputError: the table cannot be read, or another model or other workloads made it.
    """

    inner: Model
    file: Path

    @cached_property
    def table(self) -> Table:
        return load(None if self.file == SHIPPED else self.file)

    # Evaluator

    @property
    def version(self) -> str:
        return self.inner.version

    @property
    def workloads(self) -> Mapping[str, str]:
        return self.inner.workloads

    @property
    def metrics(self) -> tuple[MetricDeclaration, ...]:
        known = {m.name for m in self.table.metrics}
        return tuple(m for m in self.inner.metrics if m.name in known)

    def prepare(self) -> None:
        self.table.prepare()

    def __call__(self, task: Task) -> Mapping[str, float]:
        try:
            row = self.table.row(task.config)
        except InputError:  # such as the baseline, which leaves parameters as the system has them
            found = self.inner(task)
            return {name: value for name, value in found.items() if name in {m.name for m in self.metrics}}
        return self.table.at(row, task.workload)

    # Model

    def bind(self, path: str) -> None:
        self.inner.bind(path)

    def check(self, path: str, value: Value) -> None:
        self.inner.check(path, value)

    def with_paths(self, paths: Mapping[str, Sequence[str]]) -> Self:
        inner = self.inner.with_paths(paths)
        table = self.table
        if table.model != inner.version or any(
            table.workloads.get(name) != digest for name, digest in inner.workloads.items()
        ):
            message = "the table was made by another model, of other workloads, or by another version"
            accepted = "one built anew: python -m dse.tabular build STUDY.yaml -o FILE"
            raise InputError(message, field="model.table", given=self.file.stem, accepted=accepted)
        return replace(self, inner=inner)

    def facts(self, workload: str) -> Mapping[str, bool]:
        return self.inner.facts(workload)

    def overrides(self, config: Config) -> tuple[str, ...]:
        return self.inner.overrides(config)

    def system_yaml(self, config: Config) -> str | None:
        return self.inner.system_yaml(config)

    def optimum(self, objective: Objective) -> float:
        """The best value of a single objective over all designs.

        Raises:
            InputError: several objectives, or no design meets the constraints.
        """
        workloads = tuple(self.workloads)
        return self.table.over(workloads).optimum(objective).value


def tabulated_model(inner: Model, given: Any, folder: Path) -> TabulatedModel:
    """The model with its table: ``dram_controller``, which comes along, or a file beside the study."""
    if not isinstance(given, str):
        raise InputError("", field="model.table", given=given, accepted="dram_controller, or a file")
    file = SHIPPED if given == SHIPPED.stem else folder / given
    found = TabulatedModel(inner, file)
    try:
        found.table.prepare()
    except InputError as error:
        error.field = "model.table"
        raise
    return found
