"""One writer of results: the name's suffix says in what form."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import write_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    import numpy as np

    from spec_builder.base.files import Content
    from spec_builder.base.text import Result

__all__ = ["COLUMNAR", "FORMATS", "check_form", "has_form", "result_content", "save_result"]

#: Forms that hold exact values as arrays.
COLUMNAR = (".npz", ".parquet")
#: Suffixes of a result's file: for people, for tables, for machines, for pages, for numpy and for columns.
FORMATS = (".txt", ".csv", ".json", ".md", ".html", *COLUMNAR)


def check_form(path: str | PathLike[str], known: tuple[str, ...] = FORMATS) -> str:
    """The suffix of a file to write, in small letters.

    Args:
        path: the file.
        known: suffixes that it may have.

    Raises:
        SpecBuilderError: for another suffix or none, naming those that are known, or one that cannot be written here.

    Examples:
        >>> check_form("limits.CSV")
        '.csv'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        words = f"{', '.join(known[:-1])} or {known[-1]}" if len(known) > 1 else known[0]
        name = Path(path).name
        bare = f"{name} is a suffix without a name, " if name.lower() in known else ""
        raise SpecBuilderError(f"{path}: {bare}expected a name that ends in {words}")
    if suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise SpecBuilderError(f"{path}: .parquet needs pyarrow: pip install 'spec_builder[parquet]'")
    return suffix


def has_form(path: str | PathLike[str]) -> bool:
    """Whether a name says in what form the file is written: it has a suffix, or is one.

    Examples:
        >>> has_form("limits.csv"), has_form(".csv"), has_form("limits.v2."), has_form("limits")
        (True, True, True, False)
    """
    return "." in Path(path).name


def save_result(result: Result, path: str | PathLike[str], *, force: bool = False) -> None:
    """Write a result in the form that the name's suffix says.

    Args:
        result: what to write.
        path: a name in one of :data:`FORMATS`.
        force: replace a file that exists.

    Raises:
        SpecBuilderError: as :func:`check_form`, or for a file that exists and no ``force``.
    """
    write_files({Path(path): result_content(result, path)}, force=force)


def result_content(result: Result, path: str | PathLike[str]) -> Content:
    """What a result's file holds, in the form that the name's suffix says.

    Args:
        result: what to write.
        path: a name in one of :data:`FORMATS`.

    Returns:
        As :func:`spec_builder.base.files.write_files` takes it.

    Raises:
        SpecBuilderError: as :func:`check_form`.
    """
    suffix = check_form(path)
    if suffix in COLUMNAR:
        return _columns_content(result, suffix)
    forms: dict[str, Callable[[], str]] = {
        ".txt": result.__str__,
        ".csv": result.to_csv,
        ".json": result.to_json,
        ".md": result.to_markdown,
        ".html": partial(_page, result),
    }
    return forms[suffix]()


def _page(result: Result) -> str:
    """A page of one result, which needs nothing else."""
    return f'<!DOCTYPE html>\n<meta charset="utf-8">\n<title>spec_builder</title>\n{result.to_html()}\n'


def _columns_content(result: Result, suffix: str) -> Callable[[Path], None]:
    """The exact columns, with the header as metadata; a cell without a number is nan."""
    import numpy as np  # noqa: PLC0415  # --help needs none

    from spec_builder.base.columns import columns_content, in_one_piece  # noqa: PLC0415

    report = result.report()
    arrays = {name: _array(np.asarray(column, dtype=object).tolist()) for name, column in report.columns.items()}
    count = max((array.size for array in arrays.values()), default=0)
    return columns_content(suffix, in_one_piece(arrays), count, report.header)


def _array(cells: list[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    import numpy as np  # noqa: PLC0415

    if any(isinstance(cell, str) for cell in cells):
        return np.array(["" if cell is None else str(cell) for cell in cells])
    if cells and all(isinstance(cell, bool) for cell in cells):
        return np.array(cells)
    if cells and all(isinstance(cell, int) and not isinstance(cell, bool) for cell in cells):
        return np.array(cells)
    return np.array([np.nan if cell is None else float(cell) for cell in cells])
