"""Archives as a whole: what is in them, that nothing in them can change unseen, and that pyhf prints what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.interactions import choose
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.bundle import read_archive
from spec_builder.sharing.export import PatchRequest
from spec_builder.sharing.verify_archive import verify_archive
from tests.copies import copy_of

if TYPE_CHECKING:
    from pathlib import Path


def test_files(files: dict[str, bytes]) -> None:
    assert sorted(files) == [
        "BkgOnly.hs3.json",
        "BkgOnly.json",
        "BkgOnly.meta.json",
        "CITATION.bib",
        "LINES",
        "README.md",
        "SHA256SUMS",
        "expected_results.json",
        "patchset_scalar.json",
        "patchset_vector_universal.json",
    ]


def test_packed_and_unpacked_elsewhere_it_is_as_expected(packed: Path, unpacked: Path) -> None:
    for name in (packed, unpacked):
        summary, problems = verify_archive(str(name))
        assert problems == []
        assert "32 patches in 2 sets fitted, all as expected" in summary
    (unpacked / "point.json").write_text("[]", encoding="utf-8")
    summary, problems = verify_archive(str(unpacked))
    assert problems == []
    assert "not part of it: point.json" in summary


def test_the_same_bytes_again(packed: Path, small_request: PatchRequest, tmp_path: Path) -> None:
    (again,) = write_archives(["combined"], tmp_path, small_request, submission=False)
    assert again.read_bytes() == packed.read_bytes()


def test_an_experiment_of_ones_own_under_another_variant(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    copy_of("pandax4t", mine)
    request = PatchRequest([choose("tensor", longitudinal_factor=4)], [1.0, 10.0], None)
    (path,) = write_archives(
        [str(mine)], tmp_path, request, law="linear", variants={"mine": "ce_rich"}, submission=False
    )
    assert verify_archive(str(path))[1] == []
    readme = read_archive(path)["README.md"].decode()
    assert "Variants: mine=ce_rich" in readme
    assert "longitudinal factor 4" in readme
    assert "XENONnT" not in readme


def test_nothing_is_overwritten(packed: Path, small_request: PatchRequest) -> None:
    with pytest.raises(SpecBuilderError, match=r"combined\.tar\.gz: exists already"):
        write_archives(["combined"], packed.parent, small_request, submission=False)


def test_an_analysis_stands_once(tmp_path: Path, small_request: PatchRequest) -> None:
    with pytest.raises(SpecBuilderError, match="analysis 'xenonnt' stands twice"):
        write_archives(["xenonnt", "xenonnt"], tmp_path, small_request, submission=False)
    assert list(tmp_path.iterdir()) == []
