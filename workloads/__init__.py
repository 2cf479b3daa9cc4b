"""What runs on a machine: memory request traces, read from files, generated, or known by name."""

from workloads.address_vectors import AddressVectors
from workloads.catalogue import LibraryEntry, library, load
from workloads.density import Density, density
from workloads.files import FORMATS, Format, open_trace, save
from workloads.generators import GeneratorEntry, generate, generators
from workloads.statistics import TraceInfo, info
from workloads.trace import BLOCK_REQUESTS, READ, WRITE, Block, Trace, check_lines
from workloads.trace_clock import TraceClock, trace_clock

__all__ = [
    "BLOCK_REQUESTS",
    "FORMATS",
    "READ",
    "WRITE",
    "AddressVectors",
    "Block",
    "Density",
    "Format",
    "GeneratorEntry",
    "LibraryEntry",
    "Trace",
    "TraceClock",
    "TraceInfo",
    "check_lines",
    "density",
    "generate",
    "generators",
    "info",
    "library",
    "load",
    "open_trace",
    "save",
    "trace_clock",
]
