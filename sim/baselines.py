"""Published baselines of a paper: data with provenance, never simulated, each with a roofline of its own.

They stand in ``sim/published/PAPER.yaml`` under ``baselines``.  What a baseline was measured at is the
paper's affair; what its memory allows at most follows from bytes and bandwidth, and stands beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from arch.yaml_source import read_file

PUBLISHED = Path(__file__).parent / "published"


@dataclass(frozen=True)
class Baseline:
    """A machine that a paper compared with."""

    name: str  # key in the file
    title: str
    bandwidth: float  # of its memory, bytes per second
    power: float  # board or socket limit, watts
    source: str
    confidence: str

    def seconds(self, bytes_read: float) -> float:
        """Least time in which its memory delivers so many bytes."""
        return bytes_read / self.bandwidth


@cache
def baselines(paper: str) -> Mapping[str, Baseline]:
    """The baselines of a paper by name.

    Raises:
        InputError: no such file in the package, or one that cannot be read.
    """
    given = read_file(PUBLISHED / f"{paper}.yaml", f"{paper}.yaml").data["baselines"]
    found = {
        name: Baseline(
            name,
            str(entry["title"]),
            float(entry["bandwidth"]),
            float(entry["power"]),
            str(entry["source"]),
            str(entry["confidence"]),
        )
        for name, entry in given.items()
    }
    return MappingProxyType(found)
