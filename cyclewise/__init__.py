"""Cycle-accurate models of accelerators that attack the memory wall: the public Python API.

``import cyclewise as cw`` is all a script needs.  Importing is cheap: public names are fetched from
the package that defines them when they are first used, and only then are numba and the like loaded.

Raises ``ImportError``, in one sentence, if another file or package hides one of the packages that
cyclewise consists of (see :mod:`cyclewise.siblings`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cyclewise.siblings import verify_siblings

__version__ = "0.1.0"

verify_siblings(__version__)

if TYPE_CHECKING:
    import plots as plots
    from arch import InputError as InputError
    from arch import library as library
    from arch import load as load
    from arch.foreign import import_configuration as import_configuration
    from cyclewise.api import RunResult as RunResult
    from cyclewise.api import run as run
    from cyclewise.batch.execution import run_batch as run_batch
    from cyclewise.batch.results import read_batch as read_batch
    from cyclewise.comparison import compare as compare
    from cyclewise.curves import Curve as Curve
    from cyclewise.curves import curve as curve
    from cyclewise.exploration import Exploration as Exploration
    from cyclewise.exploration import explore as explore
    from cyclewise.plans import plan as plan
    from cyclewise.plans import values as values
    from cyclewise.rooflines import row_locality as row_locality
    from sim.dram.channel import SimulationStuckError as SimulationStuckError
    from workloads import Trace as Trace
    from workloads import generate as generate
    from workloads import open_trace as open_trace
    from workloads.transformer import Decoding as Decoding
    from workloads.transformer import Request as Request
    from workloads.transformer import decoding as decoding

_MODULE_OF = {
    # public name: the module that defines it; a package is its own
    "plots": "plots",
    "InputError": "arch",
    "library": "arch",
    "load": "arch",
    "import_configuration": "arch.foreign",
    "RunResult": "cyclewise.api",
    "run": "cyclewise.api",
    "run_batch": "cyclewise.batch.execution",
    "read_batch": "cyclewise.batch.results",
    "compare": "cyclewise.comparison",
    "Curve": "cyclewise.curves",
    "curve": "cyclewise.curves",
    "Exploration": "cyclewise.exploration",
    "explore": "cyclewise.exploration",
    "plan": "cyclewise.plans",
    "values": "cyclewise.plans",
    "row_locality": "cyclewise.rooflines",
    "SimulationStuckError": "sim.dram.channel",
    "Trace": "workloads",
    "generate": "workloads",
    "open_trace": "workloads",
    "Decoding": "workloads.transformer",
    "Request": "workloads.transformer",
    "decoding": "workloads.transformer",
}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_MODULE_OF[name])
    value = module if module.__name__ == name else getattr(module, name)
    globals()[name] = value  # the next access finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
