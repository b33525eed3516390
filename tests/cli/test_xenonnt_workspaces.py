"""The checked-in workspaces of XENONnT in 81 bins a run: fitted by the stock ``pyhf`` alone, without the release."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "workspaces" / "normsys"
VARIABLE = "SPEC_BUILDER_XENONNT_RELEASE"
MODELS = ("xenonnt_2024", "xenonnt_2026")
INTERACTIONS = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")
#: 8B flux [1e6 cm^-2 s^-1] at which the yields stand, that of the best fit, and 2NLL there.
REFERENCE_FLUX = 5.46
BEST = {"xenonnt_2024": (4.64, 191.8288), "xenonnt_2026": (5.31, 305.0707)}
every_model = pytest.mark.parametrize("model", MODELS)
every_interaction = pytest.mark.parametrize("interaction", INTERACTIONS)


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@every_model
def test_every_file_is_small_and_attributed(model: str) -> None:
    paths = sorted((FOLDER / model).iterdir())
    assert {path.name for path in paths} == {
        "BkgOnly.json",
        "BkgOnly.meta.json",
        *(f"patchset_{interaction}.json" for interaction in INTERACTIONS),
    }
    for path in paths:
        assert path.stat().st_size < 2e6
        if path.name != "BkgOnly.json":
            content = load(path)
            about = content.get("metadata", content)
            assert about["licence"] == "CC-BY-4.0"
            assert "XENON Collaboration" in about["attribution"]
            assert "10.5281/zenodo.20576156" in about["attribution"]


@every_model
def test_pyhf_fits_the_flux(shell: Command, model: str) -> None:
    run = shell("pyhf", "fit", FOLDER / model / "BkgOnly.json", "--measurement", "b8_flux", "--value")
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    flux, twice_nll = BEST[model]
    assert result["mle_parameters"]["mu_8b"][0] * REFERENCE_FLUX == pytest.approx(flux, abs=0.01)
    assert result["twice_nll"] == pytest.approx(twice_nll, abs=1e-3)


@every_model
@every_interaction
def test_pyhf_fits_a_patch_and_finds_its_delta_chi2(
    shell: Command, tmp_path: Path, model: str, interaction: str
) -> None:
    base, file = FOLDER / model / "BkgOnly.json", FOLDER / model / f"patchset_{interaction}.json"
    verified = shell("pyhf", "patchset", "verify", base, file)
    assert verified.returncode == 0, verified.stderr
    content = load(file)
    about = next(patch["metadata"] for patch in content["patches"] if patch["metadata"]["excluded_90"])
    point = tmp_path / "point.json"
    extracted = shell("pyhf", "patchset", "extract", file, "--name", about["name"], "--output-file", point)
    assert extracted.returncode == 0, extracted.stderr
    run = shell("pyhf", "fit", base, "--patch", point, "--measurement", "new_physics", "--value")
    assert run.returncode == 0, run.stderr
    height = json.loads(run.stdout)["twice_nll"] - content["metadata"]["minimum"]["twice_nll"]
    assert height == pytest.approx(about["delta_chi2"], abs=2e-3)


@every_model
@every_interaction
def test_patch_sets_reach_over_the_limit_at_nine_masses(model: str, interaction: str) -> None:
    content = load(FOLDER / model / f"patchset_{interaction}.json")
    excluded: dict[float, list[bool]] = {}
    for patch in content["patches"]:
        mass, _ = patch["metadata"]["values"]
        excluded.setdefault(mass, []).append(patch["metadata"]["excluded_90"])
        data = next(operation["value"] for operation in patch["patch"] if operation["path"].endswith("/data"))
        assert len(data) == 81
        assert data == [float(f"{events:.6e}") for events in data]
    assert [min(excluded), max(excluded), len(excluded)] == [0.01, 1000.0, 9]
    assert all(len(row) == 9 and True in row and False in row for row in excluded.values())


def test_they_are_what_the_release_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = os.environ.get(VARIABLE)
    if not release:
        pytest.skip(f"needs XENONnT's release (doi:10.5281/zenodo.20576156): give its folder in {VARIABLE}")
    pytest.importorskip("h5py")
    monkeypatch.setattr(sys, "argv", ["export_xenonnt"])
    runpy.run_path(str(ROOT / "scripts" / "export_xenonnt"))["main"](Path(release), tmp_path)
    differences = runpy.run_path(str(ROOT / "scripts" / "compare_workspaces"))["differences"]
    for model in MODELS:
        for path in (FOLDER / model).iterdir():
            assert differences(load(path), load(tmp_path / model / path.name)) == []
