"""Grids of positive numbers as they are written on the command line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MOST_POINTS", "check_range", "parse_grid", "parse_signed_grid"]

_LARGEST = 1e50
#: A grid with more points is a slip of the finger; it would not fit into memory.
MOST_POINTS = 100_000


def parse_grid(text: str, what: str) -> list[float]:
    """Read ``LO:HI:N`` (log-spaced, ends included) or a comma list of positive numbers.

    Args:
        text: the user's words.
        what: what the numbers are, for the message.

    Raises:
        SpecBuilderError: for anything but finite positive numbers, and for a grid with LO >= HI or N < 2.

    Examples:
        >>> parse_grid("0.01:100:5", "masses")
        [0.01, 0.1, 1.0, 10.0, 100.0]
        >>> parse_grid("3,1", "masses")
        [3.0, 1.0]
    """
    parts = text.split(":")
    if len(parts) == 1:
        return [_positive(item, text, what) for item in text.split(",")]
    if len(parts) != 3:
        raise SpecBuilderError(f"{what} '{text}': expected LO:HI:N or a comma list of numbers")
    low, high = _positive(parts[0], text, what), _positive(parts[1], text, what)
    count = _count(parts[2], text, what)
    if not low < high:
        raise SpecBuilderError(f"{what} '{text}': LO must be below HI")
    step = math.log(high / low) / (count - 1)
    # to 12 digits, so that 10:1000:3 holds 100 and not 99.99999999999997
    inner = [float(f"{low * math.exp(step * i):.12g}") for i in range(1, count - 1)]
    return [low, *inner, high]


def parse_signed_grid(text: str, what: str) -> list[float]:
    """Read ``LO:HI:N`` (evenly spaced, ends included) or a comma list of numbers of either sign.

    Args:
        text: the user's words.
        what: what the numbers are, for the message.

    Raises:
        SpecBuilderError: for anything but finite numbers, and for a grid with LO >= HI or N < 2.

    Examples:
        >>> parse_signed_grid("-1:1:5", "couplings")
        [-1.0, -0.5, 0.0, 0.5, 1.0]
        >>> parse_signed_grid("-0.1,2", "couplings")
        [-0.1, 2.0]
    """
    parts = text.split(":")
    if len(parts) == 1:
        return [_finite(item, text, what) for item in text.split(",")]
    if len(parts) != 3:
        raise SpecBuilderError(f"{what} '{text}': expected LO:HI:N or a comma list of numbers")
    low, high = _finite(parts[0], text, what), _finite(parts[1], text, what)
    count = _count(parts[2], text, what)
    if not low < high:
        raise SpecBuilderError(f"{what} '{text}': LO must be below HI")
    step = (high - low) / (count - 1)
    inner = [float(f"{low + step * i:.12g}") + 0.0 for i in range(1, count - 1)]
    return [low, *inner, high]


def check_range(what: str, values: Iterable[float]) -> None:
    """Refuse masses [MeV] and couplings whose fourth power, times what goes with it, floating numbers cannot hold.

    Raises:
        SpecBuilderError: naming the first.
    """
    for value in values:
        if not value < _LARGEST:
            raise SpecBuilderError(f"{what} {value:g} is beyond floating range, expected less than {_LARGEST:g}")


def _count(item: str, text: str, what: str) -> int:
    digits = item.strip()
    count = int(digits) if digits.isdecimal() and len(digits) < 10 else 0
    if not 2 <= count <= MOST_POINTS:
        raise SpecBuilderError(f"{what} '{text}': N must be a whole number of at least 2 and at most {MOST_POINTS}")
    return count


def _finite(item: str, text: str, what: str) -> float:
    try:
        value = float(item)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SpecBuilderError(f"{what} '{text}': '{item.strip()}' is not a number")
    return value


def _positive(item: str, text: str, what: str) -> float:
    try:
        value = float(item)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise SpecBuilderError(f"{what} '{text}': '{item.strip()}' is not a positive number")
    return value
