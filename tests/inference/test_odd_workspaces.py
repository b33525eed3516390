"""Odd workspaces: what pyhf refuses is refused, what it takes has its likelihood, and wide bounds change nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.hs3 import hs3_workspace
from spec_builder.inference import newton
from spec_builder.inference.expectation import centre_and_width
from spec_builder.inference.likelihood import Likelihood
from spec_builder.sharing.verify import verify_workspace
from spec_builder.studies.fits import fit_workspace
from tests.inference.odd_workspaces import odd_workspaces
from tests.inference.pyhf_objective import FORBIDDEN, reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from tests.inference.conftest import PyhfModel

MU = {"name": "mu", "type": "normfactor", "data": None}
SIZE = {"name": "b", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}


def staterror(*data: float) -> dict[str, Any]:
    return {"name": "s", "type": "staterror", "data": list(data)}


def shapesys(*data: float) -> dict[str, Any]:
    return {"name": "s", "type": "shapesys", "data": list(data)}


def workspace(
    channels: dict[str, dict[str, tuple[list[float], list[dict[str, Any]]]]],
    counts: list[list[float]],
    parameters: list[dict[str, Any]] | None = None,
    poi: str = "mu",
) -> dict[str, Any]:
    return {
        "channels": [
            {
                "name": name,
                "samples": [{"name": s, "data": data, "modifiers": own} for s, (data, own) in samples.items()],
            }
            for name, samples in channels.items()
        ],
        "observations": [{"name": name, "data": data} for name, data in zip(channels, counts, strict=True)],
        "measurements": [{"name": "m", "config": {"poi": poi, "parameters": parameters or []}}],
        "version": "1.0.0",
    }


def usual(*own: dict[str, Any]) -> dict[str, dict[str, tuple[list[float], list[dict[str, Any]]]]]:
    return {"c": {"signal": ([5.0, 2.0], [MU]), "background": ([12.0, 6.0], list(own))}}


REFUSED = {
    "number and vector": (
        workspace({"c": {"signal": ([5.0], [MU]), "b": ([12.0], [MU | {"type": "shapefactor"}])}}, [[20]]),
        "parameter 'mu' is used as a number for each bin and as one number",
    ),
    "staterror of other samples in another channel": (
        workspace(
            usual(staterror(1.0, 1.0)) | {"d": {"other": ([6.0], [staterror(1.0)])}},
            [[20, 9], [7]],
        ),
        "modifier 's': sample 'background' has it in channel 'c' and sample 'other' in channel 'd'",
    ),
    "staterror of more samples in one channel": (
        workspace(
            {
                "c": {
                    "signal": ([5.0, 2.0], [MU]),
                    "background": ([12.0, 6.0], [staterror(1.0, 1.0)]),
                    "other": ([2.0, 1.0], [staterror(0.3, 0.2)]),
                },
                "d": {"other": ([6.0], [staterror(1.0)])},
            },
            [[20, 9], [7]],
        ),
        "sample 'other' in channel 'c', 'd', which pyhf does not take; expected the same channels, or another name",
    ),
    "interest is one of several": (
        workspace(usual(SIZE, staterror(1.0, 0.5)), [[20, 9]], poi="s[1]"),
        "the parameter of interest 's[1]' is one of several, which pyhf does not take",
    ),
    "interest is a vector": (
        workspace(usual(SIZE, staterror(1.0, 0.5)), [[20, 9]], poi="s"),
        "the parameter of interest 's' is a number for each bin, which pyhf does not take",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pyhf_refuses_is_refused(name: str) -> None:
    content, message = REFUSED[name]
    with pytest.raises((pyhf.exceptions.InvalidModel, pyhf.exceptions.InvalidNameReuse, AssertionError)):
        pyhf.Workspace(content).model()
    (problem,) = verify_workspace(content)
    assert message in problem
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        fit_workspace(content, "odd")
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        hs3_workspace(content)


def test_another_interest_than_one_of_several_is_fitted() -> None:
    content = workspace(usual(SIZE, staterror(1.0, 0.5)), [[20, 9]], poi="s[1]")
    named = workspace(usual(SIZE, staterror(1.0, 0.5)), [[20, 9]])
    assert fit_workspace(content, "odd", poi="mu").fit == fit_workspace(named, "named").fit


@pytest.mark.parametrize("minimiser", ["minuit", "newton"])
@pytest.mark.parametrize("lower", [0.0, -1.0])
@pytest.mark.parametrize("bound", [1e3, 1e7, 1e12, 1e30, 1e99])
def test_wide_bounds_change_nothing(minimiser: Any, lower: float, bound: float) -> None:
    parameters = [{"name": "mu", "bounds": [[lower * bound, bound]]}]
    found = fit_workspace(workspace(usual(SIZE), [[20, 9]], parameters), "wide", minimiser=minimiser)
    narrow = fit_workspace(workspace(usual(SIZE), [[20, 9]]), "narrow")
    assert found.valid
    assert found.value == pytest.approx(narrow.value, abs=1e-5)
    assert found.interval == pytest.approx(narrow.interval, abs=1e-5)
    assert found.significance == pytest.approx(narrow.significance, abs=1e-5)


def test_bounds_beyond_numbers_are_refused() -> None:
    content = workspace(usual(SIZE), [[20, 9]], [{"name": "mu", "bounds": [[0.0, 1e308]]}])
    with pytest.raises(SpecBuilderError, match=r"parameter 'mu': bounds \[0.0, 1e\+308\]: expected at most 1e\+100"):
        fit_workspace(content, "far")


def test_an_auxiliary_count_of_zero(pyhf_model: Callable[..., PyhfModel]) -> None:
    content = workspace(usual(shapesys(2.0, 1.0)), [[20, 9]], [{"name": "s", "auxdata": [0.0, 40.0]}])
    found = fit_workspace(content, "zero")
    assert found.valid
    assert found.twice_nll == pytest.approx(pyhf_model(content).at(found.fit), abs=1e-8)
    assert found.pulls["s[0]"].value == pytest.approx(0, abs=1e-6)
    first = Likelihood.from_workspace(content).specification.parameters[1].constraint
    assert first is not None
    assert np.array(centre_and_width(first)) == pytest.approx([0.0, 1 / 36])


def test_a_negative_auxiliary_count_is_refused() -> None:
    content = workspace(usual(shapesys(2.0, 1.0)), [[20, 9]], [{"name": "s", "auxdata": [-1.0, 40.0]}])
    with pytest.raises(SpecBuilderError, match="the auxiliary datum of 's' is -1, expected a count >= 0"):
        fit_workspace(content, "negative")


def test_rounding_of_constraints_is_told() -> None:
    # a constraint of 1.4e20 counts: its terms of 1e22 leave nothing of 2NLL
    found = fit_workspace(workspace(usual(shapesys(1e-9, 1e-9)), [[20, 9]]), "sharp")
    assert found.fit.rounding > 1e5
    assert "rounded to about" in str(found)


def points(likelihood: Likelihood, rng: np.random.Generator, count: int) -> FloatArray:
    """Points (count, P) within the bounds, the half of them near the start; what is held stays."""
    lower, upper = likelihood.bounds
    part = rng.uniform(size=(count, lower.size)) * np.where(np.arange(count) % 2, 1.0, 0.2)[:, None]
    anywhere = lower + rng.uniform(size=(count, lower.size)) * (upper - lower)
    theta: FloatArray = likelihood.init + part * (anywhere - likelihood.init)
    held = sorted(set(range(lower.size)) - set(likelihood.free))
    theta[:, held] = likelihood.init[held]
    return theta


@given(workspace=odd_workspaces(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_the_likelihood_of_odd_workspaces_is_pyhfs(workspace: dict[str, Any], seed: int) -> None:
    theirs = reference(workspace)
    likelihood = theirs.likelihood
    assert sorted(theirs.model.config.par_names) == sorted(likelihood.parameters)
    theta = points(likelihood, np.random.default_rng(seed), 12)
    values, rates = likelihood.twice_nll(theta), likelihood.rates(theta)
    for point, value, rate in zip(theta, values, rates, strict=True):
        # rounding of rates that cancel
        own = theirs.rates(point)
        np.testing.assert_allclose(rate, own, rtol=1e-9, atol=1e-12 * np.abs(own).max())
        expected = theirs.twice_nll(point)
        if expected < FORBIDDEN:
            assert value == pytest.approx(expected, rel=1e-9)
        elif (own < 0).any():
            assert value == np.inf


@given(workspace=odd_workspaces())
@settings(max_examples=100)
def test_fits_of_odd_workspaces_end_as_low_as_pyhfs(workspace: dict[str, Any]) -> None:
    theirs = reference(workspace)
    likelihood, tolerance = theirs.likelihood, theirs.tolerance()
    fits = newton.minimise(likelihood)
    assert fits.valid.all()
    value = float(fits.twice_nll[0])
    assert theirs.twice_nll(fits.theta[0]) == pytest.approx(value, rel=1e-9)
    for start in (fits.theta[0], likelihood.init):
        assert theirs.lowest(start) >= value - tolerance
