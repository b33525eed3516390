"""Workspaces with their metadata and patch sets, and where the patches lie."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import digest
from spec_builder.experiments.spectra import RecoilSpectrum
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.sharing import export
from spec_builder.sharing.export import PatchRequest, export_workspaces
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written(tmp_path: Path) -> None:
    request = PatchRequest([choose("vector_bl")], [1.0, 10.0], [1e-5])
    written = export_workspaces(["xenonnt", "pandax4t"], tmp_path, patches=request)
    names = ["BkgOnly.json", "BkgOnly.meta.json", "patchset_vector_bl.json"]
    assert sorted(p.relative_to(tmp_path).as_posix() for p in written) == sorted(
        f"{analysis}/{name}" for analysis in ("xenonnt", "pandax4t") for name in names
    )
    workspace = json.loads((tmp_path / "xenonnt/BkgOnly.json").read_text("utf-8"))
    assert workspace == load_analysis("xenonnt").workspace
    about = json.loads((tmp_path / "xenonnt/BkgOnly.meta.json").read_text("utf-8"))
    assert about["sha256"] == digest(workspace)
    patches = json.loads((tmp_path / "xenonnt/patchset_vector_bl.json").read_text("utf-8"))["patches"]
    assert [patch["metadata"]["values"] for patch in patches] == [[1.0, 1e-5], [10.0, 1e-5]]


def test_nothing_is_replaced_unless_told(tmp_path: Path) -> None:
    export_workspaces(["xenonnt"], tmp_path)
    before = (tmp_path / "xenonnt/BkgOnly.json").read_bytes()
    export_workspaces(["xenonnt"], tmp_path, force=True)
    assert (tmp_path / "xenonnt/BkgOnly.json").read_bytes() == before


@pytest.mark.parametrize("name", ["BkgOnly.json", "BkgOnly.meta.json", "patchset_nsi.json", "patchset_spectra.json"])
def test_a_file_that_is_there_is_told_before_anything_is_computed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "build_patch_set", lambda *_, **__: pytest.fail("computed"))
    (tmp_path / "pandax4t").mkdir()
    (tmp_path / "pandax4t" / name).write_text("mine", "utf-8")
    spectrum = RecoilSpectrum("s", "s", np.array([0.3, 3.0]), np.ones(2), "here", "computed", "", {}, "")
    with pytest.raises(SpecBuilderError, match=f"{name}: exists already"):
        export_workspaces(["xenonnt", "pandax4t"], tmp_path, patches="nsi", spectra=spectrum)


def test_couplings_lie_around_the_limit_and_never_on_it() -> None:
    analysis, masses = load_analysis("xenonnt"), [0.1, 10.0, 1000.0, 30.0]
    points = PatchRequest([choose("axial")], masses).points(analysis, choose("axial"))
    exclusion = find_limits(analysis, choose("axial"), np.array(masses), dof=2).exclusion
    for point in exclusion.points:
        limit = point.excluded[0][0]
        assert limit is not None
        couplings = np.array([g for mass, g in points if mass == point.mass_MeV])
        assert couplings.size == 4
        assert couplings.min() < limit < couplings.max()
        assert np.abs(couplings / limit - 1).min() > 0.05


def test_a_parameter_with_a_sign_is_asked_on_both_sides() -> None:
    values = [
        v
        for (v,) in PatchRequest([choose("nsi")], [1.0, 2.0, 3.0, 4.0]).points(load_analysis("xenonnt"), choose("nsi"))
    ]
    assert values == sorted(values)
    assert values[0] < 0 < values[-1]
    assert len(values) == 8


def test_two_interactions_of_one_name(tmp_path: Path) -> None:
    request = PatchRequest([choose("nsi"), choose("scalar")], [1.0], [0.1])
    assert request.points(load_analysis("xenonnt"), choose("nsi")) == [(0.1,)]
    assert request.points(load_analysis("xenonnt"), choose("scalar")) == [(1.0, 0.1)]
    assert {p.name for p in export_workspaces(["xenonnt"], tmp_path, patches=request)} >= {
        "patchset_nsi.json",
        "patchset_scalar.json",
    }
