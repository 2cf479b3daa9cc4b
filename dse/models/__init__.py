"""The models of studies: a system of ours, a Python function, or any program.

:func:`evaluator_of` reads the ``model:`` and ``workloads:`` of a study.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arch.errors import InputError, unknown
from dse.models.interface import FACTS, Model, WorkloadEntry, workload_entries

__all__ = ["FACTS", "Model", "WorkloadEntry", "evaluator_of", "workload_entries"]

_KEYS = {
    "system": ("system", "set", "mapping", "table"),
    "python": ("python", "metrics", "set"),
    "command": ("command", "metrics", "set", "timeout"),
}
"""What a model of each kind may say."""


def evaluator_of(
    model: Mapping[str, Any],
    workloads: Sequence[Any],
    paths: Mapping[str, Sequence[str]] | None = None,
    *,
    folder: str | Path = "",
) -> Model:
    """The model of a study.

    Args:
        model: ``{system: …}``, ``{python: "module:function", …}`` or ``{command: [...], …}``, read as YAML.
        workloads: names, files or maps (:func:`workload_entries`).
        paths: by parameter, the keys that it sets; may also be told later (:meth:`Model.with_paths`).
        folder: of the study, where files are looked for.

    Raises:
        InputError: whatever is wrong; ``field`` says where in the study.
    """
    kinds = [kind for kind in _KEYS if kind in model]
    if len(kinds) != 1:
        accepted = "one of system: NAME, python: module:function, command: [PROGRAM, …]"
        raise InputError("what shall be evaluated is not clear", field="model", accepted=accepted)
    for key in model:
        if key not in _KEYS[kinds[0]]:
            message = unknown("key", str(key), _KEYS[kinds[0]])
            raise InputError(message, field=f"model.{key}", accepted=_KEYS[kinds[0]])
    entries, place = workload_entries(workloads), Path(folder)
    found: Model
    if kinds == ["system"]:
        from dse.models.simulation import simulation_model

        found = simulation_model(model, entries, place)
        if "table" in model:
            from dse.models.tabulated import tabulated_model

            found = tabulated_model(found, model["table"], place)
    elif kinds == ["python"]:
        from dse.models.python_function import python_model

        found = python_model(model, entries, place)
    else:
        from dse.models.command import command_model

        found = command_model(model, entries, place)
    return found if paths is None else found.with_paths(paths)
