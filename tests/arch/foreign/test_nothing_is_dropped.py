"""Every setting of the input is either translated or named with a reason, whatever the input holds."""

import configparser
from pathlib import Path
from typing import Any

import pytest
import yaml

import arch
from arch.foreign import Imported, import_configuration
from tests.arch.foreign.configurations import DDR4_INI, GDDR6_INI, HBM2_INI, RAMULATOR20, exported

LIBRARY = {"ddr4_2400": "DDR4", "hbm2_2000": "HBM2", "gddr6_14000": "GDDR6"}
OLDER = """
[thermal]
amb_temp = 40
bank_order = 1
[hmc]
num_links = 4
"""
BUSY_INI = DDR4_INI.replace(
    "tRTRS = 2", "tRTRS = 2\ntRFC2 = 312\ntRTP_L = 6\ntPPD = 1\nt32AW = 4\ntRCDRD = 9\ntCKE = 6"
)
BUSY_INI = BUSY_INI.replace("IDD5AB = 250", "IDD5AB = 250\nIPP0 = 3.0\nIDD2P = 25\nIDD6x = 30\nIDD7 = 1")
BUSY_INI = BUSY_INI.replace("channels = 1", "channels = 1\nunified_queue = true\nwrite_buf_size = 8") + OLDER
BUSY_YAML = RAMULATOR20.replace("FRFCFS", "BLISS").replace("AllBank", "PerBank")
BUSY_YAML = BUSY_YAML.replace("OpenRowPolicy", "ClosedRowPolicy\n      cap: 4")
BUSY_YAML = BUSY_YAML.replace(
    "impl: DDR4\n", "impl: DDR4\n    drampower_enable: true\n    voltage: {preset: Default}\n"
)
BUSY_YAML += 'Extra:\n  thing: [1, 2]\n  empty: {}\n"": nameless\n'


def found(tmp_path: Path, text: str) -> Imported:
    file = tmp_path / "theirs.txt"
    file.write_text(text, encoding="utf-8")
    return import_configuration(file)


def ini_keys(text: str) -> set[str]:
    parser = configparser.ConfigParser(inline_comment_prefixes=";")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return {f"{section}.{key}" for section in parser.sections() for key in parser[section]}


def yaml_keys(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict) and value:
        return {k for key, child in value.items() for k in yaml_keys(child, f"{path}.{key}" if path else key)}
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        return {k for n, child in enumerate(value) for k in yaml_keys(child, f"{path}[{n}]")}
    return {path}


def covered(result: Imported, keys: set[str]) -> None:
    translated, left = [t.setting for t in result.translated], [u.setting for u in result.untranslated]
    assert set(translated) | set(left) == keys
    assert len(translated) + len(left) == len(keys)  # none in both, none twice
    assert all(t.into for t in result.translated)
    assert all(len(u.why) > 8 for u in result.untranslated)


@pytest.mark.parametrize("text", [DDR4_INI, HBM2_INI, GDDR6_INI, BUSY_INI])
def test_ini(text: str, tmp_path: Path) -> None:
    covered(found(tmp_path, text), ini_keys(text))


@pytest.mark.parametrize("text", [RAMULATOR20, BUSY_YAML])
def test_ramulator_20(text: str, tmp_path: Path) -> None:
    covered(found(tmp_path, text), yaml_keys(yaml.safe_load(text)))


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize("channels", [1, 2])
def test_ramulator_21(name: str, channels: int, tmp_path: Path) -> None:
    text = exported(name, arch.load(name).spec.resolve(), channels)
    covered(found(tmp_path, text), yaml_keys(yaml.safe_load(text)))


def test_what_is_left_stands_in_the_file_too(tmp_path: Path) -> None:
    result = found(tmp_path, BUSY_INI)
    for item in result.untranslated:
        assert f"#   {item.setting} = {item.value}: {item.why}" in result.yaml_text
    for sentence in result.assumptions:
        assert f"#   {sentence}" in result.yaml_text


@pytest.mark.parametrize(
    "key, words",
    [
        ("timing.tRTP_L", "does not read"),
        ("timing.tRFC2", "does not read"),
        ("timing.tPPD", "does not use it for DDR4"),
        ("timing.t32AW", "does not use it for DDR4"),
        ("timing.tRCDRD", "waits tRCD for DDR4"),
        ("timing.tCKE", "none of its rules"),
        ("power.IDD0", "IDD2N and IDD3N differ"),
        ("power.IDD7", "does not read"),
        ("system.write_buf_size", "ignored"),
        ("system.unified_queue", "queues of their own"),
        ("system.queue_structure", "second stage"),
        ("other.epoch_period", "epochs"),
        ("thermal.amb_temp", "temperature"),
        ("hmc.num_links", "HMC only"),
    ],
)
def test_reasons_of_an_ini(key: str, words: str, tmp_path: Path) -> None:
    assert words in {u.setting: u.why for u in found(tmp_path, BUSY_INI).untranslated}[key]


@pytest.mark.parametrize(
    "key, words",
    [
        ("Frontend.impl", "workload"),
        ("MemorySystem.clock_ratio", "memory's clock"),
        ("MemorySystem.DRAM.voltage.preset", "no energy"),
        ("MemorySystem.Controller.Scheduler.impl", "FRFCFS is used"),
        ("MemorySystem.Controller.RefreshManager.impl", "together"),
        ("MemorySystem.Controller.RowPolicy.cap", "number of accesses"),
        ("MemorySystem.Controller.plugins[0].ControllerPlugin.impl", "plugins are not modelled"),
        ("Extra.thing", "not known to this importer"),
    ],
)
def test_reasons_of_ramulator_20(key: str, words: str, tmp_path: Path) -> None:
    assert words in {u.setting: u.why for u in found(tmp_path, BUSY_YAML).untranslated}[key]


def test_every_figure_names_its_line(tmp_path: Path) -> None:
    """Sources name the file, without its folder, and the line and key that the figure stands in."""
    result = found(tmp_path, DDR4_INI)
    assert str(tmp_path) not in result.yaml_text
    tree = yaml.safe_load(result.yaml_text)
    lines = DDR4_INI.splitlines()
    named = 0
    for path, source in tree["sources"].items():
        assert source["confidence"] in ("read", "derived", "assumed"), path
        if " line " in source["source"]:
            number, _, key = source["source"].removeprefix("theirs.txt line ").partition(": ")
            assert lines[int(number) - 1].startswith(key.partition(".")[2]), path
            named += 1
    for path in [*(f"timing.{name}" for name in tree["timing"]), "clock_period", "channels", "address_map"]:
        assert path in tree["sources"]
    assert named >= 30
