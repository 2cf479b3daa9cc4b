"""Command slots and timing rules of a memory: names checked, cycles looked up, long commands adjusted."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from arch import device
from arch.errors import FieldError, InputError, Location, unknown
from arch.expression import Expression
from arch.remembering import by_identity

if TYPE_CHECKING:
    from arch.memory import MemorySpec

LONGEST_WAIT = 200_000  # cycles; beyond it the simulator's watchdog could not tell waiting from a deadlock
MOST_RULES = 120


def cycles_at(expression: Expression, timing: Mapping[str, int], path: Location) -> int:
    try:
        return expression.cycles(timing)
    except InputError as error:
        raise FieldError(path, error.message, given=error.given, accepted=error.accepted) from None


def resolve_slots(spec: "MemorySpec", commands: tuple[device.Command, ...]) -> tuple[device.Slot, ...]:
    names = [c.name for c in commands]
    slots: list[device.Slot] = []
    slot_of: dict[str, str] = {}
    for slot, given in spec.bus.items():
        path: Location = ("bus", slot, "commands")
        carried = names if given.commands == "all" else list(given.commands)
        _known(carried, names, path)
        for name in carried:
            if name in slot_of:
                message = f"{name} is already in slot {slot_of[name]}; a command has one slot"
                raise FieldError(path, message, given=given.commands)
            slot_of[name] = slot
        if len(set(given.sources)) != len(given.sources):
            raise FieldError(("bus", slot, "sources"), "named twice", given=given.sources)
        slots.append(device.Slot(slot, tuple(carried), given.sources))
    for name in names:
        if name not in slot_of:
            where = ("bus", slots[0].name, "commands") if len(slots) == 1 else ("bus",)
            raise FieldError(where, f"{name} is in no slot", accepted="each command in exactly one slot")
    # A request whose row was opened is in the queue no more: its column command comes from source active.
    needed = (("open", "queue"), ("refresh", "refresh"), ("read", "active"), ("write", "active"))
    for does, source in needed:
        for command in commands:
            if (
                command.does == does
                and source not in next(s for s in slots if s.name == slot_of[command.name]).sources
            ):
                where = ("bus", slot_of[command.name], "sources")
                given_sources = spec.bus[slot_of[command.name]].sources
                message = f"{command.name} could never issue"
                message += " for a request whose row was opened" if source == "active" else ""
                raise FieldError(where, message, given=list(given_sources), accepted=f"{source} among them")
    return tuple(slots)


def _parts(spec: "MemorySpec", *_: object) -> tuple[object, ...]:
    """All that the rules follow from: timing, commands and slots come from these parts of the spec."""
    s = spec
    clock = s.clock, s.clock_period, s.rounding, s.timing
    return (*clock, s.constraints, s.commands, s.bus, s.requests, s.organization)


@by_identity(_parts)
def resolve_rules(
    spec: "MemorySpec",
    timing: Mapping[str, int],
    commands: tuple[device.Command, ...],
    slots: tuple[device.Slot, ...],
) -> tuple[device.Rule, ...]:
    cycles = {c.name: c.cycles for c in commands}
    rules: list[device.Rule] = []
    for name, given in spec.constraints.items():
        path: Location = ("constraints", name)
        _known(given.after, cycles, (*path, "after"))
        _known(given.before, cycles, (*path, "before"))
        wait = cycles_at(given.wait, timing, (*path, "wait"))
        for rule_set in given.not_in:
            if rule_set != "ramulator21":
                message = unknown("rule set", rule_set, ["ramulator21"])
                raise FieldError((*path, "not_in"), message, given=rule_set, accepted="ramulator21")
        if given.scope == "other_ranks" and given.window > 1:
            message = "a window counts commands of one scope; other_ranks is none"
            raise FieldError((*path, "window"), message, given=given.window, accepted="1")
        if wait > LONGEST_WAIT:
            text = f"{given.wait.text} ({wait} cycles)"
            raise FieldError((*path, "wait"), "", given=text, accepted=f"at most {LONGEST_WAIT} cycles")
        # A command of n cycles takes effect in its last one; `wait` of a Rule counts between first cycles.
        for long_after in sorted({cycles[c] for c in given.after}):
            for long_before in sorted({cycles[c] for c in given.before}):
                rules.append(
                    device.Rule(
                        name,
                        tuple(c for c in given.after if cycles[c] == long_after),
                        tuple(c for c in given.before if cycles[c] == long_before),
                        given.scope,
                        wait + (long_after - 1) - (long_before - 1),
                        given.window,
                        given.label or name,
                        given.not_in,
                    )
                )
    for slot in slots:
        for name in slot.commands:
            if cycles[name] > 1:
                rule = f"{slot.name}_bus_{name}"
                if rule in spec.constraints:
                    message = "this name is kept for the command bus"
                    raise FieldError(("constraints", rule), message, at_key=True)
                rules.append(
                    device.Rule(
                        rule, (name,), slot.commands, "channel", cycles[name], label=f"{slot.name} bus"
                    )
                )
    rules = [rule for rule in rules if rule.wait > 0]
    if len(rules) > MOST_RULES:
        raise FieldError(("constraints",), f"{len(rules)} rules", accepted=f"at most {MOST_RULES}")
    _check_data_bus(spec, commands, slots, rules)
    return tuple(rules)


def _check_data_bus(
    spec: "MemorySpec",
    commands: tuple[device.Command, ...],
    slots: tuple[device.Slot, ...],
    rules: list[device.Rule],
) -> None:
    """Rules must keep the bursts of any two column commands apart that one page policy uses for requests."""
    requests = spec.requests.values()
    policies = {r.command for r in requests}, {r.closing or r.command for r in requests}
    movers = [c for c in commands if c.does in ("read", "write")]
    slot_of = {name: slot.name for slot in slots for name in slot.commands}
    organization = spec.organization
    # Two places as far apart as they can be in one rank, and the rules that hold between them.
    if organization.groups > 1:
        scopes, scope = {"channel", "rank"}, "rank"
    elif organization.banks > 1:
        scopes, scope = {"channel", "rank", "group"}, "rank"
    else:
        scopes, scope = {"channel", "rank", "group", "bank"}, "bank"
    # Where the latencies agree the burst is to blame, so these pairs come first.
    pairs = [(a, b) for a in movers for b in movers if any({a.name, b.name} <= used for used in policies)]
    for first, second in sorted(pairs, key=lambda p: p[0].latency != p[1].latency):
        needed = first.latency + first.burst - second.latency
        sure = 1 if slot_of[first.name] == slot_of[second.name] else 0  # a slot has one command per cycle
        longest = _longest(rules, first, second, scopes)
        wait = max(sure, longest)
        if needed > wait:
            message = f"{first.name} and {second.name} of one rank could collide on the data bus"
            accepted = f"a constraint of scope {scope} that waits {needed} cycles or more"
            if longest == 0:  # a row is missing, such as one of a new command
                message += "; nothing keeps them apart"
                raise FieldError(("constraints",), message, accepted=accepted, at_key=True)
            key = "burst" if first.latency == second.latency else "latency"
            value: int = getattr(first, key)
            expression: Expression | None = getattr(spec.commands[first.name], key)
            text = f"{expression.text} ({value} cycles)" if expression else ""
            most = value - needed + wait
            raise FieldError(
                ("commands", first.name, key),
                f"{message}; constraints keep them {wait} cycles apart",
                given=text,
                accepted=f"at most {most} cycles, or {accepted}" if most > 0 else accepted,
            )
        if organization.ranks == 1:
            continue
        if needed > max(sure, _longest(rules, first, second, {"channel", "other_ranks"})):
            raise FieldError(
                ("organization", "ranks"),
                f"{first.name} and {second.name} of different ranks could collide on the data bus",
                given=organization.ranks,
                accepted=f"1, or a constraint of scope other_ranks that waits {needed} cycles or more",
            )


def slowest(
    rules: Iterable[device.Rule], first: device.Command, second: device.Command, scopes: set[str]
) -> device.Rule | None:
    """The rule of these scopes that keeps two commands apart for longest, windows left out."""
    return max(
        (
            r
            for r in rules
            if r.scope in scopes and r.window == 1 and first.name in r.after and second.name in r.before
        ),
        key=lambda r: r.wait,
        default=None,
    )


def _longest(
    rules: list[device.Rule], first: device.Command, second: device.Command, scopes: set[str]
) -> int:
    """The longest wait between two commands by the rules of these scopes."""
    rule = slowest(rules, first, second, scopes)
    return 0 if rule is None else rule.wait


def _known(names: Iterable[str], known: Iterable[str], path: Location) -> None:
    known = list(known)
    names = list(names)
    for index, name in enumerate(names):
        where = (*path, index) if len(names) > 1 or path[-1] in ("after", "before", "commands") else path
        if name not in known:
            raise FieldError(where, unknown("command", name, known), given=name, accepted=known)
        if name in names[:index]:
            raise FieldError(where, "named twice", given=name)
