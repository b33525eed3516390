"""Events that a model expects, with errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.inference.expectation import TOTAL, covariance, expect, prior
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood


def workspace(observed: list[float]) -> dict[str, Any]:
    """A free signal over a background with a normalisation of 10 % and a shape."""
    background = [
        {"name": "size", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
        {"name": "tilt", "type": "histosys", "data": {"hi_data": [55.0, 45.0], "lo_data": [45.0, 55.0]}},
    ]
    samples = [
        {"name": "background", "data": [50.0, 50.0], "modifiers": background},
        {"name": "signal", "data": [10.0, 2.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
    ]
    return {
        "channels": [{"name": "one", "samples": samples}],
        "observations": [{"name": "one", "data": observed}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def test_before_a_fit_the_widths_of_the_constraints_count() -> None:
    likelihood = Likelihood.from_workspace(workspace([60, 55]))
    found = expect(likelihood, *prior(likelihood))
    assert found.events["signal"].tolist() == [10.0, 2.0]
    assert found.errors["signal"].tolist() == [0.0, 0.0]
    each = np.hypot(50 * 0.1, 5.0)  # 10 % and the tilt, without correlation
    assert found.errors["background"] == pytest.approx([each, each])
    assert found.errors[TOTAL] == pytest.approx([each, each])
    assert found.channel_errors[TOTAL] == pytest.approx([100 * 0.1])  # the tilt leaves the sum alone
    assert found.channel_events[TOTAL] == pytest.approx([112.0])


def test_a_held_parameter_has_no_error() -> None:
    likelihood = Likelihood.from_workspace(workspace([60, 55])).holding({"size": 1.0})
    found = expect(likelihood, *prior(likelihood))
    assert found.events["background"] == pytest.approx([55.0, 55.0])
    assert found.errors["background"] == pytest.approx([5.0 * 1.1, 5.0 * 1.1])


def test_at_the_minimum_the_total_follows_the_data() -> None:
    """With a free signal and a free tilt two bins are fitted exactly; the total has their Poisson errors."""
    likelihood = Likelihood.from_workspace(workspace([64, 50]))
    theta = np.array([fit(likelihood).theta[name] for name in likelihood.parameters])
    found = expect(likelihood, theta, covariance(likelihood, theta))
    rates = found.events[TOTAL]
    errors = covariance(likelihood, theta)
    step = 1e-6
    slopes = []
    for i in range(theta.size):
        moved = theta.copy()
        moved[i] += step
        slopes.append((sum(likelihood.sample_rates(moved).values()) - rates) / step)
    jacobian = np.array(slopes)
    assert found.errors[TOTAL] == pytest.approx(np.sqrt(np.einsum("ib,ij,jb->b", jacobian, errors, jacobian)), rel=0.02)
    assert (found.errors[TOTAL] < np.sqrt(rates)).all()


def test_on_a_bound_a_parameter_has_no_error() -> None:
    likelihood = Likelihood.from_workspace(workspace([30, 55]))
    theta = np.array([fit(likelihood).theta[name] for name in likelihood.parameters])
    assert theta[likelihood.index("mu")] == 0.0
    assert covariance(likelihood, theta)[likelihood.index("mu")].tolist() == [0.0, 0.0, 0.0]


def test_errors_of_a_large_model_are_those_of_a_small_one() -> None:
    bins = [40.0, 60.0, 50.0]
    idle = {"name": "idle", "data": [1e-9] * 3, "modifiers": []}
    norm = {"type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
    own = [{"name": "mu", "type": "normfactor", "data": None}, {"name": "n", **norm}]
    few = {"name": "s", "data": bins, "modifiers": own}
    many = [{"name": f"m{i}", **norm} for i in range(80)]
    found = []
    for modifiers in ([], many):
        workspace = {
            "channels": [{"name": "c", "samples": [few, idle | {"modifiers": modifiers}]}],
            "observations": [{"name": "c", "data": [41, 62, 49]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
        likelihood = Likelihood.from_workspace(workspace)
        errors = covariance(likelihood, likelihood.init)
        pair = [likelihood.index(name) for name in ("mu", "n")]
        found.append(errors[np.ix_(pair, pair)])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-8)
    assert found[0][0, 0] > 0
