"""Shapes of transformers read from ``config.json`` as Hugging Face writes it, or from YAML of the same keys.

Keys that the cost of decoding does not depend on (dropout, token numbers, …) are passed over.  What would
change the cost and is not modelled is refused: mixtures of experts, encoders, sliding windows shorter than
the context, norms behind the matrices, biases on some matrices only.

A file may also give the fields of :class:`Transformer` themselves, without ``model_type``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

from arch.errors import InputError, unknown
from workloads.transformer.keys import Keys
from workloads.transformer.model import FIELDS, FLAGS, MOST, MOST_WIDTH, SIZES, WORDS, Activation, Transformer

ACTIVATIONS: Final[Mapping[str, Activation]] = {
    "gelu": "gelu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""Activations by the names of Hugging Face; the forms of GELU count as one, whatever formula they use."""

EXPERTS: Final = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
KEPT: Final = ("title", "sources", "name", "model_type")
"""Keys of every form: what it is, and where its figures come from."""


class Architecture(NamedTuple):
    """How the files of one ``model_type`` are read; ``keys`` names the key behind each field."""

    read: Callable[[Keys, Mapping[str, str]], dict[str, Any]]
    keys: Mapping[str, str]
    others: tuple[str, ...] = ()


def transformer(keys: Keys, name: str) -> Transformer:
    """The model that a map describes; called ``name`` unless the map has a ``name``.

    Raises:
        InputError: with file, line and field: a key is missing or wrong, or the model is not of a kind
            that is read.
    """
    name = keys.text("name", name)
    if "model_type" not in keys and any(field in keys for field in FIELDS):
        keys.refuse_others((*KEPT, *FIELDS))
        return _made(keys, name, _own_fields(keys), {})
    _refuse_foreign(keys)
    kind = keys.get("model_type")
    if kind is None:
        raise keys.missing("model_type", ARCHITECTURES)
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        message = unknown("architecture", kind, ARCHITECTURES) if isinstance(kind, str) else ""
        if isinstance(kind, str) and kind in NOT_MODELLED:
            message = f"not modelled: {NOT_MODELLED[kind]}"
        raise keys.error(message, "model_type", given=kind, accepted=ARCHITECTURES)
    architecture = ARCHITECTURES[kind]
    keys.refuse_misspelt((*architecture.keys.values(), *architecture.others))
    return _made(keys, name, architecture.read(keys, architecture.keys), architecture.keys)


def _made(keys: Keys, name: str, fields: dict[str, Any], key_of: Mapping[str, str]) -> Transformer:
    try:
        return Transformer(name=name, **fields)
    except InputError as error:
        key = key_of.get(error.field or "", error.field or "")
        raise keys.error(error.message, key, given=error.given, accepted=error.accepted) from None


def _refuse_foreign(keys: Keys) -> None:
    for key in EXPERTS:
        experts = keys.get(key)
        if experts not in (None, 0, 1):
            message = "a mixture of experts is not modelled: each layer has one feed-forward network"
            raise keys.error(message, key, given=experts)
    for key in ("is_encoder_decoder", "add_cross_attention"):
        if keys.flag(key, False):
            raise keys.error("only decoders without an encoder are modelled", key, given=True)


def _own_fields(keys: Keys) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in SIZES:
        fields[field] = keys.whole(field, high=MOST.get(field, MOST_WIDTH))
    for field, words in WORDS.items():
        fields[field] = keys.get(field)
        if fields[field] not in words:
            raise keys.missing(field, words)
    for field in FLAGS:
        if field not in keys:
            raise keys.missing(field, "true or false")
        fields[field] = keys.flag(field, False)
    return fields


def _sizes(keys: Keys, key_of: Mapping[str, str], *fields: str) -> dict[str, int]:
    return {field: keys.whole(key_of[field], high=MOST.get(field, MOST_WIDTH)) for field in fields}


def _head_size(keys: Keys, key_of: Mapping[str, str], hidden: int, heads: int) -> int:
    """As given, else the hidden size divided among the heads."""
    if "head_size" in key_of and key_of["head_size"] in keys:
        return keys.whole(key_of["head_size"], high=MOST_WIDTH)
    if hidden % heads:
        message = f"{heads} heads do not divide the hidden size of {hidden}"
        raise keys.error(message, key_of["heads"], given=heads, accepted=f"a divisor of {hidden}")
    return hidden // heads


def _activation(keys: Keys, key: str, default: str) -> Activation:
    word = keys.get(key) if key in keys else default
    if not isinstance(word, str) or word not in ACTIVATIONS:
        raise keys.wrong(key, ACTIVATIONS)
    return ACTIVATIONS[word]


def _gpt2(keys: Keys, key_of: Mapping[str, str]) -> dict[str, Any]:
    sizes = _sizes(keys, key_of, "layers", "hidden", "heads", "vocabulary", "context")
    head_size = _head_size(keys, key_of, sizes["hidden"], sizes["heads"])
    shared = keys.get("model_type") == "gpt_bigcode" and keys.flag("multi_query", True)
    return sizes | {
        "kv_heads": 1 if shared else sizes["heads"],
        "head_size": head_size,
        "intermediate": keys.whole("n_inner", min(4 * sizes["hidden"], MOST_WIDTH), high=MOST_WIDTH),
        "gated": False,
        "activation": _activation(keys, "activation_function", "gelu_new"),
        "norm": "layer_norm",
        "positions": "learned",
        "bias": True,
    }


