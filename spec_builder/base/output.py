"""A folder to write to, with the one decision whether what exists there may be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec_builder.base.files import make_folder, refuse_existing, write_bytes, write_files, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["Output"]


@dataclass(frozen=True)
class Output:
    """Where a job writes its files.

    Attributes:
        folder: made when the first file is written.
        force: replace files that exist.
    """

    folder: Path
    force: bool = False

    def below(self, *names: str) -> Output:
        """A folder in the folder."""
        return Output(self.folder.joinpath(*names), self.force)

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self.folder / name

    def make(self) -> None:
        """Make the folder.

        Raises:
            SpecBuilderError: if it cannot be made, or is a file.
        """
        make_folder(self.folder)

    def check(self, names: Iterable[str]) -> None:
        """Refuse to begin if one of the files exists and may not be replaced.

        Raises:
            SpecBuilderError: naming the first.
        """
        for name in names:
            refuse_existing(self.path(name), force=self.force)

    def text(self, name: str, text: str) -> Path:
        """Write a text file; see :func:`spec_builder.base.files.write_text`."""
        write_text(self.path(name), text, force=self.force)
        return self.path(name)

    def files(self, files: Mapping[str, Callable[[Path], object] | str]) -> list[Path]:
        """Write files that belong together; see :func:`spec_builder.base.files.write_files`."""
        write_files({self.path(name): write for name, write in files.items()}, force=self.force)
        return [self.path(name) for name in files]

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """Write a file; see :func:`spec_builder.base.files.write_bytes`."""
        write_bytes(self.path(name), write, force=self.force)
        return self.path(name)
