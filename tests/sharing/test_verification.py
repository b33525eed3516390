"""One check for all that can be shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.export import PatchRequest, export_workspaces
from spec_builder.sharing.verification import verify
from spec_builder.studies.fits_by_toys import fit_analysis_by_toys

if TYPE_CHECKING:
    from pathlib import Path


def test_a_workspace_a_patch_set_and_an_archive(tmp_path: Path) -> None:
    request = PatchRequest("scalar", masses=[10], couplings=[1e-5])
    for path in export_workspaces("xenonnt", tmp_path / "a", patches=request):
        assert verify(path)[1] == []
    write_archives("xenonnt", tmp_path / "b", request, submission=False)
    summary, problems = verify(tmp_path / "b" / "xenonnt.tar.gz")
    assert "archive" in summary
    assert problems == []


def test_toys_are_thrown_again(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    fit_analysis_by_toys("xenonnt", "flux", toys=20, values=[1, 5, 9]).save(path)
    assert "thrown again" not in verify(path)[0]
    summary, problems = verify(path, toys=True)
    assert summary.endswith("the toys thrown again")
    assert problems == []
    text = path.read_text()
    path.write_text(text.replace('"seed": 0', '"seed": 1'))
    assert "critical value" in verify(path, toys=True)[1][0]


def test_mistakes(tmp_path: Path) -> None:
    (path, _) = export_workspaces("xenonnt", tmp_path)
    with pytest.raises(SpecBuilderError, match="holds no critical values"):
        verify(path, toys=True)
    with pytest.raises(SpecBuilderError, match="seed, interaction, executor and jobs apply with toys only"):
        verify(path, seed=1)
    with pytest.raises(SpecBuilderError, match="toys 10: expected True or False"):
        verify(path, toys=10)  # type: ignore[arg-type]
