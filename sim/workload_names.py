"""What the names of workloads mean to a machine.

A memory's workload is a library trace, a generator (``random``, ``zipf``, …) or a file, in this order;
``./random`` is always a file.  A machine that runs transformers takes the name of a model or of an AiM trace,
or the file of either.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch.errors import InputError
from sim.machine import Workload, machine

if TYPE_CHECKING:
    from arch.system import System
    from workloads import AddressVectors
    from workloads.aim_isa import AimProgram
    from workloads.transformer import Decoding


def workload_named(name: str, system: "System", parameters: Mapping[str, Any]) -> "Workload":
    """The workload called ``name``, for ``system``.

    A memory runs traces, and ``parameters`` are for generators; other machines run transformers, and
    ``parameters`` change the model and say what is asked of it, or AiM traces, which have none.

    Raises:
        InputError: no such workload, parameters that it does not have, or a file that cannot be read.
    """
    import workloads

    if machine(system.kind).workload == "decoding":
        return _model_or_aim(name, parameters)
    traces = {entry.name for entry in workloads.library()}
    kinds = {entry.kind for entry in workloads.generators()}
    if name not in traces and name in kinds:
        return workloads.generate(name, **parameters)
    if parameters:
        shown = f"--set workload.{next(iter(parameters))}"
        message = f"{name} is a trace and has no parameters; only generators have"
        raise InputError(message, file=shown, accepted=sorted(kinds - traces))
    try:
        return workloads.load(name, transaction_bytes(system), vectors=address_vectors(system))
    except InputError as error:
        if error.given == name and isinstance(error.accepted, str):
            error.accepted += f"; or a generator: {', '.join(sorted(kinds - traces))}"
        raise


def transaction_bytes(system: "System") -> int:
    """Bytes that one request of the system moves; 64 where there is no memory to tell."""
    if system.kind != "memory":
        return 64
    return int(system.spec.resolve().organization.transaction_bytes)


def address_vectors(system: "System") -> "AddressVectors | None":
    """How trace files that hold this memory's address vectors read: columns counted as Ramulator does."""
    if system.kind != "memory":
        return None
    from workloads import AddressVectors

    organization = system.spec.organization
    per_transaction = int(organization.transaction.value / organization.bus.value)
    return AddressVectors(system.spec.resolve(), per_transaction)


def _model_or_aim(name: str, parameters: Mapping[str, Any]) -> "Decoding | AimProgram":
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
