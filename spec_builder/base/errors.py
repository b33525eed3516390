"""The one exception that stands for a user's mistake."""

from __future__ import annotations

__all__ = ["SpecBuilderError"]


class SpecBuilderError(Exception):
    """Bad input: one line that names the file, key or value and what was expected.

    The command line prints the message and ends with exit status 2.
    """
