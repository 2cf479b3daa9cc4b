"""All figures of one run, and why some are missing."""

from collections.abc import Callable
from dataclasses import dataclass

from plots import bank_activity, bound_by, command_mix, energy_ledger, latency_distribution, over_time
from plots.drawing import Drawing
from plots.recorded import NothingToDraw, Run, Tables, of

FIGURES: dict[str, Callable[[Run, Tables | None], Drawing]] = {
    "What the cycles went to": bound_by.draw,
    "Bandwidth and queues over time": over_time.draw,
    "Read latency": latency_distribution.draw,
    "Bank activity": bank_activity.draw,
    "Command mix": command_mix.draw,
    "Energy": energy_ledger.draw,
}
"""Title of each figure of a run, and what draws it, in a page's order."""


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
    for title, draw in FIGURES.items():
        try:
            drawn.append(draw(recorded.report, recorded.tables))
        except NothingToDraw as reason:
            missing[title] = str(reason)
    return Figures(tuple(drawn), missing)
