"""The operator graph of one token: what is computed, on how much, from what."""

from dataclasses import dataclass
from typing import Literal

from workloads.transformer.model import Transformer

Kind = Literal[
    "norm",  # of `elements` elements
    "product",  # vector times a weight matrix of d_in by d_out
    "rotate",  # rotary positions of `elements` elements
    "cache",  # append `elements` elements to a cache
    "cached_product",  # for each of `count` heads, vector times a cached matrix of d_in by d_out
    "softmax",  # of each of `count` vectors of `elements / count` elements
    "function",  # the activation function of `elements` elements
    "multiply",  # element by element
    "add",  # element by element
    "argmax",  # of `elements` elements
]


@dataclass(frozen=True)
class Operator:
    """A node of the graph."""

    id: str
    """Unique, such as ``3.residual1``: layer, then what it is; without layer behind the last one."""
    name: str
    """What reports add it up under: ``residual``."""
    kind: Kind
    layer: int | None
    """None behind the last layer."""
    elements: int
    """Elements of the result (of what goes in, for ``argmax``)."""
    inputs: tuple[str, ...]
    """Ids of the operators whose results it takes; ``token`` is the embedded token."""
    d_in: int = 0
    """Of products: elements of the vector."""
    d_out: int = 0
    """Of products: elements of one result."""
    count: int = 1
    """How many such products or vectors there are: heads."""
    bias: bool = False
    """A vector of ``d_out`` elements is added to the product."""

    @property
    def operations(self) -> int:
        """Multiplications and additions of a product, 0 of anything else."""
        return 2 * self.count * self.d_in * self.d_out


def operators(model: Transformer, context: int, lm_head: bool = False) -> tuple[Operator, ...]:
    """All operators of one token that attends to ``context`` tokens, itself included, in program order.

    Args:
        lm_head: the token is followed by another: final norm, LM head and the choice of the likeliest.
    """
    found: list[Operator] = []
    stream = "token"
    for layer in range(model.layers):
        nodes = _layer(model, context, layer, stream)
        found += nodes
        stream = nodes[-1].id
    if lm_head:
        found += [
            Operator("final_norm", "final_norm", "norm", None, model.hidden, (stream,)),
            Operator(
                "lm_head", "lm_head", "product", None, model.vocabulary, ("final_norm",),
                d_in=model.hidden, d_out=model.vocabulary,
            ),
            Operator("argmax", "argmax", "argmax", None, model.vocabulary, ("lm_head",)),
        ]  # fmt: skip
    return tuple(found)


def _layer(model: Transformer, context: int, layer: int, stream: str) -> list[Operator]:
    nodes: list[Operator] = []
    hidden, heads, size = model.hidden, model.heads, model.head_size

    def add(node: str, name: str, kind: Kind, elements: int, *inputs: str, count: int = 1) -> str:
        nodes.append(Operator(f"{layer}.{node}", name, kind, layer, elements, inputs, count=count))
        return nodes[-1].id

    def product(matrix_name: str, name: str, source: str) -> str:
        matrix = model.matrix(matrix_name)
        nodes.append(
            Operator(
                f"{layer}.{matrix_name}", name, "product", layer, matrix.d_out, (source,),
                d_in=matrix.d_in, d_out=matrix.d_out, bias=model.bias,
            )
        )  # fmt: skip
        return nodes[-1].id

    def cached(name: str, d_in: int, d_out: int, *inputs: str) -> str:
        nodes.append(
            Operator(
                f"{layer}.{name}", name, "cached_product", layer, heads * d_out, inputs,
                d_in=d_in, d_out=d_out, count=heads,
            )
        )  # fmt: skip
        return nodes[-1].id

    qkv = product("qkv", "qkv", add("norm1", "norm1", "norm", hidden, stream))
    rotated = qkv
    if model.positions == "rotary":
        rotated = add("rope", "qkv", "rotate", model.query_width + model.kv_width, qkv)
    keys = add("k_write", "k_write", "cache", model.kv_width, rotated)
    scores = cached("scores", size, context, rotated, keys)
    values = add("v_write", "v_write", "cache", model.kv_width, qkv)
    softmax = add("softmax", "softmax", "softmax", heads * context, scores, count=heads)
    attended = cached("context", context, size, softmax, values)
    residual = add(
        "residual1", "residual", "add", hidden, stream, product("projection", "projection", attended)
    )
    norm2 = add("norm2", "norm2", "norm", hidden, residual)
    up = product("ffn_up", "ffn_up", norm2)
    if model.gated:
        gate = product("ffn_gate", "ffn_up", norm2)
        active = add("activation", "activation", "function", model.intermediate, gate)
        active = add("multiply", "activation", "multiply", model.intermediate, active, up)
    else:
        active = add("activation", "activation", "function", model.intermediate, up)
    down = product("ffn_down", "ffn_down", active)
    add("residual2", "residual", "add", hidden, residual, down)
    return nodes
