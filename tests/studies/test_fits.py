"""Results as they are handed on: numbers with their provenance, as JSON, CSV and text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.version import __version__
from spec_builder.inference.fit import MINIMISERS, Minimiser
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.events import events_of_workspace
from spec_builder.studies.fits import fit_analysis, fit_workspace
from spec_builder.studies.impacts import rank_workspace
from spec_builder.studies.limits import find_limits
from spec_builder.studies.profiles import profile_analysis, profile_workspace
from spec_builder.studies.surfaces import profile_two_of_workspace

if TYPE_CHECKING:
    from spec_builder.model.analysis import Analysis


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return load_analysis("pandax4t", "linear", {"pandax4t": "md_rich"})


def test_fit_as_json(analysis: Analysis) -> None:
    result = fit_analysis(analysis, "flux", cl=ONE_SIGMA)
    content = json.loads(result.to_json())
    assert content["schema"] == "spec_builder/fit/1"
    assert (content["analysis"], content["parameter"], content["unit"]) == ("pandax4t", "flux", "1e6 cm-2 s-1")
    assert (content["law"], content["variants"], content["version"]) == ("linear", {"pandax4t": "md_rich"}, __version__)
    assert content["statuses"]["pandax4t.backgrounds"] == "reconstructed"
    fit = result.fit
    for key in ("value", "up", "down", "chi2_min", "twice_nll", "edm", "valid", "at_bound", "significance", "ndof"):
        assert content[key] == getattr(fit, key)
    assert content["pulls"] == {name: pull.value for name, pull in fit.pulls.items()}
    assert content["pull_uncertainties"] == {name: pull.uncertainty for name, pull in fit.pulls.items()}
    assert set(content["pulls"]) == {"pandax4t_signal", "pandax4t_cathode", "pandax4t_micro_discharge"}


def test_p_values_are_never_zero_and_told_where_there_are_none() -> None:
    one_bin = {"name": "one", "samples": [{"name": "s", "data": [3.0], "modifiers": [FREE]}]}
    found = fit_workspace(workspace_of(one_bin, [3.0]), "x.json")
    assert (
        found.report()
        .facts["chi2 / ndof"]
        .endswith("/ 0, no p-value without degrees of freedom (saturated, asymptotic)")
    )
    assert "nan" not in found.report().to_text()
    two_bins = {"name": "one", "samples": [{"name": "s", "data": [30.0, 30.0], "modifiers": [FREE]}]}
    far = fit_workspace(workspace_of(two_bins, [300.0, 3.0]), "x.json").report().facts["chi2 / ndof"]
    assert "p = 0.000" not in far
    assert 0 < float(far.split("p = ")[1].split(" ")[0]) < 1e-50


FREE = {"name": "mu", "type": "normfactor", "data": None}


def workspace_of(channel: dict[str, Any], counts: list[float]) -> dict[str, Any]:
    """A workspace of one channel whose size is free."""
    return {
        "channels": [channel],
        "observations": [{"name": "one", "data": counts}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def test_an_end_that_is_not_there_is_null() -> None:
    content = json.loads(fit_analysis(load_analysis("pandax4t", "linear"), "flux", cl=0.95).to_json())
    assert content["down"] is None
    assert content["up"] > 0


def without_background(counts: list[float]) -> dict[str, Any]:
    """A bin with signal alone, and one with signal and background."""
    size = {"name": "size", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
    free = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "b", "data": [0.0, 9.0], "modifiers": [size]},
        {"name": "s", "data": [2.0, 3.0], "modifiers": [free]},
    ]
    return {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": counts}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


@pytest.mark.parametrize("minimiser", MINIMISERS)
def test_an_infinite_significance_is_null_and_said(minimiser: Minimiser) -> None:
    result = fit_workspace(without_background([10.0, 12.0]), "x.json", minimiser=minimiser)
    content = json.loads(result.to_json())
    assert content["value"] == pytest.approx(3.272, abs=1e-3)
    assert content["significance"] is None
    note = "infinite: without a signal nothing is expected in a bin with counts"
    assert content["significance_note"] == note
    assert f"signal       {note}\n" in str(result)
    finite = fit_workspace(without_background([0.0, 12.0]), "x.json", minimiser=minimiser)
    content = json.loads(finite.to_json())
    assert content["significance"] == finite.fit.significance
    assert content["significance_note"] is None


def test_what_did_not_settle_is_said(analysis: Analysis) -> None:
    result = fit_analysis(analysis, "flux")
    assert json.loads(result.to_json())["problems"] == []
    told = replace(result, fit=replace(result.fit, up=None, problems=("upper end of the interval: why",)))
    assert json.loads(told.to_json())["problems"] == ["upper end of the interval: why"]
    assert "not settled: upper end of the interval: why" in str(told)


def test_a_profile_that_is_infinite_somewhere_is_null_there(analysis: Analysis) -> None:
    result = profile_analysis(analysis, "flux", points=3)
    heights = np.array([np.inf, 0.0, 1.0])
    content = json.loads(replace(result, delta_chi2=heights, twice_nll=heights).to_json())
    assert content["delta_chi2"] == content["twice_nll"] == [None, 0.0, 1.0]


def test_a_standard_model_that_is_excluded_by_any_distance_is_null(analysis: Analysis) -> None:
    result = find_limits(analysis, choose("scalar"), np.array([1.0, 10.0]), dof=1)
    first, second = result.exclusion.points
    points = (replace(first, delta_chi2_sm=np.inf), second)
    content = json.loads(replace(result, exclusion=replace(result.exclusion, points=points)).to_json())
    one, other = content["points"]
    assert one["delta_chi2_sm"] is None
    assert one["delta_chi2_sm_note"] == "infinite: the Standard Model expects nothing in a bin with counts"
    assert other["delta_chi2_sm"] == second.delta_chi2_sm
    assert "delta_chi2_sm_note" not in other


def test_the_weak_mixing_angle_has_no_significance(analysis: Analysis) -> None:
    result = fit_analysis(analysis, "sin2thetaw")
    assert result.fit.significance is None
    assert result.unit == "1"


def test_fit_as_text(analysis: Analysis) -> None:
    text = str(fit_analysis(analysis, "flux", cl=0.9))
    first, *_ = text.splitlines()
    assert first.startswith("pandax4t: flux [1e6 cm-2 s-1] = ")
    for part in ("90 % CL, Delta chi2 = 2.706", "law linear", "pandax4t=md_rich", "chi2 / ndof", "asymptotic", "valid"):
        assert part in text
    assert "by construction" not in text
    assert "by construction: xenonnt: " in str(fit_analysis(load_analysis("xenonnt"), "flux"))


def test_fit_of_a_workspace_is_the_fit_of_its_analysis() -> None:
    analysis = load_analysis("combined")
    plain = fit_workspace(analysis.workspace, "BkgOnly.json", measurement="b8_flux", cl=ONE_SIGMA)
    flux = fit_analysis(analysis, "flux", cl=ONE_SIGMA).fit
    assert (plain.provenance.analysis, plain.provenance.law, plain.unit) == ("BkgOnly.json", None, "1")
    assert plain.fit.parameter == "mu_8b"
    for ours, theirs in ((plain.fit.value, flux.value), (plain.fit.up, flux.up), (plain.fit.down, flux.down)):
        assert ours is not None
        assert theirs is not None
        assert 5.46 * ours == pytest.approx(theirs, rel=1e-4)
    assert plain.fit.significance == pytest.approx(flux.significance, rel=1e-6)


def test_unknown_parameter(analysis: Analysis) -> None:
    for make in (fit_analysis, profile_analysis):
        with pytest.raises(
            SpecBuilderError, match="parameter 'mass' is unknown in pandax4t, expected one of flux, sin2thetaw"
        ):
            make(analysis, "mass")


def test_a_parameter_that_the_measurement_holds_has_no_interval() -> None:
    result = fit_workspace(load_analysis("xenonnt").workspace, "BkgOnly.json", measurement="new_physics")
    assert (result.fit.fixed, result.fit.up, result.fit.down) == (True, None, None)
    assert str(result).startswith("BkgOnly.json: mu_8b = 1 held\n")


def test_what_was_asked_of_a_workspace_stands_in_every_result_of_it() -> None:
    workspace = load_analysis("xenonnt").workspace
    asked: dict[str, Any] = {"measurement": "b8_flux", "hold": {"flux_8b": 0.5}}
    found = [
        fit_workspace(workspace, **asked),
        rank_workspace(workspace, **asked),
        profile_workspace(workspace, points=3, **asked),
        profile_two_of_workspace(workspace, "w", ("mu_8b", "xenonnt_neutron"), points=31, **asked),
        events_of_workspace(workspace, **asked),
    ]
    for result in found:
        content = result.to_dict()
        assert {key: content[key] for key in asked} == asked
        text = result.to_csv()
        assert "measurement" in text
        assert "flux_8b = 0.5" in text
    assert "measurement b8_flux, held flux_8b = 0.5, spec_builder" in str(found[0])
    plain = fit_workspace(workspace).to_dict()
    assert not {"measurement", "hold"} & plain.keys()


def test_events_do_not_call_a_held_parameter_fitted() -> None:
    workspace = load_analysis("xenonnt").workspace
    assert events_of_workspace(workspace, measurement="new_physics").hypothesis == "all free parameters"
    free = events_of_workspace(workspace, measurement="b8_flux")
    assert free.hypothesis == "mu_8b with all other free parameters"
