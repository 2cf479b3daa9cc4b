"""Choices of the mapping: what is accepted, and that each of them matters."""

from typing import Any

import numpy as np
import pytest

from arch.errors import InputError
from mapping.pim.options import PimMapping, read_mapping
from tests.mapping.pim.plans import gpt, planned


def test_defaults_are_those_of_pim_gpt() -> None:
    assert read_mapping({}) == PimMapping(True, "column_major", "chunk_outer", "packed", None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"contxt": 3}, ["mapping.contxt", "unknown key", 'did you mean "context"', "concat_heads"]),
        ({"packing": "tight"}, ["mapping.packing", '"tight"', "packed, row_aligned"]),
        ({"concat_heads": "yes"}, ["mapping.concat_heads", "true, false"]),
        ({"concat_heads": 1}, ["mapping.concat_heads"]),
        ({"context": True}, ["mapping.context", "whole tokens"]),
        ({"context": 0}, ["mapping.context", "given 0"]),
        ({"context": 1.5}, ["mapping.context", "1.5"]),
        ({"value_layout": None}, ["mapping.value_layout", "null"]),
        ({"chunk_order": ["chunk_outer"]}, ["mapping.chunk_order"]),
    ],
)
def test_refusals_name_the_key_and_what_it_takes(settings: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read_mapping(settings)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"concat_heads": False},
        {"value_layout": "row_major"},
        {"chunk_order": "neuron_outer"},
        {"packing": "row_aligned"},
        {"context": 500},
    ],
)
def test_each_choice_changes_the_program(settings: dict[str, Any]) -> None:
    model = gpt(2, 320, 5)
    usual, other = (planned(model, s).program(300) for s in ({}, settings))
    assert usual.layer_stride != other.layer_stride or not (
        np.array_equal(usual.layer.steps, other.layer.steps)
        and np.array_equal(usual.layer.instructions, other.layer.instructions)
    )
