"""Which banks have a row open, who may find them so, and whether refreshes come in time."""

import numpy as np

from sim.dram.checker.findings import Findings
from sim.dram.checker.result import LISTED_PER_RULE, RuleCheck, Violation
from sim.dram.checker.stream import BANK, CHANNEL, RANK, Places, Stream

CLOSED, OPEN, ANY = 0, 1, -1


def check_row_state(stream: Stream, findings: Findings) -> Places:
    """Reads, writes and computing find a row open, opening and refreshing find their banks closed.

    Returns:
        For each command that reads or writes one bank, the row open there; -1 for all others.
    """
    device = stream.device
    effect = np.full(device.codes, ANY, np.int8)
    effect[device.having("open")] = OPEN
    effect[device.having("close") | device.having("read", "write", "compute", closes=True)] = CLOSED
    need = np.full(device.codes, ANY, np.int8)
    need[device.having("open", "refresh")] = CLOSED
    need[device.having("read", "write", "compute")] = OPEN

    wrong = np.full(len(stream), -1, np.int32)  # a bank in the wrong state
    cause = np.full(len(stream), -1, np.int32)  # the command that left it so
    useful = np.zeros(len(stream), bool)  # closed a bank that was open
    opened_row = np.full(len(stream), -1, np.int32)
    for bank in range(device.span[CHANNEL]):
        mine = stream.at_bank(bank)
        if len(mine) == 0:
            continue
        code = stream.code[mine]
        change = effect[code]
        # Place of the last change up to and including each command, then of the one ahead of it.
        upto = np.maximum.accumulate(np.where(change != ANY, np.arange(len(mine)), -1))
        last = np.concatenate([[-1], upto[:-1]])
        state = np.where(last >= 0, change[last], CLOSED)
        fault = np.flatnonzero((need[code] != ANY) & (need[code] != state))
        fault = fault[wrong[mine[fault]] < 0]
        wrong[mine[fault]] = bank
        cause[mine[fault]] = np.where(last[fault] >= 0, mine[last[fault]], -1)
        useful[mine[(change == CLOSED) & (state == OPEN)]] = True
        column = np.flatnonzero((need[code] == OPEN) & (state == OPEN) & (stream.level[mine] == BANK))
        opened_row[mine[column]] = stream.arg[mine[last[column]]]

    for name, meaning, does in (
        (
            "column_to_closed_bank",
            "reads, writes and computing find a row open",
            ("read", "write", "compute"),
        ),
        ("open_of_open_bank", "a row is opened only in a closed bank", ("open",)),
        ("refresh_of_open_bank", "refresh finds its banks closed", ("refresh",)),
    ):
        concerned = device.having(*does)[stream.code]
        at = np.flatnonzero(concerned & (wrong >= 0)).astype(np.int32)
        texts = []
        for j in at[:LISTED_PER_RULE].tolist():
            state_now = "closed" if need[stream.code[j]] == OPEN else "open"
            since = f"since {findings.told(int(cause[j]))}" if cause[j] >= 0 else "from the start"
            texts.append(f"{findings.told(j)} finds bank {wrong[j]} {state_now} {since}")
        pairs = int(np.count_nonzero(concerned))
        findings.report(name, meaning, pairs=pairs, at=at, earlier=cause[at], text=texts.__getitem__)
    idle = device.having("close")[stream.code] & ~useful
    findings.notes["precharges that found nothing open (legal)"] = int(np.count_nonzero(idle))
    return opened_row


def check_refresh(stream: Stream, findings: Findings, end_cycle: int | None) -> None:
    """The k-th refresh of a rank comes by cycle (k + postpone) · interval, up to ``end_cycle``.

    ``end_cycle`` None: the last command's.  Nothing is demanded of a device or controller without refresh.
    """
    memory, refresh = stream.device.memory, stream.device.memory.refresh
    if refresh is None or memory.controller.refresh == "none":
        return
    if end_cycle is None:
        end_cycle = int(stream.cycle[-1]) if len(stream) else 0
    is_refresh = stream.device.named((refresh.command,))[stream.code]
    pairs = broken = 0
    slacks: list[int] = []
    told: list[Violation] = []
    for rank in range(memory.organization.ranks):
        at = np.flatnonzero(is_refresh & stream.touches(RANK, rank))
        due = (np.arange(1, len(at) + 1) + refresh.postpone) * refresh.interval
        slack = due - stream.cycle[at]
        late = np.flatnonzero(slack < 0)
        # Deadlines that passed before the end with no refresh to meet them.
        missing = max(0, (end_cycle - 1) // refresh.interval - refresh.postpone - len(at))
        pairs += len(at) + missing
        broken += len(late) + missing
        if len(slack):
            slacks.append(int(slack.min()))
        for k in late[:LISTED_PER_RULE].tolist():
            j = int(at[k])
            text = f"{findings.told(j)} is refresh {k + 1} of rank {rank}, due by cycle {due[k]}"
            told.append(findings.violation("refresh_deadline", j, -1, text))
        if missing:
            next_due = (len(at) + 1 + refresh.postpone) * refresh.interval
            text = (
                f"rank {rank} got {len(at)} {refresh.command} up to cycle {end_cycle}; the next was due by "
                f"cycle {next_due}, {missing} in all are missing"
            )
            told.append(Violation("refresh_deadline", end_cycle, refresh.command, -1, -1, text))
    meaning = f"k-th {refresh.command} of a rank by (k + {refresh.postpone}) · {refresh.interval}"
    least = min(slacks, default=None)
    findings.add(RuleCheck("refresh_deadline", meaning, pairs, broken, least), told[:LISTED_PER_RULE])
