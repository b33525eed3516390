"""Cells of CSV, for every table that is written: in one line, quoted where they must be, and never a formula.

A spreadsheet computes what begins with ``=`` and its like, whatever is written there: ``=HYPERLINK(...)`` as the name
of a sample sends the table's numbers away. So such a text has an apostrophe before it, as OWASP's page on CSV injection
asks for, https://owasp.org/www-community/attacks/CSV_Injection. Numbers stay numbers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from spec_builder.base.printing import in_line

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Cell", "csv_line", "header_line"]

Cell: TypeAlias = "str | float | bool | None"

#: What begins a formula, where a cell begins: at the start, and behind what may separate cells elsewhere (a semicolon
#: in half of Europe). Tabs and line ends, which do so too, are spaces by then.
_FORMULA = re.compile(r"""(^|[,;])([\s"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")
#: A number up to the end of its cell: what is none could be one only in part, as 2+3 is.
_NUMBER = re.compile(r"""[\s"']*[+-](\d+\.?\d*|\.\d+|inf|nan)([eE][+-]?\d+)?[\s"']*([,;)\]}]|$)""")
#: What only adds and divides up to the end of its cell: in the middle of a sentence, ``+1/3 to quarks (of one kind)``.
_ARITHMETIC = re.compile(r"[+-]([^,;|!(]|(?<!\w)\()*([,;]|$)")
_QUOTED = re.compile('[,;"]')


def csv_line(cells: Iterable[Cell]) -> str:
    """A line of a table, without its end.

    Args:
        cells: None is an empty one, truth is 1 or 0, a number has all of its digits.

    Examples:
        >>> print(csv_line(["a,b", -0.1, True, None, "=1+1", "-1e-3"]))
        "a,b",-0.1,1,,'=1+1,-1e-3
    """
    return ",".join(map(_cell, cells))


def header_line(key: str, value: str) -> str:
    r"""A ``# key: value`` line above a table, without its end.

    Examples:
        >>> print(header_line("title", "two,=lines at\n-1, +2"))
        # title: two,'=lines at -1, +2
        >>> print(header_line("note", "-1 to leptons, +1/3 to quarks (of one kind), +SUM(1)"))
        # note: -1 to leptons, +1/3 to quarks (of one kind), '+SUM(1)
    """
    return f"# {_harmless(' '.join(in_line(f'{key}: {value}').split()), sentences=True)}"


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(int(cell))
    if not isinstance(cell, str):
        return str(cell)
    text = _harmless(in_line(cell))
    if _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _harmless(text: str, *, sentences: bool = False) -> str:
    """The text with an apostrophe before whatever would be a formula; in sentences arithmetic is none."""

    def marked(match: re.Match[str]) -> str:
        number = _NUMBER.match(text, match.end(1)) or (sentences and _ARITHMETIC.match(text, match.end()))
        return match[0] if number else f"{match[0]}'"

    return _FORMULA.sub(marked, text)
