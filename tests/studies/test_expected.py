"""Expected limits: quantiles over toys of the Standard Model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.expected import BAND, expect_limits

MASSES = np.array([1.0, 100.0])


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
    assert "too few for m2 and p2, which need 44" in str(found)
    assert asimov.toys == 1
    assert asimov.seed is None
    assert "which need" not in str(asimov)


def test_what_a_few_data_sets_do_not_tell_is_said() -> None:
    one = expect_limits("xenonnt", "scalar", [1.0], kind="toys", toys=1)
    assert one.points[0].median_error == math.inf  # it was 0
    assert one.to_dict()["points"][0]["median_error"] is None
    lost = replace(one, toys=100, points=(replace(one.points[0], valid=0.9),))
    assert "nuisance parameters profiled; up to 10 % have no valid fit and are left out" in str(lost)


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


def test_an_unknown_kind_of_expectation_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="kind 'mine' is unknown, expected one of asimov, toys"):
        expect_limits(load_analysis("xenonnt"), "scalar", MASSES, kind="mine")  # type: ignore[arg-type]
