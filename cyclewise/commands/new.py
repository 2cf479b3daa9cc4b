"""``cyclewise new --from SYSTEM FILE``: a system file of one's own."""

from typing import Annotated

import typer

from cyclewise.terminal import print_json, printable, say

EXAMPLE = "Example: cyclewise new --from ddr4_2400 my.yaml"


def command(
    file: Annotated[str, typer.Argument(help="The YAML file to write; it must not exist.", metavar="FILE")],
    base: Annotated[str, typer.Option("--from", help="The system to start from.", metavar="SYSTEM")],
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Write a system file that extends another one, ready to be changed."""
    import arch

    path = arch.new_from(base, file)
    if json:
        digest = arch.load(str(path)).digest()
        print_json({"wrote": "system", "file": str(path), "extends": base, "digest": digest})
        return
    shown = printable(str(path))
    say(f"{shown} extends {printable(base)}; see it with: cyclewise show {shown}")
