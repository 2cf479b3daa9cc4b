import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from arch.errors import InputError
from arch.yaml_source import Tree
from workloads.transformer import load_model
from workloads.transformer.catalogue import FOLDER, names
from workloads.transformer.config import fields_of, transformer
from workloads.transformer.json_source import parse_json
from workloads.transformer.keys import Keys
from workloads.transformer.model import Transformer

GPT2 = {
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "initializer_range": 1e-05,
    "model_type": "gpt2",
    "n_ctx": 1024,
    "n_embd": 768,
    "n_head": 12,
    "n_inner": None,
    "n_layer": 12,
    "n_positions": 1024,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "vocab_size": 50257,
}
LLAMA = {
    "attention_bias": False,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "rope_scaling": None,
    "rms_norm_eps": 1e-05,
    "vocab_size": 128256,
}
OPT = {
    "_remove_final_layer_norm": False,
    "activation_function": "relu",
    "do_layer_norm_before": True,
    "ffn_dim": 3072,
    "hidden_size": 768,
    "max_position_embeddings": 2048,
    "model_type": "opt",
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "vocab_size": 50272,
    "word_embed_proj_dim": 768,
}
FORMS: dict[str, dict[str, Any]] = {"gpt2": GPT2, "llama": LLAMA, "opt": OPT}


def from_text(text: str) -> Transformer:
    return transformer(Keys(parse_json(text, "config.json"), "config.json"), "m")


def from_map(config: dict[str, Any]) -> Transformer:
    return from_text(json.dumps(config, indent=2))


def failure(config: dict[str, Any]) -> InputError:
    with pytest.raises(InputError) as error:
        from_map(config)
    return error.value


@pytest.mark.parametrize(("config", "name"), [(GPT2, "gpt2_small"), (LLAMA, "llama3_8b"), (OPT, "opt_125m")])
def test_files_of_hugging_face_read_as_the_library(config: dict[str, Any], name: str) -> None:
    assert from_map(config | {"name": name}) == load_model(name)


def test_a_folder_stands_for_its_config(tmp_path: Path) -> None:
    folder = tmp_path / "my-gpt"
    folder.mkdir()
    with pytest.raises(InputError, match="folder without a config"):
        load_model(str(folder))
    (folder / "config.json").write_text(json.dumps(GPT2))
    assert load_model(str(folder)) == load_model(str(folder / "config.json"))
    assert load_model(str(folder)).name == "my-gpt"
    (folder / "other.yaml").write_text(yaml.safe_dump(LLAMA))
    assert load_model(str(folder / "other.yaml")).kv_heads == 8


def test_a_misspelt_key_that_may_be_left_out_is_not_passed_over() -> None:
    config = {k: v for k, v in LLAMA.items() if k != "num_key_value_heads"}
    error = failure(config | {"num_key_value_head": 8})
    assert error.field == "num_key_value_head"
    assert 'did you mean "num_key_value_heads"?' in str(error)


def test_what_a_file_leaves_out() -> None:
    plain = {k: v for k, v in LLAMA.items() if k not in ("num_key_value_heads", "attention_bias", "mlp_bias")}
    assert from_map(plain).kv_heads == 32
    assert from_map(GPT2).intermediate == 3072
    assert from_map(GPT2 | {"n_inner": 1000}).intermediate == 1000
    assert from_map(LLAMA | {"head_dim": 64}).query_width == 2048
    assert from_map(OPT | {"enable_bias": False}).bias is False
    assert from_map(LLAMA | {"attention_bias": True, "mlp_bias": True}).bias is True
    assert from_map(GPT2 | {"model_type": "gpt_bigcode"}).kv_heads == 1
    assert from_map(GPT2 | {"model_type": "gpt_bigcode", "multi_query": False}).kv_heads == 12
    mistral = LLAMA | {"model_type": "mistral"}
    assert from_map(mistral | {"sliding_window": None}) == from_map(mistral | {"sliding_window": 8192})


