"""Experiments of a user's own for tests: copies of shipped ones under another name."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from spec_builder.base.files import data_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["copy_of", "copy_with"]


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


def copy_with(folder: Path, name: str, file: str, old: str, new: str, *, description: Path | None = None) -> Path:
    """A copy of a shipped experiment in a folder, in which a text that stands once in a file is replaced."""
    copy = copy_of(name, folder / f"my_{name}", description=description)
    text = (copy / file).read_text(encoding="utf-8")
    assert text.count(old) == 1, f"'{old}' stands {text.count(old)} times in {file}"
    (copy / file).write_text(text.replace(old, new), encoding="utf-8")
    return copy
