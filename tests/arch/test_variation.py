"""Is a design made quickly the same as one that is loaded with all its overrides?"""

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
from arch.errors import InputError
from arch.remembering import by_identity
from arch.variation import Variation
from arch.yaml_text import scalar_text

VALUES: dict[str, list[str | int | float | bool]] = {
    "controller.page_policy": ["open", "closed"],
    "controller.scheduler": ["fr_fcfs", "row_hit_first", "fifo"],
    "controller.read_queue": [1, 7, 128],
    "controller.write_high": [0.5, 0.9, 1],
    "controller.refresh": ["none", "all_bank"],
    "controller.skip_idle": [True, False],
    "timing.tRCD": ["10 nCK", "13.75 ns"],
    "organization.columns": [64, 128],
    "organization.rows": [8192, 16384],
    "energy.IDD0": ["70 mA", "75.5 mA"],
    "rounding": ["ceil"],
    "rounding.guard": [0.974],
    "clock_period": ["1.25 ns", "1.5 ns"],
}
DDR3 = Variation("ddr3_1600", ("controller.profile=ramulator21",))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(list(VALUES)), unique=True, max_size=6).flatmap(
        lambda keys: st.fixed_dictionaries({key: st.sampled_from(VALUES[key]) for key in keys})
    )
)
def test_a_design_is_what_a_load_gives(design: dict[str, Any]) -> None:
    try:
        loaded = DDR3.system(design)
    except InputError as refused:
        with pytest.raises(InputError) as found:
            DDR3.spec(design)
        assert (found.value.message, found.value.field) == (refused.message, refused.field)
        return
    spec = DDR3.spec(design)
    assert spec.resolve() == loaded.spec.resolve()
    assert spec.model_dump(exclude={"sources"}) == loaded.spec.model_dump(exclude={"sources"})


def test_the_base_stays_as_it_is() -> None:
    before = DDR3.base.spec.resolve()
    assert DDR3.spec({"timing.tRCD": "20 nCK"}).resolve().timing["tRCD"] == 20
    assert DDR3.base.spec.resolve() is before and before.timing["tRCD"] != 20


def test_other_kinds_and_whole_components() -> None:
    pim = Variation("pim_gpt")
    design: dict[str, Any] = {"dram.channels": 4, "units.lanes": 8, "pin_rate": "8 Gbit/s"}
    assert pim.spec(design).resolve() == pim.system(design).spec.resolve()
    again = pickle.loads(pickle.dumps(pim))
    assert again.spec(design).resolve() == pim.spec(design).resolve()


@pytest.mark.parametrize(
    "path, value, told",
    [
        ("controller.page_polcy", "open", 'did you mean "page_policy"'),
        ("controller.page_policy", "opn", 'did you mean "open"'),
        ("controller.read_queue", True, "a whole number"),
        ("controller.read_queue", 0, "from 1 to 1024"),
        ("timing.tRDC", "3 nCK", 'did you mean "tRCD"'),
        ("timing.tRCD", 3, "13.32 ns"),
        ("timing.tRCD.x", 3, "is not a map"),
        ("organization.banks", 3, None),  # impossible only together with the address map: found on use
    ],
)
def test_what_a_key_does_not_take(path: str, value: Any, told: str | None) -> None:
    if told is None:
        DDR3.check(path, value)
        with pytest.raises(InputError):
            DDR3.spec({path: value})
        return
    with pytest.raises(InputError) as found:
        DDR3.check(path, value)
    assert told in str(found.value) and found.value.file is None


def test_paths_are_found() -> None:
    for path in ("controller.page_policy", "timing.tRCD", "clock_period", "requests.READ.command"):
        DDR3.find(path)
    with pytest.raises(InputError, match='did you mean "controller"'):
        DDR3.find("controler.page_policy")
    with pytest.raises(InputError, match="is no map"):
        DDR3.find("controller.page_policy.x")
    Variation("pim_gpt").find("dram.use")


@given(
    st.one_of(
        st.text(max_size=20),
        st.integers(),
        st.booleans(),
        st.floats(-1e9, 1e9).filter(lambda x: not 0 < abs(x) < 1e-20),
    )
)
def test_scalars_survive_as_text(value: Any) -> None:
    from arch.yaml_source import parse

    try:
        read = parse(scalar_text(value), "", lines=False).data
    except InputError:  # characters that YAML does not have
        assert isinstance(value, str)
        return
    assert read == value or float(read) == value
    assert isinstance(read, bool) == isinstance(value, bool)


def test_remembering_tells_objects_apart() -> None:
    calls = []

    @by_identity(lambda one: (one,), size=2)
    def length(one: list[int]) -> int:
        calls.append(1)
        return len(one)

    a, b = [1], [1]
    assert [length(a), length(a), length(b), length(a)] == [1] * 4 and len(calls) == 2
    assert length([1, 2]) == 2 and length(a) == 1 and len(calls) == 4  # the first was the oldest
    assert arch.load("ddr3_1600").spec.resolve() == arch.load("ddr3_1600").spec.resolve()
