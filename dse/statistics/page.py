"""The page of a study, from its summary."""

from dse.statistics.figures import Figures, draw_figures
from dse.statistics.summary import Summary
from dse.statistics.tables import (
    shown,
    table_of_changes,
    table_of_designs,
    table_of_efficiency,
    table_of_failures,
    table_of_indicators,
)
from plots.exploration.page import Content, study_page
from plots.page import Page
from plots.page_tables import Card


def page_of(
    summary: Summary,
    *,
    command: str,
    version: str,
    settings: str = "",
    figures: Figures | None = None,
    warnings: tuple[str, ...] = (),
) -> Page:
    """One self-contained HTML page.

    Args:
        command: the command line that goes on with the study.
        version: of the program.
        settings: the best design as a file that can be run.
        figures: as drawn already; drawn anew by default.
        warnings: further ones, such as of the store.
    """
    drawn = draw_figures(summary) if figures is None else figures
    content = Content(
        title=summary.study.name,
        cards=_cards(summary),
        warnings=(*summary.warnings, *warnings),
        described=_described(summary),
        changes=table_of_changes(summary),
        settings=settings,
        drawings=drawn.drawn,
        missing=drawn.missing,
        tables=(table_of_designs(summary), table_of_efficiency(summary), table_of_indicators(summary)),
        failures=table_of_failures(summary),
    )
    return study_page(content, command=command, version=version)


def _cards(summary: Summary) -> list[Card]:
    found = []
    if summary.best is not None:
        base = summary.baseline
        for at, goal in enumerate(summary.study.objective.goals[:3]):
            value = float(summary.found.values[summary.best, at])
            note = "" if base is None else f"baseline {shown(goal, base[at]).text}"
            where = "Best" if summary.single else "At the knee:"
            found.append(Card(f"{where} {goal.name}", shown(goal, value).text, note))
    if not summary.single:
        found.append(Card("On the front", f"{len(summary.front):,}", "designs that no other dominates"))
    evaluated = int(summary.found.evaluated.sum())
    failed = len(summary.found.designs) - evaluated
    found.append(
        Card("Designs evaluated", f"{evaluated:,}", f"and {failed:,} without metrics" if failed else "")
    )
    missed = evaluated - int(summary.found.feasible.sum())
    if missed:
        found.append(Card("Infeasible", f"{missed:,}", "miss a constraint"))
    return found


def _described(summary: Summary) -> list[tuple[str, str]]:
    study = summary.study
    goals = ", ".join(
        f"{'maximise' if g.sign < 0 else 'minimise'} {g.name}{'' if g.unit == '1' else f' [{g.unit}]'}"
        for g in study.objective.goals
    )
    optimisers = ", ".join(
        label if label == name else f"{label} ({name})" for label, name in summary.names.items()
    )
    asked = sum(run.asked for run in summary.found.runs)
    entries = [
        ("Objectives", goals),
        ("Constraints", "; ".join(c.holds.text for c in study.objective.constraints)),
        ("Workloads", f"{', '.join(study.workloads)} ({study.objective.aggregate.replace('_', ' ')})"),
        ("Parameters", ", ".join(p.name for p in study.space.parameters)),
        ("Optimisers", optimisers),
        ("Runs", f"{len(summary.found.runs):,}, {asked:,} designs asked for in all"),
        ("Budget", "" if study.evaluations is None else f"{study.evaluations:,} unique evaluations each"),
    ]
    return [(name, text) for name, text in entries if text]
