"""Reads the TOML files and tables that describe sources, targets and interactions: each value checked, by its key."""

from __future__ import annotations

import hashlib
import math
import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path, shipped_names
from spec_builder.base.grids import real_number
from spec_builder.base.names import meant, unknown_key, unknown_name
from spec_builder.base.printing import in_line
from spec_builder.base.reading import is_inside, parse_toml, read_bytes
from spec_builder.base.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spec_builder.base.tables import Table

__all__ = ["Description", "find_description", "is_path", "read_description"]

_NAME = re.compile(r"[A-Za-z0-9_]+")
#: Letters of a name, which stands in every row of a table.
LONGEST_NAME = 100


class Description:
    """A TOML table whose values are taken key by key; what is left over does not belong there.

    Attributes:
        file: the TOML file.
        folder: where the tables that it names stand.
        digest: SHA-256 of the file; None for one of the project's own.
    """

    def __init__(
        self, file: Path, content: object, *, folder: Path, where: str = "", digest: str | None = None
    ) -> None:
        if not isinstance(content, dict):
            raise SpecBuilderError(f"{file}: {where} must be a table, found {content!r}")
        self.file, self.folder, self.where, self.digest = file, folder, where, digest
        self._content = dict(content)
        #: Status of each table that was read, by its key.
        self.statuses: dict[str, str] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def only(self, *known: str) -> None:
        """Refuse keys that are none of these, before one that was misspelt is missed.

        Raises:
            SpecBuilderError: naming the first, and the one that was probably meant.
        """
        for key in self._content:
            if key not in known:
                raise SpecBuilderError(f"{self.file}: {unknown_key(self._path(key), known)}")

    def error(self, key: str, expected: str, found: object) -> SpecBuilderError:
        """The error of a value that is not what is expected."""
        return SpecBuilderError(f"{self.file}: {self._path(key)} must be {expected}, found {found!r}")

    def take(self, key: str) -> Any:
        """The value of a key, whatever it is.

        Raises:
            SpecBuilderError: if the key is missing.
        """
        if key not in self._content:
            raise SpecBuilderError(f"{self.file}: key '{self._path(key)}' is missing")
        return self._content.pop(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty, in one line."""
        if default is not None and key not in self:
            return default
        value = self.take(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, "a text", value)
        return in_line(value)

    def name(self, key: str, default: str | None = None) -> str:
        """A name of letters, digits and underscores."""
        value = self.text(key, default)
        if not _NAME.fullmatch(value):
            raise self.error(key, "a name of letters, digits and underscores", value)
        if len(value) > LONGEST_NAME:
            raise self.error(key, f"a name of at most {LONGEST_NAME} letters", value[:LONGEST_NAME])
        return value

    def own_name(self, what: str, shipped: Iterable[str]) -> str:
        """The key ``name``, which in a user's file is not one of the project's own.

        Args:
            what: is named.
            shipped: names of the project's own.
        """
        name = self.name("name")
        if self.digest is not None and name in shipped:
            raise SpecBuilderError(f"{self.file}: name '{name}' is that of a shipped {what}, give it another")
        return name

    def one_of(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        """One of a few words."""
        words = tuple(allowed)
        value = self.text(key, default)
        if value not in words:
            expected = f"one of {', '.join(words)}"
            raise SpecBuilderError(f"{self.error(key, expected, value)}{meant(value, words)}")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value = self.take(key)
        number = real_number(value)
        if not math.isfinite(number):
            raise self.error(key, "a number", value)
        return number

    def positive(self, key: str, default: float | None = None) -> float:
        """A positive number."""
        if default is not None and key not in self:
            return default
        value = self.number(key)
        if value <= 0:
            raise self.error(key, "a positive number", value)
        return value

    def positives(self, key: str) -> tuple[float, ...]:
        """A list of positive numbers, at least one."""
        values = self.take(key)
        good = isinstance(values, list) and values
        numbers = tuple(real_number(value) for value in values) if good else ()
        if not numbers or not all(0 < number < math.inf for number in numbers):
            raise self.error(key, "a list of positive numbers", values)
        return numbers

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, each in one line; empty where the key is missing."""
        if key not in self:
            return ()
        values = self.take(key)
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            raise self.error(key, "a list of texts", values)
        return tuple(map(in_line, values))

    def section(self, key: str) -> Description:
        """A table."""
        return Description(self.file, self.take(key), folder=self.folder, where=self._path(key))

    def sections(self, key: str) -> list[Description]:
        """A list of tables, ``[[key]]``, at least one."""
        values = self.take(key)
        if not isinstance(values, list) or not values:
            raise self.error(key, f"at least one table [[{key}]]", values)
        return [
            Description(self.file, value, folder=self.folder, where=f"{self._path(key)}[{i}]")
            for i, value in enumerate(values)
        ]

    def table(
        self, key: str, units: Mapping[str, tuple[str, ...]], *, others: Iterable[str] = (), labels: Iterable[str] = ()
    ) -> Table:
        """The CSV table that a key names, with its ``unit`` line checked.

        Args:
            key: holds the file's name, inside the folder.
            units: the columns with a unit, and the units that are accepted for each.
            others: number columns without a unit.
            labels: text columns.

        Raises:
            SpecBuilderError: for a table outside the folder, a column that is missing, or another unit.
        """
        path = self.file_inside(key)
        self.take(key)
        table = read_table(path, columns=(*units, *others), labels=labels)
        table.check_units(units, all_named=True)
        self.statuses[key] = table.status
        return table

    def file_inside(self, key: str) -> Path:
        """Path of the file that a key names; the key stays.

        Raises:
            SpecBuilderError: for a file outside the folder.
        """
        name = self.text(key)
        self._content[key] = name
        path = self.folder / name
        if not is_inside(path, self.folder):
            raise self.error(key, f"a file inside {self.folder}", name)
        return path

    def finish(self) -> None:
        """Refuse what nobody asked for.

        Raises:
            SpecBuilderError: naming the first key.
        """
        for key in self._content:
            raise SpecBuilderError(f"{self.file}: key '{self._path(key)}' does not apply here")


def is_path(text: str) -> bool:
    """Whether a text names a file or folder rather than something that is shipped."""
    return "/" in text or "\\" in text or text.startswith(".") or Path(text).suffix in (".toml", ".py")


def find_description(room: str, what: str, text: str | PathLike[str]) -> Description:
    """The description of a shipped name, or of a user's file or folder.

    Args:
        room: ``sources`` or ``targets``: the folder of the shipped ones.
        what: ``source`` or ``target``: the word for a message, and the file's name inside a user's folder.
        text: a name, or a path (with a slash, or ending in ``.toml``).

    Raises:
        SpecBuilderError: for a name or file that does not exist, or a file that is not TOML.
    """
    if isinstance(text, PathLike) or is_path(text):
        path = Path(text)
        return read_description(path / f"{what}.toml" if path.is_dir() else path)
    known = shipped_names(room)
    if text not in known:
        raise unknown_name(what, str(text), known, more=f", or a path such as ./{text}")
    path = data_path(room, f"{text}.toml")
    return Description(path, _parse(path, read_bytes(path)), folder=data_path())


def read_description(path: Path) -> Description:
    """A user's TOML file; the tables that it names stand beside it.

    Raises:
        SpecBuilderError: if it is missing or not TOML.
    """
    if not path.exists():
        raise SpecBuilderError(f"{path}: no such file")
    content = read_bytes(path)
    return Description(path, _parse(path, content), folder=path.parent, digest=hashlib.sha256(content).hexdigest())


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecBuilderError(f"{path}: not a UTF-8 text file") from None
    return parse_toml(text.replace("\r\n", "\n"), str(path))
