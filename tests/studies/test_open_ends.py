"""Each limit that has no end says why, whoever asks for it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from spec_builder.experiments.spectra import RecoilSpectrum
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.paper.plane import limits_table
from spec_builder.studies.expected import expect_limits
from spec_builder.studies.expected_strengths import expect_strength_limits
from spec_builder.studies.limits import find_limits
from spec_builder.studies.limits_by_toys import find_limits_by_toys
from spec_builder.studies.plane import profile_planes
from spec_builder.studies.strengths import find_strength_limits

#: A signal of size R (1 + 1.1 alpha + ...) is taken away by 0.9 standard deviations or less: 0.8 in 2NLL.
CANCELS = re.compile(r"no limit.*: under the law linear pulls? of .*xenonnt_fiducial \(-0\.\d\d\).* all of the signal")


@pytest.fixture(scope="module")
def loose() -> Analysis:
    """XENONnT's signal with an uncertainty of 110 %, added linearly."""
    analysis = load_analysis("xenonnt", "linear")
    (experiment,) = analysis.experiments
    (channel,) = experiment.channels
    signals = tuple(replace(s, uncertainties={**s.uncertainties, "xenonnt_fiducial": 1.1}) for s in channel.signals)
    return replace(analysis, experiments=(replace(experiment, channels=(replace(channel, signals=signals),)),))


def test_limits_say_what_takes_the_signal_away(loose: Analysis) -> None:
    found = find_limits(loose, "scalar", [1, 100])
    assert np.isinf(found.upper).all()
    (note,) = json.loads(found.to_json())["notes"]
    assert CANCELS.search(note)
    assert "no limit at 2 of 2 masses, first at 1 MeV: " in note
    assert note.removeprefix("xenonnt: ") in str(found)


def test_limits_at_a_level_below_that_of_the_cancelled_signal_have_ends(loose: Analysis) -> None:
    found = find_limits(loose, "scalar", [1.0], cl=0.3)
    assert np.isfinite(found.upper).all()
    assert found.provenance.notes == ()


def test_a_signed_parameter_is_told_of_on_either_side(loose: Analysis) -> None:
    notes = [text for _, text in find_limits(loose, "nsi").provenance.notes]
    assert [text.partition(":")[0] for text in notes] == [
        "no limit on positive epsilon",
        "no limit on negative epsilon",
    ]


def test_expected_limits_toys_and_planes_say_it_too(loose: Analysis) -> None:
    expected = expect_limits(loose, "scalar", [1, 100])
    assert expected.upper["median"].tolist() == [np.inf, np.inf]
    (plane,) = profile_planes([(loose, find_limits(loose, "scalar", [1]).choice)], points=3, dof=1)
    for about in (expected.provenance, plane.limits.provenance):
        assert any(CANCELS.search(text) for _, text in about.notes)
    assert "take away all of the signal" in limits_table([plane.limits])


def test_values_that_end_too_early_are_told_of() -> None:
    found = find_limits_by_toys("xenonnt", "scalar", [10.0], values=[np.array([1e-6, 2e-6, 3e-6])], toys=20)
    assert not found.limits.valid[0]
    assert [text for _, text in found.provenance.notes] == [
        "not valid at 1 mass: what is excluded, or allowed, goes on beyond the values"
    ]


def test_a_spectrum_without_a_limit_says_why(loose: Analysis) -> None:
    energy, rate = np.array([0.0, 3.0]), np.array([40.0, 0.0])
    one = RecoilSpectrum("mine", "Made up", energy, rate, "made up", "computed", "", {}, "0" * 64)
    found = find_strength_limits(loose, [one], cl=0.99)
    assert found.strengths[0].high is None
    assert re.search("not settled: mine: upper end: at mu_np = .* of the signal", str(found))
    assert "problems" in json.loads(found.to_json())["spectra"][0]
    expected = expect_strength_limits(loose, [one], cl=0.99)
    assert expected.points[0].upper["median"] == np.inf
    assert any("mine, upper end: at mu_np" in text for _, text in expected.provenance.notes)
