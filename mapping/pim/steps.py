"""Writes down the steps of a block, one behind the other."""

import numpy as np

from mapping.pim.program import Block, Instruction, Routine, Unit
from mapping.pim.work import Work

OPERATORS = (
    "norm1", "qkv", "k_write", "scores", "v_write", "softmax", "context", "projection", "norm2", "ffn_up",
    "activation", "ffn_down", "residual", "final_norm", "lm_head", "argmax",
)  # fmt: skip
"""All operators; the last three only with an LM head."""


class StepWriter:
    """Gathers steps; each method returns the number of the step that it adds."""

    def __init__(self, channels: int) -> None:
        self._steps: list[tuple[int, ...]] = []
        self._work: list[Work] = []
        self._idle = Work(np.zeros((0, len(Instruction)), np.int64), np.zeros(channels, np.int64))

    def asic(
        self,
        operator: str,
        routine: Routine,
        n: int,
        after: int,
        *,
        calls: int = 1,
        chunk: int = -1,
        head: int = -1,
    ) -> int:
        """The ASIC computes."""
        operator_number = OPERATORS.index(operator)
        return self._add(
            (int(Unit.ASIC), after, operator_number, int(routine), n, calls, -1, chunk, head), self._idle
        )

    def join(self, operator: str, after: int) -> int:
        """The ASIC waits for a step; what waits for this one waits for all that it has waited for."""
        return self._add((int(Unit.ASIC), after, OPERATORS.index(operator), -1, 0, 0, -1, -1, -1), self._idle)

    def channels(
        self, operator: str, work: Work, after: int, *, region: int = -1, chunk: int = -1, head: int = -1
    ) -> int:
        """The channels carry out ``work``."""
        return self._add(
            (int(Unit.CHANNELS), after, OPERATORS.index(operator), -1, 0, 0, region, chunk, head), work
        )

    def block(self) -> Block:
        """All that was added."""
        counts = np.concatenate([work.counts for work in self._work])
        first = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=first[1:])
        return Block(
            np.array(self._steps, np.int64),
            np.concatenate([work.instructions for work in self._work]),
            first,
        )

    def _add(self, step: tuple[int, ...], work: Work) -> int:
        self._steps.append(step)
        self._work.append(work)
        return len(self._steps) - 1
