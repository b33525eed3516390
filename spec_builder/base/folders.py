"""Folders to write to: made, held by one process at a time, and removed again where nothing came into them."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.locks import FolderLock, GoneError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["alone_in", "make_folder", "remove_empty"]

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
    places = (folder.absolute(), *folder.absolute().parents)
    missing = list(itertools.takewhile(lambda place: not place.exists(), places))
    above = places[len(missing)]
    if not above.is_dir():
        raise SpecBuilderError(f"{what or folder}: cannot be written ({above} is not a folder)")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecBuilderError(f"{what or folder}: cannot be written ({error.strerror})") from None
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
