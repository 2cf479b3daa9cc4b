"""Tabular benchmarks: every design of a space evaluated once, so that optimisers run in seconds.

``load()`` gives the DRAM-controller table that comes along.  It is rebuilt by
``python -m dse.tabular build examples/dram_controller.yaml --jobs 2``.
"""

from dse.tabular.building import build
from dse.tabular.table import Optimum, Table, load

__all__ = ["Optimum", "Table", "build", "load"]
