"""Correlations of a fit against iminuit and pyhf, and what is left out of them."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest
from iminuit import Minuit

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.fits import fit_analysis, fit_workspace
from tests.studies.test_impacts import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spec_builder.base.arrays import FloatArray

HELD = {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "tilt", "fixed": True, "inits": [0.5]}]}}


@pytest.fixture
def by_minuit() -> Iterator[None]:
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-4))
    yield
    pyhf.set_backend("numpy", "scipy")


def aligned(names: list[str], matrix: FloatArray, wanted: tuple[str, ...]) -> FloatArray:
    order = [names.index(name) for name in wanted]
    return matrix[np.ix_(order, order)]


@pytest.mark.usefixtures("by_minuit")
@pytest.mark.parametrize("measurement", [MODEL["measurements"][0], HELD])
def test_the_correlations_are_those_of_pyhf(measurement: dict[str, Any]) -> None:
    workspace = MODEL | {"measurements": [measurement]}
    found = fit_workspace(workspace, "small").correlations
    model = pyhf.Workspace(workspace).model()
    data = pyhf.Workspace(workspace).data(model)
    _, theirs = pyhf.infer.mle.fit(data, model, return_correlations=True)
    names = list(model.config.par_names)
    held = {"tilt"} if measurement is HELD else set()
    assert set(found.parameters) == set(names) - held
    assert found.matrix == pytest.approx(aligned(names, np.asarray(theirs), found.parameters), abs=2e-3)


def test_the_correlations_are_those_of_iminuits_covariance() -> None:
    """To what its steps resolve; those of differences of our gradient to more digits."""
    fit = fit_analysis("combined", "flux")
    found, likelihood = fit.correlations, load_analysis("combined").likelihood("flux")
    theta = np.array([fit.fit.theta[name] for name in likelihood.parameters])
    minuit = Minuit(lambda point: float(likelihood.twice_nll(np.asarray(point))[0]), theta, name=likelihood.parameters)
    for i, name in enumerate(likelihood.parameters):
        minuit.fixed[name] = i not in likelihood.free
        minuit.errors[name] = 0.5
    minuit.hesse()
    assert minuit.covariance is not None
    theirs = np.asarray(minuit.covariance.correlation())
    assert found.matrix == pytest.approx(aligned(list(likelihood.parameters), theirs, found.parameters), abs=5e-3)

    free, steps = list(likelihood.free), 1e-4 * np.eye(theta.size)
    slopes = likelihood.gradient(theta + steps[free]) - likelihood.gradient(theta - steps[free])
    covariance = np.linalg.inv(slopes[:, free])
    widths = np.sqrt(np.diag(covariance))
    assert found.parameters == tuple(likelihood.parameters[i] for i in free)
    assert found.matrix == pytest.approx(covariance / np.outer(widths, widths), abs=1e-7)
    assert np.array_equal(found.matrix, found.matrix.T)
    assert np.diag(found.matrix).tolist() == [1.0] * len(free)


def test_what_is_on_a_bound_or_without_effect_is_left_out_and_told() -> None:
    workspace = deepcopy(MODEL)
    workspace["channels"][0]["samples"][0]["modifiers"][1]["data"] = {"lo": 1.0, "hi": 1.0}
    workspace["channels"][0]["samples"][1]["modifiers"].append({"name": "free", "type": "normfactor", "data": None})
    workspace["channels"][0]["samples"].append(
        {"name": "none", "data": [0.0] * 3, "modifiers": [{"name": "idle", "type": "normfactor", "data": None}]}
    )
    workspace["observations"][0]["data"] = [30, 34, 50]
    fit = fit_workspace(workspace, "small")
    assert set(fit.fit.bounds) == {"mu"}
    found = fit.correlations
    assert not {"mu", "idle"} & set(found.parameters)
    assert {"eff", "free", "size"} < set(found.parameters)
    assert [text.split(" ")[0] for text in found.caveats] == ["mu", "2NLL"]
    assert "errors: mu is at its lower bound and has none" in str(found)


def test_it_is_json_of_its_own_and_has_rows_of_pairs() -> None:
    fit = fit_workspace(MODEL, "small")
    found = fit.correlations
    assert "correlations" not in fit.to_dict()
    assert json.loads(found.to_json())["matrix"] == found.matrix.tolist()
    columns = found.report().columns
    count = len(found.parameters)
    assert len(columns["correlation"]) == count * (count - 1) / 2
    sizes = np.abs(np.asarray(columns["correlation"], dtype=np.float64))
    assert (np.diff(sizes) <= 0).all()
    places = [[found.parameters.index(str(name)) for name in columns[key]] for key in ("parameter", "other")]
    assert found.matrix[tuple(places)].tolist() == list(columns["correlation"])


def test_a_fit_that_is_not_valid_has_none() -> None:
    fit = fit_workspace(MODEL, "small")
    wrong = replace(fit, fit=replace(fit.fit, valid=False, correlations=None))
    with pytest.raises(SpecBuilderError, match="small: the fit is not valid, so there are no correlations"):
        _ = wrong.correlations
    held = dict.fromkeys(("mu", "eff", "size", "tilt", *(f"stat[{i}]" for i in range(3))), 1.0)
    with pytest.raises(SpecBuilderError, match="small: no parameter has an error, so there are no correlations"):
        _ = fit_workspace(MODEL, "small", poi="", hold=held).correlations


def test_of_many_parameters_those_with_the_strongest_are_drawn() -> None:
    found = fit_workspace(MODEL, "small").correlations
    matrix = np.eye(50)
    matrix[40, 3] = matrix[3, 40] = -0.5
    many = replace(found, parameters=tuple(f"p{i}" for i in range(50)), matrix=matrix)
    labels = [label.get_text().split()[0] for label in many.plot().get_yticklabels()]
    assert (len(labels), labels[3], labels[-1]) == (30, "p3", "p40")
    assert many.drawn.endswith("20 parameters with the weakest ones left out.")
    assert "1205 weaker pairs" in str(many)
