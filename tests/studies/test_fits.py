"""Results as they are handed on: numbers with their provenance, as JSON, CSV and text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.version import __version__
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.fits import fit_analysis, fit_workspace
from spec_builder.studies.profiles import profile_analysis

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


def test_an_end_that_is_not_there_is_null() -> None:
    content = json.loads(fit_analysis(load_analysis("pandax4t", "linear"), "flux", cl=0.95).to_json())
    assert content["down"] is None
    assert content["up"] > 0


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
        with pytest.raises(SpecBuilderError, match="parameter 'mass' is unknown, expected one of flux, sin2thetaw"):
            make(analysis, "mass")


def test_a_parameter_that_the_measurement_holds_has_no_interval() -> None:
    result = fit_workspace(load_analysis("xenonnt").workspace, "BkgOnly.json", measurement="new_physics")
    assert (result.fit.fixed, result.fit.up, result.fit.down) == (True, None, None)
    assert str(result).startswith("BkgOnly.json: mu_8b = 1 held by the measurement\n")
