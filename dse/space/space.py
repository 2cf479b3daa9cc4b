"""A space of designs: typed parameters, when they matter, what is forbidden, and what is the same machine."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from arch.errors import FieldError, InputError, Location, unknown
from dse.evaluation import Config, Value
from dse.space.counting import Block, Column, Component
from dse.space.equivalence import Equivalence, read_rule, representatives
from dse.space.meaning import Expression, measure, mentioned, understand
from dse.space.parameters import Parameter, read_parameter, written

_DRAWS = 50_000
_ROUNDS = 40


class Space:
    """Designs by parameter name; every design has one canonical form.

    A parameter whose condition is false, or mentions an inactive parameter, is *inactive*: canonical designs
    lack it.  A constraint holds wherever one of its parameters is inactive.

    Attributes:
        parameters: in the order of declaration; conditions mention earlier ones only.
        constraints: by name, over parameters; designs that break one are never asked for.
        rules: which designs are the same machine, whether they hold here or not.
        facts: what is known of all workloads, which makes rules hold.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        constraints: Mapping[str, Expression] | None = None,
        rules: Sequence[Equivalence] = (),
        facts: Sequence[str] = (),
    ) -> None:
        self.parameters = tuple(parameters)
        self.constraints = dict(constraints or {})
        self.rules = tuple(rules)
        self.facts = tuple(facts)
        self._by_name = {p.name: p for p in self.parameters}
        applied = [rule for rule in self.rules if rule.holds(self.facts)]
        self.ignored = frozenset(chain.from_iterable(rule.ignore for rule in applied))
        """Parameters that have no effect on these workloads."""
        self._stand_ins = {
            p.name: representatives(p, applied, ("equivalent",)) for p in self.parameters if p.values is not None
        }
        self._active: dict[tuple[str, ...], dict[tuple[Value, ...], bool]] = {}
        self._check_ignored()

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], facts: Sequence[str] | None = None) -> "Space":
        """A space from the keys ``space``, ``constraints``, ``equivalent`` (and ``facts``) of plain YAML.

        Raises:
            FieldError: whatever is wrong, at its place in ``given``: an unreadable entry, an unknown name or
                value, units that do not go together, a parameter that is never active, no allowed design.
        """
        space = cls._read(given, given.get("facts") or () if facts is None else facts)
        space.check()
        return space

    @classmethod
    def _read(cls, given: Mapping[str, Any], facts: Sequence[str]) -> "Space":
        entries = _map(given.get("space"), ("space",), "parameters such as page_policy: {choice: [open, closed]}")
        if not entries:
            raise FieldError(("space",), "no parameters", given=entries)
        parameters: dict[str, Parameter] = {}
        for name, entry in entries.items():
            parameter, when = read_parameter(str(name), entry, ("space", name))
            if when is not None:
                condition = _condition(when, name, parameters, entries, ("space", name, "when"))
                parameter = _with_condition(parameter, condition)
            parameters[parameter.name] = parameter
        scope = {p.name: p.symbol for p in parameters.values()}
        constraints = {}
        for name, entry in _map(given.get("constraints") or {}, ("constraints",), "name: expression").items():
            path = ("constraints", name)
            constraints[str(name)] = _placed(entry, scope, path)
            if not constraints[str(name)].names:
                raise FieldError(path, "mentions no parameter", given=entry, accepted=tuple(scope))
        rules = [
            read_rule(str(name), entry, parameters, ("equivalent", name))
            for name, entry in _map(given.get("equivalent") or {}, ("equivalent",), "name: rule").items()
        ]
        return cls(tuple(parameters.values()), constraints, rules, facts)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values that :meth:`from_mapping` makes an equal space of."""
        result: dict[str, Any] = {"space": {p.name: written(p) for p in self.parameters}}
        if self.constraints:
            result["constraints"] = {name: c.text for name, c in self.constraints.items()}
        if self.rules:
            result["equivalent"] = {rule.name: rule.written() for rule in self.rules}
        return result | ({"facts": list(self.facts)} if self.facts else {})

    def to_yaml(self) -> str:
        """YAML of :meth:`to_mapping`."""
        import yaml

        return yaml.safe_dump(self.to_mapping(), sort_keys=False, allow_unicode=True, width=1000)

    @classmethod
    def from_yaml(cls, text: str) -> "Space":
        """The inverse of :meth:`to_yaml`; InputError with the line for what is wrong."""
        from arch.validation import located
        from arch.yaml_source import parse

        tree = parse(text, "space")
        try:
            return cls.from_mapping(_map(tree.data, (), "the key space"))
        except FieldError as error:
            raise located(error, tree) from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.to_mapping() == other.to_mapping()

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all parameters, in order of declaration."""
        return tuple(self._by_name)

    def values_of(self, name: str) -> Sequence[Value] | None:
        """The values that canonical designs may have, in order; None for floats."""
        parameter, stand_ins = self._by_name[name], self._stand_ins.get(name)
        if not stand_ins or parameter.values is None:
            return parameter.values
        return tuple(v for v in parameter.values if v not in stand_ins)

    def canonical(self, config: Config) -> dict[str, Value]:
        """The design without what has no effect, in order of declaration.

        Raises:
            InputError: an unknown name or value, or an active parameter without one.
        """
        for name, value in config.items():
            if name not in self._by_name:
                raise InputError(unknown("parameter", str(name), self._by_name), given=name, accepted=self.names)
            self._by_name[name].checked(value)
        result: dict[str, Value] = {}
        for parameter in self.parameters:
            name = parameter.name
            if name in self.ignored or not self._is_active(parameter, result):
                continue
            if name not in config:
                raise InputError("has no value", field=name, accepted=parameter.accepted)
            value = parameter.checked(config[name])
            result[name] = self._stand_ins.get(name, {}).get(value, value)
        return result

    def allowed(self, config: Config) -> bool:
        """Do the constraints on parameters hold?  Raises InputError as :meth:`canonical` does."""
        return not self.broken(config)

    def broken(self, config: Config) -> tuple[str, ...]:
        """Names of the constraints that a design breaks."""
        if not self.constraints:
            self.canonical(config)
            return ()
        canonical = self.canonical(config)
        return tuple(
            name
            for name, constraint in self.constraints.items()
            if all(n in canonical for n in constraint.names)
            and not bool(constraint.holds(self._measured(constraint.names, canonical)))
        )

    def size(self) -> int | None:
        """Exact number of canonical allowed designs; None if one of the parameters is a float."""
        if any(p.values is None and p.name not in self.ignored for p in self.parameters):
            return None
        product = 1
        for component in self._components:
            product *= component.count
        return product

    def raw_size(self) -> int | None:
        """Number of combinations of all values, whether they matter, are the same, are allowed or not."""
        product = 1
        for parameter in self.parameters:
            if parameter.values is None:
                return None
            product *= len(parameter.values)
        return product

    def __iter__(self) -> Iterator[dict[str, Value]]:
        """All canonical allowed designs, the first parameter slowest; made as they are asked for.

        Raises:
            InputError: one of the parameters is a float.
        """
        for parameter in self._effective:
            if parameter.values is None:
                message = "a float has no end of values; give it a list to go through all designs"
                raise InputError(message, field=parameter.name)
        columns = [self._column(p) for p in self._effective]
        whole = Component(columns, list(self.constraints.values()), tied=False)
        rows = 1 << 8
        for block in whole.blocks(max(rows, *(c.size for c in columns)) if columns else rows):
            yield from self._configs(block, len(block["origin"]))

    def sample(self, rng: np.random.Generator, n: int) -> list[dict[str, Value]]:
        """``n`` designs drawn from the canonical allowed ones, each with the same chance, with replacement.

        Floats are drawn evenly over their scale, and count as one value among designs that lack them.
        """
        if n == 0:
            return []
        block: Block = {}
        floats: dict[str, Any] = {}
        for component in self._components:
            own = [c.name for c in component.columns.values() if c.values is None]
            drawn, shares = self._drawn(component, own, rng, n)
            block |= drawn
            floats |= shares
        return self._configs(block, n, floats)

    def check(self) -> None:
        """Raises FieldError if there is no allowed design, or none in which some parameter is active."""
        for component in self._components:
            waiting = {c.name for c in component.columns.values() if c.when is not None}
            found = False
            for block in component.blocks():
                rows = len(block["origin"])
                found = True
                for name in sorted(waiting):
                    if component.active(component.columns[name], block, rows).any():
                        waiting.discard(name)
                if not waiting:
                    break
            if not found:
                raise self._impossible(component)
            for parameter in self.parameters:
                if parameter.name in waiting and parameter.when is not None:
                    message = "contradicts itself or what it depends on: the parameter is never active"
                    raise FieldError(("space", parameter.name, "when"), message, given=parameter.when.text)
            if self._late(component):
                own = [c.name for c in component.columns.values() if c.values is None]
                self._drawn(component, own, np.random.default_rng(0), 1)

    @property
    def _effective(self) -> list[Parameter]:
        return [p for p in self.parameters if p.name not in self.ignored]

    @cached_property
    def _components(self) -> list[Component]:
        effective = self._effective
        group = {p.name: p.name for p in effective}

        def root(name: str) -> str:
            while group[name] != name:
                name = group[name]
            return name

        ties = [(p.name, *p.when.names) for p in effective if p.when]
        for first, *others in ties + [c.names for c in self.constraints.values()]:
            for other in others:
                group[root(other)] = root(first)
        components = []
        for name in group:
            members = [p for p in effective if root(p.name) == name]
            if members:
                own = {p.name for p in members}
                inside = [c for c in self.constraints.values() if c.names[0] in own]
                settled = [c for c in inside if all(self._by_name[n].values is not None for n in c.names)]
                components.append(Component([self._column(p) for p in members], settled))
        return components

    def _late(self, component: Component) -> list[Expression]:
        """Constraints that can only be told once floats are drawn."""
        own = set(component.columns)
        return [
            c
            for c in self.constraints.values()
            if c.names[0] in own and any(self._by_name[n].values is None for n in c.names)
        ]

    def _drawn(
        self, component: Component, floats: list[str], rng: np.random.Generator, n: int
    ) -> tuple[Block, dict[str, Any]]:
        late = self._late(component)
        if not late:
            block = component.draw(rng, n)
            return block, {name: rng.random(n) for name in floats}
        parts: list[tuple[Block, dict[str, Any]]] = []
        have = 0
        for turn in range(_ROUNDS):
            size = min(_DRAWS, max(64, 2 * n) << turn)
            block, shares = component.draw(rng, size), {name: rng.random(size) for name in floats}
            kept = np.ones(size, dtype=bool)
            for constraint in late:
                free = np.zeros(size, dtype=bool)
                for name in constraint.names:
                    free |= block[name] < 0
                values = {m: self._drawn_measures(m, component, block, shares) for m in constraint.names}
                kept &= free | np.asarray(constraint.holds(values), dtype=bool)
            parts.append(
                ({k: v[kept] for k, v in block.items()}, {k: v[kept] for k, v in shares.items()})
            )
            have += int(kept.sum())
            if have >= n:
                join = [{k: np.concatenate([p[i][k] for p in parts])[:n] for k in parts[0][i]} for i in (0, 1)]
                return join[0], join[1]
        raise self._impossible(component)

    def _drawn_measures(self, name: str, component: Component, block: Block, shares: dict[str, Any]) -> Any:
        if name not in shares:
            return component.columns[name].measures[block[name]]
        parameter = self._by_name[name]
        return np.array([measure(parameter.symbol, parameter.value_at(s)) for s in shares[name]])

    def _impossible(self, component: Component) -> FieldError:
        own = set(component.columns)
        names = [name for name, c in self.constraints.items() if c.names[0] in own]
        path: Location = ("constraints", names[0]) if len(names) == 1 else ("constraints",)
        which = names[0] if len(names) == 1 else " and ".join(names)
        return FieldError(path, f"no design is allowed by {which}", at_key=True)

    def _column(self, parameter: Parameter) -> Column:
        values = self.values_of(parameter.name)
        if values is None:
            return Column(parameter.name, None, np.zeros(1), 1, parameter.when)
        measures = parameter.measures()
        if values is not parameter.values:
            measures = measures[[parameter.index(v) for v in values]]
        return Column(parameter.name, values, measures, len(values), parameter.when)

    def _configs(self, block: Block, n: int, floats: Mapping[str, Any] | None = None) -> list[dict[str, Value]]:
        designs: list[dict[str, Value]] = [{} for _ in range(n)]
        for parameter in self._effective:
            name = parameter.name
            values = self.values_of(name)
            indices = block[name].tolist()
            if values is None:
                assert floats is not None
                for design, index, share in zip(designs, indices, floats[name].tolist(), strict=True):
                    if index >= 0:
                        design[name] = parameter.value_at(share)
                continue
            for design, index in zip(designs, indices, strict=True):
                if index >= 0:
                    design[name] = values[index]
        return designs

    def _is_active(self, parameter: Parameter, config: Mapping[str, Value]) -> bool:
        when = parameter.when
        if when is None:
            return True
        if any(name not in config for name in when.names):
            return False
        key = tuple(config[name] for name in when.names)
        known = self._active.setdefault((parameter.name,), {})
        if key not in known:
            known[key] = bool(when.holds(self._measured(when.names, config)))
        return known[key]

    def _measured(self, names: Sequence[str], config: Mapping[str, Value]) -> dict[str, Any]:
        return {name: measure(self._by_name[name].symbol, config[name]) for name in names}

    def _check_ignored(self) -> None:
        """What is ignored cannot decide about other parameters or about what is allowed."""
        users = [(f"the condition of {p.name}", p.when) for p in self.parameters if p.when]
        users += [(f"the constraint {name}", c) for name, c in self.constraints.items()]
        for rule in self.rules:
            for i, name in enumerate(rule.ignore):
                for what, expression in users:
                    if name in expression.names and rule.holds(self.facts):
                        message = f"{what} depends on it, so that it has an effect"
                        raise FieldError(("equivalent", rule.name, "ignore", i), message, given=name)


