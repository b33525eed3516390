"""Text beside the text that the same numbers give: which line says something else."""

from __future__ import annotations

import re
from decimal import Decimal
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["different_lines"]

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")
#: A text of so many lines more than it should have is not compared line by line.
_MORE = 1000
#: Characters of a line in a message.
_SHOWN = 100


def different_lines(found: str, wanted: str, *, same_words: bool, relative: float = 0.0) -> Iterator[tuple[int, str]]:
    r"""Lines of a text that differ from what they should be.

    Args:
        found: the text.
        wanted: what it should be.
        same_words: whether words count; without them only lines that agree but for their numbers are compared, and of
            two numbers the one with fewer digits may be the other one rounded.
        relative: how far two numbers may be apart.

    Yields:
        Number of the line, from 1, and what is wrong with it.

    Examples:
        >>> list(different_lines("a 1\nb 3\n", "a 1\nb 2\n", same_words=True))
        [(2, "'b 3', expected 'b 2'")]
    """
    ours, theirs = wanted.splitlines(), found.splitlines()
    if len(theirs) > len(ours) + _MORE:
        yield len(ours) + 1, f"{len(theirs)} lines, expected {len(ours)}"
        return
    matcher = SequenceMatcher(None, [_words(line) for line in ours], [_words(line) for line in theirs], autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            for i, (line, other) in enumerate(zip(ours[a:b], theirs[c:d], strict=True), start=c + 1):
                if not _near(line, other, relative, rounded=not same_words):
                    yield i, f"'{_short(other)}', expected '{_short(line)}'"
        elif same_words:
            yield c + 1, f"{_quoted(theirs[c:d])}, expected {_quoted(ours[a:b])}"


def _words(line: str) -> str:
    """A line without its numbers."""
    return _NUMBER.sub("#", line)


def _near(line: str, other: str, relative: float, *, rounded: bool) -> bool:
    """Whether the numbers of two lines agree."""
    pairs = zip(_NUMBER.findall(line), _NUMBER.findall(other), strict=True)
    return all(
        a == b or abs(float(a) - float(b)) <= relative * abs(float(a)) or (rounded and _is_rounded(a, b))
        for a, b in pairs
    )


def _is_rounded(one: str, other: str) -> bool:
    """Whether two numbers are the same in the digits of the one that has fewer.

    Examples:
        >>> _is_rounded("25.3", "25.25"), _is_rounded("25.2", "25.26"), _is_rounded("1e-05", "0.00001")
        (True, False, True)
    """
    a, b = Decimal(one), Decimal(other)
    units = [Decimal(1).scaleb(int(number.as_tuple().exponent)) for number in (a, b)]
    return abs(a - b) <= (max(units) / 2 if units[0] != units[1] else 0)


def _quoted(lines: Sequence[str]) -> str:
    return f"'{_short(lines[0])}'" if lines else "nothing"


def _short(line: str) -> str:
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
