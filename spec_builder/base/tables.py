"""Number tables: CSV files that carry their source, status and unit in ``# key: value`` lines.

The project's own tables live in ``data/`` (inside the package once installed); a user's experiment
brings tables of the same form.
"""

from __future__ import annotations

import csv
import difflib
import itertools
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.base.grids import number_of
from spec_builder.base.names import meant, unknown_name
from spec_builder.base.printing import in_line
from spec_builder.base.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from spec_builder.base.arrays import BoolArray, FloatArray

__all__ = ["STATUSES", "Table", "packaged_table", "read_table"]

#: Where a table's numbers come from, from the most to the least direct.
STATUSES = ("measured", "published", "computed", "reconstructed", "recalled")

#: Other words for the units of counts and of numbers without a dimension.
_ALSO = {
    "dimensionless": "1",
    "none": "1",
    "events per bin": "events",
    "events/bin": "events",
    "counts per bin": "counts",
    "counts/bin": "counts",
}
#: Blanks and signs of products, and what they may stand around: units are written in many ways.
_PRODUCT, _AROUND = re.compile(r"[\s*·]+"), re.compile(r" ?([/()]) ?")
#: Characters of a field in a message.
_SHOWN = 40
#: Columns that a message lists.
_MOST_NAMES = 12
_REQUIRED = ("title", "source", "status", "unit")
#: Rows of a table; the largest of ours has a thousand.
_MOST_ROWS = 20_000
#: What the ``unit`` line may call all columns that count, or are probabilities.
_GROUPS = ("bins", "counts", "fractions", "backgrounds")
#: A word of the ``unit`` line all of whose parts are these is a unit; any other is prose.
_UNIT = re.compile(
    r"[mkMGT]?eV(ee|nr)?|[mk]?g|t|tonnes?|s|h|d|days?|y|yr|years?|events?|counts?|PE|electrons|cm|barn|pb|percent|%"
)


