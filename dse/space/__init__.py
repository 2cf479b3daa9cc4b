"""What may be chosen: parameters, conditions, constraints, equivalent designs, and their number."""

from dse.space.declaration import Declared, as_mapping, read_space, space_of
from dse.space.designs import Constraint, Space
from dse.space.parameter import Kind, Parameter

__all__ = ["Constraint", "Declared", "Kind", "Parameter", "Space", "as_mapping", "read_space", "space_of"]
