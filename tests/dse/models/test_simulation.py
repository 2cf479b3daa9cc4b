"""Systems of ours as models: the figures of the Report, keys that are checked, facts, YAML to run."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arch
import workloads
from arch.errors import InputError
from dse.evaluation import Config, EvaluationError, Task, task_key
from dse.models import Model, evaluator_of
from sim.machine import measured, simulate
from workloads.trace import Trace

DDR3 = {"system": "ddr3_1600", "set": {"controller.profile": "cyclewise"}}
RANDOM = {"name": "rnd", "workload": "random", "set": {"requests": 500}}
PATHS = {"policy": ["controller.page_policy"], "queues": ["controller.read_queue", "controller.write_queue"]}


def memory(**others: Any) -> Model:
    return evaluator_of({**DDR3, **others}, ["dramsys_stream", RANDOM], PATHS)


def test_figures_are_those_of_the_report() -> None:
    model = memory()
    config: Config = {"policy": "closed", "queues": 4}
    overrides = model.overrides(config)
    assert overrides[1:] == (
        "controller.page_policy=closed", "controller.read_queue=4", "controller.write_queue=4"
    )  # fmt: skip
    report = simulate(arch.load("ddr3_1600", overrides), workloads.generate("random", requests=500))
    assert model(Task(config, "rnd")) == measured(report)
    assert {m.name for m in model.metrics if "*" not in m.name} <= set(measured(report))
    assert measured(simulate(arch.load("ddr3_1600"), workloads.load("dramsys_stream", 64))) != model(
        Task(config, "dramsys_stream")
    )


def test_the_yaml_of_a_design_runs(tmp_path: Path) -> None:
    model = memory()
    config: Config = {"policy": "closed", "queues": 4}
    file = tmp_path / "best.yaml"
    text = model.system_yaml(config)
    assert text is not None
    file.write_text(text)
    report = simulate(arch.load(str(file)), workloads.generate("random", requests=500))
    assert measured(report) == model(Task(config, "rnd"))


def test_it_travels_and_keys_do_not_change() -> None:
    model = memory()
    task = Task({"policy": "open", "queues": 2}, "rnd")
    again = pickle.loads(pickle.dumps(model))
    assert task_key(task, again) == task_key(task, model)
    assert again(task) == model(task)
    model.prepare()
    assert task_key(task, pickle.loads(pickle.dumps(model))) == task_key(task, memory())


def test_the_version_covers_what_decides_the_metrics() -> None:
    versions = [
        memory().version,
        memory(set={"controller.profile": "ramulator21"}).version,
        evaluator_of({"system": "ddr4_2400"}, [RANDOM], PATHS).version,
        evaluator_of(DDR3, [RANDOM], {"policy": ["controller.page_policy"]}).version,
    ]
    assert len(set(versions)) == len(versions)
    one = evaluator_of(DDR3, [{**RANDOM, "set": {"requests": 501}}])
    assert one.workloads["rnd"] != memory().workloads["rnd"]


def test_workload_files_are_beside_the_study(tmp_path: Path) -> None:
    trace = Trace.from_arrays([1, 2, 3], name="t")
    workloads.save(trace, str(tmp_path / "t.trace"))
    model = evaluator_of(DDR3, ["t.trace"], folder=tmp_path)
    assert model.workloads == {"t.trace": trace.digest()}


def test_workload_and_mapping_keys() -> None:
    model = evaluator_of(DDR3, [RANDOM], {"seed": ["workload.seed"]})
    one, two = (model(Task({"seed": seed}, "rnd"))["time"] for seed in (1, 2))
    assert one != two
    assert "workload.seed=2" in model.overrides({"seed": 2})
    assert not model.facts("rnd")  # the trace is another in every design
    pim = evaluator_of({"system": "pim_gpt"}, [{"name": "g", "workload": "gpt_tiny", "set": {"tokens": 2}}])
    for path, told in (("mapping.pakcing", 'did you mean "packing"'), ("workload.tokns", '"tokens"')):
        with pytest.raises(InputError, match=told):
            pim.bind(path)
    pim.bind("mapping.packing")
    pim.check("mapping.packing", "row_aligned")
    with pytest.raises(InputError, match="row_aligned"):
        pim.check("mapping.packing", "loose")


def test_a_pim_machine_is_evaluated_by_its_report() -> None:
    entry = {"name": "g", "workload": "gpt_tiny", "set": {"prompt": 2, "tokens": 1}}
    paths = {"channels": ["dram.channels"], "packing": ["mapping.packing"]}
    model = evaluator_of({"system": "pim_gpt"}, [entry], paths)
    from sim.workload_names import workload_named

    system = arch.load("pim_gpt", ["dram.channels=4"])
    decoding = workload_named("gpt_tiny", system, {"prompt": 2, "tokens": 1})
    report = simulate(system, decoding, mapping={"packing": "row_aligned"})
    assert model(Task({"channels": 4, "packing": "row_aligned"}, "g")) == measured(report)


def facts(trace: Trace, tmp_path: Path, **settings: Any) -> Any:
    path = tmp_path / "t.npz"
    workloads.save(trace, str(path))
    return evaluator_of({"system": "ddr3_1600", "set": settings}, [str(path)]).facts(str(path))


def test_facts(tmp_path: Path) -> None:
    line, each = np.arange(100), np.arange(100)
    reads = Trace.from_arrays(line, arrival=each)
    assert facts(reads, tmp_path) == {"reads_only": True, "saturating": True}
    late = each.copy()
    late[99] = 100  # one cycle after the front end could have taken it
    assert not facts(Trace.from_arrays(line, arrival=late), tmp_path)["saturating"]
    assert not facts(Trace.from_arrays(line, [*[0] * 99, 1], arrival=each), tmp_path)["reads_only"]
    assert not facts(Trace.from_arrays(line, window=4), tmp_path)["saturating"]
    several = {"front_end.streams": 2}
    assert not facts(reads, tmp_path, **several)["saturating"]


@pytest.mark.parametrize(
    "model, entries, paths, told",
    [
        ({"system": "ddr3_1606"}, [RANDOM], {}, 'did you mean "ddr3_1600"'),
        ({"sytem": "ddr3_1600"}, [RANDOM], {}, "accepted: one of system"),
        ({**DDR3, "mappping": {}}, [RANDOM], {}, 'did you mean "mapping"'),
        ({**DDR3, "mapping": {"x": 1}}, [RANDOM], {}, "a memory has no mapping"),
        ({"system": "ddr3_1600", "set": {"controller.page_policy": "opn"}}, [RANDOM], {}, '"open"'),
        (DDR3, [], {}, "no workloads"),
        (DDR3, ["radom"], {}, "no such file or library workload"),
        (DDR3, [RANDOM, RANDOM], {}, "two workloads"),
        (DDR3, [{**RANDOM, "sett": {}}], {}, 'did you mean "set"'),
        (DDR3, [RANDOM], {"p": ["controller.page_polcy"]}, 'did you mean "page_policy"'),
        (DDR3, [RANDOM], {"p": ["timing.tRCD"], "q": ["system.timing.tRCD"]}, "p sets timing.tRCD"),
        (DDR3, ["dramsys_stream"], {"p": ["workload.seed"]}, "has no parameters"),
        (DDR3, [RANDOM], {"p": ["mapping.packing"]}, "a memory has no mapping"),
    ],
)
def test_what_is_wrong_is_found_before_anything_runs(
    model: dict[str, Any], entries: list[Any], paths: dict[str, list[str]], told: str
) -> None:
    with pytest.raises(InputError) as found:
        evaluator_of(model, entries, paths)
    assert told in str(found.value)


def test_designs_without_metrics() -> None:
    model = evaluator_of(DDR3, [RANDOM], {"banks": ["organization.banks"]})
    with pytest.raises(EvaluationError) as refused:
        model(Task({"banks": 3}, "rnd"))
    assert refused.value.kind == "refused" and "organization.banks" in refused.value.message
    with pytest.raises(EvaluationError, match="no fidelity"):
        model(Task({}, "rnd", fidelity="rough"))
    assert "energy" not in {m.name for m in evaluator_of({"system": "hbm2_2000"}, [RANDOM]).metrics}
