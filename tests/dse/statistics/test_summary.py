"""A study's folder becomes numbers, figures, tables and a page, the same every time."""

import csv
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arch.errors import InputError
from dse.evaluation import Config
from dse.objective import read_objective
from dse.space.declaration import space_of
from dse.statistics.dominance import non_dominated
from dse.statistics.figures import draw_figures, write_figures
from dse.statistics.hypervolume import Bounds, exact
from dse.statistics.page import page_of
from dse.statistics.summary import Failed, Studied, summarise
from dse.statistics.tables import table_of_changes, table_of_designs, table_of_efficiency, table_of_failures
from dse.statistics.trajectories import read_trajectories
from sim.report import MetricDeclaration

EVIL = "<script>alert(1)</script>"
SPACE = space_of(
    {
        "space": {
            "page": {"choice": ["open", "closed"]},
            "size": {"log2": [1, 8]},
            "refresh": {"choice": ["none", "all"]},
            "wait": {"log2": [1, 4], "when": "refresh == all"},
        }
    }
)
METRICS = [
    MetricDeclaration("time", "s", True, ""),
    MetricDeclaration("energy", "J", True, ""),
    MetricDeclaration("bandwidth", "B/s", False, ""),
]


def model(config: Config) -> dict[str, float]:
    size = float(config["size"])
    time = (2 if config["page"] == "closed" else 1) * (1 + 1 / size) * 1e-6
    if "wait" in config:
        time *= 1 + 0.1 / float(config["wait"])
    return {"time": time, "energy": (1 + size / 4) * 1e-6, "bandwidth": 64 / time}


def step(config: Config, values: Any, violation: float = 0.0) -> str:
    return (
        json.dumps({"n": 0, "config": config, "values": values, "violation": violation, "fresh": True}) + "\n"
    )


def a_study(folder: Path, objectives: Mapping[str, Any], **changes: Any) -> Studied:
    """Ten seeds of two optimisers and one exhaustive run; ``closed`` with size 1 is refused by the model."""
    objective = read_objective(objectives, METRICS)
    place = folder / "trajectories"
    place.mkdir(parents=True)
    every = [*SPACE]

    def line(config: Config) -> str:
        if config["page"] == "closed" and config["size"] == 1:
            return step(config, None)
        violation = 0.5 if config["size"] == 8 else 0.0
        return step(config, list(objective.score({"w": model(config)}).values), violation)

    for label in ("random", "ga-big"):
        for seed in range(10):
            rng = np.random.default_rng([len(label), seed])
            designs = [every[k] for k in rng.integers(len(every), size=12 if label == "random" else 30)]
            (place / f"{label}-{seed}.jsonl").write_text("".join(map(line, designs)))
    (place / "all-0.jsonl").write_text("".join(map(line, every)))
    (place / "foreign-0.jsonl").write_text("no JSON\n")
    chosen = [("random", "random"), ("ga-big", "ga"), ("all", "exhaustive")]
    content: dict[str, Any] = {
        "name": EVIL,
        "space": SPACE,
        "objective": objective,
        "optimizers": [types.SimpleNamespace(label=a, name=b, options={}) for a, b in chosen],
        "workloads": ("w",),
        "seeds": tuple(range(10)),
        "evaluations": 30,
        "baseline": {"page": "closed", "size": 2, "refresh": "none"},
    }
    study: Any = types.SimpleNamespace(**{**content, **changes})
    return study  # type: ignore[no-any-return]


def test_trajectories_as_arrays(tmp_path: Path) -> None:
    place = tmp_path / "trajectories"
    place.mkdir()
    lines = [step({"a": 1}, [3.0]), step({"a": 2}, None), step({"a": 1}, [3.0]), step({"a": 3}, [1.0], 2.0)]
    (place / "x-y-12.jsonl").write_text("".join(lines) + '{"n": 4, "conf')
    (place / "x-y-2.jsonl").write_text(lines[3])
    found = read_trajectories(tmp_path, 1)
    assert [(run.label, run.seed, run.asked) for run in found.runs] == [("x-y", 2, 1), ("x-y", 12, 4)]
    assert [[found.designs[row]["a"] for row in run.designs] for run in found.runs] == [[3], [1, 2, 3]]
    assert found.values[:, 0].tolist() == [1.0, 3.0, np.inf]
    assert found.feasible.tolist() == [False, True, False] and found.evaluated.tolist() == [True, True, False]


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trajectories"):
        read_trajectories(tmp_path, 1)
    place = tmp_path / "trajectories"
    place.mkdir()
    for bad in ('{"n": 0}\n', "no JSON\n", "[]\n", step({"a": 1}, [1.0, 2.0])):
        (place / "x-0.jsonl").write_text(step({"a": 3}, [1.0]) + bad + step({"a": 2}, [1.0]))
        with pytest.raises(InputError) as error:
            read_trajectories(tmp_path, 1)
        assert error.value.line == 2 and str(error.value.file).endswith("x-0.jsonl")


