"""Names and messages on a terminal: anybody's file may hold names that steer it, or that it cannot show."""

from __future__ import annotations

import json
import os
import re
import sys

__all__ = ["counted", "in_line", "json_text", "one_line", "open_streams", "percent", "printable", "tolerant_streams"]

#: Control characters but line ends and tabs, those that change lines or the direction of writing, and invisible ones.
_CONTROL = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\udfff\\ufeff]"
    "|[\\U000e0000-\\U000e0fff]"
)


#: Bytes of a file's name that Python could not read in the terminal's encoding.
_BYTES = re.compile("[\\udc80-\\udcff]+")


def _read_again(match: re.Match[str]) -> str:
    """Such bytes as UTF-8, or as they are."""
    try:
        return match[0].encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


def _escape(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"  # of more digits where it has them


def counted(number: int, word: str, words: str | None = None) -> str:
    """A number of things, one or several.

    Args:
        number: of them.
        word: what one is.
        words: what several are, where it is not the word with an s.

    Examples:
        >>> counted(1, "bin"), counted(2, "bin"), counted(0, "patch", "patches")
        ('1 bin', '2 bins', '0 patches')
    """
    return f"{number} {word if number == 1 else words or word + 's'}"


def percent(level: float) -> str:
    """A confidence level for people; one close to 1 keeps all its nines.

    Examples:
        >>> percent(0.6826894921370859), percent(0.9), percent(0.99999943)
        ('68.27 %', '90 %', '99.999943 %')
    """
    return f"{100 * level:.{4 if level < 0.999 else 10}g} %"


def printable(text: str) -> str:
    r"""The text with control characters as escapes, but for line ends and tabs: a name must not steer a terminal.

    Examples:
        >>> print(printable("a\x1b[31mb"))
        a\x1b[31mb
    """
    return _CONTROL.sub(_escape, _BYTES.sub(_read_again, text))


def one_line(text: str) -> str:
    r"""The text in one line: a name must not look like a message of its own.

    Examples:
        >>> print(one_line("a\nother.json: ok"))
        a other.json: ok
    """
    return printable(" ".join(text.split()))


def in_line(text: str) -> str:
    r"""The text as a part of a line: as :func:`one_line`, but what is between its words stays as wide as it is.

    Examples:
        >>> print(in_line("a  b\n| c |"))
        a  b | c |
    """
    return text if text.isascii() and text.isprintable() else printable(" ".join(text.splitlines()).replace("\t", " "))


def json_text(text: str) -> str:
    r"""JSON in which no character steers a terminal: the same content, each as JSON's own escape.

    Examples:
        >>> print(json_text('["left\u202eright"]'))
        ["left\u202eright"]
    """
    if text.isascii() and "\x7f" not in text:  # the others JSON escapes itself
        return text
    return _CONTROL.sub(lambda match: json.dumps(match[0])[1:-1], text)


def open_streams() -> None:
    """Give the process the streams that it was started without.

    Otherwise the first files that it opens would be in their place. What is printed on an output that was closed is
    an error, as with other programs; what is said on a closed standard error is lost.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened == number:
                os.set_inheritable(number, True)  # noqa: FBT003 - the server of worker processes ends without it
            else:
                os.dup2(opened, number)
                os.close(opened)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def tolerant_streams() -> None:
    """Let standard output and error be UTF-8 whatever the terminal says, and show half characters as escapes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")
