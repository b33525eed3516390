"""Writing of files: whole or not at all, and never over something that exists."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from spec_builder.base.errors import ExistsError, SpecBuilderError
from spec_builder.base.folders import in_made_folder, missing_folders, remove_empty
from spec_builder.base.locks import FolderLock
from spec_builder.base.printing import json_text
from spec_builder.base.signals import held_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Content = Callable[[Path], object] | str

__all__ = [
    "canonical_json",
    "data_path",
    "digest",
    "is_temporary",
    "move_file",
    "real_path",
    "refuse_existing",
    "shipped_names",
    "write_bytes",
    "write_files",
    "write_text",
]
#: What :func:`write_bytes` calls a file that is not whole yet.
_TEMPORARY = re.compile(r"\..*-[a-z0-9_]{8}(\.\w+)?")
#: Bytes of a name, as file systems have it, and of what a temporary one has more than the name that it stands for.
_MOST_NAME, _ADDED = 255, 10


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
                with held_back():  # from when it is there until it is known that it is to go
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
