"""``cyclewise list``: what comes along."""

from typing import Annotated

import typer

from cyclewise.terminal import print_json, say, table

EXAMPLE = "Example: cyclewise list"


def command(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Systems and workloads that come along: traces for memories, models and AiM traces for pim systems."""
    import arch
    import workloads
    from workloads import transformer
    from workloads.aim_library import aim_library

    systems, traces = arch.library(), workloads.library()
    generators = workloads.generators()
    models, aim = transformer.library(), aim_library()
    if json:
        print_json(
            {
                "systems": [entry._asdict() for entry in systems],
                "workloads": [entry._asdict() for entry in traces],
                "generators": [entry._asdict() for entry in generators],
                "models": [entry._asdict() for entry in models],
                "aim_traces": [entry._asdict() for entry in aim],
            }
        )
        return
    table(["system", "kind", "what it is"], [(e.name, e.kind, e.title) for e in systems])
    say()
    table(["workload", "kind", "what it is"], [(e.name, e.kind, e.title) for e in traces])
    say()
    table(
        ["generator", "what it makes", "parameters, by --set workload.NAME=VALUE"],
        [
            (e.kind, e.title.replace("``", ""), ", ".join(f"{k}={v}" for k, v in e.parameters.items()))
            for e in generators
        ],
    )
    say()
    table(
        ["model", "what it is", "parameters, by --set workload.NAME=VALUE"],
        [(e.name, e.title, ", ".join(f"{k}={_plain(v)}" for k, v in e.parameters.items())) for e in models],
    )
    say()
    table(["AiM trace", "what it is"], [(e.name, e.title) for e in aim])


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
