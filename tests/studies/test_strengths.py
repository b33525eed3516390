"""Fits and limits of the strength of a recoil spectrum."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.description import LimitsLaw
from spec_builder.experiments.spectra import RecoilSpectrum
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import follow, profile, search, threshold
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.spectrum_patches import spectrum_likelihood
from spec_builder.studies import strengths
from spec_builder.studies.strengths import StrengthLimits, find_strength_limits, fit_spectrum
from tests.inference.test_branches import BRANCHES


def spectrum(mass: float, rate: float = 40.0) -> RecoilSpectrum:
    """Falls to nothing at a recoil energy of mass / 2 [keV]."""
    energy = np.array([0.0, mass / 2])
    labels = {"mass_GeV": mass}
    values = np.array([rate, 0.0])
    return RecoilSpectrum(f"m{mass:g}", "Made up", energy, values, "made up", "computed", "", labels, "0" * 64)


@pytest.fixture(scope="module")
def xenonnt() -> Analysis:
    return load_analysis("xenonnt")


@pytest.fixture(scope="module")
def limits(xenonnt: Analysis) -> StrengthLimits:
    return find_strength_limits(xenonnt, [spectrum(4), spectrum(10)])


def test_a_limit_is_where_the_profile_crosses_the_threshold(xenonnt: Analysis, limits: StrengthLimits) -> None:
    assert limits.threshold == pytest.approx(2.705543, abs=1e-6)
    for strength in limits.strengths:
        assert strength.valid
        assert strength.high is not None
        ends = profile(spectrum_likelihood(xenonnt, strength.spectrum), "mu_np", np.array([strength.high, 1.0, 0.0]))
        heights = ends.fits.twice_nll - strength.twice_nll
        assert heights[0] == pytest.approx(limits.threshold, abs=1e-4)
        assert heights[1:] == pytest.approx([strength.delta_chi2_1, strength.delta_chi2_0], abs=1e-6)


def test_twice_the_rate_is_half_the_strength(xenonnt: Analysis, limits: StrengthLimits) -> None:
    (double,) = find_strength_limits(xenonnt, [spectrum(10, rate=80.0)]).strengths
    assert double.high == pytest.approx((limits.strengths[1].high or 0) / 2, rel=1e-5)


def test_a_signal_that_is_there_excludes_its_absence(xenonnt: Analysis) -> None:
    (experiment,) = xenonnt.experiments
    (channel,) = experiment.channels
    loud = replace(channel, observed=channel.observed + np.array([40, 60, 20]))
    analysis = replace(xenonnt, experiments=(replace(experiment, channels=(loud,)),))
    (strength,) = find_strength_limits(analysis, [spectrum(4)]).strengths
    assert strength.low is not None
    assert strength.high is not None
    assert 0 < strength.low < strength.best < strength.high
    assert strength.delta_chi2_0 > threshold(0.9)


def test_limits_as_text_csv_and_json_say_the_same(limits: StrengthLimits) -> None:
    content = json.loads(limits.to_json())
    assert content["schema"] == "spec_builder/strength_limits/1"
    assert [one["labels"] for one in content["spectra"]] == [{"mass_GeV": 4.0}, {"mass_GeV": 10.0}]
    assert content["spectra"][0]["excluded"] == [[limits.strengths[0].high, None]]
    rows = [line for line in limits.to_csv().splitlines() if not line.startswith("#")]
    assert rows[0] == "spectrum,mass_GeV,best,low,high,delta_chi2_0,delta_chi2_1,valid"
    assert float(rows[2].split(",")[4]) == limits.strengths[1].high
    text = str(limits)
    assert f"> {limits.strengths[1].high:.5g}" in text
    assert "made up (computed)" in text


def test_what_lies_outside_the_simulated_recoils_stands_below_the_table(xenonnt: Analysis) -> None:
    text = str(find_strength_limits(xenonnt, [spectrum(40)]))
    assert "left out: xenonnt: " in text
    assert "keV, the recoil energies of the response" in text


def test_a_fit_says_which_spectrum_it_is_of(xenonnt: Analysis) -> None:
    result = fit_spectrum(xenonnt, spectrum(40))
    assert result.fit.parameter == "mu_np"
    assert result.unit == "times m40"
    assert "accepted events of m40 would lie outside" in str(result)
    assert "accepted events of m40" in json.loads(result.to_json())["notes"][0]


def test_limits_under_a_law_that_an_experiment_refuses(xenonnt: Analysis) -> None:
    (experiment,) = xenonnt.experiments
    strict = replace(experiment, limits_law=LimitsLaw("linear", "because"))
    with pytest.raises(SpecBuilderError, match="xenonnt: limits need law linear, not normsys: because"):
        find_strength_limits(replace(xenonnt, experiments=(strict,)), [spectrum(4)])


def test_heights_are_those_of_the_lowest_branch(xenonnt: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = Likelihood.from_workspace(BRANCHES)
    monkeypatch.setattr(strengths, "spectrum_likelihood", lambda *_: likelihood)
    monkeypatch.setattr(strengths, "spectrum_notes", lambda *_: ())
    (strength,) = find_strength_limits(xenonnt, [spectrum(4)]).strengths
    assert strength.delta_chi2_0 == pytest.approx(0.43, abs=0.01)
    values = np.array([0.0, 1.0])
    heights = follow(likelihood, search(likelihood, "mu"), values).fits.twice_nll - strength.twice_nll
    assert [strength.delta_chi2_0, strength.delta_chi2_1] == pytest.approx(heights, abs=1e-6)
    assert (profile(likelihood, "mu", values).fits.twice_nll - strength.twice_nll > heights + 0.1).any()
