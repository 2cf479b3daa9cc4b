"""Are runs of other kinds than memories made up in the same way?"""

from types import SimpleNamespace
from typing import Any

from cyclewise.simulation import address_vectors, transaction_bytes, workload_named


def test_a_system_that_is_no_memory_takes_library_traces_of_64_bytes() -> None:
    toy: Any = SimpleNamespace(kind="toy")
    assert transaction_bytes(toy) == 64 and address_vectors(toy) is None
    assert workload_named("spmv", toy, {}).to_arrays().requests > 0
