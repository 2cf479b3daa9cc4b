"""How often each optimiser gets close to the optimum, with intervals and random search beside it."""

from collections.abc import Sequence

from plots.drawing import BLUE, FAINT, INK, Drawing, axes
from plots.exploration.forms import Rate
from plots.labels import percent, plain
from plots.recorded import NothingToDraw


def draw(rates: Sequence[Rate], *, tolerance: float, budget: int) -> Drawing:
    """A bar for each optimiser with its 95 % Wilson interval; random search grey, its rate a dashed line.

    Raises:
        NothingToDraw: no rates, or a single run each, of which a rate says nothing.
    """
    if not rates or max(rate.runs for rate in rates) < 2:
        raise NothingToDraw("a single run says nothing of how often one succeeds")
    with axes(5.4, 1.0 + 0.28 * max(len(rates), 2)) as (figure, (panel,)):
        for at, rate in enumerate(rates):
            panel.barh(at, rate.rate * 100, height=0.66, color=FAINT if rate.random else BLUE)
            below, above = (rate.rate - rate.low) * 100, (rate.high - rate.rate) * 100
            panel.errorbar(
                rate.rate * 100,
                at,
                xerr=[[max(below, 0)], [max(above, 0)]],
                color=INK,
                capsize=3,
                linewidth=1,
            )
            panel.annotate(
                percent(rate.rate), (rate.high * 100, at), xytext=(6, 0), textcoords="offset points",
                va="center", fontsize=9,
            )  # fmt: skip
        for rate in rates:
            if rate.random:
                panel.axvline(rate.rate * 100, color=INK, linewidth=1, linestyle=(0, (5, 3)), zorder=0.9)
        panel.set_yticks(range(len(rates)), [plain(rate.label, 22) for rate in rates])
        panel.set_ylim(len(rates) - 0.4, -0.6)
        panel.set_xlim(0, 118)
        panel.set_xticks(range(0, 101, 20))
        panel.tick_params(axis="y", length=0)
        panel.grid(False, axis="y")
        panel.set_xlabel("runs that got there [%]")
    most = max(rate.runs for rate in rates)
    return Drawing(
        "success",
        "Success rate",
        f"Share of {most} runs that came within {percent(tolerance)} of the best value known in"
        f" {budget:,} unique evaluations; whiskers: 95 % Wilson interval."
        + (" Dashed: random search." if any(rate.random for rate in rates) else ""),
        figure,
        {
            "optimiser": [rate.label for rate in rates],
            "runs": [rate.runs for rate in rates],
            "success rate": [rate.rate for rate in rates],
            "low": [rate.low for rate in rates],
            "high": [rate.high for rate in rates],
            "median evaluations to get there": [rate.samples for rate in rates],
        },
    )
