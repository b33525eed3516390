"""How far a long job is: what a caller is told on the way."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Report", "silent"]


class Report(Protocol):
    """Told what is being done, and how much of it is done."""

    def __call__(self, step: str, done: int = 0, total: int = 0) -> object:
        """Take note.

        Args:
            step: one line; the same while one step goes on.
            done: parts of the step that are done.
            total: of how many; 0 if it has no parts.
        """


def silent(step: str, done: int = 0, total: int = 0) -> None:
    """Take no note."""
