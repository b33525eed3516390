"""Reading of JSON, TOML and text: strict, and bounded in size and memory."""

from __future__ import annotations

import json
import math
import re
import sys
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from spec_builder.base.errors import SpecBuilderError

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = [
    "MAX_JSON_MEMORY",
    "is_inside",
    "json_memory",
    "load_json",
    "parse_json",
    "parse_toml",
    "read_bytes",
    "read_text",
]

#: Bytes of a table or another text, of TOML, of JSON, and of any file: far more than any of its kind needs.
MAX_TEXT, MAX_TOML, MAX_JSON, MAX_FILE = (n * 2**20 for n in (4, 1, 64, 256))
#: Bytes that the content of JSON may take in memory.
MAX_JSON_MEMORY = 512 * 2**20
#: About what each of these stands for in memory: a dictionary, a list, a number, a key, half of a text.
_MEMORY = {"{": 200, "[": 64, ",": 40, ":": 100, '"': 40}
#: Points in a line of TOML beside those of numbers: a key of thousands of parts takes gigabytes to read.
_MOST_POINTS = 100
#: Bits of a whole number in TOML, which asks for 64: a longer one is no number of any kind, and cannot be printed.
_MOST_BITS = 1100
_DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?:[eE][+-]?\d+)?(?![\w.])")
#: Characters of a number in a message.
_SHOWN = 40
#: The escape of one half of a character beyond U+FFFF, or that half itself.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def _bounded(stream: BinaryIO, most: int, shown: str) -> bytes:
    """The rest of a stream that may not be longer.

    Raises:
        SpecBuilderError: if it is.
    """
    data = stream.read(most + 1)
    if len(data) > most:
        raise SpecBuilderError(f"{shown}: is larger than {most >> 20} MB, which no file of this kind is")
    return data


def _refuse_special(path: Path) -> None:
    """Refuse a device, which may have no end, and a pipe, which may never answer."""
    try:
        special = path.exists() and not (path.is_file() or path.is_dir())
    except (OSError, ValueError):  # a loop of links, a NUL in the name
        special = False
    if special:
        raise SpecBuilderError(f"{path}: is a device or a pipe, expected a file")


def _decoded(data: bytes, shown: str) -> str:
    """Text, without the byte order mark that some editors write, its lines ended in one way."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecBuilderError(f"{shown}: not a UTF-8 text file") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder, links followed."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL in the name
        return False


def read_text(path: Path, *, most: int = MAX_TEXT) -> str:
    """Text of a file.

    Args:
        path: the file.
        most: its largest size.

    Raises:
        SpecBuilderError: if it is missing, a folder, a device, a pipe, unreadable, larger or not UTF-8.
    """
    _refuse_special(path)
    return _text(path, most)


def _text(path: Path, most: int) -> str:
    try:
        with path.open("rb") as stream:
            data = _bounded(stream, most, str(path))
    except FileNotFoundError:
        raise SpecBuilderError(f"{path}: no such file") from None
    except OSError as error:
        raise SpecBuilderError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # a NUL in the name
        raise SpecBuilderError(f"{path}: cannot be read ({error})") from None
    return _decoded(data, str(path))


def load_json(name: str) -> Any:
    """Content of a JSON file, or of standard input for ``-``.

    Raises:
        SpecBuilderError: if it is missing, larger than 64 MB, not JSON, holds NaN or Infinity, or repeats a key.
    """
    if name == "-":
        return parse_json(_standard_input(), "standard input")
    return parse_json(_text(Path(name), MAX_JSON), name)  # the user's own word: it may be a pipe


def _standard_input() -> str:
    """Text of standard input, UTF-8 whatever the terminal's encoding says."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:  # replaced by a stream of text
        return sys.stdin.read()
    try:
        text = _bounded(stream, MAX_JSON, "standard input").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecBuilderError("standard input: not UTF-8 text") from None
    return text


def parse_json(text: str, shown: str) -> Any:
    """Content of JSON text; see :func:`load_json`.

    Args:
        text: the text.
        shown: what to call it in a message.
    """
    if json_memory(text) > MAX_JSON_MEMORY:
        raise SpecBuilderError(f"{shown}: holds more values than fit into {MAX_JSON_MEMORY >> 20} MB of memory")

    def constant(value: str) -> NoReturn:
        found = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
        raise SpecBuilderError(f"{shown}: {found} is not a number that JSON allows, expected a finite one")

    def finite(value: str) -> float:
        number = float(value)
        return number if math.isfinite(number) else constant(value)

    def whole(value: str) -> int:
        finite(value)
        return int(value)

    try:
        content = json.loads(
            text,
            parse_constant=constant,
            parse_float=finite,
            parse_int=whole,
            object_pairs_hook=partial(_unique, shown),
        )
    except json.JSONDecodeError as error:
        raise SpecBuilderError(f"{shown}:{error.lineno}: not valid JSON ({error.msg}, column {error.colno})") from None
    except RecursionError:
        raise SpecBuilderError(f"{shown}: nested too deeply for JSON of this kind") from None
    if _SURROGATE.search(text):
        _refuse_half_characters(content, shown)
    return content


def _unique(shown: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, none of whose keys stands twice."""
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise SpecBuilderError(f"{shown}: key '{key}' stands twice in one object")
        content[key] = value
    return content


def json_memory(text: str) -> int:
    """About how many bytes the content of JSON text takes in memory, told before it is read.

    Examples:
        >>> json_memory("[1.25,2.5]")
        114
    """
    return len(text) + sum(size * text.count(mark) for mark, size in _MEMORY.items())


def parse_toml(text: str, shown: str) -> dict[str, Any]:
    """Content of TOML text.

    Args:
        text: the text.
        shown: what to call it in a message.

    Raises:
        SpecBuilderError: if it is not TOML, or larger than 1 MB.
    """
    if len(text) > MAX_TOML:
        raise SpecBuilderError(f"{shown}: is larger than {MAX_TOML >> 20} MB, which no file of this kind is")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _MOST_POINTS and _DECIMAL.sub("", line).count(".") > _MOST_POINTS:
            raise SpecBuilderError(f"{shown}:{number}: more than {_MOST_POINTS} points, which no line of this kind has")
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # integers of thousands of digits, thousands of brackets
        raise SpecBuilderError(f"{shown}: not valid TOML: {error}") from None
    _refuse_long_numbers(content, shown)
    return content


def _refuse_long_numbers(content: object, shown: str) -> None:
    """Refuse whole numbers of thousands of digits, which hexadecimal ones may have."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise SpecBuilderError(f"{shown}: not valid TOML: a whole number has more than {_MOST_BITS} bits")


def _refuse_half_characters(content: object, shown: str) -> None:
    """Refuse strings with one half of a surrogate pair: they are no text and cannot be written as UTF-8."""
    try:
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = ord(error.object[error.start])
        raise SpecBuilderError(f"{shown}: \\u{half:04x} is half a character, which is no text; remove it") from None


def read_bytes(path: Path, *, most: int = MAX_FILE) -> bytes:
    """Content of a file.

    Args:
        path: the file.
        most: its largest size.

    Raises:
        SpecBuilderError: if it cannot be read, is larger, or is a device or a pipe.
    """
    _refuse_special(path)
    try:
        with path.open("rb") as stream:
            return _bounded(stream, most, str(path))
    except OSError as error:
        raise SpecBuilderError(f"{path}: cannot be read ({error.strerror})") from None
