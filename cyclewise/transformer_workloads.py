"""Workloads of machines that run transformers, by name or file: models, and AiM traces."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch.errors import InputError

if TYPE_CHECKING:
    from workloads.aim_isa import AimProgram
    from workloads.transformer import Decoding


def model_or_aim(name: str, parameters: Mapping[str, Any]) -> "Decoding | AimProgram":
    """A model with what is asked of it, or an AiM trace.

    Raises:
        InputError: neither a name nor a readable file of one, or parameters that it does not have.
    """
    from workloads.aim_isa import looks_like_aim
    from workloads.aim_library import TITLES, open_aim
    from workloads.transformer import decoding
    from workloads.transformer.catalogue import names

    aim = name in TITLES
    # Models come as YAML and JSON; everything else that is a file is looked into.
    if not aim and name not in names() and os.path.isfile(name):
        aim = not name.endswith((".yaml", ".yml", ".json")) and (_named_aim(name) or looks_like_aim(name))
    if aim:
        for key in parameters:
            message = f"{name} is an AiM trace and has no parameters; only models have"
            raise InputError(message, file=f"--set workload.{key}")
        return open_aim(name)
    try:
        return decoding(name, parameters)
    except InputError as error:
        if error.given == name and error.file is None and isinstance(error.accepted, str):
            error.accepted += f"; or an AiM trace: a file, or one of {', '.join(TITLES)}"
        raise


def _named_aim(name: str) -> bool:
    return ".aim" in Path(name).suffixes
