"""Numbers and names as figures and pages write them: units with readable prefixes, text that is only text."""

import math
from typing import Any

from sim.report.terminal import si as with_prefix

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}


def scale(largest: float, unit: str) -> tuple[float, str]:
    """Divisor and unit with prefix that bring values up to ``largest`` to between 1 and 1000.

    ``scale(12.8e9, "B/s")`` is ``(1e9, "GB/s")``.
    """
    if not (math.isfinite(largest) and largest > 0):
        return 1.0, unit
    exponent = min(max(math.floor(math.log10(largest) / 3 + 1e-9) * 3, min(_PREFIXES)), max(_PREFIXES))
    return 10.0**exponent, f"{_PREFIXES[exponent]}{unit}"


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit, to four digits: prefixes for units that take them, else digits in groups."""
    if value is None:
        return "none"
    if unit in ("B", "B/s", "s", "J", "W"):
        return with_prefix(value, unit)
    return number(value) if unit in ("1", "") else f"{number(value)} {unit}"


def number(value: Any) -> str:
    """Digits in groups of three; two decimals, or three significant digits where those would say nothing."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.3g}"


def percent(share: float) -> str:
    """``62.9 %``; what would round to nothing is ``< 0.1 %``."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{share:.1%}".replace("%", " %")


def plain(text: str, limit: int = 0) -> str:
    """Text of users for a figure: no formulas, no control characters, the middle left out past ``limit``."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if limit and len(shown) > limit:
        head = (limit - 1) * 2 // 3
        shown = f"{shown[:head]}…{shown[len(shown) - (limit - 1 - head) :]}"
    return shown.replace("$", r"\$")
