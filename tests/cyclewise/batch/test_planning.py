"""Batch files: what they ask for, and one message with file and line for whatever is wrong."""

import json
import string
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch.errors import InputError
from arch.yaml_source import parse
from cyclewise.batch.changes import yaml_text
from cyclewise.batch.planning import BatchPlan, Loader, plan
from cyclewise.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study in a folder of its own, called from another."""
    study = tmp_path / "study"
    study.mkdir()
    (study / "mine.yaml").write_text("kind: memory\nextends: ddr4_2400\nchannels: 2\n")
    (study / "broken.yaml").write_text("kind: memory\nextends: ddr4_2400\nchannls: 2\n")
    (study / "x.trace").write_text("LD 0x40\nST 0x80\n")
    (study / "bad.trace").write_text("nonsense here\n")
    monkeypatch.chdir(tmp_path)
    return study


def planned(folder: Path, text: str) -> BatchPlan:
    (folder / "b.yaml").write_text(text)
    return plan("study/b.yaml", Loader())


def test_systems_by_workloads_by_variants_and_further_runs(folder: Path) -> None:
    found = planned(
        folder,
        """
title: two of each
systems: [ddr4_2400, {name: wide, system: mine.yaml, set: {controller.page_policy: closed}}]
workloads: [./x.trace, {name: r9, workload: random, set: {requests: 9, write_share: 0.25}}]
variants:
  - {name: base}
  - {name: slow, set: {timing.tFAW: 40 nCK, workload.seed: 3}}
runs:
  - {system: wide, workload: stream, set: {workload.requests: 7, controller.page_policy: open}}
  - {name: odd, system: ddr3_1600, workload: x.trace}
