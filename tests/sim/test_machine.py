"""The registry of machines: what is known, what a plug-in brings, what is refused."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from arch.errors import InputError
from sim import Options, machine, simulate
from sim.machine import GROUP, Machine, kinds, register
from sim.report import SCHEMA_VERSION, Host, MetricDeclaration, Report

METRICS = (MetricDeclaration("speed", "m/s", False, "how fast"),)
TOY = Machine(
    "toy_plugin",
    lambda system, workload, mapping: None,
    lambda system, plan, options: toy_report(),
    METRICS,
)


def toy_report(units: dict[str, str] | None = None) -> Report:
    return Report(
        SCHEMA_VERSION, {}, {}, 1.0, {"toy": 1}, None, {"speed": 3}, units or {"speed": "m/s"}, {}, (), (),
        (), {}, Host(0.0, 0.0, 0, "", "", "", ""),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def restored_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(machine, "_registered", dict(machine._registered))
    yield


def system(kind: str) -> Any:
    return SimpleNamespace(kind=kind)


def test_a_new_machine_is_two_functions_and_its_metrics() -> None:
    seen: list[Any] = []

    def plan(system: Any, workload: Any, mapping: Any) -> Any:
        seen.extend([workload, mapping])
        return "the plan"

    def run(system: Any, plan: Any, options: Options) -> Report:
        seen.extend([plan, options.tables])
        return toy_report()

    assert "toy" not in kinds()
    register("toy", plan=plan, simulate=run, metrics=METRICS)
    assert "toy" in kinds()
    assert simulate(system("toy"), "load", Options(tables=("x",)), {"a": 1}).metrics == {"speed": 3}  # type: ignore[arg-type]
    assert seen == ["load", {"a": 1}, "the plan", ("x",)]
    with pytest.raises(ValueError, match="registered already"):
        register("toy", plan=plan, simulate=run, metrics=METRICS)
    with pytest.raises(ValueError, match="registered already"):
        register("memory", plan=plan, simulate=run, metrics=METRICS)


def test_unknown_kinds_are_refused_with_those_there_are() -> None:
    with pytest.raises(InputError) as caught:
        simulate(system("memroy"), None)  # type: ignore[arg-type]
    assert 'did you mean "memory"?' in str(caught.value) and "accepted memory" in str(caught.value)


def test_memory_comes_along() -> None:
    assert "memory" in kinds()
    assert machine.machine("memory").kind == "memory"


def test_undeclared_units_are_a_fault() -> None:
    register("toy", plan=TOY.plan, simulate=lambda s, p, o: toy_report({"speed": "km/h"}), metrics=METRICS)
    with pytest.raises(ValueError, match="units"):
        simulate(system("toy"), None)  # type: ignore[arg-type]


def plugged(monkeypatch: pytest.MonkeyPatch, value: str, name: str = "toy_plugin") -> None:
    points = [EntryPoint(name, value, GROUP)]
    monkeypatch.setattr(machine, "entry_points", lambda group: points if group == GROUP else [])


def test_another_package_brings_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, "sim.memory:MACHINE", name="memory2")
    assert "memory2" in kinds()
    with pytest.raises(InputError, match=r"no sim\.machine\.Machine of this kind"):  # it is of kind memory
        machine.machine("memory2")
    monkeypatch.setattr("sim.memory.TOY", TOY, raising=False)
    plugged(monkeypatch, "sim.memory:TOY")
    assert machine.machine("toy_plugin") is TOY
    assert simulate(system("toy_plugin"), None).metrics == {"speed": 3}  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["no_such_package:X", "sim.memory:NO_SUCH_NAME"])
def test_a_broken_package_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    plugged(monkeypatch, value)
    with pytest.raises(InputError, match=value.split(":")[0]):
        machine.machine("toy_plugin")
