"""``shapefactor``: a free factor for each bin, as pyhf has it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference import minuit, newton
from spec_builder.inference.engine import Engine
from spec_builder.inference.fit import fit
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import PLAIN, Rows, lay_out, spread
from tests.inference.test_minimisers import minimum_of_pyhf

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.inference.conftest import PyhfModel

FREE_SHAPE = {"name": "free_shape", "type": "shapefactor", "data": None}
SIZE = {"name": "size", "type": "normsys", "data": {"hi": 1.2, "lo": 0.85}}
MU = {"name": "mu", "type": "normfactor", "data": None}


def sample(name: str, data: list[float], *modifiers: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "data": data, "modifiers": list(modifiers)}


@pytest.fixture
def workspace() -> dict[str, Any]:
    """A background known in a control region alone: its shape is shared with the region of the signal."""
    width = {"name": "width", "type": "shapesys", "data": [0.8, 1.0, 0.6]}
    tilt = {"name": "tilt", "type": "histosys", "data": {"hi_data": [5.0, 9.0, 6.0], "lo_data": [3.5, 9.5, 7.0]}}
    return {
        "channels": [
            {"name": "control", "samples": [sample("background", [40.0, 60.0, 50.0], FREE_SHAPE, SIZE)]},
            {
                "name": "search",
                "samples": [
                    sample("signal", [4.0, 9.0, 6.5], MU, tilt),
                    sample("background", [10.0, 20.0, 15.0], FREE_SHAPE, SIZE),
                    sample("other", [3.0, 2.0, 1.0], width),
                ],
            },
        ],
        "observations": [
            {"name": "control", "data": [55.0, 48.0, 61.0]},
            {"name": "search", "data": [22.0, 31.0, 20.0]},
        ],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def test_parameters_are_free_factors_between_zero_and_ten(workspace: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    own = [p for p in likelihood.specification.parameters if p.name.startswith("free_shape")]
    assert [p.name for p in own] == ["free_shape[0]", "free_shape[1]", "free_shape[2]"]
    assert {(p.init, p.lower, p.upper, p.fixed, p.constraint) for p in own} == {(1.0, 0.0, 10.0, False, None)}


def test_2nll_equals_pyhf(pyhf_model: Callable[..., PyhfModel], workspace: dict[str, Any]) -> None:
    likelihood, theirs = Likelihood.from_workspace(workspace), pyhf_model(workspace)
    rng = np.random.default_rng(2)
    theta = np.clip(likelihood.init + rng.normal(size=(20, likelihood.init.size)) / 2, *likelihood.bounds)
    np.testing.assert_allclose(likelihood.rates(theta), theirs.rates(theta, likelihood.parameters), rtol=1e-13)
    expected = theirs.twice_nll(theta, likelihood.parameters)
    np.testing.assert_allclose(likelihood.twice_nll(theta), expected, rtol=1e-12)


def test_both_compiled_forms_agree(workspace: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    laid = lay_out(likelihood.specification, PLAIN)
    theta = np.ascontiguousarray(np.tile(likelihood.init * 0.9 + 0.1, (3, 1)).T)
    theta[likelihood.index("free_shape[1]"), 1] = 0.0  # where a logarithmic derivative is infinite
    by_pairs, by_bins = Engine(spread(laid), likelihood.free), JacobianEngine(laid, likelihood.free)
    one, other = by_pairs(theta), by_bins(theta)
    np.testing.assert_allclose(one.value, other.value, rtol=1e-13)
    np.testing.assert_allclose(one.gradient, other.gradient, rtol=1e-10, atol=1e-10)
    lower = np.tril_indices(len(likelihood.free))
    np.testing.assert_allclose(one.hessian[lower], other.hessian[lower], rtol=1e-10, atol=1e-9)


def test_fits_reach_pyhfs_minimum(pyhf_model: Callable[..., PyhfModel], workspace: dict[str, Any]) -> None:
    likelihood, expected = Likelihood.from_workspace(workspace), minimum_of_pyhf(pyhf_model(workspace))
    for fits in (newton.minimise(likelihood), minuit.minimise(likelihood)):
        assert fits.valid.all()
        assert fits.twice_nll[0] == pytest.approx(expected, abs=1e-6)
    assert fit(likelihood).twice_nll == pytest.approx(expected, abs=1e-6)


def test_a_factor_ends_at_zero_where_nothing_is_counted(
    pyhf_model: Callable[..., PyhfModel], workspace: dict[str, Any]
) -> None:
    workspace["channels"][0]["samples"].append(sample("other", [2.0, 2.0, 2.0]))
    workspace["observations"] = [{"name": "control", "data": [0, 48, 61]}, {"name": "search", "data": [0, 31, 20]}]
    likelihood, expected = Likelihood.from_workspace(workspace), minimum_of_pyhf(pyhf_model(workspace))
    for fits in (newton.minimise(likelihood), minuit.minimise(likelihood)):
        assert fits.valid.all()
        assert fits.twice_nll[0] == pytest.approx(expected, abs=1e-6)
        assert fits.theta[0, likelihood.index("free_shape[0]")] == 0


def test_it_stays_where_a_samples_yields_come_by_row(
    pyhf_model: Callable[..., PyhfModel], workspace: dict[str, Any]
) -> None:
    likelihood, edited = Likelihood.from_workspace(workspace), copy.deepcopy(workspace)
    for channel in edited["channels"]:
        background = next(s for s in channel["samples"] if s["name"] == "background")
        background["data"] = [1.5 * events for events in background["data"]]
    yields = np.array([[60.0, 90.0, 75.0, 15.0, 30.0, 22.5]]).T
    fits = newton.minimise(likelihood, rows=Rows(yields={"background": yields}))
    assert fits.valid.all()
    assert fits.twice_nll[0] == pytest.approx(minimum_of_pyhf(pyhf_model(edited)), abs=1e-6)


def test_settings_of_the_measurement_are_taken(pyhf_model: Callable[..., PyhfModel], workspace: dict[str, Any]) -> None:
    settings = {"name": "free_shape", "inits": [1.1, 0.9, 1.2], "bounds": [[0.5, 1.3], [0.5, 2.0], [0.1, 5.0]]}
    workspace["measurements"][0]["config"]["parameters"] = [settings]
    likelihood = Likelihood.from_workspace(workspace)
    place = [likelihood.index(f"free_shape[{i}]") for i in range(3)]
    assert likelihood.init[place].tolist() == settings["inits"]
    fits = newton.minimise(likelihood)
    assert fits.valid.all()
    assert fits.theta[0, place[0]] == 1.3  # at its bound
    assert fits.twice_nll[0] == pytest.approx(minimum_of_pyhf(pyhf_model(workspace)), abs=1e-6)


def test_channels_of_other_sizes_cannot_share_it(workspace: dict[str, Any]) -> None:
    workspace["channels"][0]["samples"][0]["data"] = [40.0, 60.0]
    workspace["observations"][0]["data"] = [55.0, 48.0]
    with pytest.raises(SpecBuilderError, match="'free_shape' is used as shapefactor of 3 bins and as shapefactor of 2"):
        Likelihood.from_workspace(workspace)
