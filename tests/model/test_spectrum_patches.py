"""Patch sets of recoil spectra."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import write_text
from spec_builder.experiments.spectra import RecoilSpectrum
from spec_builder.histfactory.patchset import check_patch_set, patch_set_json
from spec_builder.inference.profile import profile
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.patches import build_patch_set
from spec_builder.model.spectrum_patches import build_spectra_patch_set, spectrum_likelihood
from spec_builder.physics.interactions import choose
from spec_builder.sharing.export import export_workspaces
from spec_builder.sharing.verify import verify_file
from spec_builder.studies.patch_scans import scan_patches

if TYPE_CHECKING:
    from pathlib import Path


def spectrum(mass: float, **changes: object) -> RecoilSpectrum:
    """Falls to nothing at a recoil energy of mass / 2 [keV]."""
    energy = np.array([0.0, mass / 2])
    made = RecoilSpectrum(
        f"m{mass:g}", "Made up", energy, np.array([40.0, 0.0]), "made up", "computed", "", {"mass_GeV": mass}, "0" * 64
    )
    return replace(made, **changes)  # type: ignore[arg-type]


SPECTRA = [spectrum(4.0), spectrum(6.0), spectrum(10.0)]


@pytest.fixture(scope="module")
def xenonnt() -> Analysis:
    return load_analysis("xenonnt")


def test_a_patch_set_has_the_labels_of_its_spectra(xenonnt: Analysis) -> None:
    content = build_spectra_patch_set(xenonnt, SPECTRA)
    check_patch_set(content, "spectra")
    assert content["metadata"]["labels"] == ["mass_GeV"]
    assert [patch["metadata"]["values"] for patch in content["patches"]] == [[4.0], [6.0], [10.0]]
    assert [patch["metadata"]["name"] for patch in content["patches"]] == ["m4", "m6", "m10"]
    assert content["patches"][0]["metadata"]["source"] == "made up"


def test_spectra_without_labels_are_told_apart_by_their_names(xenonnt: Analysis) -> None:
    content = build_spectra_patch_set(xenonnt, [replace(one, labels={}) for one in SPECTRA])
    check_patch_set(content, "spectra")
    assert content["metadata"]["labels"] == ["spectrum"]
    assert [patch["metadata"]["values"] for patch in content["patches"]] == [["m4"], ["m6"], ["m10"]]


def test_two_spectra_with_the_same_labels_are_refused(xenonnt: Analysis) -> None:
    with pytest.raises(SpecBuilderError, match=r"spectra m4 and other have the same labels: mass_GeV 4\.0"):
        build_spectra_patch_set(xenonnt, [*SPECTRA, spectrum(4.0, name="other")])


@pytest.mark.parametrize("key", ["sample", "factor"])
def test_names_of_what_is_added_are_refused_in_an_experiment(xenonnt: Analysis, key: str) -> None:
    """A signal scaled by ``mu_np`` would be scaled with the spectrum."""
    (experiment,) = xenonnt.experiments
    (channel,) = experiment.channels
    if key == "sample":
        first, *others = channel.backgrounds
        channel = replace(channel, backgrounds=(replace(first, name="new_physics"), *others))
    else:
        channel = replace(channel, signals=tuple(replace(signal, factor="mu_np") for signal in channel.signals))
    named = replace(xenonnt, experiments=(replace(experiment, channels=(channel,)),))
    with pytest.raises(SpecBuilderError, match="is added; rename it"):
        spectrum_likelihood(named, SPECTRA[0])
    with pytest.raises(SpecBuilderError, match="is added; rename it"):
        build_patch_set(named, choose("scalar"), [(10.0, 1e-6)], style="signal")


def test_the_scan_of_a_patch_set_is_the_profile_at_strength_one(xenonnt: Analysis) -> None:
    scan = scan_patches(xenonnt.workspace, build_spectra_patch_set(xenonnt, SPECTRA))
    assert scan is not None
    assert scan.columns["mass_GeV"].tolist() == [4.0, 6.0, 10.0]
    for one, found in zip(SPECTRA, scan.columns["twice_nll"], strict=True):
        expected = profile(spectrum_likelihood(xenonnt, one), "mu_np", np.array([1.0])).fits.twice_nll[0]
        assert found == pytest.approx(expected, abs=1e-6)
    assert np.ptp(scan.columns["twice_nll"]) > 0.1


def test_a_patch_set_is_sound_and_the_same_in_every_run(xenonnt: Analysis, tmp_path: Path) -> None:
    export_workspaces(["xenonnt"], tmp_path)
    file = tmp_path / "xenonnt" / "patchset_spectra.json"
    text = patch_set_json(build_spectra_patch_set(xenonnt, SPECTRA))
    assert text == patch_set_json(build_spectra_patch_set(load_analysis("xenonnt"), SPECTRA))
    write_text(file, text)
    summary, problems = verify_file(str(file))
    assert problems == []
    assert "3 patches" in summary
