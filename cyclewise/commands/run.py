"""``cyclewise run SYSTEM WORKLOAD``: simulate."""

from typing import Annotated

import typer

from cyclewise.terminal import console, note, printable, progress, say

EXAMPLE = (
    "Examples: cyclewise run ddr4_2400 random_rw30 -o out\n\n"
    "cyclewise run hbm2_2000 random --set workload.requests=10000 --json\n\n"
    "cyclewise run pim_gpt gpt3_xl --prompt 32 --tokens 128 -o out"
)


def command(
    context: typer.Context,
    system: Annotated[str, typer.Argument(help="Library name or YAML file.", metavar="SYSTEM")],
    workload: Annotated[str, typer.Argument(help="Library name, generator or file.", metavar="WORKLOAD")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Keep report, resolved system and exact command here.", metavar="DIR"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, and nothing else.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change one key: system.KEY (or just KEY), workload.KEY or mapping.KEY. VALUE is YAML.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    commands: Annotated[
        str | None, typer.Option("--commands", help="Write the command streams.", metavar="FILE.npz")
    ] = None,
    requests: Annotated[
        str | None,
        typer.Option(
            "--requests", help="Write accept, issue and return cycle per request.", metavar="FILE.npz"
        ),
    ] = None,
    timeline: Annotated[
        str | None,
        typer.Option("--timeline", help="Write a timeline for ui.perfetto.dev.", metavar="FILE.json.gz"),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option("--window", help="Cycles that the timeline shows (0:20000).", metavar="A:B"),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option("--steps", help="Tokens whose commands are written (the last).", metavar="A:B"),
    ] = None,
    prompt: Annotated[
        int | None, typer.Option("--prompt", help="Tokens of the prompt (1), for transformers.", metavar="N")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", help="Tokens to generate (1024), for transformers.", metavar="N")
    ] = None,
) -> None:
    """Simulate a workload on a system and say what came out, and why."""
    from cyclewise.commands.report import pages_of_run
    from cyclewise.simulation import run_of
    from workloads.transformer import Decoding

    asked = {key: n for key, n in (("prompt", prompt), ("tokens", tokens)) if n is not None}
    run = run_of(
        system, workload, set_ or [], commands, requests, timeline, window, steps, asked, context.obj
    )
    with progress(f"{run.system.name} {run.trace.name}") as update:
        report = run.carried_out(output, progress=update, message=note)
    if output is not None and isinstance(run.trace, Decoding):
        pages_of_run(output)
    if json:
        say(report.to_json().rstrip("\n"))
        return
    files = {"commands": commands, "requests": requests, "timeline": timeline, "results": output}
    report.render(
        console(), files={what: printable(file) for what, file in files.items() if file is not None}
    )
