"""One writer behind every result: text, HTML, CSV, Markdown, JSON and DataFrame from the same report."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spec_builder.base.arguments import check_argument, check_path
from spec_builder.base.cells import Cell, csv_line, header_line
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json
from spec_builder.base.printing import in_line, one_line
from spec_builder.base.saving import save_result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

__all__ = ["Cell", "Column", "Described", "Report", "Result", "Shown", "markdown_table", "markdown_text"]

#: What may begin a tag of HTML, which pages in Markdown may hold.
_TAG = re.compile("<(?=[A-Za-z/!?])")
#: What is more than text in a cell of Markdown: a backslash, code, the next cell, and what makes a link of brackets.
_MARKUP = re.compile(r"[\\`|]|(?<=\])\(")
#: Rows that a notebook shows.
_MOST_ROWS = 40
#: Exact values of one column.
Column: TypeAlias = "Sequence[Cell] | np.ndarray[Any, np.dtype[Any]]"


@dataclass(frozen=True)
class Shown:
    """A table as people read it.

    Attributes:
        columns: headings.
        rows: cells of each row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Report:
    """What a result says: to people, and to machines.

    Attributes:
        title: one line.
        facts: choices and single numbers by name, in their order.
        columns: exact values by name, all of one length.
        shown: the table for people; None shows the columns as they are, to six digits.
        notes: what stands below the table, by name.
        details: what only the header of columns says: what they are, and how they came about.
    """

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    shown: Shown | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[Cell, ...]]:
        """Exact values, row by row."""
        lists = [column.tolist() if isinstance(column, np.ndarray) else column for column in self.columns.values()]
        return list(zip(*lists, strict=True))

    @property
    def table(self) -> Shown:
        """The table for people, each row of it in one line."""
        if self.shown is not None:
            columns, rows = self.shown.columns, self.shown.rows
        else:
            columns, rows = tuple(self.columns), tuple(tuple(_for_people(cell) for cell in row) for row in self.rows)
        return Shown(tuple(map(in_line, columns)), tuple(tuple(map(in_line, row)) for row in rows))

    @property
    def header(self) -> dict[str, str]:
        """What stands above columns: title, facts, notes, details."""
        return {"title": self.title} | dict(self.facts) | dict(self.notes) | dict(self.details)

    def to_text(self) -> str:
        """Title, facts, table and notes as aligned lines.

        Examples:
            >>> print(Report("Two", {"law": "linear"}, {"g": [1.0, 0.25], "excluded": ["no", "> 0.2"]}).to_text())
            Two
              law  linear
            <BLANKLINE>
                 g  excluded
                 1  no
              0.25  > 0.2
            <BLANKLINE>
        """
        facts = [(in_line(key), in_line(value)) for key, value in self.facts.items()]
        width = max((len(key) for key, _ in facts), default=0)
        lines = [in_line(self.title), *(f"  {key:{width}}  {value}" for key, value in facts)]
        table = self.table
        if table.columns:
            lines += [""] * bool(self.facts)
            lines += _aligned(table)
        lines += [in_line(f"  {key}: {value}") for key, value in self.notes.items()]
        return "\n".join(lines) + "\n"

    def to_html(self, most: int | None = None) -> str:
        """A titled table of facts and notes, and below it the table for people.

        Args:
            most: rows of that; of more the first and the last stand there, and how many are left out between them.
        """
        facts = dict(self.facts) | dict(self.notes)
        lines = [f"<p><strong>{_html(self.title)}</strong></p>", "<table>"]
        lines += [
            f'<tr><th style="text-align:left">{_html(key)}</th><td style="text-align:left">{_html(value)}</td></tr>'
            for key, value in facts.items()
        ]
        lines.append("</table>")
        table = self.table
        if table.columns:
            rows = [_html_row("td", row) for row in table.rows]
            if most is not None and len(rows) > most:
                left_out = f'<tr><td colspan="{len(table.columns)}">{len(rows) - most} rows are left out</td></tr>'
                rows = [*rows[: most // 2], left_out, *rows[len(rows) - most + most // 2 :]]
            lines += ["<table>", _html_row("th", table.columns), *rows, "</table>"]
        text = "\n".join(lines)
        # a notebook takes what is between dollars for a formula, and formulas may hold links
        return f'<div class="tex2jax_ignore mathjax_ignore">\n{text}\n</div>'

    def to_markdown(self) -> str:
        """The same for a Markdown page."""
        lines = [f"**{markdown_text(self.title)}**", ""]
        facts = dict(self.facts) | dict(self.notes)
        if facts:
            lines += [markdown_table(("", ""), list(facts.items())), ""]
        table = self.table
        if table.columns:
            lines += [markdown_table(table.columns, table.rows), ""]
        return "\n".join(lines)

    def to_csv(self) -> str:
        """Exact values under a ``# key: value`` header."""
        lines = [header_line(key, value) for key, value in self.header.items()]
        lines.append(csv_line(self.columns))
        lines += map(csv_line, self.rows)
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; what is not finite is None."""
        rows = [[_for_json(cell) for cell in row] for row in self.rows]
        return {"header": self.header, "columns": list(self.columns), "rows": rows}

    def to_json(self) -> str:
        """The same as :meth:`to_dict`, as text."""
        return canonical_json(self.to_dict())

    def to_dataframe(self) -> Any:
        """Exact values as a ``pandas.DataFrame``; the header is its ``attrs``.

        Raises:
            SpecBuilderError: if pandas is not installed.
        """
        try:
            import pandas as pd  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415
        except ImportError:
            raise SpecBuilderError("a DataFrame needs pandas: pip install pandas") from None
        frame = pd.DataFrame({name: list(column) for name, column in self.columns.items()})
        frame.attrs.update(self.header)
        return frame


class Result(ABC):
    """What results, and descriptions of what goes in, can be turned into; each says what it holds and how it reads."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""

    @abstractmethod
    def report(self) -> Report:
        """What it says to people, and its numbers as columns."""

    def to_json(self) -> str:
        """The same as :meth:`to_dict`, as text."""
        return canonical_json(self.to_dict())

    def to_csv(self) -> str:
        """Its columns under a ``# key: value`` header of choices."""
        return self.report().to_csv()

    def to_markdown(self) -> str:
        """Choices and table for a Markdown page."""
        return self.report().to_markdown()

    def to_html(self) -> str:
        """Choices and table for a page or a notebook."""
        return self.report().to_html()

    def save(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write it in the form that the name's suffix says.

        That is ``.txt``, ``.csv``, ``.json``, ``.md``, ``.html``, ``.npz`` or, with the extra ``[parquet]``,
        ``.parquet``.

        Args:
            path: the file.
            force: replace a file that exists.

        Raises:
            SpecBuilderError: for another suffix, or a file that exists and no ``force``.
        """
        check_path("path", path)
        check_argument("force", force)
        save_result(self, path, force=force)

    def to_dataframe(self) -> Any:
        """Its columns as a ``pandas.DataFrame`` with the choices as ``attrs``.

        Raises:
            SpecBuilderError: if pandas is not installed.
        """
        return self.report().to_dataframe()

    def __str__(self) -> str:
        return self.report().to_text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {one_line(self.report().title)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: of a long table its beginning and its end."""
        return self.report().to_html(_MOST_ROWS)


class Described(Result):
    """What goes in: a result that holds no more than its report says."""

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON: header, columns and rows."""
        return self.report().to_dict()


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table without a final newline; its cells are text, see :func:`markdown_text`.

    Examples:
        >>> print(markdown_table(("mass", "g"), [("1", "2")]))
        | mass | g |
        |---|---|
        | 1 | 2 |
    """
    head, *body = (f"| {' | '.join(map(markdown_text, row))} |" for row in (columns, *rows))
    return "\n".join([head, f"|{'---|' * len(columns)}", *body])


def _aligned(table: Shown) -> list[str]:
    """Lines of a table, numbers to the right and words to the left."""
    widths = [
        max(len(name), *(len(row[i]) for row in table.rows)) if table.rows else len(name)
        for i, name in enumerate(table.columns)
    ]
    right = [all(_is_number(row[i]) for row in table.rows) for i in range(len(table.columns))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        ]
        return f"  {'  '.join(padded)}".rstrip()

    return [line(table.columns), *(line(row) for row in table.rows)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _html_row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_html(cell)}</{tag}>" for cell in cells) + "</tr>"


def markdown_text(text: str) -> str:
    """Text that stays one cell of Markdown, and text: no name is a row, a tag or a link of its own.

    What is text already stays as it is.

    Examples:
        >>> print(markdown_text("a | b, <b>"), markdown_text("&lt;b>"))
        a &#124; b, &lt;b> &lt;b>
    """
    return _MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", _TAG.sub("&lt;", in_line(text)))


def _html(text: str) -> str:
    return escape(in_line(text))


def _for_people(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _for_json(cell: Cell) -> Cell:
    return None if isinstance(cell, float) and not np.isfinite(cell) else cell
