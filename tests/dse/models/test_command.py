"""Programs and functions as models: units, failures, time limits, logs."""

import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from arch.errors import InputError
from dse.evaluation import EvaluationError, Task
from dse.models import Model, evaluator_of

TIME = {"time": {"pattern": r"took ([0-9.e+-]+) (\w+)", "unit": "s"}}


def program(code: str, metrics: Any = TIME, **others: Any) -> Model:
    model = {"command": [sys.executable, "-c", code, "{a}"], "metrics": metrics, **others}
    return evaluator_of(model, ["w"], {"a": ["a"]})


def run(model: Model, a: Any = 1) -> Any:
    return model(Task({"a": a}, "w"))


@pytest.mark.parametrize("printed", ["0.0125 s", "12.5 ms", "12500 us", "1.25e+7 ns", "12500000000 ps"])
def test_units_are_honoured(printed: str) -> None:
    assert run(program(f"print('took {printed}')")) == {"time": 0.0125}


def test_a_bare_number_in_the_declared_unit() -> None:
    model = program("print('took 12.5')", {"time": {"pattern": "took ([0-9.]+)$", "unit": "ms"}})
    assert run(model) == {"time": 0.0125}
    assert [(m.unit, m.less_is_better) for m in model.metrics] == [("s", True)]
    own = program(
        "print('12 cycles')", {"n": {"pattern": r"(\d+) (\w+)", "unit": "cycles", "better": "more"}}
    )
    assert run(own) == {"n": 12.0}
    assert [(m.unit, m.less_is_better) for m in own.metrics] == [("cycles", False)]


@pytest.mark.parametrize(
    "printed, told",
    [
        ("took 12.5", "nothing matches"),
        ("took 12.5 J", "12.5 J is no number of s"),
        ("took 12.5 parsecs", "parsecs"),
        ("took e s", "no finite number"),
        ("", "nothing matches"),
    ],
)
def test_what_it_prints_is_refused(printed: str, told: str) -> None:
    with pytest.raises(EvaluationError) as found:
        run(program(f"print({printed!r})"))
    assert found.value.kind == "failed" and told in found.value.message and printed in found.value.log


def test_the_last_match_counts_and_files_are_read() -> None:
    code = "print('took 1 s\\ntook 2 s'); open('out.txt', 'w').write('took 3 ms')"
    metrics = {**TIME, "other": {**TIME["time"], "file": "out.txt"}}
    assert run(program(code, metrics)) == {"time": 2.0, "other": 0.003}
    with pytest.raises(EvaluationError, match=r"none\.txt"):
        run(program(code, {"time": {**TIME["time"], "file": "none.txt"}}))


def test_values_are_handed_over_without_a_shell(tmp_path: Path) -> None:
    model = program("import sys; print(sys.argv[1:]); print('took 1 s')")
    with pytest.raises(EvaluationError) as found:
        run(program("import sys; print(sys.argv[1:]); sys.exit(3)"), "$(touch x); *")
    assert "['$(touch x); *']" in found.value.log and "exit code 3" in found.value.message
    assert run(model, True) == {"time": 1.0}


def test_the_time_limit_ends_all_processes(tmp_path: Path) -> None:
    late = tmp_path / "late"
    inner = f"import time; time.sleep(2); open({str(late)!r}, 'w')"
    code = (
        "import subprocess, sys, time; print('begun', flush=True);"
        f"subprocess.Popen([sys.executable, '-c', {inner!r}]); time.sleep(60)"
    )
    began = time.monotonic()
    with pytest.raises(EvaluationError) as found:
        run(program(code, timeout="500 ms"))
    assert found.value.kind == "timeout" and "0.5 s" in found.value.message and "begun" in found.value.log
    assert time.monotonic() - began < 30
    time.sleep(2.2)
    assert not late.exists()


def test_failures_carry_the_end_of_the_log() -> None:
    with pytest.raises(EvaluationError) as found:
        run(program("print('x' * 100_000); raise RuntimeError('no such thing')"))
    assert "RuntimeError: no such thing" in found.value.message
    assert len(found.value.log) == 20_000
    with pytest.raises(EvaluationError, match="signal 9"):
        run(program("import os; os.kill(os.getpid(), 9)"))


