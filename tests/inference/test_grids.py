"""Profiles of two parameters keep to the lowest of several minima in the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyhf
import pytest
from scipy.optimize import minimize_scalar

from spec_builder.inference.grids import minimise_on_grid
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import search
from spec_builder.studies.surfaces import profile_two_of_workspace

#: The first bin wants the bend at +1 or -1, and in the second a signal makes room for -1 alone.
WORKSPACE: dict[str, Any] = {
    "channels": [
        {
            "name": "c",
            "samples": [
                {
                    "name": "background",
                    "data": [100.0, 100.0],
                    "modifiers": [
                        {
                            "name": "bend",
                            "type": "histosys",
                            "data": {"hi_data": [150.0, 115.0], "lo_data": [150.0, 85.0]},
                        },
                        {"name": "size", "type": "normsys", "data": {"hi": 1.05, "lo": 0.95}},
                    ],
                },
                {
                    "name": "signal",
                    "data": [0.0, 20.0],
                    "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                },
            ],
        }
    ],
    "observations": [{"name": "c", "data": [150, 110]}],
    "measurements": [
        {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0.0, 5.0]]}]}},
    ],
    "version": "1.0.0",
}


def by_pyhf(mu: float, size: float) -> float:
    """2NLL with the bend fitted on either side of zero, by pyhf and scipy."""
    model = pyhf.Workspace(WORKSPACE).model()
    data = pyhf.Workspace(WORKSPACE).data(model)
    places = {name: model.config.par_slice(name).start for name in ("mu", "size", "bend")}

    def height(bend: float) -> float:
        theta = np.zeros(3)
        theta[[places["mu"], places["size"], places["bend"]]] = mu, size, bend
        return float(-2 * model.logpdf(theta, data)[0])

    return min(float(minimize_scalar(height, bounds=ends, method="bounded").fun) for ends in ((-4, 0), (0, 4)))


def test_every_point_is_the_lowest_minimum() -> None:
    likelihood = Likelihood.from_workspace(WORKSPACE)
    scans = search(likelihood, "mu"), search(likelihood, "size")
    a, b = np.linspace(0, 3, 13), np.linspace(-2, 2, 9)
    fits = minimise_on_grid(likelihood, scans, a, b)
    expected = [by_pyhf(mu, size) for mu in a for size in b]
    assert fits.valid.all()
    np.testing.assert_allclose(fits.twice_nll, expected, atol=1e-5)

    best = scans[0].fits.theta[int(np.argmin(scans[0].fits.twice_nll))]
    start = np.tile(best, (a.size * b.size, 1))
    start[:, likelihood.index("mu")], start[:, likelihood.index("size")] = np.repeat(a, b.size), np.tile(b, a.size)
    alone = minimise(likelihood, start=start, fixed=("mu", "size"))
    assert alone.valid.all()
    assert np.max(alone.twice_nll - expected) > 1, "from the best point alone other minima are found"


def test_the_surface_of_a_workspace() -> None:
    found = profile_two_of_workspace(WORKSPACE, "w", ("mu", "size"), points=31)
    assert found.valid.all()
    for i, j in ((0, 0), (0, 15), (3, 30), (15, 15), (30, 0), (30, 30)):
        mu, size = found.values[0][i], found.values[1][j]
        assert found.delta_chi2[i, j] + found.best.twice_nll == pytest.approx(by_pyhf(mu, size), abs=1e-5)
    assert found.delta_chi2.min() >= -1e-6
