"""Reading and writing of JSON and text files: strict, atomic, and never over something that exists."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from spec_builder.base.errors import ExistsError, SpecBuilderError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "canonical_json",
    "data_path",
    "digest",
    "load_json",
    "make_folder",
    "parse_json",
    "read_bytes",
    "read_text",
    "refuse_existing",
    "write_bytes",
    "write_text",
]


#: The escape of one half of a character beyond U+FFFF, or that half itself.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def data_path(*parts: str) -> Path:
    """Path of a file or folder of the project's own ``data/``.

    An installed wheel carries the tables inside the package; a source checkout has them beside it.
    """
    package = Path(__file__).parents[1]  # this file lies in a folder of it
    inside = package / "data"
    root = inside if inside.is_dir() else package.parent / "data"
    return root.joinpath(*parts)


def read_text(path: Path) -> str:
    """Text of a file the user named.

    Raises:
        SpecBuilderError: if it is missing, a folder, unreadable or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")  # without the byte order mark that some editors write
    except FileNotFoundError:
        raise SpecBuilderError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise SpecBuilderError(f"{path}: not a UTF-8 text file") from None
    except OSError as error:
        raise SpecBuilderError(f"{path}: cannot be read ({error.strerror})") from None


def load_json(name: str) -> Any:
    """Content of a JSON file, or of standard input for ``-``.

    Raises:
        SpecBuilderError: if it is missing, not JSON, holds NaN or Infinity, or repeats a key.
    """
    if name == "-":
        return parse_json(_standard_input(), "standard input")
    return parse_json(read_text(Path(name)), name)


def _standard_input() -> str:
    """Text of standard input, UTF-8 whatever the terminal's encoding says."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:  # replaced by a stream of text
        return sys.stdin.read()
    try:
        text: str = stream.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecBuilderError("standard input: not UTF-8 text") from None
    return text


def parse_json(text: str, shown: str) -> Any:
    """Content of JSON text; see :func:`load_json`.

    Args:
        text: the text.
        shown: what to call it in a message.
    """

    def constant(value: str) -> NoReturn:
        raise SpecBuilderError(f"{shown}: {value} is not a number that JSON allows, expected a finite one")

    def finite(value: str) -> float:
        number = float(value)
        return number if math.isfinite(number) else constant(value)

    def whole(value: str) -> int:
        finite(value)
        return int(value)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                raise SpecBuilderError(f"{shown}: key '{key}' stands twice in one object")
            content[key] = value
        return content

    try:
        content = json.loads(
            text, parse_constant=constant, parse_float=finite, parse_int=whole, object_pairs_hook=unique
        )
    except json.JSONDecodeError as error:
        raise SpecBuilderError(f"{shown}:{error.lineno}: not valid JSON ({error.msg}, column {error.colno})") from None
    except RecursionError:
        raise SpecBuilderError(f"{shown}: nested too deeply for JSON of this kind") from None
    if _SURROGATE.search(text):
        _refuse_half_characters(content, shown)
    return content


def _refuse_half_characters(content: object, shown: str) -> None:
    """Refuse strings with one half of a surrogate pair: they are no text and cannot be written as UTF-8."""
    try:
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = ord(error.object[error.start])
        raise SpecBuilderError(f"{shown}: \\u{half:04x} is half a character, which is no text; remove it") from None


def canonical_json(content: object) -> str:
    r"""JSON with sorted keys and a final newline: the same content gives the same bytes.

    Examples:
        >>> canonical_json({"b": [1, 2.0], "a": None})
        '{\n "a": null,\n "b": [\n  1,\n  2.0\n ]\n}\n'
    """
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def digest(content: object) -> str:
    """SHA-256 of JSON content, equal to what ``pyhf digest`` prints.

    Examples:
        >>> digest({"version": "1.0.0"})[:8]
        '662b2028'
    """
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def refuse_existing(path: Path, *, force: bool) -> None:
    """Stop before anything that exists is overwritten.

    Raises:
        ExistsError: if ``path`` exists and ``force`` is not given.
        SpecBuilderError: if it is no file: a folder, a device, a pipe.
    """
    if path.is_dir():
        raise SpecBuilderError(f"{path}: is a folder, expected a file name")
    if path.exists() and not path.is_file():
        raise SpecBuilderError(f"{path}: is a device or a pipe, expected a file name")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise SpecBuilderError(f"{path}: cannot be written ({above} is not a folder)")
    if path.exists() and not force:
        raise ExistsError(f"{path}: exists already; give another name")


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises:
        SpecBuilderError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecBuilderError(f"{path}: cannot be read ({error.strerror})") from None


def make_folder(folder: Path, *, what: Path | None = None) -> None:
    """Make a folder, and those above it, if need be.

    Args:
        folder: the folder.
        what: what is to be written there, for the message; the folder itself by default.

    Raises:
        SpecBuilderError: if it cannot be made, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise SpecBuilderError(f"{what or folder}: cannot be written (Not a directory)") from None
    except OSError as error:
        raise SpecBuilderError(f"{what or folder}: cannot be written ({error.strerror})") from None


def write_text(path: Path, text: str, *, force: bool = False) -> None:
    """Write a text file; see :func:`write_bytes`."""
    write_bytes(path, lambda temporary: temporary.write_text(text, encoding="utf-8"), force=force)


def write_bytes(path: Path, write: Callable[[Path], object], *, force: bool = False) -> None:
    """Write a file under a temporary name in the same folder and rename it.

    Args:
        path: the file; its folder is made if need be.
        write: writes the content to the path that it is given.
        force: replace a file that exists.

    Raises:
        SpecBuilderError: if the file exists and ``force`` is not given, or the folder cannot be written.
    """
    refuse_existing(path, force=force)
    path = path.resolve()  # a link stays, and what it leads to is written
    make_folder(path.parent, what=path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise SpecBuilderError(f"{path}: cannot be written ({error.strerror})") from None
    temporary = Path(name)
    try:
        write(temporary)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        raise SpecBuilderError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)
