"""What each cycle went to."""

from plots.bars import horizontal
from plots.drawing import BLUE, GREEN, Drawing
from plots.labels import percent
from plots.recorded import NothingToDraw, Run, Tables, of

SHOWN = 12
"""Bars; what is left is drawn as one."""

USEFUL = ("data bus", "tMAC")
"""Causes that are work and no waiting."""

CAPTION = (
    "Every cycle of every channel is charged once: to the data bus where data were on it, else to what"
    " held the next command."
)
CAPTIONS = {
    "pim": "Every cycle of every channel is charged once, to what its next command waited for: a column in"
    " the MAC units (tMAC, green), else a rule of the device, a refresh, results or the ASIC.",
}
"""By kind of system; all others have ``CAPTION``."""


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """A bar for each cause, the largest first, in percent of all cycles of all channels.

    Raises:
        NothingToDraw: the report charges no cycles.
    """
    report = of(run, tables or {}).report
    bounds = report.bound_by
    if not bounds:
        raise NothingToDraw("the report charges no cycles to anything")
    shown = [(label, bound.share) for label, bound in bounds.items() if bound.cycles]
    rest = shown[SHOWN - 1 :] if len(shown) > SHOWN else []
    if rest:
        shown = [*shown[: SHOWN - 1], (f"{len(rest)} more", sum(share for _, share in rest))]
    labels = [label for label, _ in shown]
    return horizontal(
        "bound_by",
        "What the cycles went to",
        CAPTIONS.get(str(report.system.get("kind")), CAPTION),
        labels=labels,
        values=[share * 100 for _, share in shown],
        texts=[percent(share) for _, share in shown],
        axis="share of cycles [%]",
        colours=[GREEN if label in USEFUL else BLUE for label in labels],
        data={
            "cause": [*bounds],
            "cycles": [bound.cycles for bound in bounds.values()],
            "share": [bound.share for bound in bounds.values()],
        },
    )
