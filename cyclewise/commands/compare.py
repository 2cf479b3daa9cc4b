"""``cyclewise compare A B``: runs side by side."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cyclewise.terminal import note, print_json, printable, say, table

if TYPE_CHECKING:
    from cyclewise.comparison import Comparison, Figure

EXAMPLE = (
    "Examples: cyclewise compare out/a out/b\n\ncyclewise compare study:ddr4_2400-spmv study:hbm2_2000-spmv"
)

_FEW_CAUSES = 6
_FEW_KEYS = 40
_WIDE = 32
_PREFIXED = ("s", "B", "B/s", "J", "W")


def command(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Run folders, batch folders, BATCH:RUN, or report files; the first is what others are held"
            " against.",
            metavar="A B...",
        ),
    ],
    all_: Annotated[bool, typer.Option("--all", help="Equal figures, too, and every difference.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Runs side by side: figures with ratios, what differs in systems and workloads, what bound each."""
    from cyclewise.comparison import declared, named, side_by_side

    found = [named(name, alone=len(runs) == 1) for name in runs]
    for sentence in (text for one in found for text in one.left_out):
        note(f"left out: {sentence}")
    compared = [run for one in found for run in one.runs]
    comparison = side_by_side(compared, declared({str(run.report.system.get("kind")) for run in compared}))
    if json:
        print_json(comparison.to_dict())
        return
    _tell(comparison, all_)


def _tell(comparison: "Comparison", everything: bool) -> None:
    letters = [*_letters(len(comparison.labels))]
    for letter, label in zip(letters, comparison.labels, strict=True):
        say(f"{letter}  {printable(label)}")
    say()
    shown = [figure for figure in comparison.figures if everything or figure.differs]
    if shown:
        heads = letters[:1] + [head for letter in letters[1:] for head in (letter, f"{letter}/A", "")]
        numbers = [head for head in heads if head]
        table(["figure", *heads], [_row(figure) for figure in shown], numbers=numbers)
    equal = sum(not figure.differs for figure in comparison.figures)
    if equal and not everything:
        say(f"{equal:,} figures are equal" if shown else f"all {equal:,} figures are equal")
    system = "system" if comparison.whole_systems else "system, as the reports tell it"
    for what, differences in (
        (system, comparison.system_differences),
        ("workload", comparison.workload_differences),
    ):
        say()
        listed = differences if everything else differences[:_FEW_KEYS]
        if listed:
            table([what, *letters], [(d.key, *map(_short, d.values)) for d in listed])
        else:
            say(f"{what}: no difference")
        if len(differences) > len(listed):
            say(f"… and {len(differences) - len(listed):,} more: --all")
    causes = comparison.causes if everything else comparison.causes[:_FEW_CAUSES]
    if causes:
        say()
        rows = [(cause.name, *(_percent(share) for share in cause.shares)) for cause in causes]
        table(["share of cycles", *letters], rows, numbers=letters)


def _letters(count: int) -> Sequence[str]:
    return ascii_uppercase[:count] if count <= 26 else [f"R{at + 1}" for at in range(count)]


def _row(figure: "Figure") -> list[str]:
    unit = "" if figure.unit in (*_PREFIXED, "1") else f" [{figure.unit}]"
    cells = [figure.name + unit, _value(figure.values[0], figure.unit)]
    for value, ratio, verdict in zip(figure.values[1:], figure.ratios[1:], figure.verdicts[1:], strict=True):
        cells += [_value(value, figure.unit), "" if ratio is None else f"{ratio:.3f}", verdict or ""]
    return cells


def _value(value: Any, unit: str) -> str:
    from sim.report.terminal import si

    if value is None:
        return "-"
    if unit in _PREFIXED:
        return si(value, unit)
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if isinstance(value, list):
        text = ", ".join(map(str, value))
    elif isinstance(value, dict):
        text = ", ".join(f"{key} {inner}" for key, inner in value.items())
    return text if len(text) <= _WIDE else text[: _WIDE // 2] + "…"
