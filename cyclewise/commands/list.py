"""``cyclewise list``: what comes along."""

from typing import Annotated

import typer

from cyclewise.terminal import print_json, say, table

EXAMPLE = "Example: cyclewise list"


def command(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Systems and workloads that come along."""
    import arch
    import workloads

    systems, traces = arch.library(), workloads.library()
    generators = workloads.generators()
    if json:
        print_json(
            {
                "systems": [entry._asdict() for entry in systems],
                "workloads": [entry._asdict() for entry in traces],
                "generators": [entry._asdict() for entry in generators],
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
