"""How a transformer is to be laid on the banks: what a user may choose, with PIM-GPT's choice as default."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from arch.errors import InputError, unknown

_LONGEST = 1 << 24


@dataclass(frozen=True)
class PimMapping:
    """Choices of the mapping.  Each of them changes the program.

    Attributes:
        concat_heads: the matrices of all heads are one matrix, and the keys of all heads share rows
            (PIM-GPT); otherwise every head has a matrix for queries, keys and values and key rows of its own.
        value_layout: ``column_major``: a value column lies along the tokens in one bank, so that banks weigh
            and add up values (PIM-GPT); ``row_major``: values lie as keys do, and are read through the pins
            for the ASIC to weigh and add.
        chunk_order: of an input longer than the global buffer.  ``chunk_outer``: each part is loaded once and
            the ASIC adds partial sums (PIM-GPT); ``neuron_outer``: parts are loaded anew for every few
            outputs, whose sums stay in the banks' accumulators.
        packing: ``packed``: what belongs to one output follows the last one's back to back (PIM-GPT);
            ``row_aligned``: it starts a row.
        context: tokens that rows are reserved for; None: the model's longest sequence.
    """

    concat_heads: bool = True
    value_layout: Literal["column_major", "row_major"] = "column_major"
    chunk_order: Literal["chunk_outer", "neuron_outer"] = "chunk_outer"
    packing: Literal["packed", "row_aligned"] = "packed"
    context: int | None = None


ACCEPTED: Mapping[str, tuple[str, ...]] = {
    "concat_heads": ("true", "false"),
    "value_layout": ("column_major", "row_major"),
    "chunk_order": ("chunk_outer", "neuron_outer"),
    "packing": ("packed", "row_aligned"),
    "context": (f"whole tokens, 1 to {_LONGEST}",),
}
"""What each key may be, in words."""


def read_mapping(settings: Mapping[str, Any]) -> PimMapping:
    """The choices of ``--set mapping.KEY=VALUE``; ``settings`` holds the values by key, read as YAML.

    Raises:
        InputError: an unknown key, or a value that the key does not take.
    """
    names = [field.name for field in fields(PimMapping)]
    mapping = PimMapping()
    for key, value in settings.items():
        if key not in names:
            raise InputError(unknown("key", key, names), field=f"mapping.{key}", accepted=names)
        if not _fits(key, value):
            raise InputError("", field=f"mapping.{key}", given=value, accepted=ACCEPTED[key])
        mapping = replace(mapping, **{key: value})
    return mapping


def _fits(key: str, value: Any) -> bool:
    if key == "concat_heads":
        return isinstance(value, bool)
    if key == "context":
        return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LONGEST
    return isinstance(value, str) and value in ACCEPTED[key]
