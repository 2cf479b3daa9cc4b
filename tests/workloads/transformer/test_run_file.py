import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.errors import InputError
from workloads.transformer import Decoding, Request, decoding, load_model
from workloads.transformer.requests import LISTED, shortened

TINY = load_model("gpt_tiny")


def written(folder: Path, text: str, name: str = "run.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_model_by_name() -> None:
    run = decoding("gpt3_xl")
    assert run == Decoding("gpt3_xl", load_model("gpt3_xl"), (Request(Fraction(0), 1, 1024),), False)
    assert (run.steps, run.tokens) == (1024, 1024)


def test_parameters() -> None:
    run = decoding("gpt3_xl", {"prompt": 32, "tokens": 128, "lm_head": True})
    assert (run.steps, run.tokens, run.lm_head) == (159, 128, True)
    assert run.name == "gpt3_xl(prompt=32, tokens=128, lm_head=True)"
    assert run.model == load_model("gpt3_xl")
    assert decoding("gpt3_xl", {"tokens": None}) == decoding("gpt3_xl")


def test_as_many_tokens_as_fit() -> None:
    assert decoding("gpt_tiny").requests[0].tokens == 64
    assert decoding("gpt_tiny", {"prompt": 60}).requests[0].tokens == 5
    assert decoding("gpt_tiny", {"prompt": 64}).steps == 64
    with pytest.raises(InputError, match="take 65 steps, and the context of gpt_tiny is 64") as error:
        decoding("gpt_tiny", {"prompt": 60, "tokens": 6})
    assert error.value.field == "workload.tokens"
    with pytest.raises(InputError, match="65 prompt tokens") as error:
        decoding("gpt_tiny", {"prompt": 65})
    assert error.value.field == "workload.prompt"
    cut = decoding("gpt_tiny", {"prompt": 60, "tokens": 6, "truncate": True})
    assert cut.requests == (Request(Fraction(0), 59, 6),)


def test_a_changed_model() -> None:
    run = decoding("gpt_tiny", {"layers": 3, "hidden": 128})
    assert run.model == replace(TINY, layers=3, hidden=128, head_size=32, intermediate=512)
    assert decoding("gpt_tiny", {"heads": 8}).model == replace(TINY, heads=8, kv_heads=8, head_size=8)
    grouped = decoding("gpt_tiny", {"kv_heads": 2, "gated": True, "activation": "silu"}).model
    assert grouped == replace(TINY, kv_heads=2, gated=True, activation="silu")
    # Llama's feed-forward width and key heads follow from nothing.
    assert decoding("llama3_8b", {"hidden": 8192}).model.intermediate == 14336
    assert decoding("llama3_8b", {"heads": 64}).model.kv_heads == 8
    assert decoding("gpt2_xl", {"context": 4096, "tokens": 4096}).steps == 4096


@pytest.mark.parametrize(
    ("parameters", "field", "message"),
    [
        ({"prompt": 0}, "prompt", "given 0, accepted a whole number from 1"),
        ({"tokens": 1.5}, "tokens", "given 1.5"),
        ({"tokens": "many"}, "tokens", 'given "many"'),
        ({"lm_head": 1}, "lm_head", "accepted true or false"),
        ({"promt": 1}, "promt", 'did you mean "prompt"'),
        ({"model": "gpt2_xl"}, "model", "unknown key"),
        ({"heads": 5}, "heads", "5 heads do not divide the hidden size of 64"),
        ({"hidden": 66}, "hidden", "4 heads do not divide the hidden size of 66"),
        ({"kv_heads": 3}, "kv_heads", "4 heads cannot share 3"),
        ({"norm": "none"}, "norm", "accepted layer_norm, rms_norm"),
        ({"requests": 5}, "requests", "together with trace"),
        ({"requests": [{"prompt": 1, "tokens": 1}]}, "requests", "a list of requests in a file"),
        ({"skip": 5}, "skip", "only a trace"),
        ({"trace": "azure_like", "prompt": 5}, "prompt", "the trace says how long"),
        ({"trace": 5}, "trace", "accepted a text"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        decoding("gpt_tiny", parameters)
    assert (error.value.file, error.value.field) == (None, f"workload.{field}")
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["", "gpt9", "a\0b", "x" * 5000, "/", "no/such/file"])
def test_no_such_model(name: str) -> None:
    with pytest.raises(InputError) as error:
        decoding(name)
    assert "\n" not in str(error.value)


def test_files_of_runs(tmp_path: Path) -> None:
    run = decoding(written(tmp_path, "{model: gpt3_xl, prompt: 32, tokens: 128, layers: 2}"))
    assert run == replace(decoding("gpt3_xl", {"prompt": 32, "tokens": 128, "layers": 2}), name="run")
    path = written(tmp_path, '{"model": "gpt_tiny", "prompt": 3}', "chat.json")
    assert decoding(path) == replace(decoding("gpt_tiny", {"prompt": 3}), name="chat")
    assert decoding(path, {"prompt": 4}).requests == (Request(Fraction(0), 4, 61),)
    # Paths are relative to the file.
    (tmp_path / "deep").mkdir()
    here = written(tmp_path / "deep", "{model: ../own.yaml, trace: ../t.csv}")
    written(
        tmp_path,
        "{model_type: gpt2, n_layer: 1, n_embd: 8, n_head: 2, n_positions: 9, vocab_size: 7}",
        "own.yaml",
    )
    written(tmp_path, "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-01-01 00:00:00,2,3\n", "t.csv")
    deep = decoding(here)
    assert (deep.model.name, deep.model.hidden) == ("own", 8)
    assert deep.requests == (Request(Fraction(0), 2, 3),)
    listed = "name: chat\nmodel: gpt_tiny\nrequests:\n"
    listed += "- {prompt: 3, tokens: 4}\n- {arrival: 20 ms, prompt: 1, tokens: 64}\n"
    chat = decoding(written(tmp_path, listed))
    assert chat.name == "chat"
    assert chat.requests == (Request(Fraction(0), 3, 4), Request(Fraction(1, 50), 1, 64))
    table = "model: gpt_tiny\nrequests: |\n  0 3 4\n  0.02 1 64\n"
    assert decoding(written(tmp_path, table)).requests == chat.requests


LIST = "model: gpt_tiny\nrequests:\n- {arrival: 1 s, prompt: 3, tokens: 4}\n- "
TABLE = "model: gpt_tiny\nrequests: |\n  1 3 4\n  "


@pytest.mark.parametrize(
    ("text", "line", "field", "message"),
    [
        ("prompt: 1\nmodel: gpt3xl\n", 2, "model", 'did you mean "gpt3_xl"'),
        ("model: 5\n", 1, "model", "accepted the name of a library model"),
        ("model: gpt_tiny\npromt: 1\n", 2, "promt", 'did you mean "prompt"'),
        ("model: gpt_tiny\nprompt: [1]\n", 2, "prompt", "given [1]"),
        ("model: gpt_tiny\n\ntokens: 65\n", 3, "tokens", "take 65 steps"),
        ("model:\n  model_type: gpt2\n  n_head: x\n", 2, "model.n_layer", "missing"),
        ("model:\n  name: x\n  layers: 0\n", 3, "model.layers", "given 0"),
        ("model: gpt_tiny\nskip: 1\n", 2, "skip", "only a trace"),
        ("model: gpt_tiny\nrequests: []\n", 2, "requests", "at least one"),
        ("model: gpt_tiny\nrequests: 7\n", 2, "requests", "together with trace"),
        ("model: gpt_tiny\ntokens: 5\nrequests: [{}]\n", 2, "tokens", "the requests of the file say"),
        (LIST + "5", 4, "requests[1]", "a map such as"),
        (LIST + "{tokens: 4}", 4, "requests[1].prompt", "missing"),
        (LIST + "{prompt: 4, token: 3}", 4, "requests[1].token", 'did you mean "tokens"'),
        (LIST + "{prompt: 1, tokens: 1}", 4, "requests[1].arrival", "earlier than the request before"),
        (LIST + "{arrival: 1, prompt: 1, tokens: 1}", 4, "requests[1].arrival", "with a unit"),
        (LIST + "{arrival: -1 s, prompt: 1, tokens: 1}", 4, "requests[1].arrival", "from 0 to 1e9 s"),
        (LIST + "{arrival: 1/0 s, prompt: 1, tokens: 1}", 4, "requests[1].arrival", "with a unit"),
        (LIST + "{arrival: 1 s, prompt: 64, tokens: 2}", 4, "requests[1]", "take 65 steps"),
        (TABLE + "2 3", 4, "requests[1]", "such as 0.25 32 128"),
        (TABLE + "2 3 x", 4, "requests[1]", "such as 0.25 32 128"),
        (TABLE + "2 0 1", 4, "requests[1]", "such as 0.25 32 128"),
        (TABLE + "1000000001 3 1", 4, "requests[1]", "from 0 to 1e9 s"),
        (TABLE + "0.5 3 1", 4, "requests[1]", "earlier than"),
        (TABLE + "2 60 6", 4, "requests[1]", "take 65 steps"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, line: int, field: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as error:
        decoding(path)
    assert (error.value.file, error.value.line, error.value.field) == (path, line, field)
    assert message in str(error.value)


FILE = """\
name: chat
model: gpt_tiny
lm_head: true
truncate: false
layers: 3
requests:
- {prompt: 3, tokens: 4}
- {arrival: 20 ms, prompt: 1, tokens: 60}
"""


@settings(max_examples=700)
@given(st.data())
def test_a_damaged_file_never_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = FILE
    for _ in range(data.draw(st.integers(1, 3))):
        at, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.text(max_size=3) | st.sampled_from("{}[]:,\n -9")) + text[at + cut :]
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        decoding(str(path))
    except InputError as error:
        assert error.file is not None


ARRIVALS = (
    st.fractions(0, 10**6, max_denominator=10**24)
    | st.just(Fraction(1, 2**79))
    | st.decimals(0, 10**6, places=7).map(Fraction)
    | st.just(Fraction(10**9))
)
ASKED = st.builds(Request, ARRIVALS, st.integers(1, 32), st.integers(1, 33))


@given(
    st.lists(ASKED, min_size=1, max_size=4),
    st.sampled_from((1, LISTED)),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(
        str.strip
    ),
)
def test_what_is_written_reads_as_the_same(
    tmp_path_factory: pytest.TempPathFactory, asked: list[Request], times: int, head: bool, name: str
) -> None:
    requests = tuple(sorted(asked * times, key=lambda r: r.arrival))
    model = replace(load_model("llama3_8b"), name=name, layers=2)
    run = Decoding(name, model, requests, head)
    path = tmp_path_factory.getbasetemp() / "kept.yaml"
    path.write_text(run.to_yaml(), encoding="utf-8")
    again = decoding(str(path))
    assert again == run
    assert again.digest() == run.digest()


def test_the_digest_is_of_what_a_run_depends_on() -> None:
    run = decoding("gpt_tiny", {"prompt": 3})
    assert run.digest() == replace(run, name="other", model=replace(TINY, name="x")).digest()
    others = [
        replace(run, lm_head=True),
        replace(run, model=replace(TINY, layers=3)),
        replace(run, model=replace(TINY, bias=False)),
        replace(run, requests=run.requests * 2),
        replace(run, requests=(replace(run.requests[0], tokens=5),)),
        replace(run, requests=(replace(run.requests[0], arrival=Fraction(1, 3)),)),
    ]
    assert len({run.digest(), *(other.digest() for other in others)}) == 7


@given(ASKED, st.integers(1, 40))
def test_a_shortened_request_fits(request_: Request, context: int) -> None:
    cut = shortened(request_, context)
    assert cut.steps <= context
    assert (cut.steps == context) == (request_.steps >= context)
    # Prompt tokens go before generated ones do.
    assert cut.tokens == request_.tokens or cut.prompt == 1


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Request(Fraction(-1), 1, 1), "arrival"),
        (lambda: Request(Fraction(10**9 + 1), 1, 1), "arrival"),
        (lambda: Request(Fraction(1, 10**25), 1, 1), "arrival"),
        (lambda: Request(Fraction(0), 0, 1), "prompt"),
        (lambda: Request(Fraction(0), 1, 0), "tokens"),
        (lambda: Decoding("x", TINY, ()), "requests"),
        (lambda: Decoding("x", TINY, (Request(Fraction(0), 64, 2),)), "requests[0]"),
        (
            lambda: Decoding("x", TINY, (Request(Fraction(1), 1, 1), Request(Fraction(0), 1, 1))),
            "requests[1]",
        ),
    ],
)
def test_records_made_in_python_are_checked(make: Any, field: str) -> None:
    with pytest.raises(InputError) as error:
        make()
    assert error.value.field == field


def test_a_config_that_mentions_a_model_is_a_model(tmp_path: Path) -> None:
    config = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "n_positions": 9, "vocab_size": 7}
    path = written(tmp_path, json.dumps(config | {"model": "whatever"}), "config.json")
    assert decoding(path).steps == 9
