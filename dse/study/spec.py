"""The keys of a study file."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from arch.fields import Spec

Text = Annotated[str, Field(min_length=1, max_length=4096, strict=True)]
Map = Annotated[dict[str, Any], BeforeValidator(lambda given: {} if given is None else given)]
Listed = BeforeValidator(lambda given: tuple(given) if isinstance(given, list) else given)


class BudgetSpec(Spec):
    """When a run ends, whichever comes first."""

    evaluations: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Unique designs that each optimiser may have evaluated with each seed."""
    wall: Text | None = None
    """Time after which no more designs are asked for, of the whole study: 30 min, 2 h."""


class StudySpec(Spec):
    """A search for designs."""

    study: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", strict=True)]
    """Its name; results go into the folder NAME-results unless another is given."""
    title: Annotated[str, Field(max_length=500, strict=True)] = ""
    """What pages and tables call it."""
    model: dict[str, Any]
    """What evaluates a design: system with set and mapping, or python, or command, with metrics."""
    workloads: Annotated[tuple[Any, ...], Listed]
    """Names, files, or maps of name, workload and set."""
    aggregate: str | dict[str, Any] = "geometric_mean"
    """How several workloads become one: geometric_mean, mean, sum, max, or {weighted: {NAME: 2}}."""
    space: dict[str, Any]
    """Parameters: one of choice, ordinal, integer, log2, float each, with path, when and scale."""
    constraints: Map = Field(default_factory=dict)
    """Conditions that designs must meet, by name; over parameters, or over metrics."""
    equivalent: Map = Field(default_factory=dict)
    """Which designs come to the same: same and ignore, under a fact of the workloads named by given."""
    objectives: dict[str, Any]
    """minimize, maximize, target, weighted, chebyshev or archgym_target."""
    optimizer: str | dict[str, Any] | None = None
    """Who searches: a name, or a map of name and options."""
    optimizers: Annotated[tuple[str | dict[str, Any], ...], Listed] | None = None
    """Several of them, to be compared; label tells two of one name apart."""
    batch: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 16
    """Designs that are asked for at a time, whatever the number of workers."""
    budget: BudgetSpec = Field(default_factory=BudgetSpec)
    """When to end."""
    seeds: Annotated[int | tuple[int, ...], Listed] = 1
    """How many (0, 1, …), or a list of them."""
    baseline: Map = Field(default_factory=dict)
    """The design to compare with, by parameter; what is left out is as the model has it."""
