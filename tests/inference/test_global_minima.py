"""Which of several minima each toy is fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.rows import saturated
from spec_builder.inference.toys import draw, fit_toys, hypotheses
from spec_builder.model.analysis import load_analysis

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.data import Data


@pytest.fixture(scope="module")
def xenonnt() -> Likelihood:
    return load_analysis("xenonnt", "linear").likelihood("flux")


def brute_force(likelihood: Likelihood, parameter: str, data: Data, values: FloatArray) -> FloatArray:
    """Least 2NLL of each data set from fits at many held values, and free ones from the lowest of them."""
    index = likelihood.index(parameter)
    best = np.full(data.count, np.inf)
    start = np.tile(likelihood.init, (data.count, 1))
    where = start.copy()
    for value in values:
        start[:, index] = value
        fits = minimise(likelihood, start=start, fixed=(parameter,), rows=data.rows())
        lower = fits.valid & (fits.twice_nll < best)
        best = np.where(lower, fits.twice_nll, best)
        where[lower] = fits.theta[lower]
    fits = minimise(likelihood, start=where, rows=data.rows())
    return np.where(fits.valid, np.minimum(fits.twice_nll, best), best)


def two_minima(xenonnt: Likelihood) -> Likelihood:
    """A signal n (1 - y)^2 + something flat: the same events below and above y = 1."""
    signal = np.array([4.0, 5.0, 3.0])
    coefficients = np.stack([signal, -1.9 * signal, signal * np.array([0.95, 1.0, 1.1])])
    base = Likelihood.from_workspace(load_analysis("xenonnt", "linear").workspace, "new_physics")
    assert base.observed.size == xenonnt.observed.size
    return base.with_polynomial("cevns", "y", {"xenonnt_cs2": coefficients}, init=0.1, bounds=(0.0, 60.0))


def test_a_bin_where_nothing_is_expected_does_not_hide_the_minima(xenonnt: Likelihood) -> None:
    signal = np.array([8.0, 9.0, 0.0])
    coefficients = np.stack([signal, -1.9 * signal, signal])
    likelihood = load_one_sample(signal).with_polynomial("s", "y", {"c": coefficients}, init=0.1, bounds=(0.0, 60.0))
    assert likelihood.observed.size == xenonnt.observed.size
    theta = likelihood.init.copy()
    theta[likelihood.index("y")] = 0.3
    data = draw(likelihood, theta, np.random.default_rng(1), 50)
    assert (data.observed[2] == 0).all()
    found = fit_toys(likelihood, "y", theta, data)
    least = found["chi2"] + saturated(likelihood.specification, data.observed, data.auxiliary)
    assert np.max(np.abs(least - brute_force(likelihood, "y", data, np.linspace(0, 4, 81)))) < 1e-6
    assert 5 < (found["best"] > 0.95).sum() < 45  # the two minima are equally low, but for the bound at zero


def load_one_sample(yields: FloatArray) -> Likelihood:
    """One channel with one sample, without any uncertainty."""
    mu = {"name": "mu", "type": "normfactor", "data": None}
    return Likelihood.from_workspace(
        {
            "channels": [{"name": "c", "samples": [{"name": "s", "data": yields.tolist(), "modifiers": [mu]}]}],
            "observations": [{"name": "c", "data": [4, 3, 0]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
    )


@pytest.mark.parametrize("truth", [0.0, 0.3, 1.6, 2.1])
def test_the_lower_of_two_minima_is_found(xenonnt: Likelihood, truth: float) -> None:
    likelihood = two_minima(xenonnt)
    (theta,) = hypotheses(likelihood, "y", np.array([truth]))
    data = draw(likelihood, theta, np.random.default_rng(8), 100)
    found = fit_toys(likelihood, "y", theta, data)
    least = found["chi2"] + saturated(likelihood.specification, data.observed, data.auxiliary)
    assert found["valid"].all()
    expected = brute_force(likelihood, "y", data, np.linspace(0, 5, 126))
    assert np.max(np.abs(least - expected)) < 1e-6
    if truth in (0.3, 1.6):  # some are on the other side of y = 1
        other = (found["best"] > 1) != (truth > 1)
        assert 5 < other.sum() < 95


def test_the_weak_mixing_angle_is_fitted_within_its_domain() -> None:
    likelihood = load_analysis("combined").likelihood("sin2thetaw")
    (theta,) = hypotheses(likelihood, "sin2thetaw", np.array([0.05]))
    data = draw(likelihood, theta, np.random.default_rng(5), 60)
    found = fit_toys(likelihood, "sin2thetaw", theta, data)
    least = found["chi2"] + saturated(likelihood.specification, data.observed, data.auxiliary)
    assert np.max(np.abs(least - brute_force(likelihood, "sin2thetaw", data, np.linspace(0, 1, 51)))) < 1e-6
    assert (found["best"] >= 0).all()
    assert (found["best"] == 0).any()
