"""Paced request streams: the interleaved order on any address map, rates, and kinds of requests."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import arch
from arch.device import Memory
from arch.errors import InputError
from tests.strategies import address_maps
from workloads.address_vectors import AddressVectors
from workloads.paced import interleaved_lines, paced
from workloads.public_traces import PUBLIC_TRACES

DEVICES = {"ddr4_2400": 7, "ddr4_3200": 7, "hbm2_2000": 5, "gddr6_14000": 6}
"""With the column bits that the public interleaved traces are made for."""


def memory_of(name: str, *overrides: str) -> Memory:
    resolved: Memory = arch.load(name, overrides).spec.resolve()
    return resolved


def decoded(memory: Memory, line: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.int64]]:
    fields = {name: np.zeros_like(line) for name in ("channel", "rank", "group", "bank", "row", "column")}
    for s in memory.address_map:
        fields[s.field] ^= ((line >> s.source) & ((1 << s.width) - 1)) << s.target
    return fields


@pytest.mark.parametrize("name", DEVICES)
def test_interleaved_is_the_public_trace_of_its_device(name: str) -> None:
    public = PUBLIC_TRACES[f"stream_ileave_c{DEVICES[name]}"].make("public")
    block = next(public.blocks(300_000))
    assert np.array_equal(interleaved_lines(AddressVectors(memory_of(name)), 0, 300_000), block.line)


@given(st.data())
def test_interleaved_counts_through_the_fields_on_any_map(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["ddr4_2400", "hbm2_2000", "ddr3_1600"]))
    ranks = data.draw(st.sampled_from([1, 2])) if name != "hbm2_2000" else 1
    memory = memory_of(
        name,
        f"address_map={data.draw(address_maps(name))}",
        f"channels={data.draw(st.sampled_from([1, 4]))}",
        f"organization.ranks={ranks}",
    )
    o = memory.organization
    first = data.draw(st.integers(0, memory.total_lines - 1))
    count = 200
    fields = decoded(memory, interleaved_lines(AddressVectors(memory), first, count))
    rest = np.arange(first, first + count) % memory.total_lines
    for field, size in (
        ("channel", memory.channels), ("group", o.groups), ("column", o.columns), ("bank", o.banks),
        ("rank", o.ranks), ("row", o.rows),
    ):  # fmt: skip
        assert np.array_equal(fields[field], rest % size), field
        rest = rest // size


def test_every_line_comes_once_a_round_also_with_an_odd_number_of_rows() -> None:
    memory = memory_of("ddr4_2400", "organization.rows=3", "channels=2")
    lines = interleaved_lines(AddressVectors(memory), 5, memory.total_lines)
    assert np.array_equal(np.sort(lines), np.arange(memory.total_lines))


def test_stream_and_random() -> None:
    memory = memory_of("ddr4_2400", "organization.rows=2")
    n = memory.total_lines
    stream = paced(memory, pattern="stream", requests=n + 3).to_arrays()
    assert np.array_equal(stream.line, np.arange(n + 3) % n)
    drawn = paced(memory, pattern="random", requests=20 * n, seed=3).to_arrays().line
    assert set(np.unique(drawn)) == set(range(n))


@given(st.fractions(Fraction(1, 5000), 8), st.integers(1, 400))
def test_constant_arrivals_are_exact(rate: Fraction, requests: int) -> None:
    rate = rate.limit_denominator(10**6)
    memory = memory_of("hbm2_2000")
    arrival = paced(memory, rate=rate, requests=requests, arrivals="constant").to_arrays().arrival
    assert arrival.tolist() == [i * rate.denominator // rate.numerator for i in range(requests)]


@pytest.mark.parametrize("rate", [0.003, 0.25, 0.9, 3.0])
def test_poisson_arrivals_keep_the_rate_and_its_spread(rate: float) -> None:
    n = 200_000
    arrival = paced(memory_of("ddr4_2400"), rate=rate, requests=n, seed=1).to_arrays().arrival
    assert (np.diff(arrival) >= 0).all()
    # The time of n arrivals has mean n / rate and standard deviation sqrt(n) / rate.
    assert abs(arrival[-1] * rate - n) < 4 * np.sqrt(n)
    # Arrivals in spans that see 100 on average: Poisson, so the variance is the mean.
    counts = np.bincount((arrival * rate / 100).astype(np.int64))[:-1]
    assert counts.var() == pytest.approx(100, rel=0.12)


def test_without_a_rate_all_are_there_at_once() -> None:
    block = paced(memory_of("ddr4_2400"), requests=100).to_arrays()
    assert (block.arrival == 0).all() and (block.op == 0).all() and block.stream is None


def test_read_share() -> None:
    memory = memory_of("ddr4_2400")
    op = paced(memory, requests=100_000, read_share=0.7).to_arrays().op
    assert abs((op == 0).mean() - 0.7) < 0.01 and set(op) == {0, 1}
    assert (paced(memory, requests=50, read_share=0.0).to_arrays().op == 1).all()


@pytest.mark.parametrize("pattern", ["interleaved", "stream", "random"])
def test_same_arguments_same_requests_whatever_the_blocks(pattern: str) -> None:
    memory = memory_of("hbm2_2000", "channels=4")
    arguments = {"pattern": pattern, "rate": 0.31, "requests": 150_001, "read_share": 0.5}
    a, b = (paced(memory, seed=7, **arguments) for _ in range(2))  # type: ignore[arg-type]
    whole = a.to_arrays()
    pieces = list(b.blocks(999))
    for column in ("line", "arrival", "op"):
        assert np.array_equal(getattr(whole, column), np.concatenate([getattr(p, column) for p in pieces]))
    assert a.digest() == b.digest()
    assert paced(memory, seed=8, **arguments).digest() != a.digest()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("pattern", "strem", 'did you mean "stream"'),
        ("arrivals", "regular", "poisson, constant"),
        ("rate", 0, "rate"),
        ("rate", float("nan"), "rate"),
        ("requests", 0, "requests"),
        ("read_share", 1.5, "0 to 1"),
        ("seed", -1, "seed"),
    ],
)
def test_what_is_wrong_is_named(field: str, value: object, told: str) -> None:
    with pytest.raises(InputError) as error:
        paced(memory_of("ddr4_2400"), **{field: value})  # type: ignore[arg-type]
    assert field in str(error.value) and told in str(error.value)


def test_the_name_says_what_it_is() -> None:
    trace = paced(memory_of("ddr4_2400"), rate=0.125, pattern="random", read_share=0.5, seed=4)
    assert trace.name == "random(0.5 reads, 0.125 a cycle, poisson, seed 4)"
    assert trace.requests == 200_000
