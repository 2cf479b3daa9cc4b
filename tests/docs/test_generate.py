"""Pages made from the program: do they hold what the program has?"""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

import cyclewise as cw

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """``docs/generate.py``, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("generate", CHECKOUT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(page: str, *cells: str) -> str:
    """The one table row that begins with ``cells``."""
    (found,) = [line for line in page.splitlines() if line.startswith("| " + " | ".join(cells) + " |")]
    return found


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one."""
    return page.partition(f"{heading}\n")[2].partition("\n## ")[0]


def test_every_command_has_a_section_with_its_options_and_an_example(generate: ModuleType) -> None:
    page = generate.commands()
    modules = {path.stem.strip("_") for path in (CHECKOUT / "cyclewise" / "commands").glob("*.py")} - {"init"}
    for name in modules:
        below = section(page, f"## `cyclewise {name}`")
        assert f"cyclewise {name} " in below, name
        assert "For example:" in below, name
    run = section(page, "## `cyclewise run`")
    assert "cyclewise run SYSTEM WORKLOAD [OPTIONS]\n" in run
    assert "`--set KEY=VALUE …`" in run  # may be repeated
    assert "`--json`" in run and "`--window A:B`" in run
    assert "### `cyclewise trace generate`" in page


def test_every_public_name_is_listed_and_described(generate: ModuleType) -> None:
    page = generate.names()
    for name in cw.__all__:
        assert f"`cw.{name}" in page
        assert name in ("__version__", "plots") or f":: cyclewise.{name}\n" in page
    table = page.partition("```")[0]
    assert ":func:" not in table and ":class:" not in table
    assert "Simulate `workload` on `system`." in row(page, "`cw.run()`")


def test_metrics_say_unit_and_direction(generate: ModuleType) -> None:
    page = generate.metrics()
    assert row(page, "`bandwidth`", "B/s", "more")
    assert row(page, "`data_bus_utilisation`", "", "more")  # a share has no unit
    assert row(page, "`latency_from_arrival.p99`", "cycles", "less")
    assert row(page, "`bytes_read`", "B", "")


def test_rules_come_to_the_cycles_of_each_memory(generate: ModuleType) -> None:
    """DDR4: 13.32 ns at 833 ps and 13.75 ns at 625 ps; 21 ns of four activates."""
    page = generate.rules()
    ddr4 = section(page, "## ddr4")
    assert row(ddr4, "`tRCD`", "`ACT → RD, RDA, WR, WRA`", "16", "22", "bank", "`tRCD`")
    assert row(ddr4, "`tFAW`", "`ACT → ACT`", "26", "34", "rank, 4th last", "`tFAW`")
    assert "not in `ramulator21`" in row(ddr4, "`rank_switch_read_write`")
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## ddr3", "## ddr4", "## gddr6", "## gddr6_mac", "## hbm2"
    ]  # fmt: skip


def test_rules_that_a_rule_set_leaves_out(generate: ModuleType) -> None:
    page = generate.left_out()
    assert "`tRP_refresh` | rank | 27 |" in row(page, "`gddr6_14000`")
    assert row(page, "`hbm2_2000`", "30", "none")


def test_profiles_stand_beside_each_other(generate: ModuleType) -> None:
    assert row(generate.profile_table(), "`controller.read_queue`", "32", "32", "64")
    assert row(generate.profile_table(), "`controller.write_high`", "0.8", "0.8", "0.8")


def test_keys_of_nested_models_have_tables_of_their_own(generate: ModuleType) -> None:
    page = generate.keys()
    assert row(section(page, "## constraints.NAME"), "`not_in`", "a list")
    assert row(section(page, "## controller"), "`response_queue`", "`fifo` or `reorder`")
    assert row(section(generate.batch_keys(), "## systems[…]"), "`set`", "a section")


def test_speed_is_summed_up_from_the_file(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [
        {"trace": trace, "cpu_s": 1.0, "peer_cpu_s": ratio, "requests_per_s": rate, "ratio": ratio}
        for trace, ratio, rate in (("slow", 2.0, 3e6), ("fast", 8.0, 5.5e6))
    ]
    about = {"date": "2026-01-02", "machine": "a machine", "profile": "p", "repeat": 3, "side_by_side": True}
    (tmp_path / "speed.json").write_text(json.dumps({**about, "devices": {"some": runs}}))
    monkeypatch.setattr(generate, "SPEED", tmp_path / "speed.json")
    page = generate.speed()
    assert "2026-01-02, a machine" in page
    assert row(page, "`some`", "4.0", "2.0 (`slow`)", "8 (`fast`)", "3.0 to 5.5")


def test_the_measured_file_agrees_with_itself(generate: ModuleType) -> None:
    measured = json.loads(generate.SPEED.read_text())
    for runs in measured["devices"].values():
        assert len(runs) == 12
        for run in runs:
            assert run["ratio"] == pytest.approx(run["peer_cpu_s"] / run["cpu_s"])


def test_pages_are_written_where_git_ignores_them(generate: ModuleType, tmp_path: Path) -> None:
    ignored = (CHECKOUT / ".gitignore").read_text().splitlines()
    for name in generate.PAGES:
        assert f"/docs/{name}" in ignored or "/docs/generated/" in ignored and name.startswith("generated/")
    generate.write_pages(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    assert len(before) == len(generate.PAGES)
    generate.write_pages(tmp_path)  # unchanged pages stay, so that only what changed is built again
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")} == before


def test_a_cell_cannot_break_its_table(generate: ModuleType) -> None:
    assert generate.table(("a", "n"), [("x|y\nz", "1")], numbers=[1]) == (
        "| a | n |\n| --- | ---: |\n| x\\|y z | 1 |"
    )
