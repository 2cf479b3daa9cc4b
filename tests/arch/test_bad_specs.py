"""Every kind of bad spec: one message with file, line, field, given, accepted and the nearest name."""
# ruff: noqa: E501

import pickle
import re
from pathlib import Path

import pytest

import arch
from arch.errors import FieldError, InputError

DDR4 = "kind: memory\nextends: ddr4_2400\n"
DDR3 = "kind: memory\nextends: ddr3_1600\n"
HBM2 = "kind: memory\nextends: hbm2_2000\n"


def refused(tmp_path: Path, text: str | bytes, *overrides: str) -> tuple[str, InputError]:
    file = tmp_path / "my.yaml"
    if isinstance(text, bytes):
        file.write_bytes(text)
    else:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        arch.load(str(file), overrides)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(f"{tmp_path}/", ""), error.value


# (text, line, field, parts of the message)
WRONG = [
    (DDR4 + "timming:\n  tRCD: 13 ns\n", 3, "timming", ["unknown key", 'did you mean "timing"?', "address_map"]),
    (DDR4 + "timing:\n  tRCD: 13.32\n", 4, "timing.tRCD", ["given 13.32", 'accepted a time with a unit such as "13.32 ns"']),
    (DDR4 + "timing:\n  tRCD: 5 GHz\n", 4, "timing.tRCD", ["GHz is a unit of frequency", 'given "5 GHz"']),
    (DDR4 + "timing:\n  tRCD: [1]\n", 4, "timing.tRCD", ["given [1]"]),
    (DDR4 + "timing:\n  tRDC: 13 ns\n", 4, "timing.tRDC", ['did you mean "tRCD"?']),
    (DDR4 + "timing:\n  tRC: 10 ns\n", 4, "timing.tRC", ["10 ns (12 cycles)", "at least tRAS, 39 cycles"]),
    (DDR4 + "timing: 4\n", 3, "timing", ["given 4", "accepted a map"]),
    (DDR4 + "channels: two\n", 3, "channels", ['given "two"', "accepted a whole number"]),
    (DDR4 + "channels: true\n", 3, "channels", ["given true", "a whole number"]),
    (DDR4 + "channels: 0\n", 3, "channels", ["given 0", "a whole number from 1 to 1024"]),
    (DDR4 + "channels: 3\n", 3, "channels", ["given 3", "a power of two"]),
    (DDR4 + "organization:\n  banks: -4\n", 4, "organization.banks", ["given -4", "from 1 to"]),
    (DDR4 + "organization:\n  bnaks: 4\n", 4, "organization.bnaks", ['did you mean "banks"?']),
    (DDR4 + "organization: {ranks: 2, banks: 64}\n", 3, "organization.banks", ["512 banks", "at most 256"]),
    (DDR4 + "organization: {transaction: 64}\n", 3, "organization.transaction", ["given 64", '"64 B"', "KiB"]),
    (DDR4 + "organization: {transaction: 60 B}\n", 3, "organization.transaction", ["a power of two of bytes"]),
    (DDR4 + "organization: {bus: 48 bit}\n", 3, "organization.bus", ["48 bit", "no whole number of transfers"]),
    (HBM2 + "organization: {ranks: 2}\n", 3, "organization.ranks", ["RD and RD", "scope other_ranks"]),
    (DDR4 + "clock: 1.2 GHz\n", 3, "clock", ["given twice", "exactly one of"]),
    (DDR4 + "clock_period: null\n", 1, "", ["no clock"]),
    (DDR4 + "clock_period: 1.2 GHz\n", 3, "clock_period", ["GHz is a unit of frequency"]),
    (DDR4 + "clock_period: 0 ns\n", 3, "clock_period", ["above zero"]),
    (DDR4 + "rounding: floor\n", 3, "rounding", ['given "floor"', '"ceil" or a map']),
    (DDR4 + "rounding: {guard: 2}\n", 3, "rounding.guard", ["given 2", "from 0 to 1"]),
    (DDR4 + "name: a b\n", 3, "name", ['given "a b"']),
    (DDR4 + "address_map: row bank column\n", 3, "address_map", ["group is missing"]),
    (DDR4 + "commands:\n  ACT: null\n", 4, "commands.ACT", ["missing"]),
    (DDR4 + "commands:\n  ACT: {does: close}\n", 4, "commands.ACT.does", ["given \"close\"", "open, as ACT does"]),
    (DDR4 + "commands:\n  X: {scope: bank, does: read}\n", 4, "commands.X", ["latency is missing"]),
    (DDR4 + "commands:\n  X: {scope: bank, does: raed}\n", 4, "commands.X.does", ['did you mean "read"?']),
    (DDR4 + "commands:\n  9X: {scope: bank, does: open}\n", 4, "commands.9X", ["a letter first"]),
    (DDR4 + "constraints:\n  tFAW: {after: [ACTT]}\n", 4, "constraints.tFAW.after[0]", ['did you mean "ACT"?', 'given "ACTT"']),
    (DDR4 + "constraints:\n  tFAW: {after: ACT}\n", 4, "constraints.tFAW.after", ["a list"]),
    (DDR4 + "constraints:\n  tFAW: {after: []}\n", 4, "constraints.tFAW.after", ["a list that is not empty"]),
    (DDR4 + "constraints:\n  tFAW: {wait: tFAV}\n", 4, "constraints.tFAW.wait", ['unknown timing "tFAV"', 'did you mean "tFAW"?']),
    (DDR4 + "constraints:\n  tFAW: {wait: tFAW +}\n", 4, "constraints.tFAW.wait", ['given "tFAW +"']),
    (DDR4 + "constraints:\n  tFAW: {wait: 200001}\n", 4, "constraints.tFAW.wait", ["at most 200000 cycles"]),
    (DDR4 + "constraints:\n  tFAW: {window: 0}\n", 4, "constraints.tFAW.window", ["given 0", "from 1 to 64"]),
    (DDR4 + "constraints:\n  tFAW: {scope: ranks}\n", 4, "constraints.tFAW.scope", ['did you mean "rank"?']),
    (DDR4 + "constraints:\n  tFAW: {not_in: [peer]}\n", 4, "constraints.tFAW.not_in", ["ramulator21"]),
    (DDR4 + "constraints:\n  new: {wait: 4}\n", 4, "constraints.new", ["after is missing"]),
    (DDR4 + "bus:\n  command: {commands: [ACT, PRE]}\n", 4, "bus.command.commands", ["PREA is in no slot"]),
    (DDR4 + "bus:\n  other: {commands: [ACT]}\n", 4, "bus.other.commands", ["already in slot command"]),
    (DDR4 + "bus:\n  command: {sources: [active]}\n", 4, "bus.command.sources", ["could never issue"]),
    (DDR4 + "bus:\n  command: {sources: [refresh, queue]}\n", 4, "bus.command.sources", ["RD could never issue for a request whose row was opened", "given [refresh, queue]", "active among them"]),
    (HBM2 + "bus:\n  column: {sources: [queue]}\n", 4, "bus.column.sources", ["row was opened", "active among them"]),
    # scopes
    (DDR4 + "commands:\n  RD: {scope: rank}\n", 4, "commands.RD.scope", ["READ requests use RD", 'given "rank"', "accepted bank"]),
    (DDR4 + "commands:\n  WRA: {scope: group}\n", 4, "commands.WRA.scope", ["WRITE requests use WRA", 'given "group"', "accepted bank"]),
    (DDR4 + "organization: {ranks: 2}\ncommands:\n  RDA: {scope: channel}\n", 5, "commands.RDA.scope", ['given "channel"', "accepted bank"]),
    (DDR4 + "commands:\n  ACT: {scope: rank}\n", 4, "commands.ACT.scope", ["does open on a single bank", 'given "rank"', "accepted bank"]),
    (DDR4 + "commands:\n  PRE: {scope: rank}\n", 4, "commands.PRE.scope", ["does close on a single bank", 'given "rank"', "accepted bank"]),
    (DDR4 + "commands:\n  REFA: {scope: bank}\n", 4, "commands.REFA.scope", ["refresh.command is REFA", 'given "bank"', "accepted rank, channel"]),
    (DDR4 + "commands:\n  PREA: {scope: group}\n", 4, "commands.PREA.scope", ["refresh.close is PREA", 'given "group"', "accepted rank, channel"]),
    (DDR4 + "organization: {ranks: 2}\ncommands:\n  REFA: {scope: channel}\n", 5, "commands.REFA.scope", ["refresh.command is REFA", 'given "channel"', "accepted rank"]),
    (DDR4 + "organization: {ranks: 2}\ncommands:\n  PREA: {scope: channel}\n", 5, "commands.PREA.scope", ["refresh.close is PREA", 'given "channel"', "accepted rank"]),
    (DDR4 + "refresh: {close: PRE}\n", 3, "refresh.close", ['given "PRE"', "one whole rank: PREA"]),
    # the data bus
    (DDR4 + "commands:\n  RD: {burst: 100}\n", 4, "commands.RD.burst", ["RD and RD of one rank", "4 cycles apart", 'given "100 (100 cycles)"', "at most 4 cycles", "scope rank that waits 100 cycles"]),
    (DDR4 + "commands:\n  RDA: {burst: 5}\n", 4, "commands.RDA.burst", ["RDA", "at most 4 cycles"]),
    (DDR4 + "commands:\n  WR: {latency: 60}\n", 4, "commands.WR.latency", ["WR and RD of one rank", "scope rank"]),
    (DDR4 + "organization: {ranks: 2}\ncommands:\n  WR: {burst: 100}\n", 5, "commands.WR.burst", ["of one rank"]),
    (HBM2 + "commands:\n  WRA: {burst: 3}\n", 4, "commands.WRA.burst", ["of one rank", "at most 2 cycles"]),
    (DDR4 + "requests:\n  READ: {command: RDD}\n", 4, "requests.READ.command", ['did you mean "RD"?']),
    (DDR4 + "requests:\n  READ: {command: WR}\n", 4, "requests.READ.command", ["does read"]),
    (DDR4 + "requests:\n  READ: {command: RDA}\n", 4, "requests.READ.command", ["without auto-precharge: RD, WR"]),
    (DDR4 + "requests:\n  WRITE: null\n", 4, "requests.WRITE", ["missing"]),
    (DDR4 + "requests:\n  READ: {closing: null}\ncontroller: {page_policy: closed}\n", 4, "requests.READ.closing", ["auto-precharge"]),
    (DDR4 + "refresh: {interval: 433}\n", 3, "refresh.interval", ["more than the 433 cycles"]),
    (DDR4 + "refresh: {command: PREA}\n", 3, "refresh.command", ["REFA"]),
    (DDR4 + "refresh: null\n", 3, "refresh", ["controller.refresh: none"]),
    (DDR4 + "controller: {profile: ramulator}\n", 3, "controller.profile", ['did you mean "ramulator21"?']),
    (DDR4 + "controller: {scheduler: frfcfs}\n", 3, "controller.scheduler", ['did you mean "fr_fcfs"?']),
    (DDR4 + "controller: {read_queue: 0}\n", 3, "controller.read_queue", ["given 0", "from 1 to 1024"]),
    (DDR4 + "controller: {write_queue: 1025}\n", 3, "controller.write_queue", ["given 1025", "from 1 to 1024"]),
    (DDR4 + "controller: {write_low: 0}\n", 3, "controller.write_low", ["reads wait for ever", "above 0"]),
    (DDR4 + "controller: {write_low: 0.9}\n", 3, "controller.write_low", ["write_low 0.9 is above write_high 0.8"]),
    (DDR4 + "controller: {write_high: 1.5}\n", 3, "controller.write_high", ["given 1.5", "from 0 to 1"]),
    (DDR4 + "front_end: {streams: 0}\n", 3, "front_end.streams", ["given 0"]),
    (DDR4 + "energy: {VDD: 1.2 V}\n", 3, "energy", ["devices is missing"]),
    (DDR4 + "sources: {x: {source: y, confidence: sure}}\n", 3, "sources.x.confidence", ["read, recalled, derived, assumed"]),
    (DDR3 + "energy: {IDD3N: 50 mA}\n", 3, "energy.IDD3N", ["given \"50 mA\"", "the same as IDD2N, 45 mA"]),
    (DDR3 + "energy: {IDD0: 5 mA}\n", 3, "energy.IDD0", ["at least the background"]),
    (DDR3 + "energy: {io: true}\n", 3, "energy.io", ["io_energy_per_bit_read"]),
    (DDR3 + "energy: {VDD: 1.5}\n", 3, "energy.VDD", ["given 1.5", '"1.5 V"']),
    (DDR3 + "energy: {commands: {RDD: 1 nJ}}\n", 3, "energy.commands.RDD", ['did you mean "RD"?']),
    ("kind: memry\nextends: ddr4_2400\n", 1, "kind", ['did you mean "memory"?']),
    ("kind: memory\nextends: ddr4\n", 1, "organization", ["missing"]),
    ("extends: dd4\n", 1, "extends", ['did you mean "ddr4"?', "ddr3, ddr3_1600, ddr4, ddr4_2400"]),
    ("extends: dd4_2400\n", 1, "extends", ['did you mean "ddr4_2400"?', "path of a YAML file"]),
    ("title: x\nextends: other/none.yaml\n", 2, "extends", ["no such file"]),
    ("extends: [a]\n", 1, "extends", ["given [a]"]),
    ("extends: my.yaml\n", 1, "extends", ["my.yaml extends my.yaml"]),
    (DDR4 + "abstract: true\n", 3, "abstract", ["cannot be run"]),
    # YAML itself
    ("a: [1\n", 2, "", ["not valid YAML"]),
    ("channels: 1\nchannels: 2\n", 2, "channels", ["given twice, first in line 1"]),
    ("x: 1\na: !!python/object/apply:os.system [ls]\n", 2, "", ['tag "!!python/object/apply:os.system"', "plain values only"]),
    ("a: !custom {b: 1}\n", 1, "", ['tag "!custom"']),
    ("a: !!int 5\n", 1, "", ['tag "!!int"']),
    ("- a\n- b\n", 1, "", ["must be a map", "given [a, b]"]),
    ("just text\n", 1, "", ["must be a map"]),
    ("a: 1\n---\nb: 2\n", 2, "", ["second YAML document"]),
    ("? [a]\n: b\n", 1, "", ["plain text"]),
    ("x: &a {b: *a}\n", 1, "", ["alias"]),
    ("x: *nowhere\n", 1, "", ["alias"]),
    ("base: &b {c: 1}\nx:\n  <<: *b\n", 3, "", ["use extends"]),
    ("x: 0777\n", 1, "x", ["given \"0777\""]),
    ("x: .inf\n", 1, "x", ["given \".inf\""]),
    ("x: " + "9" * 5000 + "\n", 1, "", ["60 characters"]),
    ("x: " + "[" * 100_000, 1, "", ["nested"]),
    ("a: b\x07\n", 1, "", ["not valid YAML"]),
    (b"a: 1\nb: \xff\xfe\n", 2, "", ["not UTF-8"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "field", "parts"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_one_message_names_everything(
    tmp_path: Path, text: str | bytes, line: int, field: str, parts: list[str]
) -> None:
    message, error = refused(tmp_path, text)
    where = f"my.yaml:{line}: " + (f"{field}: " if field else "")
    assert message.startswith(where), message
    for part in parts:
        assert part in message
    assert (error.line, error.field or "") == (line, field)


def test_empty_files(tmp_path: Path) -> None:
    for text in ("", "# only a comment\n"):
        message, _ = refused(tmp_path, text)
        assert message == "my.yaml: the file is empty"
    assert "my.yaml: kind: missing (accepted: memory" in refused(tmp_path, "title: x\n")[0]


def test_alias_bombs_end_soon(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        bomb += f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]\n"
    assert "aliases expanded" in refused(tmp_path, bomb)[0]
    many = "".join(f"k{i}: &n{i} x\n" for i in range(2000))
    assert "anchors" in refused(tmp_path, many)[0]


def test_aliases_are_copies(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(DDR4 + "timing:\n  tRRD_S: &gap 5 nCK\n  tRRD_L: *gap\n")
    timing = arch.load(str(file)).spec.resolve().timing
    assert (timing["tRRD_S"], timing["tRRD_L"]) == (5, 5)


def test_large_files_are_not_read(tmp_path: Path) -> None:
    assert "larger than 1 MiB" in refused(tmp_path, "#" * (1 << 20) + "\na: 1\n")[0]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ddr4_240", ['did you mean "ddr4_2400"', 'given "ddr4_240"', "hbm2_2000"]),
        ("nowhere/at_all.yaml", ["no such file"]),
        ("", ["no library system"]),
        ("a\0b", ["no library system"]),
        ("x" * 5000, ["no library system"]),
        ("ddr4", ["abstract family"]),
    ],
)
def test_unknown_systems(name: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as error:
        arch.load(name)
    for part in parts:
        assert part in str(error.value)


def test_families_are_not_offered_for_running() -> None:
    with pytest.raises(InputError) as error:
        arch.load("ddr")
    offered = [e.name for e in arch.library()]
    assert error.value.accepted == ", ".join(offered) + ", or the path of a YAML file"
    assert not {"ddr3", "ddr4", "gddr6", "hbm2"} & set(offered)


# Constraints that only hold in one bank group leave bursts of two groups free to meet.
GROUP_ONLY = "constraints: {tCCD_S_read: {scope: group}}\n"


def test_bursts_of_two_bank_groups_are_kept_apart(tmp_path: Path) -> None:
    assert "RD and RD of one rank" in refused(tmp_path, DDR4 + GROUP_ONLY)[0]
    one_group = GROUP_ONLY + "organization: {groups: 1, banks: 16}\n"
    (tmp_path / "my.yaml").write_text(DDR4 + one_group, encoding="utf-8")
    assert arch.load(str(tmp_path / "my.yaml")).spec.resolve().organization.groups == 1


def test_a_new_command_without_constraints_of_its_own(tmp_path: Path) -> None:
    text = (
        "commands:\n  UPD: {scope: bank, does: write, latency: tCWL, burst: tBL}\n"
        "constraints:\n  tRCD: {before: [RD, RDA, WR, WRA, UPD]}\n"
        "requests:\n  UPDATE: {command: UPD, queue: write}\n"
    )
    message, _ = refused(tmp_path, DDR4 + text)
    assert message.startswith("my.yaml:5: constraints: WR and UPD of one rank could collide"), message
    assert "(accepted: a constraint of scope rank that waits 4 cycles or more)" in message


def test_commands_of_no_request_are_not_held_to_the_data_bus(tmp_path: Path) -> None:
    unused = "commands:\n  X: {scope: rank, does: read, latency: tCL, burst: 100}\n"
    (tmp_path / "my.yaml").write_text(DDR4 + unused, encoding="utf-8")
    assert arch.load(str(tmp_path / "my.yaml")).spec.resolve().command("X").burst == 100


def test_a_directory_is_no_system(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        arch.load(str(tmp_path))


def test_circles_name_the_chain(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: c.yaml\n")
    (tmp_path / "c.yaml").write_text("title: x\nextends: a.yaml\n")
    with pytest.raises(InputError) as error:
        arch.load(str(tmp_path / "a.yaml"))
    message = str(error.value).replace(f"{tmp_path}/", "")
    assert (
        message
        == "c.yaml:2: extends: extends runs in a circle: a.yaml extends b.yaml extends c.yaml extends a.yaml"
    )


def test_an_error_of_the_base_names_the_base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("kind: memory\nextends: ddr4_2400\n\ntiming:\n  tRP: 5\n")
    (tmp_path / "top.yaml").write_text("extends: base.yaml\ntiming: {tRCD: 14 ns}\n")
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}/base.yaml:5: timing.tRP: given 5")):
        arch.load(str(tmp_path / "top.yaml"))


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("timing.tRCD=5", ["timing.tRCD: given 5", '"13.32 ns"']),
        ("system.timing.tRCD=5", ["timing.tRCD: given 5"]),
        ("timing.tRDC=5 ns", ["timing.tRDC", 'did you mean "tRCD"']),
        ("chanels=2", ["chanels: unknown key", 'did you mean "channels"']),
        ("controller.profle=x", ["controller.profle", 'did you mean "profile"']),
        ("constraints.tFAWW.wait=3", ["constraints.tFAWW: unknown key", 'did you mean "tFAW"']),
        ("channels.deep=1", ["channels is not a map"]),
        ("timing.tRCD=[", ["not valid YAML"]),
        ("timing.tRCD=", ['given ""']),
        ("channels", ["KEY=VALUE"]),
        ("=3", ["KEY=VALUE"]),
        (".=3", ["KEY=VALUE"]),
        ("title=!!python/name:os.system", ["tag"]),
        ("extends=ddr4_3200", ["extends: unknown key"]),
        ("energy.VDD=1.2 V", ["energy: devices is missing"]),
    ],
)
def test_overrides_are_named_in_messages(override: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as error:
        arch.load("ddr4_2400", [override])
    message = str(error.value)
    assert message.startswith(f"--set {override}: ")
    for part in parts:
        assert part in message


def test_errors_survive_the_way_between_processes() -> None:
    with pytest.raises(InputError) as error:
        arch.load("ddr4_2400", ["timing.tRDC=5 ns"])
    for original in (error.value, FieldError(("timing", "tRC"), "too short", accepted="more")):
        again = pickle.loads(pickle.dumps(original))
        assert (str(again), type(again)) == (str(original), type(original))


def test_too_many_rules(tmp_path: Path) -> None:
    rows = "".join(f"  r{i}: {{after: [ACT], before: [ACT], scope: bank, wait: 1}}\n" for i in range(120))
    message, _ = refused(tmp_path, DDR4 + "constraints:\n" + rows)
    assert "at most 120" in message


def test_new_from_keeps_what_exists(tmp_path: Path) -> None:
    target = tmp_path / "my.yaml"
    assert arch.new_from("ddr4_2400", target) == target
    before = target.read_text()
    with pytest.raises(InputError, match="exists already"):
        arch.new_from("ddr4_2400", target)
    assert target.read_text() == before
    with pytest.raises(InputError, match="folder does not exist"):
        arch.new_from("ddr4_2400", tmp_path / "none" / "my.yaml")
    with pytest.raises(InputError, match=r"ends in \.yaml"):
        arch.new_from("ddr4_2400", tmp_path / "my.txt")
    with pytest.raises(InputError, match='did you mean "ddr4_2400"'):
        arch.new_from("ddr4_240", tmp_path / "other.yaml")
