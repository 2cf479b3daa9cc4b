"""Numbers as the machine has them, and an interpreter of the ASIC's vector instructions.

Vectors in the ASIC's scratch memory, DRAM and buffers are bf16.  The lanes of the ASIC compute in the width
that its spec names, and the temporary registers of a routine keep that width: only what a routine hands back
is rounded to bf16.  Every operation is rounded to nearest, ties to even.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, assert_never

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from arch.pim_device import Asic
from mapping.pim.program import Routine
from sim.pim.asic import INPUTS, RESULT, Operation, VectorInstruction, routine

Width = Literal["bf16", "fp32", "fp64"]
"""Of an arithmetic; fp64 is no machine's, it shows what an algorithm itself leaves over."""

Numbers = NDArray[np.floating[Any]]
Registers = dict[str, Numbers]

_SMALLEST_NORMAL = 2.0**-126


def bf16(values: Numbers) -> NDArray[np.float32]:
    """``values`` rounded to bf16, as float32 (every bf16 is one)."""
    return values.astype(ml_dtypes.bfloat16).astype(np.float32)


def rounded(values: Numbers, width: Width) -> Numbers:
    """``values`` rounded to ``width``: float64 for fp64, else float32."""
    if width == "bf16":
        return bf16(values)
    return values.astype(np.float32 if width == "fp32" else np.float64)


def tree_sum(values: Numbers, width: Width) -> Numbers:
    """Sum along the last axis by a tree of two-input adders, each rounding to ``width``.

    Neighbours are added, 2i to 2i + 1, level by level; a number without a neighbour goes up as it is.
    """
    while values.shape[-1] > 1:
        even = values.shape[-1] // 2 * 2
        pairs = rounded(values[..., 0:even:2] + values[..., 1:even:2], width)
        values = np.concatenate([pairs, values[..., even:]], axis=-1)
    total: Numbers = values[..., 0]
    return total


def run_routine(
    name: Routine, n: int, asic: Asic, inputs: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """One call of a routine in the ASIC's width.

    Args:
        inputs: the registers that :data:`sim.pim.asic.INPUTS` names; float32, vectors of n bf16 numbers.

    Returns:
        n numbers rounded to bf16; for ARGMAX the index, exact.
    """
    missing = [i for i in INPUTS[name] if i not in inputs]
    if missing:
        raise ValueError(f"{name.name}: registers {missing} are not set")
    result = execute(routine(name, n, asic), inputs, asic.arithmetic, asic.adders)[RESULT]
    return result.astype(np.float32) if name is Routine.ARGMAX else bf16(result)


def execute(
    program: Sequence[VectorInstruction], registers: Mapping[str, Numbers], width: Width, adders: int
) -> Registers:
    """Carry out vector instructions and return all registers; those given are left as they are.

    Raises:
        ValueError: an instruction's operands do not have as many elements as it says.
    """
    state: Registers = {name: rounded(np.asarray(value), width) for name, value in registers.items()}
    constant = np.float64 if width == "fp64" else np.float32
    with np.errstate(over="ignore", under="ignore"):
        for instruction in program:
            operands = [
                state[s] if isinstance(s, str) else rounded(np.array(s, constant), width)
                for s in instruction.sources
            ]
            shape = np.broadcast_shapes(*(o.shape for o in operands))
            if int(np.prod(shape)) != instruction.elements:
                raise ValueError(f"{instruction} is given operands of shape {shape}")
            state[instruction.target] = _carry_out(instruction.operation, operands, width, adders)
    return state


def _carry_out(operation: Operation, operands: list[Numbers], width: Width, adders: int) -> Numbers:
    a = operands[0]
    b = operands[1] if len(operands) > 1 else a
    match operation:
        case Operation.ADD:
            return rounded(a + b, width)
        case Operation.SUBTRACT:
            return rounded(a - b, width)
        case Operation.MULTIPLY:
            return rounded(a * b, width)
        case Operation.MAX:
            return np.maximum(a, b)
        case Operation.MIN:
            return np.minimum(a, b)
        case Operation.ROUND:
            return rounded(np.rint(a), width)
        case Operation.SCALE:
            return _scaled(a, b, width)
        case Operation.SCALE_DOWN:
            return _scaled(a, -b, width)
        case Operation.EXPONENT:
            return np.frexp(a)[1].astype(a.dtype)
        case Operation.RSQRT_SEED:
            bits = np.asarray(a, np.float32).view(np.int32)
            return rounded((np.int32(0x5F3759DF) - (bits >> 1)).view(np.float32), width)
        case Operation.SUM:
            return _lanes_then_tree(a, width, adders)
        case Operation.MAXIMUM:
            return np.asarray(a.max())
        case Operation.ARGMAX:
            return np.asarray(a.argmax(), np.float64)
        case _:
            assert_never(operation)


def _scaled(a: Numbers, exponent: Numbers, width: Width) -> Numbers:
    product = np.atleast_1d(rounded(np.ldexp(a, exponent.astype(np.int32)), width))
    product[np.abs(product) < _SMALLEST_NORMAL] = 0
    return product.reshape(np.broadcast_shapes(a.shape, exponent.shape))


def _lanes_then_tree(a: Numbers, width: Width, adders: int) -> Numbers:
    """Lane i adds up elements i, i + adders, i + 2 adders, …; then the tree adds the lanes."""
    a = np.atleast_1d(a)
    lanes = a[:adders]
    for begin in range(adders, len(a), adders):
        more = a[begin : begin + adders]
        lanes = np.concatenate([rounded(lanes[: len(more)] + more, width), lanes[len(more) :]])
    return np.asarray(tree_sum(lanes, width))
