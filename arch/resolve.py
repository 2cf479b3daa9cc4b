"""From :class:`arch.memory.MemorySpec` to the resolved :class:`arch.device.Memory`, impossible refused."""

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from arch import device
from arch.address_map import parse_address_map
from arch.controller import resolve_controller
from arch.energy import resolve_energy
from arch.errors import FieldError, InputError, Location, nearest, unknown
from arch.remembering import by_identity
from arch.rules import LONGEST_WAIT, cycles_at, resolve_rules, resolve_slots
from arch.timing import NAMES

if TYPE_CHECKING:
    from arch.memory import MemorySpec

MOST_BANKS = 256  # per channel

_STANDARD: Mapping[str, tuple[device.Does, bool]] = {
    "ACT": ("open", False),
    "PRE": ("close", False),
    "PREA": ("close", False),
    "RD": ("read", False),
    "WR": ("write", False),
    "REFA": ("refresh", False),
}


def resolve_memory(spec: "MemorySpec") -> device.Memory:
    """All facts of a memory.  Raises :class:`FieldError` at the first impossible value."""
    period = _clock_period(spec)
    timing = _timing(spec, period)
    organization = _organization(spec, timing)
    commands = _commands(spec, timing)
    slots = resolve_slots(spec, commands)
    rules = resolve_rules(spec, timing, commands, slots)
    controller = _controller(spec)
    return device.Memory(
        name=spec.name,
        clock_period=period,
        channels=spec.channels,
        organization=organization,
        timing=timing,
        commands=commands,
        rules=rules,
        slots=slots,
        ops=_ops(spec, commands, controller),
        refresh=_refresh(spec, timing, commands, rules, controller),
        energy=resolve_energy(spec, period, timing, commands),
        address_map=_address_map(spec),
        controller=controller,
        front_end=_front_end(spec, controller),
    )


def _clock_period(spec: "MemorySpec") -> Fraction:
    if spec.clock is not None and spec.clock_period is not None:
        raise FieldError(
            ("clock",),
            "the clock is given twice, as clock and as clock_period; write null for the one to drop",
            given=spec.clock.text,
            accepted="exactly one of clock, clock_period",
            at_key=True,
        )
    if spec.clock is not None:
        return 1 / spec.clock.value
    if spec.clock_period is not None:
        return spec.clock_period.value
    raise FieldError((), "no clock", accepted="one of clock: 1.2 GHz, clock_period: 833 ps")


def _timed(spec: "MemorySpec", period: Fraction) -> tuple[object, ...]:
    """All that the timing follows from."""
    used = spec.constraints, spec.commands, spec.refresh
    return (spec.timing, spec.rounding, spec.clock, spec.clock_period, *used)


@by_identity(_timed)
def _timing(spec: "MemorySpec", period: Fraction) -> dict[str, int]:
    rule = spec.rounding.rule()
    timing = {name: duration.cycles(period, rule) for name, duration in spec.timing.items()}
    used = _names_used(spec)
    for name, duration in spec.timing.items():
        if name not in used and name not in NAMES:
            guess = nearest(name, {*NAMES, *used})
            message = "no rule, command or refresh uses this timing"
            message += f'; did you mean "{guess}"?' if guess else ""
            accepted = sorted(used)
            raise FieldError(("timing", name), message, accepted=accepted, at_key=True)
        if timing[name] >= 1 << 31:
            raise FieldError(("timing", name), "too long", given=duration.text, accepted="under 2^31 cycles")
    if "tRC" in timing and timing["tRC"] < timing.get("tRAS", 0):
        raise FieldError(
            ("timing", "tRC"),
            "a row cycle cannot be shorter than the time its row stays open",
            given=f"{spec.timing['tRC'].text} ({timing['tRC']} cycles)",
            accepted=f"at least tRAS, {timing['tRAS']} cycles",
        )
    return timing


def _names_used(spec: "MemorySpec") -> set[str]:
    expressions = [c.wait for c in spec.constraints.values()]
    for command in spec.commands.values():
        expressions += [e for e in (command.latency, command.burst) if e is not None]
    if spec.refresh is not None:
        expressions.append(spec.refresh.interval)
    return {name for e in expressions for name in e.names}


