"""Events per bin and sample."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.expectation import prior
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.points import point_workspace
from spec_builder.physics.interactions import choose
from spec_builder.studies.events import (
    EventCount,
    EventsResult,
    events_at_point,
    events_of_analysis,
    events_of_workspace,
)
from spec_builder.studies.fits import fit_analysis


@pytest.fixture(scope="module")
def combined() -> Analysis:
    return load_analysis("combined")


def one(result: EventsResult, channel: str, place: int | None, sample: str) -> EventCount:
    (found,) = [c for c in result.counts if (c.channel, c.bin, c.sample) == (channel, place, sample)]
    return found


def test_the_signal_follows_the_fitted_flux(combined: Analysis) -> None:
    result = events_of_analysis(combined, "flux")
    fitted = fit_analysis(combined, "flux").fit
    signal = one(result, "xenonnt_cs2", None, "cevns")
    fiducial = 1 + 0.05 * fitted.theta["xenonnt_fiducial"]
    assert signal.postfit == pytest.approx(signal.prefit * fitted.value / 5.46 * fiducial, rel=2e-3)
    assert signal.prefit == pytest.approx(11.13, abs=0.005)
    total = one(result, "xenonnt_cs2", None, "total")
    assert total.observed == 37
    parts = [
        c.postfit for c in result.counts if c.channel == "xenonnt_cs2" and c.sample == "total" and c.bin is not None
    ]
    assert total.postfit == pytest.approx(sum(parts))
    # signal and background pull against each other: the sum is known better than the signal
    pandax = [one(result, "pandax4t_us2", None, sample).postfit_error for sample in ("total", "cevns")]
    assert pandax[0] < pandax[1]


def test_a_point_and_its_workspace_have_the_same_events(combined: Analysis) -> None:
    choice = choose("vector_bl")
    here = events_at_point(combined, choice, 1.0, 2e-5)
    there = events_of_workspace(point_workspace(combined, choice, 1.0, 2e-5), "point.json")
    assert here.counts == there.counts
    assert "vector_bl, g = 2e-05 at 1 MeV" in here.hypothesis


def test_as_json_and_csv(combined: Analysis) -> None:
    result = events_of_analysis(combined, "sin2thetaw")
    content = json.loads(result.to_json())
    assert content["schema"] == "spec_builder/events/1"
    assert content["events"][0]["channel"] == "pandax4t_us2"
    assert content["events"][-1]["bin"] is None
    lines = [line for line in result.to_csv().splitlines() if not line.startswith("#")]
    assert lines[0] == "channel,bin,sample,prefit,prefit_error,postfit,postfit_error,observed"
    assert len(lines) == 1 + len(result.counts)
    assert len(str(result).splitlines()) > len(lines)  # few bins: all are shown


def test_many_bins_are_summed_for_people() -> None:
    text = str(events_of_analysis(load_analysis("coherent_csi"), "signal"))
    assert "too many to show" in text
    assert len(text.splitlines()) < 20


def test_a_sample_named_as_the_sum_is_refused() -> None:
    model = copy.deepcopy(load_analysis("xenonnt").workspace)
    model["channels"][0]["samples"][0]["name"] = "total"
    with pytest.raises(SpecBuilderError, match="a sample is named 'total', which the sum of all is"):
        events_of_workspace(model)


def test_a_fit_that_is_not_valid_has_no_events() -> None:
    """A count where nothing is ever expected has no minimum."""
    model: dict[str, Any] = {
        "channels": [
            {
                "name": "one",
                "samples": [
                    {"name": "s", "data": [0.0, 5.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
                ],
            }
        ],
        "observations": [{"name": "one", "data": [1.0, 5.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    with pytest.raises(SpecBuilderError, match=r"mine\.json: "):
        events_of_workspace(model, "mine.json")


@pytest.mark.parametrize("measurement", ["b8_flux", "new_physics"])
def test_cabinetry_finds_the_same(measurement: str) -> None:
    """Yields and errors before and after the fit: cabinetry's formulas, with Minuit's covariance."""
    cabinetry = pytest.importorskip("cabinetry", reason="cabinetry is not installed (extra [consumers])")
    path = Path(__file__).parents[2] / "workspaces" / "normsys" / "combined" / "BkgOnly.json"
    workspace = json.loads(path.read_text("utf-8"))
    workspace["measurements"].sort(key=lambda m: m["name"] != measurement)  # cabinetry takes the first
    model, data = cabinetry.model_utils.model_and_data(workspace)
    before = cabinetry.model_utils.prediction(model)
    after = cabinetry.model_utils.prediction(model, fit_results=cabinetry.fit.fit(model, data, tolerance=1e-6))
    result = events_of_workspace(workspace, "combined", measurement=measurement)
    for i, channel in enumerate(model.config.channels):
        for k, sample in enumerate([*model.config.samples, "total"]):
            mine = [c for c in result.counts if c.channel == channel and c.sample == sample]
            if not mine:
                continue
            bins, whole = mine[:-1], mine[-1]
            for theirs, value, error in ((before, "prefit", "prefit_error"), (after, "postfit", "postfit_error")):
                if sample != "total":
                    yields = np.array(theirs.model_yields[i][k])
                    assert [getattr(c, value) for c in bins] == pytest.approx(yields, rel=2e-3)
                row = k if sample != "total" else -1
                errors = np.array(theirs.total_stdev_model_bins[i][row])
                assert [getattr(c, error) for c in bins] == pytest.approx(errors, rel=5e-3, abs=1e-9)
                whole_error = theirs.total_stdev_model_channels[i][row]
                assert getattr(whole, error) == pytest.approx(whole_error, rel=5e-3, abs=1e-9)


@pytest.mark.parametrize("name", ["combined", "coherent_csi", "eves", "global"])
def test_before_a_fit_a_parameter_is_at_the_standard_model(name: str) -> None:
    """Events and figures take their point before a fit from the likelihood alone."""
    analysis = load_analysis(name)
    for parameter, wanted in analysis.parameters.items():
        likelihood = analysis.likelihood(parameter)
        assert prior(likelihood)[0][likelihood.index(parameter)] == wanted.reference


def test_the_picture_stacks_what_the_rows_say() -> None:
    found = events_of_analysis("combined", "flux")
    panel = found.plot()
    totals = [count for count in found.counts if count.sample == "total" and count.bin is not None]
    (line,) = (patch for patch in panel.patches if patch.get_label() == "total")
    drawn = np.asarray(line.get_data().values, dtype=np.float64)  # type: ignore[attr-defined]
    np.testing.assert_allclose(drawn, [count.postfit for count in totals])
    (data,) = panel.containers
    np.testing.assert_array_equal(data.lines[0].get_ydata(), [count.observed for count in totals])  # type: ignore[attr-defined]
    assert len(totals) == 11
    (between,) = (line for line in panel.lines if line.get_linestyle() == ":")
    assert between.get_xdata() == [7.5, 7.5]
    assert found.drawn.endswith("Bins: 0 to 7 pandax4t_us2; 8 to 10 xenonnt_cs2.")


def test_channels_of_very_different_size_are_drawn_in_logarithms() -> None:
    """Of all data at once, one bin has 6400 events, and seven channels have fewer than 100."""
    assert events_of_analysis("combined", "flux").plot().get_yscale() == "linear"
    result = events_of_analysis("global", "sin2thetaw")
    panel = result.plot()
    low, high = panel.get_ylim()
    totals = [count.postfit for count in result.counts if count.bin is not None and count.sample == "total"]
    assert panel.get_yscale() == "log"
    assert 0 < low < min(total for total in totals if total > 1e-2)
    assert high > max(totals)
