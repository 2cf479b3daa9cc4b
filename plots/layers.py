"""Time spent in each layer of the model."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from plots.drawing import BLUE, Drawing, axes
from plots.labels import percent, quantity, scale
from plots.recorded import Run, Tables, of


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """A bar for each layer, all tokens together; what comes after the last layer is a bar of its own.

    Raises:
        NothingToDraw: the run has no table ``layers``.
    """
    recorded = of(run, tables)
    table = recorded.table("layers")
    names = [str(name) for name in table["layer"]]
    seconds = table["cycles"] * recorded.cycle_seconds
    divisor, unit = scale(float(seconds.max()), "s")
    with axes(5.4, 2.8) as (figure, (panel,)):
        panel.bar(np.arange(len(names)), seconds / divisor, width=0.8, color=BLUE)
        panel.set_xlim(-0.7, len(names) - 0.3)
        panel.set_ylim(0, float(seconds.max()) / divisor * 1.1 or 1.0)
        panel.grid(False, axis="x")
        if all(name.isdecimal() for name in names):
            panel.xaxis.set_major_locator(MaxNLocator(12, integer=True))
            panel.xaxis.set_major_formatter(
                lambda at, _: names[int(at)] if 0 <= at < len(names) and at == int(at) else ""
            )
        else:
            step = -(-len(names) // 12)
            shown = sorted({*range(0, len(names) - 1, step), len(names) - 1})
            panel.set_xticks(shown, [names[at] for at in shown])
        panel.set_xlabel("layer")
        panel.set_ylabel(f"time, all tokens [{unit}]")
    total, spread = float(seconds.sum()), float(seconds.max() - seconds.min())
    caption = (
        f"{quantity(total, 's')} in {len(names)} bars; the longest and the shortest differ by"
        f" {percent(spread / (float(seconds.max()) or 1.0))}. Layers do the same work; when a"
        " refresh falls due differs."
    )
    data = {"layer": names, "time [s]": seconds.tolist(), "cycles": table["cycles"].tolist()}
    return Drawing("layers", "Time per layer", caption, figure, data)
