"""Profiles with several minima in the other parameters, and parameters of any size."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from spec_builder.inference.expectation import covariance
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.studies.events import events_of_workspace
from spec_builder.studies.profiles import profile_workspace


def normsys(name: str, hi: float, lo: float) -> dict[str, Any]:
    return {"name": name, "type": "normsys", "data": {"hi": hi, "lo": lo}}


MU = {"name": "mu", "type": "normfactor", "data": None}
#: The nuisance parameters have two minima at many values of mu; the model's own start leads to the higher one.
BRANCHES: dict[str, Any] = {
    "channels": [
        {
            "name": "c0",
            "samples": [
                {"name": "s", "data": [3.212375336, 3.040373186, 2.562134221], "modifiers": [MU]},
                {
                    "name": "b0",
                    "data": [15.11829909, 11.16767650, 26.72340295],
                    "modifiers": [normsys("n0", 1.472332555, 0.6884025303)],
                },
                {
                    "name": "b1",
                    "data": [4.922237501, 28.24721762, 23.17409170],
                    "modifiers": [normsys("n1", 1.037136035, 0.5128160931)],
                },
            ],
        }
    ],
    "observations": [{"name": "c0", "data": [15, 29, 13]}],
    "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


@pytest.mark.parametrize("minimiser", ["minuit", "newton"])
def test_an_interval_is_not_that_of_a_higher_branch(minimiser: Any) -> None:
    found = fit(Likelihood.from_workspace(BRANCHES), cl=0.9, minimiser=minimiser)
    assert found.value == pytest.approx(0.8497, abs=1e-3)
    assert found.down is None  # 2NLL is 0.43 higher at mu = 0
    assert found.up is not None
    assert found.value + found.up == pytest.approx(3.04, abs=0.02)


def test_a_profile_keeps_to_the_lowest_branch() -> None:
    found = profile_workspace(BRANCHES, points=41)
    heights = np.array(found.delta_chi2)
    assert heights.min() > -1e-6
    assert np.abs(np.diff(heights)).max() < 1.0  # no jump from branch to branch
    assert heights[np.argmin(np.abs(np.array(found.values) - 0.8497))] < 0.01


def scaled(factor: float) -> dict[str, Any]:
    """A free signal over a background of 10 %, its yields by a factor larger."""
    return {
        "channels": [
            {
                "name": "c",
                "samples": [
                    {"name": "s", "data": [10.0 * factor, 20.0 * factor], "modifiers": [MU]},
                    {"name": "b", "data": [50.0, 60.0], "modifiers": [normsys("a", 1.1, 0.9)]},
                ],
            }
        ],
        "observations": [{"name": "c", "data": [65.0, 90.0]}],
        "measurements": [
            {
                "name": "m",
                "config": {
                    "poi": "mu",
                    "parameters": [{"name": "mu", "inits": [1 / factor], "bounds": [[0, 1e2 / factor]]}],
                },
            }
        ],
        "version": "1.0.0",
    }


@pytest.mark.parametrize("factor", [1e-9, 1e-4, 1e6, 1e10])
def test_the_size_of_a_parameter_does_not_matter(factor: float) -> None:
    plain, other = (fit(Likelihood.from_workspace(scaled(each))) for each in (1.0, factor))
    for name in ("value", "up", "down"):
        assert getattr(other, name) * factor == pytest.approx(getattr(plain, name), rel=1e-6)
    assert other.pulls["a"].uncertainty == pytest.approx(plain.pulls["a"].uncertainty, rel=1e-6)
    assert other.bounds == {}
    one, two = (events_of_workspace(scaled(each), "w").counts for each in (1.0, factor))
    assert [c.postfit_error for c in two] == pytest.approx([c.postfit_error for c in one], rel=1e-5)


def test_a_covariance_that_cannot_be_known_is_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(np.linalg, "pinv", fails)
    likelihood = Likelihood.from_workspace(scaled(1.0))
    assert np.isnan(covariance(likelihood, likelihood.init)).all()


def test_events_say_what_has_no_error() -> None:
    flat = copy.deepcopy(scaled(1.0))
    flat["channels"][0]["samples"][0]["modifiers"].append({"name": "k", "type": "normfactor", "data": None})
    result = events_of_workspace(flat, "w")
    assert "does not depend on k and mu" in str(result)
    assert result.to_dict()["caveats"]
