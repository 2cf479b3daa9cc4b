"""All figures of one run, and why some are missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plots import (
    bank_activity,
    bound_by,
    channel_commands,
    command_mix,
    energy_ledger,
    latency_distribution,
    layers,
    operators,
    over_time,
    pim_roofline,
    token_time,
    utilisation,
)
from plots.drawing import Drawing
from plots.recorded import NothingToDraw, Run, Tables, of

_Draws = Mapping[str, Callable[[Run, Tables | None], Drawing]]

FIGURES: _Draws = {
    "What the cycles went to": bound_by.draw,
    "Bandwidth and queues over time": over_time.draw,
    "Read latency": latency_distribution.draw,
    "Bank activity": bank_activity.draw,
    "Command mix": command_mix.draw,
    "Energy": energy_ledger.draw,
}
"""Title of each figure of a run, and what draws it, in a page's order."""

OF_KIND: Mapping[str, _Draws] = {
    "pim": {
        "Time per token": token_time.draw,
        "Time per operator": operators.draw,
        "What the cycles went to": bound_by.draw,
        "Utilisation": utilisation.draw,
        "Time per layer": layers.draw,
        "Roofline: banks and pins": pim_roofline.draw,
        "Command mix": command_mix.draw,
        "Commands by channel": channel_commands.draw,
        "Energy": energy_ledger.draw,
    },
}
"""The same for kinds of systems that have figures of their own; all others have ``FIGURES``."""


@dataclass(frozen=True)
class Figures:
    """``drawn``, in a page's order; ``missing``: title of each other figure, and why there is none."""

    drawn: tuple[Drawing, ...]
    missing: dict[str, str]


def draw_all(run: Run, tables: Tables | None = None) -> Figures:
    """Every figure that ``run`` (report, result of ``cw.run``, folder) has something to show in.

    Raises:
        InputError: a folder that holds no run, or something damaged in it.
    """
    recorded = of(run, tables)
    drawn: list[Drawing] = []
    missing: dict[str, str] = {}
    kind = str(recorded.report.system.get("kind"))
    for title, draw in OF_KIND.get(kind, FIGURES).items():
        try:
            drawn.append(draw(recorded.report, recorded.tables))
        except NothingToDraw as reason:
            missing[title] = str(reason)
    return Figures(tuple(drawn), missing)
