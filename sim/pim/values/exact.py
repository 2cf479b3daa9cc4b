"""The operators of a transformer in float64, which the machine's are measured against, and a decoder."""

import math

import numpy as np
from numpy.typing import NDArray

from sim.pim.asic import EPSILON
from sim.pim.values.weights import Weights, fused, fused_bias
from workloads.transformer.model import Transformer

Array = NDArray[np.float64]
Numbers = NDArray[np.float32] | Array

ROTARY_BASE = 10000.0


def product(model: Transformer, weights: Weights, operator: str, layer: int, x: Numbers) -> Array:
    """A matrix operator with its bias."""
    y: Array = fused(weights, operator, layer).astype(np.float64) @ x
    return y + fused_bias(weights, operator, layer) if model.bias and operator != "lm_head" else y


def norm(model: Transformer, weights: Weights, name: str, x: Numbers) -> Array:
    d = x.astype(np.float64)
    if model.norm == "layer_norm":
        d = d - d.mean()
    y: Array = d / np.sqrt((d * d).mean() + EPSILON) * weights[f"{name}.gamma"]
    return y + weights[f"{name}.beta"] if model.norm == "layer_norm" else y


def angles(model: Transformer, position: int) -> Array:
    """Rotary angles (head size / 2,) of a position."""
    half = model.head_size // 2
    turns: Array = position / ROTARY_BASE ** (np.arange(half) / half)
    return turns


def rotated(model: Transformer, x: Numbers, position: int) -> Array:
    """``x`` (heads * head size,) turned: element i with element i + half of its head."""
    a, b = np.split(x.astype(np.float64).reshape(-1, model.head_size), 2, axis=1)
    turn = angles(model, position)
    c, s = np.cos(turn), np.sin(turn)
    return np.concatenate([a * c - b * s, b * c + a * s], axis=1).ravel()


def scores(model: Transformer, queries: Numbers, keys: Numbers) -> Array:
    """Of all heads (heads * context,), from ``keys`` (context, kv heads * head size)."""
    q = queries.astype(np.float64).reshape(model.kv_heads, -1, model.head_size)
    k = keys.astype(np.float64).reshape(-1, model.kv_heads, model.head_size)
    found: Array = np.einsum("gqe,tge->gqt", q, k).ravel()
    return found


def softmax(model: Transformer, head_scores: Numbers) -> Array:
    """Of one head's scores, scaled."""
    d = head_scores.astype(np.float64) / math.sqrt(model.head_size)
    e: Array = np.exp(d - d.max())
    e /= e.sum()
    return e


def weighted(model: Transformer, probabilities: Numbers, values: Numbers) -> Array:
    """(heads * head size,) from probabilities (heads * context,) and ``values`` as ``keys`` in scores."""
    v = values.astype(np.float64).reshape(-1, model.kv_heads, model.head_size)
    p = probabilities.astype(np.float64).reshape(model.kv_heads, -1, len(v))
    found: Array = np.einsum("gqt,tge->gqe", p, v).ravel()
    return found


def activation(model: Transformer, x: Numbers) -> Array:
    d = x.astype(np.float64)
    y: Array
    match model.activation:
        case "gelu":
            y = 0.5 * d * (1 + np.tanh(math.sqrt(2 / math.pi) * (d + 0.044715 * d**3)))
        case "silu":
            y = d / (1 + np.exp(-d))
        case "relu":
            y = np.maximum(d, 0)
    return y


class ExactDecoder:
    """Takes in tokens one after the other in float64."""

    def __init__(self, model: Transformer, weights: Weights) -> None:
        self.model, self.weights = model, weights
        self._keys: list[list[Array]] = [[] for _ in range(model.layers)]
        self._values: list[list[Array]] = [[] for _ in range(model.layers)]
        self._position = 0

    def step(self, token: int) -> Array:
        """Logits (vocabulary,) after one more token."""
        m, w = self.model, self.weights
        x = w["embedding"][token].astype(np.float64)
        if m.positions == "learned":
            x = x + w["position"][self._position]
        for layer in range(m.layers):
            x = x + product(m, w, "projection", layer, self._attention(layer, x))
            up = product(m, w, "ffn_up", layer, norm(m, w, f"{layer}.norm2", x))
            if m.gated:
                up, gate = np.split(up, 2)
                x = x + product(m, w, "ffn_down", layer, activation(m, gate) * up)
            else:
                x = x + product(m, w, "ffn_down", layer, activation(m, up))
        self._position += 1
        return product(m, w, "lm_head", 0, norm(m, w, "final_norm", x))

    def _attention(self, layer: int, x: Array) -> Array:
        m = self.model
        qkv = product(m, self.weights, "qkv", layer, norm(m, self.weights, f"{layer}.norm1", x))
        queries, keys = m.heads * m.head_size, m.kv_heads * m.head_size
        q, k, v = np.split(qkv, [queries, queries + keys])
        if m.positions == "rotary":
            q, k = rotated(m, q, self._position), rotated(m, k, self._position)
        self._keys[layer].append(k)
        self._values[layer].append(v)
        by_head = scores(m, q, np.array(self._keys[layer])).reshape(m.heads, -1)
        probabilities = np.concatenate([softmax(m, s) for s in by_head])
        return weighted(m, probabilities, np.array(self._values[layer]))
