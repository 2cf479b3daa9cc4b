"""Whether the rows of a command stream encode commands of the device at all."""

import numpy as np

from sim.dram.checker.findings import Findings
from sim.dram.checker.result import LISTED_PER_RULE, RuleCheck, Violation
from sim.dram.checker.stream import LEVELS, Device, Ints, Stream


def well_formed(device: Device, table: Ints) -> Findings:
    """Report rows that encode nothing; the rest, in stream order, is the stream that the checks replay.

    ``table``: (n, 4) rows (cycle, code, bank, arg).  A bank-scope command names its bank, a wider one the
    first bank of its node, or -1 if it can only address the whole channel; ``arg`` is the row for commands
    that open, the column for commands that read, write or compute on one, else -1.
    """
    organization = device.memory.organization
    cycle, code, bank, arg = table.T
    safe = np.where((code >= 0) & (code < device.codes), code, 0).astype(np.int16)
    known = (safe == code) & (device.level[safe] >= 0)
    span = np.asarray(device.span)[device.level[safe]]
    inside = (bank >= 0) & (bank < organization.banks_per_channel) & (bank % span == 0)
    bank_ok = np.where(device.whole[safe], bank == -1, inside)
    opens, columns = device.having("open")[safe], device.having("read", "write", "compute")[safe]
    limit = np.where(opens, organization.rows, np.where(columns, organization.columns, 0))
    arg_ok = np.where(limit > 0, (arg >= 0) & (arg < limit), arg == -1)
    good = known & bank_ok & arg_ok & (cycle >= 1)

    def text(at: int) -> str:
        if not known[at]:
            return f"code {code[at]} at cycle {cycle[at]} names no command of {device.memory.name}"
        command = f"{device.names[int(code[at])]} at cycle {cycle[at]}"
        if not bank_ok[at]:
            accepted = f"0 to {organization.banks_per_channel - 1}"
            if device.whole[code[at]]:
                accepted = "-1"
            elif span[at] > 1:
                accepted = f"the first bank of a {LEVELS[device.level[code[at]]]}"
            return f"{command} has bank {bank[at]}; {accepted} needed"
        if not arg_ok[at]:
            what = "row" if opens[at] else "column" if columns[at] else "argument"
            accepted = f"0 to {limit[at] - 1}" if limit[at] else "-1"
            return f"{command} has {what} {arg[at]}; {accepted} needed"
        return f"{command}; the first cycle is 1"

    bad = np.flatnonzero(~good)
    place = np.flatnonzero(good).astype(np.int32)
    stream = Stream(
        device,
        cycle=cycle[place],
        code=safe[place],
        bank=np.maximum(bank[place], 0).astype(np.int32),
        arg=arg[place].astype(np.int32),
        place=place,
    )
    findings = Findings(stream)
    told = []
    for at in bad[:LISTED_PER_RULE].tolist():
        name = device.names[int(code[at])] if known[at] else str(code[at])
        text_of_row = f"row {at}: {text(at)}"
        told.append(Violation("encoding", int(cycle[at]), name, int(bank[at]), at, text_of_row))
    meaning = "codes, banks, rows and columns exist on the device"
    findings.add(RuleCheck("encoding", meaning, len(table), len(bad)), told)
    return findings
