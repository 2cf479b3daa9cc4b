"""The hyper-parameter lottery: how much of an optimiser's result is the luck of its options.

Source of the term: Krishnan et al., "ArchGym", ISCA 2023.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dse.statistics.seeds import quantile


@dataclass(frozen=True)
class Lottery:
    """Final quality over the option sets of one optimiser.

    Attributes:
        name: the optimiser's.
        medians: over the seeds, by option set, in the order given.
        low, middle, high: quartiles over the option sets.
        best, worst: of the option sets.
    """

    name: str
    medians: Mapping[str, float]
    low: float
    middle: float
    high: float
    best: float
    worst: float

    @property
    def spread(self) -> float:
        """Width between the quartiles: 0 if the options do not matter."""
        return 0.0 if self.high == self.low else self.high - self.low


def lottery(finals: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Lottery]:
    """One entry for each optimiser.

    Args:
        finals: by optimiser, by option set, the best value of each seed's run at one and the same budget.
    """
    out = []
    for name, sets in finals.items():
        medians = {label: float(quantile(np.array(of), 0.5)) for label, of in sets.items() if len(of)}
        if not medians:
            continue
        array = np.array([*medians.values()])
        low, middle, high = (float(quantile(array, share)) for share in (0.25, 0.5, 0.75))
        out.append(Lottery(name, medians, low, middle, high, float(array.min()), float(array.max())))
    return out
