"""What the energy of a run went into."""

from plots.bars import horizontal
from plots.drawing import ORANGE, Drawing
from plots.labels import percent, quantity, scale
from plots.recorded import NothingToDraw, Run, Tables, of


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """A bar for each component of the energy, in joules, with its share of the total.

    Raises:
        NothingToDraw: the system has no sourced currents, and so the report no energy.
    """
    report = of(run, tables or {}).report
    if report.energy_joules is None:
        raise NothingToDraw("no energy figure: the system has no sourced set of currents")
    joules = {k.removeprefix("commands."): v for k, v in report.energy_joules.items() if k != "total"}
    total = report.energy_joules["total"]
    divisor, unit = scale(max(joules.values(), default=0.0), "J")
    shares = [value / total if total else 0.0 for value in joules.values()]
    power = f", {quantity(total / report.seconds, 'W')} on average" if report.seconds else ""
    return horizontal(
        "energy_ledger",
        "Energy",
        f"{quantity(total, 'J')} in all{power}: commands above the background, and the background.",
        labels=[*joules],
        values=[value / divisor for value in joules.values()],
        texts=[
            f"{quantity(value, 'J')} · {percent(share)}"
            for value, share in zip(joules.values(), shares, strict=True)
        ],
        axis=f"energy [{unit}]",
        colours=[ORANGE] * len(joules),
        data={"component": [*joules], "energy [J]": [*joules.values()], "share": shares},
    )
