"""What is run: a model by name or file, with a request, a list of them or a trace of them.

A file of one run is YAML (or JSON) with the keys of :data:`RUN_KEYS`::

    {model: gpt3_xl, prompt: 32, tokens: 128}
    {model: llama2_7b, trace: requests.csv, skip: 100, requests: 20}

and any field of the model to change it.  The same keys, but for ``model``, are parameters.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from arch.errors import InputError
from arch.units import parse_quantity
from arch.yaml_source import Tree
from workloads.transformer.catalogue import DEFAULTS, FOLDER, name_of, read
from workloads.transformer.config import transformer
from workloads.transformer.keys import Keys
from workloads.transformer.model import FIELDS, FLAGS, MOST, MOST_WIDTH, SIZES, WORDS, Transformer
from workloads.transformer.request_trace import MOST_TOKENS, read_trace
from workloads.transformer.requests import Decoding, Request, shortened, too_long

PARAMETERS: Final = ("prompt", "tokens", "trace", "skip", "requests", "truncate", "lm_head", *FIELDS)
RUN_KEYS: Final = ("name", "model", *PARAMETERS)
CARRIED: Final = {"azure_like": "azure_like.csv"}
"""Request traces that come along, by name."""

_FRACTION = re.compile(r"\s*([0-9]{1,60}/0*[1-9][0-9]{0,60})\s*s\s*")
_TOKENS = re.compile(r"[1-9][0-9]{0,8}")
_SECONDS = re.compile(r"[0-9]{1,60}(?:\.[0-9]{1,24}|/0*[1-9][0-9]{0,60})?")


def decoding(name_or_path: str, parameters: Mapping[str, Any] | None = None) -> Decoding:
    """The run of a library model, of a model's file, or of a file of a run.

    Args:
        parameters: values by the names in :data:`PARAMETERS`; they go before what the file says.  A single
            request has 1 prompt token and generates 1024, or as many as fit the model's context.

    Raises:
        InputError: with file, line and field: no such model or file, an unknown key or parameter, a wrong
            value, or a request that exceeds the context.
    """
    settings = {key: value for key, value in (parameters or {}).items() if value is not None}
    tree, shown = read(name_or_path)
    Keys(Tree({}), None, settings=settings).refuse_others(PARAMETERS)
    name = name_of(name_or_path)
    if "model" in tree.data and "model_type" not in tree.data:
        keys = Keys(tree, shown, settings=settings)
        keys.refuse_others(RUN_KEYS)
        model = _model(keys, name)
        name = keys.text("name", name)
    else:
        model = transformer(Keys(tree, shown), name)
        keys, name = Keys(Tree({}), None, settings=settings), model.name
    model = _changed(model, keys)
    requests = _requests(keys, model)
    lm_head = keys.flag("lm_head", bool(DEFAULTS["lm_head"]))
    if settings:
        # Of a trace the file's name: a report shall not depend on the folder that it lies in.
        said = {key: Path(value).name if key == "trace" else value for key, value in settings.items()}
        name = f"{name}({', '.join(f'{key}={value}' for key, value in said.items())})"
    return Decoding(name, model, requests, lm_head)


def _model(keys: Keys, name: str) -> Transformer:
    given = keys.get("model")
    if isinstance(given, dict):
        return transformer(Keys(keys.tree, keys.shown, ("model",)), name)
    if not isinstance(given, str):
        raise keys.wrong("model", "the name of a library model, a path, or a map")
    try:
        tree, shown = read(given, _folder(keys))
    except InputError as error:
        if error.file is not None:
            raise
        raise keys.error(error.message, "model", given=given, accepted=error.accepted) from None
    return transformer(Keys(tree, shown), name_of(given))


def _folder(keys: Keys) -> Path | None:
    """What paths in the file are relative to."""
    return None if keys.shown is None else Path(keys.shown).parent


def _changed(model: Transformer, keys: Keys) -> Transformer:
    """The model with the fields that the keys set.

    What followed from another field follows it still, unless set as well: the size of heads that share the
    hidden size, key heads as many as heads, and a feed-forward network four times as wide as the hidden
    size.
    """
    fields: dict[str, Any] = {}
    for field in FIELDS:
        if field not in keys:
            continue
        if field in SIZES:
            fields[field] = keys.whole(field, high=MOST.get(field, MOST_WIDTH))
        elif field in FLAGS:
            fields[field] = keys.flag(field, False)
        elif keys.get(field) in WORDS[field]:
            fields[field] = keys.get(field)
        else:
            raise keys.wrong(field, WORDS[field])
    hidden, heads = fields.get("hidden", model.hidden), fields.get("heads", model.heads)
    if model.heads == model.kv_heads:
        fields.setdefault("kv_heads", heads)
    if model.intermediate == 4 * model.hidden:
        fields.setdefault("intermediate", min(4 * hidden, MOST_WIDTH))
    if model.query_width == model.hidden and "head_size" not in fields:
        if hidden % heads:
            field = "heads" if "heads" in keys else "hidden"
            message = f"{heads} heads do not divide the hidden size of {hidden}"
            raise keys.error(
                message, field, given=fields[field], accepted="a whole number of elements a head"
            )
        fields["head_size"] = hidden // heads
    try:
        return replace(model, **fields)
    except InputError as error:
        raise keys.error(
            error.message, error.field or "", given=error.given, accepted=error.accepted
        ) from None


def _requests(keys: Keys, model: Transformer) -> tuple[Request, ...]:
    given = keys.get("requests")
    if "trace" in keys:
        _refuse(keys, "the trace says how long requests are", "prompt", "tokens")
        return _from_trace(keys, model)
    _refuse(keys, "only a trace has requests to skip", "skip")
    if given is None:
        return (_single(keys, model),)
    if "requests" in keys.settings or not isinstance(given, (list, str)):
        accepted = "a list of requests in a file, or a whole number together with trace"
        raise keys.wrong("requests", accepted)
    _refuse(keys, "the requests of the file say how long they are", "prompt", "tokens")
    if not given:
        raise keys.wrong("requests", "at least one request")
    return _listed(keys, model) if isinstance(given, list) else _table(keys, given, model)


def _refuse(keys: Keys, why: str, *names: str) -> None:
    for name in names:
        if name in keys:
            raise keys.error(why, name, given=keys.get(name))


def _single(keys: Keys, model: Transformer) -> Request:
    prompt = keys.whole("prompt", int(DEFAULTS["prompt"]), high=MOST_TOKENS)
    fitting = max(1, min(int(DEFAULTS["tokens"]), model.context + 1 - prompt))
    request = Request(Fraction(0), prompt, keys.whole("tokens", fitting, high=MOST_TOKENS))
    return _fitting(keys, request, model, "tokens" if "tokens" in keys else "prompt")


def _fitting(
    keys: Keys, request: Request, model: Transformer, *at: str | int, line: int | None = None
) -> Request:
    if request.steps <= model.context:
        return request
    if keys.flag("truncate", False):
        return shortened(request, model.context)
    message = f"{too_long(request, model)} (truncate: true drops the oldest prompt tokens)"
    raise keys.error(message, *at, line=line)


def _from_trace(keys: Keys, model: Transformer) -> tuple[Request, ...]:
    path = keys.text("trace", "")
    folder = _folder(keys)
    if path in CARRIED:
        path = str(FOLDER / CARRIED[path])
    elif "trace" not in keys.settings and folder is not None:
        path = str(folder / path)
    return read_trace(
        path,
        model,
        skip=keys.whole("skip", 0, low=0),
        requests=keys.whole("requests") if "requests" in keys else None,
        truncate=keys.flag("truncate", False),
    )


def _listed(keys: Keys, model: Transformer) -> tuple[Request, ...]:
    requests: list[Request] = []
    for index, entry in enumerate(keys.get("requests")):
        if not isinstance(entry, dict):
            accepted = "a map such as {arrival: 0 s, prompt: 32, tokens: 128}"
            raise keys.error("", "requests", index, given=entry, accepted=accepted)
        item = Keys(keys.tree, keys.shown, ("requests", index))
        item.refuse_others(("arrival", "prompt", "tokens"))
        try:
            arrival = _seconds(item.get("arrival") if "arrival" in item else "0 s")
            request = Request(
                arrival, item.whole("prompt", high=MOST_TOKENS), item.whole("tokens", high=MOST_TOKENS)
            )
        except InputError as error:
            if error.file is not None:
                raise
            raise item.error(
                error.message, "arrival", given=item.get("arrival"), accepted=error.accepted
            ) from None
        if requests and request.arrival < requests[-1].arrival:
            raise item.error("earlier than the request before", "arrival", given=item.get("arrival"))
        requests.append(_fitting(keys, request, model, "requests", index))
    return tuple(requests)


def _seconds(given: object) -> Fraction:
    match = _FRACTION.fullmatch(given) if isinstance(given, str) else None
    return Fraction(match[1]) if match else parse_quantity(given, "time").value


def _table(keys: Keys, text: str, model: Transformer) -> tuple[Request, ...]:
    """Requests as lines of arrival in seconds, prompt and tokens."""
    requests: list[Request] = []
    first = keys.line("requests") or 0
    for index, line in enumerate(text.splitlines()):
        number = first if str(keys.shown).endswith(".json") else first + 1 + index
        words = line.split()
        wrong = len(words) != 3 or not _SECONDS.fullmatch(words[0])
        if wrong or not all(_TOKENS.fullmatch(word) for word in words[1:]):
            accepted = "arrival in seconds, prompt tokens and tokens to generate, such as 0.25 32 128"
            raise keys.error("", "requests", index, given=line, accepted=accepted, line=number)
        try:
            request = Request(Fraction(words[0]), int(words[1]), int(words[2]))
        except InputError as error:
            raise keys.error(
                error.message, "requests", index, given=line, accepted=error.accepted, line=number
            ) from None
        if requests and request.arrival < requests[-1].arrival:
            raise keys.error("earlier than the request before", "requests", index, given=line, line=number)
        requests.append(_fitting(keys, request, model, "requests", index, line=number))
    return tuple(requests)
