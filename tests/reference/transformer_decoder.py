"""Decoder-only transformers in plain NumPy, from their definition: GPT and Llama, one token after the other.

``Decoder(..., round_to=None)`` computes in float64.  With a rounding function it rounds the result of every
operator: what a machine that stores vectors in a narrow format does at best.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from workloads.transformer.model import Transformer

Array = NDArray[np.float64]
Weights = Mapping[str, NDArray[np.floating]]


class Decoder:
    """Takes in tokens; ``weights`` as :func:`sim.pim.values.random_weights` names them."""

    def __init__(
        self, model: Transformer, weights: Weights, round_to: Callable[[Array], Array] | None = None
    ) -> None:
        self.model = model
        self.w = {name: np.asarray(value, np.float64) for name, value in weights.items()}
        self.round: Callable[[Array], Array] = round_to or (lambda values: values)
        self.keys: list[list[Array]] = [[] for _ in range(model.layers)]
        self.values: list[list[Array]] = [[] for _ in range(model.layers)]
        self.position = 0

    def step(self, token: int) -> Array:
        """Logits over the vocabulary after one more token."""
        m = self.model
        x = self.w["embedding"][token]
        if m.positions == "learned":
            x = x + self.w["position"][self.position]
        x = self.round(x)
        for layer in range(m.layers):
            attended = self.linear(
                f"{layer}.projection", self.attention(layer, self.norm(f"{layer}.norm1", x))
            )
            x = self.round(x + attended)
            x = self.round(x + self.feed_forward(layer, self.norm(f"{layer}.norm2", x)))
        self.position += 1
        return self.linear("lm_head", self.norm("final_norm", x))

    def linear(self, name: str, x: Array) -> Array:
        y = self.round(self.w[name] @ x)
        return self.round(y + self.w[f"{name}.bias"]) if f"{name}.bias" in self.w else y

    def norm(self, name: str, x: Array) -> Array:
        if self.model.norm == "rms_norm":
            return self.round(x / np.sqrt(np.mean(x**2) + 1e-5) * self.w[f"{name}.gamma"])
        scaled = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return self.round(scaled * self.w[f"{name}.gamma"] + self.w[f"{name}.beta"])

    def attention(self, layer: int, x: Array) -> Array:
        m = self.model
        q = self.linear(f"{layer}.q", x).reshape(m.heads, m.head_size)
        k = self.linear(f"{layer}.k", x).reshape(m.kv_heads, m.head_size)
        v = self.linear(f"{layer}.v", x).reshape(m.kv_heads, m.head_size)
        if m.positions == "rotary":
            q, k = self.rotary(q), self.rotary(k)
        self.keys[layer].append(k)
        self.values[layer].append(v)
        out = []
        for head in range(m.heads):
            of = head // (m.heads // m.kv_heads)
            scores = self.round(np.array([past[of] @ q[head] for past in self.keys[layer]]))
            weights = np.exp((scores - scores.max()) / math.sqrt(m.head_size))
            weights = self.round(weights / weights.sum())
            out.append(self.round(weights @ np.array([past[of] for past in self.values[layer]])))
        return np.concatenate(out)

    def rotary(self, x: Array) -> Array:
        """Llama: elements i and i + half turn by position / 10000**(i / half), a rounded sine and cosine."""
        half = self.model.head_size // 2
        angles = self.position / 10000.0 ** (np.arange(half) / half)
        cosine, sine = self.round(np.cos(angles)), self.round(np.sin(angles))
        a, b = x[:, :half], x[:, half:]
        return self.round(np.concatenate([a * cosine - b * sine, b * cosine + a * sine], axis=1))

    def feed_forward(self, layer: int, x: Array) -> Array:
        up = self.linear(f"{layer}.ffn_up", x)
        if self.model.gated:
            gate = self.round(self.activation(self.linear(f"{layer}.ffn_gate", x)))
            return self.linear(f"{layer}.ffn_down", self.round(gate * up))
        return self.linear(f"{layer}.ffn_down", self.round(self.activation(up)))

    def activation(self, x: Array) -> Array:
        y: Array
        match self.model.activation:
            case "gelu":
                y = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
            case "silu":
                y = x / (1 + np.exp(-x))
            case "relu":
                y = np.maximum(x, 0)
        return y


def greedy(decoder: Decoder, prompt: list[int], tokens: int) -> tuple[list[int], list[float]]:
    """``tokens`` tokens after the prompt, and by how much each one's logit led the next.

    Leads are in standard deviations of the logits.
    """
    logits = [decoder.step(token) for token in prompt][-1]
    out, margins = [], []
    for _ in range(tokens):
        second, first = np.sort(logits)[-2:]
        margins.append(float((first - second) / logits.std()))
        out.append(int(logits.argmax()))
        if len(out) < tokens:
            logits = decoder.step(out[-1])
    return out, margins
