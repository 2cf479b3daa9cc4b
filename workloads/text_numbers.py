"""Numbers in text traces: one by one, and many at once.

They are hexadecimal after ``0x``, else decimal; some formats write hexadecimal without ``0x``.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from workloads.trace import Int64Array

INT64_MAX = 2**63 - 1


def parse_number(digits: bytes, what: str = "address", *, always_hex: bool = False) -> int:
    """The value of ``digits``.

    Raises:
        ValueError: no number, or one that is negative or beyond 63 bits; the text says which, "" if it is no
            number at all.
    """
    plain = rb"[0-9a-fA-F]+" if always_hex else rb"[0-9]+"
    if re.fullmatch(rb"-(0[xX][0-9a-fA-F]+|" + plain + rb")", digits):
        raise ValueError(f"negative {what}")
    if re.fullmatch(rb"0[xX][0-9a-fA-F]+", digits):
        base, digits = 16, digits[2:]
    elif re.fullmatch(plain, digits):
        base = 16 if always_hex else 10
    else:
        raise ValueError("")
    # int() refuses thousands of decimal digits with an error of its own.
    significant = digits.lstrip(b"0")
    value = int(significant or b"0", base) if len(significant) <= 20 else INT64_MAX + 1
    if value > INT64_MAX:
        raise ValueError(f"{what} beyond 63 bits")
    return value


NOT_A_DIGIT = 255
DIGITS = np.full(256, NOT_A_DIGIT, np.uint8)
for _value, _digit in enumerate(b"0123456789abcdef"):
    DIGITS[_digit] = _value
    DIGITS[ord(chr(_digit).upper())] = _value


def parse_numbers(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[Any],
    ends: npt.NDArray[Any],
    *,
    always_hex: bool = False,
) -> Int64Array | None:
    """The numbers at [start, end) of ``data``; None if one of them is not surely below 2**63."""
    if starts.size == 0:
        return np.zeros(0, np.int64)
    second = data[np.minimum(starts + 1, data.size - 1)]
    is_hex = (data[starts] == ord("0")) & ((second | 0x20) == ord("x")) & (ends - starts > 2)
    if always_hex:
        return _parse_digits(data, starts + 2 * is_hex, ends, 16)
    if is_hex.all():
        return _parse_digits(data, starts + 2, ends, 16)
    if not is_hex.any():
        return _parse_digits(data, starts, ends, 10)
    numbers = np.empty(starts.size, np.int64)
    for base, chosen in ((16, is_hex), (10, ~is_hex)):
        part = _parse_digits(data, starts[chosen] + (2 if base == 16 else 0), ends[chosen], base)
        if part is None:
            return None
        numbers[chosen] = part
    return numbers


def _parse_digits(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[Any], ends: npt.NDArray[Any], base: int
) -> Int64Array | None:
    length = ends - starts
    shortest, longest = int(length.min()), int(length.max())
    if shortest < 1 or longest > (16 if base == 16 else 18):
        return None
    numbers = np.zeros(starts.size, np.int64)
    scale = 1
    for k in range(longest):
        # The k-th digit from the right; where a number is shorter, whatever lies there counts as zero.
        digit = DIGITS.take(data.take(ends - (1 + k), mode="clip"))
        if k >= shortest:
            digit[length <= k] = 0
        most = int(digit.max())
        # A 16th hexadecimal digit of 8 or more would not fit into 63 bits.
        if most >= base or (k == 15 and base == 16 and most > 7):
            return None
        numbers += digit.astype(np.int64) * scale
        scale *= base
    return numbers
