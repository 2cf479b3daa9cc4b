"""The shape of a decoder-only transformer, and what follows from it: weights, cache, operations."""

from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cached_property
from typing import Final, Literal, NamedTuple, get_args

from arch.errors import InputError

Activation = Literal["gelu", "relu", "silu"]
Norm = Literal["layer_norm", "rms_norm"]
Positions = Literal["learned", "rotary"]

MOST: Final = {"layers": 1 << 16, "vocabulary": 1 << 32, "context": 1 << 32}
"""Largest values, where not MOST_WIDTH."""
MOST_WIDTH: Final = 1 << 24


class Matrix(NamedTuple):
    """A weight matrix of a layer; its product takes ``d_in`` elements to ``d_out``."""

    name: str
    d_in: int
    d_out: int

    @property
    def weights(self) -> int:
        """Elements, without the bias vector."""
        return self.d_in * self.d_out


@dataclass(frozen=True)
class Transformer:
    """Everything about a decoder-only transformer that its cost depends on; no weights.

    Raises:
        InputError: a size that is not a whole number from 1 to its bound, a word that is not among those
            of its field, key heads that do not divide the heads, rotary positions with heads of odd size.
    """

    name: str
    layers: int
    hidden: int  # elements of the residual stream
    heads: int  # query heads
    kv_heads: int  # key and value heads; fewer than heads in grouped-query attention
    head_size: int  # elements of a head
    intermediate: int  # elements between the two (gated: three) matrices of the feed-forward network
    gated: bool  # down(activation(gate(x)) * up(x)) instead of down(activation(up(x)))
    activation: Activation
    norm: Norm
    positions: Positions
    bias: bool  # the matrices have bias vectors
    vocabulary: int
    context: int  # longest sequence, in tokens

    def __post_init__(self) -> None:
        for field in SIZES:
            value, most = getattr(self, field), MOST.get(field, MOST_WIDTH)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise InputError("", field=field, given=value, accepted=f"a whole number from 1 to {most}")
        for field, words in WORDS.items():
            if getattr(self, field) not in words:
                raise InputError("", field=field, given=getattr(self, field), accepted=words)
        for field in FLAGS:
            if not isinstance(getattr(self, field), bool):
                raise InputError("", field=field, given=getattr(self, field), accepted="true or false")
        if self.heads % self.kv_heads:
            message = f"{self.heads} heads cannot share {self.kv_heads} key and value heads evenly"
            accepted = f"a divisor of {self.heads}"
            raise InputError(message, field="kv_heads", given=self.kv_heads, accepted=accepted)
        if self.positions == "rotary" and self.head_size % 2:
            message = "rotary positions turn pairs of elements"
            raise InputError(message, field="head_size", given=self.head_size, accepted="an even number")

    @property
    def query_width(self) -> int:
        """Elements of the queries of all heads; ``hidden`` unless heads have a size of their own."""
        return self.heads * self.head_size

    @property
    def kv_width(self) -> int:
        """Elements of the keys of all key heads, and likewise of the values."""
        return self.kv_heads * self.head_size

    @cached_property
    def matrices(self) -> tuple[Matrix, ...]:
        """The weight matrices of a layer in the order of their use; ``qkv`` yields queries, keys, values."""
        gate = [Matrix("ffn_gate", self.hidden, self.intermediate)] if self.gated else []
        return (
            Matrix("qkv", self.hidden, self.query_width + 2 * self.kv_width),
            Matrix("projection", self.query_width, self.hidden),
            *gate,
            Matrix("ffn_up", self.hidden, self.intermediate),
            Matrix("ffn_down", self.intermediate, self.hidden),
        )

    def matrix(self, name: str) -> Matrix:
        """The matrix of that name; KeyError if a layer has none (``ffn_gate`` without gates)."""
        for matrix in self.matrices:
            if matrix.name == name:
                return matrix
        raise KeyError(name)

    @property
    def layer_weights(self) -> int:
        """Elements of the matrices of one layer; biases and norms are left out."""
        return sum(matrix.weights for matrix in self.matrices)

    @property
    def weights(self) -> int:
        """Elements of the matrices of all layers: no embeddings, no LM head.

        That is how PIM-GPT (arXiv 2310.09385) counts: 1152 · 2^20 for GPT3-XL.
        """
        return self.layers * self.layer_weights

    @property
    def head_weights(self) -> int:
        """Elements of the LM head, the output embedding."""
        return self.hidden * self.vocabulary

    def cache_bytes(self, tokens: int, element_bytes: int = 2) -> int:
        """Bytes of the keys and values of ``tokens`` tokens in all layers."""
        return 2 * self.layers * self.kv_width * tokens * element_bytes

    def operations(self, context: int, *, lm_head: bool = False) -> int:
        """Multiplications and additions of the products for one token that attends to ``context`` tokens."""
        attention = 2 * 2 * self.layers * self.query_width * context  # scores, then weighted values
        return 2 * self.weights + attention + (2 * self.head_weights if lm_head else 0)

    def operations_per_weight(self, context: int) -> Fraction:
        """Operations of one token over :attr:`weights`: 2 + 4·t·d·L/P for equal query and hidden width."""
        return Fraction(self.operations(context), self.weights)


SIZES: Final = (
    "layers", "hidden", "heads", "kv_heads", "head_size", "intermediate", "vocabulary", "context",
)  # fmt: skip
FLAGS: Final = ("gated", "bias")
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "activation": get_args(Activation),
    "norm": get_args(Norm),
    "positions": get_args(Positions),
}
FIELDS: Final = tuple(field.name for field in fields(Transformer) if field.name != "name")
"""All fields but the name."""
