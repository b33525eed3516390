"""A folder to write to, and the one decision whether what is there may be replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.output import Output

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_written_into_the_folder(tmp_path: Path) -> None:
    output = Output(tmp_path / "new")
    written = output.files({"a.txt": "text", "deeper/still/b.bin": lambda path: path.write_bytes(b"\x00")})
    assert written == [tmp_path / "new/a.txt", tmp_path / "new/deeper/still/b.bin"]
    assert (tmp_path / "new" / "a.txt").read_text("utf-8") == "text"
    assert (tmp_path / "new" / "deeper" / "still" / "b.bin").read_bytes() == b"\x00"


def test_what_exists_is_kept_without_force(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old", "utf-8")
    with pytest.raises(SpecBuilderError, match=r"a\.txt: exists already"):
        Output(tmp_path).check(["b.txt", "a.txt"])
    with pytest.raises(SpecBuilderError, match="exists already"):
        Output(tmp_path).files({"b.txt": "new", "a.txt": "new"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text("utf-8") == "old"
    forced = Output(tmp_path, force=True)
    forced.check(["a.txt"])
    forced.files({"a.txt": "new"})
    assert (tmp_path / "a.txt").read_text("utf-8") == "new"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(SpecBuilderError, match="is not a folder"):
        Output(tmp_path / "file").files({"a.txt": "text"})
