"""Cycle expressions such as ``tCL + tBL + 2 - tCWL`` or ``max(tBL, tCCD_S)``.

Whole numbers and timing names with ``+ - *``, parentheses and ``max(a, b, …)``; a name stands for that
timing in memory clock cycles *after* rounding.  Nothing else is read, and nothing is ever executed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from arch.errors import InputError, unknown

ACCEPTED = 'cycles as a whole number or an expression of timing names, such as "tCL + tBL + 2 - tCWL"'
PATTERN = r"^[-+*(), A-Za-z0-9_]{1,120}$"

_LONGEST = 120
_TOKEN = re.compile(r"\s*(?:([0-9]{1,9}(?![0-9]))|([A-Za-z][A-Za-z0-9_]*)|([-+*(),]))")


@dataclass(frozen=True)
class Expression:
    """A checked expression; ``text`` is what was given.  Make one with :func:`parse_expression`."""

    text: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Timing names it mentions, in order of first mention."""
        names = [t for t in _tokens(self.text) if t[0].isalpha() and t != "max"]
        return tuple(dict.fromkeys(names))

    def cycles(self, timing: Mapping[str, int]) -> int:
        """Its value; InputError with the nearest name if ``timing`` lacks one."""
        return _Parser(self.text, timing).value()


def parse_expression(given: object) -> Expression:
    """Checks the grammar of ``given`` (a text or a whole number); InputError otherwise."""
    if isinstance(given, bool) or not isinstance(given, (str, int)):
        raise InputError("", given=given, accepted=ACCEPTED)
    text = str(given).strip()
    if len(text) > _LONGEST:
        raise InputError(f"longer than {_LONGEST} characters", given=given, accepted=ACCEPTED)
    _Parser(text, None).value()
    return Expression(text)


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise InputError("", given=text, accepted=ACCEPTED)
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent that evaluates while it reads; without ``timing`` every name counts as 0."""

    def __init__(self, text: str, timing: Mapping[str, int] | None) -> None:
        self.text = text
        self.timing = timing
        self.tokens = _tokens(text)
        self.position = 0

    def value(self) -> int:
        result = self.sum()
        if self.position != len(self.tokens):
            raise self.error()
        return result

    def error(self) -> InputError:
        return InputError("", given=self.text, accepted=ACCEPTED)

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise self.error()
        self.position += 1
        return token

    def sum(self) -> int:
        result = self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            result += sign * self.product()
        return result

    def product(self) -> int:
        result = self.factor()
        while self.peek() == "*":
            self.take()
            result *= self.factor()
        return result

    def factor(self) -> int:
        token = self.take()
        if token == "-":
            return -self.factor()
        if token == "(":
            result = self.sum()
            self.take(")")
            return result
        if token == "max":
            self.take("(")
            values = [self.sum()]
            while self.peek() == ",":
                self.take()
                values.append(self.sum())
            self.take(")")
            return max(values)
        if token.isdigit():
            return int(token)
        if not token[0].isalpha():
            raise self.error()
        if self.timing is None:
            return 0
        if token not in self.timing:
            raise InputError(
                unknown(f'timing "{token}"', token, self.timing), given=self.text, accepted=list(self.timing)
            )
        return self.timing[token]
