"""JSON Schema of a system file, for editors that check and complete YAML (yaml-language-server)."""

from typing import Any

from pydantic import BaseModel

_LAYER_KEYS: dict[str, Any] = {
    "extends": {
        "type": "string",
        "description": "Library name or file to build on: maps merge, lists replace, null deletes.",
    },
    "abstract": {"type": "boolean", "description": "A family that is only extended, never run."},
}


def schema_of(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema (2020-12) in which every key may be left out (it may be inherited) or null (deletes)."""
    schema = model.model_json_schema(mode="validation")
    definitions = {name: _loosened(part) for name, part in schema.pop("$defs", {}).items()}
    loosened = _loosened(schema)
    loosened["properties"] = {**_LAYER_KEYS, **loosened["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"cyclewise system of kind {kind}",
        **{k: v for k, v in loosened.items() if k != "title"},
        "$defs": definitions,
    }


def _loosened(schema: dict[str, Any]) -> dict[str, Any]:
    result = {k: v for k, v in schema.items() if k not in ("required", "default", "title")}
    if "properties" in result:
        result["properties"] = {name: _nullable(part) for name, part in result["properties"].items()}
    if isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = _nullable(result["additionalProperties"])
    return result


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    schema = _loosened(schema)
    options = schema.pop("anyOf", None)
    description = {"description": schema.pop("description")} if "description" in schema else {}
    if options is None:
        options = [schema]
    options = [_loosened(o) for o in options]
    if {"type": "null"} not in options:
        options.append({"type": "null"})
    return {**description, "anyOf": options}
