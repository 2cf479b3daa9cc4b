"""What runs on a machine: memory request traces, read from files, generated, or known by name."""

from workloads.address_vectors import AddressVectors
from workloads.catalogue import LibraryEntry, library, load
from workloads.files import FORMATS, Format, open_trace, save
from workloads.generators import GeneratorEntry, generate, generators
from workloads.statistics import TraceInfo, info
from workloads.trace import BLOCK_REQUESTS, READ, WRITE, Block, Trace, check_lines

__all__ = [
    "BLOCK_REQUESTS",
    "FORMATS",
    "READ",
    "WRITE",
    "AddressVectors",
    "Block",
    "Format",
    "GeneratorEntry",
    "LibraryEntry",
    "Trace",
    "TraceInfo",
    "check_lines",
    "generate",
    "generators",
    "info",
    "library",
    "load",
    "open_trace",
    "save",
]
