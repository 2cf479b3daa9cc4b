"""``cyclewise plan SYSTEM MODEL``: what lies where in the banks, drawn, checked, exported."""

from typing import TYPE_CHECKING, Annotated

import typer

from cyclewise.terminal import print_json, printable, say

if TYPE_CHECKING:
    from mapping.pim.plan import PimPlan

EXAMPLE = (
    "Examples: cyclewise plan pim_gpt gpt3_xl --figure layout.svg --check\n\n"
    "cyclewise plan pim_gpt gpt_tiny --tokens 4 --set mapping.packing=row_aligned"
    " --set mapping.concat_heads=false --aim tiny.aim --steps 0:1"
)

PICTURES = (".svg", ".png", ".pdf")


def command(
    system: Annotated[str, typer.Argument(help="Library name or YAML file.", metavar="SYSTEM")],
    model: Annotated[
        str, typer.Argument(help="Library model, config.json or YAML file of a model.", metavar="MODEL")
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change one key: system.KEY (or just KEY), workload.KEY or mapping.KEY.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    prompt: Annotated[int | None, typer.Option("--prompt", help="Tokens of the prompt (1).")] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", help="Tokens to generate (1024).")] = None,
    figure: Annotated[
        str | None,
        typer.Option("--figure", help="Draw it: .svg, .png or .pdf; its numbers beside it.", metavar="FILE"),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Carry out the first, a middle and the last token on labels: is everything stored and used"
            " once? Exit 1 if not.",
        ),
    ] = False,
    aim: Annotated[
        str | None, typer.Option("--aim", help="Write tokens as AiM instructions.", metavar="FILE.aim")
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", help="Tokens that --aim writes (the last).", metavar="A:B")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Lay a model on the banks of a machine: which rows hold what, and how full they are."""
    from arch import InputError
    from cyclewise import plans
    from cyclewise.simulation import window_of
    from mapping.pim.options import read_mapping
    from mapping.pim.plan import plan as lay_out

    window = None if steps is None else window_of(steps, "--steps", "0:1")
    if steps is not None and aim is None:
        raise InputError("no tokens are written; name their file", field="--steps", accepted="--aim FILE.aim")
    if figure is not None:
        _check_picture(figure)
    asked = {key: n for key, n in (("prompt", prompt), ("tokens", tokens)) if n is not None}
    loaded, decoding, mapping = plans.read(system, model, set_ or [], asked)
    plan = lay_out(loaded.spec.resolve(), decoding, read_mapping(mapping))
    written = {}
    if aim is not None:
        trace = plans.as_aim(plan, window)
        trace.write(aim)
        written["aim"] = f"{printable(aim)}: {len(trace):,} instructions"
    if figure is not None:
        _draw(plan, figure)
        written["figure"] = printable(figure)
    contexts = plans.checked_contexts(plan) if check else []
    findings = _findings(plan, contexts)
    if json:
        checked = {"contexts": contexts, "findings": findings} if check else None
        print_json({**plans.as_dict(plan), "checked": checked, "wrote": [f for f in (aim, figure) if f]})
    else:
        say(printable_lines(plan.text()))
        if check:
            told = ", ".join(map(str, contexts))
            say(
                f"\nchecked at contexts {told}: "
                + ("everything is stored and used once" if not findings else "")
            )
            for sentence in findings:
                say(f"  {printable(sentence)}")
        if written:
            say()
        for what, file in written.items():
            say(f"{what:8} {file}")
    if findings:
        raise typer.Exit(1)


def printable_lines(text: str) -> str:
    """The same text; names in it cannot move the cursor."""
    return "\n".join(printable(line) for line in text.splitlines())


def _findings(plan: "PimPlan", contexts: list[int]) -> list[str]:
    if not contexts:
        return []
    from mapping.pim.check import check

    return [*check(plan, contexts)]


def _check_picture(path: str) -> None:
    from pathlib import Path

    from arch import InputError

    file = Path(path)
    if file.suffix not in PICTURES or not file.stem:
        raise InputError("", field="--figure", given=path, accepted=f"a name in {', '.join(PICTURES)}")
    if not file.parent.is_dir():
        raise InputError("cannot be written (no such folder)", file=path)


def _draw(plan: "PimPlan", path: str) -> None:
    from dataclasses import replace
    from pathlib import Path

    from plots.pim_layout import draw

    file = Path(path)
    replace(draw(plan), name=file.stem).save(file.parent, (file.suffix.removeprefix("."),))
