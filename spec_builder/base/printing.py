"""Names and messages on a terminal: anybody's file may hold names that steer it, or that it cannot show."""

from __future__ import annotations

import re
import sys

__all__ = ["one_line", "printable", "tolerant_streams"]

#: Control characters but line ends and tabs, and those that change lines or the direction of writing.
_CONTROL = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def printable(text: str) -> str:
    r"""The text with control characters as escapes, but for line ends and tabs: a name must not steer a terminal.

    Examples:
        >>> print(printable("a\x1b[31mb"))
        a\x1b[31mb
    """
    return _CONTROL.sub(_escape, text)


def one_line(text: str) -> str:
    r"""The text in one line: a name must not look like a message of its own.

    Examples:
        >>> print(one_line("a\nother.json: ok"))
        a other.json: ok
    """
    return printable(" ".join(text.split()))


def tolerant_streams() -> None:
    """Let standard output and error show what their encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
