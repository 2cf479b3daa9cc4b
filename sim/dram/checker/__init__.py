"""An independent check of DRAM command streams: knows the device's tables and nothing of any scheduler.

:func:`check` replays one channel's stream, ours or another simulator's, against everything the device
demands: encoding, order, command buses, every row of the constraint table, row state, data bus, refresh
deadlines, and, when told the requests, that each was served exactly once by the command it needs.

How a row of the constraint table is read: a command addresses one node of the tree channel > rank > group >
bank, that is, a set of banks.  ``before`` is constrained by ``after`` if both address some bank of one
instance of the row's scope (for *other_ranks*: if they address banks of two different ranks) and ``after``
stands earlier in the stream.  ``window`` n takes the n-th last such ``after`` of that instance.  Every
``before`` counts as one pair, with the latest ``after`` that so constrains it.
"""

import numpy as np
from numpy.typing import ArrayLike

from arch.device import Memory
from sim.dram.checker.banks import check_refresh, check_row_state
from sim.dram.checker.buses import check_command_bus, check_cycle_order, check_data_bus
from sim.dram.checker.conservation import RequestArrays, RequestCounts, served_by_counts, served_one_by_one
from sim.dram.checker.encoding import well_formed
from sim.dram.checker.implied import implied_rows, implied_rules
from sim.dram.checker.result import CheckResult, RuleCheck, Violation
from sim.dram.checker.stream import Device
from sim.dram.checker.timing import check_rule

__all__ = [
    "CheckResult",
    "RequestArrays",
    "RequestCounts",
    "RuleCheck",
    "Violation",
    "check",
    "implied_rows",
    "implied_rules",
]


def check(
    memory: Memory,
    commands: ArrayLike,
    *,
    rules: str = "jedec",
    drained: bool = True,
    requests: RequestCounts | RequestArrays | None = None,
    end_cycle: int | None = None,
) -> CheckResult:
    """Replay one channel's command stream against the device.

    Args:
        memory: the resolved device.
        commands: (n, 4) integers, rows (cycle, code, bank, arg) in issue order, as in a command file.
        rules: rule set; ``jedec`` is every row of the table, another leaves out the rows that except it.
        drained: the stream runs to the last command; False for an excerpt, which may lack commands that
            requests still await.
        requests: what was accepted and must have been served; None: conservation is not checked.
        end_cycle: last cycle that the stream covers, for refreshes that never came; None: the last command's.

    Raises:
        ValueError: ``commands`` is not (n, 4) integers, a command has no bus slot, or ``requests`` do not
            fit the device.
    """
    table = np.asarray(commands)
    if table.shape == (0,):
        table = np.zeros((0, 4), np.int64)
    if table.ndim != 2 or table.shape[1] != 4 or not np.issubdtype(table.dtype, np.integer):
        raise ValueError(f"commands: given {table.dtype} {table.shape}, accepted integers (n, 4)")
    table = table.astype(np.int64, copy=False)

    device = Device(memory)
    findings = well_formed(device, table)
    stream = findings.stream
    check_cycle_order(stream, findings)
    check_command_bus(stream, findings)
    for rule in memory.rules:
        if rules not in rule.not_in:
            check_rule(stream, findings, rule)
    opened_row = check_row_state(stream, findings)
    check_data_bus(stream, findings)
    check_refresh(stream, findings, end_cycle)
    if isinstance(requests, RequestCounts):
        findings.add(*served_by_counts(stream, requests, drained))
    elif requests is not None:
        findings.add(*served_one_by_one(stream, requests, opened_row, drained))

    counts = np.bincount(stream.code, minlength=device.codes)
    return CheckResult(
        memory=memory.name,
        rule_set=rules,
        commands=len(table),
        first_cycle=int(table[0, 0]) if len(table) else 0,
        last_cycle=int(table[-1, 0]) if len(table) else 0,
        command_counts={command.name: int(counts[command.code]) for command in memory.commands},
        rows=tuple(findings.rows),
        checks=tuple(findings.checks),
        violations=tuple(findings.violations),
        notes=findings.notes,
    )
