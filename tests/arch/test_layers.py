"""extends, use, null, --set, provenance, round trips, and what importing costs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arch
from arch.errors import InputError
from arch.show import show
from arch.system import register_kind

DEVICES = [entry.name for entry in arch.library()]
ROOT = Path(__file__).parents[2]


def written(tmp_path: Path, name: str, text: str) -> str:
    file = tmp_path / name
    file.write_text(text)
    return str(file)


def test_the_library_lists_systems_only() -> None:
    entries = {entry.name: entry for entry in arch.library()}
    assert {"ddr3_1600", "ddr4_2400", "ddr4_3200", "gddr6_14000", "hbm2_2000", "pim_gpt"} <= set(entries)
    assert not {"ddr4", "gddr6", "gddr6_mac"} & set(entries)
    for entry in entries.values():
        assert entry.kind == ("pim" if entry.name in ("pim_gpt", "gddr6_aim") else "memory")
        assert entry.title
        assert arch.load(entry.name) == arch.load(str(entry.path))


def test_maps_merge_lists_replace_null_deletes(tmp_path: Path) -> None:
    middle = written(
        tmp_path,
        "middle.yaml",
        "kind: memory\nextends: ddr4_2400\ntiming: {tRCD: 15 ns, tRP: 15 ns}\nchannels: 2\n",
    )
    top = written(
        tmp_path,
        "top.yaml",
        "extends: middle.yaml\ntiming: {tRCD: 17 nCK}\n"
        "constraints: {tFAW: null, tRRD_S: {before: [ACT, REFA]}}\n",
    )
    base, mid, end = (arch.load(x).spec.resolve() for x in ("ddr4_2400", middle, top))
    assert (mid.timing["tRCD"], mid.timing["tRP"], mid.channels) == (18, 18, 2)
    assert (end.timing["tRCD"], end.timing["tRP"], end.channels) == (17, 18, 2)
    assert end.timing["tRAS"] == base.timing["tRAS"]
    names = [rule.name for rule in end.rules]
    assert "tFAW" not in names
    assert [r.name for r in base.rules if r.name != "tFAW"] == names
    row = next(r for r in end.rules if r.name == "tRRD_S")
    assert (row.after, row.before, row.scope) == (("ACT",), ("ACT", "REFA"), "rank")
    assert arch.load(top).name == "top"


def test_a_deleted_section(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "bare.yaml",
        "extends: ddr3_1600\nenergy: null\nrefresh: null\ncontroller: {refresh: none}\n",
    )
    resolved = arch.load(file).spec.resolve()
    assert resolved.energy is None
    assert resolved.refresh is None
    assert "energy" not in arch.load(file).tree


def test_names_come_from_odd_files_too(tmp_path: Path) -> None:
    assert arch.load(written(tmp_path, "-my own.yaml", "extends: ddr4_2400\n")).name == "_my_own"


@pytest.mark.parametrize("prefix", ["", "system."])
def test_overrides(prefix: str) -> None:
    system = arch.load(
        "ddr4_2400",
        [f"{prefix}timing.tRCD=18 nCK", f"{prefix}controller={{read_queue: 8}}", f"{prefix}channels=4"],
    )
    resolved = system.spec.resolve()
    assert (resolved.timing["tRCD"], resolved.controller.read_queue, resolved.channels) == (18, 8, 4)
    assert resolved.controller.profile == "custom(cyclewise)"
    later = arch.load("ddr4_2400", ["channels=4", "channels=2"])
    assert later.spec.resolve().channels == 2
    assert "tFAW" not in [
        r.name for r in arch.load("ddr4_2400", ["constraints.tFAW=null"]).spec.resolve().rules
    ]


def toy_machine() -> Any:
    from pydantic import Field

    from arch.fields import Spec
    from arch.memory import MemorySpec, SourceSpec

    class Toy(Spec):
        kind: Literal["toy"]
        name: str
        title: str = ""
        near: MemorySpec
        far: MemorySpec | None = None
        sources: dict[str, SourceSpec] = Field(default_factory=dict)

    return Toy


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arch.system._KINDS", dict(sys.modules["arch.system"]._KINDS))
    register_kind("toy", toy_machine)


def test_components_use_library_systems(toy: None, tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "toy.yaml",
        "kind: toy\nnear:\n  use: hbm2_2000\n  channels: 8\n  timing: {tRP: 15 nCK}\nfar: {use: ddr4_2400}\n",
    )
    system = arch.load(file, ["near.channels=16", "far.timing.tRCD=18 nCK"])
    near, far = system.spec.near.resolve(), system.spec.far.resolve()
    assert (near.channels, near.timing["tRP"], near.timing["tRCDRD"]) == (16, 15, 14)
    assert (near.name, far.name, far.timing["tRCD"]) == ("hbm2_2000", "ddr4_2400", 18)
    assert arch.load(written(tmp_path, "again.yaml", system.to_yaml())) == system
    rows = {row.key: row for row in show(system).values}
    assert (rows["near.timing.tRP"].cycles, rows["near.timing.tRP"].source) == (15, "set in toy.yaml")
    swapped = arch.load(file, ["near.use=gddr6_14000"]).spec.near
    assert (swapped.name, swapped.resolve().channels) == ("gddr6_14000", 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("near: {use: hbm2_200}\n", "toy.yaml:2: near.use: no library system and no file of this name"),
        ("near:\n  use: hbm2\n", "toy.yaml:3: near.use: hbm2 is an abstract family"),
        ("near:\n  use: 5\n", "toy.yaml:3: near.use: given 5"),
        ("near:\n  use: toy.yaml\n", "toy.yaml:3: near.use: use runs in a circle"),
        ("near:\n  use: hbm2_2000\n  chanels: 2\n", 'toy.yaml:4: near.chanels: unknown key; did you'),
        ("near:\n  use: hbm2_2000\n  timing: {tRP: 5}\n", "toy.yaml:4: near.timing.tRP: given 5"),
    ],
)  # fmt: skip
def test_bad_components(toy: None, tmp_path: Path, text: str, message: str) -> None:
    file = written(tmp_path, "toy.yaml", "kind: toy\n" + text)
    with pytest.raises(InputError) as error:
        arch.load(file)
    assert str(error.value).replace(f"{tmp_path}/", "").startswith(message)


@pytest.mark.parametrize("device", DEVICES)
def test_round_trip(device: str, tmp_path: Path) -> None:
    component = "" if arch.load(device).kind == "memory" else "dram."
    system = arch.load(device, [f"{component}controller.read_queue=16"])
    again = arch.load(written(tmp_path, "again.yaml", system.to_yaml()))
    assert again == system
    assert again.digest() == system.digest()
    assert again.spec == system.spec
    assert again.spec.resolve() == system.spec.resolve()
    assert again.tree == system.tree
    assert again.to_yaml() == system.to_yaml()
    assert again.provenance == system.provenance


values = st.fixed_dictionaries(
    {},
    optional={
        "timing.tRCD": st.one_of(
            st.integers(1, 60).map("{} nCK".format),
            st.decimals(1, 40, places=3).map("{} ns".format),
            st.tuples(st.integers(1, 30), st.decimals(1, 30, places=2)).map(
                "max({0[0]} nCK, {0[1]} ns)".format
            ),
        ),
        "rounding": st.one_of(st.just("ceil"), st.decimals(0, 1, places=12).map("{{guard: {}}}".format)),
        "channels": st.sampled_from(["1", "2", "8"]),
        "organization.rows": st.integers(1, 1 << 20).map(str),
        "controller.write_high": st.decimals("0.5", 1, places=5).map(str),
        "controller.profile": st.sampled_from(["ramulator21", "ramulator21_rowhit", "cyclewise"]),
        "constraints.tFAW": st.just("null"),
        "title": st.sampled_from(["yes", "1.0", "'#'", '"a: b"', "ünï", "null", "2020-01-01"]),
    },
)


@settings(max_examples=40, deadline=None)
@given(values)
def test_round_trip_of_anything(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, str]) -> None:
    system = arch.load("ddr4_2400", [f"{key}={value}" for key, value in changes.items() if key != "title"])
    if "title" in changes:
        try:
            system = arch.load("ddr4_2400", [f"{key}={value}" for key, value in changes.items()])
        except InputError:  # a title that is no text
            assert changes["title"] in ("yes", "1.0")
    file = tmp_path_factory.getbasetemp() / "anything.yaml"
    file.write_text(system.to_yaml(), encoding="utf-8")
    again = arch.load(str(file))
    assert again == system
    assert again.spec.resolve() == system.spec.resolve()


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    base = arch.load("ddr4_2400")
    assert len(base.digest()) == 64
    assert arch.load("ddr4_2400", ["clock_period=0.833 ns"]).digest() == base.digest()
    assert arch.load("ddr4_2400", ["title=other"]).digest() == base.digest()
    assert arch.load("ddr4_2400", ["title=other"]) != base
    others = ["timing.tRCD=17 nCK", "channels=2", "controller.read_queue=8", "constraints.tFAW.window=5"]
    digests = {arch.load("ddr4_2400", [o]).digest() for o in others}
    assert len(digests | {base.digest()}) == len(others) + 1
    first, second = "command: {commands: [RD, WR, RDA, WRA]}", "other: {commands: [ACT, PRE, PREA, REFA]}"
    one = written(tmp_path, "x.yaml", f"extends: ddr4_2400\nbus:\n  {first}\n  {second}\n")
    slots = arch.load(one)
    text = slots.to_yaml().replace("command: {commands: [RD, WR, RDA, WRA]}", "PLACE")
    text = text.replace(
        "other: {commands: [ACT, PRE, PREA, REFA]}", "command: {commands: [RD, WR, RDA, WRA]}"
    )
    text = text.replace("PLACE", "other: {commands: [ACT, PRE, PREA, REFA]}")
    swapped = arch.load(written(tmp_path, "y.yaml", text))
    assert swapped.digest() != slots.digest()


def test_every_number_of_the_library_has_a_source() -> None:
    for device in DEVICES:
        for row in show(arch.load(device)).values:
            named = row.key.removeprefix("dram.").startswith(("requests", "address_map", "name", "title"))
            if any(c.isdigit() for c in row.given) and not named:
                assert row.source, (device, row.key)


def test_a_users_number_does_not_pass_for_the_datasheets(tmp_path: Path) -> None:
    file = written(tmp_path, "mine.yaml", "extends: ddr4_2400\ntiming:\n  tRCD: 14 ns\n")
    system = arch.load(file, ["timing.tRP=14 ns"])
    rows = {row.key: row for row in show(system).values}
    assert (rows["timing.tRCD"].source, rows["timing.tRCD"].confidence) == ("set in mine.yaml", "assumed")
    assert (rows["timing.tRP"].source, rows["timing.tRP"].confidence) == ("--set timing.tRP=14 ns", "assumed")
    assert rows["timing.tWR"].confidence == "recalled"
    sourced = written(
        tmp_path,
        "sourced.yaml",
        "extends: ddr4_2400\ntiming: {tRCD: 14 ns}\n"
        "sources: {timing.tRCD: {source: my measurement, confidence: read}}\n",
    )
    rows = {row.key: row for row in show(arch.load(sourced)).values}
    assert rows["timing.tRCD"].source == "my measurement"


def test_show_puts_ns_and_cycles_side_by_side() -> None:
    shown = show(arch.load("ddr4_2400", ["controller.profile=ramulator21", "controller.read_queue=16"]))
    rows = {row.key: row for row in shown.values}
    assert rows["timing.tRCD"][1:4] == ("13.32 ns", "13.32", 16)
    assert rows["timing.tCL"][1:4] == ("16 nCK", "13.328", 16)
    assert rows["timing.tRRD_S"][1:4] == ("max(4 nCK, 3.3 ns)", "3.332", 4)
    assert rows["timing.tREFI"][1:4] == ("7.8 us", "7800", 9364)
    assert rows["commands.RD.latency"][1:4] == ("tCL", "13.328", 16)
    assert rows["controller.scheduler"].given == "fr_fcfs"
    assert rows["controller.profile (resolved)"].given == "custom(ramulator21)"
    rules = {rule.name: rule for rule in shown.rules}
    assert (rules["tFAW"].wait, rules["tFAW"].window, rules["tFAW"].ns) == (26, 4, "21.658")


def test_new_from_starts_equal(tmp_path: Path) -> None:
    for device in DEVICES:
        mine = arch.load(str(arch.new_from(device, tmp_path / f"my_{device}.yaml")))
        base = arch.load(device).spec.resolve()
        assert mine.name == f"my_{device}"
        assert replace(mine.spec.resolve(), name=device) == base


def test_the_suggestions_of_new_from_are_valid(tmp_path: Path) -> None:
    file = arch.new_from("ddr4_2400", tmp_path / "mine.yaml")
    lines = file.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("title:")) + 1
    file.write_text("\n".join(lines[:start] + [line.removeprefix("# ") for line in lines[start:]]) + "\n")
    mine, base = arch.load(str(file)).spec.resolve(), arch.load("ddr4_2400").spec.resolve()
    assert (mine.timing, mine.controller, mine.rules) == (base.timing, base.controller, base.rules)


def imported_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_is_cheap() -> None:
    assert not imported_after("import arch") & {"pydantic", "yaml", "numpy", "numba", "pint", "matplotlib"}
    heavy = {"numpy", "numba", "pint", "matplotlib", "scipy"}
    assert not imported_after("import arch; arch.load('ddr4_2400'); arch.json_schema('memory')") & heavy
