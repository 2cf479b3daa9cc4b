from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch.errors import InputError
from workloads.transformer import Transformer, library, load_model, operators

MI = 1 << 20
PAPER = [f"gpt{n}_{size}" for n in (2, 3) for size in ("small", "medium", "large", "xl")]


# PIM-GPT, arXiv 2310.09385: the weights of its models, counted in 2^20 without embeddings.
@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (("gpt2_small", "gpt3_small"), 81 * MI),
        (("gpt2_medium", "gpt3_medium"), 288 * MI),
        (("gpt2_large",), 675 * MI),
        (("gpt3_large",), 648 * MI),
        (("gpt2_xl",), Fraction("1406.25") * MI),
        (("gpt3_xl",), 1152 * MI),
    ],
)
def test_weights_of_the_paper_s_models(names: tuple[str, ...], weights: Fraction) -> None:
    for name in names:
        model = load_model(name)
        assert model.weights == weights == 12 * model.layers * model.hidden**2


@pytest.mark.parametrize(("name", "mebibytes"), [("gpt2_small", 36), ("gpt2_medium", 96), ("gpt3_xl", 192)])
def test_cache_of_1024_tokens(name: str, mebibytes: int) -> None:
    assert load_model(name).cache_bytes(1024) == mebibytes * MI


def test_operations_per_weight() -> None:
    model = load_model("gpt3_xl")
    assert model.operations_per_weight(512) == 2 + Fraction(1, 12)  # the paper says 2.1
    assert model.operations_per_weight(0) == 2
    head = model.operations(512, lm_head=True) - model.operations(512)
    assert head == 2 * 2048 * 50257 == 2 * model.head_weights


def test_the_paper_s_twins_differ_only_in_context() -> None:
    for size in ("small", "medium"):
        second, third = load_model(f"gpt2_{size}"), load_model(f"gpt3_{size}")
        assert (second.context, third.context) == (1024, 2048)
        assert replace(second, name=third.name, context=2048) == third


def test_heads_of_the_paper_s_models() -> None:
    heads = {name: (load_model(name).heads, load_model(name).head_size) for name in PAPER}
    assert heads["gpt2_xl"] == (25, 64)
    assert heads["gpt3_xl"] == (16, 128)
    assert heads["gpt3_large"] == (16, 96)
    assert {load_model(name).kv_heads for name in PAPER} == {12, 16, 20, 25}


def test_llama_2_by_hand() -> None:
    model = load_model("llama2_7b")
    assert [(m.name, m.d_in, m.d_out) for m in model.matrices] == [
        ("qkv", 4096, 12288),
        ("projection", 4096, 4096),
        ("ffn_gate", 4096, 11008),
        ("ffn_up", 4096, 11008),
        ("ffn_down", 11008, 4096),
    ]
    # CENT's figure for a block in bf16: 404.8 MB.
    assert model.layer_weights * 2 == 404_750_336
    assert model.cache_bytes(1) == 32 * 2 * 4096 * 2


def test_llama_3_shares_key_heads() -> None:
    model = load_model("llama3_8b")
    assert (model.heads, model.kv_heads, model.head_size) == (32, 8, 128)
    assert model.matrix("qkv") == ("qkv", 4096, 4096 + 1024 + 1024)
    assert model.layer_weights == 4096 * 6144 + 4096 * 4096 + 3 * 4096 * 14336 == 218_103_808
    assert model.cache_bytes(1024) == 128 * MI  # a quarter of what 32 key heads would take
    # Every query head has scores of its own, whoever else uses the keys.
    assert model.operations(10) - model.operations(9) == 4 * 32 * 4096


def test_no_such_matrix() -> None:
    with pytest.raises(KeyError):
        load_model("gpt2_small").matrix("ffn_gate")


SIZES = st.integers(1, 64)
TINY = load_model("gpt_tiny")


