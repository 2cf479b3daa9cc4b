"""``cyclewise import CONFIG``: a configuration of another simulator as a memory of ours."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cyclewise.terminal import note, print_json, printable, say

if TYPE_CHECKING:
    from arch.foreign import Imported

EXAMPLE = "Example: cyclewise import ddr4.ini -o my.yaml"


def command(
    config: Annotated[
        str, typer.Argument(help="DRAMsim3's ini, or YAML of Ramulator 2.0 or 2.1.", metavar="CONFIG")
    ],
    format: Annotated[
        str | None,
        typer.Option("--from", help="ramulator2 or dramsim3; else by what is in the file.", metavar="FORMAT"),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="The YAML file to write; it must not exist.", metavar="FILE.yaml"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, with every setting's fate.")] = False,
) -> None:
    """Turn another simulator's configuration into a memory, and name every setting that was left behind."""
    from arch.foreign import import_configuration

    result = import_configuration(config, format)
    if output is not None:
        _write(result.yaml_text, output)
    if json:
        print_json(_record(result, config, output))
        return
    if output is None:
        say(result.yaml_text.rstrip("\n"))
    else:
        shown = printable(output)
        say(
            f"{shown}: {result.standard} from {printable(config)}, {len(result.translated)} settings "
            f"translated, {len(result.untranslated)} not; run it with: cyclewise run {shown} random_rw30"
        )
    for item in result.untranslated:
        note(f"not translated: {item.setting} = {item.value}: {item.why}")
    for sentence in result.assumptions:
        note(f"assumed: {sentence}")


def _write(text: str, output: str) -> None:
    """As a new file: what exists is left as it is."""
    from arch import InputError

    if Path(output).suffix not in (".yaml", ".yml"):
        raise InputError("", file=output, given=Path(output).name, accepted="a file name that ends in .yaml")
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError("exists already and is left as it is; choose another name", file=output) from None
    except FileNotFoundError:
        raise InputError("cannot be written: its folder does not exist", file=output) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be written: {reason}", file=output) from None


def _record(result: "Imported", config: str, output: str | None) -> dict[str, Any]:
    import arch

    written: dict[str, Any] = {"yaml": result.yaml_text}
    if output is not None:
        written = {"wrote": "system", "file": output, "digest": arch.load(output).digest()}
    return {
        **written,
        "extends": result.family,
        "config": config,
        "format": result.format,
        "standard": result.standard,
        "translated": [item._asdict() for item in result.translated],
        "untranslated": [item._asdict() for item in result.untranslated],
        "assumptions": list(result.assumptions),
    }
