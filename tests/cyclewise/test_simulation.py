"""Are runs of other kinds than memories made up in the same way?"""

from types import SimpleNamespace
from typing import Any

import pytest

from sim import machine
from sim.machine import Machine
from sim.workload_names import address_vectors, transaction_bytes, workload_named
from workloads import Trace


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Any:
    known = Machine("toy", lambda *given: None, lambda *given: None, ())  # type: ignore[arg-type]
    monkeypatch.setitem(machine._registered, "toy", known)
    return SimpleNamespace(kind="toy")


def test_a_system_that_is_no_memory_takes_library_traces_of_64_bytes(toy: Any) -> None:
    assert transaction_bytes(toy) == 64 and address_vectors(toy) is None
    trace = workload_named("spmv", toy, {})
    assert isinstance(trace, Trace) and trace.to_arrays().requests > 0
