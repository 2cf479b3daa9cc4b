"""What the ASIC does for each routine, as short programs of vector instructions.

The ASIC has adders and multipliers, no divider and no tables.  One description serves both time and values:
:func:`cycles` charges the instructions of :func:`routine`, and :mod:`sim.pim.arithmetic` carries them out.

Instructions issue in order, one at a time; an instruction over k elements occupies its lanes for
``ceil(k / lanes)`` cycles for each of its steps, and the next one begins after it.  A reduction runs over the
adders' tree.  Adders also compare, and do integer arithmetic on the bits of numbers: that is all that the
tricks with exponents need.  Methods: reference PIM-GPT (arXiv 2310.09385), section III, with range reduction
added to its Taylor series, which is of no use below -1 without it.
"""

import math
from enum import Enum
from functools import lru_cache
from typing import Literal, NamedTuple, assert_never

from arch.pim_device import Asic
from mapping.pim.program import Routine

EPSILON = 1e-5
"""Added to the variance or mean square of a norm, as GPT-2 and Llama have it."""

_LOG2_E = math.log2(math.e)
_LOWEST_EXPONENT = -126.0  # of a normal number of 8 exponent bits
_SATURATED = 40.0  # 2**40 beside 1 is beyond fp32, and x / 2**40 is nothing beside x


class Operation(Enum):
    """What an instruction does, the lanes that do it, and how many steps it takes there.

    The value is (name, lanes, steps).
    """

    ADD = ("add", "adders", 1)
    SUBTRACT = ("subtract", "adders", 1)
    MAX = ("max", "adders", 1)
    """The larger of two: a subtraction whose sign selects."""
    MIN = ("min", "adders", 1)
    ROUND = ("round", "adders", 2)
    """Nearest integer, half to even: add 1.5 * 2**23 (the width's own), and subtract it again."""
    SCALE = ("scale", "adders", 1)
    """a * 2**b: an integer addition to the exponent; below the smallest normal number the result is 0."""
    SCALE_DOWN = ("scale_down", "adders", 1)
    """a * 2**-b."""
    EXPONENT = ("exponent", "adders", 1)
    """e with a = m * 2**e, m in [0.5, 1): the exponent's field less its bias."""
    RSQRT_SEED = ("rsqrt_seed", "adders", 1)
    """0x5f3759df - (bits >> 1), the shift being wires; 3.4 % off 1/sqrt(a) at most."""
    MULTIPLY = ("multiply", "multipliers", 1)
    SUM = ("sum", "tree", 1)
    MAXIMUM = ("maximum", "tree", 1)
    ARGMAX = ("argmax", "tree", 1)
    """Index of the largest element, the first of equals; the index travels with the number."""

    @property
    def lanes(self) -> Literal["adders", "multipliers", "tree"]:
        lanes: Literal["adders", "multipliers", "tree"] = self.value[1]
        return lanes

    @property
    def steps(self) -> int:
        steps: int = self.value[2]
        return steps


class VectorInstruction(NamedTuple):
    """``target = operation(*sources)`` over ``elements`` elements.

    Sources are names of registers (vectors or single numbers, which meet every element) or constants.
    """

    operation: Operation
    elements: int
    target: str
    sources: tuple[str | float, ...]


RESULT = "result"
"""The register with what a routine computes: a vector of n bf16 elements, for ARGMAX one index."""

INPUTS: dict[Routine, tuple[str, ...]] = {
    Routine.LAYER_NORM: ("x", "gamma", "beta"),
    Routine.RMS_NORM: ("x", "gamma"),
    Routine.SOFTMAX: ("x", "scale"),
    Routine.GELU: ("x",),
    Routine.SILU: ("x",),
    Routine.RELU: ("x",),
    Routine.ADD: ("x", "y"),
    Routine.MULTIPLY: ("x", "y"),
    Routine.ROPE: ("x", "exchanged", "cosine", "sine"),
    Routine.WEIGHTED_SUM: ("x", "weight", "y"),
    Routine.ARGMAX: ("x",),
}
"""Registers that must be set before a routine.

SOFTMAX: ``scale`` is log2(e) / sqrt(head size), so that scaling the scores also changes the base to 2.
ROPE: ``exchanged`` is x read with the halves of every head exchanged; ``cosine`` and ``sine`` belong to the
position, the sine negative for the first halves.  WEIGHTED_SUM: x times the number ``weight``, added to y.
"""


@lru_cache(maxsize=65536)
def cycles(routine_: Routine, n: int, asic: Asic) -> int:
    """ASIC cycles of one call of a routine on ``n`` elements."""
    return sum(instruction_cycles(i, asic) for i in routine(routine_, n, asic))


