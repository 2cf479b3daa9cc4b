"""How many commands of each kind every channel took: are the channels equally busy?"""

import re

import numpy as np

from plots.drawing import COLOURS, Drawing, axes
from plots.labels import percent, plain
from plots.recorded import NothingToDraw, Run, Tables, of

MARKERS = "osD^vPX*"


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """A row for each channel and a point for each command, on a logarithmic axis; none: no point.

    Raises:
        NothingToDraw: the run has no table ``commands_by_channel``, or no command was issued.
    """
    table = of(run, tables).table("commands_by_channel")
    channels = sorted({str(name) for name in table["component"]}, key=_natural)
    commands = [*dict.fromkeys(str(name) for name in table["command"])]
    counts = np.zeros((len(channels), len(commands)), dtype=np.int64)
    for channel, command, count in zip(table["component"], table["command"], table["count"], strict=True):
        counts[channels.index(str(channel)), commands.index(str(command))] += count
    if not counts.any():
        raise NothingToDraw("no command was issued")
    with axes(5.4, 1.5 + 0.2 * max(len(channels), 3)) as (figure, (panel,)):
        for k, command in enumerate(commands):
            rows = np.flatnonzero(counts[:, k])
            if not len(rows):
                continue
            panel.plot(
                counts[rows, k], rows, MARKERS[k % len(MARKERS)], color=COLOURS[k % len(COLOURS)],
                markersize=6, label=plain(command, 12),
            )  # fmt: skip
        panel.set_xscale("log")
        panel.set_yticks(range(len(channels)), [plain(name, 16) for name in channels])
        panel.set_ylim(len(channels) - 0.5, -0.5)
        panel.set_xlabel("commands")
        panel.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=5, fontsize=8.5, columnspacing=1.2)
    totals = counts.sum(axis=1)
    uneven = 1 - float(totals.min()) / float(totals.max())
    words = "all channels alike" if not uneven else f"the least busy has {percent(uneven)} fewer"
    return Drawing(
        "channel_commands",
        "Commands by channel",
        f"{int(totals.sum()):,} commands on {len(channels)} channels, {words}. A command to all banks counts"
        " once.",
        figure,
        {
            "component": [name for name in channels for _ in commands],
            "command": commands * len(channels),
            "commands": counts.ravel().tolist(),
        },
    )


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """ch2 before ch10."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name))
