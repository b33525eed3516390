"""Profiles with their provenance."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.profiles import profile_analysis, profile_workspace

if TYPE_CHECKING:
    from spec_builder.model.analysis import Analysis


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return load_analysis("pandax4t", "linear", {"pandax4t": "md_rich"})


def test_profile_spans_the_asked_height(analysis: Analysis) -> None:
    result = profile_analysis(analysis, "flux", points=21, height=4.0)
    assert result.values.size == 21
    assert result.values[0] == 0.0  # no crossing below the best fit
    assert result.delta_chi2[-1] == pytest.approx(4.0, abs=1e-6)
    assert (result.delta_chi2 >= -1e-8).all()
    np.testing.assert_allclose(result.twice_nll - result.best.twice_nll, result.delta_chi2, atol=1e-12)
    assert all(result.valid)


def test_a_point_whose_fit_is_not_valid_is_a_gap_in_the_figure(analysis: Analysis) -> None:
    result = profile_analysis(analysis, "flux", points=7)
    wrong = replace(result, valid=(True, True, False, True, True, True, True))
    heights = np.asarray(wrong.plot().get_lines()[0].get_ydata())
    assert np.flatnonzero(np.isnan(heights)).tolist() == [2]
    assert wrong.drawn.endswith("1 point whose fits are not valid is left out: a gap.")
    assert result.drawn.endswith("Levels are of one parameter.")


def test_profile_as_json_and_csv_hold_the_same_numbers(analysis: Analysis) -> None:
    result = profile_analysis(analysis, "sin2thetaw", points=7)
    content = json.loads(result.to_json())
    assert content["values"] == result.values.tolist()
    assert content["delta_chi2"] == result.delta_chi2.tolist()
    assert content["twice_nll"] == result.twice_nll.tolist()
    assert content["valid"] == [True] * 7
    assert content["best"]["value"] == result.best.value
    lines = result.to_csv().splitlines()
    header = dict(line[2:].split(": ", 1) for line in lines if line.startswith("#"))
    assert header["law"] == "linear"
    assert header["variants"] == "pandax4t=md_rich"
    assert header["by_construction"] == "nothing"
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert [float(row["sin2thetaw"]) for row in rows] == content["values"]
    assert [float(row["delta_chi2"]) for row in rows] == content["delta_chi2"]
    assert {row["valid"] for row in rows} == {"1"}


@pytest.mark.parametrize("points", [1, 0, -3])
def test_too_few_points(analysis: Analysis, points: int) -> None:
    with pytest.raises(SpecBuilderError, match=f"points {points}: a profile needs at least 2"):
        profile_analysis(analysis, "flux", points=points)


def test_a_nuisance_parameter_alone() -> None:
    analysis = load_analysis("xenonnt", "linear")
    result = profile_analysis(analysis, "xenonnt_accidental", points=11)
    same = profile_workspace(analysis.workspace, "xenonnt", "xenonnt_accidental", measurement="new_physics", points=11)
    np.testing.assert_array_equal(result.values, same.values)
    np.testing.assert_allclose(result.delta_chi2, same.delta_chi2, atol=1e-12)
    unit = "standard deviations"
    assert (result.parameter, result.unit, result.reference) == ("xenonnt_accidental", unit, None)
    assert same.unit == unit
    assert result.plot(Figure().subplots()).get_xlabel() == f"xenonnt accidental [{unit}]"
    assert "xenonnt_accidental is profiled in measurement new_physics" in str(result)
    assert "11 from -2.9" in str(result)
    assert "all valid" in str(result)
    flux = profile_analysis(analysis, "flux_8b", points=5)  # its prior is one of those that are left free
    assert flux.best.up == pytest.approx(1.0, abs=0.1)


def test_an_unknown_parameter_is_told_with_those_there_are(analysis: Analysis) -> None:
    with pytest.raises(SpecBuilderError) as caught:
        profile_analysis(analysis, "pandax4t_cathod")
    assert str(caught.value).startswith(
        "parameter 'pandax4t_cathod' is unknown in pandax4t, expected one of flux, sin2thetaw, flux_8b, pandax4t_"
    )
    assert str(caught.value).endswith("; did you mean 'pandax4t_cathode'?")
