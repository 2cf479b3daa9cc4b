"""What is asked of a model: requests of so many prompt tokens and so many tokens to generate."""

import hashlib
import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from arch.errors import InputError
from workloads.transformer.model import FIELDS, Transformer

LISTED: Final = 100
"""Up to so many requests are written as a list of maps, more as a table, which is quicker to read."""
LATEST: Final = 10**9
"""Seconds."""
FINEST: Final = 10**24
"""Largest denominator of an arrival; keeps exact arithmetic small."""


@dataclass(frozen=True)
class Request:
    """One sequence.

    A step takes in one token; step k (from 0) attends to k + 1 tokens.  The prompt's tokens come first; the
    step of its last one gives the first generated token, so a request takes ``prompt + tokens - 1`` steps.

    Raises:
        InputError: no prompt, nothing to generate, or an arrival that is not from 0 to LATEST.
    """

    arrival: Fraction  # seconds
    prompt: int  # tokens, at least 1
    tokens: int  # to be generated, at least 1

    def __post_init__(self) -> None:
        if not 0 <= self.arrival <= LATEST or self.arrival.denominator > FINEST:
            accepted = "a time from 0 to 1e9 s, as a ratio with a denominator up to 1e24"
            raise InputError("", field="arrival", given=str(self.arrival), accepted=accepted)
        for field, value in (("prompt", self.prompt), ("tokens", self.tokens)):
            if value < 1:
                raise InputError("", field=field, given=value, accepted="a whole number from 1")

    @property
    def steps(self) -> int:
        return self.prompt + self.tokens - 1


@dataclass(frozen=True)
class Decoding:
    """A model and the requests that it serves one after the other (batch 1), in order of arrival.

    Raises:
        InputError: no request, requests out of order, or one with more steps than the model has context.
    """

    name: str
    model: Transformer
    requests: tuple[Request, ...]
    lm_head: bool = False  # every generated token also costs the product with the output embedding

    def __post_init__(self) -> None:
        if not self.requests:
            raise InputError("no requests", field="requests", accepted="at least one")
        for index, request in enumerate(self.requests):
            if request.steps > self.model.context:
                raise InputError(too_long(request, self.model), field=f"requests[{index}]")
        for index, (one, next_) in enumerate(itertools.pairwise(self.requests), 1):
            if next_.arrival < one.arrival:
                raise InputError("arrives before the request ahead of it", field=f"requests[{index}]")

    @property
    def steps(self) -> int:
        """Steps of all requests: how many tokens the model takes in."""
        return sum(request.steps for request in self.requests)

    @property
    def tokens(self) -> int:
        """Tokens that are generated."""
        return sum(request.tokens for request in self.requests)

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all that a run depends on: not of the names."""
        content = hashlib.sha256(b"decoding 1\n")
        for field in FIELDS:
            content.update(f"{field} {getattr(self.model, field)}\n".encode())
        content.update(f"lm_head {self.lm_head}\n".encode())
        content.update("".join(f"{r.arrival} {r.prompt} {r.tokens}\n" for r in self.requests).encode())
        return content.hexdigest()

    def to_yaml(self) -> str:
        """A file that :func:`workloads.transformer.decoding` reads as this very Decoding."""
        import yaml

        from workloads.transformer.config import fields_of

        head = {"name": self.name, "model": fields_of(self.model), "lm_head": self.lm_head}
        text: str = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1 << 20)
        if len(self.requests) <= LISTED:
            rows = [
                f"- {{arrival: {seconds_text(r.arrival)} s, prompt: {r.prompt}, tokens: {r.tokens}}}\n"
                for r in self.requests
            ]
            return f"{text}requests:\n{''.join(rows)}"
        rows = [f"  {seconds_text(r.arrival)} {r.prompt} {r.tokens}\n" for r in self.requests]
        return f"{text}requests: |\n{''.join(rows)}"


def too_long(request: Request, model: Transformer) -> str:
    """Why a request does not fit the model's context."""
    return (
        f"{request.prompt} prompt tokens and {request.tokens} to generate take {request.steps} steps, "
        f"and the context of {model.name} is {model.context}"
    )


def shortened(request: Request, context: int) -> Request:
    """The request with its oldest prompt tokens dropped, then its last generated ones, to fit ``context``."""
    tokens = min(request.tokens, context)
    return Request(request.arrival, min(request.prompt, context + 1 - tokens), tokens)


def seconds_text(value: Fraction) -> str:
    """Seconds as a decimal where that is exact, else as a fraction."""
    twos = fives = 0
    rest = value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    if rest != 1 or places > 24:
        return f"{value.numerator}/{value.denominator}"
    whole, part = divmod(value.numerator * 10**places // value.denominator, 10**places)
    return f"{whole}.{part:0{places}d}" if places else str(whole)
