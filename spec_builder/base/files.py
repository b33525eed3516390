"""Reading and writing of JSON and text files: strict, bounded, atomic, and never over something that exists."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from spec_builder.base.errors import ExistsError, SpecBuilderError
from spec_builder.base.folders import in_made_folder, missing_folders, remove_empty
from spec_builder.base.locks import FolderLock
from spec_builder.base.printing import json_text
from spec_builder.base.signals import held_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    Content = Callable[[Path], object] | str

__all__ = [
    "MAX_JSON_MEMORY",
    "canonical_json",
    "data_path",
    "digest",
    "is_temporary",
    "json_memory",
    "load_json",
    "move_file",
    "parse_json",
    "parse_toml",
    "read_bytes",
    "read_text",
    "real_path",
    "refuse_existing",
    "shipped_names",
    "write_bytes",
    "write_files",
    "write_text",
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
#: What :func:`write_bytes` calls a file that is not whole yet.
_TEMPORARY = re.compile(r"\..*-[a-z0-9_]{8}(\.\w+)?")
#: Bytes of a name, as file systems have it, and of what a temporary one has more than the name that it stands for.
_MOST_NAME, _ADDED = 255, 10
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


def shipped_names(room: str) -> tuple[str, ...]:
    """Names of the descriptions ``data/<room>/<name>.toml``, sorted."""
    return tuple(sorted(path.stem for path in data_path(room).glob("*.toml")))


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


def canonical_json(content: object) -> str:
    r"""JSON with sorted keys and a final newline: the same content gives the same bytes.

    Examples:
        >>> canonical_json({"b": [1, 2.0], "a": None})
        '{\n "a": null,\n "b": [\n  1,\n  2.0\n ]\n}\n'
    """
    return json_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)) + "\n"


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
        SpecBuilderError: if it is no file (a folder, a device, a pipe), or its folder may not be written.
    """
    if "\0" in str(path):
        raise SpecBuilderError(f"{path}: cannot be written (no name holds a NUL)")
    with _told(path):
        if path.is_dir():
            raise SpecBuilderError(f"{path}: is a folder, expected a file name")
        if path.exists() and not path.is_file():
            raise SpecBuilderError(f"{path}: is a device or a pipe, expected a file name")
        if path.is_symlink() and not path.exists():
            raise SpecBuilderError(f"{path}: is a link that leads to nothing, expected a file name")
        missing = missing_folders(path.absolute().parent, path)
        there = (missing[-1] if missing else real_path(path)).parent
        if not os.access(there, os.W_OK):
            raise SpecBuilderError(f"{path}: cannot be written ({there} takes no files of yours)")
        if path.exists() and not force:
            raise ExistsError(f"{path}: exists already; give another name")


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


def is_temporary(name: str) -> bool:
    """Whether a file has a name that :func:`write_bytes` gives before it gives the real one."""
    return _TEMPORARY.fullmatch(name) is not None


def write_text(path: Path, text: str, *, force: bool = False) -> None:
    """Write a text file; see :func:`write_bytes`."""
    write_files({path: text}, force=force)


def write_bytes(path: Path, write: Callable[[Path], object], *, force: bool = False) -> None:
    """Write a file under a temporary name in the same folder and rename it.

    Args:
        path: the file; its folder is made if need be.
        write: writes the content to the path that it is given.
        force: replace a file that exists.

    Raises:
        SpecBuilderError: if the file exists and ``force`` is not given, or the folder cannot be written.
    """
    write_files({path: write}, force=force)


def write_files(files: Mapping[Path, Content], *, force: bool = False) -> None:
    """Write files that belong together, each under a temporary name first: all of them, or none.

    Of several processes that write the same files one after the other gives them their names. A signal that would end
    the process while it gives them waits until all have theirs.

    Args:
        files: the content of each, or what writes it to the path that it is given.
        force: replace files that exist.

    Raises:
        SpecBuilderError: as :func:`write_bytes`, or for two names of one file.
    """
    for path in files:
        refuse_existing(path, force=force)
    drafts: list[_Draft] = []
    made: list[Path] = []
    try:
        for path, content in files.items():
            real = real_path(path)
            _refuse_twice(path, real, drafts)
            with _told(path):
                drafts.append(_Draft(path, real, _temporary_of(real, made)))
                _fill(drafts[-1].temporary, content)
        with _alone_in({draft.real.parent for draft in drafts}), held_back():
            _put_all(drafts, force=force)
    finally:
        for draft in drafts:
            with contextlib.suppress(OSError):
                draft.temporary.unlink(missing_ok=True)
        remove_empty(made)


