"""Pydantic field types of the specs: exact quantities, times, expressions and names.

Every validator raises its complaint as a pydantic error that carries ``accepted``; arch.validation turns
it into an InputError with file and line.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictInt,
    model_serializer,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from arch import timing, units
from arch.errors import InputError
from arch.expression import ACCEPTED as EXPRESSION_ACCEPTED
from arch.expression import PATTERN as EXPRESSION_PATTERN
from arch.expression import Expression, parse_expression
from arch.units import Dimension, Quantity

_SHARE_DIGITS = 24


class Spec(BaseModel):
    """Base of all specs: immutable, no unknown keys, field descriptions from the source."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RowSpec(Spec):
    """A spec that is one row of a table: what has its default value is left out when it is written."""

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        plain = handler(self)
        return {
            k: v for k, v in plain.items() if fields[k].is_required() or getattr(self, k) != fields[k].default
        }


def complaint(error: InputError) -> PydanticCustomError:
    """An InputError as pydantic wants it."""
    accepted = error.accepted or ""
    text = accepted if isinstance(accepted, str) else ", ".join(accepted)
    return PydanticCustomError("input", "{message}", {"message": error.message, "accepted": text})


@dataclass(frozen=True)
class Parsed:
    """A field read by ``parse`` from plain values and written back by ``dump``.

    ``schema`` is its JSON Schema; ``canonical`` writes a form in which equal values look equal.
    """

    kind: type
    parse: Callable[[Any], Any]
    dump: Callable[[Any], Any]
    canonical: Callable[[Any], Any]
    schema: Callable[[], dict[str, Any]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(given: Any) -> Any:
            if isinstance(given, self.kind):
                return given
            try:
                return self.parse(given)
            except InputError as error:
                raise complaint(error) from None

        def write(value: Any, info: core_schema.SerializationInfo) -> Any:
            return self.canonical(value) if info.context else self.dump(value)

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(write, info_arg=True),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.schema()


def _quantity(*dimensions: Dimension, positive: bool = True) -> Parsed:
    def parse(given: Any) -> Quantity:
        quantity = units.parse_quantity(given, *dimensions)
        if quantity.value < 0 or positive and quantity.value == 0:
            raise InputError(
                "", given=given, accepted=f"a {dimensions[0]} {'above' if positive else 'of at least'} zero"
            )
        return quantity

    return Parsed(
        Quantity,
        parse,
        lambda q: q.text,
        lambda q: f"{q.value} {q.dimension}",
        lambda: {"type": "string", "pattern": units.pattern(*dimensions)},
    )


def _plain_number(value: Fraction) -> int | float | str:
    """A share as YAML: a number, or its digits as text where a float would lose some."""
    if value.denominator == 1:
        return int(value)
    return float(value) if Fraction(repr(float(value))) == value else units.decimal_text(value, _SHARE_DIGITS)


def _number(given: Any) -> Fraction | None:
    """The exact value of a plain number; None for anything else."""
    # YAML reads 1e-3 as text, so numbers come as text too.
    text = repr(given) if isinstance(given, float) else str(given)
    number = isinstance(given, (str, int, float, Decimal, Fraction)) and not isinstance(given, bool)
    value = Fraction(text) if number and re.fullmatch(units.NUMBER, text) else None
    return None if value is None or (value * 10**_SHARE_DIGITS).denominator > 1 else value


def _share(given: Any) -> Fraction:
    value = _number(given)
    if value is None or not 0 <= value <= 1:
        raise InputError("", given=given, accepted="a number from 0 to 1, such as 0.8")
    return value


def _factor(given: Any) -> Fraction:
    value = _number(given)
    if value is None or not 0 < value <= 10**9:
        raise InputError("", given=given, accepted="a number above 0, such as 2.5")
    return value


Time = Annotated[Quantity, _quantity("time")]
Frequency = Annotated[Quantity, _quantity("frequency")]
Size = Annotated[Quantity, _quantity("size")]
Current = Annotated[Quantity, _quantity("current", positive=False)]
Voltage = Annotated[Quantity, _quantity("voltage")]
Joules = Annotated[Quantity, _quantity("energy", positive=False)]
Power = Annotated[Quantity, _quantity("power", positive=False)]
Bandwidth = Annotated[Quantity, _quantity("bandwidth")]
TimeOrCycles = Annotated[
    timing.Duration,
    Parsed(
        timing.Duration,
        timing.parse_duration,
        lambda d: d.text,
        lambda d: [f"{p.value} {p.dimension}" for p in d.parts],
        lambda: {"type": "string", "pattern": timing.pattern()},
    ),
]
Cycles = Annotated[
    Expression,
    Parsed(
        Expression,
        parse_expression,
        lambda e: int(e.text) if e.text.isdigit() else e.text,
        lambda e: e.text.replace(" ", ""),
        lambda: {
            "anyOf": [{"type": "integer"}, {"type": "string", "pattern": EXPRESSION_PATTERN}],
            "description": EXPRESSION_ACCEPTED,
        },
    ),
]
Share = Annotated[
    Fraction,
    Parsed(Fraction, _share, _plain_number, str, lambda: {"type": "number", "minimum": 0, "maximum": 1}),
]


Number = Annotated[
    Fraction,
    Parsed(Fraction, _factor, _plain_number, str, lambda: {"type": "number", "minimum": 0}),
]


def _named(what: str, expression: str, accepted: str) -> BeforeValidator:
    compiled = re.compile(expression)

    def check(given: Any) -> Any:
        if isinstance(given, str) and compiled.fullmatch(given) and len(given) <= 64:
            return given
        raise complaint(InputError(f"not a name for {what}", accepted=accepted))

    return BeforeValidator(check)


Name = Annotated[
    str, _named("this", r"[A-Za-z][A-Za-z0-9_]*", "up to 64 letters, digits and _, a letter first")
]
SystemName = Annotated[
    str,
    _named("a system", r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", "a text of up to 64 letters, digits and _ . + -"),
]
Count = Annotated[StrictInt, Field(ge=1, le=1 << 40)]
Flag = StrictBool


def _listed(given: Any) -> Any:
    if isinstance(given, list):
        return tuple(given)
    return given


Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), Field(min_length=1, max_length=64)]
