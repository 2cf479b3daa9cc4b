"""Which simulator a file belongs to, and one message for what is no configuration at all."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arch.errors import InputError
from arch.foreign import import_configuration
from tests.arch.foreign.configurations import DDR4_INI, RAMULATOR20


def refused(file: Path, *parts: str, format: str | None = None) -> None:
    with pytest.raises(InputError) as error:
        import_configuration(file, format)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


@pytest.mark.parametrize(
    "content, parts",
    [
        (b"", ["is empty"]),
        (b"  \n\n", ["is empty"]),
        (b"\xff\xfe\x00", ["not UTF-8"]),
        (b"a\0b", ["null character"]),
        (b"just words\n", ["neither a DRAMsim3 configuration (ini) nor one of Ramulator (YAML)"]),
        (b"[1, 2, 3]\n", ["neither"]),
        (b"a: [1\n", ["neither", "not valid YAML"]),
        (b"kind: memory\nextends: ddr4_2400\n", ["a cyclewise system already"]),
        (b"MemorySystem: 4\n", ["MemorySystem.DRAM.impl", "missing"]),
        (b"memory_system: 4\n", ["memory_system.controllers", "missing"]),
        (b"import ramulator\nx = 1\n", ["never run here", "python -m ramulator export"]),
        (b"[timing]\ntCK = 1\n", ["no section [dram_structure]"]),
        (b"tCK = 1\n[timing]\n", ["before the first section", ":1:"]),
        (b"x" * (1 << 20) + b"x", ["larger than 1 MiB"]),
    ],
)
def test_no_configuration(content: bytes, parts: list[str], tmp_path: Path) -> None:
    file = tmp_path / "theirs"
    file.write_bytes(content)
    refused(file, *parts)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    refused(tmp_path / "none.ini", "no such file")
    refused(tmp_path, "is a directory")


def test_what_never_ends_is_not_read_whole() -> None:
    refused(Path("/dev/zero"), "larger than 1 MiB")


def test_a_python_script_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    file.write_text("raise SystemExit(3)\n")
    refused(file, "a Python script")


def test_the_content_decides_and_can_be_overruled(tmp_path: Path) -> None:
    """Names of files say nothing."""
    ini, ramulator = tmp_path / "a.yaml", tmp_path / "b.ini"
    ini.write_text(DDR4_INI, encoding="utf-8")
    ramulator.write_text(RAMULATOR20, encoding="utf-8")
    assert import_configuration(ini).format == "DRAMsim3"
    assert import_configuration(ramulator).format == "Ramulator 2.0"
    refused(ini, "neither", format="ramulator2")
    refused(ramulator, "before the first section", format="dramsim3")
    refused(ini, 'did you mean "dramsim3"?', format="dramsim")


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "theirs"
    file.write_bytes(b"\xef\xbb\xbf" + DDR4_INI.replace("\n", "\r\n").encode())
    plain = tmp_path / "plain" / "theirs"
    plain.parent.mkdir()
    plain.write_text(DDR4_INI, encoding="utf-8")
    assert import_configuration(file).yaml_text == import_configuration(plain).yaml_text


@pytest.mark.parametrize("text", [DDR4_INI, RAMULATOR20])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_broken_values_give_a_message_or_a_memory(text: str, data: st.DataObject, tmp_path: Path) -> None:
    """Any value in any place: an InputError of one line, or YAML that loads (import has loaded it)."""
    lines = text.splitlines()
    places = [n for n, line in enumerate(lines) if "=" in line or ":" in line]
    place = data.draw(st.sampled_from(places))
    mark = "=" if "=" in lines[place] else ":"
    value = data.draw(
        st.sampled_from(
            ["", "0", "-1", "1e9", "3", "64", "x", "[1]", "{a: 1}", "0x10", "99999999999", "ß", "null"]
        )
        | st.text(max_size=6)
    )
    lines[place] = f"{lines[place].partition(mark)[0]}{mark} {value}"
    file = tmp_path / "theirs"
    file.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    try:
        result = import_configuration(file)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert "extends: ddr" in result.yaml_text
