"""The optimisers by name, and their options."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from arch.errors import InputError, unknown
from arch.fields import Spec
from arch.validation import validated
from arch.yaml_source import Tree
from dse.optimisers.interface import Optimizer
from dse.optimisers.setting import Setting
from dse.space import Space

_WHERE = {
    "random": "dse.optimisers.sampling:Random",
    "sobol": "dse.optimisers.sampling:Sobol",
    "lhs": "dse.optimisers.sampling:LatinHypercube",
    "exhaustive": "dse.optimisers.sampling:Exhaustive",
    "one_at_a_time": "dse.optimisers.coordinate:OneAtATime",
    "annealing": "dse.optimisers.annealing:Annealing",
    "ga": "dse.optimisers.evolution:Genetic",
    "nsga2": "dse.optimisers.evolution:Nsga2",
    "aco": "dse.optimisers.ants:AntColony",
    "gp": "dse.optimisers.gaussian:GaussianProcess",
    "optuna": "dse.optimisers.optuna_samplers:Optuna",
}


def names() -> tuple[str, ...]:
    """The optimisers that there are."""
    return tuple(_WHERE)


def _class(name: str) -> Any:
    if name not in _WHERE:
        raise InputError(unknown("optimiser", name, _WHERE), field="optimizer", given=name, accepted=names())
    module, _, attribute = _WHERE[name].partition(":")
    return getattr(import_module(module), attribute)


def options_of(name: str) -> type[Spec]:
    """The model of an optimiser's options, with their defaults and what they mean."""
    found: type[Spec] = _class(name).Options
    return found


def described(name: str) -> tuple[str, bool]:
    """What an optimiser does, from its docstring, and whether it takes several values."""
    import inspect

    made = _class(name)
    text = " ".join((inspect.getdoc(made) or "").split()).replace("``", "`")
    return text, bool(made.several)


def checked(name: str, options: Mapping[str, Any]) -> Spec:
    """The options of an optimiser, those that are left out with their defaults.

    Raises:
        InputError: an unknown name or option.
    """
    try:
        chosen = validated(_class(name).Options, Tree(dict(options)))
    except InputError as error:
        error.field = f"optimizer {name}" + (f", {error.field}" if error.field else "")
        raise
    assert isinstance(chosen, Spec)
    return chosen


def make(
    name: str,
    space: Space,
    *,
    seed: int,
    objectives: int,
    batch: int,
    budget: int | None,
    options: Mapping[str, Any],
) -> Optimizer:
    """An optimiser.

    Args:
        name: one of :func:`names`.
        space: the designs.
        seed: the same gives the same asks.
        objectives: how many values a trial has.
        batch: designs that are usually asked for at a time.
        budget: unique designs that will be evaluated, if that is known.
        options: of the optimiser; those that are left out have their defaults.

    Raises:
        InputError: an unknown name or option, or an optimiser of one value for several.
    """
    made = _class(name)
    chosen = checked(name, options)
    if objectives > 1 and not made.several:
        accepted = ", ".join(n for n in names() if _class(n).several)
        message = f"{name} minimises one value, and the study has {objectives}"
        raise InputError(
            message, field="optimizer", accepted=f"{accepted}; or objectives: weighted, chebyshev"
        )
    optimizer: Optimizer = made(Setting(space, seed, objectives, batch, budget), chosen)
    return optimizer