def test_one_objective(tmp_path: Path) -> None:
    study = a_study(tmp_path, {"minimize": "edp"})
    summary = summarise(tmp_path, study)
    feasible = [c for c in SPACE if c["size"] != 8 and (c["page"], c["size"]) != ("closed", 1)]
    best = min(model(c)["time"] * model(c)["energy"] for c in feasible)
    assert summary.optimum == pytest.approx(best)
    assert summary.best is not None and model(summary.found.designs[summary.best])["time"] < 2e-6
    assert all(len(run.designs) <= run.asked for run in summary.found.runs)
    base = model({"page": "closed", "size": 2, "refresh": "none"})
    assert summary.baseline == pytest.approx((base["time"] * base["energy"],))
    (row,) = [r for r in table_of_efficiency(summary).rows if r[0].text == "all"]
    assert row[2].text == "1" and row[9].text == "100.0 %"
    changes = {r[0].text: (r[1].text, r[2].text) for r in table_of_changes(summary).rows}
    assert changes["page"] == ("open", "closed") and changes["wait"] == ("–", "")
    designs = table_of_designs(summary).rows
    assert [r[1].best for r in designs] == [True] + [False] * (len(designs) - 1)
    failures = [Failed({"page": "closed"}, "w", "refused", "no")] * 2 + [Failed({}, "w", "timeout", "late")]
    (first, second) = table_of_failures(summarise(tmp_path, study, failures=failures)).rows
    assert [c.text for c in first] == ["refused", "2", "w", "page=closed", "no"] and second[1].text == "1"
    # Every design was evaluated, so that importance is that of the whole space less what has no metrics.
    mains, _, number, even = summary.effects(summary.found.values[:, 0])
    assert even is False and number == summary.found.evaluated.sum() and {e.parameters for e in mains} == {
        ("page",), ("size",), ("refresh",), ("wait",),
    }  # fmt: skip


def test_several_objectives_have_fronts(tmp_path: Path) -> None:
    study = a_study(tmp_path, {"minimize": "energy", "maximize": "bandwidth"})
    bounds = Bounds((0.0, -8e7), (4e-6, 0.0))
    summary = summarise(tmp_path, study, bounds=bounds)
    values = summary.found.values[summary.found.feasible]
    want = exact(bounds.normalised(values[non_dominated(values)]), (1.1, 1.1))
    assert summary.volume is not None and summary.volume.value == pytest.approx(want)
    assert summary.optimum == pytest.approx(-want)
    (entry,) = [e for e in summary.indicators() if e.label == "all"]
    assert entry.volume.value == pytest.approx(want) and entry.distance.value == 0
    assert summary.successes("all").value == 1
    own = summarise(tmp_path, study)
    assert own.bounds is not None and any("front of all runs" in warning for warning in own.warnings)
    assert not any("front of all runs" in warning for warning in summary.warnings)


def test_random_search_is_calculated_where_the_space_is_known(tmp_path: Path) -> None:
    alone = [types.SimpleNamespace(label="all", name="exhaustive", options={})]
    summary = summarise(tmp_path, a_study(tmp_path, {"minimize": "edp"}, optimizers=alone))
    band = summary.calculated_random()
    assert band is not None and len(band.middle) == SPACE.size() and band.middle[-1] == summary.optimum


def test_files_and_page(tmp_path: Path) -> None:
    study = a_study(tmp_path, {"minimize": ["energy", "time"]})
    summary = summarise(tmp_path, study, failures=[Failed({"page": EVIL}, "w", "failed", EVIL)])
    figures = draw_figures(summary)
    assert [d.name for d in figures.drawn] == [
        "hypervolume", "pareto_front", "importance_1", "importance_2", "parallel_coordinates", "success",
    ]  # fmt: skip
    assert "Hyper-parameter lottery" in figures.missing
    paths = write_figures(summary, tmp_path, figures)
    before = {path: path.read_bytes() for path in paths}
    assert {"pareto_front.csv", "hypervolume.svg", "indicators.csv"} <= {path.name for path in paths}
    with (tmp_path / "figures" / "indicators.csv").open() as file:
        table = [*csv.DictReader(file)]
    assert [row["Reference"] for row in table] == ["1.1 1.1"] * 3 and len(table[0]["Nadir"].split()) == 2
    page = page_of(
        summary, command="cyclewise explore s.yaml", version="1", settings=f"a: {EVIL}", figures=figures
    )
    assert EVIL not in page.html and page.html.count("&lt;script&gt;alert(1)") >= 4
    assert page.html.count("<svg") == len(figures.drawn) and "no metrics" in page.html
    for text in ("Sample efficiency", "Pareto front", "Hyper-parameter lottery", "tasks without metrics"):
        assert text in page.html
    again = summarise(tmp_path, study)
    assert {path: path.read_bytes() for path in write_figures(again, tmp_path)} == before


def test_a_study_that_found_nothing_has_a_page(tmp_path: Path) -> None:
    study = a_study(tmp_path, {"minimize": "edp"}, baseline=None)
    for path in (tmp_path / "trajectories").glob("*.jsonl"):
        path.write_text(step({"page": "closed", "size": 1, "refresh": "none"}, None))
    summary = summarise(tmp_path, study)
    assert summary.best is None and summary.optimum is None
    figures = draw_figures(summary)
    assert "no design meets the constraints" in figures.missing["Settings of the best designs"]
    page = page_of(summary, command="", version="1", figures=figures)
    assert "No design meets the constraints" in page.html
    assert write_figures(summary, tmp_path, figures) is not None
