"""What a run is made of, shared by the command line and the Python API: settings, system, workload.

A workload is a library trace, a generator (``random``, ``zipf``, …) or a file, in this order; ``./random``
is always a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from arch.errors import InputError

if TYPE_CHECKING:
    from arch import System
    from workloads import AddressVectors, Trace


@dataclass(frozen=True)
class Settings:
    """``KEY=VALUE`` texts by what they change; ``workload`` holds the values, read as YAML."""

    system: tuple[str, ...] = ()
    workload: Mapping[str, Any] = field(default_factory=dict)


def split_settings(texts: Sequence[str], *, only_system: bool = False) -> Settings:
    """Sort ``system.KEY=VALUE`` (or ``KEY=VALUE``), ``workload.KEY=VALUE`` and ``mapping.KEY=VALUE``.

    Raises:
        InputError: a mapping is set (no system has one yet), a workload where there is none
            (``only_system``), or a value that is not YAML.
    """
    system: list[str] = []
    workload: dict[str, Any] = {}
    for text in texts:
        prefix, _, rest = text.partition(".")
        prefix = prefix.strip()
        if prefix not in ("workload", "mapping") or "=" in prefix:
            system.append(text)
            continue
        shown = f"--set {text}"
        if prefix == "mapping":
            message = "a memory has no mapping: requests go where its address_map says"
            raise InputError(message, file=shown, accepted="system.KEY=VALUE or workload.KEY=VALUE")
        if only_system:
            raise InputError("there is no workload here", file=shown, accepted="system.KEY=VALUE")
        key, equals, value = rest.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InputError("", file=shown, given=text, accepted="KEY=VALUE, such as workload.requests=1000")
        workload[key.strip()] = _plain(value, shown)
    return Settings(tuple(system), workload)


def _plain(text: str, shown: str) -> Any:
    from arch.yaml_source import parse

    value = parse(text, shown, lines=False).data
    return float(value) if isinstance(value, Decimal) else value


def transaction_bytes(system: "System") -> int:
    """Bytes that one request of the system moves."""
    return int(system.spec.resolve().organization.transaction_bytes)


def address_vectors(system: "System") -> "AddressVectors":
    """How trace files that hold this memory's address vectors read: columns counted as Ramulator does."""
    from workloads import AddressVectors

    organization = system.spec.organization
    per_transaction = int(organization.transaction.value / organization.bus.value)
    return AddressVectors(system.spec.resolve(), per_transaction)


def workload_named(name: str, system: "System", parameters: Mapping[str, Any]) -> "Trace":
    """The workload called ``name``, for ``system``; ``parameters`` are for generators.

    Raises:
        InputError: no such workload, parameters that it does not have, or a file that cannot be read.
    """
    import workloads

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
