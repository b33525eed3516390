"""The one exception that stands for a user's mistake."""

from __future__ import annotations

from typing import Any

__all__ = ["ExistsError", "SpecBuilderError", "UnknownNameError"]


class SpecBuilderError(Exception):
    """Bad input: one line that names the file, key or value and what was expected.

    The command line prints the message and ends with exit status 2.
    """


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
