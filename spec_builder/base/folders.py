"""Folders to write to: made, held by one process at a time, and removed again where nothing came into them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.locks import FolderLock, GoneError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["alone_in", "make_folder", "missing_folders", "remove_empty"]

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
    lock, made = _made_and_locked(folder)
    try:
        yield
    finally:
        remove_empty(made)
        lock.release()  # whoever waits for it sees that it is gone


def _made_and_locked(folder: Path) -> tuple[FolderLock, list[Path]]:
    """The lock of a folder, and the folders that were made for it, the lowest first."""
    for _ in range(_TRIES):
        made = make_folder(folder)
        with contextlib.suppress(GoneError):  # another process has removed what it had made
            return FolderLock(folder, folder), made
    raise SpecBuilderError(f"{folder}: is removed again and again by another run; give another name")
