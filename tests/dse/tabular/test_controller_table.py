"""What holds for every design of the DRAM controller, in the table that is shipped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dse.study import read_study
from dse.tabular.table import Table, load

Design = dict[str, Any]

STUDY = Path(__file__).parents[3] / "examples" / "dram_controller.yaml"
ACCEPTED = 0.005  # relative; what DRAMSys's own orderings leave open


@pytest.fixture(scope="module")
def table() -> Table:
    return load()


def halved(design: Design, name: str) -> list[Design]:
    return [{**design, name: design[name] // 2}] if design.get(name, 1) > 1 else []


def changed(design: Design, name: str, value: str, instead_of: str) -> list[Design]:
    return [{**design, name: value}] if design[name] == instead_of else []


def refreshed(design: Design) -> list[Design]:
    if design["refresh"] != "none":
        return []
    return [{**design, "refresh": "all_bank", "refresh_postponed": n} for n in (1, 2, 4, 8)]


SLOWER: dict[str, Callable[[Design], list[Design]]] = {
    "shared instead of bankwise": lambda d: changed(d, "buffer", "shared", "bankwise"),
    "reorder instead of fifo": lambda d: changed(d, "arbiter", "reorder", "fifo"),
    "half the buffer": lambda d: halved(d, "buffer_size"),
    "half as many active": lambda d: halved(d, "max_active"),
    "fifo instead of fr_fcfs": lambda d: changed(d, "scheduler", "fifo", "fr_fcfs"),
    "refresh": refreshed,
}


@pytest.mark.parametrize("change", SLOWER)
def test_no_design_gains(table: Table, change: str) -> None:
    """No design of all is faster after a change for the worse, beyond half a percent."""
    designs = [table.config(row) for row in range(len(table))]
    pairs = [
        (row, table.row(worse)) for row, design in enumerate(designs) for worse in SLOWER[change](design)
    ]
    before, after = np.array(pairs).T
    assert len(pairs) > 10_000
    for workload in table.workloads:
        seconds = table.column("time", workload)
        assert (seconds[before] <= seconds[after] * (1 + ACCEPTED)).all()


@pytest.mark.parametrize(
    ("workload", "strongest"),
    [("dramsys_stream", ["page_policy", "max_active"]), ("dramsys_random", ["max_active", "buffer_size"])],
)
def test_the_two_strongest_parameters(table: Table, workload: str, strongest: list[str]) -> None:
    """Shares of the variance of time over uniform designs of the whole product, main effects alone."""
    space = read_study(STUDY).space
    rng = np.random.default_rng(0)
    drawn = [
        {p.name: p.values[rng.integers(len(p.values))] for p in space.parameters if p.values}
        for _ in range(4000)
    ]
    rows = [table.row(space.canonical(design)) for design in drawn]
    seconds = table.column("time", workload)[rows]
    shares = {}
    for p in space.parameters:
        values = [design[p.name] for design in drawn]
        means = np.array([seconds[[v == value for v in values]].mean() for value in values])
        shares[p.name] = means.var() / seconds.var()
    assert sorted(shares, key=shares.__getitem__, reverse=True)[:2] == strongest, shares
