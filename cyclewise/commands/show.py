"""``cyclewise show SYSTEM``: a system completely, with ns and cycles side by side and the sources."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cyclewise.terminal import print_json, say, table

if TYPE_CHECKING:
    from arch import System
    from arch.show import ShownValue

EXAMPLE = 'Example: cyclewise show ddr4_2400 --set "timing.tFAW=16 nCK"'


def command(
    system: Annotated[str, typer.Argument(help="Library name or YAML file.", metavar="SYSTEM")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one key first.", metavar="KEY=VALUE")
    ] = None,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="As YAML that loads again to the same system.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """The resolved system: every value in ns and cycles, with its source, and every timing rule."""
    import arch
    from arch.show import show
    from cyclewise.simulation import split_settings

    if yaml and json:
        raise typer.BadParameter("--yaml and --json exclude each other")
    loaded = arch.load(system, split_settings(set_ or [], only_system=True).system)
    if yaml:
        say(loaded.to_yaml().rstrip("\n"))
        return
    shown = show(loaded)
    values = [*shown.values, *_derived(loaded)]
    if json:
        print_json(
            {
                "name": shown.name,
                "title": shown.title,
                "kind": loaded.kind,
                "digest": loaded.digest(),
                "values": [value._asdict() for value in values],
                "rules": [rule._asdict() for rule in shown.rules],
                "profiles": _profiles(loaded),
            }
        )
        return
    say(f"{shown.name}: {shown.title}" if shown.title else shown.name)
    say()
    table(
        ["key", "given", "ns", "cycles", "source", "confidence"],
        [(v.key, v.given, v.ns, v.cycles, v.source, v.confidence) for v in values],
        numbers=("ns", "cycles"),
    )
    if shown.rules:
        say()
        table(
            ["rule", "after", "before", "scope", "window", "wait", "ns", "not in"],
            [
                (r.name, ", ".join(r.after), ", ".join(r.before), r.scope, r.window if r.window > 1 else "")
                + (r.wait, r.ns, ", ".join(r.not_in))
                for r in shown.rules
            ],
            numbers=("window", "wait", "ns"),
        )
    profiles = _profiles(loaded)
    if profiles:
        say()
        keys = list(next(iter(profiles.values())))
        table(
            ["controller", *profiles],
            [(key, *(str(keys_of[key]).lower() for keys_of in profiles.values())) for key in keys],
        )


def _derived(system: "System") -> "list[ShownValue]":
    """Cycles that a machine works out from its other keys, such as those of a burst and of a MAC column."""
    if system.kind != "pim":
        return []
    from arch.show import ShownValue
    from arch.units import decimal_text

    memory = system.spec.resolve().memory
    given = system.spec.dram.timing
    return [
        ShownValue(
            f"dram.timing.{name} (derived)",
            f"{cycles} nCK",
            decimal_text(cycles * memory.clock_period * 10**9),
            cycles,
            "from the machine's keys",
            "derived",
        )
        for name, cycles in memory.timing.items()
        if name not in given
    ]


def _profiles(system: "System") -> dict[str, dict[str, Any]]:
    """The controller keys of this system and, beside them, of each profile; empty if it has no controller."""
    if system.kind != "memory":
        return {}
    from dataclasses import fields
    from fractions import Fraction

    from arch.controller import profiles

    def plain(value: Any) -> Any:
        return float(value) if isinstance(value, Fraction) else value

    controller = system.spec.resolve().controller
    keys = [field.name for field in fields(controller) if field.name != "profile"]
    here = {key: plain(getattr(controller, key)) for key in keys}
    others = {name: {key: plain(given[key]) for key in keys} for name, given in profiles().items()}
    return {f"here: {controller.profile}": here, **others}
