"""``cyclewise check SYSTEM FILE``: would the device have accepted these commands?"""

from typing import TYPE_CHECKING, Annotated

import typer

from cyclewise.terminal import print_json, printable, say, table

if TYPE_CHECKING:
    from sim.dram import checker

EXAMPLE = "Example: cyclewise check ddr4_2400 commands.npz"


def command(
    system: Annotated[str, typer.Argument(help="The memory: library name or YAML file.", metavar="SYSTEM")],
    file: Annotated[
        str, typer.Argument(help="Command streams: .npz of run --commands, or CSV.", metavar="FILE")
    ],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one key of the memory.", metavar="KEY=VALUE")
    ] = None,
    rules: Annotated[
        str, typer.Option("--rule-set", help="jedec: every rule; ramulator21: without those it lacks.")
    ] = "jedec",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Replay command streams against the rules of a memory: exit 1 if one is broken."""
    import arch
    from cyclewise.simulation import split_settings
    from sim.dram import checker
    from sim.dram.command_file import read_command_file

    loaded = arch.load(system, split_settings(set_ or [], only_system=True).system)
    resolved = loaded.spec.resolve()
    memory = getattr(resolved, "memory", resolved)
    known = ("jedec", *sorted({name for rule in memory.rules for name in rule.not_in} | {"ramulator21"}))
    if rules not in known:
        raise arch.InputError("", field="--rule-set", given=rules, accepted=known)
    excerpt = not file.endswith(".npz")
    streams = read_command_file(file, memory)
    # The sequences of a CSV are not channels: each of them begins anew.
    if not excerpt and len(streams) > memory.channels:
        raise arch.InputError(
            f"holds more streams than {loaded.name} has channels",
            file=file,
            given=len(streams),
            accepted=f"{memory.channels}, or another number of channels: --set channels=N",
        )
    results = {}
    for name, stream in streams.items():
        try:
            results[name] = checker.check(memory, stream, rules=rules, drained=not excerpt)
        except ValueError as error:
            raise arch.InputError(str(error), file=file, field=name) from error
    ok = all(result.ok for result in results.values())
    if json:
        print_json({"ok": ok, "streams": {name: result.to_dict() for name, result in results.items()}})
    else:
        for name, result in results.items():
            _tell(name if len(results) > 1 else "", result)
        total = sum(sum(result.violation_counts.values()) for result in results.values())
        say(f"{printable(file)}: " + ("every rule kept" if ok else f"{total:,} violations"))
    if not ok:
        raise typer.Exit(1)


def _tell(name: str, result: "checker.CheckResult") -> None:
    head = f"{name}: " if name else ""
    span = f"cycles {result.first_cycle:,} to {result.last_cycle:,}" if result.commands else "no cycles"
    say(f"{head}{result.commands:,} commands for {result.memory}, {span}, rule set {result.rule_set}")
    say()
    table(
        ["rule", "wait", "pairs", "least slack", "tight", "broken", "meaning"],
        [
            (row.name, row.wait, f"{row.pairs:,}", row.least_slack, "tight" if row.least_slack == 0 else "")
            + (f"{row.violations:,}" if row.violations else "", row.meaning)
            for row in (*result.rows, *result.checks)
        ],
        numbers=("wait", "pairs", "least slack", "broken"),
    )
    say()
    for violation in result.violations:
        say(printable(str(violation)))
    for rule, count in result.violation_counts.items():
        listed = sum(violation.rule == rule for violation in result.violations)
        if count > listed:
            say(f"{rule}: {count - listed:,} more")
    if result.rows:
        say("shown tight: " + (", ".join(result.tight) or "none"))
        say("never exercised: " + (", ".join(result.never_exercised) or "none"))
    for text, count in result.notes.items():
        if count:
            say(f"note: {text}: {count:,}")
