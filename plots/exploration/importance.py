"""Which parameters decide a figure: main effects and the largest interactions."""

from collections.abc import Sequence

from plots.bars import horizontal
from plots.drawing import BLUE, ORANGE, Drawing
from plots.exploration.forms import Share
from plots.labels import percent
from plots.recorded import NothingToDraw

MOST = 16
"""Bars."""


def draw(
    effects: Sequence[Share],
    pairs: Sequence[Share],
    *,
    of: str,
    designs: int,
    source: str,
    name: str = "importance",
) -> Drawing:
    """A bar for each parameter, the largest first, then one for each pair that is above chance.

    Args:
        of: the figure whose variance is shared out.
        designs: how many the shares are from.
        source: which designs those are, in words that follow "of".

    Raises:
        NothingToDraw: the figure does not vary.
    """
    if not any(effect.share > 0 for effect in effects):
        raise NothingToDraw(f"{of} is the same for all designs")
    kept = [effect for effect in effects if effect.share > 0][:MOST]
    together = [pair for pair in pairs if pair.share > max(2 * pair.chance, 0.005)][
        : max(MOST - len(kept), 4)
    ]
    shown = [*kept, *together]
    everything = [*effects, *pairs]
    return horizontal(
        name,
        f"What decides {of}",
        f"Share of the variance of {of} that is between groups of equal settings, of {designs:,} {source}."
        " Blue: one parameter by itself; orange: two together, beyond either. What is switched off counts for"
        " the parameter that switches it.",
        labels=[" × ".join(effect.parameters) for effect in shown],
        values=[effect.share * 100 for effect in shown],
        texts=[percent(effect.share) for effect in shown],
        axis=f"share of the variance of {of} [%]",
        colours=[BLUE] * len(kept) + [ORANGE] * len(together),
        data={
            "parameters": [" × ".join(effect.parameters) for effect in everything],
            "share": [effect.share for effect in everything],
            "expected by chance": [effect.chance for effect in everything],
        },
    )
