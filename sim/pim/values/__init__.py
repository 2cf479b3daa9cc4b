"""The value mode: numbers flow through the banks, buffers and accumulators that the commands address."""

from sim.pim.values.channel import LayoutError
from sim.pim.values.generation import OperatorError, ValueReport, check_values, generate
from sim.pim.values.weights import random_weights

__all__ = ["LayoutError", "OperatorError", "ValueReport", "check_values", "generate", "random_weights"]
