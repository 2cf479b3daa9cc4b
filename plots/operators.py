"""What the time of a token goes to, operator by operator."""

from plots.bars import horizontal
from plots.drawing import BLUE, ORANGE, Drawing
from plots.labels import percent, quantity, scale
from plots.recorded import Run, Tables, of


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """A bar for each operator, in program order: its time on the critical path, over layers and tokens.

    Raises:
        NothingToDraw: the run has no table ``operators``.
    """
    recorded = of(run, tables)
    table = recorded.table("operators")
    seconds = (table["cycles"] * recorded.cycle_seconds).tolist()
    total = sum(seconds)
    divisor, unit = scale(max(seconds), "s")
    in_banks = [columns > 0 for columns in table["mac_columns"]]
    moved = [bool(n) for n in table["load_bursts"] + table["result_bursts"]]
    colours = [BLUE if banks or data else ORANGE for banks, data in zip(in_banks, moved, strict=True)]
    share = sum(s for s, banks in zip(seconds, in_banks, strict=True) if banks) / total if total else 0.0
    return horizontal(
        "operators",
        "Time per operator",
        f"{quantity(total, 's')} on the critical path, layers and tokens together; {percent(share)} of it in"
        " operators that the banks compute (blue). Orange: the ASIC, and writes to the caches.",
        labels=[str(name).replace("_", " ") for name in table["operator"]],
        values=[s / divisor for s in seconds],
        texts=[f"{quantity(s, 's')} · {percent(s / total if total else 0.0)}" for s in seconds],
        axis=f"time on the critical path [{unit}]",
        colours=colours,
        data={
            "operator": [*table["operator"]],
            "time [s]": seconds,
            **{name: table[name].tolist() for name in table if name != "operator"},
        },
    )
