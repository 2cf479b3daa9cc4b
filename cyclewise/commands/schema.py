"""``cyclewise schema KIND``: JSON Schema of a kind of system, of batch files, or of studies."""

from typing import Annotated

import typer

from cyclewise.terminal import printable, say

EXAMPLE = "Example: cyclewise schema memory -o memory.schema.json"


def command(
    kind: Annotated[
        str, typer.Argument(help="Kind of system, such as memory; batch; study.", metavar="KIND")
    ],
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Write it into a file.", metavar="FILE")
    ] = None,
) -> None:
    """JSON Schema of a kind of system, of batches or of studies, for editors that complete and check."""
    from json import dumps

    import arch

    if kind == "batch":
        from cyclewise.batch.spec import json_schema

        schema = json_schema()
    elif kind == "study":
        from dse.study.reading import json_schema as study_schema

        schema = study_schema()
    else:
        schema = arch.json_schema(kind)
    text = dumps(schema, indent=2)
    if output is None:
        say(text)
        return
    from workloads.compression import replacing

    with replacing(output) as file:
        file.write(f"{text}\n".encode())
    say(printable(output))
