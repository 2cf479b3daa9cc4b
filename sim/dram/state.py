"""The state of a channel at cycle 0."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim.dram.layout import (
    BANK_STRIDE,
    COMMAND_STRIDE,
    COMMANDS,
    FREE,
    HEAD,
    HIT_ENTRY,
    HIT_KEY,
    MAGIC,
    NEVER,
    OPEN_ROW,
    OTHER_ENTRY,
    OTHER_KEY,
    PAST,
    PICK,
    RANK_STRIDE,
    RANKS,
    STREAM_STRIDE,
    STREAMS,
    TAIL,
    WINDOW_STRIDE,
    C,
    P,
    R,
    S,
    T,
)

Ints = NDArray[np.int64]


def new_state(params: Ints, windows: Sequence[int], *, log: bool, completions: bool) -> Ints:
    """A channel at cycle 0, closed and empty; ``windows[s]`` limits stream s's outstanding reads (0: no)."""
    state = np.zeros(params[P.state_size], dtype=np.int64)
    banks, pool = int(params[P.banks]), int(params[P.pool])
    classes = int(params[P.read_classes] + params[P.write_classes])
    state[OPEN_ROW : OPEN_ROW + banks] = -1
    bank_machines = bool(params[P.machines])
    if bank_machines:
        state[PICK : PICK + banks] = NEVER
        ranks = state[RANKS : RANKS + RANK_STRIDE * params[P.ranks]].reshape(-1, RANK_STRIDE)
        ranks[:, R.due] = params[P.refresh_interval]
    for section, rows, empty in (
        ()
        if bank_machines
        else (
            (HEAD, 2, -1),
            (TAIL, 2, -1),
            (OTHER_ENTRY, 2, -1),
            (HIT_ENTRY, classes, -1),
            (OTHER_KEY, 2, NEVER),
            (HIT_KEY, classes, NEVER),
        )
    ):
        state[section : section + rows * BANK_STRIDE].reshape(rows, -1)[:, :banks] = empty
    state[FREE : FREE + pool] = np.arange(pool)
    for c in range(int(params[P.commands])):
        row = params[COMMANDS + COMMAND_STRIDE * c :]
        for window in params[row[C.window] :][: WINDOW_STRIDE * row[C.window_n]].reshape(-1, WINDOW_STRIDE):
            instances = ((banks - 1) >> window[1]) + 1
            rings = state[window[4] : window[4] + instances * (window[5] + 1)].reshape(instances, -1)
            rings[:, 1:] = PAST  # column 0 is the position of the oldest
    n = int(params[P.streams])
    streams = state[STREAMS : STREAMS + STREAM_STRIDE * n].reshape(n, STREAM_STRIDE)
    streams[:, T.open] = 1
    streams[:, T.window] = windows
    streams[:, T.ring] = params[P.state_size] - params[P.returns] * np.arange(n, 0, -1)
    state[S.magic] = MAGIC
    state[S.free] = pool
    first = params[P.refresh_interval]
    if bank_machines and params[P.postponed] == 0:
        first -= params[P.refresh_lead]
    state[S.refresh_next] = first if params[P.refresh_interval] else NEVER
    state[S.last_response] = -1
    state[S.end] = NEVER
    state[S.last_command] = -1
    state[S.log_on] = int(log)
    state[S.done_on] = int(completions)
    state[S.last_stream] = -1
    return state
