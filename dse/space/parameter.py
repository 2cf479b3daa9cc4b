"""One parameter of a space: its kind and its values."""

import math
from dataclasses import dataclass
from typing import Literal

from arch.errors import InputError, shown, unknown
from dse.evaluation import Value
from dse.space.expression import Expression

Kind = Literal["choice", "ordinal", "integer", "log2", "float"]

FLOAT_BINS = 32
"""Into how many values a float is cut where only whole indices will do."""


@dataclass(frozen=True)
class Parameter:
    """What may be chosen for one name.

    Attributes:
        name: as the designs of the space call it.
        kind: ``choice`` has no order; ``ordinal``, ``integer`` and ``log2`` have; ``float`` is continuous.
        values: all of them in order; None for a float.
        low: least value of a float.
        high: greatest value of a float.
        log: are floats drawn by their logarithm?
        paths: the keys that it sets; ``workload.KEY`` and ``mapping.KEY`` of what runs, others of the system.
        when: where it has an effect; None for everywhere.
    """

    name: str
    kind: Kind
    values: tuple[Value, ...] | None = None
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    paths: tuple[str, ...] = ()
    when: Expression | None = None

    @property
    def ordered(self) -> bool:
        """Is a neighbouring value a similar one?"""
        return self.kind != "choice"

    def check(self, value: object) -> Value:
        """The parameter's own value that equals ``value``.

        Raises:
            InputError: it has none.
        """
        if self.values is None:
            number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
            if number is not None and self.low <= number <= self.high:
                return number
            accepted = f"a number from {self.low:g} to {self.high:g}"
            raise InputError("", field=self.name, given=value, accepted=accepted)
        for known in self.values:
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                return known
        message = (
            unknown("value", value, [v for v in self.values if isinstance(v, str)])
            if isinstance(value, str) and any(isinstance(v, str) for v in self.values)
            else ""
        )
        raise InputError(message, field=self.name, given=value, accepted=_listing(self.values))


def scaled(parameter: Parameter, share: float) -> float:
    """The value of a float at ``share`` of its range, from 0 to 1."""
    low, high = parameter.low, parameter.high
    value = low * (high / low) ** share if parameter.log else low + (high - low) * share
    return min(max(value, low), high)


def share_of(parameter: Parameter, value: float) -> float:
    """Where in the range of a float ``value`` lies, from 0 to 1."""
    low, high = parameter.low, parameter.high
    if high == low:
        return 0.5
    if parameter.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _listing(values: tuple[Value, ...]) -> str:
    if len(values) > 16 and all(isinstance(v, int) for v in values):
        return f"a whole number from {values[0]} to {values[-1]}"
    return ", ".join(shown(v) for v in values[:16]) + (" …" if len(values) > 16 else "")