output: out
""".replace("workload.seed: 3", "system.rounding.guard: 0.9"),
    )
    names = [run.name for run in found.runs]
    assert names == [
        *(f"ddr4_2400-{w}-{v}" for w in ("x", "r9") for v in ("base", "slow")),
        *(f"wide-{w}-{v}" for w in ("x", "r9") for v in ("base", "slow")),
        "wide-stream",
        "odd",
    ]
    by_name = {run.name: run for run in found.runs}
    assert by_name["ddr4_2400-x-base"].overrides == ()
    assert by_name["wide-r9-slow"].overrides == (
        "controller.page_policy=closed",
        "timing.tFAW=40 nCK",
        "rounding.guard=0.9",
        "workload.requests=9",
        "workload.write_share=0.25",
    )
    assert by_name["wide-r9-slow"].parameters == {"requests": 9, "write_share": 0.25}
    assert by_name["wide-stream"].settings == {"controller.page_policy": "open", "workload.requests": "7"}
    assert by_name["odd"].file == str(folder / "x.trace")
    assert (found.title, found.output) == ("two of each", Path("study/out"))
    digests = {run.name: run.system_digest for run in found.runs}
    assert digests["wide-stream"] != digests["wide-r9-base"] != digests["wide-r9-slow"]


def test_a_map_is_a_batch_whose_paths_start_here(folder: Path) -> None:
    found = plan({"systems": ["study/mine.yaml"], "workloads": ["study/x.trace"]}, Loader())
    assert [run.name for run in found.runs] == ["mine-x"]


HEAD = "systems: [ddr4_2400]\n"
BAD = {
    "unknown key": ("systms: [a]\n", 1, ["systms", 'did you mean "systems"']),
    "key in an entry": ("systems:\n- {system: ddr4_2400, sett: {}}\n", 2, ["systems[0].sett", "set"]),
    "not a list": ("systems: ddr4_2400\n", 1, ["accepted a list"]),
    "no name": ("systems: [ddr4_2400]\nvariants:\n- set: {}\n", 3, ["name is missing"]),
    "unsafe name": ("systems:\n- {system: ddr4_2400, name: ../up}\n", 2, ["../up", "accepted"]),
    "system": ("systems:\n- ddr4_240\nworkloads: [random]\n", 2, ["ddr4_240", '"ddr4_2400"']),
    "system file": ("systems: [./no.yaml]\nworkloads: [random]\n", 1, ["no such file", "./no.yaml"]),
    "abstract": ("systems: [ddr4]\nworkloads: [random]\n", 1, ["abstract"]),
    "broken system": ("systems: [broken.yaml]\nworkloads: [random]\n", 1, ["broken.yaml:3", "channls"]),
    "workload": (HEAD + "workloads:\n- randon\n", 3, ["unknown workload", '"random"']),
    "workload file": (HEAD + "workloads: [./randon]\n", 2, ["no such file", "./randon"]),
    "bad trace": (HEAD + "workloads: [x.trace, bad.trace]\n", 2, ["workloads[1]", "bad.trace:1"]),
    "system key": (
        "systems:\n- system: ddr4_2400\n  set:\n    chanels: 2\nworkloads: [random]\n",
        4,
        ["systems[0].set.chanels", '"channels"'],
    ),
    "system value": (
        HEAD + "workloads: [random]\nvariants:\n- {name: a}\n- {name: b, set: {channels: 3}}\n",
        5,
        ["variants[1].set.channels", "given 3", "power of two"],
    ),
    "parameter": (
        HEAD + "workloads:\n- workload: random\n  set:\n    requets: 4\n",
        5,
        ["workloads[0].set.requets", '"requests"'],
    ),
    "parameter value": (
        HEAD + "workloads:\n- {workload: random, set: {requests: -4}}\n",
        3,
        ["workloads[0].set.requests", "given -4"],
    ),
    "parameter of a trace": (
        HEAD + "workloads: [spmv]\nvariants:\n- name: v\n  set: {workload.requests: 3}\n",
        5,
        ["no parameters"],
    ),
    "workload key in a system": (
        "systems:\n- {system: ddr4_2400, set: {workload.requests: 3}}\nworkloads: [random]\n",
        2,
        ["cannot be set here", "keys of the system"],
    ),
    "two systems": (
        "systems:\n- ddr4_2400\n- ddr4_2400\nworkloads: [random]\n",
        3,
        ["two systems are called", "line 2", "two runs would have one name"],
    ),
    "two runs": (
        HEAD + "workloads: [random]\nruns:\n- {system: ddr4_2400, workload: random}\n",
        4,
        ['"ddr4_2400-random"', "line 1"],
    ),
    "names that differ in case": (
        "runs:\n- {name: A, system: ddr4_2400, workload: random}\n"
        "- {name: a, system: ddr3_1600, workload: random}\n",
        3,
        ["two runs", "line 2"],
    ),
    "set twice": (
        "systems:\n- {system: ddr4_2400, set: {channels: 2, system.channels: 2}}\nworkloads: [random]\n",
        2,
        ["set twice"],
    ),
    "no workloads": (HEAD, 1, ["systems and workloads"]),
    "nothing": ("title: nothing\n", 1, ["no runs"]),
    "unknown in a run": (
        "systems: [{name: base, system: ddr4_2400}]\nruns:\n- {system: bass, workload: random}\n",
        3,
        ["unknown system", '"base"'],
    ),
    "settings as a list": ("systems:\n- {system: ddr4_2400, set: [a]}\n", 2, ["accepted a map"]),
    "not YAML": ("systems: [\n", 2, ["not valid YAML"]),
    "key twice": ("systems: [ddr4_2400]\nsystems: [ddr3_1600]\n", 2, ["key given twice"]),
}


@pytest.mark.parametrize("case", BAD)
def test_one_message_with_file_and_line(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, line, words = BAD[case]
    (folder / "b.yaml").write_text(text)
    assert main(["batch", "study/b.yaml", "-o", "out"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert f"study/b.yaml:{line}: " in told.err
    for word in words:
        assert word in told.err, told.err
    assert not Path("out").exists(), "everything is checked before anything is made"


def test_a_missing_batch_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "none.yaml"]) == 2
    assert "none.yaml: no such file" in capsys.readouterr().err


def test_names_stay_short_enough_for_folders() -> None:
    long = "x" * 64
    spec: dict[str, object] = {
        "systems": [{"name": long, "system": "ddr4_2400"}],
        "workloads": [{"name": long, "workload": "random"}],
        "variants": [{"name": long}, {"name": long[:-1]}],
    }
    assert max(len(f"{run.name}.json.12345.part") for run in plan(spec, Loader()).runs) < 255
    with pytest.raises(InputError, match="up to 64"):
        plan({"runs": [{"name": long + "x", "system": "ddr4_2400", "workload": "random"}]}, Loader())


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1000, max_value=1000),
    st.text(string.printable + "äß→", max_size=20),
)


@given(
    st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc.", min_size=1), inner))
)
def test_a_value_written_as_yaml_reads_as_itself(value: Any) -> None:
    text = yaml_text(value)
    assert "\n" not in text
    read = parse(text, "", lines=False).data if text else ""
    assert read == value and (isinstance(value, (dict, list)) or type(read) is type(value))


def test_floats_of_python_are_written_without_an_exponent() -> None:
    assert parse(yaml_text(1e-7), "", lines=False).data == Decimal("1E-7")


def test_the_schema_knows_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "batch"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["properties"]) == {"title", "systems", "workloads", "variants", "runs", "output"}
    assert schema["properties"]["systems"]["items"] == {
        "anyOf": [{"type": "string"}, {"$ref": "#/$defs/SystemEntry"}]
    }
    assert "system" in schema["$defs"]["SystemEntry"]["properties"]


@pytest.mark.parametrize(
    "example", sorted((Path(__file__).parents[3] / "examples").glob("two_devices*.yaml"))
)
def test_the_examples_are_in_order(example: Path) -> None:
    found = plan(example, Loader())
    assert found.title and len(found.runs) == 6
