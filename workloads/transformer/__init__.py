"""Decoder-only transformers: their shape, their operators, and what is asked of them.

``decoding("gpt3_xl", {"prompt": 32, "tokens": 128})`` is where most uses begin.  Names below load on first
use, so that importing this package stays cheap.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workloads.transformer.catalogue import ModelEntry as ModelEntry
    from workloads.transformer.catalogue import library as library
    from workloads.transformer.catalogue import load_model as load_model
    from workloads.transformer.model import Matrix as Matrix
    from workloads.transformer.model import Transformer as Transformer
    from workloads.transformer.operator_graph import Operator as Operator
    from workloads.transformer.operator_graph import operators as operators
    from workloads.transformer.requests import Decoding as Decoding
    from workloads.transformer.requests import Request as Request
    from workloads.transformer.run_file import decoding as decoding

_MODULE_OF = {
    "ModelEntry": "catalogue",
    "library": "catalogue",
    "load_model": "catalogue",
    "decoding": "run_file",
    "Matrix": "model",
    "Transformer": "model",
    "Operator": "operator_graph",
    "operators": "operator_graph",
    "Decoding": "requests",
    "Request": "requests",
}

__all__ = [*_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        from importlib import import_module

        return getattr(import_module(f"workloads.transformer.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'workloads.transformer' has no attribute {name!r}")
