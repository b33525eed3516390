"""A lock of a folder: it ends with its process, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import sys
from time import monotonic, sleep
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.printing import one_line

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not on Windows, where two processes look after themselves
    fcntl = None

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

__all__ = ["FolderLock", "GoneError"]

#: Seconds between two looks at what another process holds.
_PAUSE_S = 0.05
#: Seconds of a wait about which nothing is said: names are given in less.
_SILENT_S = 1.0
#: Folders that this process holds: it does not keep itself out.
_HELD: dict[tuple[int, int], int] = {}


class GoneError(SpecBuilderError):
    """The folder is not there."""


class FolderLock:
    """Keeps other processes out of a folder that is there.

    File systems without such locks, as some of networks, have none.

    Args:
        folder: the folder.
        what: what is written there, for the message.
        waits: wait for the end of another process that holds it, and say so on standard error if that takes long.

    Raises:
        SpecBuilderError: if another process holds it, unless ``waits``.
    """

    def __init__(self, folder: Path, what: Path, *, waits: bool = False) -> None:
        self._key: tuple[int, int] | None = None
        if fcntl is None:
            return
        while self._key is None:
            number = _opened(folder, what)
            key = _identity(os.fstat(number))
            if key in _HELD or not _is_locked(number, what, waits=waits):
                os.close(number)
                return
            if _is_at(folder, key):
                self._key, _HELD[key] = key, number
            else:  # whoever held it has removed it
                os.close(number)

    def release(self) -> None:
        """Let others in."""
        if self._key is not None:
            os.close(_HELD.pop(self._key))
            self._key = None


def _opened(folder: Path, what: Path) -> int:
    try:
        return os.open(folder, os.O_RDONLY)
    except FileNotFoundError as error:
        raise GoneError(f"{what}: cannot be written ({error.strerror})") from None
    except OSError as error:
        raise SpecBuilderError(f"{what}: cannot be written ({error.strerror})") from None


def _flock(number: int) -> None:
    if fcntl is not None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_locked(number: int, what: Path, *, waits: bool) -> bool:
    """Whether the lock was got; False on a file system that has none.

    Raises:
        SpecBuilderError: if another process holds it, unless it is waited for.
    """
    begin, told = monotonic(), False
    while True:
        try:
            _flock(number)
        except BlockingIOError:
            if not waits:
                os.close(number)
                message = f"{what}: another run writes it; wait for its end, or give another name"
                raise SpecBuilderError(message) from None
            if not told and monotonic() > begin + _SILENT_S:
                told = True
                _say(f"{what}: another run writes there; its end is waited for")
            sleep(_PAUSE_S)
        except OSError:
            return False
        else:
            return True


def _say(message: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody listens
        sys.stderr.write(f"{one_line(message)}\n")
        sys.stderr.flush()


def _is_at(folder: Path, key: tuple[int, int]) -> bool:
    with contextlib.suppress(OSError):
        return _identity(folder.stat()) == key
    return False


def _identity(about: os.stat_result) -> tuple[int, int]:
    return about.st_dev, about.st_ino