@dataclass(frozen=True)
class _Draft:
    """A file that is being written.

    Attributes:
        shown: its name as it was given.
        real: its place.
        temporary: where it is until it is whole.
    """

    shown: Path
    real: Path
    temporary: Path


def real_path(path: Path) -> Path:
    """Where a file lies: a link stays, and what it leads to is written. A loop of links leads nowhere."""
    return Path(os.path.realpath(path))


def move_file(source: Path, path: Path, *, force: bool = False) -> None:
    """Give a file that is whole another name, on another file system by way of a copy.

    Args:
        source: the file, which goes.
        path: its new name.
        force: replace a file that exists.

    Raises:
        SpecBuilderError: as :func:`write_bytes`.
    """
    refuse_existing(path, force=force)
    with _told(path):
        try:
            _put(source, real_path(path), path, force=force)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            write_bytes(path, lambda copy: shutil.copyfile(source, copy), force=force)
        source.unlink(missing_ok=True)


def _refuse_twice(path: Path, real: Path, drafts: Iterable[_Draft]) -> None:
    """Refuse two names of one file: one content would be lost."""
    for draft in drafts:
        if draft.real == real:
            raise SpecBuilderError(f"{path}: is the same file as {draft.shown}, expected two files")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file cannot be written."""
    try:
        yield
    except OSError as error:
        raise SpecBuilderError(f"{path}: cannot be written ({error.strerror})") from None


def _temporary_of(path: Path, made: list[Path]) -> Path:
    """An empty file beside another one; the folder is made if need be.

    Args:
        path: the file.
        made: takes the folders that are made.
    """
    prefix = f".{_shortened(path.stem, _MOST_NAME - _ADDED - len(os.fsencode(path.suffix)))}-"
    file = partial(tempfile.mkstemp, dir=path.parent, prefix=prefix, suffix=path.suffix)
    handle, name = in_made_folder(path.parent, file, made, what=path)
    os.close(handle)
    return Path(name)


def _shortened(name: str, most: int) -> str:
    """The beginning of a name that has so many bytes at most, in whole characters."""
    while name and len(os.fsencode(name)) > most:
        name = name[:-1]
    return name


def _fill(temporary: Path, content: Content) -> None:
    if isinstance(content, str):
        temporary.write_text(content, encoding="utf-8")
    else:
        content(temporary)
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o666 & ~mask)


@contextlib.contextmanager
def _alone_in(folders: Iterable[Path]) -> Iterator[None]:
    """Keep others from giving names in folders; one may hold a folder as long as it computes, and is waited for."""
    with contextlib.ExitStack() as held:
        for folder in sorted(folders):  # in one order, so that no two wait for each other
            with contextlib.suppress(SpecBuilderError):  # a folder that may be written, but not read
                held.callback(FolderLock(folder, folder, waits=True).release)
        yield


def _put_all(drafts: Iterable[_Draft], *, force: bool) -> None:
    """Give files their names; those that have theirs lose them again if one cannot have it.

    Args:
        drafts: the files, all of them whole.
        force: replace files that exist.
    """
    done: list[Path] = []
    try:
        for draft in drafts:
            with _told(draft.shown):
                _put(draft.temporary, draft.real, draft.shown, force=force)
            done.append(draft.real)
    except BaseException:
        if not force:  # what stood there before is replaced already
            for path in done:
                path.unlink(missing_ok=True)
        raise


def _put(temporary: Path, path: Path, shown: Path, *, force: bool) -> None:
    """Give a file its name: without ``force`` not that of one that another process has just made.

    Raises:
        ExistsError: if there is one.
    """
    if not force:
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise ExistsError(f"{shown}: exists already; give another name") from None
        except (OSError, AttributeError):  # a file system without links
            refuse_existing(path, force=False)
        else:
            return
    temporary.replace(path)
