"""Whatever is wrong gives one message and exit code 2, never a traceback."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import cyclewise as cw
from tests.cyclewise.program import TINY, Program, refused

# What is wrong


BAD_TRACES: dict[str, tuple[bytes, str]] = {
    "bad_line.trace": (b"LD 0x40\nST 0x80\nXX 3\n", "bad_line.trace:3:"),
    "beyond.trace": (b"LD 0x40\nLD 0xfffffffffff0\n", "beyond.trace:2:"),
    "empty.trace": (b"", "is empty"),
    "cut.trace.gz": (gzip.compress(b"LD 0x40\n" * 10_000)[:-20], "cut short"),
    "noise.npz": (b"PK\x03\x04 nothing of the kind", "noise.npz"),
}


@pytest.mark.parametrize("name", BAD_TRACES)
def test_a_bad_trace_is_one_message(name: str, program: Program, tmp_path: Path) -> None:
    content, words = BAD_TRACES[name]
    (tmp_path / name).write_bytes(content)
    refused(program("run", "ddr4_2400", name, "-o", "out"), name, words)
    assert not (tmp_path / "out").exists()


BAD_SPECS = {
    "unknown key": ("timming: {tRCD: 13 ns}\n", "b.yaml:2", 'did you mean "timing"'),
    "wrong unit": ("timing: {tRCD: 13 GiB}\n", "b.yaml:2", "timing.tRCD"),
    "no unit": ("timing: {tRCD: 13}\n", "b.yaml:2", "nCK"),
    "wrong type": ("timing: [13 ns]\n", "b.yaml:2", "timing"),
    "impossible value": ("organization: {rows: 0}\n", "b.yaml:2", "rows"),
    "an object": ("name: !!python/object/apply:os.system [ls]\n", "b.yaml:2", "tag"),
    "no YAML": ("timing: {tRCD: 13 ns\n", "b.yaml", "not valid YAML"),
}


@pytest.mark.parametrize("name", BAD_SPECS)
def test_a_bad_spec_is_one_message(name: str, program: Program, tmp_path: Path) -> None:
    text, *words = BAD_SPECS[name]
    (tmp_path / "b.yaml").write_text("extends: ddr4_2400\n" + text)
    for command in (("run", "b.yaml", *TINY), ("show", "b.yaml"), ("check", "b.yaml", "x.csv")):
        refused(program(*command), *words)


def test_cyclic_extends(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    refused(program("run", "a.yaml", *TINY), "circle")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "ddr4_2400", "."), "is a directory"),
        (("run", ".", "random"), "is a directory"),
        (("run", "ddr5", "random"), "no library system"),
        (("run", "ddr4_2400", "randm_rw30"), 'did you mean "random_rw30"'),
        (("run", "ddr4_2400", "random_rw30", "--set", "workload.requests=3"), "is a trace"),
        (("run", "ddr4_2400", "random", "--set", "workload.request=3"), 'did you mean "requests"'),
        (("run", "ddr4_2400", "random", "--set", "workload.requests=many"), "an integer"),
        (("run", "ddr4_2400", "random", "--set", "workload.requests=[1"), "not valid YAML"),
        (("run", "ddr4_2400", "random", "--set", "mapping.x=3"), "no mapping"),
        (("run", "ddr4_2400", "random", "--set", "timing.tRCD=13"), "timing.tRCD"),
        (("run", "ddr4_2400", "random", "--set", "tRCD"), "KEY=VALUE"),
        (("run", "ddr4_2400"), "WORKLOAD"),
        (("run", "ddr4_2400", "random", "--jsn"), "--json"),
        (("rn",), "run"),
        (("show", "ddr4_2400", "--yaml", "--json"), "exclude"),
        (("show", "ddr4_2400", "--set", "workload.x=1"), "no workload"),
        (("schema", "memry"), 'did you mean "memory"'),
        (("schema", "memory", "-o", "absent/file.json"), "cannot be written"),
        (("new", "--from", "ddr4_2400", "my.txt"), ".yaml"),
        (("check", "ddr4_2400", "absent.npz"), "absent.npz"),
        (("check", "ddr4_2400", "."), "folder"),
        (("check", "ddr4_2400", "x.npz", "--rule-set", "none"), "jedec"),
        (("rerun", "absent"), "holds no run"),
        (("validate", "drum"), "dram"),
        (("validate", "dram", "--data", "absent"), "absent"),
        (("validate", "dram", "--data", "."), "no tables"),
        (("trace", "info", "absent"), "no such file"),
        (("trace", "generate", "random"), "-o"),
        (("trace", "generate", "randm", "-o", "x.npz"), 'did you mean "random"'),
        (("trace", "generate", "random", "requests=-1", "-o", "x.npz"), "random.requests"),
        (("trace", "generate", "random", "-o", "x.doc"), ".npz"),
        (("trace", "convert", "spmv", "x.npz", "--format", "csv"), "load_store"),
        (("trace", "convert", "spmv", "absent/x.npz"), "cannot be written"),
    ],
)
def test_bad_arguments_are_one_message(arguments: tuple[str, ...], words: str, program: Program) -> None:
    refused(program(*arguments), words)


def test_names_are_no_markup_and_cannot_move_the_cursor(program: Program) -> None:
    answer = program("run", "[red]x[/red]", "random")
    refused(answer, "[red]x[/red]")
    refused(program("run", "x\x1b[2J\ny", "random"), "x\\x1b[2J")


def test_without_arguments_there_is_help(program: Program) -> None:
    for arguments in ((), ("trace",)):
        answer = program(*arguments)
        assert answer.code == 2 and (answer.out + answer.err).count("Usage: cyclewise") == 1


def test_other_exit_codes(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    import sim.machine

    def failing(error: BaseException) -> Callable[..., None]:
        def simulate(*_: object) -> None:
            raise error

        return simulate

    cases = [
        (cw.SimulationStuckError("bank 3 waits"), 3, "bank 3"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ]
    cases += [(ZeroDivisionError("oops"), 70, "CYCLEWISE_TRACEBACK"), (BrokenPipeError(), 141, "")]
    for error, code, words in cases:
        monkeypatch.setattr(sim.machine, "simulate", failing(error))
        answer = program("run", "ddr4_2400", *TINY, "-o", "out")
        assert answer.code == code and words in answer.err
        assert not Path("out").exists()


# Whatever is typed


WORDS = (
    *("list", "show", "run", "check", "trace", "info", "generate", "convert", "schema", "new", "rerun"),
    *("batch", "compare", "report", "import", "--timeline", "--window", "t.json", "0:50", "5:1"),
    *("validate", "dram", "ddr4_2400", "hbm2_2000", "memory", "random", "stream", "bad.trace", "good.trace"),
    *("mine.yaml", "out", "afile", "a/b", ".", "", "-", "--", "[x]", "é", "\x00", "x" * 5000),
    *(
        "--json",
        "--set",
        "-o",
        "--commands",
        "--requests",
        "--from",
        "--system",
        "--format",
        "--yaml",
        "--quick",
    ),
    *(
        "workload.requests=50",
        "workload.requests=0",
        "workload.requests=1e3",
        "workload.seed=-1",
        "workload.=1",
    ),
    *("timing.tRCD=1 nCK", "timing.tRCD=0", "timing=null", "channels=3", "channels=2", "clock=1 GHz", "a=b"),
    *("controller.read_queue=1", "controller.read_queue=5000", "controller.scheduler=fifo", "address_map=x"),
    *("organization.ranks=2", "organization.ranks=0", "organization.columns=3", "front_end.streams=40"),
    *("front_end.mode=per_channel", "refresh.interval=1", "timing.tREFI=2 nCK", "c.npz", "r.npz", "x.csv"),
    *(
        "commands=null",
        "constraints=null",
        "requests={}",
        "bus={}",
        "name=[1]",
        "controller.page_policy=closed",
    ),
)
HEADS = (
    ("run", "ddr4_2400", "random", "--set", "workload.requests=40"),
    ("run", "mine.yaml", "good.trace"),
    ("show", "ddr4_2400"),
    ("check", "ddr4_2400", "x.csv"),
    ("trace", "info"),
    ("trace", "generate", "random", "requests=20"),
    ("trace", "convert", "good.trace"),
    ("rerun",),
    (),
)


def test_nothing_that_is_typed_ends_in_a_traceback(program: Program, tmp_path: Path) -> None:
    (tmp_path / "bad.trace").write_bytes(b"LD 0x40\nLD \xff\n")
    (tmp_path / "good.trace").write_text("LD 0x40\nST 0x80\n" * 20)
    (tmp_path / "mine.yaml").write_text("extends: ddr4_2400\n")
    (tmp_path / "x.csv").write_text("clk,command,bank,row_or_column\n1,ACT,0,5\n")
    (tmp_path / "afile").write_text("x")
    dice = random.Random(1)
    codes = set()
    for _ in range(300):
        words = [*dice.choice(HEADS)]
        for _ in range(dice.randrange(4)):
            word = dice.choice(WORDS)
            words += ["--set", word] if "=" in word and dice.random() < 0.9 else [word]
        if "validate" in words and "--quick" not in words:
            words.append("--jsn")  # the whole of it takes long
        answer = program(*words)
        assert answer.code in (0, 1, 2, 3), (words, answer.code, answer.err)
        if answer.code >= 2 and words and "Usage" not in answer.out + answer.err:
            assert len(answer.err.strip().splitlines()) == 1, (words, answer.err)
        codes.add(answer.code)
    assert {0, 2} <= codes


def test_every_wrong_value_in_a_spec_is_a_message(program: Program, tmp_path: Path) -> None:
    """Each leaf of a system, replaced by something that does not belong there."""
    tree = yaml.safe_load(program("show", "ddr4_2400", "--yaml").out)
    dice = random.Random(2)
    leaves = [(key, inner) for key, value in tree.items() if isinstance(value, dict) for inner in value]
    for key, inner in dice.sample(leaves, 60):
        spoilt = json.loads(json.dumps(tree))
        spoilt[key][inner] = dice.choice([-1, 0, 1.5, "x", [], {"a": 1}, True, "3 GiB", 10**30])
        (tmp_path / "spoilt.yaml").write_text(yaml.safe_dump(spoilt, sort_keys=False))
        answer = program("run", "spoilt.yaml", "random", "--set", "workload.requests=20")
        assert answer.code in (0, 2), (key, inner, spoilt[key][inner], answer.err)
