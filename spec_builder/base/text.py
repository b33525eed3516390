"""Results as HTML tables, for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["html_table"]


def html_table(
    title: str, facts: Mapping[str, str], columns: Sequence[str] = (), rows: Iterable[Sequence[str]] = ()
) -> str:
    """A titled table of facts, and below it a table of numbers.

    Args:
        title: one line.
        facts: choices and single numbers, by name.
        columns: headings of the numbers.
        rows: their cells.

    Examples:
        >>> html_table("Two", {"law": "linear"}, ["g"], [["1"], ["<2"]]).count("<tr>")
        4
    """
    lines = [f"<p><strong>{escape(title)}</strong></p>", "<table>"]
    lines += [
        f'<tr><th style="text-align:left">{escape(key)}</th><td style="text-align:left">{escape(value)}</td></tr>'
        for key, value in facts.items()
    ]
    lines.append("</table>")
    if columns:
        lines += ["<table>", _row("th", columns), *(_row("td", row) for row in rows), "</table>"]
    return "\n".join(lines)


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
