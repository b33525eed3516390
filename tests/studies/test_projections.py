"""Projections and other data: what changes, what it says, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.expected import expect_limits
from spec_builder.studies.fits import fit_analysis
from spec_builder.studies.fits_by_toys import fit_analysis_by_toys
from spec_builder.studies.projections import Projection, with_data

if TYPE_CHECKING:
    from pathlib import Path

    from spec_builder.model.analysis import Analysis


@pytest.fixture(scope="module")
def combined() -> Analysis:
    return load_analysis("combined")


def test_asimov_data_return_the_standard_model(combined: Analysis) -> None:
    found = fit_analysis(with_data(combined, "asimov"), "flux")
    assert found.fit.value == pytest.approx(5.46, rel=1e-6)
    assert found.fit.chi2_min == pytest.approx(0.0, abs=1e-8)
    assert "the counts are what the Standard Model expects (Asimov data)" in found.provenance.built
    statuses = {key: value for key, value in found.provenance.statuses.items() if key.endswith("observed")}
    assert set(statuses.values()) == {"computed"}
    assert len(statuses) == 2


def test_exposure_scales_everything(combined: Analysis) -> None:
    projected = Projection({"xenonnt": 10.0})(combined)
    before = with_data(combined, "asimov")
    for old, new in zip(before.channels, projected.channels, strict=True):
        factor = 10.0 if old.name.startswith("xenonnt") else 1.0
        assert new.observed == pytest.approx(factor * old.observed, rel=1e-12)
    assert "xenonnt: projection: exposure of xenonnt times 10" in fit_analysis(projected, "flux").provenance.built
    assert not any("projection" in text for name, text in projected.by_construction if name == "pandax4t")


def test_backgrounds_and_uncertainties_change(combined: Analysis) -> None:
    plain, changed = (
        Projection({"xenonnt": 10.0})(combined),
        Projection({"xenonnt": 10.0}, {("xenonnt", "accidental"): 0.1}, {"xenonnt_fiducial": 0.01})(combined),
    )
    first, second = plain.channels[0], changed.channels[0]
    for old, new in zip(first.backgrounds, second.backgrounds, strict=True):
        assert new.expected == pytest.approx((0.1 if old.name == "accidental" else 1.0) * old.expected)
    sizes = {name: size for sample in second.samples for name, size in sample.uncertainties.items()}
    assert sizes["xenonnt_fiducial"] == 0.01
    assert sizes["flux_8b"] == {n: s for x in first.samples for n, s in x.uncertainties.items()}["flux_8b"]
    better, worse = fit_analysis(changed, "flux").fit, fit_analysis(plain, "flux").fit
    assert better.up is not None
    assert worse.up is not None
    assert better.up < worse.up


def test_uncertainties_in_events_need_some(combined: Analysis) -> None:
    """They have no size relative to a background that is taken away."""
    experiment = combined.experiments[1]
    (channel,) = experiment.channels
    cathode = replace(channel.backgrounds[0], absolute_uncertainties={"more": 3.0})
    own = replace(experiment, channels=(replace(channel, backgrounds=(cathode, *channel.backgrounds[1:])),))
    analysis = replace(combined, experiments=(own,))
    assert Projection(backgrounds={("pandax4t", "cathode"): 0.1})(analysis).is_projection
    message = "pandax4t.cathode: 0 events are left, but more is an uncertainty of 3 events; expected a larger factor"
    with pytest.raises(SpecBuilderError, match=message):
        Projection(backgrounds={("pandax4t", "cathode"): 0.0})(analysis)


def test_an_uncertainty_that_is_in_events_elsewhere_gets_no_new_size(combined: Analysis) -> None:
    experiment = combined.experiments[1]
    (channel,) = experiment.channels
    cathode = replace(channel.backgrounds[0], absolute_uncertainties={"flux_8b": 3.0})
    own = replace(experiment, channels=(replace(channel, backgrounds=(cathode, *channel.backgrounds[1:])),))
    with pytest.raises(SpecBuilderError, match="uncertainty flux_8b: a shape or a size in events in"):
        Projection(uncertainties={"flux_8b": 0.05})(replace(combined, experiments=(own,)))


def test_toys_of_a_projection_are_thrown_at_nominal_nuisance_parameters_whatever_its_counts() -> None:
    future = Projection(exposure={"xenonnt": 4})("xenonnt")
    counted = with_data(future, {"xenonnt_cs2": [70, 60, 30]})
    how: dict[str, Any] = {"toys": 20, "values": (1.0, 5.0, 9.0)}
    by_default = fit_analysis_by_toys(counted, "flux", **how)
    assert by_default.toys.ensemble == "nominal"
    assert by_default.to_dict() == fit_analysis_by_toys(counted, "flux", ensemble="nominal", **how).to_dict()
    assert fit_analysis_by_toys("xenonnt", "flux", **how).toys.ensemble == "profiled"
    assert expect_limits(future, "scalar", 1.0).ensemble == "nominal"


def test_nothing_projected_is_the_analysis_itself(combined: Analysis) -> None:
    assert Projection()(combined) is combined


@pytest.mark.parametrize(
    ("projection", "message"),
    [
        (Projection({"mine": 2.0}), "experiment 'mine' is unknown in combined, expected one of xenonnt, pandax4t"),
        (Projection({"xenonnt": 0.0}), "exposure of xenonnt: factor 0, expected a number above 0 to"),
        (Projection({"xenonnt": float("inf")}), "exposure of xenonnt: factor inf"),
        (Projection({}, {("xenonnt", "cathode"): 1.0}), "background 'xenonnt.cathode' is unknown in combined"),
        (Projection({}, {("xenonnt", "neutron"): -1.0}), "background of xenonnt.neutron: factor -1"),
        (Projection({}, {}, {"flux": 0.1}), "uncertainty 'flux' is unknown in combined, expected one of flux_8b"),
        (Projection({}, {}, {"flux_8b": 12.0}), "uncertainty flux_8b: 12, expected a relative size above 0, at most 2"),
    ],
)
def test_what_an_analysis_does_not_have_is_refused(combined: Analysis, projection: Projection, message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        projection(combined)


def test_counts_from_a_file(tmp_path: Path) -> None:
    analysis = load_analysis("xenonnt")
    path = tmp_path / "counts.json"
    path.write_text(json.dumps({"xenonnt_cs2": [20, 10, 5]}))
    changed = with_data(analysis, str(path))
    assert np.array_equal(changed.channels[0].observed, [20, 10, 5])
    assert changed.workspace["observations"] == [{"name": "xenonnt_cs2", "data": [20, 10, 5]}]
    assert f"the counts are those of {path}" in dict(changed.by_construction[-1:])["xenonnt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"cs2": [1, 2, 3]}, "channel 'cs2' is unknown in xenonnt, expected one of xenonnt_cs2"),
        ({"xenonnt_s2": [1, 2, 3]}, "did you mean 'xenonnt_cs2'"),
        ({}, "channel 'xenonnt_cs2' is missing, expected its 3 counts"),
        ([1, 2, 3], r"expected counts by channel \(xenonnt_cs2\), found list"),
        ({"xenonnt_cs2": [1, 2]}, "xenonnt_cs2: expected 3 counts, found 2"),
        ({"xenonnt_cs2": 3}, "xenonnt_cs2: expected a list of 3 counts, found 3"),
        ({"xenonnt_cs2": "123"}, "xenonnt_cs2: expected a list of 3 counts, found '123'"),
        ({"xenonnt_cs2": [1, 2, -3]}, r"xenonnt_cs2\[2\] is -3, expected a number from 0 to 1e\+15"),
        ({"xenonnt_cs2": [1, 1e16, 3]}, r"xenonnt_cs2\[1\] is 1e\+16, expected a number from 0"),
        ({"xenonnt_cs2": ["2", 2, 3]}, r"xenonnt_cs2\[0\] is '2', expected a number from 0"),
        ({"xenonnt_cs2": [True, 2, 3]}, r"xenonnt_cs2\[0\] is True, expected a number from 0"),
        ({"xenonnt_cs2": [1, [2], 3]}, r"xenonnt_cs2\[1\] is \[2\], expected a number from 0"),
        ({"xenonnt_cs2": [1, 2, None]}, r"xenonnt_cs2\[2\] is None, expected a number from 0"),
    ],
)
def test_bad_counts_are_refused(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "counts.json"
    path.write_text(json.dumps(content))
    with pytest.raises(SpecBuilderError, match=message):
        with_data(load_analysis("xenonnt"), str(path))


@pytest.mark.parametrize("size", [True, "2", None, np.nan])
def test_what_is_no_number_is_no_factor(combined: Analysis, size: Any) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"exposure": {"xenonnt": size}},
        {"backgrounds": {("xenonnt", "neutron"): size}},
        {"uncertainties": {"flux_8b": size}},
    )
    for factors in wrong:
        with pytest.raises(SpecBuilderError, match=f"{size!r}[:,] expected a"):
            Projection(**factors)(combined)


def test_counts_may_be_an_array() -> None:
    changed = with_data("xenonnt", {"xenonnt_cs2": np.array([20, 10, 5])})
    assert changed.channels[0].observed.tolist() == [20, 10, 5]
