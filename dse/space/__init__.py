"""Spaces of designs: :class:`Space` and its :class:`Parameter`; encodings are in :mod:`dse.space.encoding`."""

from dse.space.equivalence import Equivalence
from dse.space.meaning import Expression
from dse.space.parameters import Condition, Parameter
from dse.space.space import Space

__all__ = ["Condition", "Equivalence", "Expression", "Parameter", "Space"]
