"""Who searches: optimisers by name, all with the interface of :mod:`dse.optimisers.interface`."""

from dse.optimisers.catalogue import make, names, options_of
from dse.optimisers.interface import Optimizer, Trial

__all__ = ["Optimizer", "Trial", "make", "names", "options_of"]
