"""Who evaluates tasks: this process, processes of this computer, or a Dask cluster."""

from dse.executors.interface import Done, Executor, evaluate
from dse.executors.local import Inline, Local

__all__ = ["Done", "Executor", "Inline", "Local", "evaluate"]