@dataclass(frozen=True)
class Table:
    """A checked table.

    Attributes:
        path: the file it was read from.
        metadata: the ``# key: value`` lines; always holds title, source, status and unit.
        columns: numbers by column name, each of shape (rows,).
        labels: text columns by name, each of length rows.
        lines: where each row stands in the file.
    """

    path: Path
    metadata: Mapping[str, str]
    columns: Mapping[str, FloatArray]
    labels: Mapping[str, tuple[str, ...]]
    lines: tuple[int, ...]

    @property
    def status(self) -> str:
        """One of :data:`STATUSES`."""
        return self.metadata["status"]

    def __getitem__(self, column: str) -> FloatArray:
        return self.columns[column]

    def place(self, row: int) -> str:
        """File and line of a row, for messages."""
        return f"{self.path}:{self.lines[row]}"

    def check(self, column: str, good: BoolArray, expected: str) -> None:
        """Refuse a column with a number that is not as it should be.

        Args:
            column: holds the numbers.
            good: whether they are, by row.
            expected: in words.

        Raises:
            SpecBuilderError: naming the first line.
        """
        if good.all():
            return
        row = int(np.argmin(good))
        value = self.columns[column][row]
        raise SpecBuilderError(f"{self.place(row)}: {column} is {value:g}, expected {expected}")

    def check_increasing(self, column: str, *, zero: bool = False) -> None:
        """Refuse a column that does not begin above 0, or at 0 where that is allowed, and increase; or of one row.

        Raises:
            SpecBuilderError: naming the first line.
        """
        values = self.columns[column]
        first = np.concatenate([[True], np.zeros(values.size - 1, bool)])
        sign = values >= 0 if zero else values > 0
        self.check(column, sign | ~first, f"a number {'>=' if zero else '>'} 0 in the first row")
        self.check(column, first | (np.diff(values, prepend=0) > 0), "more than in the row above")
        if values.size < 2:
            raise SpecBuilderError(f"{self.path}: the table has 1 row, expected at least two")

    def check_units(self, units: Mapping[str, Sequence[str]], *, all_named: bool = False) -> None:
        """Refuse a ``unit`` line that says another unit than a column has, or a unit that none has.

        The line is ``column, column: word; column: word``, where a name may leave out the unit at its end and stand for
        several columns (``bins``, ``counts``, ``fractions``, ``backgrounds``); or words without names: each that is
        made of names of units must be the unit of some column, others are prose.

        Args:
            units: accepted words by column.
            all_named: whether each of these columns must be named.

        Raises:
            SpecBuilderError: naming the column, the word and the accepted ones.
        """
        stated: dict[str, str] = {}
        for item in self.metadata["unit"].split(";"):
            names, colon, words = (part.strip() for part in item.rpartition(":"))
            columns = _columns_named(names, units) if colon else []
            stated |= dict.fromkeys(columns, words)
            if not (columns or all_named or names in self.columns):
                self._check_nameless(words, units)
        for column, accepted in units.items():
            if all_named and column not in stated:
                text = f"must name the unit of column '{column}', as in '{column}: {accepted[0]}'"
                raise SpecBuilderError(f"{self.path}: header line '# unit: ...' {text}")
            if column in stated and _spelled(stated[column]) not in map(_spelled, accepted):
                raise self._wrong_unit(column, stated[column], accepted)

    def _check_nameless(self, words: str, units: Mapping[str, Sequence[str]]) -> None:
        """Each unit among the words, which stand for no column by its name, must be the unit of one."""
        column_of = {_spelled(word): column for column, accepted in reversed(tuple(units.items())) for word in accepted}
        for word in (part.strip() for part in words.split(",")):
            parts = re.findall(r"[^\W\d_]+|%", word)
            if _spelled(word) not in column_of and parts and all(map(_UNIT.fullmatch, parts)):
                near = difflib.get_close_matches(_spelled(word), list(column_of), n=1)
                column = column_of[near[0]] if near else next(iter(units))
                raise self._wrong_unit(column, word, units[column])

    def _wrong_unit(self, column: str, word: str, accepted: Sequence[str]) -> SpecBuilderError:
        words = ", ".join(accepted)
        return SpecBuilderError(f"{self.path}: the unit of {column} is '{_short(word)}', expected one of: {words}")

    def number(self, key: str) -> float:
        """The metadata value ``key`` as a number.

        Raises:
            SpecBuilderError: if it is missing or not a number.
        """
        found = self.metadata.get(key, "nothing")
        value = number_of(found)
        if not np.isfinite(value):
            raise SpecBuilderError(f"{self.path}: header line '# {key}: ...' must be a number, found {_short(found)}")
        return value


def read_table(path: Path, *, columns: Iterable[str], labels: Iterable[str] = (), endless: Iterable[str] = ()) -> Table:
    """Read and check one table.

    Args:
        path: the CSV file.
        columns: the number columns it must have, all of them and in any order.
        labels: the text columns it must have.
        endless: those of the number columns in which nothing, or ``inf``, stands for an interval without end.

    Raises:
        SpecBuilderError: for a missing file, header key or column, an unknown column or status, a ragged
            row, no rows, or a value that is not a finite number.
    """
    numeric, text, open_ended = tuple(columns), tuple(labels), tuple(endless)
    lines = read_text(path).split("\n")  # splitlines would end lines at other characters too
    metadata = _metadata(path, lines)
    start = len(lines) - len(_after_header(lines))
    try:
        rows = [(start + i, row) for i, row in enumerate(csv.reader(lines[start:]), start=1) if row]
    except csv.Error as error:  # a field of more than 131072 characters
        raise SpecBuilderError(f"{path}: not a table of numbers ({error})") from None
    if not rows:
        raise SpecBuilderError(f"{path}: expected a line of column names ({', '.join(numeric)})")
    names = [name.strip() for name in rows[0][1]]
    _check_columns(f"{path}:{rows[0][0]}", names, (*numeric, *text))
    body = rows[1:]
    _check_rows(path, body, len(names))
    values = {}
    places = {name: place for place, name in enumerate(names)}
    for name in numeric:
        place = places[name]
        column = [_number(path, number, name, row[place], endless=name in open_ended) for number, row in body]
        values[name] = np.array(column)
    words = {name: tuple(row[places[name]].strip() for _, row in body) for name in text}
    return Table(path, metadata, values, words, tuple(number for number, _ in body))


