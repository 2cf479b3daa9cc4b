"""Weights of a transformer: random ones, and their way into the banks.

Names: ``embedding`` (vocabulary, hidden), ``position`` (context, hidden), ``lm_head`` (vocabulary, hidden);
for layer k the matrices ``k.q``, ``k.k``, ``k.v``, ``k.projection``, ``k.ffn_up``, ``k.ffn_gate``,
``k.ffn_down``, each (outputs, inputs), their ``….bias``, and ``k.norm1``, ``k.norm2``, ``final_norm``
followed by ``.gamma`` and ``.beta``.  All are float32 arrays of bf16 numbers.

Matrices lie in the banks.  Norms and biases are the ASIC's: it is taken to have them at hand, beside the
vectors that its capacity check counts.  Embeddings are looked up on the host, which sends the sum of a
token's two vectors, and the cosines and sines of its position.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mapping.pim.places import place
from mapping.pim.plan import PimPlan
from sim.pim.arithmetic import bf16
from sim.pim.values.channel import Channel
from workloads.transformer.model import Transformer

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]

FUSED: Mapping[str, tuple[str, ...]] = {
    "qkv": ("q", "k", "v"),
    "projection": ("projection",),
    "ffn_up": ("ffn_up", "ffn_gate"),
    "ffn_down": ("ffn_down",),
    "lm_head": ("lm_head",),
}
"""Matrices whose outputs lie one behind the other in an operator's output vector."""


def random_weights(model: Transformer, seed: int) -> dict[str, Floats]:
    """Weights that keep vectors of size about 1, from ``seed`` alone."""
    rng = np.random.default_rng(seed)
    found: dict[str, Floats] = {}
    for name, (outputs, inputs) in _shapes(model):
        spread = 1.0 if name in ("embedding", "position") else inputs**-0.5
        found[name] = bf16(rng.normal(0, spread, (outputs, inputs)))
        if model.bias and name not in ("embedding", "position", "lm_head"):
            found[f"{name}.bias"] = bf16(rng.normal(0, 0.2, outputs))
    norms = [f"{k}.{name}" for k in range(model.layers) for name in ("norm1", "norm2")]
    for name in [*norms, "final_norm"]:
        found[f"{name}.gamma"] = bf16(rng.normal(1, 0.2, model.hidden))
        if model.norm == "layer_norm":
            found[f"{name}.beta"] = bf16(rng.normal(0, 0.2, model.hidden))
    return found


def fused(weights: Weights, operator: str, layer: int) -> Floats:
    """The whole matrix (outputs, inputs) of an operator."""
    return np.concatenate([weights[name] for name in _names(weights, operator, layer)])


def fused_bias(weights: Weights, operator: str, layer: int) -> Floats:
    """The bias (outputs,) of an operator."""
    return np.concatenate([weights[f"{name}.bias"] for name in _names(weights, operator, layer)])


def filled_channels(plan: PimPlan, weights: Weights) -> list[Channel]:
    """The channels of the plan's machine with all matrices in their places, caches empty."""
    channels = [Channel(plan.pim) for _ in range(plan.pim.memory.channels)]
    for number, region in enumerate(plan.regions):
        if region.holds != "matrix":
            continue
        operator = "qkv" if " weights " in region.name else region.name
        for layer in range(1 if region.part == "lm_head" else plan.layout.layers):
            matrix = fused(weights, operator, layer)[region.offset : region.offset + region.outputs]
            outputs, inputs = np.indices(matrix.shape)
            where = place(plan, number, outputs, inputs, layer)
            for index, channel in enumerate(channels):
                here = where.channel == index
                channel.fill(where.bank[here], where.address[here], where.lane[here], matrix[here])
    return channels


def _names(weights: Weights, operator: str, layer: int) -> list[str]:
    prefix = "" if operator == "lm_head" else f"{layer}."
    return [prefix + name for name in FUSED[operator] if prefix + name in weights]


def _shapes(model: Transformer) -> Iterator[tuple[str, tuple[int, int]]]:
    queries, keys = model.heads * model.head_size, model.kv_heads * model.head_size
    yield "embedding", (model.vocabulary, model.hidden)
    if model.positions == "learned":
        yield "position", (model.context, model.hidden)
    for k in range(model.layers):
        yield f"{k}.q", (queries, model.hidden)
        yield f"{k}.k", (keys, model.hidden)
        yield f"{k}.v", (keys, model.hidden)
        yield f"{k}.projection", (model.hidden, queries)
        yield f"{k}.ffn_up", (model.intermediate, model.hidden)
        if model.gated:
            yield f"{k}.ffn_gate", (model.intermediate, model.hidden)
        yield f"{k}.ffn_down", (model.hidden, model.intermediate)
    yield "lm_head", (model.vocabulary, model.hidden)
