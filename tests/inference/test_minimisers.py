"""Both minimisers against pyhf's objective, far from the Standard Model too, and what they promise."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import minimize

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference import descent, minima, minuit, newton
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import Rows, take_apart
from tests.inference.signals import random_signals, signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray

MINIMISERS = {"newton": newton.minimise, "minuit": minuit.minimise}


def with_signal(workspace: dict[str, Any], yields: FloatArray) -> dict[str, Any]:
    """The workspace with other signal yields, its uncertainties of the same relative size."""
    edited = copy.deepcopy(workspace)
    at = 0
    for channel in edited["channels"]:
        for sample in channel["samples"]:
            if sample["name"] != "cevns":
                continue
            new = yields[at : at + len(sample["data"])]
            at += new.size
            for modifier in sample["modifiers"]:
                if modifier["type"] == "histosys":
                    data = modifier["data"]
                    ratio = data["hi_data"][0] / sample["data"][0] - 1
                    data["hi_data"], data["lo_data"] = (new * (1 + ratio)).tolist(), (new * (1 - ratio)).tolist()
            sample["data"] = new.tolist()
    return edited


def minimum_of_pyhf(model: Any) -> float:
    """pyhf's -2 ln L minimised by SLSQP to rounding, within the bounds, with differences for the gradient."""
    config, data = model.model.config, model.data
    free = [i for i, fixed in enumerate(config.suggested_fixed()) if not fixed]
    start = np.array(config.suggested_init())

    def objective(x: FloatArray) -> float:
        point = start.copy()
        point[free] = x
        with np.errstate(invalid="ignore"):
            value = -2 * float(model.model.logpdf(point, data)[0])
        return value if np.isfinite(value) else 1e10

    def gradient(x: FloatArray) -> FloatArray:
        return np.array([(objective(x + h) - objective(x - h)) / 2e-5 for h in 1e-5 * np.eye(x.size)])

    bounds = [config.suggested_bounds()[i] for i in free]
    found = minimize(
        objective, start[free], jac=gradient, method="SLSQP", bounds=bounds, options={"ftol": 1e-14, "maxiter": 500}
    )
    return float(found.fun)


