"""What people look at: figures, reports and timelines, drawn from tables handed in; runs nothing.

A module a figure, each with a function ``draw`` that returns a :class:`plots.drawing.Drawing`; those of one
run take a report, the result of ``cw.run`` or the path of a run folder.  ``plots.figures.draw_all`` draws
whatever there is.  Modules load on first use, so that ``import plots`` is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plots import bank_activity as bank_activity
    from plots import bound_by as bound_by
    from plots import channel_commands as channel_commands
    from plots import command_mix as command_mix
    from plots import comparison as comparison
    from plots import energy_ledger as energy_ledger
    from plots import figures as figures
    from plots import latency_distribution as latency_distribution
    from plots import latency_throughput as latency_throughput
    from plots import layers as layers
    from plots import operators as operators
    from plots import over_time as over_time
    from plots import pim_roofline as pim_roofline
    from plots import roofline as roofline
    from plots import token_time as token_time
    from plots import trace_overview as trace_overview
    from plots import utilisation as utilisation
    from plots import variants as variants

_MODULES = (
    "bank_activity", "bound_by", "channel_commands", "command_mix", "comparison", "energy_ledger", "figures",
    "latency_distribution", "latency_throughput", "layers", "operators", "over_time", "pim_roofline",
    "roofline", "token_time", "trace_overview", "utilisation", "variants",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"plots.{name}")  # from here on it is an attribute of the package


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
