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
    assert output.text("a.txt", "text") == tmp_path / "new" / "a.txt"
    output.below("deeper", "still").file("b.bin", lambda path: path.write_bytes(b"\x00"))
    assert (tmp_path / "new" / "a.txt").read_text("utf-8") == "text"
    assert (tmp_path / "new" / "deeper" / "still" / "b.bin").read_bytes() == b"\x00"


def test_what_exists_is_kept_without_force(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old", "utf-8")
    with pytest.raises(SpecBuilderError, match=r"a\.txt: exists already"):
        Output(tmp_path).check(["b.txt", "a.txt"])
    with pytest.raises(SpecBuilderError, match="exists already"):
        Output(tmp_path).text("a.txt", "new")
    with pytest.raises(SpecBuilderError, match="exists already"):
        Output(tmp_path).file("a.txt", lambda path: path.write_text("new", "utf-8"))
    assert (tmp_path / "a.txt").read_text("utf-8") == "old"
    forced = Output(tmp_path, force=True)
    forced.check(["a.txt"])
    forced.text("a.txt", "new")
    assert (tmp_path / "a.txt").read_text("utf-8") == "new"


def test_the_decision_goes_below(tmp_path: Path) -> None:
    assert Output(tmp_path, force=True).below("x").force


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(SpecBuilderError, match="is not a folder"):
        Output(tmp_path / "file").make()
