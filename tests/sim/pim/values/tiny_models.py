"""Models small enough to decode with numbers, machines for them, and commands without a simulator."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

import arch
from arch.pim import PimSpec
from arch.pim_device import Pim
from mapping.pim.options import PimMapping
from mapping.pim.plan import PimPlan, plan
from mapping.pim.program import Program
from sim.pim.engine import Commands
from tests.reference.pim_commands import expand
from workloads.transformer.model import Transformer
from workloads.transformer.requests import Decoding, Request

GPT = Transformer(
    name="tiny GPT",
    layers=2,
    hidden=48,
    heads=3,
    kv_heads=3,
    head_size=16,
    intermediate=192,
    gated=False,
    activation="gelu",
    norm="layer_norm",
    positions="learned",
    bias=True,
    vocabulary=101,
    context=64,
)
LLAMA = Transformer(
    name="tiny Llama",
    layers=2,
    hidden=64,
    heads=4,
    kv_heads=2,
    head_size=16,
    intermediate=96,
    gated=True,
    activation="silu",
    norm="rms_norm",
    positions="rotary",
    bias=False,
    vocabulary=101,
    context=64,
)
UNEVEN = replace(GPT, name="uneven OPT", hidden=40, heads=2, kv_heads=2, head_size=20, activation="relu")
"""Heads that fill no whole number of columns or banks."""


@lru_cache
def machine(*overrides: str) -> Pim:
    spec = arch.load("pim_gpt", overrides).spec
    assert isinstance(spec, PimSpec)
    return spec.resolve()


def decoding(model: Transformer, prompt: int = 4, tokens: int = 24) -> Decoding:
    return Decoding(model.name, model, (Request(Fraction(0), prompt, tokens),), lm_head=True)


def planned(model: Transformer, *overrides: str, mapping: PimMapping | None = None) -> PimPlan:
    return plan(machine(*overrides), decoding(model), mapping)


def without_times(pim: Pim, program: Program) -> Sequence[Commands]:
    """The program's commands as the reference expands them; all cycles are 0."""
    found = []
    for issued in expand(pim, program):
        rows = [(0, pim.memory.command(i.command).code, i.bank, i.arg) for i in issued]
        found.append(
            Commands(
                np.array(rows, np.int64).reshape(-1, 4),
                np.array([(i.slot, i.accumulator) for i in issued], np.int64).reshape(-1, 2),
                np.array([i.step for i in issued], np.int32),
            )
        )
    return found
