"""Does a table hold what the evaluator says, and is the one that comes along still true?"""

import lzma
import pickle
from pathlib import Path

import numpy as np
import pytest

from arch.errors import InputError
from dse.evaluation import EvaluationError, Task
from dse.objective import read_objective
from dse.study import Study, read_study
from dse.tabular import Table, build, load
from dse.tabular.__main__ import main
from dse.tabular.building import BuildError
from dse.tabular.table import SHIPPED

STUDY = """
study: tiny
model: {system: ddr3_1600, set: {controller.profile: cyclewise}}
workloads: [{name: a, workload: dramsys_cloud_1}, {name: b, workload: random, set: {requests: 500}}]
space:
  page_policy: {path: controller.page_policy, choice: [open, closed]}
  refresh: {path: controller.refresh, choice: [none, all_bank]}
  buffer: {path: controller.read_queue, log2: [1, 8], when: page_policy == open}
  skip: {path: controller.skip_idle, choice: [true]}
objectives: {minimize: edp}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path = tmp_path_factory.mktemp("study") / "tiny.yaml"
    path.write_text(STUDY)
    return read_study(path)


@pytest.fixture(scope="module")
def table(study: Study) -> Table:
    return build("tiny", study.evaluator, study.space)


def test_every_design_as_evaluated(study: Study, table: Table) -> None:
    assert len(table) == study.space.size() == 10
    for row, design in enumerate(study.space):
        assert table.config(row) == design and table.row(design) == row
        for workload in ("a", "b"):
            whole = study.evaluator(Task(design, workload))
            found = table(Task(design, workload))
            assert found == {name: whole[name] for name in ("time", "energy", "power", "bandwidth")}
            assert table.column("energy", workload)[row] == whole["energy"]


def test_the_file_holds_all(table: Table, tmp_path: Path) -> None:
    one, two = tmp_path / "one.xz", tmp_path / "two.xz"
    table.write(one)
    again = load(one)
    again.write(two)
    assert one.read_bytes() == two.read_bytes() and again.version == table.version
    assert again.workloads == table.workloads and again.metrics == table.metrics
    for row in range(len(table)):
        assert again.config(row) == table.config(row)
        assert again(Task(table.config(row), "b")) == table(Task(table.config(row), "b"))
    assert pickle.loads(pickle.dumps(again)).version == table.version


def test_jobs_do_not_matter(study: Study, table: Table, tmp_path: Path) -> None:
    told: list[int] = []
    other = build("tiny", study.evaluator, study.space, jobs=2, progress=told.append)
    assert other.version == table.version and told[-1] == 10
    path = tmp_path / "tiny.yaml"
    path.write_text(STUDY)
    assert main(["build", str(path), "-o", str(tmp_path / "t.xz"), "--jobs", "1"]) == 0
    assert load(tmp_path / "t.xz").version == table.version


def test_optimum_and_regret(table: Table) -> None:
    objective = read_objective({"minimize": "edp"}, table.metrics, workloads=["a", "b"])
    best = table.optimum(objective)
    products = np.sqrt(
        np.prod([table.column("energy", w) * table.column("time", w) for w in ("a", "b")], axis=0)
    )
    assert best.value == pytest.approx(products.min()) and best.row == products.argmin()
    assert best.config == table.config(best.row)
    assert table.regret(best.value, best) == 0 and table.regret(1.5 * best.value, best) == pytest.approx(0.5)
    values, violations = table.scores(objective)
    assert values[:, 0] == pytest.approx(products) and not violations.any()
    with pytest.raises(InputError, match="several objectives"):
        table.optimum(read_objective({"minimize": ["time", "energy"]}, table.metrics, workloads=["a", "b"]))


def test_what_is_not_there(study: Study, table: Table, tmp_path: Path) -> None:
    for design in ({}, {"page_policy": "open"}, {"x": 1}, {**table.config(0), "skip": 1}):
        with pytest.raises(EvaluationError, match="not in the table"):
            table(Task(design, "a"))
    with pytest.raises(BuildError, match="designs 0 to 0"):
        build("tiny", study.evaluator, [{"page_policy": "none"}])
    with pytest.raises(InputError, match="twice"):
        build("tiny", study.evaluator, [table.config(0), table.config(0)])
    for content in (b"", b"junk", lzma.compress(b"{}\n"), lzma.compress(b'{"format": 1}\n')):
        (tmp_path / "bad.xz").write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            load(tmp_path / "bad.xz")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "none.xz")
    assert main(["build", str(tmp_path / "none.yaml")]) == 2


@pytest.mark.skipif(not SHIPPED.exists(), reason="the table has not been built yet")
def test_the_shipped_table_is_what_the_model_says() -> None:
    shipped = load()
    study = read_study(Path(__file__).parents[3] / "examples" / "dram_controller.yaml")
    assert SHIPPED.stat().st_size < 2_000_000
    assert len(shipped) == study.space.size()
    assert shipped.workloads == study.evaluator.workloads
    for row, design in zip(range(50), study.space, strict=False):
        assert shipped.config(row) == design
    for row in np.random.default_rng(5).integers(0, len(shipped), 40).tolist():
        for workload in shipped.workloads:
            task = Task(shipped.config(row), workload)
            found, whole = shipped(task), study.evaluator(task)
            assert found == {name: whole[name] for name in found}, task