@st.composite
def models(draw: st.DrawFn) -> Transformer:
    kv_heads, head_size = draw(SIZES), 2 * draw(SIZES)
    return Transformer(
        name="drawn",
        layers=draw(st.integers(1, 4)),
        hidden=draw(SIZES),
        heads=kv_heads * draw(st.integers(1, 4)),
        kv_heads=kv_heads,
        head_size=head_size,
        intermediate=draw(SIZES),
        gated=draw(st.booleans()),
        activation=draw(st.sampled_from(("gelu", "relu", "silu"))),
        norm=draw(st.sampled_from(("layer_norm", "rms_norm"))),
        positions=draw(st.sampled_from(("learned", "rotary"))),
        bias=draw(st.booleans()),
        vocabulary=draw(SIZES),
        context=draw(SIZES),
    )


@given(models(), st.integers(1, 100), st.booleans())
def test_the_graph_computes_what_is_counted(model: Transformer, context: int, head: bool) -> None:
    graph = operators(model, context, head)
    assert sum(node.operations for node in graph) == model.operations(context, lm_head=head)
    weights = sum(n.d_in * n.d_out for n in graph if n.kind == "product" and n.name != "lm_head")
    assert weights == model.weights
    cached = sum(node.elements for node in graph if node.kind == "cache")
    assert 2 * cached == model.cache_bytes(1)


@given(models(), st.integers(1, 100), st.booleans())
def test_the_graph_is_in_program_order(model: Transformer, context: int, head: bool) -> None:
    elements = {"token": model.hidden}
    for node in operators(model, context, head):
        assert node.id not in elements
        assert set(node.inputs) <= set(elements)  # nothing is used before it is there
        if node.kind == "product":
            assert elements[node.inputs[0]] == node.d_in
        if node.kind in ("add", "multiply"):
            assert {elements[i] for i in node.inputs} == {node.elements}
        elements[node.id] = node.elements


def test_names_of_operators() -> None:
    in_layer = ["norm1", "qkv", "k_write", "scores", "v_write", "softmax", "context", "projection"]
    in_layer += ["residual", "norm2", "ffn_up", "activation", "ffn_down", "residual"]
    graph = operators(TINY, 5)
    assert [node.name for node in graph] == in_layer * 2
    assert [node.layer for node in graph] == [0] * 14 + [1] * 14
    behind = operators(TINY, 5, lm_head=True)[28:]
    assert [node.name for node in behind] == ["final_norm", "lm_head", "argmax"]
    gated = operators(replace(TINY, gated=True, positions="rotary"), 5)[:17]
    assert [node.id for node in gated if node.name in ("qkv", "ffn_up", "activation")] == [
        "0.qkv", "0.rope", "0.ffn_up", "0.ffn_gate", "0.activation", "0.multiply",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"layers": 0}, "layers"),
        ({"hidden": -1}, "hidden"),
        ({"heads": True}, "heads"),
        ({"head_size": 2.0}, "head_size"),
        ({"intermediate": 1 << 25}, "intermediate"),
        ({"heads": 4, "kv_heads": 3}, "kv_heads"),
        ({"kv_heads": 8}, "kv_heads"),
        ({"positions": "rotary", "head_size": 3}, "head_size"),
        ({"positions": "sinusoidal"}, "positions"),
        ({"activation": "tanh"}, "activation"),
        ({"norm": None}, "norm"),
        ({"gated": 1}, "gated"),
        ({"vocabulary": "many"}, "vocabulary"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as error:
        replace(TINY, **change)
    assert error.value.field == field


def test_every_library_model_has_a_title_and_parameters() -> None:
    entries = {entry.name: entry for entry in library()}
    assert {*PAPER, "opt_125m", "opt_1_3b", "llama2_7b", "llama3_8b", "gpt_tiny"} == set(entries)
    assert all(entry.title for entry in entries.values())
    assert entries["gpt3_xl"].parameters == {"prompt": 1, "tokens": 1024, "lm_head": False}
    assert entries["gpt_tiny"].parameters["tokens"] == 64
