"""Writes plain values as YAML people like to read: blocks outside, one line per row inside."""

import json
from decimal import Decimal
from typing import Any

import yaml

_WIDTH = 1000  # one row, one line


class _Dumper(yaml.SafeDumper):
    """Never writes aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump(tree: dict[str, Any]) -> str:
    """YAML text of a map; what stands deeper than two levels is written on one line."""
    dumper_node = _node(tree, 0)
    return str(yaml.serialize(dumper_node, Dumper=_Dumper, width=_WIDTH, allow_unicode=True))


def _node(value: Any, depth: int) -> yaml.Node:
    if isinstance(value, dict):
        pairs = [(_scalar(key), _node(child, depth + 1)) for key, child in value.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=depth >= 2 or not pairs)
    if isinstance(value, (list, tuple)):
        children = [_node(child, depth + 1) for child in value]
        return yaml.SequenceNode("tag:yaml.org,2002:seq", children, flow_style=True)
    return _scalar(value)


_REPRESENTER = yaml.representer.SafeRepresenter()


def _scalar(value: Any) -> yaml.Node:
    node: yaml.Node = _REPRESENTER.represent_data(value)
    return node


def scalar_text(value: str | int | float | bool) -> str:
    """A plain value as YAML on one line that reads as the same value again."""
    from arch.errors import InputError
    from arch.yaml_source import parse

    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, int):
        return str(value)
    try:
        if parse(value, "", lines=False).data == value:
            return value
    except InputError:
        pass
    return json.dumps(value)
