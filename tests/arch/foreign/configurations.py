"""Configurations of our own making, with the numbers of shared/data/dram/configs.yaml, and their import."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import arch
from arch.device import STANDARD_CODES, Memory
from arch.errors import InputError
from arch.foreign import Imported, import_configuration

DDR4_INI = """\
[dram_structure]
protocol = DDR4
bankgroups = 4
banks_per_group = 4
rows = 65536
columns = 1024
device_width = 8
BL = 8

[timing]
tCK = 0.833
AL = 0
CL = 16
CWL = 12
tRCD = 16
tRP = 16
tRAS = 39
tRFC = 433
tREFI = 9364
tRRD_S = 4
tRRD_L = 6
tWTR_S = 3
tWTR_L = 9
tFAW = 26
tWR = 18
tRTP = 9
tCCD_S = 4
tCCD_L = 6
tRTRS = 2
tXS = 432 ; not modelled here

[power]
VDD = 1.2
IDD0 = 48
IDD2N = 34
IDD3N = 43
IDD4W = 123
IDD4R = 135
IDD5AB = 250

[system]
channel_size = 8192
channels = 1
bus_width = 64
address_mapping = robabgracoch
queue_structure = PER_BANK
row_buf_policy = OPEN_PAGE
cmd_queue_size = 8
trans_queue_size = 32
refresh_policy = RANK_LEVEL_STAGGERED

[other]
epoch_period = 100000
"""

HBM2_INI = """\
[dram_structure]
protocol = HBM
bankgroups = 4
banks_per_group = 4
rows = 32768
columns = 64
device_width = 64
BL = 4

[timing]
tCK = 1
AL = 0
CL = 14
CWL = 5
tRCDRD = 15
tRCDWR = 13
tRP = 13
tRAS = 35
tRFC = 259
tREFI = 3900
tRRD_S = 4
tRRD_L = 4
tWTR_S = 6
tWTR_L = 8
tFAW = 15
tWR = 16
tRTP = 5
tCCD_S = 2
tCCD_L = 4
tRTRS = 2

[system]
channel_size = 512
channels = 1
bus_width = 64
address_mapping = robabgracoch
row_buf_policy = OPEN_PAGE
trans_queue_size = 32
"""

GDDR6_INI = """\
[dram_structure]
protocol = GDDR6
bankgroups = 4
banks_per_group = 4
rows = 16384
columns = 64
device_width = 16
BL = 32

[timing]
tCK = 0.57
AL = 0
CL = 24
CWL = 6
tRCDRD = 27
tRCDWR = 16
tRP = 27
tRAS = 53
tRFC = 211
tREFI = 3333
tRRD_S = 8
tRRD_L = 8
tWTR_S = 9
tWTR_L = 11
tFAW = 29
t32AW = 1
tWR = 27
tRTP = 4
tCCD_S = 2
tCCD_L = 4
tRTRS = 5
tPPD = 1

[system]
channel_size = 1024
channels = 1
bus_width = 16
address_mapping = robabgracoch
row_buf_policy = OPEN_PAGE
trans_queue_size = 32
"""

RAMULATOR20 = """\
Frontend:
  impl: LoadStoreTrace
  clock_ratio: 8
  path: mine.trace
MemorySystem:
  impl: GenericDRAM
  clock_ratio: 3
  DRAM:
    impl: DDR4
    org:
      preset: DDR4_8Gb_x8
      channel: 1
      rank: 1
    timing:
      preset: DDR4_2400R
  Controller:
    impl: Generic
    Scheduler:
      impl: FRFCFS
    RefreshManager:
      impl: AllBank
    RowPolicy:
      impl: OpenRowPolicy
    plugins:
      - ControllerPlugin:
          impl: CommandCounter
          path: counts.txt
  AddrMapper:
    impl: RoBaRaCoCh
