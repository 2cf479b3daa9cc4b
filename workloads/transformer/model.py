"""The shape of a decoder-only transformer."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Transformer:
    """Everything about a decoder-only transformer that its cost depends on; no weights."""

    name: str
    layers: int
    hidden: int  # elements of the residual stream
    heads: int  # query heads
    kv_heads: int  # key and value heads; fewer than heads in grouped-query attention
    head_size: int  # elements of a head
    intermediate: int  # elements between the two (gated: three) matrices of the feed-forward network
    gated: bool  # down(activation(gate(x)) * up(x)) instead of down(activation(up(x)))
    activation: Literal["gelu", "relu", "silu"]
    norm: Literal["layer_norm", "rms_norm"]
    positions: Literal["learned", "rotary"]
    bias: bool  # the matrices have bias vectors
    vocabulary: int
    context: int  # longest sequence, in tokens
