"""Studies from YAML to the best design: what ``cyclewise explore`` and :func:`explore` do."""

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch.errors import InputError
from cyclewise import __version__

if TYPE_CHECKING:
    from dse.evaluation import Config
    from dse.executors import Executor
    from dse.exploring import Listener, Outcome
    from dse.statistics.summary import Summary
    from dse.store import Store
    from dse.study import Study

RECORD, PAGE, BEST, BEST_YAML, DIFF, FRONT = (
    "study.json",
    "index.html",
    "best.json",
    "best.yaml",
    "best.diff",
    "front",
)
FORMAT = "cyclewise study 1"
MOST_OF_FRONT = 50
EXECUTORS = ("local", "dask")


@dataclass(frozen=True)
class Exploration:
    """What a study came to.

    Attributes:
        folder: with everything that was written.
        study: as it was carried out.
        outcome: how the runs went.
        summary: fronts, figures over seeds, importance.
    """

    folder: Path
    study: "Study"
    outcome: "Outcome"
    summary: "Summary"

    @property
    def best(self) -> "Config | None":
        """The best feasible design; of several objectives the knee of the front."""
        row = self.summary.best
        return None if row is None else self.summary.found.designs[row]

    @property
    def metrics(self) -> Mapping[str, float]:
        """Aggregated metrics of the best design; none without one."""
        row = self.summary.best
        return {} if row is None else self.summary.found.metrics[row]

    @property
    def values(self) -> dict[str, float]:
        """The objectives of the best design by name, a maximised one as itself."""
        row = self.summary.best
        if row is None:
            return {}
        goals = self.study.objective.goals
        values = self.summary.found.values[row].tolist()
        return {goal.name: goal.sign * value for goal, value in zip(goals, values, strict=True)}

    @property
    def overrides(self) -> tuple[str, ...]:
        """The best design as ``KEY=VALUE`` texts, as after ``--set``."""
        return () if self.best is None else self.study.evaluator.overrides(self.best)


def explore(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    output: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    evaluations: int | None = None,
    wall: str | None = None,
    seeds: Sequence[int] | None = None,
    executor: str = "local",
    scheduler: str | None = None,
    listener: "Listener | None" = None,
) -> Exploration:
    """Carry out a study, or go on with it: nothing that has been evaluated is evaluated again.

    Args:
        source: YAML file, or its content as a map; paths in a map start from the working folder.
        output: folder for the results; by default NAME-results.
        jobs: worker processes; by default as many as there are usable cores.
        evaluations: unique designs for each run, instead of the study's budget.
        wall: time after which no more is asked for, ``30 min``, instead of the study's.
        seeds: instead of the study's.
        executor: ``local`` or ``dask``.
        scheduler: address of a Dask scheduler, ``tcp://host:8786``.
        listener: told of the search as it goes on.

    Raises:
        InputError: whatever is wrong in the study or the folder, or an unreachable scheduler.
    """
    from dse.exploring import STORE
    from dse.exploring import explore as search
    from dse.store import Store

    study = opened(source, evaluations=evaluations, wall=wall, seeds=seeds)
    folder = destination(study, output)
    with executor_of(study, executor, jobs, scheduler) as workers:
        _begin(study, folder)
        outcome = search(study, folder, executor=workers, listener=listener)
    return finish(study, folder, outcome, Store(folder / STORE))


def explore_share(
    source: str | os.PathLike[str] | Mapping[str, Any],
    shard: str,
    *,
    output: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    evaluations: int | None = None,
    wall: str | None = None,
    seeds: Sequence[int] | None = None,
    listener: "Listener | None" = None,
) -> "tuple[Path, Outcome]":
    """Evaluate a share of a study, ``2/8`` for the second of eight; the folder, and how it went.

    Shares may have a folder each, for :func:`collect`, or one together.

    Raises:
        InputError: as of :func:`explore`; no such share, or an optimiser that learns.
    """
    from dse.exploring import explore_share as search

    part, parts = _share(shard)
    study = opened(source, evaluations=evaluations, wall=wall, seeds=seeds)
    folder = destination(study, output)
    with executor_of(study, "local", jobs, None) as workers:
        _begin(study, folder)
        outcome = search(study, folder, part, parts, executor=workers, listener=listener)
    return folder, outcome