"""

# Levels below the channel, data pins, width of the bus, prefetch, commands in Ramulator's order.
_EXPORTS: Mapping[str, Any] = {
    "ddr4_2400": {
        "impl": "DDR4",
        "controller": "GenericDDR",
        "count": [1, 1, 4, 4, 65536, 1024],
        "width": 64,
        "pins": 8,
        "timing": [2400, 4, 16, 16, 16, 39, 55, 18, 9, 12, 4, 6, 4, 6, 3, 9, 26, 433, 9364, 2, 833],
        "commands": ["ACT", "PRE", "PREA", "RD", "WR", "RDA", "WRA", "REFA"],
        "scopes": {"channel": 0, "rank": 1, "group": 2, "bank": 3, "other_ranks": 1},
    },
    "hbm2_2000": {
        "impl": "HBM2",
        "controller": "HBM12",
        "count": [1, 1, 4, 4, 32768, 128],
        "width": 64,
        "pins": 64,
        "timing": [
            2000, 2, 14, 14, 12, 14, 34, 48, 16, 5, 5, 2, 4, 4, 4, 6, 8, 15, 260, 160, 8, 3900, 244, 1000,
        ],
        "commands": ["ACT", "PRE", "PREA", "RD", "WR", "RDA", "WRA", "REFA", "REFpb"],
        "scopes": {"channel": 0, "rank": 1, "group": 2, "bank": 3},
    },
    "gddr6_14000": {
        "impl": "GDDR6",
        "controller": "GenericDDR",
        "count": [1, 4, 4, 16384, 1024],
        "width": 16,
        "pins": 16,
        "timing": [
            14000, 2, 24, 27, 16, 27, 53, 79, 27, 4, 6, 2, 4, 8, 8, 9, 11, 29, 106, 15, 3333, 570, 211, 1,
        ],
        "commands": ["ACT", "PREA", "PRE", "RD", "WR", "RDA", "WRA", "REFA", "REFpb"],
        "scopes": {"channel": 0, "rank": 0, "group": 1, "bank": 2},
    },
}  # fmt: skip


def exported(name: str, memory: Memory, channels: int = 1, **changes: Any) -> str:
    """YAML as Ramulator 2.1 exports it; the rules are those of ``memory``, rule set ramulator21.

    ``changes`` replace keys of ``dram``.
    """
    given = _EXPORTS[name]
    number = {command: code for code, command in enumerate(given["commands"])}
    rows = [
        [
            given["scopes"][rule.scope],
            [number[c] for c in rule.after],
            [number[c] for c in rule.before],
            rule.wait,
        ]
        + ([rule.window] if rule.window > 1 else [])
        + ([1, True] if rule.scope == "other_ranks" else [])
        for rule in memory.rules
        if "ramulator21" not in rule.not_in and set(rule.after) <= {*STANDARD_CODES, "RDA", "WRA"}
    ]
    burst, latency = memory.timing["tBL"], memory.timing["tCL"]
    dram = {
        "impl": given["impl"],
        "org": {"dq": given["pins"], "count": given["count"]},
        "timing": given["timing"],
        "command_cycles": [2 if c == "ACT" and given["impl"] == "HBM2" else 1 for c in given["commands"]],
        "channel_width": given["width"],
        "read_latency": burst + latency,
        "timing_constraints": rows,
        **changes,
    }
    controller = {
        "impl": given["controller"],
        "wr_low_watermark": 0.2,
        "wr_high_watermark": 0.8,
        "read_buffer_size": 32,
        "write_buffer_size": 32,
        "priority_buffer_size": 1568,
        "scheduler": {"impl": "FRFCFS"},
        "refresh_manager": {"impl": "AllBank", "scatter_interval": 0, "debug": False},
        "row_policy": {"impl": "Open"},
        "addr_mapper": {"impl": "RoBaRaCoCh"},
        "dram": dram,
    }
    tree = {
        "frontend": {"impl": "External", "clock_ratio": 8},
        "memory_system": {
            "impl": "GenericDRAM",
            "clock_ratio": 3,
            "channel_mapper": {"impl": "CacheLineInterleave", "interleave_bits": 0},
            "controllers": [controller for _ in range(channels)],
        },
    }
    dumper = yaml.SafeDumper
    dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
    return yaml.dump(tree, Dumper=dumper, sort_keys=False)


def found(folder: Path, text: str, name: str = "theirs") -> tuple[Imported, Memory]:
    """What a configuration comes out as, and the memory that this loads as."""
    (folder / name).write_text(text, encoding="utf-8")
    result = import_configuration(folder / name)
    ours = folder / "ours.yaml"
    ours.write_text(result.yaml_text, encoding="utf-8")
    memory: Memory = arch.load(str(ours)).spec.resolve()
    return result, memory


def assert_refused(folder: Path, text: str, key: str, parts: Sequence[str], *, line: bool = True) -> None:
    """One line that names file, ``key`` and ``parts`` and, with ``line``, the line of the key."""
    with pytest.raises(InputError) as error:
        found(folder, text)
    message = str(error.value)
    assert "\n" not in message
    for part in [key, "theirs", *parts]:
        assert part in message, message
    assert line == (error.value.line is not None), message
    if error.value.line is not None:
        assert key.rpartition(".")[2] in text.splitlines()[error.value.line - 1], message
