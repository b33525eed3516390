"""What takes a signal away where however large a signal is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.inference.cancellation import cancellation_at_the_end, cancellation_of
from spec_builder.inference.data import Problem
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import profile

#: Relative sizes of the signal's two linear uncertainties: it vanishes at 1 / 1.25 standard deviations in all.
SIZES = {"efficiency": 1.0, "flux": 0.75}


def model(sizes: dict[str, float], kind: str = "histosys") -> dict[str, Any]:
    """Two bins, a signal of 3 and 5 events with uncertainties, and a background that no signal may hide in."""
    signal = [3.0, 5.0]

    def modifier(name: str, size: float) -> dict[str, Any]:
        if kind == "normsys":
            return {"name": name, "type": kind, "data": {"hi": 1 + size, "lo": 1 / (1 + size)}}
        ends = {"hi_data": [s * (1 + size) for s in signal], "lo_data": [s * (1 - size) for s in signal]}
        return {"name": name, "type": kind, "data": ends}

    modifiers = [modifier(name, size) for name, size in sizes.items()]
    modifiers.append({"name": "mu", "type": "normfactor", "data": None})
    background = {"name": "background", "data": [10.0, 8.0], "modifiers": []}
    parameters = [{"name": "mu", "inits": [1.0], "bounds": [[0.0, 1e4]]}]
    return {
        "version": "1.0.0",
        "channels": [
            {"name": "c", "samples": [{"name": "signal", "data": signal, "modifiers": modifiers}, background]}
        ],
        "observations": [{"name": "c", "data": [10.0, 8.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": parameters}}],
    }


def test_the_pulls_that_take_a_signal_away_share_it_by_their_sizes() -> None:
    likelihood = Likelihood.from_workspace(model(SIZES))
    end = profile(likelihood, "mu", np.array([1e4])).fits.theta[0]
    found = cancellation_of(likelihood, "mu", 0.0, end)
    assert found is not None
    # the nearest point of 1 + a + 0.75 b = 0
    assert found.pulls == pytest.approx({"efficiency": -1.0 / 1.5625, "flux": -0.75 / 1.5625}, abs=1e-4)
    assert 0 <= found.left < 1e-4


def test_a_signal_that_is_there_is_not_cancelled() -> None:
    likelihood = Likelihood.from_workspace(model({"efficiency": 0.1}, "normsys"))
    end = profile(likelihood, "mu", np.array([20.0])).fits.theta[0]
    assert cancellation_of(likelihood, "mu", 0.0, end) is None


def test_a_fit_says_why_its_interval_has_no_upper_end() -> None:
    likelihood = Likelihood.from_workspace(model(SIZES))
    # 2NLL of a cancelled signal is 0.64 above the minimum: more than the threshold of 50 % CL, less than that of 90 %
    assert fit(likelihood, cl=0.5).problems == ()
    found = fit(likelihood, cl=0.9)
    assert found.up is None
    (why,) = found.problems
    assert "pulls of efficiency (-0.64) and flux (-0.48) take away all of the signal" in why


@pytest.mark.parametrize("low", [False, True])
def test_the_end_of_a_signed_parameter_is_the_farthest_value(low: bool) -> None:
    workspace = model({"efficiency": 1.2})
    workspace["channels"][0]["samples"][0]["modifiers"].pop()
    workspace["measurements"][0]["config"] = {"poi": "", "parameters": []}
    yields = np.array([[[3.0, 5.0]], [[0.3, 0.1]], [[1.0, 2.0]]])
    signed = Problem.of(Likelihood.from_workspace(workspace), "signal", lambda masses: yields.repeat(masses.size, 1))
    problem = Problem(signed.likelihood, None, signed.samples, signed.yields, signed=True)
    value, found = cancellation_at_the_end(problem, problem.yields(np.array([np.nan])), 0, low=low)
    assert (value < -100) if low else (value > 100)
    assert found is not None
    assert found.pulls == pytest.approx({"efficiency": -1 / 1.2}, abs=1e-3)
