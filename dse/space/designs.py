"""The space: which designs there are, which of them are the same, how many, and how to draw one.

Values that are equivalent to another, and parameters that are ignored, do not occur in canonical designs;
a parameter whose condition does not hold is left out of one.  Parameters that share a condition or a
constraint are counted and drawn together (a *component*); components are independent of each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from arch.errors import InputError, unknown
from dse.evaluation import Config, Value
from dse.space.expression import Expression, number_of
from dse.space.parameter import Parameter, scaled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TABULATED = 1 << 21
"""Raw combinations of a component up to which the valid ones are listed."""
_COUNTED = 1 << 28
"""Raw combinations of a component up to which they are counted: a few seconds."""
_BLOCK = 1 << 18
_DRAWS = 1 << 22
"""Draws without an allowed design after which a space is called empty."""


@dataclass(frozen=True)
class Constraint:
    """A named condition that every design must meet, over parameters alone.

    A constraint that mentions a parameter without effect holds.
    """

    name: str
    holds: Expression


@dataclass(frozen=True)
class Space:
    """What may be chosen, in declaration order.

    Attributes:
        parameters: all of them.
        constraints: what designs must meet.
        same: per parameter, values and the values that they are equivalent to.
        ignored: parameters without any effect.

    Raises:
        InputError: conditions that wait for each other, or no design at all.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...] = ()
    same: Mapping[str, Mapping[Value, Value]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        _ = self._order  # refuses circles

    # Single designs

    @cached_property
    def by_name(self) -> Mapping[str, Parameter]:
        """The parameters by their names."""
        return {p.name: p for p in self.parameters}

    @cached_property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters of canonical designs, with the values that occur in them."""
        found = []
        for p in self.parameters:
            if p.name not in self.ignored:
                gone = self.same.get(p.name, {})
                values = None if p.values is None else tuple(v for v in p.values if v not in gone)
                found.append(Parameter(p.name, p.kind, values, p.low, p.high, p.log, p.paths, p.when))
        return tuple(found)

    def canonical(self, config: Config) -> dict[str, Value]:
        """The one design that stands for all that come to the same as ``config``.

        Raises:
            InputError: an unknown name or value, or a parameter in effect is missing.
        """
        for name in config:
            if name not in self.by_name:
                raise InputError(unknown("parameter", name, self.by_name), field=name)
        chosen: dict[str, Value] = {}
        for at in self._order:
            p = self.parameters[at]
            if p.name in self.ignored:
                if p.name in config:
                    p.check(config[p.name])
                continue
            if self._active(p, chosen):
                if p.name not in config:
                    raise InputError(f"no value for {p.name}", field=p.name)
                value = p.check(config[p.name])
                same = self.same.get(p.name, {})
                while value in same:
                    value = same[value]
                chosen[p.name] = value
            elif p.name in config:
                p.check(config[p.name])
        return {p.name: chosen[p.name] for p in self.parameters if p.name in chosen}

    def allowed(self, config: Config) -> bool:
        """Does a canonical design meet the constraints?"""
        return self.broken(config) is None

    def broken(self, config: Config) -> str | None:
        """The name of the first constraint that a canonical design does not meet."""
        for constraint in self.constraints:
            if any(name not in config for name in constraint.holds.names):
                continue
            if not constraint.holds.value({n: number_of(config[n]) for n in constraint.holds.names}):
                return constraint.name
        return None

    def _active(self, p: Parameter, chosen: Mapping[str, Value]) -> bool:
        if p.when is None:
            return True
        if any(name not in chosen for name in p.when.names):
            return False
        return bool(p.when.value({name: number_of(chosen[name]) for name in p.when.names}))

    @cached_property
    def _order(self) -> tuple[int, ...]:
        """Positions such that a parameter comes after those that its condition mentions."""
        placed: dict[str, None] = {}
        order: list[int] = []
        while len(order) < len(self.parameters):
            ready = [
                at
                for at, p in enumerate(self.parameters)
                if p.name not in placed and (p.when is None or all(n in placed for n in p.when.names))
            ]
            if not ready:
                circle = [p.name for p in self.parameters if p.name not in placed]
                message = f"the conditions of {', '.join(circle)} wait for each other"
                raise InputError(message, field=circle[0])
            placed[self.parameters[ready[0]].name] = None
            order.append(ready[0])
        return tuple(order)

    # All designs

    def size(self) -> int | None:
        """The exact number of canonical allowed designs; None with floats, or where counting takes too long.

        A component of at most 2^28 raw combinations is counted.
        """
        counts = [component.count() for component in self._components]
        return None if None in counts else prod(c for c in counts if c is not None)

    def raw_size(self) -> int | None:
        """The number of combinations of all values, whatever is the same or forbidden; None with floats."""
        if any(p.values is None for p in self.parameters):
            return None
        return prod(len(p.values or ()) for p in self.parameters)

    def __iter__(self) -> Iterator[dict[str, Value]]:
        """All canonical allowed designs, the last parameter changing fastest.

        Raises:
            InputError: the space has floats.
        """
        for p in self.free:
            if p.values is None:
                message = "a space with floats cannot be enumerated"
                raise InputError(message, field=p.name, accepted="integer, ordinal or log2 parameters")
        free = {p.name: p for p in self.free}
        order = [self.parameters[at].name for at in self._order if self.parameters[at].name in free]
        for chosen in self._extended([free[name] for name in order], 0, {}):
            yield {name: chosen[name] for name in free if name in chosen}

    def _extended(
        self, free: Sequence[Parameter], at: int, chosen: dict[str, Value]
    ) -> Iterator[dict[str, Value]]:
        if at == len(free):
            yield chosen
            return
        p = free[at]
        if not self._active(p, chosen):
            yield from self._extended(free, at + 1, chosen)
            return
        due = [c for c in self.constraints if p.name in c.holds.names]
        for value in p.values or ():
            chosen[p.name] = value
            if all(self._met(c, chosen) for c in due):
                yield from self._extended(free, at + 1, chosen)
        del chosen[p.name]

    @staticmethod
    def _met(constraint: Constraint, chosen: Mapping[str, Value]) -> bool:
        names = constraint.holds.names
        if any(name not in chosen for name in names):
            return True
        return bool(constraint.holds.value({name: number_of(chosen[name]) for name in names}))

    # Drawing

    def sample(self, rng: "np.random.Generator", n: int) -> list[dict[str, Value]]:
        """``n`` designs, uniform over the canonical allowed ones, with replacement.

        Raises:
            InputError: four million draws in a row met no constraint.
        """
        drawn: list[dict[str, Value]] = [{} for _ in range(n)]
        for component in self._components:
            for design, part in zip(drawn, component.sample(rng, n), strict=True):
                design.update(part)
        names = [p.name for p in self.free]
        return [{name: design[name] for name in names if name in design} for design in drawn]

    @cached_property
    def _components(self) -> tuple["Component", ...]:
        free = {p.name: p for p in self.free}
        group = {name: name for name in free}

        def root(name: str) -> str:
            while group[name] != name:
                name = group[name]
            return name

        links = [(p.name, *p.when.names) for p in self.free if p.when is not None]
        links += [c.holds.names for c in self.constraints]
        for link in links:
            known = [name for name in link if name in free]
            for other in known[1:]:
                group[root(other)] = root(known[0])
        roots = dict.fromkeys(root(name) for name in free)
        return tuple(
            Component(
                tuple(p for p in self.free if root(p.name) == r),
                tuple(c for c in self.constraints if any(n in free and root(n) == r for n in c.holds.names)),
            )
            for r in roots
        )


@dataclass(frozen=True)
class Component:
    """Parameters that hang together, over the grid of all their combinations.

    A combination is *valid* if the constraints hold and every parameter without effect has its first value:
    one for each canonical design.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(1 if p.values is None else len(p.values) for p in self.parameters)

    @cached_property
    def floats(self) -> bool:
        return any(p.values is None for p in self.parameters)

    def count(self) -> int | None:
        """Valid combinations; None with floats or beyond 2^28 raw ones."""
        raw = prod(self.sizes)
        if self.floats or raw > _COUNTED:
            return None
        if not self.constraints and all(p.when is None for p in self.parameters):
            return raw
        return len(self._table) if raw <= _TABULATED else sum(int(v.sum()) for _, v in self._blocks())

    def sample(self, rng: "np.random.Generator", n: int) -> list[dict[str, Value]]:
        """``n`` valid combinations, as parts of designs."""
        import numpy as np

        raw = prod(self.sizes)
        if not self.floats and raw <= _TABULATED:
            if not len(self._table):
                raise _empty(self.constraints)
            flat = self._table[rng.integers(len(self._table), size=n)]
            return self._designs(flat, None)
        found: list[dict[str, Value]] = []
        tried = 0
        while len(found) < n:
            flat = rng.integers(raw, size=max(2 * n, 256))
            shares = rng.random((len(flat), len(self.parameters)))
            valid = np.flatnonzero(self._valid(flat, shares))
            found += self._designs(flat[valid], shares[valid])
            tried += len(flat)
            if not found and tried > _DRAWS:
                raise _empty(self.constraints)
        return found[:n]

    @cached_property
    def _table(self) -> "NDArray[np.int64]":
        import numpy as np

        found = [flat[valid] for flat, valid in self._blocks()]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def _blocks(self) -> Iterator[tuple["NDArray[np.int64]", "NDArray[np.bool_]"]]:
        import numpy as np

        raw = prod(self.sizes)
        for start in range(0, raw, _BLOCK):
            flat = np.arange(start, min(start + _BLOCK, raw), dtype=np.int64)
            yield flat, self._valid(flat, None)

    def _digits(self, flat: "NDArray[np.int64]") -> list["NDArray[np.int64]"]:
        digits = []
        for size in reversed(self.sizes):
            digits.append(flat % size)
            flat = flat // size
        return digits[::-1]

    def _valid(self, flat: "NDArray[np.int64]", shares: "NDArray[np.float64] | None") -> "NDArray[np.bool_]":
        import numpy as np

        values: dict[str, Any] = {}
        active: dict[str, NDArray[np.bool_]] = {}
        for at, (p, index) in enumerate(zip(self.parameters, self._digits(flat), strict=True)):
            if p.values is None:
                assert shares is not None
                values[p.name] = _spread(p, shares[:, at])
            else:
                values[p.name] = np.array([number_of(v) for v in p.values])[index]
            active[p.name] = np.ones(len(flat), dtype=bool)
        valid = np.ones(len(flat), dtype=bool)
        pending = [p for p in self.parameters if p.when is not None]
        while pending:  # a condition counts only where those that it mentions are in effect themselves
            waiting = {p.name for p in pending}
            ready = [p for p in pending if p.when and not any(n in waiting for n in p.when.names)]
            for p in ready:
                assert p.when is not None
                known = all(n in values for n in p.when.names)
                on = np.broadcast_to(p.when.value(values), len(flat)) if known else np.zeros(len(flat), bool)
                for name in p.when.names:
                    on = on & active.get(name, False)
                active[p.name] = on
                index = self._digits(flat)[self.parameters.index(p)]
                valid &= on | (index == 0)
            pending = [p for p in pending if p not in ready]
        for constraint in self.constraints:
            names = constraint.holds.names
            if all(n in values for n in names):
                met = np.broadcast_to(constraint.holds.value(values), len(flat))
                for name in names:
                    met = met | ~active[name]
                valid &= met
        return valid

    def _designs(
        self, flat: "NDArray[np.int64]", shares: "NDArray[np.float64] | None"
    ) -> list[dict[str, Value]]:
        columns = [digits.tolist() for digits in self._digits(flat)]
        found = []
        for row, digits in enumerate(zip(*columns, strict=True)):
            chosen: dict[str, Value] = {}
            for at in self._order:
                p = self.parameters[at]
                if p.when is not None:
                    if any(name not in chosen for name in p.when.names):
                        continue
                    if not p.when.value({name: number_of(chosen[name]) for name in p.when.names}):
                        continue
                if p.values is None:
                    assert shares is not None
                    chosen[p.name] = scaled(p, float(shares[row, at]))
                else:
                    chosen[p.name] = p.values[digits[at]]
            found.append(chosen)
        return found

    @cached_property
    def _order(self) -> tuple[int, ...]:
        order: list[int] = []
        placed: set[str] = set()
        own = {p.name for p in self.parameters}
        while len(order) < len(self.parameters):
            for at, p in enumerate(self.parameters):
                waits = p.when is not None and any(n in own and n not in placed for n in p.when.names)
                if p.name not in placed and not waits:
                    placed.add(p.name)
                    order.append(at)
                    break
        return tuple(order)


def _spread(p: Parameter, shares: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    if p.log:
        return np.asarray(np.clip(p.low * (p.high / p.low) ** shares, p.low, p.high))
    return np.asarray(np.clip(p.low + (p.high - p.low) * shares, p.low, p.high))


def _empty(constraints: Sequence[Constraint]) -> InputError:
    names = ", ".join(c.name for c in constraints)
    return InputError(f"no design meets the constraints {names}", field="constraints")
