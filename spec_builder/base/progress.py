"""Who is told how far a computation is: of one step its parts, of several each of them too.

What has one step takes :data:`Parts`, what has several :class:`Steps`; ``partial(report, step)`` makes the one of the
other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

__all__ = ["Parts", "Steps", "silent"]

#: Told how many parts of a step are done, and of how many.
Parts: TypeAlias = Callable[[int, int], object]


class Steps(Protocol):
    """Told what is being done, and how much of it is done."""

    def __call__(self, step: str, done: int = 0, total: int = 0) -> object:
        """Take note.

        Args:
            step: one line; the same while one step goes on.
            done: parts of the step that are done.
            total: of how many; 0 if it has no parts.
        """


def silent(*_: Any, **__: Any) -> None:
    """Take no note, of steps or of parts."""