def _map(given: object, path: Location, accepted: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        if given is None:
            raise FieldError(path[:-1], f"{path[-1]} is missing" if path else "empty", accepted=f"a map of {accepted}")
        raise FieldError(path, "", given=given, accepted=f"a map of {accepted}")
    return given


def _condition(
    given: object, name: str, above: Mapping[str, Parameter], entries: Mapping[str, Any], path: Location
) -> Expression:
    scope = {p.name: p.symbol for p in above.values()}
    later = [n for n in entries if n not in above]
    try:
        missing = mentioned(given, later)
    except InputError:
        missing = set()  # said better below
    values = {str(v) for p in above.values() for v in p.symbol.values}
    for other in later:
        if other in missing and other not in values:
            message = "depends on itself" if other == name else f"{other} stands below; put it above"
            raise FieldError(path, message, given=given, accepted=tuple(scope) or None)
    condition = _placed(given, scope, path)
    if not condition.names:
        raise FieldError(path, "mentions no parameter above", given=given, accepted=tuple(scope) or None)
    for other in condition.names:
        if above[other].values is None:
            raise FieldError(path, f"{other} is a float; a condition needs one with listed values", given=given)
    return condition


def _placed(given: object, scope: Mapping[str, Any], path: Location) -> Expression:
    try:
        return understand(given, scope)
    except FieldError:
        raise
    except InputError as error:
        raise FieldError(path, error.message, given=error.given, accepted=error.accepted) from None


def _with_condition(parameter: Parameter, condition: Expression) -> Parameter:
    from dataclasses import replace

    return replace(parameter, when=condition)
