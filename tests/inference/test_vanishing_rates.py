"""Far from the data, where the minimum lies on rates that bend and vanish: light and charge yields as shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.inference import compiled, newton
from spec_builder.inference.descent import EDM_VALID
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import PLAIN, Rows
from tests.inference.random_rows import random_rows

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

BINS = 24
#: Times the background: from the 24th on the minimum lies where rates vanish.
STRENGTHS = np.geomspace(1, 1e5, 41)
#: Counts of a Poisson variable with a mean of 0.7.
OBSERVED = [0, 1, 0, 2, 0, 0, 1, 0, 1, 0, 0, 3, 0, 1, 0, 0, 2, 0, 1, 0, 0, 1, 0, 1]


def spectrum(light: float, charge: float) -> FloatArray:
    """A falling spectrum over 6 x 4 bins of two observables that follow two yields."""
    first, second = np.meshgrid(np.arange(6), np.arange(4), indexing="ij")
    events: FloatArray = np.exp(-first * (1 - light) - 0.6 * second * (1 - charge) + 0.3 * light * charge).ravel()
    return events


@pytest.fixture(scope="module")
def workspace() -> dict[str, Any]:
    def shape(name: str, up: FloatArray, down: FloatArray) -> dict[str, Any]:
        return {"name": name, "type": "histosys", "data": {"hi_data": up.tolist(), "lo_data": down.tolist()}}

    signal = [
        {"name": "flux", "type": "normsys", "data": {"hi": 1.12, "lo": 1 / 1.12}},
        {"name": "efficiency", "type": "normsys", "data": {"hi": 1.11, "lo": 1 / 1.11}},
        shape("light", spectrum(0.2, 0), spectrum(-0.2, 0)),
        shape("charge", spectrum(0, 0.15), spectrum(0, -0.15)),
    ]
    background = [{"name": "accidental", "type": "normsys", "data": {"hi": 1.06, "lo": 1 / 1.06}}]
    recoils = [{"name": "electrons", "type": "normsys", "data": {"hi": 2.0, "lo": 0.5}}]
    flat = np.full(BINS, 0.3).tolist()
    rising = np.linspace(0.02, 0.2, BINS).tolist()
    names = ("flux", "efficiency", "light", "charge", "accidental", "electrons")
    wide = [{"name": name, "bounds": [[-15.0, 15.0]]} for name in names]
    return {
        "channels": [
            {
                "name": "one",
                "samples": [
                    {"name": "signal", "data": spectrum(0, 0).tolist(), "modifiers": signal},
                    {"name": "accidental", "data": flat, "modifiers": background},
                    {"name": "electrons", "data": rising, "modifiers": recoils},
                ],
            }
        ],
        "observations": [{"name": "one", "data": OBSERVED}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": wide}}],
        "version": "1.0.0",
    }


def signals() -> FloatArray:
    return spectrum(0, 0)[:, None] * STRENGTHS


# scipy's SLSQP from twelve starts each, with rates that must not be negative
@pytest.mark.parametrize(
    ("number", "expected"),
    [(20, 398.0863737), (26, 778.8345512), (30, 1387.0174854), (34, 3346.8513003), (40, 16654.6554676)],
)
def test_minima_where_rates_vanish(workspace: dict[str, Any], number: int, expected: float) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    fits = newton.minimise(likelihood, rows=Rows(yields={"signal": signals()[:, [number]]}))
    assert fits.valid.all()
    assert fits.twice_nll[0] == pytest.approx(expected, rel=2e-9)
    least = likelihood.engine((), PLAIN).rates(np.ascontiguousarray(fits.theta.T)).min()
    assert least > 0


def test_all_strengths_converge_in_one_batch(workspace: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    fits = newton.minimise(likelihood, rows=Rows(yields={"signal": signals()}))
    assert fits.valid.all()
    assert fits.edm.max() <= EDM_VALID
    assert (np.diff(fits.twice_nll) > 0).all()


def test_a_row_that_cannot_start_where_a_rate_vanishes_begins_elsewhere() -> None:
    """Although a parameter beside a bound there could be set to it."""
    shape = {"name": "shape", "type": "histosys", "data": {"hi_data": [1.5, 2.2], "lo_data": [-0.5, 1.8]}}
    free, size = {"name": "mu", "type": "normfactor", "data": None}, {"hi": 1.2, "lo": 0.8}
    background = [{"name": "size", "type": "normsys", "data": size}]
    samples = [
        {"name": "signal", "data": [0.5, 2.0], "modifiers": [free, shape]},
        {"name": "background", "data": [0.0, 3.0], "modifiers": background},
    ]
    likelihood = Likelihood.from_workspace(
        {
            "channels": [{"name": "one", "samples": samples}],
            "observations": [{"name": "one", "data": [0.0, 6.0]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
    )
    expected = newton.minimise(likelihood)
    start = likelihood.init.copy()
    start[likelihood.index("mu")], start[likelihood.index("size")] = 0.0, -5 + 1e-6
    fits = newton.minimise(likelihood, start=start[None])
    assert fits.valid.all()
    assert fits.twice_nll[0] == pytest.approx(expected.twice_nll[0], abs=1e-8)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize(
    ("structure", "row", "expected"), [(40, 302, 104.49626), (66, 10, 317.765338), (388, 188, 57.32757)]
)
def test_a_wall_is_come_down_to_by_careful_steps(
    monkeypatch: pytest.MonkeyPatch, engine: str, structure: int, row: int, expected: float
) -> None:
    """Expected is the lowest of scipy's SLSQP on pyhf's likelihood from 32 starts, with rates that are not negative.

    Of the last the lowest of fits from 400 random starts: numpy's steps do not end at the last barrier, but before it.
    """
    if engine == "compiled" and isinstance(compiled.find_library(), str):
        pytest.skip("there is no compiled library")
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", engine)
    _, likelihood, rows = random_rows(structure, 400)
    fits = newton.minimise(likelihood, rows=rows.take(np.array([row])))
    assert fits.valid.all()
    assert fits.twice_nll[0] == pytest.approx(expected, abs=2e-6)


def test_a_slope_without_any_curvature_leads_to_the_bound() -> None:
    """Nothing is counted, so 2NLL is a straight line; its slope is small in units of the parameter."""
    free = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "signal", "data": [0.0018, 0.0013], "modifiers": [free]},
        {"name": "background", "data": [0.057, 0.094], "modifiers": []},
    ]
    likelihood = Likelihood.from_workspace(
        {
            "channels": [{"name": "one", "samples": samples}],
            "observations": [{"name": "one", "data": [0.0, 0.0]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
    )
    fits = newton.minimise(likelihood)
    assert fits.valid.all()
    assert fits.theta[0, 0] == 0
    assert fits.twice_nll[0] == pytest.approx(2 * (0.057 + 0.094), abs=1e-12)
