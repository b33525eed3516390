"""Grids of numbers, as they are written on the command line and given in Python."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.names import shown

__all__ = [
    "MOST_POINTS",
    "Numbers",
    "as_levels",
    "check_level",
    "check_range",
    "check_whole",
    "json_mass",
    "number_of",
    "numbers_text",
    "parse_grid",
    "parse_signed_grid",
    "real_number",
    "shown_number",
]

#: What a user gives for a grid: a number, a list or an array of them, or the text of a grid.
Numbers: TypeAlias = "str | float | Iterable[float]"

_LARGEST = 1e50
#: Delta chi2 of the least level is 1.6e-6, well above the tolerance of a minimum; 1 less the largest is still printed.
_LEAST_LEVEL, _LEAST_COMPLEMENT = 1e-3, 1e-15
#: A grid with more points is a slip of the finger; it would not fit into memory.
MOST_POINTS = 100_000
#: Characters of a grid that a message repeats.
_LONGEST = 80
#: What numbers of a name are in.
_UNITS = {"masses": " of MeV", "energies": " of keV"}
#: A number as people write it: Python takes 1_0 for 10 too, and the digits of all alphabets.
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)


def number_of(text: str) -> float:
    """The number that a text is; NaN for anything else.

    Examples:
        >>> number_of(" -1.5e3 "), number_of("1_0")
        (-1500.0, nan)
    """
    return float(text) if _NUMBER.fullmatch(text) else math.nan


def real_number(value: object) -> float:
    """A number as a float; NaN for anything else: true and the text of a number are none.

    Examples:
        >>> real_number(3), real_number(True), real_number("3"), real_number(10**400)
        (3.0, nan, nan, inf)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def shown_number(value: object) -> str:
    """What was given for a number, for messages.

    Examples:
        >>> shown_number(12.0), shown_number(True), shown_number("2")
        ('12', 'True', "'2'")
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return f"{real_number(value):g}" if is_number else repr(value)


def parse_grid(text: str, what: str) -> list[float]:
    """Read ``LO:HI:N`` (log-spaced, ends included) or a comma list of positive numbers.

    Args:
        text: the user's words.
        what: what the numbers are, for the message.

    Raises:
        SpecBuilderError: for anything but finite positive numbers, for one that stands twice, and for a grid with
            LO >= HI or N < 2.

    Examples:
        >>> parse_grid("0.01:100:5", "masses")
        [0.01, 0.1, 1.0, 10.0, 100.0]
        >>> parse_grid("3,1", "masses")
        [3.0, 1.0]
    """
    parts = text.split(":")
    if len(parts) == 1:
        return _once([_positive(item, text, what) for item in text.split(",")], text, what)
    if len(parts) != 3:
        raise SpecBuilderError(f"{what} '{_short(text)}': expected LO:HI:N or a comma list of numbers")
    low, high = _positive(parts[0], text, what), _positive(parts[1], text, what)
    count = _count(parts[2], text, what)
    if not low < high:
        raise SpecBuilderError(f"{what} '{_short(text)}': LO must be below HI")
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
        SpecBuilderError: for anything but finite numbers, for one that stands twice, and for a grid with LO >= HI or
            N < 2.

    Examples:
        >>> parse_signed_grid("-1:1:5", "couplings")
        [-1.0, -0.5, 0.0, 0.5, 1.0]
        >>> parse_signed_grid("-0.1,2", "couplings")
        [-0.1, 2.0]
    """
    parts = text.split(":")
    if len(parts) == 1:
        return _once([_finite(item, text, what) for item in text.split(",")], text, what)
    if len(parts) != 3:
        raise SpecBuilderError(f"{what} '{_short(text)}': expected LO:HI:N or a comma list of numbers")
    low, high = _finite(parts[0], text, what), _finite(parts[1], text, what)
    count = _count(parts[2], text, what)
    if not low < high:
        raise SpecBuilderError(f"{what} '{_short(text)}': LO must be below HI")
    step = (high - low) / (count - 1)
    inner = [float(f"{low + step * i:.12g}") + 0.0 for i in range(1, count - 1)]
    return [low, *inner, high]


