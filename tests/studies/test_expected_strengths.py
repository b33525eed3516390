"""Expected limits on strengths of spectra: what data of the Standard Model would exclude."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.spectra import RecoilSpectrum
from spec_builder.inference.data import Data
from spec_builder.inference.fit import fit
from spec_builder.inference.toys import hypotheses
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.spectrum_patches import spectrum_likelihood
from spec_builder.studies.expected import BAND
from spec_builder.studies.expected_strengths import expect_strength_limits


def spectrum(end_keV: float, rate: float = 40.0) -> RecoilSpectrum:
    """Falls from a rate to nothing."""
    energy, rates = np.array([0.0, end_keV]), np.array([rate, 0.0])
    return RecoilSpectrum(
        f"end{end_keV:g}", "Falling", energy, rates, "made up", "computed", "", {"end_keV": end_keV}, "0" * 64
    )


@pytest.fixture(scope="module")
def xenonnt() -> Analysis:
    return load_analysis("xenonnt")


def test_asimov_data_give_the_limit_of_what_is_expected_without_the_spectrum(xenonnt: Analysis) -> None:
    found = expect_strength_limits(xenonnt, [spectrum(3.0), spectrum(5.0)])
    for one, point in zip(found.spectra, found.points, strict=True):
        model = spectrum_likelihood(xenonnt, one)
        theta = hypotheses(model, model.poi, np.zeros(1))
        limit = fit(Data.asimov(model, theta).into(model), cl=0.9)
        assert limit.up is not None
        assert point.upper["median"] == pytest.approx(limit.value + limit.up, rel=1e-6)
    content = json.loads(found.to_json())
    assert content["schema"] == "spec_builder/expected_strengths/1"
    assert content["seed"] is None
    assert content["spectra"][0]["labels"] == {"end_keV": 3.0}
    assert content["spectra"][0]["expected"]["m1"] is None


def test_twice_the_rate_is_half_of_every_quantile(xenonnt: Analysis) -> None:
    once, twice = (
        expect_strength_limits(xenonnt, [spectrum(3.0, rate)], kind="toys", toys=20).points[0] for rate in (40.0, 80.0)
    )
    values = list(once.upper.values())
    assert list(once.upper) == list(BAND)
    assert values == sorted(values)
    assert values == pytest.approx([2 * value for value in twice.upper.values()], rel=1e-4)
    assert once.valid == 1
    assert math.isnan(once.mass_MeV)


def test_toys_are_the_same_ones_for_every_spectrum_and_come_from_the_seed(xenonnt: Analysis) -> None:
    together = expect_strength_limits(xenonnt, [spectrum(3.0), spectrum(5.0)], kind="toys", toys=10, seed=4)
    alone = expect_strength_limits(xenonnt, [spectrum(5.0)], kind="toys", toys=10, seed=4)
    other = expect_strength_limits(xenonnt, [spectrum(5.0)], kind="toys", toys=10, seed=5)
    assert together.points[1].upper == alone.points[0].upper
    assert other.points[0].upper != alone.points[0].upper
    assert "10 toys, seed 4" in str(together)


def test_what_is_refused(xenonnt: Analysis) -> None:
    with pytest.raises(SpecBuilderError, match="kind 'median' is unknown, expected one of asimov, toys"):
        expect_strength_limits(xenonnt, [spectrum(3.0)], kind="median")  # type: ignore[arg-type]
    with pytest.raises(SpecBuilderError, match="toys 0: expected at least 1"):
        expect_strength_limits(xenonnt, [spectrum(3.0)], kind="toys", toys=0)
