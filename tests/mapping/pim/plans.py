"""Machines, models and plans for tests."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import arch
from arch.pim_device import Pim
from mapping.pim.options import read_mapping
from mapping.pim.plan import PimPlan, plan
from workloads.transformer.model import Transformer
from workloads.transformer.requests import Decoding, Request

ALTERNATIVES: list[dict[str, Any]] = [
    {},
    {"concat_heads": False},
    {"value_layout": "row_major"},
    {"chunk_order": "neuron_outer"},
    {"packing": "row_aligned"},
    {"concat_heads": False, "value_layout": "row_major", "packing": "row_aligned"},
    {"concat_heads": False, "chunk_order": "neuron_outer"},
]


@cache
def machine(*overrides: str) -> Pim:
    found = arch.load("pim_gpt", overrides).spec.resolve()
    assert isinstance(found, Pim)
    return found


def gpt(layers: int, hidden: int, heads: int, context: int = 1024, **others: Any) -> Transformer:
    shape: dict[str, Any] = {
        "name": f"gpt {hidden}",
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": heads,
        "head_size": hidden // heads,
        "intermediate": 4 * hidden,
        "gated": False,
        "activation": "gelu",
        "norm": "layer_norm",
        "positions": "learned",
        "bias": True,
        "vocabulary": 1000,
        "context": context,
    }
    return Transformer(**(shape | others))


SMALL = gpt(12, 768, 12, vocabulary=50257)
MEDIUM = gpt(24, 1024, 16, vocabulary=50257)
LLAMA = gpt(
    2, 96, 6, 300, kv_heads=2, head_size=24, intermediate=200, gated=True, activation="silu",
    norm="rms_norm", positions="rotary", bias=False,
)  # fmt: skip


def planned(
    model: Transformer,
    settings: dict[str, Any] | None = None,
    overrides: Sequence[str] = (),
    *,
    steps: int = 1,
    lm_head: bool = False,
) -> PimPlan:
    requests = (Request(Fraction(0), 1, steps),)
    decoding = Decoding(model.name, model, requests, lm_head)
    return plan(machine(*overrides), decoding, read_mapping(settings or {}))
