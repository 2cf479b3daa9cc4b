"""What is asked of a model: requests of so many prompt tokens and so many tokens to generate."""

from dataclasses import dataclass
from fractions import Fraction

from workloads.transformer.model import Transformer


@dataclass(frozen=True)
class Request:
    """One sequence.

    A step takes in one token; step k (from 0) attends to k + 1 tokens.  The prompt's tokens come first; the
    step of its last one gives the first generated token, so a request takes ``prompt + tokens - 1`` steps.
    """

    arrival: Fraction  # seconds
    prompt: int  # tokens, at least 1
    tokens: int  # to be generated, at least 1

    @property
    def steps(self) -> int:
        return self.prompt + self.tokens - 1


@dataclass(frozen=True)
class Decoding:
    """A model and the requests that it serves one after the other (batch 1), in order of arrival."""

    name: str
    model: Transformer
    requests: tuple[Request, ...]
    lm_head: bool = False  # every generated token also costs the product with the output embedding
