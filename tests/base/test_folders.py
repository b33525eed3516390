"""Folders to write to: made, held by one process, removed again where nothing came into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import write_text
from spec_builder.base.folders import alone_in, make_folder, remove_empty
from tests.base.test_locks import another

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_without_a_file_goes_again(tmp_path: Path) -> None:
    with alone_in(tmp_path / "a" / "b"):
        assert another(tmp_path / "a" / "b") != ""
    assert list(tmp_path.iterdir()) == []
    with alone_in(tmp_path / "c"):
        (tmp_path / "c" / "x").touch()
    assert (tmp_path / "c" / "x").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(SpecBuilderError, match="x: cannot be written"), alone_in(tmp_path / "x"):
        pass


def test_a_link_that_leads_to_nothing_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("nowhere", "loop"):
        said = rf"{name}/a: cannot be written \(.*/{name} is a link that leads to nothing\)"
        with pytest.raises(SpecBuilderError, match=said):
            make_folder(tmp_path / name / "a")
        with pytest.raises(SpecBuilderError, match=said):
            write_text(tmp_path / name / "a", "text")
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_made_is_removed_but_for_what_is_used(tmp_path: Path) -> None:
    made = [*make_folder(tmp_path / "a" / "b"), *make_folder(tmp_path / "a" / "c")]
    assert made == [tmp_path / "a" / "b", tmp_path / "a", tmp_path / "a" / "c"]
    assert make_folder(tmp_path / "a" / "c") == []
    (tmp_path / "a" / "c" / "file").touch()
    remove_empty(made)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["c"]
    (tmp_path / "a" / "c" / "file").unlink()
    remove_empty(made)
    assert list(tmp_path.iterdir()) == []
