"""The chi^2 of Eq. (17) of arXiv:2411.11749, written down from the experiments' tables alone.

chi^2 = 2 sum_k [N_k - D_k + D_k ln(D_k / N_k)] + (alpha / sigma_alpha)^2 + sum_i (beta_i / sigma_i)^2 with
N = R (1 + alpha + beta) + sum_i B_i (1 + beta_i): factors on the signal add, the flux is shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from spec_builder.experiments.reading import load_experiment
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.model.signal import signal_kernel

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

POINTS = 1000
EXPERIMENTS = {"xenonnt": ["xenonnt"], "pandax4t": ["pandax4t"], "combined": ["xenonnt", "pandax4t"]}
#: Relative uncertainties, below Eq. (17).
SIGMA = {
    "flux_8b": 0.12,
    "xenonnt_fiducial": 0.05,
    "xenonnt_accidental": 0.048,
    "xenonnt_neutron": 0.50,
    "xenonnt_electron_recoil": 1.00,
    "pandax4t_signal": 0.22,
    "pandax4t_cathode": 0.31,
    "pandax4t_micro_discharge": 0.23,
}
ON_SIGNAL = {"xenonnt": "xenonnt_fiducial", "pandax4t": "pandax4t_signal"}


def expected_events(experiment: str, parameter: str, x: FloatArray, shift: dict[str, FloatArray]) -> FloatArray:
    """N of Eq. (16), shape (points, bins), at relative shifts alpha and beta (points,)."""
    tables = load_experiment(experiment).channels[0]
    kernel = signal_kernel(tables)
    if parameter == "flux":
        signal = x[:, None] / 5.46 * kernel.standard_model()
    else:
        n0, n1, n2 = kernel.weak_mixing_angle()["cevns"].nominal[:, 0]
        signal = n0 + n1 * x[:, None] + n2 * x[:, None] ** 2
    events = signal * (1 + shift["flux_8b"] + shift[ON_SIGNAL[experiment]])[:, None]
    for background in tables.backgrounds:
        events = events + background.expected * (1 + shift[f"{experiment}_{background.name}"])[:, None]
    return events


@pytest.mark.parametrize("parameter", ["flux", "sin2thetaw"])
@pytest.mark.parametrize("analysis", ANALYSES)
def test_chi2_of_the_paper(analysis: str, parameter: Literal["flux", "sin2thetaw"]) -> None:
    rng = np.random.default_rng(17)
    likelihood = load_analysis(analysis, "linear").likelihood(parameter)
    x = rng.uniform(0.01, 30, POINTS) if parameter == "flux" else rng.uniform(0, 1, POINTS)
    used = [name for name in SIGMA if name in likelihood.parameters]
    pulls = {name: np.clip(rng.standard_normal(POINTS), -0.95 / SIGMA[name], 4) for name in used}
    if parameter == "flux":
        pulls["flux_8b"] = np.zeros(POINTS)  # a measurement of the flux carries no prior on it
    shift = {name: SIGMA[name] * pull for name, pull in pulls.items()}

    chi2 = np.sum([pull**2 for pull in pulls.values()], axis=0)
    for experiment in EXPERIMENTS[analysis]:
        N, D = expected_events(experiment, parameter, x, shift), load_experiment(experiment).channels[0].observed
        assert (N > 0).all()
        chi2 = chi2 + 2 * np.sum(N - D + D * np.log(D / N), axis=1)

    theta = np.tile(likelihood.init, (POINTS, 1))
    theta[:, likelihood.index(parameter)] = x
    for name, pull in pulls.items():
        theta[:, likelihood.index(name)] = pull
    np.testing.assert_allclose(likelihood.twice_nll(theta) - likelihood.saturated, chi2, rtol=0, atol=1e-9)