@pytest.mark.parametrize("law", LAWS)
def test_minima_equal_tightly_converged_pyhf(
    pyhf_model: Callable[..., Any], workspaces: dict[tuple[str, str], dict[str, Any]], law: str
) -> None:
    workspace = workspaces["combined", law]
    likelihood = Likelihood.from_workspace(workspace, "new_physics")
    yields = random_signals(workspace, 40)
    expected = [minimum_of_pyhf(pyhf_model(with_signal(workspace, y), "new_physics")) for y in yields]
    for minimise in MINIMISERS.values():
        fits = minimise(likelihood, sample="cevns", yields=yields)
        assert fits.valid.all()
        np.testing.assert_allclose(fits.twice_nll, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
@pytest.mark.parametrize("measurement", ["everything", "some_fixed"])
def test_every_modifier_reaches_pyhfs_minimum(
    pyhf_model: Callable[..., Any], generic: dict[str, Any], minimise: Any, measurement: str
) -> None:
    fits = minimise(Likelihood.from_workspace(generic, measurement))
    assert fits.valid.all()
    assert fits.twice_nll[0] == pytest.approx(minimum_of_pyhf(pyhf_model(generic, measurement)), abs=1e-6)


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
@pytest.mark.parametrize("law", LAWS)
def test_replaced_sample_equals_an_edited_workspace(
    workspaces: dict[tuple[str, str], dict[str, Any]], law: str, minimise: Any
) -> None:
    workspace = workspaces["combined", law]
    likelihood = Likelihood.from_workspace(workspace, "new_physics")
    yields = random_signals(workspace, 12)
    fits = minimise(likelihood, sample="cevns", yields=yields)
    for i, y in enumerate(yields):
        edited = minimise(Likelihood.from_workspace(with_signal(workspace, y), "new_physics"))
        assert edited.twice_nll[0] == pytest.approx(fits.twice_nll[i], abs=1e-8)


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
def test_value_is_the_likelihoods_at_theta(workspaces: dict[tuple[str, str], dict[str, Any]], minimise: Any) -> None:
    likelihood = Likelihood.from_workspace(workspaces["combined", "normsys"], "b8_flux")
    fits = minimise(likelihood)
    np.testing.assert_allclose(fits.twice_nll, likelihood.twice_nll(fits.theta), rtol=1e-13)
    free = list(likelihood.free)
    assert np.abs(likelihood.gradient(fits.theta)[0, free]).max() < 1e-3


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
def test_fixed_parameters_stay(workspaces: dict[tuple[str, str], dict[str, Any]], minimise: Any) -> None:
    likelihood = Likelihood.from_workspace(workspaces["xenonnt", "linear"], "b8_flux")
    start = np.tile(likelihood.init, (4, 1))
    held = {"mu_8b": [0.0, 0.5, 1.0, 2.0], "xenonnt_neutron": [-1.0, 0.0, 1.0, 2.0], "flux_8b": [0.3, 0.2, 0.1, 0.0]}
    for name, values in held.items():
        start[:, likelihood.index(name)] = values
    fits = minimise(likelihood, start=start, fixed=("mu_8b", "xenonnt_neutron"))
    for name, values in held.items():
        assert fits.theta[:, likelihood.index(name)].tolist() == values
    moved = likelihood.index("xenonnt_accidental")
    assert (fits.theta[:, moved] != start[:, moved]).all()


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
def test_start_values_are_not_overwritten(workspaces: dict[tuple[str, str], dict[str, Any]], minimise: Any) -> None:
    likelihood = Likelihood.from_workspace(workspaces["xenonnt", "linear"], "b8_flux")
    start = np.tile(likelihood.init, (2, 1))
    before = start.copy()
    minimise(likelihood, start=start)
    np.testing.assert_array_equal(start, before)


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
@pytest.mark.parametrize("counts", [[0, 0, 0], [16, 0, 0], [0, 0, 7], [0, 14, 7]])
@pytest.mark.parametrize("law", LAWS)
def test_empty_bins_converge(
    workspaces: dict[tuple[str, str], dict[str, Any]], law: str, counts: list[int], minimise: Any
) -> None:
    likelihood = Likelihood.from_workspace(workspaces["xenonnt", law], "b8_flux").with_observed(counts)
    fits = minimise(likelihood)
    assert fits.valid.all()
    assert fits.twice_nll[0] < likelihood.twice_nll(likelihood.init)[0]
    if sum(counts) < 20:  # fewer than the backgrounds: no room for a signal
        assert fits.theta[0, likelihood.index("mu_8b")] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("counts", [[16, 0, 7], [0, 1, 1], [0, 0, 0]])
@pytest.mark.parametrize("law", LAWS)
def test_empty_bins_converge_far_from_the_standard_model(
    workspaces: dict[tuple[str, str], dict[str, Any]], law: str, counts: list[int]
) -> None:
    """A rate may end at zero where nothing was counted; a billionth of a count there keeps it inside."""
    workspace = workspaces["xenonnt", law]
    likelihood = Likelihood.from_workspace(workspace, "new_physics").with_observed(counts)
    yields = random_signals(workspace, 500)
    fits = newton.minimise(likelihood, sample="cevns", yields=yields)
    inside = newton.minimise(likelihood.with_observed(np.maximum(counts, 1e-9)), sample="cevns", yields=yields)
    assert fits.valid.all()
    np.testing.assert_allclose(fits.twice_nll, inside.twice_nll, rtol=0, atol=1e-6)


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
def test_a_minimum_on_a_bound_says_so(workspaces: dict[tuple[str, str], dict[str, Any]], minimise: Any) -> None:
    workspace = workspaces["combined", "normsys"]
    likelihood = Likelihood.from_workspace(workspace, "new_physics")
    fits = minimise(likelihood, sample="cevns", yields=np.array([1.0, 1000.0])[:, None] * signal(workspace))
    assert fits.valid.all()
    assert fits.at_bound.tolist() == [False, True]
    assert fits.theta[1].min() == pytest.approx(-15.0, abs=1e-6)


def test_a_start_where_a_rate_is_negative_is_left_for_the_models_own(
    workspaces: dict[tuple[str, str], dict[str, Any]],
) -> None:
    workspace = workspaces["combined", "linear"]
    likelihood = Likelihood.from_workspace(workspace, "new_physics")
    yields = random_signals(workspace, 6)
    start = np.tile(likelihood.init, (6, 1))
    for name in ("flux_8b", "xenonnt_accidental", "xenonnt_electron_recoil"):
        start[::2, likelihood.index(name)] = -15.0
    layout, arrays = take_apart(likelihood, Rows(yields={"cevns": yields.T}))
    assert not np.isfinite(likelihood.engine((), layout)(start.T.copy(), arrays).value[::2]).any()
    fits = newton.minimise(likelihood, start=start, sample="cevns", yields=yields)
    expected = newton.minimise(likelihood, sample="cevns", yields=yields)
    assert fits.valid.all()
    np.testing.assert_allclose(fits.twice_nll, expected.twice_nll, rtol=0, atol=1e-9)
    np.testing.assert_allclose(fits.theta, expected.theta, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(fits.at_bound, expected.at_bound)


def test_a_row_that_is_not_valid_says_why(
    workspaces: dict[tuple[str, str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspaces["combined", "linear"]
    likelihood = Likelihood.from_workspace(workspace, "new_physics")
    yields = np.array([1.0, -50.0, 1e14])[:, None] * signal(workspace)
    fits = newton.minimise(likelihood, sample="cevns", yields=yields)
    assert fits.valid.tolist() == [True, False, False]
    assert minima.REASONS[fits.reason[1]] == "2NLL is not finite where the fit starts: a rate is not positive"
    assert fits.reason[2] > 1  # rounding hides the minimum
    monkeypatch.setattr(descent, "MAX_EVALUATIONS", 3)
    monkeypatch.setattr(descent, "CAREFUL_EVALUATIONS", 1)
    unfinished = newton.minimise(likelihood, sample="cevns", yields=yields[:1])
    assert minima.REASONS[unfinished.reason[0]] == "not converged within the evaluations allowed"
    assert not unfinished.valid[0]


@pytest.mark.parametrize("minimise", MINIMISERS.values(), ids=MINIMISERS)
def test_unknown_sample(workspaces: dict[tuple[str, str], dict[str, Any]], minimise: Any) -> None:
    likelihood = Likelihood.from_workspace(workspaces["xenonnt", "linear"], "b8_flux")
    with pytest.raises(SpecBuilderError, match="sample 'signal' is not in the workspace"):
        minimise(likelihood, sample="signal", yields=np.ones((1, 3)))
