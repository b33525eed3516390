"""Tables of a HEPData submission beside what its analyses give."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.interactions import choose
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.export import PatchRequest
from spec_builder.sharing.submission import is_installed
from spec_builder.sharing.verify_submission import verify_submission

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs hepdata_lib")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("submission")
    request = PatchRequest([choose("scalar", coupling_set="A"), choose("nsi")], [1.0, 10.0])
    write_archives(["xenonnt", "pandax4t"], folder, request, variants={"pandax4t": "ce_rich"})
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "out")
    return tmp_path / "out"


def test_what_was_written_is_sound(made: Path) -> None:
    assert verify_submission(str(made)) == ("submission of 2 archives, and its tables, computed again", [])
    assert verify_submission(str(made / "submission.yaml"))[1] == []


@pytest.mark.parametrize("name", ["exclusion_xenonnt_scalar.yaml", "exclusion_pandax4t_nsi.yaml", "submission.yaml"])
def test_a_changed_number_of_a_table_is_named_with_its_line(folder: Path, name: str) -> None:
    path = folder / name
    lines = path.read_text().splitlines(keepends=True)
    word = "minimum" if name == "submission.yaml" else "value: "
    row = next(i for i, line in enumerate(lines) if (word in line and line.strip()[-1].isdigit()) or "25.9297" in line)
    digit = next(letter for letter in lines[row][::-1] if letter.isdigit() and letter != "9")
    place = lines[row].rindex(digit)
    lines[row] = lines[row][: place - 1] + "9" + lines[row][place:]
    path.write_text("".join(lines))
    _, problems = verify_submission(str(folder))
    assert [problem.partition(": ")[0] for problem in problems] == [f"{name}:{row + 1}"]


def test_another_hs3_file(folder: Path) -> None:
    shutil.copy(folder / "xenonnt.hs3.json", folder / "pandax4t.hs3.json")
    assert verify_submission(str(folder))[1] == ["pandax4t.hs3.json: is not the HS3 file of pandax4t.tar.gz"]


def test_a_broken_archive_is_told_first(folder: Path) -> None:
    (folder / "xenonnt.tar.gz").write_bytes(b"")
    with pytest.raises(SpecBuilderError, match=r"xenonnt\.tar\.gz: is empty"):
        verify_submission(str(folder))


def test_no_archive(tmp_path: Path) -> None:
    (tmp_path / "submission.yaml").write_text("---\n")
    with pytest.raises(SpecBuilderError, match=r"submission\.yaml without an archive"):
        verify_submission(str(tmp_path))
