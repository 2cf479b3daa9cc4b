"""A space as YAML has it: ``space:``, ``constraints:`` and ``equivalent:`` of a study, read and written."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from arch.errors import InputError, dotted, unknown
from arch.yaml_source import Tree
from dse.evaluation import Value
from dse.space.designs import Constraint, Space
from dse.space.expression import Expression, Symbol, parse_expression, symbol_of, unit_powers
from dse.space.parameter import Kind, Parameter

KINDS: tuple[Kind, ...] = ("choice", "ordinal", "integer", "log2", "float")
_MOST = 1 << 20
_RULE_KEYS = ("given", "same", "ignore")


@dataclass(frozen=True)
class Declared:
    """A space, and the constraints that can only be judged by metrics."""

    space: Space
    on_metrics: tuple[Constraint, ...]


def read_space(
    tree: Tree, metrics: Collection[str] = (), facts: Callable[[str], bool] | None = None
) -> Declared:
    """The space that ``tree`` declares under ``space``, ``constraints`` and ``equivalent``.

    Args:
        tree: a study, with its lines.
        metrics: names that constraints may use besides the parameters; with their units, these are checked.
        facts: says whether a fact holds of all workloads, InputError if it is unknown; without, rules with a
            ``given`` are left out.

    Raises:
        InputError: whatever is wrong, with its line.
    """
    return _Reading(tree, metrics, facts).declared()


def space_of(content: Mapping[str, Any]) -> Space:
    """The space of a map with ``space`` and, if need be, ``constraints`` and ``equivalent``."""
    return read_space(Tree(dict(content))).space


def as_mapping(space: Space) -> dict[str, Any]:
    """The space as plain values, such that :func:`space_of` gives it back."""
    content: dict[str, Any] = {"space": {p.name: _plain(p) for p in space.parameters}}
    if space.constraints:
        content["constraints"] = {c.name: c.holds.text for c in space.constraints}
    rule: dict[str, Any] = {}
    if space.same:
        rule["same"] = {name: dict(pairs) for name, pairs in space.same.items()}
    if space.ignored:
        rule["ignore"] = [p.name for p in space.parameters if p.name in space.ignored]
    if rule:
        content["equivalent"] = {"always": rule}
    return content


def _plain(p: Parameter) -> dict[str, Any]:
    kind: dict[str, Any]
    if p.values is None:
        kind = {"float": [p.low, p.high], **({"scale": "log"} if p.log else {})}
    elif p.kind == "log2":
        kind = {"log2": [p.values[0], p.values[-1]]}
    elif p.kind == "integer":
        step = {} if len(p.values) == 1 else {"step": int(p.values[1]) - int(p.values[0])}
        kind = {"integer": {"from": p.values[0], "to": p.values[-1], **step}}
    else:
        kind = {p.kind: list(p.values)}
    path = {} if p.paths == (p.name,) else {"path": list(p.paths) if len(p.paths) > 1 else p.paths[0]}
    return {**path, **kind, **({} if p.when is None else {"when": p.when.text})}


class _Reading:
    def __init__(self, tree: Tree, metrics: Collection[str], facts: Callable[[str], bool] | None) -> None:
        self.tree, self.metrics, self.facts = tree, metrics, facts
        self.content: dict[str, Any] = tree.data

    def error(self, path: tuple[str | int, ...], message: str, **details: Any) -> InputError:
        mark = self.tree.mark(path)
        file, line = (None, None) if mark is None else (mark.file, mark.line)
        return InputError(message, file=file, line=line, field=dotted(path), **details)

    def moved(self, path: tuple[str | int, ...], error: InputError) -> InputError:
        details = {} if error.accepted is None else {"accepted": error.accepted}
        return self.error(path, error.message, given=error.given, **details)

    def section(self, name: str) -> dict[str, Any]:
        given = self.content.get(name)
        if given is None:
            return {}
        if not isinstance(given, dict):
            raise self.error((name,), "", given=given, accepted="a map of names")
        return given

    def declared(self) -> Declared:
        section = self.section("space")
        if not section:
            raise self.error(("space",), "no parameters", accepted="at least one parameter")
        for name in section:
            if not name.isidentifier() or name in ("and", "or", "not", "in", "min", "max", "true", "false"):
                raise self.error(("space", name), "is not a name", accepted="letters, digits, _")
            if name in self.metrics:
                raise self.error(("space", name), f"{name} is the name of a metric", accepted="another name")
        bare = {name: self.parameter(name, given) for name, given in section.items()}
        parameters = []
        for name, p in bare.items():
            given = section[name]
            when = given.get("when") if isinstance(given, dict) else None
            if when is not None:
                others = [n for n in bare if n != name]
                p = Parameter(
                    p.name, p.kind, p.values, p.low, p.high, p.log, p.paths,
                    self.expression(("space", name, "when"), when, others, bare),
                )  # fmt: skip
            parameters.append(p)
        within, beyond = self.constraints(bare)
        same, ignored = self.rules(bare)
        try:
            space = Space(tuple(parameters), within, same, ignored)
        except InputError as error:
            raise self.error(("space", error.field or "", "when"), error.message) from None
        self.effective(space)
        self.possible(space)
        return Declared(space, beyond)

    def parameter(self, name: str, given: Any) -> Parameter:
        path: tuple[str | int, ...] = ("space", name)
        if not isinstance(given, dict):
            raise self.error(path, "", given=given, accepted=f"a map with one of {', '.join(KINDS)}")
        known = (*KINDS, "path", "when", "scale")
        for key in given:
            if key not in known:
                raise self.error((*path, key), unknown("key", key, known))
        kinds = [kind for kind in KINDS if kind in given]
        if len(kinds) != 1:
            said = f"{' and '.join(kinds)} at a time" if kinds else "says no values"
            raise self.error(path, said, accepted=f"one of {', '.join(KINDS)}")
        kind = kinds[0]
        paths = given.get("path", name)
        paths = tuple(paths) if isinstance(paths, list) else (paths,)
        if not paths or not all(isinstance(p, str) and p for p in paths):
            raise self.error(
                (*path, "path"), "", given=given["path"], accepted="a dotted key, or a list of them"
            )
        if "scale" in given and (kind != "float" or given["scale"] not in ("linear", "log")):
            raise self.error((*path, "scale"), "", given=given["scale"], accepted="linear or log, of a float")
        at = (*path, kind)
        if kind == "float":
            low, high = self.bounds(at, given[kind], float)
            log = given.get("scale") == "log"
            if log and low <= 0:
                raise self.error(
                    at, "", given=given[kind], accepted="a low end above 0 where the scale is log"
                )
            return Parameter(name, kind, None, low, high, log, paths)
        return Parameter(name, kind, self.values(at, kind, given[kind]), paths=paths)

    def values(self, at: tuple[str | int, ...], kind: Kind, given: Any) -> tuple[Value, ...]:
        if kind in ("choice", "ordinal"):
            if not isinstance(given, list) or not given:
                raise self.error(at, "", given=given, accepted="a list of values")
            values = [self.scalar((*at, n), v) for n, v in enumerate(given)]
            for n, value in enumerate(values):
                if any(v == value and isinstance(v, bool) == isinstance(value, bool) for v in values[:n]):
                    raise self.error((*at, n), "the same value twice", given=value)
            return tuple(values)
        step = 1
        if kind == "integer" and isinstance(given, dict):
            for key in given:
                if key not in ("from", "to", "step"):
                    raise self.error((*at, key), unknown("key", key, ("from", "to", "step")))
            step = given.get("step", 1)
            if isinstance(step, bool) or not isinstance(step, int) or step < 1:
                raise self.error((*at, "step"), "", given=step, accepted="a whole number from 1")
            given = [given.get("from"), given.get("to")]
        low, high = self.bounds(at, given, int)
        if kind == "log2":
            if low < 1 or low & (low - 1) or high & (high - 1):
                raise self.error(at, "", given=given, accepted="two powers of two, such as [1, 128]")
            return tuple(1 << n for n in range(low.bit_length() - 1, high.bit_length()))
        if (high - low) // step >= _MOST:
            raise self.error(at, "more than a million values", accepted="a larger step, or float")
        return tuple(range(low, high + 1, step))

    def bounds(self, at: tuple[str | int, ...], given: Any, kind: type) -> tuple[Any, Any]:
        accepted = f"two {'whole ' if kind is int else ''}numbers, [least, greatest]"
        if not isinstance(given, list) or len(given) != 2:
            raise self.error(at, "", given=given, accepted=accepted)
        found = [self.scalar((*at, n), v) for n, v in enumerate(given)]
        wrong = [v for v in found if isinstance(v, str | bool) or (kind is int and not isinstance(v, int))]
        if wrong or found[0] > found[1]:  # type: ignore[operator]
            raise self.error(at, "", given=given, accepted=accepted)
        return kind(found[0]), kind(found[1])

    def scalar(self, at: tuple[str | int, ...], value: Any) -> Value:
        if isinstance(value, bool | int | str):
            return value
        try:
            if isinstance(value, dict | list) or value is None:
                raise TypeError
            number = float(Fraction(value) if not isinstance(value, float) else value)
        except (TypeError, ValueError):
            raise self.error(at, "", given=value, accepted="a number, a text, true or false") from None
        return number

    def expression(
        self, at: tuple[str | int, ...], given: Any, names: Collection[str], bare: Mapping[str, Parameter]
    ) -> Expression:
        words = {v for p in bare.values() for v in p.values or () if isinstance(v, str)}
        symbols = {name: symbol_of(p.values or (0.5,)) for name, p in bare.items()}
        if isinstance(self.metrics, Mapping):
            symbols |= {n: Symbol("number", unit_powers(u)[1], u) for n, u in self.metrics.items()}
        try:
            return parse_expression(given, names, words, symbols)
        except InputError as error:
            raise self.moved(at, error) from None

    def constraints(
        self, bare: Mapping[str, Parameter]
    ) -> tuple[tuple[Constraint, ...], tuple[Constraint, ...]]:
        within: list[Constraint] = []
        beyond: list[Constraint] = []
        for name, given in self.section("constraints").items():
            holds = self.expression(("constraints", name), given, [*bare, *self.metrics], bare)
            if not holds.names:
                raise self.error(("constraints", name), "mentions no parameter and no metric", given=given)
            on_metrics = any(n in self.metrics for n in holds.names)
            (beyond if on_metrics else within).append(Constraint(name, holds))
        return tuple(within), tuple(beyond)

    def rules(self, bare: Mapping[str, Parameter]) -> tuple[dict[str, dict[Value, Value]], frozenset[str]]:
        same: dict[str, dict[Value, Value]] = {}
        ignored: set[str] = set()
        for name, rule in self.section("equivalent").items():
            path: tuple[str | int, ...] = ("equivalent", name)
            if not isinstance(rule, dict):
                raise self.error(path, "", given=rule, accepted="a map with same or ignore, and given")
            for key in rule:
                if key not in _RULE_KEYS:
                    raise self.error((*path, key), unknown("key", key, _RULE_KEYS))
            holds = True
            if "given" in rule:
                try:
                    holds = self.facts is not None and self.facts(rule["given"])
                except InputError as error:
                    raise self.moved((*path, "given"), error) from None
            for parameter, pairs in self.same((*path, "same"), rule.get("same"), bare).items():
                if holds:
                    self.agreed((*path, "same", parameter), same.setdefault(parameter, {}), pairs)
            for n, parameter in enumerate(rule.get("ignore") or ()):
                if parameter not in bare:
                    raise self.error((*path, "ignore", n), unknown("parameter", str(parameter), bare))
                if holds:
                    ignored.add(parameter)
        for parameter, pairs in same.items():
            for value in pairs:
                seen = {value}
                while (value := pairs.get(value, value)) in pairs:
                    if value in seen:
                        raise self.error(("equivalent",), f"values of {parameter} stand for each other")
                    seen.add(value)
        return same, frozenset(ignored)

    def agreed(
        self, path: tuple[str | int, ...], known: dict[Value, Value], pairs: Mapping[Value, Value]
    ) -> None:
        """Add the pairs of a rule to those of the rules before."""
        for value, other in pairs.items():
            if known.setdefault(value, other) != other:
                raise self.error(path, f"{known[value]} stands for {value} in another rule", given=other)

    def effective(self, space: Space) -> None:
        """Refuse to ignore what decides about other parameters or about what is allowed."""
        users = [(f"the condition of {p.name}", p.when.names) for p in space.parameters if p.when]
        users += [(f"the constraint {c.name}", c.holds.names) for c in space.constraints]
        for name in sorted(space.ignored):
            for user, names in users:
                if name in names:
                    raise self.error(("equivalent",), f"{name} is ignored, but {user} depends on it")

    def same(
        self, path: tuple[str | int, ...], given: Any, bare: Mapping[str, Parameter]
    ) -> dict[str, dict[Value, Value]]:
        found: dict[str, dict[Value, Value]] = {}
        for parameter, pairs in (given or {}).items():
            if parameter not in bare:
                raise self.error((*path, parameter), unknown("parameter", parameter, bare))
            if not isinstance(pairs, dict):
                raise self.error((*path, parameter), "", given=pairs, accepted="a map {value: stands for}")
            found[parameter] = {}
            for value, other in pairs.items():
                try:
                    p = bare[parameter]
                    key = next((v for v in p.values or () if str(v) == str(value)), value)
                    found[parameter][p.check(key)] = p.check(other)
                except InputError as error:
                    raise self.moved((*path, parameter), error) from None
        return found

    def possible(self, space: Space) -> None:
        """Refuse a space without any design, and conditions that never hold."""
        import numpy as np

        for p in space.parameters:
            if p.when is not None and p.name not in space.ignored and not _reachable(space, p):
                raise self.error(
                    ("space", p.name, "when"),
                    f"never holds, so that {p.name} has no effect",
                    given=p.when.text,
                )
        try:
            space.sample(np.random.default_rng(0), 1)
        except InputError as error:
            raise self.error(("constraints",), error.message) from None


def _reachable(space: Space, p: Parameter) -> bool:
    """Can the condition of ``p`` hold?  Tried on the grid of the parameters that it mentions."""
    from itertools import islice, product

    assert p.when is not None
    mentioned = [space.by_name[name] for name in p.when.names]
    if any(m.values is None for m in mentioned):
        return True
    free = {f.name: f for f in space.free}
    grid = product(*((free[m.name].values or ()) if m.name in free else () for m in mentioned))
    from dse.space.expression import number_of

    names = [m.name for m in mentioned]
    chosen = (dict(zip(names, map(number_of, values), strict=True)) for values in islice(grid, 100_000))
    return any(bool(p.when.value(values)) for values in chosen)
