"""The main job refuses before it begins; its files are checked where the command line runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.paper.reproduce import _files, reproduce

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name", ["summary.md", "fig4_plane.pdf", "contour_xenonnt_scalar.csv", "workspaces/linear/xenonnt/BkgOnly.json"]
)
def test_nothing_is_begun_if_a_file_exists(tmp_path: Path, name: str) -> None:
    assert name in _files()
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine", "utf-8")
    told: list[str] = []
    with pytest.raises(SpecBuilderError, match="exists already"):
        reproduce(tmp_path, report=lambda step, *_: told.append(step))
    assert told == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name.rpartition("/")[2]]


def test_every_file_stands_once() -> None:
    assert len(set(_files())) == len(_files())
