"""Folders to write to: made, held by one process at a time, and removed again where nothing came into them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.locks import FolderLock, GoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["alone_in", "in_made_folder", "make_folder", "missing_folders", "remove_empty"]

_T = TypeVar("_T")
#: A folder is made so often, if others remove it.
_TRIES = 100


def make_folder(folder: Path, *, what: Path | None = None) -> list[Path]:
    """Make a folder, and those above it, if need be.

    Args:
        folder: the folder.
        what: what is to be written there, for the message; the folder itself by default.

    Returns:
        The folders that were made, the lowest first.

    Raises:
        SpecBuilderError: if it cannot be made, or is a file.
    """
    shown = what or folder
    try:
        missing = missing_folders(folder, shown)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecBuilderError(f"{shown}: cannot be written ({error.strerror})") from None
    return missing


def in_made_folder(folder: Path, do: Callable[[], _T], made: list[Path], *, what: Path | None = None) -> _T:
    """Make a folder if need be and do something in it; again, if another process removes what it had made.

    Args:
        folder: the folder.
        do: raises FileNotFoundError or GoneError where the folder is gone.
        made: takes the folders that are made.
        what: is to be written there, for the message; the folder itself by default.

    Raises:
        SpecBuilderError: as :func:`make_folder`, or if the folder is removed again and again.
    """
    for _ in range(_TRIES):
        made += make_folder(folder, what=what)
        with contextlib.suppress(FileNotFoundError, GoneError):
            return do()
    raise SpecBuilderError(f"{what or folder}: cannot be written (another run removes the folder again and again)")


def missing_folders(folder: Path, shown: Path) -> list[Path]:
    """Those of a folder and the folders above it that are not there, the lowest first.

    Args:
        folder: the folder.
        shown: what is to be written there, for the message.

    Raises:
        SpecBuilderError: if they cannot be made: one is a link that leads to nothing, or lies below a file.
        OSError: if that cannot be told.
    """
    missing: list[Path] = []
    for place in (folder.absolute(), *folder.absolute().parents):
        if place.is_dir():
            break
        if place.exists():
            raise SpecBuilderError(f"{shown}: cannot be written ({place} is not a folder)")
        if place.is_symlink():
            raise SpecBuilderError(f"{shown}: cannot be written ({place} is a link that leads to nothing)")
        missing.append(place)
    return missing


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of some folders in which there is nothing, or nothing but such folders."""
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        with contextlib.suppress(OSError):  # something is in it
            folder.rmdir()


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder and keep other processes out of it; without a file in it, it goes again.

    Args:
        folder: the folder.

    Raises:
        SpecBuilderError: if another process holds it, or it cannot be made.
    """
    made: list[Path] = []
    lock = in_made_folder(folder, lambda: FolderLock(folder, folder), made)
    try:
        yield
    finally:
        remove_empty(made)
        lock.release()  # whoever waits for it sees that it is gone
