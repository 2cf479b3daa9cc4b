"""``cyclewise plan`` and ``cw.plan``: layouts printed, drawn, checked, exported, refused."""

import json
from pathlib import Path

import pytest

import cyclewise as cw
from tests.cyclewise.program import Program, refused

ALONE = ("--set", "mapping.packing=row_aligned", "--set", "mapping.concat_heads=false")


def test_a_plan_is_printed(program: Program) -> None:
    answer = program("plan", "pim_gpt", "gpt3_xl")
    assert answer.code == 0
    assert "10752 of 16384 rows" in answer.out and "ffn_down" in answer.out


def test_a_plan_as_json_is_that_of_the_api(program: Program) -> None:
    words = ("plan", "pim_gpt", "gpt2_small", "--tokens", "5", "--set", "mapping.value_layout=row_major")
    content = program(*words, "--json").json
    plan = cw.plan("pim_gpt", "gpt2_small", ["workload.tokens=5", "mapping.value_layout=row_major"])
    assert (content["rows"], content["rows_of_a_bank"]) == (plan.rows, plan.capacity)
    regions = content["regions"]
    assert isinstance(regions, list)
    assert [r["name"] for r in regions] == [r.name for r in plan.regions]
    assert sum(r["rows"] for r in regions) == content["rows_of_a_layer"]
    assert content["checked"] is None
    assert cw.plan(cw.load("pim_gpt"), cw.decoding("gpt2_small", {"tokens": 5})).rows == plan.rows


def test_a_plan_is_drawn_with_its_numbers(program: Program, tmp_path: Path) -> None:
    assert program("plan", "pim_gpt", "gpt_tiny", "--figure", "here.svg").code == 0
    assert "<svg" in (tmp_path / "here.svg").read_text()
    assert (tmp_path / "here.csv").read_text().startswith("layer,region")
    refused(program("plan", "pim_gpt", "gpt_tiny", "--figure", "here.txt"), "--figure", ".svg")
    refused(program("plan", "pim_gpt", "gpt_tiny", "--figure", "no/here.svg"), "no/here.svg")


