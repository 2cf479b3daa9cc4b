"""The bridge to Optuna, both ways."""

import json
from pathlib import Path

import pytest

import cyclewise as cw
from arch.errors import InputError
from dse.study import read_study
from tests.dse.counted import results, write_study

optuna = pytest.importorskip("optuna", reason='needs "cyclewise[optuna]"')


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "qmc", "random"])
def test_a_sampler_searches_a_study(tmp_path: Path, sampler: str) -> None:
    study = write_study(tmp_path, optimizer={"name": "optuna", "sampler": sampler})
    found = cw.explore(study, output=tmp_path / "one", jobs=1)
    assert found.outcome.runs[0].unique == 40
    cw.explore(study, output=tmp_path / "two", jobs=2)
    assert results(tmp_path / "one") == results(tmp_path / "two")


def test_runs_become_studies_of_optuna(tmp_path: Path) -> None:
    from dse.optuna_storage import export_to_optuna

    path = write_study(
        tmp_path,
        optimizers=["random", "nsga2"],
        budget={"evaluations": 150},
        objectives={"minimize": ["time", "energy"]},
        constraints={"small": "energy <= 12 J"},
    )
    found = cw.explore(path, output=tmp_path / "out", jobs=1)
    storage = f"sqlite:///{tmp_path}/o.db"
    names = export_to_optuna(found.study, tmp_path / "out", storage)
    assert names == ("counted/random-3", "counted/nsga2-3")
    study = optuna.load_study(study_name="counted/random-3", storage=storage)
    lines = [json.loads(line) for line in (tmp_path / "out/trajectories/random-3.jsonl").open()]
    trials = study.get_trials()
    assert [t.params for t in trials] == [line["config"] for line in lines]
    assert [t.values for t in trials] == [line["values"] for line in lines]
    assert [t.system_attrs["constraints"][0] for t in trials] == [line["violation"] for line in lines]
    assert {t.state.name for t in trials} == {"COMPLETE", "FAIL"}
    with pytest.raises(InputError, match="has a study counted/random-3 already"):
        export_to_optuna(found.study, tmp_path / "out", storage)
    with pytest.raises(InputError, match="cannot be used"):
        export_to_optuna(found.study, tmp_path / "out", "nowhere://x")


def test_a_sampler_that_is_none(tmp_path: Path) -> None:
    path = write_study(tmp_path, optimizer={"name": "optuna", "sampler": "tpo"})
    with pytest.raises(InputError, match="tpe"):
        cw.explore(read_study(path).source or "", output=tmp_path / "out", jobs=1)
