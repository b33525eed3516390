"""Which events and pulls speak against a point."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.spectra import RecoilSpectrum
from spec_builder.inference import minuit
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.explanation import Explanation, explain_point, explain_spectrum
from spec_builder.studies.limits import find_limits
from spec_builder.studies.strengths import find_strength_limits

if TYPE_CHECKING:
    from spec_builder.inference.minima import BatchFit


@pytest.fixture(scope="module")
def xenonnt() -> Analysis:
    return load_analysis("xenonnt")


@pytest.fixture(scope="module")
def spectrum() -> RecoilSpectrum:
    energy = np.array([0.0, 3.0])
    return RecoilSpectrum("mine", "Made up", energy, np.array([40.0, 0.0]), "made up", "computed", "", {}, "0" * 64)


@pytest.mark.parametrize("mass", [1.0, np.inf])
def test_at_a_limit_the_parts_add_up_to_the_threshold(xenonnt: Analysis, mass: float) -> None:
    choice = choose("vector_bl")
    (point,) = find_limits(xenonnt, choice, np.array([mass])).exclusion.points
    end = point.excluded[-1][0]
    assert end is not None
    parts = explain_point(xenonnt, choice, mass, end).parts
    assert parts.delta_chi2 == pytest.approx(2.705543 - point.delta_chi2_sm, abs=1e-3)
    assert len(parts.bins) == 3


def test_an_interaction_without_a_mediator_has_no_mass(xenonnt: Analysis) -> None:
    explanation = explain_point(xenonnt, choose("magnetic_moment"), None, 1e-9)
    assert "magnetic_moment, " in explanation.point
    assert explanation.parts.delta_chi2 > 0


def test_at_the_limit_of_a_spectrum_too(xenonnt: Analysis, spectrum: RecoilSpectrum) -> None:
    (strength,) = find_strength_limits(xenonnt, [spectrum]).strengths
    assert strength.high is not None
    explanation = explain_spectrum(xenonnt, spectrum, strength.high)
    assert explanation.parts.delta_chi2 == pytest.approx(2.705543 - strength.delta_chi2_0, abs=1e-3)
    assert explain_spectrum(xenonnt, spectrum, 0.0).parts.delta_chi2 == pytest.approx(0.0, abs=1e-6)


@pytest.fixture(scope="module")
def explanation(spectrum: RecoilSpectrum) -> Explanation:
    return explain_spectrum(load_analysis("xenonnt+pandax4t+xenonnt_er"), with_target(spectrum), 2.0)


def with_target(spectrum: RecoilSpectrum) -> RecoilSpectrum:
    return RecoilSpectrum(**(vars(spectrum) | {"target": "xenon"}))


def test_all_bins_stand_in_the_columns_and_the_largest_in_the_text(explanation: Explanation) -> None:
    content = json.loads(explanation.to_json())
    assert content["schema"] == "spec_builder/explanation/1"
    assert sum(part["delta_chi2"] for part in content["bins"] + content["pulls"]) == pytest.approx(
        content["delta_chi2"]
    )
    rows = [line for line in explanation.to_csv().splitlines() if not line.startswith("#")]
    assert len(rows) == 1 + len(content["bins"]) + len(content["pulls"])
    ranked = sorted(content["bins"], key=lambda part: -abs(part["delta_chi2"]))
    text = str(explanation)
    assert f"{ranked[0]['channel']} bin {ranked[0]['bin']} " in text
    assert f"{len(content['bins']) - 12} other bins" in text
    assert "stays at the Standard Model" in text


def test_a_point_where_no_fit_is_found_is_refused(xenonnt: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecBuilderError, match="coupling"):
        explain_point(xenonnt, choose("scalar"), 1e-2, 1e100)
    found = minuit.minimise

    def not_valid(*given: Any, **settings: Any) -> BatchFit:
        fits = found(*given, **settings)
        return replace(fits, reason=np.ones_like(fits.reason))

    monkeypatch.setattr(minuit, "minimise", not_valid)
    with pytest.raises(SpecBuilderError, match=r"the fit at scalar, g = .* is not valid; expected a point near"):
        explain_point(xenonnt, choose("scalar"), 1e-2, 1e-5)


def test_far_from_the_limits_numbers_stay_short(xenonnt: Analysis) -> None:
    text = str(explain_point(xenonnt, "scalar", 1e-2, 1e8))
    assert max(map(len, text.splitlines()[-5:])) < 100
    assert "Delta chi2       6.555e+52 against the Standard Model" in text


def test_a_point_far_from_the_data_says_so() -> None:
    """A mass and a coupling in each other's place."""
    found = explain_point("xenonnt", "scalar", 1e-5, 10.0)
    assert found.bounds == {"flux_8b": "lower", "xenonnt_fiducial": "lower"}
    assert "at a bound       flux_8b at its lower bound" in str(found)
    assert "g = 10 is above sqrt(4 pi), beyond perturbation theory" in str(found)
    assert found.to_dict()["bounds"] == found.bounds
    near = explain_point("xenonnt", "scalar", 10.0, 1e-5)
    assert near.bounds == {}
    assert "bound" not in str(near)
    assert near.provenance.notes == ()
