"""One process at a time on one folder: a lock that ends with its process, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import make_folder

try:
    import fcntl
except ImportError:  # not on Windows, where two processes look after themselves
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FolderLock", "alone_in"]

#: Folders that this process holds: it does not keep itself out.
_HELD: dict[tuple[int, int], int] = {}


class FolderLock:
    """Keeps other processes out of a folder that is there.

    File systems without such locks, as some of networks, have none.

    Args:
        folder: the folder.
        what: what is written there, for the message.
        wait: until another process has ended, rather than refuse.

    Raises:
        SpecBuilderError: if another process holds it.
    """

    def __init__(self, folder: Path, what: Path, *, wait: bool = False) -> None:
        self._key: tuple[int, int] | None = None
        if fcntl is None:
            return
        try:
            number = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise SpecBuilderError(f"{what}: cannot be written ({error.strerror})") from None
        about = os.fstat(number)
        key = (about.st_dev, about.st_ino)
        if key in _HELD:
            os.close(number)
            return
        try:
            fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(number)
            raise SpecBuilderError(f"{what}: another run writes it; wait for its end, or give another name") from None
        except OSError:
            os.close(number)
            return
        self._key, _HELD[key] = key, number

    def release(self) -> None:
        """Let others in."""
        if self._key is not None:
            os.close(_HELD.pop(self._key))
            self._key = None


@contextlib.contextmanager
def alone_in(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Make a folder and keep other processes out of it; without a file in it, it goes again.

    Args:
        folder: the folder.
        wait: until another process has ended, rather than refuse.

    Raises:
        SpecBuilderError: if another process holds it, or it cannot be made.
    """
    made = [above for above in (folder, *folder.parents) if not above.exists()]
    make_folder(folder)
    lock = FolderLock(folder, folder, wait=wait)
    try:
        yield
    finally:
        lock.release()
        with contextlib.suppress(OSError):  # something is in it
            for above in made:
                above.rmdir()