@pytest.mark.parametrize(
    ("config", "field", "message"),
    [
        (GPT2 | {"n_head": 11}, "n_head", "11 heads do not divide the hidden size of 768"),
        (GPT2 | {"n_head": 0}, "n_head", "given 0, accepted a whole number from 1"),
        (GPT2 | {"n_layer": 12.0}, "n_layer", "given 12.0"),
        (GPT2 | {"n_layer": "12"}, "n_layer", 'given "12"'),
        (GPT2 | {"n_embd": True}, "n_embd", "given true"),
        (GPT2 | {"n_embd": 10**30}, "n_embd", "accepted a whole number"),
        (GPT2 | {"activation_function": "quick"}, "activation_function", "accepted gelu, gelu_new"),
        (GPT2 | {"activation_function": ["gelu"]}, "activation_function", "accepted gelu, gelu_new"),
        (GPT2 | {"model_type": "gpt_neox"}, "model_type", "not modelled: attention and"),
        (GPT2 | {"model_type": "gpt3"}, "model_type", 'unknown architecture; did you mean "gpt2"?'),
        (GPT2 | {"model_type": 2}, "model_type", "given 2, accepted gpt2"),
        (GPT2 | {"add_cross_attention": True}, "add_cross_attention", "only decoders"),
        (LLAMA | {"num_key_value_heads": 5}, "num_key_value_heads", "32 heads cannot share 5"),
        (LLAMA | {"head_dim": 127}, "head_dim", "rotary positions"),
        (LLAMA | {"mlp_bias": True}, "mlp_bias", "biases on some matrices only"),
        (LLAMA | {"attention_bias": "yes"}, "attention_bias", "true or false"),
        (LLAMA | {"num_local_experts": 8}, "num_local_experts", "mixture of experts"),
        (LLAMA | {"model_type": "mixtral", "num_local_experts": 8}, "num_local_experts", "mixture"),
        (LLAMA | {"model_type": "mistral", "sliding_window": 4096}, "sliding_window", "sliding window"),
        (OPT | {"word_embed_proj_dim": 512}, "word_embed_proj_dim", "accepted 768, the hidden_size"),
        (OPT | {"do_layer_norm_before": False}, "do_layer_norm_before", "only norms before"),
        (OPT | {"_remove_final_layer_norm": True}, "_remove_final_layer_norm", "accepted false"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(config: dict[str, Any], field: str, message: str) -> None:
    error = failure(config)
    lines = json.dumps(config, indent=2).splitlines()
    assert (error.file, error.field) == ("config.json", field)
    assert error.line is not None and f'"{field}"' in lines[error.line - 1]
    assert message in str(error)


@pytest.mark.parametrize(("form", "key"), [
    ("gpt2", "n_layer"), ("gpt2", "n_positions"), ("gpt2", "model_type"), ("opt", "ffn_dim"),
    ("llama", "intermediate_size"), ("llama", "vocab_size"),
])  # fmt: skip
def test_a_missing_key_is_named(form: str, key: str) -> None:
    error = failure({k: v for k, v in FORMS[form].items() if k != key})
    assert (error.field, error.line) == (key, 1)
    assert error.message == "missing"
    misspelt = failure({k if k != key else f"{k}s": v for k, v in FORMS[form].items()})
    assert f'"{key}' in str(misspelt) or f'"{key}s"' in str(misspelt)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{\n"n_layer": 1,\n}', 3, "not valid JSON"),
        ('{\n"n_layer": 1,\n"n_layer": 2}', 3, "given twice, first in line 2"),
        ("", 1, "not valid JSON"),
        ('{\n\n"n_layer": ' + "9" * 5000 + "}", None, "not valid JSON"),
        ("[" * 100_000, None, "nested more than"),
        ('{"a":\n' + "[" * 50 + "]" * 50 + "}", 2, "nested more than 40"),
    ],
)
def test_what_is_no_json(text: str, line: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        from_text(text)
    assert (error.value.file, error.value.line) == ("config.json", line)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"[1]", "accepted a map"),
        (b"\n\xff{}", ":2: not UTF-8"),
        (b'{"model_type": "gpt2"', ":1: not valid JSON"),
    ],
)
def test_files_that_are_no_config(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        load_model(str(path))
    assert error.value.file == str(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_json_reads_as_the_standard_library_reads_it(data: Any) -> None:
    text = json.dumps({"a": data}, indent=1)
    tree = parse_json(text, "x")
    assert json.loads(json.dumps(tree.data, default=float)) == json.loads(text) or "NaN" in text
    for path, mark in tree.keys.items():
        assert mark.line is not None
        assert json.dumps(path[-1]) in text.splitlines()[mark.line - 1]
    for path, mark in tree.values.items():
        assert mark.line is not None
        if path and isinstance(path[-1], str):
            assert json.dumps(path[-1]) in text.splitlines()[mark.line - 1]


@settings(max_examples=1500)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_a_config_with_a_wrong_value_never_ends_in_a_traceback(form: str, data: st.DataObject) -> None:
    config = dict(FORMS[form])
    for key in data.draw(st.lists(st.sampled_from(sorted(config)), min_size=1, max_size=3)):
        change = data.draw(st.sampled_from(["value", "name", "gone"]))
        if change == "value":
            config[key] = data.draw(JSON)
        elif key in config:
            value = config.pop(key)
            if change == "name":
                config[data.draw(st.text())] = value
    try:
        model = from_map(config)
    except InputError as error:
        assert error.file == "config.json"
        assert error.line is not None and error.field
        assert str(error).startswith(f"config.json:{error.line}: ")
    else:
        assert model.weights > 0


@settings(max_examples=1500)
@given(st.sampled_from(sorted(FORMS)), st.booleans(), st.data())
def test_a_damaged_file_never_ends_in_a_traceback(form: str, as_yaml: bool, data: st.DataObject) -> None:
    from arch.yaml_source import parse

    text = yaml.safe_dump(FORMS[form]) if as_yaml else json.dumps(FORMS[form], indent=2)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 4))
        text = text[:at] + data.draw(st.text(max_size=3) | st.sampled_from('{}[],:"\n9-')) + text[at + cut :]
    try:
        tree = (parse if as_yaml else parse_json)(text, "config")
        if isinstance(tree.data, dict):
            transformer(Keys(tree, "config"), "m")
    except InputError as error:
        assert error.file == "config"
        assert error.line is None or 1 <= error.line <= text.count("\n") + 2


def test_own_fields() -> None:
    model = load_model("llama3_8b")
    assert from_map(fields_of(model)) == model
    missing = {k: v for k, v in fields_of(model).items() if k != "gated"}
    assert failure(missing).field == "gated"
    assert "did you mean" in str(failure(fields_of(model) | {"laiers": 3}))
    assert failure(fields_of(model) | {"norm": "batch"}).field == "norm"
    assert failure(fields_of(model) | {"kv_heads": 3}).field == "kv_heads"


@pytest.mark.parametrize("name", names())
def test_library_files_say_where_figures_come_from(name: str) -> None:
    data = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    sources = data.pop("sources")
    assert sources["*"]  # speaks for whatever no other does
    assert set(sources) - {"*"} <= set(data)
    for source in sources.values():
        assert set(source) == {"source", "confidence"}
        assert source["confidence"] in ("read", "recalled", "derived", "assumed")
    # Nothing in our own files may stay unread.
    keys = Keys(Tree(data), name)
    from workloads.transformer.config import ARCHITECTURES, KEPT

    form = ARCHITECTURES[data["model_type"]]
    keys.refuse_others((*KEPT, *form.keys.values(), *form.others))