def test_settings_workloads_and_own_folders(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("5")
    script = tmp_path / "prog.py"
    script.write_text("import sys, os; assert os.listdir() == ['.log'], os.listdir()\n"
                      "print('took', open(sys.argv[1]).read() + sys.argv[2], 's')")  # fmt: skip
    model = {"command": [sys.executable, "prog.py", "{workload}", "{b}"], "metrics": TIME, "set": {"b": 7}}
    entries = ["in.txt", {"name": "two", "workload": "in.txt", "set": {"b": 8}}]
    found = evaluator_of(model, entries, {}, folder=tmp_path)
    found = pickle.loads(pickle.dumps(found))
    assert found(Task({}, "in.txt")) == {"time": 57.0} and found(Task({}, "two")) == {"time": 58.0}
    before = found.version, found.workloads
    script.write_text(script.read_text() + "\n")
    (tmp_path / "in.txt").write_text("6")
    after = evaluator_of(model, entries, {}, folder=tmp_path)
    assert after.version != before[0] and after.workloads["in.txt"] != before[1]["in.txt"]


@pytest.mark.parametrize(
    "change, paths, told",
    [
        ({"command": []}, {}, "a list"),
        ({"command": ["no_such_program_here"]}, {}, "no such program"),
        ({"metrics": {}}, {}, "no metrics"),
        ({"metrics": {"time": {"pattern": "(.*)"}}}, {}, "needs a unit"),
        ({"metrics": {"time": {"pattern": "took", "unit": "s"}}}, {}, "0 groups"),
        ({"metrics": {"time": {"pattern": "(", "unit": "s"}}}, {}, "no regular expression"),
        ({"metrics": {"time": {"pattern": "(.)", "unit": "MS"}}}, {}, 'did you mean "ms"'),
        ({"timeout": 60}, {}, "a time with a unit"),
        ({"timeot": "60 s"}, {}, 'did you mean "timeout"'),
        ({"set": {"c": 1}}, {}, "unknown key"),
        ({}, {"b": ["b"]}, "unknown key"),
        ({}, {}, "nothing gives {a} a value"),
    ],
)
def test_what_is_wrong_is_found_before_anything_runs(change: Any, paths: Any, told: str) -> None:
    model = {"command": [sys.executable, "{a}"], "metrics": TIME, **change}
    with pytest.raises(InputError) as found:
        evaluator_of(model, ["w"], paths)
    assert told in str(found.value)


MODULE = """
def f(a, b=2, *, workload, seed=0):
    if a == 3:
        raise ValueError("three")
    return {"time": f"{a * b} ms", "n": a + seed, "x": 1} if a < 5 else {"time": "7", "n": 1}
"""
METRICS = {"time": "s", "n": {"unit": "cycles", "better": "less"}}


def test_python_functions(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(MODULE)
    given = {"python": "m:f", "metrics": METRICS, "set": {"b": 4}}
    model = evaluator_of(given, ["w"], {"p": ["a"]}, folder=tmp_path)
    again = pickle.loads(pickle.dumps(model))
    assert again(Task({"p": 2}, "w", seed=5)) == {"time": 0.008, "n": 7.0}
    assert again.version == model.version and model.overrides({"p": 2}) == ("b=4", "a=2")
    for a, told in ((3, "ValueError: three"), (6, "has no unit")):
        with pytest.raises(EvaluationError, match=told) as failed:
            model(Task({"p": a}, "w"))
        assert failed.value.kind == "failed"
    for path in ("c", "workload"):
        with pytest.raises(InputError, match="unknown key"):
            model.bind(path)
    (tmp_path / "m.py").write_text(MODULE + "\n")
    assert evaluator_of(given, ["w"], {"p": ["a"]}, folder=tmp_path).version != model.version
    for target in ("m:g", "nomodule_here:f", "m"):
        with pytest.raises(InputError):
            evaluator_of({**given, "python": target}, ["w"], folder=tmp_path)


EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("name", ["wrap_program", "wrap_python"])
def test_examples(name: str) -> None:
    if name == "wrap_program" and not any(os.access(f"{p}/xz", os.X_OK) for p in os.get_exec_path()):
        pytest.skip("no xz here")
    text = (EXAMPLES / f"{name}.yaml").read_text()
    study = yaml.safe_load(text)
    assert len(text.splitlines()) < 30 and len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 30
    space = study["space"]
    model = evaluator_of(study["model"], study["workloads"], {k: [k] for k in space}, folder=EXAMPLES)
    low = {key: (one.get("integer") or one["log2"])[0] for key, one in space.items()}
    for workload in model.workloads:
        found = model(Task(low, workload))
        assert set(found) == {m.name for m in model.metrics} and min(found.values()) > 0
