"""``cyclewise import``: what it writes runs, what it cannot do it says in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

import arch
import cyclewise as cw
from arch.foreign import import_configuration
from tests.arch.foreign.configurations import DDR4_INI, GDDR6_INI, HBM2_INI, RAMULATOR20, exported
from tests.cyclewise.program import Program

TINY = ["workload.requests=3000", "workload.write_share=0.3", "workload.seed=5"]


def test_imported_and_run(program: Program) -> None:
    Path("theirs.ini").write_text(DDR4_INI)
    code, out, err = program("import", "theirs.ini", "-o", "my.yaml")
    assert code == 0
    assert out.startswith("my.yaml: DDR4 from theirs.ini, ")
    assert "not translated: timing.tXS = 432: self-refresh is not modelled here" in err.splitlines()
    code, out, _ = program("run", "my.yaml", "random", "--set", "workload.requests=2000", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["warnings"] == []
    assert report["metrics"]["bytes_read"] == 2000 * 64


def test_the_yaml_alone_goes_to_the_standard_output(program: Program) -> None:
    Path("theirs.yaml").write_text(RAMULATOR20)
    code, out, err = program("import", "theirs.yaml")
    assert code == 0
    Path("piped.yaml").write_text(out)
    assert arch.load("piped.yaml").spec.resolve().timing["tRFC"] == 433
    assert "plugins" in err
    assert "not translated" in err


def test_json(program: Program) -> None:
    Path("theirs.ini").write_text(DDR4_INI)
    code, out, err = program("import", "theirs.ini", "--json")
    record = json.loads(out)
    assert (code, err) == (0, "")
    assert record["extends"] == "ddr4"
    assert {"setting": "timing.CL", "value": "16", "into": "timing.tCL"} in record["translated"]
    assert record["yaml"].startswith("# Imported by cyclewise")
    assert {u["setting"] for u in record["untranslated"]} >= {"timing.tXS", "system.cmd_queue_size"}
    code, out, _ = program("import", "theirs.ini", "--json", "-o", "my.yaml")
    written = json.loads(out)
    assert (written["wrote"], written["file"]) == ("system", "my.yaml")
    assert written["digest"] == arch.load("my.yaml").digest()
    assert Path("my.yaml").read_text() == record["yaml"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["none.ini"], ["none.ini", "no such file"]),
        (["."], ["is a directory"]),
        (["theirs.ini", "--from", "gem5"], ["--from", "ramulator2, dramsim3"]),
        (["theirs.ini", "-o", "there.yaml"], ["exists already"]),
        (["theirs.ini", "-o", "my.ini"], ["ends in .yaml"]),
        (["theirs.ini", "-o", "nowhere/my.yaml"], ["folder does not exist"]),
        (["five.ini"], ["five.ini:2: dram_structure.protocol", "DDR3, DDR4, GDDR6, HBM, HBM2"]),
    ],
)
def test_one_message(arguments: list[str], words: list[str], program: Program) -> None:
    Path("theirs.ini").write_text(DDR4_INI)
    Path("five.ini").write_text(DDR4_INI.replace("DDR4", "DDR5"))
    Path("there.yaml").write_text("mine")
    code, out, err = program("import", *arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1, err
    for word in words:
        assert word in err
    assert Path("there.yaml").read_text() == "mine"


def streams(system: str, *overrides: str) -> list[np.ndarray]:
    result = cw.run(system, "random", overrides=[*TINY, *overrides], commands=True)
    assert result.commands is not None
    return list(result.commands)


@pytest.mark.parametrize("name", ["ddr4_2400", "hbm2_2000", "gddr6_14000"])
def test_ramulators_numbers_give_the_librarys_command_stream(name: str, program: Program) -> None:
    Path("theirs.yaml").write_text(exported(name, arch.load(name).spec.resolve()))
    assert program("import", "theirs.yaml", "-o", "my.yaml")[0] == 0
    for ours, theirs in zip(streams(name, "controller.profile=ramulator21"), streams("my.yaml"), strict=True):
        assert len(ours) > 3000
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("text", [DDR4_INI, RAMULATOR20])
def test_both_forms_of_ddr4_give_the_librarys_command_stream(text: str, program: Program) -> None:
    Path("theirs").write_text(text)
    assert program("import", "theirs", "-o", "my.yaml")[0] == 0
    profile = "controller.profile=ramulator21"
    queues = ["controller.read_queue=32", "controller.write_queue=32"]
    for ours, theirs in zip(streams("ddr4_2400", profile), streams("my.yaml", profile, *queues), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("text", [HBM2_INI, GDDR6_INI])
def test_the_other_standards_run_without_a_broken_rule(text: str, program: Program) -> None:
    Path("theirs.ini").write_text(text)
    assert program("import", "theirs.ini", "-o", "my.yaml")[0] == 0
    settings = [word for text in TINY for word in ("--set", text)]
    assert program("run", "my.yaml", "random", *settings, "--commands", "c.npz")[0] == 0
    code, out, _ = program("check", "my.yaml", "c.npz")
    assert code == 0, out


def test_the_same_text_every_time(tmp_path: Path) -> None:
    (tmp_path / "theirs.ini").write_text(DDR4_INI)
    file = tmp_path / "theirs.ini"
    assert import_configuration(file).yaml_text == import_configuration(file).yaml_text
