"""Ramulator's names of timings as ours, and the values put into a draft."""

from collections.abc import Mapping

from arch.foreign.draft import Draft

_COMMON = {
    "nBL": "tBL", "nCL": "tCL", "nCWL": "tCWL", "nRP": "tRP", "nRAS": "tRAS", "nRC": "tRC", "nWR": "tWR",
    "nFAW": "tFAW", "nREFI": "tREFI",
}  # fmt: skip
_GROUPS = {
    "nCCDS": "tCCD_S", "nCCDL": "tCCD_L", "nRRDS": "tRRD_S", "nRRDL": "tRRD_L", "nWTRS": "tWTR_S",
    "nWTRL": "tWTR_L",
}  # fmt: skip
OURS: Mapping[str, Mapping[str, str]] = {
    "DDR3": {
        **_COMMON, "nRCD": "tRCD", "nRTP": "tRTP", "nCCD": "tCCD", "nRRD": "tRRD", "nWTR": "tWTR",
        "nRFC": "tRFC", "nCS": "tCS",
    },
    "DDR4": {**_COMMON, **_GROUPS, "nRCD": "tRCD", "nRTP": "tRTP", "nRFC": "tRFC", "nCS": "tCS"},
    "GDDR6": {
        **_COMMON, **_GROUPS, "nRCDRD": "tRCDRD", "nRCDWR": "tRCDWR", "nRCDWD": "tRCDWR", "nRTP": "tRTP",
        "nRFC": "tRFC", "nRFCab": "tRFC", "nPPD": "tPPD",
    },
    "HBM2": {**_COMMON, **_GROUPS, "nRCDRD": "tRCDRD", "nRCDWR": "tRCDWR", "nRTPL": "tRTP", "nRFC": "tRFC"},
}  # fmt: skip
"""Our name of each timing that has one, by standard."""

LEFT = {
    "rate": "the clock comes from tCK",
    "nRFCpb": "refresh bank by bank is not modelled here",
    "nRREFD": "refresh bank by bank is not modelled here",
    "nREFIpb": "refresh bank by bank is not modelled here",
    "nRFCSB": "refresh bank by bank is not modelled here",
    "nREFISB": "refresh bank by bank is not modelled here",
    "nRTPS": "one tRTP here; the longer nRTPL is used",
    "nRTW": "used by none of Ramulator's rules; reads and writes are kept apart by nCL + nBL + 2 - nCWL",
}
"""Timings without a counterpart, each with the reason."""


def put_timing(
    draft: Draft, standard: str, name: str, cycles: int, source: str, confidence: str, setting: str | None
) -> None:
    """Puts one timing of :data:`OURS`; a fault in it is told of ``setting``."""
    ours = OURS[standard][name]
    draft.put(("timing", ours), f"{cycles} nCK", source, confidence, setting=setting)
