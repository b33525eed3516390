"""The one exception that stands for a user's mistake."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["ExistsError", "SpecBuilderError", "UnknownNameError"]


#: What ends a line, with the space around it.
_BREAKS = re.compile(r"[ \t]*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+[ \t]*")
#: A word that is longer than a path: its beginning, and its end.
_LONG = re.compile(r"(\S{60})\S{150,}(\S{40})")


class SpecBuilderError(Exception):
    r"""Bad input: one line that names the file, key or value and what was expected.

    The command line prints the message and ends with exit status 2. Whatever name or value a message repeats, it stays
    one line, and of a word without end the middle is left out.

    Examples:
        >>> print(SpecBuilderError("name 'a\nb' is unknown"))
        name 'a b' is unknown
    """

    def __init__(self, message: str) -> None:
        super().__init__(_LONG.sub(r"\1...\2", _BREAKS.sub(" ", message)))


class ExistsError(SpecBuilderError):
    """A file that is there already and may not be replaced."""


class UnknownNameError(SpecBuilderError):
    """A name that nothing has.

    Attributes:
        name: what was asked for.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        """It travels from worker processes: an exception is built again from its arguments, and here one is a name."""
        return _unknown_name, (str(self), self.name)


def _unknown_name(message: str, name: str) -> UnknownNameError:
    return UnknownNameError(message, name=name)
