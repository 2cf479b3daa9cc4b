"""``cyclewise collect STUDY.yaml FOLDER...``: bring the shares of a study together."""

from typing import Annotated

import typer

from cyclewise.commands.explore import tell, watcher_of

EXAMPLE = "Example: cyclewise collect study.yaml part-1 part-2 -o out/study"


def command(
    file: Annotated[str, typer.Argument(help="The study whose shares these are.", metavar="STUDY.yaml")],
    folders: Annotated[
        list[str], typer.Argument(help="Results of cyclewise explore --shard.", metavar="FOLDER...")
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Keep the results here; NAME-results by default.", metavar="DIR"),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Processes; as many as cores by default.", metavar="N", min=1),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", help="Unique designs of each run, as of the shares.", metavar="N", min=1),
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="Instead of the study's.", metavar="N", min=0)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Bring the shares of a study together and finish it; only what they lack is evaluated.

    The folders of the shares are left as they are.
    """
    from cyclewise.exploration import collect

    watcher = watcher_of()
    with watcher:
        found = collect(
            file, folders, output=output, jobs=jobs, evaluations=budget, seeds=seed, listener=watcher
        )
    tell(found, json)
