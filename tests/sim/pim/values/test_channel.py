"""A channel's arithmetic, bit for bit, and what it refuses."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from arch.pim_device import Pim
from sim.pim.arithmetic import bf16
from sim.pim.values.channel import Channel, LayoutError, Replayed, Write
from tests.sim.pim.values.tiny_models import machine

Floats = NDArray[np.float32]


def no_load(slot: int) -> Floats:
    raise AssertionError(slot)


def no_write(bank: int, address: int) -> Write:
    raise AssertionError(bank)


def replay(channel: Channel, rows: list[tuple[str, int, int, int, int]], x: Floats | None = None) -> Replayed:
    """Rows (command, bank, arg, slot, accumulator)."""
    code = {c.name: c.code for c in channel.pim.memory.commands}
    commands = np.array([(0, code[name], bank, arg) for name, bank, arg, _, _ in rows], np.int64)
    operands = np.array([row[3:] for row in rows], np.int64)
    return channel.replay(commands, operands, no_load if x is None else lambda slot: x[slot], no_write)


def product(pim: Pim, weights: Floats, x: Floats, start: int) -> Replayed:
    """weights (banks, columns, elements) from column ``start`` of row 3 on, times x (columns, elements)."""
    channel = Channel(pim)
    bank, column, lane = np.indices(weights.shape)
    address = 3 * pim.memory.organization.columns + start + column
    channel.fill(bank.ravel(), address.ravel(), lane.ravel(), weights.ravel())
    n = len(x)
    rows = [
        *(("WR_GB", -1, -1, k, -1) for k in range(n)),
        ("ACT16", -1, 3, -1, -1),
        *(("MAC16", -1, start + k, k, 0) for k in range(n)),
        ("PREA", -1, -1, -1, -1),
        *[("RD_MAC", -1, -1, -1, 0)] * pim.result_bursts,
    ]
    return replay(channel, rows, x)


def by_hand(weights: Floats, x: Floats, lanes: int, width: type) -> np.floating:
    """One output, number by number, in the order that the module declares."""
    total = width(0)
    for w_column, x_column in zip(weights, x, strict=True):
        for begin in range(0, len(x_column), lanes):
            level = [width(np.float32(a) * np.float32(b)) for a, b in zip(w_column, x_column, strict=True)]
            level = level[begin : begin + lanes]
            while len(level) > 1:
                pairs = [
                    width(np.float32(a) + np.float32(b))
                    for a, b in zip(level[::2], level[1::2], strict=False)
                ]
                level = pairs + level[2 * len(pairs) :]
            total = width(np.float32(total) + np.float32(level[0]))
    return np.float32(total)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(0, 50),
    st.sampled_from([16, 8, 2]),
    st.sampled_from(["fp32", "bf16"]),
    st.sampled_from(["fp32", "bf16"]),
    st.integers(0, 2**31),
)
def test_gemv_is_bit_for_bit_the_declared_order(
    columns: int, start: int, lanes: int, accumulator: str, readout: str, seed: int
) -> None:
    pim = machine(f"units.lanes={lanes}", f"units.accumulator={accumulator}", f"units.readout={readout}")
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-3, 4, (pim.banks, columns, pim.elements))
    weights, x = bf16(rng.normal(0, scale)), bf16(rng.normal(0, 1, (columns, pim.elements)))
    (result,) = product(pim, weights, x, start).results
    width = np.float32 if accumulator == "fp32" else ml_dtypes.bfloat16
    exact = np.array([by_hand(weights[b], x, lanes, width) for b in range(pim.banks)])
    wanted = exact if readout == "fp32" else bf16(exact)
    assert result.values.tobytes() == wanted.tobytes()
    assert np.all(result.start == 3 * 64 + start) and result.slot == 0


def test_order_of_additions_is_not_that_of_a_dot_product() -> None:
    """Guards the property above against an expectation that any order would meet."""
    pim = machine("units.readout=fp32")
    rng = np.random.default_rng(0)
    weights, x = bf16(rng.normal(0, 1, (16, 4, 16))), bf16(rng.normal(0, 1, (4, 16)))
    (result,) = product(pim, weights, x, 0).results
    naive = np.array([np.float32(0)] * 16)
    for column in range(4):
        for e in range(16):
            naive = naive + weights[:, column, e] * x[column, e]
    np.testing.assert_allclose(result.values, naive, rtol=1e-4, atol=1e-5)
    assert result.values.tobytes() != naive.tobytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("MAC16", -1, 0, 0, 0)], "bank 0 is accessed while its row is closed"),
        ([("RD_MAC", -1, -1, -1, 0)], "accumulator 0 is read, but nothing was added"),
        ([("ACT16", -1, 3, -1, -1), ("ACT", 2, 4, -1, -1)], "row 4 is opened while another one is open"),
        ([("ACT", 2, 3, -1, -1), ("MAC16", -1, 0, 0, 0)], "bank 0 is accessed"),
        ([("ACT4", 4, 3, -1, -1), ("REFA", -1, -1, -1, -1)], "refresh while rows are open"),
    ],
)
def test_senseless_commands_are_noticed(rows: list[tuple[str, int, int, int, int]], message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        replay(Channel(machine()), rows)


def test_numbers_never_stored_spoil_the_sum() -> None:
    pim = machine()
    channel = Channel(pim)
    channel.buffer[:] = 1
    rows = [("ACT16", -1, 0, -1, -1), ("MAC16", -1, 0, 0, 0), ("RD_MAC", -1, -1, -1, 0)]
    assert np.isnan(replay(channel, rows).results[0].values).all()