def _opt(keys: Keys, key_of: Mapping[str, str]) -> dict[str, Any]:
    sizes = _sizes(keys, key_of, "layers", "hidden", "heads", "intermediate", "vocabulary", "context")
    embedded = keys.whole("word_embed_proj_dim", sizes["hidden"])
    if embedded != sizes["hidden"]:
        message = "embeddings that are projected to the hidden size are not modelled"
        accepted = f"{sizes['hidden']}, the hidden_size"
        raise keys.error(message, "word_embed_proj_dim", given=embedded, accepted=accepted)
    for key, modelled in (("do_layer_norm_before", True), ("_remove_final_layer_norm", False)):
        if keys.flag(key, modelled) != modelled:
            message = "only norms before the matrices, and one after the last layer, are modelled"
            accepted = "true" if modelled else "false"
            raise keys.error(message, key, given=not modelled, accepted=accepted)
    return sizes | {
        "kv_heads": sizes["heads"],
        "head_size": _head_size(keys, key_of, sizes["hidden"], sizes["heads"]),
        "gated": False,
        "activation": _activation(keys, "activation_function", "relu"),
        "norm": "layer_norm",
        "positions": "learned",
        "bias": keys.flag("enable_bias", True),
    }


def _llama(keys: Keys, key_of: Mapping[str, str]) -> dict[str, Any]:
    sizes = _sizes(keys, key_of, "layers", "hidden", "heads", "intermediate", "vocabulary", "context")
    bias = keys.flag("attention_bias", False)
    if keys.flag("mlp_bias", False) != bias:
        message = f"biases on some matrices only are not modelled, and attention_bias is {str(bias).lower()}"
        key = "mlp_bias" if "mlp_bias" in keys else "attention_bias"
        raise keys.error(message, key, given=keys.get(key))
    _refuse_window(keys, sizes["context"])
    return sizes | {
        "kv_heads": keys.whole("num_key_value_heads", sizes["heads"], high=MOST_WIDTH),
        "head_size": _head_size(keys, key_of, sizes["hidden"], sizes["heads"]),
        "gated": True,
        "activation": _activation(keys, "hidden_act", "silu"),
        "norm": "rms_norm",
        "positions": "rotary",
        "bias": bias,
    }


def _refuse_window(keys: Keys, context: int) -> None:
    window = keys.whole("sliding_window", context)
    if window < context:
        message = "attention to a sliding window is not modelled"
        accepted = f"null, or at least max_position_embeddings ({context})"
        raise keys.error(message, "sliding_window", given=window, accepted=accepted)


GPT2_KEYS: Final = {
    "layers": "n_layer",
    "hidden": "n_embd",
    "heads": "n_head",
    "intermediate": "n_inner",
    "activation": "activation_function",
    "vocabulary": "vocab_size",
    "context": "n_positions",
}
LONG_KEYS: Final = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "vocabulary": "vocab_size",
    "context": "max_position_embeddings",
}
LLAMA_KEYS: Final = LONG_KEYS | {
    "intermediate": "intermediate_size",
    "kv_heads": "num_key_value_heads",
    "head_size": "head_dim",
    "activation": "hidden_act",
}
OPT_KEYS: Final = LONG_KEYS | {"intermediate": "ffn_dim", "activation": "activation_function"}

ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "gpt2": Architecture(_gpt2, GPT2_KEYS),
    "gpt_bigcode": Architecture(_gpt2, GPT2_KEYS, ("multi_query",)),
    "opt": Architecture(
        _opt,
        OPT_KEYS,
        ("word_embed_proj_dim", "do_layer_norm_before", "_remove_final_layer_norm", "enable_bias"),
    ),
    "llama": Architecture(_llama, LLAMA_KEYS, ("attention_bias", "mlp_bias")),
    "mistral": Architecture(_llama, LLAMA_KEYS, ("sliding_window",)),
}
"""By ``model_type``.  Others differ in what is computed, not only in names."""

NOT_MODELLED: Final = {
    "bert": "not a decoder",
    "bloom": "positions are added to the scores",
    "falcon": "attention and feed-forward network run side by side",
    "gpt_neo": "every other layer attends to a sliding window",
    "gpt_neox": "attention and feed-forward network run side by side",
    "gptj": "attention and feed-forward network run side by side",
    "mixtral": "a mixture of experts",
    "qwen2": "queries, keys and values have biases, the other matrices have none",
    "qwen3": "queries and keys are normalised head by head",
    "t5": "an encoder beside the decoder",
}
"""Why the files of some well-known architectures are refused."""


def fields_of(model: Transformer) -> dict[str, Any]:
    """A model as the map that :func:`transformer` reads back."""
    return {"name": model.name} | {field: cast(Any, getattr(model, field)) for field in FIELDS}
