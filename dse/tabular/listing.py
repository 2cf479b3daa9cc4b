"""What a table needs of a study: its evaluator and its space."""

from pathlib import Path
from typing import NamedTuple

from arch.errors import InputError
from arch.yaml_source import read_file
from dse.models import Model, evaluator_of
from dse.space import Space, read_space


class Listing(NamedTuple):
    """A study as far as it says which designs there are, and what evaluates them."""

    name: str
    evaluator: Model
    space: Space


def listing(study: str | Path) -> Listing:
    """Model, workloads and space of a study file, equivalences of its workloads applied.

    Raises:
        InputError: what is wrong with them.
    """
    path = Path(study)
    tree = read_file(path, str(study))
    content = tree.data
    for key in ("model", "workloads", "space"):
        if key not in content:
            raise InputError("missing", file=str(study), field=key)
    model = evaluator_of(content["model"], content["workloads"], folder=path.parent)

    def fact(name: str) -> bool:
        return all(model.facts(workload).get(name, False) for workload in model.workloads)

    space = read_space(tree, [m.name for m in model.metrics], fact).space
    evaluator = model.with_paths({p.name: p.paths for p in space.parameters})
    return Listing(str(content.get("study", path.stem)), evaluator, space)
