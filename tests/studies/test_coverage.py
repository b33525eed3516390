"""Coverage of intervals and limits, by toys."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.coverage import cover_analysis, cover_couplings
from spec_builder.studies.fits_by_toys import ToyFitResult, fit_analysis_by_toys


@pytest.fixture(scope="module")
def flux() -> ToyFitResult:
    return fit_analysis_by_toys(load_analysis("xenonnt"), "flux", toys=150, seed=3)


def test_the_contact_limit_can_be_written() -> None:
    found = cover_couplings("xenonnt", "scalar", np.inf, [1e-4], toys=20)
    assert json.loads(found.to_json())["mass_MeV"] == "inf"
    assert "g/m in 1/GeV" in str(found)


def test_coverage_by_default_is_around_the_standard_model() -> None:
    found = cover_analysis(load_analysis("xenonnt"), "sin2thetaw", toys=10)
    assert [one.value for one in found.values] == pytest.approx([0.3 * 0.23857, 0.23857, 2 * 0.23857])


def test_coverage_of_values_of_a_parameter() -> None:
    truths = [0.3 * 5.46, 5.46]
    found = cover_analysis(load_analysis("xenonnt", "linear"), "flux", truths, cl=0.9, toys=400, seed=1)
    assert [one.value for one in found.values] == truths
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
    with pytest.raises(SpecBuilderError, match="value -1e-05: interaction 'scalar' has none below 0"):
        cover_couplings(analysis, "scalar", 1.0, [-1e-5], toys=10)
    with pytest.raises(SpecBuilderError, match="value 1: beyond the domain of g"):
        cover_couplings(analysis, "scalar", 1.0, [1.0], toys=10)
    with pytest.raises(SpecBuilderError, match="has a mediator: give its masses"):
        cover_couplings(analysis, "scalar", None, [1e-5], toys=10)
    signed = cover_couplings(analysis, "nsi", None, [-0.05, 0.05], toys=50)
    assert [one.value for one in signed.values] == [-0.05, 0.05]
