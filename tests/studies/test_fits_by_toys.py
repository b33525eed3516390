"""Fits by toys: what they hold and how they are written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.feldman_cousins import feldman_cousins
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.fits import fit_analysis
from spec_builder.studies.fits_by_toys import ToyFitResult, fit_analysis_by_toys, fit_workspace_by_toys


@pytest.fixture(scope="module")
def flux() -> ToyFitResult:
    return fit_analysis_by_toys(load_analysis("xenonnt"), "flux", toys=150, seed=3)


def test_a_fit_holds_the_asymptotic_one(flux: ToyFitResult) -> None:
    content, plain = flux.to_dict(), fit_analysis(load_analysis("xenonnt"), "flux").to_dict()
    changed = {key for key in plain if content[key] != plain[key]}
    assert changed <= {"edm"}
    found = feldman_cousins(load_analysis("xenonnt").likelihood("flux"), "flux", toys=150, seed=3)
    assert content["interval"] == list(found.interval)
    assert content["interval_error"] == list(found.interval_error)
    assert (content["method"], content["toys"], content["seed"]) == ("feldman-cousins", 150, 3)
    assert content["ensemble"] == "profiled"
    assert content["interval_asymptotic"] == pytest.approx(
        [plain["value"] - plain["down"], plain["value"] + plain["up"]], abs=1e-4
    )
    first = content["critical"][0]
    assert set(first) == {"value", "critical", "error", "toys", "observed", "p_value", "p_error", "number"}
    assert json.loads(flux.to_json()) == content
    assert content["significance_by_toys"]["observed"] == pytest.approx(plain["significance"] ** 2, abs=1e-6)
    assert content["goodness_by_toys"]["observed"] == pytest.approx(plain["chi2_min"], abs=1e-6)


def test_a_fit_reads_well(flux: ToyFitResult) -> None:
    text = str(flux)
    assert "68.27 % by toys    " in text
    assert "150 at each of 61 values, seed 3, nuisance parameters profiled" in text
    assert "by Wilks' theorem  2.859" in text
    rows = [line for line in flux.to_csv().splitlines() if not line.startswith("#")]
    assert rows[0] == "value,critical,error,toys,observed,p_value,p_error"
    assert len(rows) == 62


def test_the_weak_mixing_angle_has_no_null() -> None:
    found = fit_analysis_by_toys(load_analysis("xenonnt"), "sin2thetaw", toys=20, values=np.array([0.1, 0.2, 0.4]))
    assert found.toys.significance is None
    assert found.to_dict()["significance_by_toys"] is None
    assert "signal by toys" not in str(found)


def test_a_workspace_is_fitted_by_its_own_parameter() -> None:
    workspace = dict(load_analysis("xenonnt").workspace)
    found = fit_workspace_by_toys(workspace, "mine", toys=50, seed=1)
    assert found.toys.parameter == "mu_8b"
    assert found.toys.interval[0] is not None
    assert found.toys.interval[0] == pytest.approx(0.53, abs=0.15)
    with pytest.raises(SpecBuilderError, match=r"^mine: "):
        fit_workspace_by_toys(workspace, "mine", measurement="new_physics", toys=50)


def test_a_constrained_parameter_has_no_significance() -> None:
    workspace = load_analysis("xenonnt").workspace
    constrained = fit_workspace_by_toys(workspace, "mine.json", measurement="new_physics", poi="flux_8b", toys=20)
    assert constrained.toys.significance is None
    assert constrained.asymptotic.fit.significance is None
    assert "signal by toys" not in str(constrained)


def test_a_minimum_between_two_values_is_part_of_the_interval() -> None:
    found = fit_analysis_by_toys("xenonnt", "flux", cl=0.9, toys=200, values=[0.0, 30.0])
    lower, upper = found.interval
    assert lower is not None  # there was no end and no word about it
    assert upper is not None
    assert 0 < lower < found.value < upper < 30