def numbers_text(given: Numbers, what: str) -> str:
    """A grid as it would be typed: whatever is refused of one is refused of the other, in the same words.

    Args:
        given: a number, a list or an array of numbers, or the text of a grid, which stays.
        what: what the numbers are, for the message.

    Raises:
        SpecBuilderError: for anything else, and for an empty list.

    Examples:
        >>> numbers_text([1, 0.1], "masses"), numbers_text(3.5, "masses"), numbers_text("1:10:3", "masses")
        ('1,0.1', '3.5', '1:10:3')
    """
    if isinstance(given, str):
        return given
    listed = isinstance(given, Iterable) and not isinstance(given, bytes | Mapping) and getattr(given, "ndim", True)
    items = list(given) if listed else [given]  # type: ignore[arg-type]
    if not items:
        raise SpecBuilderError(f"{what}: the list is empty, expected at least one number")
    return ",".join(_number_text(item, what) for item in items)


def _number_text(item: object, what: str) -> str:
    """A number with all its digits; text stays."""
    if isinstance(item, str):
        return item
    if getattr(item, "ndim", None) == 0:  # an array of one number
        item = item.item()  # type: ignore[attr-defined]
    if isinstance(item, bool) or not isinstance(item, Real):
        raise SpecBuilderError(f"{what}: expected numbers or the text of a grid, found {type(item).__name__}")
    return repr(real_number(item)).removesuffix(".0")


def check_level(cl: Any) -> None:
    """Refuse what is no confidence level.

    Raises:
        SpecBuilderError: if it is not a number between 0 and 1, or so near to one of them that fits cannot tell.
    """
    level = real_number(cl)
    if not 0 < level < 1:
        raise SpecBuilderError(f"confidence level {shown_number(cl)}: expected a number between 0 and 1, such as 0.68")
    if not _LEAST_LEVEL <= level <= 1 - _LEAST_COMPLEMENT:
        raise SpecBuilderError(
            f"confidence level {level!r}: fits have no digits left, expected {_LEAST_LEVEL:g} to 1 - "
            f"{_LEAST_COMPLEMENT:g}"
        )


def as_levels(given: Any) -> list[float]:
    """Confidence levels, from one or a list of them.

    Raises:
        SpecBuilderError: for what is none.

    Examples:
        >>> as_levels(0.9), as_levels((0.68, 0.95))
        ([0.9], [0.68, 0.95])
    """
    listed = isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping | type)
    levels = list(given) if listed else [given]
    for level in levels:
        check_level(level)
    return [float(level) for level in levels]


def check_whole(what: str, given: object) -> None:
    """Refuse what is no whole number.

    Raises:
        SpecBuilderError: naming it.
    """
    if isinstance(given, bool) or not isinstance(given, Integral):
        raise SpecBuilderError(f"{what} {shown(given)}: expected a whole number")


def check_range(what: str, values: Iterable[float]) -> None:
    """Refuse masses [MeV] and couplings whose fourth power, times what goes with it, floating numbers cannot hold.

    Raises:
        SpecBuilderError: naming the first.
    """
    for value in values:
        if not value < _LARGEST:
            raise SpecBuilderError(f"{what} {value:g} is beyond floating range, expected less than {_LARGEST:g}")


def _once(values: list[float], text: str, what: str) -> list[float]:
    """The values, none of which may stand twice."""
    seen: set[float] = set()
    for value in values:
        if value in seen:
            raise SpecBuilderError(f"{what} '{_short(text)}': {value:g} stands twice")
        seen.add(value)
    return values


def _short(text: str) -> str:
    """The beginning of a grid that is long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _count(item: str, text: str, what: str) -> int:
    digits = item.strip()
    count = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else 0
    if not 2 <= count <= MOST_POINTS:
        raise SpecBuilderError(
            f"{what} '{_short(text)}': N must be a whole number of at least 2 and at most {MOST_POINTS}"
        )
    return count


def _finite(item: str, text: str, what: str) -> float:
    value = number_of(item)
    if not math.isfinite(value):
        raise SpecBuilderError(f"{what} '{_short(text)}': '{_short(item.strip())}' is not a number{_wanted(text)}")
    return value


def _positive(item: str, text: str, what: str) -> float:
    value = number_of(item)
    if not 0 < value < math.inf:
        kind = f"a positive number{_UNITS.get(what, '')}"
        raise SpecBuilderError(f"{what} '{_short(text)}': '{_short(item.strip())}' is not {kind}{_wanted(text)}")
    return value


def _wanted(text: str) -> str:
    """What is said to a text that was never meant for numbers, such as the name of an analysis."""
    return "" if re.search(r"\d", text) else "; expected numbers or the text of a grid, LO:HI:N"


def json_mass(mass_MeV: float | None) -> float | str | None:
    """A mass as it stands in JSON: ``inf`` for the contact limit, None where there is none."""
    if mass_MeV is None or math.isnan(mass_MeV):
        return None
    return "inf" if math.isinf(mass_MeV) else mass_MeV
