"""Batches of machines that generate tokens: models, their parameters and the mapping are batch keys."""

from pathlib import Path
from typing import Any

import pytest

from arch.errors import InputError
from cyclewise.batch.execution import run_batch
from cyclewise.batch.planning import Loader, plan

CHECKOUT = Path(__file__).resolve().parents[3]


def tiny(**more: Any) -> dict[str, Any]:
    workload = {"name": "tiny", "workload": "gpt_tiny", "set": {"tokens": 3}}
    return {"systems": ["pim_gpt"], "workloads": [workload], **more}


def test_models_and_mappings_are_planned() -> None:
    variants = [{"name": "paper"}, {"name": "rows", "set": {"mapping.value_layout": "row_major"}}]
    paper, rows = plan(tiny(variants=variants), Loader()).runs
    assert (paper.parameters, paper.mapping) == ({"tokens": 3}, {})
    assert (rows.parameters, rows.mapping) == ({"tokens": 3}, {"value_layout": "row_major"})
    assert rows.overrides == ("workload.tokens=3", "mapping.value_layout=row_major")
    assert rows.system_digest == paper.system_digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mapping.packin": "packed"}, "packing"),
        ({"mapping.packing": "tight"}, "row_aligned"),
        ({"workload.tokenz": 3}, "tokens"),
    ],
)
def test_wrong_keys_are_refused_before_anything_runs(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        plan(tiny(variants=[{"name": "v", "set": change}]), Loader())
    assert words in str(refusal.value)


def test_a_mapping_belongs_to_a_run_not_to_a_system_or_workload() -> None:
    spec = {
        "systems": [{"system": "pim_gpt", "set": {"mapping.packing": "packed"}}],
        "workloads": ["gpt_tiny"],
    }
    with pytest.raises(InputError, match="cannot be set here"):
        plan(spec, Loader())


def test_another_mapping_is_another_run(tmp_path: Path) -> None:
    """A finished run is not taken for one with other choices of mapping."""

    def ran(layout: str) -> float:
        variants = [{"name": "v", "set": {"mapping.value_layout": layout}}]
        (run,) = run_batch(tiny(variants=variants), output=tmp_path / "out").runs
        assert run.report is not None, run.error
        return run.report.seconds

    column, row = ran("column_major"), ran("row_major")
    assert column != row and ran("row_major") == row and ran("column_major") == column


@pytest.mark.parametrize(
    "file", sorted((CHECKOUT / "examples").glob("**/pim_gpt*/*.yaml")), ids=lambda p: p.stem
)
def test_the_sweeps_can_be_planned(file: Path) -> None:
    planned = plan(file, Loader())
    assert len(planned.runs) >= 4 and all(run.variant for run in planned.runs)


def test_all_eight_models_are_one_batch() -> None:
    names = [run.workload for run in plan(CHECKOUT / "examples" / "pim_gpt_models.yaml", Loader()).runs]
    assert len(names) == 8 and names[0] == "gpt2_small" and names[-1] == "gpt3_xl"
