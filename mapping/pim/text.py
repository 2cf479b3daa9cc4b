"""A plan in words: what lies where, how many rows it takes, and how full they are."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from mapping.pim.layout import Region

if TYPE_CHECKING:
    from mapping.pim.plan import PimPlan

HOLDS = {
    "matrix": "an output's weights in one bank",
    "tokens": "a token's heads in one bank",
    "columns": "an element along the tokens in one bank",
}


def entries(plan: "PimPlan", region: Region) -> int:
    """Weights, or elements of the cache at the longest context, in a region of one layer."""
    model = plan.decoding.model
    cut = region.chunks[-1].first + region.chunks[-1].count - region.chunks[0].first
    if region.holds == "tokens":
        return region.outputs * cut * model.head_size
    return region.outputs * cut


def utilisation(plan: "PimPlan", region: Region) -> Fraction:
    """Share of the region's elements that hold something."""
    memory = plan.pim.memory
    row = memory.channels * plan.pim.banks * memory.organization.columns * plan.pim.elements
    return Fraction(entries(plan, region), region.rows * row)


def describe(plan: "PimPlan") -> str:
    """Several lines: the model and the machine, rows in all, and a table of a layer's regions."""
    layout, model, pim = plan.layout, plan.decoding.model, plan.pim
    o = pim.memory.organization
    mapping = plan.mapping
    used = _percent(Fraction(layout.rows, plan.capacity))
    lines = [
        f"{model.name} on {pim.name}: {pim.memory.channels} channels of {pim.banks} banks,"
        f" rows of {o.columns * pim.elements} elements",
        f"heads {'concatenated' if mapping.concat_heads else 'apart'}, values {mapping.value_layout},"
        f" {mapping.chunk_order}, {mapping.packing}, rows for {layout.context} tokens",
        f"{layout.rows} of {plan.capacity} rows of every bank ({used}):"
        f" {layout.layers} layers of {layout.layer_rows}"
        + (f", the LM head's {layout.rows_of('lm_head')}" if layout.rows_of("lm_head") else ""),
        "  " + ", ".join(f"{part} {layout.rows_of(part)}" for part in ("weights", "keys", "values")),
        "",
    ]
    table = [("region", "first row", "rows", "chunks", "slots", "full", "holds")]
    table += [
        (
            r.name,
            str(r.row),
            str(r.rows),
            str(len(r.chunks)),
            str(r.slots),
            _percent(utilisation(plan, r)),
            HOLDS[r.holds],
        )
        for r in layout.regions
    ]
    return "\n".join(lines + _aligned(table, left=(0, 6)))


def _percent(share: Fraction) -> str:
    return f"{float(share):.1%}".replace("%", " %")


def _aligned(table: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    return [
        "  ".join(
            cell.ljust(width) if k in left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