def _share(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise InputError("", field="--shard", given=text, accepted="I/N with I from 1 to N, such as 2/8")
    return int(part), int(parts)


def collect(
    source: str | os.PathLike[str] | Mapping[str, Any],
    folders: Sequence[str | os.PathLike[str]],
    *,
    output: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    evaluations: int | None = None,
    seeds: Sequence[int] | None = None,
    listener: "Listener | None" = None,
) -> Exploration:
    """Bring the results of shares together and finish the study; what they lack is evaluated.

    Args:
        folders: of the shares; they are left as they are.

    Raises:
        InputError: a folder without results, or as of :func:`explore`.
    """
    from dse.exploring import STORE
    from dse.store import Store

    found = []
    for folder in map(Path, folders):
        if not (folder / STORE).is_dir():
            raise InputError("holds no results of a study", file=str(folder))
        found.append(Store(folder / STORE))
    study = opened(source, evaluations=evaluations, seeds=seeds)
    into = destination(study, output)
    _begin(study, into)
    together = Store(into / STORE)
    with together.writer() as writer:
        for store in found:
            for damage in store.damaged:
                if listener is not None:
                    listener.says(str(damage))
            for record in store:
                known = together.get(record.key)
                if known is None or (record.final and not known.final):
                    writer.append(record)
                    together.add(record)
    return explore(source, output=into, jobs=jobs, evaluations=evaluations, seeds=seeds, listener=listener)


def opened(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    evaluations: int | None = None,
    wall: str | None = None,
    seeds: Sequence[int] | None = None,
) -> "Study":
    """The study, with the budget and seeds that were asked for instead of its own."""
    from dse.study import read_study, study_of
    from dse.study.reading import wall_seconds

    study = study_of(source) if isinstance(source, Mapping) else read_study(Path(source))
    if evaluations is not None:
        study = replace(study, evaluations=evaluations)
    if wall is not None:
        study = replace(study, wall_seconds=wall_seconds(wall))
    if seeds:
        study = replace(study, seeds=tuple(dict.fromkeys(seeds)))
    return study


def destination(study: "Study", output: str | os.PathLike[str] | None) -> Path:
    """The folder for results.

    Raises:
        InputError: it is a file, or holds something else than a study.
    """
    folder = Path(output) if output is not None else Path(f"{study.name}-results")
    if folder.exists():
        if not folder.is_dir():
            raise InputError("is a file, not a folder for results", file=str(folder))
        names = sorted(os.listdir(folder))
        if names and RECORD not in names and "store" not in names:
            message = f"holds other things ({', '.join(names[:3])}) and no study; they are left alone"
            raise InputError(message, file=str(folder), accepted="an empty or new folder, or one of a study")
    return folder


def executor_of(study: "Study", name: str, jobs: int | None, scheduler: str | None) -> "Executor":
    """Who evaluates.

    Raises:
        InputError: no such executor, a scheduler where there is none, or one that does not answer.
    """
    from dse.executors import Inline, Local
    from dse.processes import usable_cores

    if name not in EXECUTORS:
        raise InputError("", field="--executor", given=name, accepted=EXECUTORS)
    if name == "dask":
        from dse.executors.dask import Dask

        if scheduler is None:
            raise InputError("where is it?", field="--executor dask", accepted="--scheduler tcp://HOST:8786")
        return Dask(study.evaluator, scheduler)
    if scheduler is not None:
        raise InputError("only Dask has one", field="--scheduler", accepted="--executor dask")
    workers = jobs or usable_cores()
    return Inline(study.evaluator) if workers == 1 else Local(study.evaluator, workers)


def _begin(study: "Study", folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record = {"format": FORMAT, "cyclewise": __version__, "study": study.name, "digest": study.digest}
        _write(folder / RECORD, json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", file=str(folder)) from None


def finish(study: "Study", folder: Path, outcome: "Outcome", store: "Store") -> Exploration:
    """Write tables, figures, page and the best designs of a search."""
    from dse.statistics.figures import draw_figures, write_figures
    from dse.statistics.page import page_of
    from dse.statistics.stored import summary_of
    from dse.store.export import write_tables

    version = study.evaluator.version
    records = [record for record in store if record.version == version]
    write_tables(folder, records, [p.name for p in study.space.parameters])
    summary = summary_of(folder, study, store=store, optimum=_optimum(study))
    found = Exploration(folder, study, outcome, summary)
    system = _write_best(found)
    figures = draw_figures(summary)
    write_figures(summary, folder, figures)
    command = "" if study.source is None else f"cyclewise explore {study.source} -o {folder}"
    page = page_of(
        summary,
        command=command,
        version=__version__,
        settings=system or "",
        figures=figures,
        warnings=outcome.warnings,
    )
    _write(folder / PAGE, page.html)
    return found


def _optimum(study: "Study") -> float | None:
    """The true best value, where a table of all designs knows it."""
    from dse.models.tabulated import TabulatedModel

    if isinstance(study.evaluator, TabulatedModel) and len(study.objective.goals) == 1:
        return study.evaluator.optimum(study.objective)
    return None


def _write_best(found: Exploration) -> str | None:
    """``best.yaml``, ``best.diff``, ``best.json`` and ``front/``; returns the system's YAML."""
    folder, study, best = found.folder, found.study, found.best
    for name in (BEST, BEST_YAML, DIFF):
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    for path in (folder / FRONT).glob("*.yaml"):
        path.unlink()
    if best is None:
        return None
    system = study.evaluator.system_yaml(best)
    if system is not None:
        _write(folder / BEST_YAML, system)
        _write(folder / DIFF, difference(study, best))
    content = {
        "design": dict(best),
        "set": list(found.overrides),
        "objectives": found.values,
        "metrics": dict(found.metrics),
        "baseline": dict(study.baseline),
    }
    _write(folder / BEST, json.dumps(content, indent=2) + "\n")
    if not found.summary.single:
        (folder / FRONT).mkdir(exist_ok=True)
        for number, row in enumerate(found.summary.front[:MOST_OF_FRONT], start=1):
            text = study.evaluator.system_yaml(found.summary.found.designs[row])
            if text is not None:
                _write(folder / FRONT / f"{number:02}.yaml", text)
    return system


def difference(study: "Study", best: "Config") -> str:
    """What the best design's system changes against the baseline's, as a unified diff."""
    before = study.evaluator.system_yaml(study.baseline) or ""
    after = study.evaluator.system_yaml(best) or ""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), "baseline.yaml", BEST_YAML, n=0
    )
    return "".join(lines)


def _write(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
