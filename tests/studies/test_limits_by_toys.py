"""Limits by toys: what they hold and how they are written."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.limits import find_limits
from spec_builder.studies.limits_by_toys import ToyLimitsResult, find_limits_by_toys


@pytest.fixture(scope="module")
def vector() -> ToyLimitsResult:
    masses = np.array([100.0, np.inf])
    return find_limits_by_toys(load_analysis("xenonnt"), "vector_universal", masses, toys=100, seed=3, points=15)


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


def test_limits_of_a_signed_parameter_have_no_lower_end_in_json() -> None:
    plain = find_limits(load_analysis("xenonnt"), "nsi")
    by_toys = find_limits_by_toys(load_analysis("xenonnt"), "nsi", toys=40, seed=1, points=11)
    for result in (plain, by_toys):
        (point,) = json.loads(result.to_json())["points"]
        assert point["excluded"][0][0] is None
        assert point["excluded"][-1][1] is None
        assert point["mass_MeV"] is None
        assert "< -0." in str(result)


def test_a_grid_for_each_mass() -> None:
    with pytest.raises(SpecBuilderError, match="expected a list of values for each of 2 masses"):
        find_limits_by_toys("xenonnt", "scalar", [1.0, 10.0], toys=20, values=[np.array([0.0, 1e-5])])


def test_values_that_end_before_the_interval_does() -> None:
    # the whole of what is excluded begins at 7.3e-6; accepted below the first value, it was said to be excluded there
    inside = np.array([2e-6, 4e-6, 6e-6, 8e-6])
    found = find_limits_by_toys("xenonnt", "scalar", 1.0, toys=200, values=[inside])
    ((low, high),) = found.excluded[0]
    assert low == pytest.approx(7.3e-6, rel=0.03)
    assert high is None
    assert found.limits.valid.all()
    for values in ([0.0, 2e-6, 3e-6], [3e-6], [1.5e-5, 2e-5]):
        short = find_limits_by_toys("xenonnt", "scalar", 1.0, toys=20, values=[np.array(values)])
        assert short.excluded == ((),)
        assert not short.limits.valid.any()
        assert "NOT VALID" in str(short)
        assert [one.value for one in short.toys.points[0].critical] == pytest.approx(values)


def test_a_mass_whose_fits_are_not_valid_is_a_gap_in_the_figure(vector: ToyLimitsResult) -> None:
    finite = vector.toys.points[0]
    known = [True, True, False, True, True]
    points = tuple(
        replace(finite, point=replace(finite.point, mass_MeV=mass, valid=valid))
        for mass, valid in zip((1.0, 2.0, 5.0, 10.0, 20.0), known, strict=True)
    )
    exclusion = replace(vector.limits.exclusion, points=tuple(one.point for one in points))
    limits = replace(vector.limits, exclusion=exclusion)
    result = replace(vector, limits=limits, toys=replace(vector.toys, points=points))
    drawn = [np.asarray(line.get_xdata()).tolist() for line in result.plot().get_lines()]
    lines = {tuple(masses) for masses in drawn if len(masses) > 0}
    assert lines == {(1.0, 2.0), (10.0, 20.0)}
    assert result.drawn.endswith("1 mass whose fits are not valid is left out: a gap.")
