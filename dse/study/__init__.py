"""The study: what is explored, over which designs, for what, by whom, and for how long."""

from dse.study.reading import read_study, study_of
from dse.study.study import OptimizerChoice, Study

__all__ = ["OptimizerChoice", "Study", "read_study", "study_of"]
