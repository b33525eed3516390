"""A folder to write to, with the one decision whether what exists there may be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec_builder.base.files import refuse_existing, write_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from spec_builder.base.files import Content

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

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self.folder / name

    def check(self, names: Iterable[str]) -> None:
        """Refuse to begin if one of the files exists and may not be replaced.

        Raises:
            SpecBuilderError: naming the first.
        """
        for name in names:
            refuse_existing(self.path(name), force=self.force)

    def files(self, files: Mapping[str, Content]) -> list[Path]:
        """Write files that belong together; see :func:`spec_builder.base.files.write_files`."""
        write_files({self.path(name): write for name, write in files.items()}, force=self.force)
        return [self.path(name) for name in files]
