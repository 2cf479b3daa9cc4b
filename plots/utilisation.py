"""How busy the parts of a machine that computes in its memory were."""

from plots.bars import horizontal
from plots.drawing import BLUE, GREEN, ORANGE, Drawing
from plots.labels import percent
from plots.recorded import NothingToDraw, Run, Tables, of

SHARES = {
    "bank_utilisation": ("MAC units stream", BLUE),
    "data_bus_utilisation": ("data pins", BLUE),
    "asic_utilisation": ("ASIC", BLUE),
    "refresh_share": ("refresh", ORANGE),
    "row_hit_rate": ("row hits", GREEN),
}
"""Metric to its label and colour; all are shares of time but the last, one of column commands."""


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """A bar for each share that the report has, in percent.

    Raises:
        NothingToDraw: it has none of them.
    """
    metrics = of(run, tables or {}).report.metrics
    found = {name: float(metrics[name] or 0.0) for name in SHARES if metrics.get(name) is not None}
    if not found:
        raise NothingToDraw("the report tells no utilisation")
    return horizontal(
        "utilisation",
        "Utilisation",
        "Shares of the run's time, which overlap: banks, pins and ASIC work at once where they can. Row hits"
        " are a share of column commands: those that found their row open.",
        labels=[SHARES[name][0] for name in found],
        values=[share * 100 for share in found.values()],
        texts=[percent(share) for share in found.values()],
        axis="share [%]",
        colours=[SHARES[name][1] for name in found],
        data={"metric": [*found], "share": [*found.values()]},
    )