def _organization(spec: "MemorySpec", timing: Mapping[str, int]) -> device.Organization:
    given = spec.organization
    bits, bus = given.transaction.value, given.bus.value
    where = ("organization", "transaction")
    if bits.denominator != 1 or bits % 8:
        raise FieldError(where, "", given=given.transaction.text, accepted="a whole number of bytes")
    if int(bits) & (int(bits) - 1):
        raise FieldError(where, "", given=given.transaction.text, accepted="a power of two of bytes")
    if bus.denominator != 1 or bits % bus:
        message = f"a transaction of {given.transaction.text} is no whole number of transfers on this bus"
        raise FieldError(("organization", "bus"), message, given=given.bus.text)
    result = device.Organization(
        given.ranks, given.groups, given.banks, given.rows, given.columns, int(bits // 8)
    )
    if result.banks_per_channel > MOST_BANKS:
        raise FieldError(
            ("organization", "banks"),
            f"{given.ranks} x {given.groups} x {given.banks} are {result.banks_per_channel} banks in all",
            given=given.banks,
            accepted=f"at most {MOST_BANKS} banks in a channel",
        )
    if spec.channels * result.channel_bytes >= 1 << 62:
        raise FieldError(("organization", "rows"), "the memory is too large", accepted="less than 2^62 bytes")
    return result


@by_identity(lambda spec, timing: (spec.commands, timing))
def _commands(spec: "MemorySpec", timing: Mapping[str, int]) -> tuple[device.Command, ...]:
    codes = dict(device.STANDARD_CODES)
    for name in spec.commands:
        codes.setdefault(name, len(codes))
    result = []
    for name in codes:
        path: Location = ("commands", name)
        given = spec.commands.get(name)
        if given is None:
            raise FieldError(path, "missing", accepted="the six standard commands and others")
        if name in _STANDARD and given.does != _STANDARD[name][0]:
            raise FieldError(
                (*path, "does"), "", given=given.does, accepted=f"{_STANDARD[name][0]}, as {name} does"
            )
        if name in _STANDARD and given.closes:
            raise FieldError(
                (*path, "closes"), "", given=True, accepted=f"false, as {name} leaves its row open"
            )
        column = given.does in ("read", "write")
        moving = given.does in device.MOVING
        values = {}
        for key, expression in (("latency", given.latency), ("burst", given.burst)):
            if moving and expression is None:
                raise FieldError(path, f"{key} is missing; {name} moves data", accepted='such as "tBL"')
            if not moving and expression is not None:
                message = f"only commands that move data have a {key}; {name} does {given.does}"
                raise FieldError((*path, key), message, given=expression.text)
            values[key] = 0 if expression is None else cycles_at(expression, timing, (*path, key))
            if moving and not (key == "burst") <= values[key] <= LONGEST_WAIT:
                text = f"{expression.text} ({values[key]} cycles)" if expression else ""
                accepted = f"{int(key == 'burst')} to {LONGEST_WAIT} cycles"
                raise FieldError((*path, key), "", given=text, accepted=accepted)
        if given.closes and not column:
            raise FieldError((*path, "closes"), "only column commands precharge by themselves", given=True)
        result.append(
            device.Command(
                name, codes[name], given.scope, given.does, given.closes, given.cycles,
                values["latency"], values["burst"],
            )
        )  # fmt: skip
    for name, does in (("ACT", "open"), ("PRE", "close")):
        if not any(c.does == does and c.scope == "bank" for c in result):
            message = f"requests need a command that does {does} on a single bank"
            raise FieldError(
                ("commands", name, "scope"), message, given=spec.commands[name].scope, accepted="bank"
            )
    return tuple(result)


def _ops(
    spec: "MemorySpec", commands: tuple[device.Command, ...], controller: device.Controller
) -> tuple[device.RequestOp, ...]:
    by_name = {c.name: c for c in commands}
    codes = {"READ": 0, "WRITE": 1}
    for name in spec.requests:
        codes.setdefault(name, len(codes))
    ops = []
    for name, code in codes.items():
        path: Location = ("requests", name)
        given = spec.requests.get(name)
        if given is None:
            raise FieldError(path, "missing", accepted="READ, WRITE and others")
        for key, command in (("command", given.command), ("closing", given.closing)):
            if command is None:
                continue
            if command not in by_name:
                raise FieldError(
                    (*path, key), unknown("command", command, by_name), given=command, accepted=by_name
                )
            found = by_name[command]
            if found.does not in ("read", "write") or found.closes != (key == "closing"):
                wanted = "with" if key == "closing" else "without"
                fitting = [
                    c.name for c in commands if c.does in ("read", "write") and c.closes == (key == "closing")
                ]
                accepted = f"a column command {wanted} auto-precharge: {', '.join(fitting)}"
                raise FieldError((*path, key), "", given=command, accepted=accepted)
            wanted_does = {"READ": "read", "WRITE": "write"}.get(name, found.does)
            if found.does != wanted_does:
                raise FieldError(
                    (*path, key), "", given=command, accepted=f"a command that does {wanted_does}"
                )
            if found.scope != "bank":
                message = f"{name} requests use {command}, and a request reads or writes one bank"
                raise FieldError(("commands", command, "scope"), message, given=found.scope, accepted="bank")
        if controller.page_policy != "open" and given.closing is None:
            message = f"missing; page_policy: {controller.page_policy} needs a command with auto-precharge"
            raise FieldError((*path, "closing"), message, accepted="such as RDA")
        ops.append(
            device.RequestOp(
                name, code, given.command, given.closing, given.queue, given.forward, given.coalesce
            )
        )
    if len(ops) > 64:
        raise FieldError(("requests",), f"{len(ops)} kinds of requests", accepted="at most 64")
    return tuple(ops)


def _refresh(
    spec: "MemorySpec",
    timing: Mapping[str, int],
    commands: tuple[device.Command, ...],
    rules: tuple[device.Rule, ...],
    controller: device.Controller,
) -> device.Refresh | None:
    given = spec.refresh
    if given is None:
        if controller.refresh == "all_bank":
            raise FieldError(
                ("refresh",),
                "there is none, but controller.refresh is all_bank",
                accepted="a refresh section, or controller.refresh: none",
            )
        return None
    by_name = {c.name: c for c in commands}
    for key, name, does in (("command", given.command, "refresh"), ("close", given.close, "close")):
        if name not in by_name:
            raise FieldError(
                ("refresh", key), unknown("command", name, by_name), given=name, accepted=by_name
            )
        # Ranks are refreshed one after the other, so a command for the channel fits only where it has one.
        scopes = ("rank", "channel") if spec.organization.ranks == 1 else ("rank",)
        if by_name[name].does != does or by_name[name].scope not in scopes:
            fitting = [c.name for c in commands if c.does == does and c.scope in scopes]
            if by_name[name].does == does and not fitting:
                message = f"refresh.{key} is {name}, and a refresh takes one whole rank"
                raise FieldError(
                    ("commands", name, "scope"), message, given=by_name[name].scope, accepted=scopes
                )
            accepted = f"a command that does {does} on one whole rank: {', '.join(fitting)}"
            raise FieldError(("refresh", key), "", given=name, accepted=accepted)
    interval = cycles_at(given.interval, timing, ("refresh", "interval"))
    taken = max((r.wait for r in rules if given.command in r.after), default=0)
    if interval <= taken:
        raise FieldError(
            ("refresh", "interval"),
            "refreshes would leave no time for anything else",
            given=f"{given.interval.text} ({interval} cycles)",
            accepted=f"more than the {taken} cycles that a refresh takes",
        )
    return device.Refresh(given.command, given.close, interval, given.postpone)


def _controller(spec: "MemorySpec") -> device.Controller:
    controller = resolve_controller(spec.controller.profile, spec.controller.overrides())
    for machines, key, fitting in _ONLY_WITH:
        value = getattr(controller, key)
        if controller.machines == machines and value not in fitting:
            named = key if getattr(spec.controller, key) is not None else "machines"
            message = f"{key}: {value} does not go with machines: {machines}"
            raise FieldError(("controller", named), message, accepted=f"{key}: {', '.join(fitting)}")
    if controller.machines == "bank" and len(spec.bus) > 1:
        raise FieldError(
            ("controller", "machines"),
            f"bank machines share one command bus, and {spec.name} has {len(spec.bus)}",
            given="bank",
            accepted="queue",
        )
    if spec.refresh is not None and controller.refresh_postponed > spec.refresh.postpone:
        raise FieldError(
            ("controller", "refresh_postponed"),
            "more than refresh.postpone, what the standard allows",
            given=controller.refresh_postponed,
            accepted=f"0 to {spec.refresh.postpone}",
        )
    if controller.write_low == 0:
        raise FieldError(
            ("controller", "write_low"),
            "draining of writes would never stop, and reads wait for ever",
            given="0",
            accepted="a share above 0, at most write_high",
        )
    if controller.write_low > controller.write_high:
        given = spec.controller
        key = "write_low" if given.write_low is not None else "write_high"
        value = controller.write_low if key == "write_low" else controller.write_high
        accepted = "write_low at most write_high, from 0 to 1"
        other = (
            f"write_low {float(controller.write_low):g} is above write_high {float(controller.write_high):g}"
        )
        raise FieldError(("controller", key), other, given=f"{float(value):g}", accepted=accepted)
    return controller


_ONLY_WITH = (
    ("queue", "page_policy", ("open", "closed")),
    ("queue", "scheduler", ("fr_fcfs", "row_hit_first", "fifo")),
    ("bank", "scheduler", ("fifo", "fr_fcfs", "fr_fcfs_grp")),
)


def _front_end(spec: "MemorySpec", controller: device.Controller) -> device.FrontEnd:
    given = spec.front_end
    if controller.machines == "bank" and given.streams > 1:
        raise FieldError(
            ("front_end", "streams"), "bank machines take one stream", given=given.streams, accepted="1"
        )
    if controller.machines == "queue" and given.admission != "simple":
        raise FieldError(
            ("front_end", "admission"),
            "only controller.machines: bank limits the transactions without a response",
            given=given.admission,
            accepted="simple",
        )
    return device.FrontEnd(given.mode, given.streams, given.arbiter, given.admission, given.max_active)


def _address_map(spec: "MemorySpec") -> tuple[device.Segment, ...]:
    given = spec.organization
    counts = {
        "channel": spec.channels,
        "rank": given.ranks,
        "group": given.groups,
        "bank": given.banks,
        "row": given.rows,
        "column": given.columns,
    }
    for name, count in counts.items():
        if count & (count - 1) and name != "row":
            key = f"{name}s"
            where = ("channels",) if name == "channel" else ("organization", key)
            raise FieldError(where, "cannot be addressed by bits", given=count, accepted="a power of two")
    try:
        return parse_address_map(spec.address_map, counts)
    except InputError as error:
        raise FieldError(
            ("address_map",), error.message, given=error.given, accepted=error.accepted
        ) from None
