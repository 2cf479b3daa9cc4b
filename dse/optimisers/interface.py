"""The one interface of everything that searches: asked for designs, told what they came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dse.evaluation import Config


@dataclass(frozen=True)
class Trial:
    """What became of a design.

    Attributes:
        config: as it was asked for.
        values: of the objectives, every one to be minimised; None if the design has no metrics.
        violation: by how much it misses the constraints on metrics, 0 for a feasible one.
    """

    config: Config
    values: tuple[float, ...] | None
    violation: float = 0.0

    @property
    def feasible(self) -> bool:
        return self.values is not None and self.violation == 0.0


class Optimizer(Protocol):
    """Knows the space, the number of objectives, its options and a seed; never which simulator it faces.

    The same seed and the same tells give the same asks, also after :meth:`restore`.  Counting what has been
    spent is not its task.
    """

    @property
    def independent(self) -> bool:
        """Do the asks not depend on what is told?  Then they may be made ahead of it."""

    def ask(self, n: int) -> list[Config]:
        """Up to ``n`` canonical, allowed designs; an empty list if there is nothing left to try.

        A design may come again; whoever asks keeps what it came to.
        """

    def tell(self, trials: Sequence[Trial]) -> None:
        """What the designs of the last ask came to, all of them and in their order."""

    def state(self) -> dict[str, Any]:
        """Everything that later asks depend on, as plain JSON values."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of an optimiser made with the same arguments."""
