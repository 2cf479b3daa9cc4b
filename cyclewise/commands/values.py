"""``cyclewise values SYSTEM MODEL``: numbers through the banks and the ASIC, beside a float64 decoder."""

from typing import Annotated

import typer

from cyclewise.terminal import print_json, say, table

EXAMPLE = "Example: cyclewise values pim_gpt gpt_tiny --tokens 4 --seed 1"


def command(
    system: Annotated[str, typer.Argument(help="Library name or YAML file.", metavar="SYSTEM")],
    model: Annotated[
        str, typer.Argument(help="Library model, config.json or YAML file of a model.", metavar="MODEL")
    ],
    tokens: Annotated[int, typer.Option("--tokens", help="Tokens to generate.", metavar="N")] = 8,
    prompt: Annotated[int, typer.Option("--prompt", help="Tokens of the prompt.", metavar="N")] = 4,
    seed: Annotated[int, typer.Option("--seed", help="Of weights and prompt.", metavar="N")] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change one key: system.KEY (or just KEY), workload.KEY or mapping.KEY.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Generate tokens with random weights on the machine's own arithmetic, and say how far off it is.

    Exit 1 if a token differs from the float64 decoder's where rounding alone does not explain it.
    """
    from cyclewise.plans import values

    found = values(system, model, set_ or [], tokens=tokens, prompt=prompt, seed=seed)
    if json:
        print_json(
            {
                "tokens": found.tokens,
                "decoder_tokens": found.decoder_tokens,
                "same": found.same,
                "first_difference": found.first_difference,
                "explained": found.explained,
                "logit_error": found.logit_error,
                "margins": found.margins,
                "operators": [vars(row) for row in found.operators],
            }
        )
    else:
        say(f"tokens   {' '.join(map(str, found.tokens))}")
        at = found.first_difference
        if at is None:
            say("float64  the same")
        else:
            why = "as rounding may well have it" if found.explained else "which rounding does not explain"
            say(f"float64  {' '.join(map(str, found.decoder_tokens))}")
            say(f"         differs from token {at} on, {why}")
        say(f"logits   differ by at most {found.logit_error:.2g} of their standard deviation\n")
        table(
            ["operator", "vectors", "largest error", "of the largest element"],
            [
                (r.operator, f"{r.vectors:,}", f"{r.absolute:.3g}", f"{r.relative:.3g}")
                for r in found.operators
            ],
            numbers=("vectors", "largest error", "of the largest element"),
        )
    if not found.explained:
        raise typer.Exit(1)
