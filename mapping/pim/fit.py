"""Refuses what does not fit: a model the banks, vectors the ASIC's memory, a request the rows reserved."""

from collections.abc import Iterator
from dataclasses import replace

from arch.errors import InputError
from arch.pim_device import Pim
from mapping.pim.layout import Layout, lay_out
from mapping.pim.options import PimMapping
from workloads.transformer.requests import Decoding

PARTS = {"weights": "weights", "keys": "keys", "values": "values", "lm_head": "the LM head"}
"""What rows are for, and how it is called."""


def longest_context(decoding: Decoding) -> int:
    """Most tokens that a token of the requests attends to; at least 1."""
    return max((request.steps for request in decoding.requests), default=1)


def require_rows(pim: Pim, decoding: Decoding, mapping: PimMapping, layout: Layout) -> None:
    """Raise :class:`InputError` if the banks have too few rows or a request is longer than rows last."""
    longest = longest_context(decoding)
    if longest > layout.context:
        raise InputError(
            f"a request reaches a context of {longest} tokens, rows are reserved for {layout.context}",
            field="mapping.context",
            given=layout.context,
            accepted=f"at least {longest}, or shorter requests",
        )
    have = pim.memory.organization.rows
    if layout.rows <= have:
        return
    o = pim.memory.organization
    row_bytes = pim.memory.channels * pim.banks * o.columns * o.transaction_bytes
    parts = ", ".join(
        f"{name} {layout.rows_of(part)}" for part, name in PARTS.items() if layout.rows_of(part)
    )
    fitting = _fitting(pim, decoding, mapping, layout)
    raise InputError(
        f"{decoding.model.name} needs {layout.rows} rows of every bank ({parts}; {layout.rows * row_bytes}"
        f" bytes in all), {pim.name} has {have} ({have * row_bytes} bytes)",
        field="mapping.context" if fitting else "dram.organization.rows",
        given=layout.context if fitting else have,
        accepted=_advice(pim, decoding, mapping, layout, fitting),
    )


def _advice(pim: Pim, decoding: Decoding, mapping: PimMapping, layout: Layout, fitting: int) -> str:
    have = pim.memory.organization.rows
    ways = [f"rows for at most {fitting} tokens"] if fitting else []
    ways.append(f"at least {layout.rows} rows")
    packed = replace(mapping, packing="packed")
    if mapping != packed and lay_out(pim, decoding, packed).rows <= have:
        ways.append("mapping.packing=packed")
    return ", ".join(ways) + ", or more channels"


def _fitting(pim: Pim, decoding: Decoding, mapping: PimMapping, layout: Layout) -> int:
    """The most tokens, no less than the requests need, for which there are rows; 0: not even those."""
    low, high = longest_context(decoding) - 1, layout.context
    lowest = low
    while high - low > 1:
        middle = (low + high) // 2
        smaller = lay_out(pim, decoding, replace(mapping, context=middle))
        if smaller.rows <= pim.memory.organization.rows:
            low = middle
        else:
            high = middle
    return low if low > lowest else 0


def require_sram(pim: Pim, decoding: Decoding, layout: Layout) -> None:
    """Raise :class:`InputError` if an operator's vectors do not fit the ASIC's memory together."""
    have = pim.asic.sram_bytes
    operator, vectors = max(_live(decoding), key=lambda found: sum(found[1].values()))
    need = pim.element_bytes * sum(vectors.values())
    if need <= have:
        return
    parts = ", ".join(f"{name} {n}" for name, n in vectors.items())
    raise InputError(
        f"{operator} of {decoding.model.name} needs vectors of {need} bytes at once ({parts} elements)",
        field="asic.sram",
        given=f"{have} B",
        accepted=f"at least {need} B" + (", or shorter requests" if "scores" in vectors else ""),
    )


def _live(decoding: Decoding) -> Iterator[tuple[str, dict[str, int]]]:
    """Elements of the vectors that each operator keeps in the ASIC's memory, at the longest context.

    Partial sums are added to the output, and values read through the pins are weighed, as they arrive.
    """
    model = decoding.model
    query, key = model.heads * model.head_size, model.kv_heads * model.head_size
    scores = model.heads * longest_context(decoding)
    residual = {"residual stream": model.hidden}
    wide = model.intermediate * (2 if model.gated else 1)
    yield "qkv", residual | {"input": model.hidden, "queries, keys and values": query + 2 * key}
    yield "scores", residual | {"queries and values": query + key, "scores": scores}
    yield "context", residual | {"scores": scores, "output": query}
    yield "projection", residual | {"input": query, "output": model.hidden}
    yield "ffn_up", residual | {"input": model.hidden, "output": wide}
    yield "ffn_down", residual | {"input": model.intermediate, "output": model.hidden}
    if decoding.lm_head:
        yield "lm_head", residual | {"input": model.hidden, "logits": model.vocabulary}
