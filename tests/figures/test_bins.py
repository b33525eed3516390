"""Figures of many bins, by their data."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.figures.bins import Bins, draw_bins, fitted_bins, projected, ranked
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.studies.fits import FitResult, fit_analysis


@pytest.fixture(scope="module")
def csi() -> Analysis:
    return load_analysis("coherent_csi")


@pytest.fixture(scope="module")
def result(csi: Analysis) -> FitResult:
    return fit_analysis(csi, "count")


def total(bins: Bins) -> float:
    return float(bins.signal.sum() + sum(events.sum() for events in bins.backgrounds.values()))


def test_the_projection_keeps_every_event(csi: Analysis, result: FitResult) -> None:
    bins = fitted_bins(csi, result)
    (channel,) = csi.channels
    projection = projected(csi, bins)
    assert len(projection.names) == channel.axes[0].bins < channel.bins == len(bins.names)
    assert projection.observed == pytest.approx(channel.observed.reshape(channel.axes[0].bins, -1).sum(axis=1))
    assert total(projection) == pytest.approx(total(bins))
    assert set(bins.backgrounds) == {background.name for background in channel.backgrounds}


def test_bins_are_ranked_by_signal_to_background(csi: Analysis, result: FitResult) -> None:
    rank = ranked(fitted_bins(csi, result), 10)
    ratio = rank.signal / np.sum(list(rank.backgrounds.values()), axis=0)
    assert len(rank.names) == 10
    assert (np.diff(ratio) <= 0).all()
    everything = ranked(fitted_bins(csi, result), 10**6)
    assert ratio[0] == (everything.signal / np.sum(list(everything.backgrounds.values()), axis=0)).max()


def test_both_panels_show_their_bins(csi: Analysis, result: FitResult) -> None:
    left, right = draw_bins(csi, result).axes
    bins = fitted_bins(csi, result)
    assert [label.get_text() for label in right.get_xticklabels()] == [
        name.replace("_", " ") for name in ranked(bins).names
    ]
    assert [label.get_text() for label in left.get_xticklabels()] == [
        name.replace("_", " ") for name in projected(csi, bins).names
    ]
    (data,) = [line for line in left.lines if line.get_marker() == "o"]
    assert np.sum(data.get_ydata()) == csi.channels[0].observed.sum()
