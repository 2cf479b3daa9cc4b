"""Models laid on machines, without simulating them: what ``cyclewise plan`` and ``cw.plan`` share."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arch.errors import InputError

if TYPE_CHECKING:
    from arch import System
    from mapping.pim.plan import PimPlan
    from sim.pim.values import ValueReport
    from workloads.aim_isa import AimProgram
    from workloads.transformer import Decoding

MOST_WEIGHTS = 1 << 28
"""Of a model that numbers are kept for: every one is held in float32 and float64."""


def plan(
    system: "str | os.PathLike[str] | System",
    model: "str | os.PathLike[str] | Decoding",
    overrides: Sequence[str] = (),
) -> "PimPlan":
    """Lay a model on a machine and say what lies where; nothing is simulated.

    Args:
        system: library name, YAML file, or a system from ``cw.load``.
        model: name, ``config.json`` or YAML file of a model, or a ``cw.Decoding``.
        overrides: ``KEY=VALUE`` texts as after ``--set``: of the system, ``workload.KEY``, ``mapping.KEY``.

    Raises:
        InputError: whatever the caller got wrong, or a model that does not fit.
    """
    from mapping.pim.options import read_mapping
    from mapping.pim.plan import plan as lay_out

    loaded, decoding, mapping = read(system, model, overrides)
    return lay_out(loaded.spec.resolve(), decoding, read_mapping(mapping))


def read(
    system: "str | os.PathLike[str] | System",
    model: "str | os.PathLike[str] | Decoding",
    overrides: Sequence[str],
    asked: Mapping[str, Any] | None = None,
) -> "tuple[System, Decoding, Mapping[str, Any]]":
    """System, model and choices of the mapping; ``asked``: parameters that have options of their own.

    Raises:
        InputError: whatever is wrong with them, or a system that no model is laid on.
    """
    import arch
    from cyclewise.simulation import split_settings
    from sim.workload_names import workload_named
    from workloads.transformer import Decoding

    settings = split_settings(overrides)
    loaded = system if isinstance(system, arch.System) else arch.load(os.fspath(system), settings.system)
    if isinstance(system, arch.System) and settings.system:
        message = "this system is loaded already; give cw.load the overrides"
        raise InputError(message, field="overrides", given=list(settings.system))
    if loaded.kind != "pim":
        message = f"{loaded.name}: only machines that compute in memory have models laid on them"
        raise InputError(message, field="kind", given=loaded.kind, accepted="pim")
    parameters = {**settings.workload, **(asked or {})}
    if isinstance(model, Decoding):
        if parameters:
            message = "a model made in Python has no parameters"
            raise InputError(message, field=f"workload.{next(iter(parameters))}")
        return loaded, model, settings.mapping
    found = workload_named(os.fspath(model), loaded, parameters)
    if not isinstance(found, Decoding):
        message = "is an AiM trace, which says itself what lies where"
        raise InputError(message, given=os.fspath(model), accepted="a model")
    return loaded, found, settings.mapping


def as_dict(plan: "PimPlan") -> dict[str, Any]:
    """A plan as plain values; the regions are those of the first layer, then the LM head's."""
    from mapping.pim.text import entries, utilisation

    layout, mapping = plan.layout, plan.mapping
    return {
        "system": plan.pim.name,
        "model": plan.decoding.model.name,
        "mapping": {**vars(mapping), "context": plan.context},
        "rows": plan.rows,
        "rows_of_a_bank": plan.capacity,
        "layers": layout.layers,
        "rows_of_a_layer": layout.layer_rows,
        "rows_by_part": {p: layout.rows_of(p) for p in ("weights", "keys", "values", "lm_head")},
        "regions": [
            {
                "name": region.name,
                "part": region.part,
                "first_row": region.row,
                "rows": region.rows,
                "chunks": len(region.chunks),
                "slots": region.slots,
                "entries": entries(plan, region),
                "utilisation": float(utilisation(plan, region)),
                "holds": region.holds,
            }
            for region in plan.regions
        ],
    }


def checked_contexts(plan: "PimPlan") -> list[int]:
    """The first context, one in the middle, and the longest that a request reaches."""
    longest = max(request.steps for request in plan.decoding.requests)
    return sorted({1, (1 + longest) // 2, longest})


def as_aim(plan: "PimPlan", steps: tuple[int, int] | None) -> "AimProgram":
    """The tokens ``steps``, from the first to before the last (default: the last one), as AiM instructions.

    Raises:
        InputError: tokens that there are not, or what the instruction set cannot say.
    """
    from mapping.pim.aim_text import to_aim
    from sim.pim.running import positions

    total = plan.decoding.steps
    begin, end = steps or (total - 1, total)
    if not 0 <= begin < end <= total:
        accepted = f"two numbers from 0 to {total}, the second after the first"
        raise InputError("", field="--steps", given=f"{begin}:{end}", accepted=accepted)
    chosen = (found for found in positions(plan) if begin <= found.number < end)
    head = plan.decoding.lm_head
    programs = (plan.program(found.context, head=head and found.generates) for found in chosen)
    return to_aim(programs, plan.pim, plan.decoding.model.name)


def values(
    system: "str | os.PathLike[str] | System",
    model: "str | os.PathLike[str] | Decoding",
    overrides: Sequence[str] = (),
    *,
    tokens: int = 8,
    prompt: int = 4,
    seed: int = 0,
) -> "ValueReport":
    """Generate tokens with numbers in the banks, from random weights and prompt, beside a float64 decoder.

    Args:
        system: as for :func:`plan`.
        model: as for :func:`plan`; its requests do not matter.
        overrides: as for :func:`plan`.
        tokens: to generate.
        prompt: its tokens.
        seed: of weights and prompt.

    Raises:
        InputError: whatever the caller got wrong, or a model that does not fit or is too large for this.
    """
    loaded, decoding, mapping = read(system, model, overrides)
    for name, given, least in (("tokens", tokens, 1), ("prompt", prompt, 1), ("seed", seed, 0)):
        if given < least:
            raise InputError("", field=name, given=given, accepted=f"a whole number from {least}")
    shape = decoding.model
    if shape.weights + shape.head_weights > MOST_WEIGHTS:
        raise InputError(
            f"{shape.name} is too large to keep every weight as a number",
            given=shape.weights + shape.head_weights,
            accepted=f"at most {MOST_WEIGHTS:,} weights, LM head included",
        )
    from mapping.pim.options import read_mapping
    from sim.pim.values import check_values

    return check_values(loaded, decoding, tokens, seed, mapping=read_mapping(mapping), prompt=prompt)
