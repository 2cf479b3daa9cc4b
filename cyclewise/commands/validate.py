"""``cyclewise validate``: other simulators' answers and published figures, ours, and the difference."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cyclewise.terminal import print_json, progress, say, table

if TYPE_CHECKING:
    from cyclewise.peers import Answer

EXAMPLE = "Examples: cyclewise validate dram --quick\n\ncyclewise validate pim_gpt --quick"

WHAT = ("dram", "dramsys", "pim_gpt")

HEADLINE = {"streams": ("sha256", "commands"), "results": ("cycles", "avg_read_latency")}
"""Figures that are always shown; the others only if they differ."""


def command(
    what: Annotated[str, typer.Argument(help="What to validate: dram, dramsys or pim_gpt.", metavar="WHAT")],
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="dram: a folder of measured data; everything in it is compared.", metavar="DIR"
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only a part, in seconds.")] = False,
    markdown: Annotated[
        str | None,
        typer.Option("--markdown", help="Also write tables for a page of text.", metavar="FILE.md"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Compare with other simulators' answers to the cycle (dram), or with published figures (others).

    Exits with 1 if anything differs, or if a published figure that must hold does not.
    """
    from arch import InputError

    if what not in WHAT:
        raise InputError("nothing to validate of this name", given=what, accepted=WHAT)
    if markdown is not None:
        from sim.output import check_writable

        check_writable([markdown], ".md")
    if what == "dram":
        _dram(data, quick, markdown, json)
        return
    if data is not None:
        raise InputError("only dram is compared with measured data", file="--data", given=data)
    _published(what, quick, markdown, json)


def _published(what: str, quick: bool, markdown: str | None, json: bool) -> None:
    """Published figures beside ours."""
    from dataclasses import asdict

    from cyclewise import published_tables as tables
    from cyclewise.published import FAILS, published

    if what == "dramsys":
        from cyclewise.dramsys_validation import compared
    else:
        from cyclewise.pim_gpt_validation import compared
    with progress("validate") as update:
        answers = [*compared(quick=quick, progress=update)]
    if markdown is not None:
        from pathlib import Path

        Path(markdown).write_text(tables.markdown(published(what).title, answers), encoding="utf-8")
    wrong = sum(answer.verdict == FAILS for answer in answers)
    if json:
        rows = [asdict(answer) for answer in answers]
        print_json({"ok": not wrong, "figures": len(answers), "failing": wrong, "answers": rows})
    else:
        table(tables.HEADS, tables.lines(answers), numbers=("published", "ours", "error"))
        say()
        for figure, reason in tables.reasons(answers).items():
            say(f"{figure}: {reason}")
        say()
        say(tables.summary(answers))
    if wrong:
        raise typer.Exit(1)


def _dram(data: str | None, quick: bool, markdown: str | None, json: bool) -> None:
    """Other simulators' answers on a memory."""
    from cyclewise import peers

    sets = {"carried": peers.carried()}
    if data is not None:
        sets[data] = peers.found_in(data)
    answers: dict[str, list[Answer]] = {}
    with progress("validate") as update:
        for name, tables in sets.items():
            answers[name] = list(peers.compared(tables, quick=quick, progress=update))
    if markdown is not None:
        from pathlib import Path

        from cyclewise.peer_tables import markdown as tables_of

        Path(markdown).write_text(tables_of(answers), encoding="utf-8")
    everything = [answer for found in answers.values() for answer in found]
    wrong = sum(answer.verdict == peers.DIFFERS for answer in everything)
    if json:
        rows = {name: [answer._asdict() for answer in found] for name, found in answers.items()}
        print_json({"ok": not wrong, "figures": len(everything), "differing": wrong, "answers": rows})
    else:
        for name, found in answers.items():
            say(f"Answers {'in this package' if name == 'carried' else 'in ' + name}:")
            say()
            table(
                ["answer", "memory", "peer", "case", "figure", "theirs", "ours", "difference", "verdict"],
                _lines(found),
                numbers=("theirs", "ours", "difference"),
            )
            say()
        other = sum(answer.verdict == peers.OTHER for answer in everything)
        say(
            f"{len(everything) - other:,} figures compared: "
            + (f"{wrong:,} differ" if wrong else "all equal")
        )
        if other:
            say(f"{other:,} more are of simulators that schedule otherwise; differences there are no verdict")
    if wrong:
        raise typer.Exit(1)


def _lines(answers: "list[Answer]") -> list[tuple[Any, ...]]:
    """What is worth a line: headline figures, and whatever differs; the sum at the end counts all."""
    from cyclewise.peers import DIFFERS

    groups: dict[tuple[str, ...], list[Answer]] = {}
    for answer in answers:
        case = "all" if answer.table in ("sequences", "settings", "traces") else answer.case
        groups.setdefault((answer.table, answer.device, answer.peer, case), []).append(answer)
    lines: list[tuple[Any, ...]] = []
    for key, group in groups.items():
        headline = HEADLINE.get(key[0], ())
        told = [a for a in group if a.figure in headline or a.verdict == DIFFERS]
        for a in told:
            theirs, ours = _short(a.theirs), _short(a.ours)
            lines.append(
                (a.table, a.device, a.peer, a.case, a.figure, theirs, ours, _signed(a.difference), a.verdict)
            )
        rest = [a for a in group if a not in told]
        if not told:
            figures = f"{len(rest)} figures" if len(rest) > 1 else rest[0].figure
            lines.append((*key, figures, "", "", "", rest[0].verdict))
    return lines


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)[:12]


def _signed(difference: float | None) -> str:
    if difference is None:
        return ""
    return f"{difference:+,.4f}" if isinstance(difference, float) else f"{difference:+,}"
