"""Where things lie: rows of the reference, places found by hand, and what does not fit."""

import itertools
from typing import Any

import pytest

from arch.errors import InputError
from mapping.pim.places import place
from tests.mapping.pim.plans import LLAMA, MEDIUM, SMALL, gpt, planned
from workloads.transformer.catalogue import load_model


@pytest.mark.parametrize(
    ("model", "weights"),
    [("gpt2_small", 660), ("gpt2_medium", 2304), ("gpt3_large", 5184), ("gpt3_xl", 9216)],
)
def test_rows_of_weights_are_those_of_the_reference(model: str, weights: int) -> None:
    # PIM-GPT reference, section 2: rows per bank; regions begin rows, which is in its 660 (654 without).
    assert planned(load_model(model), {"context": 1024}).layout.rows_of("weights") == weights


def test_regions_of_a_layer_are_as_long_as_counted_by_hand() -> None:
    # 18, 6, 24 neurons a bank of 48 columns each; 6 neurons of 3 x 64; 8 tokens, 6 value columns a bank.
    found = {r.name: (r.row, r.rows) for r in planned(SMALL).regions}
    assert found == {
        "qkv": (0, 14),
        "projection": (14, 5),
        "ffn_up": (19, 18),
        "ffn_down": (37, 18),
        "key": (55, 6),
        "value": (61, 6),
    }


@pytest.mark.parametrize(
    ("region", "outer", "inner", "layer", "where"),
    [
        ("qkv", 0, 0, 0, (0, 0, 0, 0)),
        ("qkv", 17, 16 * 5 + 3, 0, (1, 1, 5, 3)),
        ("qkv", 128 * 3 + 127, 767, 0, (7, 15, 3 * 48 + 47, 15)),
        ("qkv", 0, 0, 2, (0, 0, 2 * 67 * 64, 0)),
        # inputs 1024 on are the second chunk, behind the six slots of the first
        ("ffn_down", 128 + 16, 1024, 0, (1, 0, 37 * 64 + 6 * 64 + 64, 0)),
        # tokens go to channels first, then to banks
        ("key", 0, 64, 0, (0, 0, 55 * 64 + 4, 0)),
        ("key", 9, 64, 0, (1, 1, 55 * 64 + 4, 0)),
        ("key", 128 * 2 + 8, 767, 0, (0, 1, 55 * 64 + 2 * 48 + 47, 15)),
        # six groups of 16 value columns a channel; a column is a row at 1024 tokens
        ("value", 0, 17, 0, (0, 1, 61 * 64 + 64, 0)),
        ("value", 1023, 6 * 16, 0, (1, 0, 61 * 64 + 63, 15)),
    ],
)
def test_places_by_hand(
    region: str, outer: int, inner: int, layer: int, where: tuple[int, int, int, int]
) -> None:
    plan = planned(SMALL)
    assert tuple(map(int, place(plan, plan.layout.index(region), outer, inner, layer))) == where


def test_the_lm_head_lies_below_the_last_layer() -> None:
    plan = planned(SMALL, lm_head=True)
    region = plan.regions[-1]
    assert (region.name, region.row, region.rows) == ("lm_head", 12 * 67, -(-393 * 48 // 64))
    assert plan.rows == 12 * 67 + 295


def test_value_groups_are_dealt_evenly_in_runs() -> None:
    first = planned(gpt(1, 1600, 25)).layout.group_first  # 100 groups on 8 channels
    sizes = [b - a for a, b in itertools.pairwise(first)]
    assert sum(sizes) == 100 and set(sizes) == {12, 13}


def test_row_aligned_regions_waste_the_ends_of_rows() -> None:
    aligned = planned(SMALL, {"packing": "row_aligned"})
    assert {r.name: r.rows for r in aligned.regions} == {
        "qkv": 18,
        "projection": 6,
        "ffn_up": 24,
        "ffn_down": 18,
        "key": 8,
        "value": 6,
    }


def test_heads_apart_have_matrices_and_key_rows_of_their_own() -> None:
    plan = planned(SMALL, {"concat_heads": False})
    names = [r.name for r in plan.regions]
    assert names[:2] == ["query weights 0", "query weights 1"] and "key 11" in names
    assert [r.rows for r in plan.regions if r.name.startswith("key ") and r.holds == "tokens"] == [1] * 12


@pytest.mark.parametrize(
    ("model", "settings", "overrides", "words"),
    [
        (
            MEDIUM,
            {},
            ["dram.organization.rows=2048"],
            [
                "dram.organization.rows", "needs 2688 rows", "weights 2304", "keys 192", "values 192",
                "has 2048", "given 2048", "at least 2688 rows, or more channels", "704643072 bytes",
            ],
        ),
        (SMALL, {"context": 200_000}, [], ["mapping.context", "given 200000", "rows for at most "]),
        (
            gpt(16, 640, 10),
            {"packing": "row_aligned"},
            ["dram.organization.rows=1024"],
            ["mapping.packing=packed"],
        ),
        (SMALL, {}, ["units.global_buffer=64 B"], ["units.global_buffer", "32 elements", "at least 128 B"]),
        (
            SMALL,
            {},
            ["asic.sram=8 KiB"],
            ["asic.sram", "8192 B", "ffn_up", "residual stream 768", "output 3072", "9216 bytes"],
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_the_numbers(
    model: Any, settings: dict[str, Any], overrides: list[str], words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        planned(model, settings, overrides)
    for word in words:
        assert word in str(caught.value)


def test_the_advised_context_is_the_longest_that_fits() -> None:
    with pytest.raises(InputError) as caught:
        planned(SMALL, {"context": 200_000})
    most = int(str(caught.value).split("at most ")[1].split()[0])
    planned(SMALL, {"context": most})
    with pytest.raises(InputError):
        planned(SMALL, {"context": most + 128})


def test_scores_of_all_heads_must_fit_the_asic() -> None:
    with pytest.raises(InputError) as caught:
        planned(SMALL, {}, ["asic.sram=24 KiB"], steps=1024)
    assert "scores 12288" in str(caught.value) and "shorter requests" in str(caught.value)
    planned(SMALL, {}, ["asic.sram=24 KiB"], steps=128)


def test_a_request_longer_than_the_rows_is_refused() -> None:
    with pytest.raises(InputError, match=r"a request reaches a context of 301 tokens.*given 300"):
        planned(SMALL, {"context": 300}, steps=301)
    assert planned(SMALL, {"context": 300}, steps=300).context == 300


def test_a_context_beyond_the_rows_is_refused() -> None:
    plan = planned(LLAMA)
    plan.program(300)
    with pytest.raises(InputError, match="rows are reserved for 300 tokens"):
        plan.program(301)
    with pytest.raises(ValueError):
        plan.program(0)
    with pytest.raises(ValueError, match="no LM head"):
        plan.program(1, head=True)
