"""What happens, cycle by cycle: simulation parts (clock, events, dram, …) and the machines built from them.

``simulate(system, workload, Options())`` gives a ``Report``.  The names below load on first use, so that
``import sim`` stays cheap.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.machine import Options as Options
    from sim.machine import simulate as simulate
    from sim.report import Report as Report

_MODULE_OF = {"Options": "sim.machine", "simulate": "sim.machine", "Report": "sim.report"}

__all__ = [*_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        from importlib import import_module

        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'sim' has no attribute {name!r}")
