"""Shapes whose hi and lo are the same: 2NLL has no slope at their start, and a minimum on either side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.inference import minuit, newton
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import threshold
from spec_builder.inference.rows import SHARED
from spec_builder.inference.saddles import off_saddles

SHAPE = {"name": "even", "type": "histosys", "data": {"hi_data": [60.0, 12.0], "lo_data": [60.0, 12.0]}}
SIZE = {"name": "even", "type": "normsys", "data": {"hi": 1.2, "lo": 1.2}}


def workspace(modifier: dict[str, Any], *, scale: float = 1.0, bounds: tuple[float, float] = (-5, 5)) -> dict[str, Any]:
    """A signal whose only uncertainty raises it, on either side of zero."""
    data = modifier["data"]
    if modifier["type"] == "histosys":
        data = {key: [scale * events for events in values] for key, values in data.items()}
    signal = [modifier | {"data": data}, {"name": "mu", "type": "normfactor", "data": None}]
    samples = [
        {"name": "signal", "data": [50.0 * scale, 10.0 * scale], "modifiers": signal},
        {"name": "background", "data": [20.0 * scale, 30.0 * scale], "modifiers": []},
    ]
    parameters = [{"name": "even", "bounds": [list(bounds)]}]
    return {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [75.0 * scale, 41.0 * scale]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": parameters}}],
        "version": "1.0.0",
    }


def by_hand(likelihood: Likelihood, mu: float) -> float:
    """2NLL at mu, least over the other parameter by looking everywhere."""
    lower, upper = likelihood.bounds[:, likelihood.index("even")]
    points = np.zeros((20001, 2))
    points[:, likelihood.index("even")] = np.linspace(lower, upper, 20001)
    points[:, likelihood.index("mu")] = mu
    return float(likelihood.twice_nll(points).min())


@pytest.mark.parametrize("minimiser", ["minuit", "newton"])
@pytest.mark.parametrize("modifier", [SHAPE, SIZE], ids=["shape", "size"])
@pytest.mark.parametrize(("scale", "bounds"), [(1.0, (-5, 5)), (1.0, (-0.4, 5)), (1.0, (-5, 0.4)), (1e3, (-5, 5))])
def test_the_interval_uses_what_the_shape_allows(
    minimiser: Any, modifier: dict[str, Any], scale: float, bounds: tuple[float, float]
) -> None:
    likelihood = Likelihood.from_workspace(workspace(modifier, scale=scale, bounds=bounds))
    found = fit(likelihood, cl=0.95, minimiser=minimiser)
    assert found.valid
    assert found.up is not None
    assert found.down is not None
    level = found.twice_nll + threshold(0.95)
    assert by_hand(likelihood, found.value) == pytest.approx(found.twice_nll, abs=1e-5)
    for end in (found.value - found.down, found.value + found.up):
        assert by_hand(likelihood, end) == pytest.approx(level, abs=1e-4)


@pytest.mark.parametrize("minimise", [minuit.minimise, newton.minimise])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_a_saddle_is_no_minimum(minimise: Any, scale: float) -> None:
    likelihood = Likelihood.from_workspace(workspace(SHAPE, scale=scale))
    start = likelihood.init.copy()
    start[likelihood.index("mu")] = 0.85
    found = minimise(likelihood, start=start[None], fixed=("mu",))
    assert found.valid[0]
    # abs: a grid of 5e-4, with counts up to 7e7
    assert found.twice_nll[0] == pytest.approx(by_hand(likelihood, 0.85), abs=2e-7 * scale + 1e-6)
    assert abs(found.theta[0][likelihood.index("even")]) > 0.5


def test_points_on_either_side_of_a_saddle() -> None:
    likelihood = Likelihood.from_workspace(workspace(SHAPE))
    index = likelihood.index("even")
    engine = likelihood.engine((index,))
    theta = np.zeros((2, 3))
    theta[likelihood.index("mu")] = 0.85, 0.85, 1.3  # at 1.3 zero is a minimum
    theta[index] = 0.0, 0.5, 0.0  # at 0.5 there is a slope
    rows, there, back = off_saddles(engine, likelihood.bounds, theta, SHARED, np.zeros((1, 1)))
    assert rows.tolist() == [0]
    assert there[index] == -back[index] != 0
    heights = likelihood.twice_nll(np.concatenate([theta[:, :1], there, back], axis=1).T)
    assert heights[0] - heights[1:] == pytest.approx(0.045, abs=0.01)
