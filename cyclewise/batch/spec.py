"""The batch file: which systems, workloads and changes of them make up the runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from arch.errors import InputError
from arch.fields import Spec, SystemName, complaint
from arch.validation import validated
from arch.yaml_source import Tree, copied, read_file

Settings = Annotated[dict[str, Any], BeforeValidator(lambda given: _settings(given))]
Text = Annotated[str, Field(min_length=1, max_length=4096, strict=True)]


class SystemEntry(Spec):
    """A system, and what is changed in it."""

    system: Text
    """Library name, or YAML file (beside the batch file, or a path from there)."""
    name: SystemName | None = None
    """What the runs call it; else the library name or the name of the file."""
    set: Settings = Field(default_factory=dict)
    """Keys to change, as after --set: controller.page_policy: closed."""


class WorkloadEntry(Spec):
    """A workload, and its parameters."""

    workload: Text
    """Library name, generator, or file of a trace or model (beside the batch file, or a path from there)."""
    name: SystemName | None = None
    """What the runs call it; else the library name, the generator or the name of the file."""
    set: Settings = Field(default_factory=dict)
    """Parameters of a generator, requests: 10000, or of a model, tokens: 128."""


class VariantEntry(Spec):
    """A set of changes under which every system runs every workload."""

    name: SystemName
    """What the runs call it."""
    set: Settings = Field(default_factory=dict)
    """Keys to change: controller.page_policy (of the system), workload.requests (of a generator),
    mapping.packing (of how a model is laid on the system)."""


class RunEntry(Spec):
    """One run beside those that systems x workloads x variants give."""

    system: Text
    """A name under systems, a library name, or a YAML file."""
    workload: Text
    """A name under workloads, a library name, a generator, or a trace file."""
    name: SystemName | None = None
    """What it is called; else SYSTEM-WORKLOAD."""
    set: Settings = Field(default_factory=dict)
    """Keys to change, after those that the system and the workload change."""


@dataclass(frozen=True)
class _OrText:
    """A plain text is short for a map with nothing but ``key``."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda given: {self.key: given} if isinstance(given, str) else given, handler(source)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


def _listed(given: Any) -> Any:
    return tuple(given) if isinstance(given, list) else given


Listed = BeforeValidator(_listed)


class BatchSpec(Spec):
    """Every system runs every workload, under every variant where there are any; ``runs`` come on top."""

    title: Annotated[str, Field(max_length=500, strict=True)] = ""
    """What reports and tables call the batch."""
    systems: Annotated[tuple[Annotated[SystemEntry, _OrText("system")], ...], Listed] = ()
    """Library names or YAML files; as a map where something is changed."""
    workloads: Annotated[tuple[Annotated[WorkloadEntry, _OrText("workload")], ...], Listed] = ()
    """Library names, generators or trace files; as a map where something is changed."""
    variants: Annotated[tuple[VariantEntry, ...], Listed] = ()
    """Changes that all systems and workloads are run with."""
    runs: Annotated[tuple[RunEntry, ...], Listed] = ()
    """Further runs, one by one."""
    output: Text | None = None
    """Folder for the results where -o names none; a path from the batch file."""


def read(source: str | Path | Mapping[str, Any]) -> tuple[BatchSpec, Tree, Path]:
    """The spec, its tree with file and lines, and the folder that its paths start from.

    Args:
        source: a YAML file; or the same as a map, whose paths start from the working folder.

    Raises:
        InputError: whatever is wrong in the file, with its line.
    """
    if isinstance(source, Mapping):
        tree, folder = Tree(copied(dict(source))), Path()
    else:
        tree, folder = read_file(Path(source), str(source)), Path(source).parent
    spec = validated(BatchSpec, tree)
    assert isinstance(spec, BatchSpec)
    return spec, tree, folder


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a batch file, for editors."""
    schema = BatchSpec.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "cyclewise batch"}
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


def _settings(given: Any) -> Any:
    """Keys are dotted paths; maps inside maps are welcome as values."""
    if given is None or not isinstance(given, dict):
        raise complaint(InputError("", accepted="a map such as {controller.page_policy: closed}"))
    for key in given:
        if not isinstance(key, str) or not re.fullmatch(r"[^\s.=]+(\.[^\s.=]+)*", key):
            message = f"not a key: {key}"
            raise complaint(InputError(message, accepted="dotted keys, such as timing.tRCD"))
    return given