def _check_rows(path: Path, rows: Sequence[tuple[int, Sequence[str]]], count: int) -> None:
    """Refuse a table without rows, with more than any has, or with a row of more or fewer values than columns."""
    if not rows:
        raise SpecBuilderError(f"{path}: the table has no rows")
    if len(rows) > _MOST_ROWS:
        raise SpecBuilderError(f"{path}: {len(rows)} rows, expected at most {_MOST_ROWS}")
    for number, row in rows:
        if len(row) != count:
            raise SpecBuilderError(f"{path}:{number}: {len(row)} values, expected {count}")


def _check_columns(place: str, names: Sequence[str], expected: Sequence[str]) -> None:
    """Refuse a column that is unknown, there twice, or missing."""
    known, seen = set(expected), set[str]()
    for name in names:
        if name not in known:
            missing = known.difference(names)
            near = meant(name, [other for other in expected if other in missing])
            there = f", expected {_listed(expected)}"
            raise SpecBuilderError(f"{place}: unknown column '{_short(name)}'{near or there}")
        if name in seen:
            raise SpecBuilderError(f"{place}: column '{name}' stands twice")
        seen.add(name)
    for name in expected:
        if name not in seen:
            raise SpecBuilderError(f"{place}: column '{name}' is missing, expected {_listed(expected)}")


def _after_header(lines: list[str]) -> list[str]:
    return list(itertools.dropwhile(lambda line: line.startswith("#"), lines))


def _metadata(path: Path, lines: list[str]) -> dict[str, str]:
    """The ``# key: value`` lines at the top, checked."""
    metadata: dict[str, str] = {}
    for number, line in enumerate(itertools.takewhile(lambda line: line.startswith("#"), lines), start=1):
        key, colon, value = line.lstrip("# ").partition(":")
        if not colon:
            raise SpecBuilderError(f"{path}:{number}: expected '# key: value'")  # not the line: it may be secret
        metadata[in_line(key.strip())] = in_line(value.strip())
    for key in _REQUIRED:
        if not metadata.get(key):
            others = [known for known in metadata if known not in _REQUIRED]
            near = difflib.get_close_matches(key, others, n=1, cutoff=0.7)
            found = f"; there is '# {near[0]}: ...'" if near else ""
            raise SpecBuilderError(f"{path}: header line '# {key}: ...' is missing{found}")
    if metadata["status"] not in STATUSES:
        raise SpecBuilderError(f"{path}: {unknown_name('status', metadata['status'], STATUSES)}")
    return metadata


def _number(path: Path, line: int, column: str, text: str, *, endless: bool) -> float:
    if endless and text.strip() in ("", "inf"):
        return float("inf")
    value = number_of(text)
    if not np.isfinite(value):
        expected = "a finite number, inf or nothing" if endless else "a finite number"
        raise SpecBuilderError(f"{path}:{line}: {column} is '{_short(text)}', expected {expected}")
    return value


def _spelled(unit: str) -> str:
    """A unit as accepted ones are written: ``events / (t*yr*keV)`` is ``events/(t yr keV)``."""
    spelled = _AROUND.sub(r"\1", _PRODUCT.sub(" ", unit).strip())
    return _ALSO.get(spelled, spelled)


def _columns_named(names: str, units: Mapping[str, Sequence[str]]) -> list[str]:
    """The columns that the names before a colon stand for."""
    named = [name.strip() for name in names.split(",")]
    columns = [c for c in units if any(c == name or (name and c.startswith(f"{name}_")) for name in named)]
    if any(name in _GROUPS for name in named):  # these are numbers without a dimension
        columns += [column for column, accepted in units.items() if "1" in accepted and column not in columns]
    return columns


def _listed(names: Sequence[str]) -> str:
    """Names in a row; of many the first ones and the last."""
    return ", ".join(names if len(names) <= _MOST_NAMES else (*names[:3], "...", names[-1]))


def _short(text: str) -> str:
    """The beginning of a text that is long."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@cache
def packaged_table(name: str, columns: tuple[str, ...], labels: tuple[str, ...] = ()) -> Table:
    """One of the project's own tables, read when it is first asked for.

    Args:
        name: path below ``data/`` without the suffix, e.g. ``solar/b8_spectrum``.
        columns: its number columns.
        labels: its text columns.
    """
    return read_table(data_path(f"{name}.csv"), columns=columns, labels=labels)
