"""TOML tables read key by key, with messages that name the file and the key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import real_number
from spec_builder.base.names import meant, unknown_key
from spec_builder.base.printing import in_line
from spec_builder.base.reading import parse_toml, read_text
from spec_builder.physics.descriptions import LONGEST_NAME
from spec_builder.physics.sources import LARGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray

__all__ = ["NAME", "Section", "read_toml"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: Of channels, runs and the like: each is read by itself.
_MOST_BLOCKS = 100


def read_toml(file: Path) -> dict[str, Any]:
    """Content of a TOML file.

    Raises:
        SpecBuilderError: if it cannot be read or is not TOML.
    """
    return parse_toml(read_text(file), str(file))


class Section:
    """A TOML table whose keys are taken one by one; what is left over does not belong there.

    Args:
        file: named in messages.
        content: the table.
        where: path of the table in the file.
        shown: how a path is written in messages.
        remark: put behind a message.
    """

    def __init__(
        self,
        file: Path,
        content: object,
        where: str = "",
        *,
        shown: Callable[[str], str] = str,
        remark: str = "",
    ) -> None:
        self.file, self.where, self._shown, self._remark = file, where, shown, remark
        if not isinstance(content, dict):
            raise self.complaint(f"{shown(where)} must be a table, found {content!r}")
        self._content = dict(content)

    def path(self, key: str) -> str:
        """Path of a key, as messages show it."""
        return self._shown(f"{self.where}.{key}" if self.where else key)

    def complaint(self, text: str) -> SpecBuilderError:
        """An error about this file."""
        return SpecBuilderError(f"{self.file}: {text}{self._remark}")

    def error(self, key: str, expected: str, found: object) -> SpecBuilderError:
        """An error about a key's value."""
        return self.complaint(f"{self.path(key)} must be {expected}, found {found!r}")

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def keys(self) -> list[str]:
        """Keys that are left."""
        return list(self._content)

    def only(self, *known: str) -> None:
        """Refuse keys that are none of these, before one that was misspelt is missed.

        Raises:
            SpecBuilderError: naming the first, and the one that was probably meant.
        """
        for key in self._content:
            if key not in known:
                raise self.complaint(unknown_key(self.path(key), known))

    def take(self, key: str) -> Any:
        """The value of a key, which is then gone.

        Raises:
            SpecBuilderError: if it is missing.
        """
        if key not in self._content:
            raise self.complaint(f"key '{self.path(key)}' is missing")
        return self._content.pop(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text, in one line."""
        if default is not None and key not in self:
            return default
        value = self.take(key)
        if not isinstance(value, str):
            raise self.error(key, "a text", value)
        return in_line(value)

    def one_of(self, key: str, words: Iterable[str]) -> str:
        """One of a few words."""
        known = tuple(words)
        value = self.text(key)
        if value not in known:
            raise self.complaint(
                f"{self.path(key)} must be one of {', '.join(known)}, found {value!r}{meant(value, known)}"
            )
        return value

    def identifier(self, key: str) -> str:
        """A name of letters, digits and underscores."""
        value = self.text(key)
        self.check_name(key, value, "a name of letters, digits and underscores")
        return value

    def check_name(self, key: str, name: str, expected: str) -> None:
        """Refuse what is no name, and one that stands in every row of a table and would fill it.

        Raises:
            SpecBuilderError: naming it.
        """
        if not NAME.fullmatch(name):
            raise self.error(key, expected, name)
        if len(name) > LONGEST_NAME:
            raise self.error(key, f"{expected}, at most {LONGEST_NAME} of them", name[:LONGEST_NAME])

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, each in one line."""
        if default is not None and key not in self:
            return default
        value = self.take(key)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.error(key, "a list of texts", value)
        return tuple(map(in_line, value))

    def truth(self, key: str) -> bool:
        """True or false; false where the key is missing."""
        value = self.take(key) if key in self else False
        if not isinstance(value, bool):
            raise self.error(key, "true or false", value)
        return value

    def positive(self, key: str) -> float:
        """A positive finite number."""
        value = self.take(key)
        number = real_number(value)
        if not 0 < number < np.inf:
            raise self.error(key, "a positive number", value)
        return number

    def increasing(self, key: str) -> FloatArray:
        """At least two increasing numbers, shape (n,)."""
        value = self.take(key)
        numbers = np.array([real_number(v) for v in value] if isinstance(value, list) else [])
        if numbers.size < 2 or not (np.isfinite(numbers).all() and (np.diff(numbers) > 0).all()):
            raise self.error(key, "a list of at least two increasing numbers", value)
        return numbers

    def section(self, key: str) -> Section:
        """A table."""
        return self._child(key, self.take(key))

    def sections(self, key: str) -> list[Section]:
        """A list of at least one table."""
        content = self.take(key)
        if not isinstance(content, list) or not content:
            raise self.error(key, f"at least one [[{self.path(key)}]] block", content)
        if len(content) > _MOST_BLOCKS:
            raise self.complaint(f"{self.path(key)}: {len(content)} blocks, expected at most {_MOST_BLOCKS}")
        return [self._child(f"{key}[{i}]", item) for i, item in enumerate(content)]

    def named_sections(self, key: str) -> dict[str, Section]:
        """Tables by the names of a table."""
        section = self.section(key)
        for name in section.keys():  # noqa: SIM118
            self.check_name(key, name, "a table of names of letters, digits and underscores")
        return {name: section.section(name) for name in section.keys()}  # noqa: SIM118

    def sizes(self, key: str) -> dict[str, float]:
        """Relative sizes by parameter name.

        Raises:
            SpecBuilderError: for a name or number that cannot be one.
        """
        section = self.section(key)
        values = {name: section._size(name) for name in section.keys()}  # noqa: SIM118, SLF001
        for name in values:
            self.check_name(key, name, "a table of names of letters, digits and underscores")
        return values

    def _size(self, key: str) -> float:
        value = self.positive(key)
        if value > LARGEST_SIZE:
            expected = f"a relative size of at most {LARGEST_SIZE:g} (percent? 12 % are written 0.12)"
            raise self.error(key, expected, value)
        return value

    def nested(self, key: str, content: object) -> Section:
        """A table that was taken already, or made here, as a table of its own."""
        return self._child(key, content)

    def finish(self) -> None:
        """Refuse the keys that are left."""
        for key in self._content:
            raise self.complaint(f"key '{self.path(key)}' does not apply here")

    def _child(self, key: str, content: object) -> Section:
        where = ".".join(part for part in (self.where, key) if part)
        return Section(self.file, content, where, shown=self._shown, remark=self._remark)
