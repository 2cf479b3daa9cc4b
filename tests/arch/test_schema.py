"""The JSON Schema accepts the library and refuses what editors should underline."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import arch
import arch.system
from arch.layers import LIBRARY

SCHEMA = arch.json_schema("memory")
SCHEMAS = {"memory": SCHEMA, "pim": arch.json_schema("pim")}
FILES = sorted(LIBRARY.glob("*.yaml"))


def problems(
    value: Any, schema: dict[str, Any], where: str = "", definitions: dict[str, Any] = SCHEMA["$defs"]
) -> list[str]:
    """The part of JSON Schema that ours uses, checked the obvious way; a list of paths that do not fit."""
    known = {"$ref", "anyOf", "type", "const", "enum", "pattern", "minimum", "maximum", "properties", "items",
             "additionalProperties", "minItems", "maxItems", "prefixItems", "description", "$schema", "$defs",
             "title", "minLength", "maxLength"}  # fmt: skip
    assert set(schema) <= known, set(schema) - known
    if "$ref" in schema:
        return problems(value, definitions[schema["$ref"].rpartition("/")[2]], where, definitions)
    if "anyOf" in schema:
        tried = [problems(value, option, where, definitions) for option in schema["anyOf"]]
        return [] if [] in tried else max(tried, key=lambda paths: max(map(len, paths)))
    types: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
        "null": type(None),
    }  # fmt: skip
    if "type" in schema:
        if not isinstance(value, types[schema["type"]]):
            return [where]
        if isinstance(value, bool) and schema["type"] in ("integer", "number"):
            return [where]
    if "const" in schema and value != schema["const"] or "enum" in schema and value not in schema["enum"]:
        return [where]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [where]
    if isinstance(value, (int, float)) and not schema.get("minimum", value) <= value <= schema.get(
        "maximum", value
    ):
        return [where]
    found: list[str] = []
    if isinstance(value, dict):
        for key, child in value.items():
            rule = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            found += (
                [f"{where}/{key}"]
                if rule is False
                else problems(child, rule or {}, f"{where}/{key}", definitions)
            )
    if isinstance(value, list):
        for index, child in enumerate(value):
            found += problems(child, schema.get("items", {}), f"{where}/{index}", definitions)
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(where)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_the_library_fits(file: Path) -> None:
    given = yaml.safe_load(file.read_text())
    # A component that is used may leave out whatever it inherits, its kind included.
    if isinstance(given.get("dram"), dict):
        del given["dram"]["use"]
    schema = SCHEMAS[given.get("kind", "memory")]
    assert problems(given, schema, definitions=schema["$defs"]) == []


@pytest.mark.parametrize("entry", arch.library(), ids=lambda e: e.name)
def test_resolved_systems_fit(entry: arch.system.LibraryEntry) -> None:
    given = yaml.safe_load(arch.load(entry.name).to_yaml())
    schema = SCHEMAS[entry.kind]
    assert problems(given, schema, definitions=schema["$defs"]) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("timming", {}),
        ("timing.tRCD", 13.32),
        ("timing.tRCD", "13.32"),
        ("timing.tRCD", "13.32 GHz"),
        ("clock_period", "1.2 GHz"),
        ("channels", 0),
        ("channels", "2"),
        ("organization.bnaks", 4),
        ("organization.transaction", 64),
        ("controller.scheduler", "frfcfs"),
        ("controller.read_queue", 1025),
        ("controller.write_high", 1.5),
        ("rounding", "floor"),
    ],
)
def test_mistakes_are_underlined(path: str, value: Any) -> None:
    tree = copy.deepcopy(yaml.safe_load(arch.load("ddr4_2400").to_yaml()))
    *parents, last = path.split(".")
    node = tree
    for part in parents:
        node = node[part]
    node[last] = value
    assert problems(tree, SCHEMA) == ["/" + path.replace(".", "/")]


def test_null_and_extends_are_allowed() -> None:
    assert (
        problems({"extends": "ddr4", "abstract": True, "constraints": {"tFAW": None}, "energy": None}, SCHEMA)
        == []
    )


def test_every_field_is_described() -> None:
    for name, part in {"root": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, field in part["properties"].items():
            assert field.get("description"), (name, key)
