"""What the machine is: component specs, units, the YAML library, and loading them.

``load("ddr4_2400").spec.resolve()`` is where most uses begin.  Names below load on first use, so that
``import arch`` stays cheap (no pydantic, no yaml, nothing numeric).
"""

from typing import TYPE_CHECKING, Any

from arch.errors import MISSING, InputError

if TYPE_CHECKING:
    from arch.system import LibraryEntry as LibraryEntry
    from arch.system import System as System
    from arch.system import json_schema as json_schema
    from arch.system import library as library
    from arch.system import load as load
    from arch.system import register_kind as register_kind
    from arch.template import new_from as new_from

_MODULE_OF = {
    "LibraryEntry": "arch.system",
    "System": "arch.system",
    "json_schema": "arch.system",
    "library": "arch.system",
    "load": "arch.system",
    "register_kind": "arch.system",
    "new_from": "arch.template",
}

__all__ = ["MISSING", "InputError", *_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        from importlib import import_module

        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'arch' has no attribute {name!r}")
