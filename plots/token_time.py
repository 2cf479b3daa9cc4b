"""How long a token takes as its context grows, beside the least that the banks' bandwidth allows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plots.drawing import BLUE, INK, ORANGE, Drawing, axes
from plots.labels import quantity, scale
from plots.recorded import Recorded, Run, Tables, of

DRAWN = 256
"""Points that a figure of this width can show; more contexts are put together for it."""

LINES = ((0, "prompt tokens", ORANGE), (1, "generated tokens", BLUE))


def draw(run: Run, tables: Tables | None = None) -> Drawing:
    """Time per token against context: the mean of each bin of contexts, and a band from least to most.

    The dashed line is the time that the token's MAC columns take at the peak of the internal bandwidth: no
    row opened, no refresh, no ASIC, no results moved.

    Raises:
        NothingToDraw: the run has no table ``tokens``.
    """
    recorded = of(run, tables)
    table = recorded.table("tokens")
    seconds = table["cycles"] * recorded.cycle_seconds
    bound = least(recorded)
    divisor, unit = scale(float(seconds.max()), "s")
    data: dict[str, list[Any]] = {
        "context [tokens]": [], "kind": [], f"mean [{unit}]": [], f"least [{unit}]": [], f"most [{unit}]": [],
        f"columns at peak [{unit}]": [],
    }  # fmt: skip
    with axes(5.4, 3.4) as (figure, (panel,)):
        for generated, words, colour in LINES:
            chosen = table["generated"] == generated
            if not chosen.any():
                continue
            at, groups = _binned(table["position"][chosen])
            mean, low, high = (f(seconds[chosen], groups) / divisor for f in (_mean, _low, _high))
            panel.fill_between(at, low, high, color=colour, alpha=0.25, linewidth=0)
            marker = "o" if len(at) == 1 else ""
            panel.plot(at, mean, color=colour, linewidth=1.8, marker=marker, label=words)
            floor = np.full(len(at), np.nan) if bound is None else _mean(bound[chosen], groups) / divisor
            if bound is not None:
                name = "MAC columns alone, at peak" if generated or not table["generated"].any() else None
                panel.plot(at, floor, color=INK, linewidth=1.2, linestyle=(0, (5, 3)), label=name)
            data["context [tokens]"] += at.tolist()
            data["kind"] += [words] * len(at)
            for name, column in zip([*data][2:], (mean, low, high, floor), strict=True):
                data[name] += [None if np.isnan(value) else float(value) for value in column]
        panel.set_ylim(0, float(seconds.max()) / divisor * 1.12)
        panel.set_xlim(left=0)
        panel.set_xlabel("context [tokens, this one included]")
        panel.set_ylabel(f"time per token [{unit}]")
        panel.legend(loc="lower right", fontsize=9)
    return Drawing("token_time", "Time per token", _caption(seconds, bound), figure, data)


def least(recorded: Recorded) -> NDArray[np.float64] | None:
    """Seconds of each token if its columns streamed without a pause; None where the report lacks the peak.

    The bytes of a column follow from the run's own mean bandwidth, whatever the columns are counted by.
    """
    table, metrics = recorded.table("tokens"), recorded.report.metrics
    mean, peak = metrics.get("internal_bandwidth"), metrics.get("peak_internal_bandwidth")
    columns = table["mac_columns"]
    if not mean or not peak or not columns.sum():
        return None
    time: NDArray[np.float64] = columns * (mean * recorded.report.seconds / columns.sum() / peak)
    return time


def _binned(position: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Middles of at most ``DRAWN`` bins of contexts, and in which of them each token is."""
    width = max(1, -(-int(position.max() - position.min() + 1) // DRAWN))
    bins, groups = np.unique((position - position.min()) // width, return_inverse=True)
    middles = position.min() + bins * width + (width - 1) / 2
    return middles.astype(np.float64), groups.ravel()


def _mean(values: NDArray[Any], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.bincount(groups, values) / np.bincount(groups)


def _low(values: NDArray[Any], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    found = np.full(groups.max() + 1, np.inf)
    np.minimum.at(found, groups, values)
    return found


def _high(values: NDArray[Any], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    found = np.full(groups.max() + 1, -np.inf)
    np.maximum.at(found, groups, values)
    return found


def _caption(seconds: NDArray[np.float64], bound: NDArray[np.float64] | None) -> str:
    text = (
        f"{len(seconds):,} tokens, from {quantity(float(seconds.min()), 's')} to"
        f" {quantity(float(seconds.max()), 's')}; the band is the least and the most of what is drawn as one"
        " point, refreshes included."
    )
    if bound is not None and bound.sum():
        text += (
            f" Dashed: MAC columns at the peak of the banks, {seconds.sum() / bound.sum():.2f} times less on"
            " average."
        )
    return text
