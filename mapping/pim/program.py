"""What a token makes the channels and the ASIC do, as blocks of plain arrays.

A :class:`Program` is one layer's :class:`Block`, repeated for all layers, and an optional block after the
last (the LM head).  A block is a list of steps in program order.  A step belongs to the ASIC or to the
channels; on the channels it is a list of instructions per channel, carried out in order.  Every unit works in
program order, and a step begins no sooner than the step named in its ``after`` has ended, so that the order
in which things happen is fixed and only the times are to be found out.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Unit(IntEnum):
    """Who carries out a step."""

    CHANNELS = 0
    ASIC = 1


class Step(IntEnum):
    """Columns of ``Block.steps``."""

    UNIT = 0
    AFTER = 1
    """Index of the step in this block that must have ended; -1: the last step of the block before."""
    OPERATOR = 2
    """Index into the plan's ``operators``, for reports."""
    ROUTINE = 3
    """A :class:`Routine` of the ASIC; -1 on channels.

    A step of the ASIC with -1 computes nothing: it waits for its ``after``, so that what follows on it waits
    for several steps.
    """
    N = 4
    """Elements of one call of the routine."""
    CALLS = 5
    """How many times the routine runs, one after the other."""
    REGION = 6
    """Index into the plan's ``regions`` (of a layer) that the channels work on; -1: none."""
    CHUNK = 7
    """Which chunk of the input vector (for cached values: of the tokens) the buffers hold; -1: none."""
    HEAD = 8
    """Which attention head; -1: all or none."""


class Routine(IntEnum):
    """What the ASIC computes; elements as the operator has them."""

    LAYER_NORM = 0
    RMS_NORM = 1
    SOFTMAX = 2
    """Of one head's scores, scaling by 1/sqrt(head size) included."""
    GELU = 3
    SILU = 4
    RELU = 5
    ADD = 6
    """Element-wise: residuals, biases, partial sums."""
    MULTIPLY = 7
    """Element-wise: gates."""
    ROPE = 8
    """Rotary positions of N elements."""
    WEIGHTED_SUM = 9
    """N products added to a running sum: scores times values where banks cannot do it."""
    ARGMAX = 10


class Kind(IntEnum):
    """Kinds of channel instructions."""

    BARE = 0
    """``n`` issues of ``command``, which needs no row: buffer loads (into slots from ``slot``), results.

    Of results, ``n`` counts accumulators from 0 on, each of as many issues as it has bursts.
    """
    COLUMNS = 1
    """``command`` on ``bank`` (-1: all banks at once) over ``n`` columns, for each segment."""
    SWEEP = 2
    """MAC over ``n`` columns for each segment, its result read after each (unless ``keep``)."""
    EACH_BANK = 3
    """``command``, a read or write of one bank, in every bank over ``n`` columns, for each segment.

    All rows of a segment are opened together; within a column the banks come in the order of Instruction's
    note: bank b of group g is number g + groups · b, so that neighbours are in different groups.
    """


class Instruction(IntEnum):
    """Columns of ``Block.instructions``.

    Segment s begins at column address ``start + (s // reuse) * stride`` of the bank, where address
    ``row * columns + column`` counts columns through the rows; it may run on into the next row.  Its first
    slot of the global buffer is ``slot + (s % period) * n``.
    """

    KIND = 0
    COMMAND = 1
    """Code of the memory's command; for SWEEP that of the MAC."""
    BANK = 2
    """Bank of the channel; -1: all."""
    START = 3
    """Column address; of layer 0, moved by ``Program.layer_stride`` for each further layer."""
    N = 4
    """Columns of a segment, or issues of a BARE command."""
    SEGMENTS = 5
    STRIDE = 6
    """Column addresses from one segment to the next."""
    REUSE = 7
    """How many segments in a row use the same columns (query heads that share a key head)."""
    PERIOD = 8
    """After how many segments the buffer is read from ``slot`` again."""
    SLOT = 9
    KEEP = 10
    """SWEEP: 1, segment s stays in accumulator s, to be added to later and read by a BARE result.
    COLUMNS: 1, the row stays open for the next COLUMNS; 0, it is closed.
    """


@dataclass(frozen=True)
class Block:
    """Steps in program order and their instructions.

    Attributes:
        steps: int64 (steps, len(Step)).
        instructions: int64 (instructions, len(Instruction)), by step, then by channel, in order.
        first: int64 (steps * channels + 1,): those of step s on channel c are rows
            ``first[s * channels + c]`` to before ``first[s * channels + c + 1]``.
    """

    steps: NDArray[np.int64]
    instructions: NDArray[np.int64]
    first: NDArray[np.int64]


@dataclass(frozen=True)
class Program:
    """What one token does: ``layer`` for each of ``layers``, then ``epilogue``."""

    layers: int
    layer_stride: int  # column addresses from one layer's rows to the next
    layer: Block
    epilogue: Block | None
