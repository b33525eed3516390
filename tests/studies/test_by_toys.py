"""Fits, limits, expected limits and coverage by toys: what they hold and how they are written."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.feldman_cousins import feldman_cousins
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.by_toys import (
    ToyFitResult,
    ToyLimitsResult,
    find_limits_by_toys,
    fit_analysis_by_toys,
    fit_workspace_by_toys,
)
from spec_builder.studies.coverage import cover_analysis, cover_couplings
from spec_builder.studies.expected import BAND, expect_limits
from spec_builder.studies.fits import fit_analysis
from spec_builder.studies.limits import find_limits

MASSES = np.array([1.0, 100.0])


@pytest.fixture(scope="module")
def flux() -> ToyFitResult:
    return fit_analysis_by_toys(load_analysis("xenonnt"), "flux", toys=150, seed=3)


@pytest.fixture(scope="module")
def vector() -> ToyLimitsResult:
    masses = np.array([100.0, np.inf])
    return find_limits_by_toys(load_analysis("xenonnt"), "vector_universal", masses, toys=100, seed=3, count=15)


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
    assert set(first) == {"value", "critical", "error", "toys", "observed", "p_value", "p_error"}
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


def test_limits_hold_critical_values(vector: ToyLimitsResult) -> None:
    content = vector.to_dict()
    assert content["schema"] == "spec_builder/limits/2"
    assert (content["method"], content["toys"], content["seed"]) == ("feldman-cousins", 100, 3)
    finite, contact = content["points"]
    plain = find_limits(load_analysis("xenonnt"), "vector_universal", np.array([100.0, np.inf]))
    for point, asymptotic in zip((finite, contact), plain.exclusion.points, strict=True):
        found = [end for interval in point["excluded_asymptotic"] for end in interval if end is not None]
        expected = [end for interval in asymptotic.excluded for end in interval if end is not None]
        assert found == pytest.approx(expected, rel=1e-6)
        assert len(point["excluded"]) == len(point["excluded_error"])
        assert point["critical"][-1]["value"] > max(found)
    assert contact["mass_MeV"] == "inf"
    assert contact["g_over_m_per_GeV"] == contact["excluded"]
    assert json.loads(vector.to_json()) == content
    assert "Delta chi2 above critical values by toys against each mass's minimum over g >= 0" in str(vector)
    assert "by Wilks' theorem" in str(vector)


def test_expected_quantiles_are_in_order() -> None:
    found = expect_limits(load_analysis("xenonnt"), "scalar", MASSES, kind="toys", toys=40, seed=2)
    for point in found.points:
        values = [point.upper[name] for name in BAND]
        assert values == sorted(values)
        assert 0 < point.median_error < 0.2 * values[2]
        assert point.valid == 1.0
    asimov = expect_limits(load_analysis("xenonnt"), "scalar", MASSES)
    for one, other in zip(asimov.points, found.points, strict=True):
        # the median of toys and Asimov data agree within the toys' error
        assert abs(one.upper["median"] - other.upper["median"]) < 4 * other.median_error
    content = found.to_dict()
    assert content["points"][0]["expected"] == found.points[0].upper
    assert asimov.to_dict()["points"][0]["expected"] == {
        "m2": None,
        "m1": None,
        "median": asimov.points[0].upper["median"],
        "p1": None,
        "p2": None,
    }
    assert "40 toys, seed 2 of the Standard Model" in str(found)
    assert asimov.toys == 1
    assert asimov.seed is None


def test_expected_limits_of_a_signed_parameter() -> None:
    found = expect_limits(load_analysis("xenonnt"), "nsi", kind="toys", toys=24, seed=2)
    (point,) = found.points
    assert math.isnan(point.mass_MeV)
    low = [point.lower[name] for name in BAND]
    assert low == sorted(low, reverse=True)  # m1 is the stronger limit on either side
    assert low[2] < point.upper["median"]
    (content,) = found.to_dict()["points"]
    assert content["mass_MeV"] is None
    assert content["expected_low"] == point.lower
    assert "epsilon_low_median" in found.to_csv()


def test_limits_of_a_signed_parameter_have_no_lower_end_in_json() -> None:
    plain = find_limits(load_analysis("xenonnt"), "nsi")
    by_toys = find_limits_by_toys(load_analysis("xenonnt"), "nsi", toys=40, seed=1, count=11)
    for result in (plain, by_toys):
        (point,) = json.loads(result.to_json())["points"]
        assert point["excluded"][0][0] is None
        assert point["excluded"][-1][1] is None
        assert point["mass_MeV"] is None
        assert "< -0." in str(result)


def test_an_unknown_kind_of_expectation_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="expected 'mine' is unknown, expected one of asimov, toys"):
        expect_limits(load_analysis("xenonnt"), "scalar", MASSES, kind="mine")  # type: ignore[arg-type]


def test_coverage_is_in_units_of_the_standard_model() -> None:
    found = cover_analysis(load_analysis("xenonnt", "linear"), "flux", [0.3, 1.0], cl=0.9, toys=400, seed=1)
    assert [one.value for one in found.values] == pytest.approx([0.3 * 5.46, 5.46])
    # 400 000 toys of another program: 0.947 and 0.898
    for one, expected in zip(found.values, (0.947213, 0.898395), strict=True):
        assert abs(one.covers - expected) < 4 * one.error
    content = found.to_dict()
    assert content["schema"] == "spec_builder/coverage/1"
    assert content["values"][1]["covers"] == found.values[1].covers
    rows = [line for line in found.to_csv().splitlines() if not line.startswith("#")]
    assert rows[0].startswith("flux,times_sm,covers,error,covers_by_toys")
    assert len(rows) == 3


def test_limits_of_a_coupling_cover_too_often_at_its_bound() -> None:
    found = cover_couplings(load_analysis("xenonnt"), "scalar", 1.0, [0.0, 8e-6], toys=1500, seed=1)
    at_bound, inside = found.values
    assert at_bound.value == 0.0
    assert inside.value == 8e-6
    # half of the data sets have their minimum at the bound, where the threshold of one degree of freedom is too high
    assert abs(at_bound.covers - 0.95) < 0.03
    assert at_bound.critical < 2.0
    assert abs(inside.covers - 0.9) < 0.03
    for one in found.values:
        assert abs(one.covers_by_toys - 0.9) < 4 * one.error_by_toys
    content = found.to_dict()
    assert (content["mass_MeV"], content["interaction"], content["cl"]) == (1.0, "scalar", 0.9)
    assert "times_sm" not in found.to_csv()
    assert "Coverage of g, scalar, xenonnt" in str(found)


def test_coverage_of_values_beyond_the_domain_is_refused() -> None:
    analysis = load_analysis("xenonnt")
    with pytest.raises(SpecBuilderError, match="value -1e-05: beyond the domain of g"):
        cover_couplings(analysis, "scalar", 1.0, [-1e-5], toys=10)
    with pytest.raises(SpecBuilderError, match="value 1: beyond the domain of g"):
        cover_couplings(analysis, "scalar", 1.0, [1.0], toys=10)
    with pytest.raises(SpecBuilderError, match="has a mediator: give its masses"):
        cover_couplings(analysis, "scalar", None, [1e-5], toys=10)
    signed = cover_couplings(analysis, "nsi", None, [-0.05, 0.05], toys=50)
    assert [one.value for one in signed.values] == [-0.05, 0.05]
