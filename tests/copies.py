"""Experiments of a user's own for tests: copies of shipped ones under another name."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from spec_builder.base.files import data_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["copy_of"]


def copy_of(name: str, folder: Path, *, called: str = "mine", description: Path | None = None) -> Path:
    """A copy of a shipped experiment in a new folder, under a name that is not shipped.

    Args:
        name: of the shipped one.
        folder: of the copy.
        called: the copy's name.
        description: a file in the place of its ``experiment.toml``.
    """
    shutil.copytree(data_path("experiments", name), folder)
    file = folder / "experiment.toml"
    text = (description or file).read_text("utf-8")
    assert f'name = "{name}"\n' in text
    file.write_text(text.replace(f'name = "{name}"\n', f'name = "{called}"\n', 1), "utf-8")
    return folder