def instruction_cycles(instruction: VectorInstruction, asic: Asic) -> int:
    """ASIC cycles of one vector instruction, as the module's text has them."""
    k, operation = instruction.elements, instruction.operation
    if operation.lanes == "tree":
        return -(-k // asic.adders) + (min(k, asic.adders) - 1).bit_length()
    lanes = asic.adders if operation.lanes == "adders" else asic.multipliers
    return operation.steps * -(-k // lanes)


def routine(routine: Routine, n: int, asic: Asic) -> tuple[VectorInstruction, ...]:
    """The instructions of one call of ``routine`` on ``n`` elements (at least 1)."""
    match routine:
        case Routine.LAYER_NORM:
            return _layer_norm(n, asic)
        case Routine.RMS_NORM:
            return _rms_norm(n, asic)
        case Routine.SOFTMAX:
            return _softmax(n, asic)
        case Routine.GELU:
            return _gelu(n, asic)
        case Routine.SILU:
            return _silu(n, asic)
        case Routine.RELU:
            return (VectorInstruction(Operation.MAX, n, RESULT, ("x", 0.0)),)
        case Routine.ADD:
            return (VectorInstruction(Operation.ADD, n, RESULT, ("x", "y")),)
        case Routine.MULTIPLY:
            return (VectorInstruction(Operation.MULTIPLY, n, RESULT, ("x", "y")),)
        case Routine.ROPE:
            return (
                VectorInstruction(Operation.MULTIPLY, n, "along", ("x", "cosine")),
                VectorInstruction(Operation.MULTIPLY, n, "across", ("exchanged", "sine")),
                VectorInstruction(Operation.ADD, n, RESULT, ("along", "across")),
            )
        case Routine.WEIGHTED_SUM:
            return (
                VectorInstruction(Operation.MULTIPLY, n, "product", ("x", "weight")),
                VectorInstruction(Operation.ADD, n, RESULT, ("y", "product")),
            )
        case Routine.ARGMAX:
            return (VectorInstruction(Operation.ARGMAX, n, RESULT, ("x",)),)
        case _:
            assert_never(routine)


def exponential(n: int, source: str, target: str, terms: int) -> tuple[VectorInstruction, ...]:
    """``target = 2**source``: for e**x the source is x * log2(e), folded into a product made anyway.

    With k the nearest integer and f = source - k, so that x = k ln 2 + f ln 2, the Taylor series of e**r at
    r = f ln 2, ``terms`` terms by Horner's rule; |r| <= ln(2)/2.
    """
    coefficients = [math.log(2) ** i / math.factorial(i) for i in range(terms)]
    low, power, fraction = f"{target}.low", f"{target}.power", f"{target}.fraction"
    program = [
        VectorInstruction(Operation.MAX, n, low, (source, _LOWEST_EXPONENT)),
        VectorInstruction(Operation.ROUND, n, power, (low,)),
        VectorInstruction(Operation.SUBTRACT, n, fraction, (low, power)),
    ]
    series: str | float = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        program += [
            VectorInstruction(Operation.MULTIPLY, n, target, (series, fraction)),
            VectorInstruction(Operation.ADD, n, target, (target, coefficient)),
        ]
        series = target
    return (*program, VectorInstruction(Operation.SCALE, n, target, (target, power)))


def reciprocal(n: int, source: str, target: str, iterations: int) -> tuple[VectorInstruction, ...]:
    """``target = 1 / source`` for positive numbers: D in [0.5, 1), seed 48/17 - 32/17 D, X += X (1 - D X)."""
    exponent, d, miss = f"{target}.exponent", f"{target}.scaled", f"{target}.miss"
    program = [
        VectorInstruction(Operation.EXPONENT, n, exponent, (source,)),
        VectorInstruction(Operation.SCALE_DOWN, n, d, (source, exponent)),
        VectorInstruction(Operation.MULTIPLY, n, target, (d, 32 / 17)),
        VectorInstruction(Operation.SUBTRACT, n, target, (48 / 17, target)),
    ]
    for _ in range(iterations):
        program += [
            VectorInstruction(Operation.MULTIPLY, n, miss, (d, target)),
            VectorInstruction(Operation.SUBTRACT, n, miss, (1.0, miss)),
            VectorInstruction(Operation.MULTIPLY, n, miss, (target, miss)),
            VectorInstruction(Operation.ADD, n, target, (target, miss)),
        ]
    return (*program, VectorInstruction(Operation.SCALE_DOWN, n, target, (target, exponent)))


def inverse_root(n: int, source: str, target: str, iterations: int) -> tuple[VectorInstruction, ...]:
    """``target = 1 / sqrt(source)`` for positive numbers: integer seed, then Y = Y (1.5 - 0.5 x Y Y)."""
    half, step = f"{target}.half", f"{target}.step"
    program = [
        VectorInstruction(Operation.MULTIPLY, n, half, (source, 0.5)),
        VectorInstruction(Operation.RSQRT_SEED, n, target, (source,)),
    ]
    for _ in range(iterations):
        program += [
            VectorInstruction(Operation.MULTIPLY, n, step, (target, target)),
            VectorInstruction(Operation.MULTIPLY, n, step, (half, step)),
            VectorInstruction(Operation.SUBTRACT, n, step, (1.5, step)),
            VectorInstruction(Operation.MULTIPLY, n, target, (target, step)),
        ]
    return tuple(program)


def _softmax(n: int, asic: Asic) -> tuple[VectorInstruction, ...]:
    return (
        VectorInstruction(Operation.MULTIPLY, n, "scaled", ("x", "scale")),
        VectorInstruction(Operation.MAXIMUM, n, "largest", ("scaled",)),
        VectorInstruction(Operation.SUBTRACT, n, "scaled", ("scaled", "largest")),
        *exponential(n, "scaled", "power", asic.exp_terms),
        VectorInstruction(Operation.SUM, n, "total", ("power",)),
        *reciprocal(1, "total", "share", asic.reciprocal_iterations),
        VectorInstruction(Operation.MULTIPLY, n, RESULT, ("power", "share")),
    )


def _gelu(n: int, asic: Asic) -> tuple[VectorInstruction, ...]:
    """0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x**3), the form that GPT-2 itself is defined with.

    tanh(u) = 1 - 2 / (e**2u + 1) makes it x / (1 + e**-2u): one exponential and one reciprocal, no series of
    tanh, whose radius of convergence is only pi/2, and no cancellation for negative x.  It is at most 4.8e-4
    from the erf form.
    """
    linear = -2 * math.sqrt(2 / math.pi) * _LOG2_E
    return (
        VectorInstruction(Operation.MULTIPLY, n, "square", ("x", "x")),
        VectorInstruction(Operation.MULTIPLY, n, "square", ("square", 0.044715 * linear)),
        VectorInstruction(Operation.ADD, n, "square", ("square", linear)),
        VectorInstruction(Operation.MULTIPLY, n, "argument", ("x", "square")),
        *_times_sigmoid(n, asic),
    )


def _silu(n: int, asic: Asic) -> tuple[VectorInstruction, ...]:
    return (VectorInstruction(Operation.MULTIPLY, n, "argument", ("x", -_LOG2_E)), *_times_sigmoid(n, asic))


def _times_sigmoid(n: int, asic: Asic) -> tuple[VectorInstruction, ...]:
    """x / (1 + 2**argument); the argument saturates, so that nothing overflows."""
    return (
        VectorInstruction(Operation.MIN, n, "argument", ("argument", _SATURATED)),
        *exponential(n, "argument", "power", asic.exp_terms),
        VectorInstruction(Operation.ADD, n, "power", ("power", 1.0)),
        *reciprocal(n, "power", "gate", asic.reciprocal_iterations),
        VectorInstruction(Operation.MULTIPLY, n, RESULT, ("x", "gate")),
    )


def _layer_norm(n: int, asic: Asic) -> tuple[VectorInstruction, ...]:
    """Two passes: the mean, then the variance of what is left."""
    return (
        VectorInstruction(Operation.SUM, n, "mean", ("x",)),
        VectorInstruction(Operation.MULTIPLY, 1, "mean", ("mean", 1 / n)),
        VectorInstruction(Operation.SUBTRACT, n, "centred", ("x", "mean")),
        *_over_root_mean_square(n, "centred", asic),
        VectorInstruction(Operation.ADD, n, RESULT, (RESULT, "beta")),
    )


def _rms_norm(n: int, asic: Asic) -> tuple[VectorInstruction, ...]:
    return _over_root_mean_square(n, "x", asic)


def _over_root_mean_square(n: int, source: str, asic: Asic) -> tuple[VectorInstruction, ...]:
    return (
        VectorInstruction(Operation.MULTIPLY, n, "square", (source, source)),
        VectorInstruction(Operation.SUM, n, "mean_square", ("square",)),
        VectorInstruction(Operation.MULTIPLY, 1, "mean_square", ("mean_square", 1 / n)),
        VectorInstruction(Operation.ADD, 1, "mean_square", ("mean_square", EPSILON)),
        *inverse_root(1, "mean_square", "factor", asic.rsqrt_iterations),
        VectorInstruction(Operation.MULTIPLY, n, RESULT, (source, "factor")),
        VectorInstruction(Operation.MULTIPLY, n, RESULT, (RESULT, "gamma")),
    )
