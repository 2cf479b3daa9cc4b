"""Rules that say which designs are the same machine under what is known of the workloads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arch.errors import FieldError, InputError, Location, unknown
from dse.evaluation import Value
from dse.space.parameters import Parameter, plain_value


@dataclass(frozen=True)
class Equivalence:
    """Under a fact of all workloads, values that behave the same and parameters without effect.

    Attributes:
        name: of the rule.
        given: the fact; None for a rule that always holds.
        same: for a parameter, value and the one that stands for it.
        ignore: parameters that have no effect.
    """

    name: str
    given: str | None
    same: tuple[tuple[str, tuple[tuple[Value, Value], ...]], ...] = ()
    ignore: tuple[str, ...] = ()

    def holds(self, facts: Sequence[str]) -> bool:
        """Does it apply where these facts hold?"""
        return self.given is None or self.given in facts

    def written(self) -> dict[str, Any]:
        """Its entry in YAML."""
        entry: dict[str, Any] = {} if self.given is None else {"given": self.given}
        if self.same:
            entry["same"] = {name: dict(pairs) for name, pairs in self.same}
        return entry | ({"ignore": list(self.ignore)} if self.ignore else {})


def read_rule(name: str, entry: object, parameters: Mapping[str, Parameter], path: Location) -> Equivalence:
    """A rule from its entry in YAML.

    Raises:
        FieldError: whatever is wrong, at its place.
    """
    if not isinstance(entry, Mapping):
        accepted = "a map such as {given: reads_only, same: {buffer: {read_write: shared}}}"
        raise FieldError(path, "", given=entry, accepted=accepted)
    known = ("given", "same", "ignore")
    for key in entry:
        if key not in known:
            raise FieldError((*path, key), unknown("key", str(key), known), accepted=known, at_key=True)
    fact = entry.get("given")
    if fact is not None and not isinstance(fact, str):
        raise FieldError((*path, "given"), "", given=fact, accepted="the name of a fact, such as reads_only")
    same, ignore = entry.get("same") or {}, entry.get("ignore") or []
    if not same and not ignore:
        raise FieldError(path, "says nothing", accepted="same or ignore")
    if not isinstance(same, Mapping):
        accepted = "a map such as {buffer: {read_write: shared}}"
        raise FieldError((*path, "same"), "", given=same, accepted=accepted)
    if not isinstance(ignore, list):
        raise FieldError((*path, "ignore"), "", given=ignore, accepted="a list of parameters")
    for i, item in enumerate(ignore):
        if item not in parameters:
            message = unknown("parameter", str(item), parameters)
            raise FieldError((*path, "ignore", i), message, given=item, accepted=parameters)
    pairs = tuple(
        (key, _pairs(key, value, parameters, (*path, "same", key))) for key, value in same.items()
    )
    return Equivalence(name, fact, pairs, tuple(ignore))


def _pairs(
    name: str, entry: object, parameters: Mapping[str, Parameter], path: Location
) -> tuple[tuple[Value, Value], ...]:
    if name not in parameters:
        raise FieldError(path, unknown("parameter", name, parameters), accepted=parameters, at_key=True)
    parameter = parameters[name]
    if parameter.values is None or isinstance(parameter.values, range):
        raise FieldError(path, "only values in a list can be the same", at_key=True)
    if not isinstance(entry, Mapping) or not entry:
        raise FieldError(path, "", given=entry, accepted="a map of value: value that stands for it")
    by_text = {_key(v): v for v in parameter.values}
    pairs = []
    for given, stands in entry.items():
        try:
            value = parameter.checked(by_text.get(given, given))
            representative = parameter.checked(plain_value(stands, (*path, given)))
        except FieldError:
            raise
        except InputError as error:
            at_key = error.given == given
            raise FieldError(
                (*path, given), error.message, given=error.given, accepted=error.accepted, at_key=at_key
            ) from None
        pairs.append((value, representative))
    return tuple(pairs)


def _key(value: Value) -> str:
    """A value as a key of YAML, which is always a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def representatives(
    parameter: Parameter, rules: Sequence[Equivalence], path: Location
) -> dict[Value, Value]:
    """Which value stands for each value that is not its own representative.

    Raises:
        FieldError: two rules disagree, or rules go in a circle.
    """
    steps: dict[Value, Value] = {}
    for rule in rules:
        place = (*path, rule.name, "same", parameter.name)
        for value, stands in dict(rule.same).get(parameter.name, ()):
            if steps.setdefault(value, stands) != stands:
                message = f"{_key(value)} stands for {_key(steps[value])} in another rule"
                raise FieldError((*place, _key(value)), message, given=stands)
            seen = [value]
            while seen[-1] in steps:
                if steps[seen[-1]] in seen:
                    message = f"{_key(value)} stands for itself in the end"
                    raise FieldError((*place, _key(value)), message, given=stands)
                seen.append(steps[seen[-1]])
    final = {}
    for value in steps:
        stands = value
        while stands in steps:
            stands = steps[stands]
        final[value] = stands
    return final
