"""One front end for several channels: one request per cycle in program order, the head of line blocks.

Channels depend on each other only through this front end, so each is run just as far as the next
acceptance needs it, by the resumable kernel.
"""

import numpy as np

from sim.dram.kernel import next_event, push, run
from sim.dram.layout import NEVER, OP_STRIDE, OPS, S, Stop
from sim.jit import njit

# Positions in the front end's own state.
POSITION, IN_FLIGHT, LAST_ACCEPT, EARLIEST, PENDING = range(5)
CONTROL_SIZE = 5

_ACCEPT = int(Stop.ACCEPT)
_UNTIL = int(Stop.UNTIL)


@njit
def run_shared(
    states: np.ndarray,
    params: np.ndarray,
    inputs: np.ndarray,
    dones: np.ndarray,
    logs: np.ndarray,
    control: np.ndarray,
    returns: np.ndarray,
    seen: np.ndarray,
    arrival: np.ndarray,
    channel: np.ndarray,
    line: np.ndarray,
    op: np.ndarray,
    tag: int,
    window: int,
) -> int:
    """Have the requests from ``control[POSITION]`` on accepted; returns ACCEPT once all are.

    Shapes: ``states`` (channels, state), ``inputs`` (channels, 1, capacity, 3), ``dones`` (channels, n, 7),
    ``logs`` (channels, m, 4), ``returns`` (room for every outstanding read,), ``seen`` (channels,), the
    requests' columns (k,).  Comes back early with DONE_FULL or LOG_FULL when records have to be taken out
    of a channel; the caller then sets that channel's ``seen`` to 0 and calls again.
    """
    while control[POSITION] < arrival.size:
        i = control[POSITION]
        c = channel[i]
        if not control[IN_FLIGHT]:
            control[EARLIEST] = max(control[EARLIEST], arrival[i], control[LAST_ACCEPT] + 1)
            if window > 0:
                reason = _await_window(states, params, inputs, dones, logs, control, returns, seen, window)
                if reason != _ACCEPT:
                    return reason
            if states[c, S.now] < control[EARLIEST]:
                reason = run(states[c], params, inputs[c], dones[c], logs[c], control[EARLIEST], 0)
                if reason != _UNTIL:
                    return reason
            push(states[c], params, inputs[c], 0, arrival[i], line[i], op[i], tag + i)
            control[IN_FLIGHT] = 1
        reason = run(states[c], params, inputs[c], dones[c], logs[c], NEVER - 1, _ACCEPT)
        if reason != _ACCEPT:
            return reason
        control[IN_FLIGHT] = 0
        control[LAST_ACCEPT] = states[c, S.last_accept]
        control[EARLIEST] = 0
        control[POSITION] += 1
    return _ACCEPT


@njit
def _await_window(
    states: np.ndarray,
    params: np.ndarray,
    inputs: np.ndarray,
    dones: np.ndarray,
    logs: np.ndarray,
    control: np.ndarray,
    returns: np.ndarray,
    seen: np.ndarray,
    window: int,
) -> int:
    """Move ``control[EARLIEST]`` to the first cycle with fewer than ``window`` reads outstanding."""
    while True:
        when = control[EARLIEST]
        unissued = 0
        following = NEVER
        for c in range(states.shape[0]):
            if states[c, S.now] < when:
                reason = run(states[c], params, inputs[c], dones[c], logs[c], when, 0)
                if reason != _UNTIL:
                    return reason
            for j in range(seen[c], states[c, S.done]):
                if params[OPS + dones[c, j, 2] * OP_STRIDE] == 0:
                    returns[control[PENDING]] = dones[c, j, 6]
                    control[PENDING] += 1
            seen[c] = states[c, S.done]
            unissued += states[c, S.reads_unissued]
            following = min(following, next_event(states[c], params))
        kept = 0
        soonest = NEVER
        for j in range(control[PENDING]):
            if returns[j] > when:
                returns[kept] = returns[j]
                soonest = min(soonest, returns[j])
                kept += 1
        control[PENDING] = kept
        if unissued + kept < window:
            return _ACCEPT
        # A read not issued yet returns later than any that has issued.
        control[EARLIEST] = soonest if kept else max(when, following) + 1