def test_a_plan_is_checked_at_three_contexts(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("plan", "pim_gpt", "gpt_tiny", "--prompt", "3", "--tokens", "7", "--check")
    answer = program(*words)
    assert answer.code == 0 and "contexts 1, 5, 9" in answer.out
    assert program(*words, "--json").json["checked"] == {"contexts": [1, 5, 9], "findings": []}
    monkeypatch.setattr("mapping.pim.check.check", lambda plan, contexts: ("rows are lost",))
    answer = program(*words)
    assert answer.code == 1 and "rows are lost" in answer.out


def test_tokens_are_written_as_aim_instructions_that_run(program: Program, tmp_path: Path) -> None:
    words = ("plan", "pim_gpt", "gpt_tiny", "--tokens", "4", *ALONE)
    macs = {}
    for steps in ("1:3", "1:2", "2:3"):
        assert program(*words, "--aim", "some.aim", "--steps", steps).code == 0
        metrics = program("run", "gddr6_aim", "some.aim", "--json").json["metrics"]
        assert isinstance(metrics, dict)
        macs[steps] = metrics["commands.MAC16"]
    assert macs["1:3"] == macs["1:2"] + macs["2:3"] > macs["2:3"] > 0
    refused(program(*words, "--aim", "x.aim", "--steps", "3:5"), "--steps", "3:5", "0 to 4")
    refused(program(*words, "--steps", "0:1"), "--steps", "--aim FILE")
    refused(program("plan", "pim_gpt", "gpt_tiny", "--aim", "x.aim"), "mapping.")
    assert not (tmp_path / "x.aim").exists()


CONFIG = {
    "model_type": "gpt2",
    "n_layer": 2,
    "n_embd": 64,
    "n_head": 4,
    "n_positions": 32,
    "vocab_size": 256,
}


def written(folder: Path, **changes: object) -> None:
    text = json.dumps({**CONFIG, **changes}, indent=1)
    (folder / "config.json").write_text(text)


def test_a_model_of_ones_own(program: Program, tmp_path: Path) -> None:
    written(tmp_path)
    assert program("plan", "pim_gpt", "config.json", "--check").code == 0
    assert program("run", "pim_gpt", "config.json", "--tokens", "2", "-o", "out").code == 0
    assert program("rerun", "out").code == 0


@pytest.mark.parametrize("command", ["plan", "run"])
def test_heads_that_do_not_divide(command: str, program: Program, tmp_path: Path) -> None:
    written(tmp_path, n_head=5)
    refused(program(command, "pim_gpt", "config.json"), "config.json:5", "n_head", "5")


@pytest.mark.parametrize("command", ["plan", "run"])
def test_what_does_not_fit(command: str, program: Program, tmp_path: Path) -> None:
    refused(program(command, "pim_gpt", "llama3_8b"), "rows", "16384")
    refused(
        program(command, "pim_gpt", "gpt2_small", "--tokens", "9", "--set", "mapping.context=8"), "8", "9"
    )
    refused(program(command, "pim_gpt", "gpt2_small", "--tokens", "2000"), "tokens", "2000", "1024")
    refused(program(command, "pim_gpt", "gpt2_small", "--set", "mapping.packing=loose"), "mapping.packing")


def test_files_that_are_not_understood(program: Program, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{\n "model_type": "gpt2",\n "n_layer": 2,,\n}')
    refused(program("plan", "pim_gpt", "config.json"), "config.json:3")
    written(tmp_path, n_embd="wide")
    refused(program("plan", "pim_gpt", "config.json"), "config.json:4", "n_embd", "wide")
    (tmp_path / "r.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2026-01-05 09:00:00.1,5,5\n2026-01-05 09:00:00.2,x,5\n"
    )
    refused(
        program("run", "pim_gpt", "gpt2_small", "--set", "workload.trace=r.csv"),
        "r.csv:3",
        "ContextTokens",
        "x",
    )


def test_only_models_on_machines_are_laid_out(program: Program) -> None:
    refused(program("plan", "ddr4_2400", "gpt2_small"), "ddr4_2400", "memory", "pim")
    refused(program("plan", "pim_gpt", "aim_gemv16"), "aim_gemv16", "a model")
    refused(program("plan", "pim_gpt", "gpt2_smal"), "gpt2_small")


# Other commands and machines that run transformers


def test_the_list_has_models_and_aim_traces(program: Program) -> None:
    content = program("list", "--json").json
    names = {kind: [e["name"] for e in content[kind]] for kind in ("models", "aim_traces", "systems")}  # type: ignore[attr-defined]
    assert {"gpt2_small", "gpt3_xl", "llama3_8b"} <= set(names["models"])
    assert "aim_gemv16" in names["aim_traces"] and {"pim_gpt", "gddr6_aim"} <= set(names["systems"])


def test_show_has_what_the_machine_works_out(program: Program) -> None:
    def cycles(*words: str) -> dict[str, object]:
        values = program("show", "pim_gpt", "--json", *words).json["values"]
        assert isinstance(values, list)
        return {v["key"]: v["cycles"] for v in values if v["key"].endswith("(derived)")}

    assert cycles() == {"dram.timing.tBL (derived)": 1, "dram.timing.tMAC (derived)": 1}
    assert cycles("--set", "units.lanes=4")["dram.timing.tMAC (derived)"] == 4


def test_new_and_schema(program: Program) -> None:
    assert program("new", "--from", "pim_gpt", "mine.yaml").code == 0
    assert program("run", "mine.yaml", "gpt_tiny", "--tokens", "1").code == 0
    assert "asic" in program("schema", "pim").json["properties"]  # type: ignore[operator]


def test_commands_for_memories_by_themselves(program: Program) -> None:
    refused(program("curve", "pim_gpt"), "pim", "memory")
    refused(program("trace", "info", "random_rw30", "--system", "pim_gpt"), "pim_gpt", "memory")
